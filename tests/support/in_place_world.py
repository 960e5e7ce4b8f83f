"""A set that is updated in place in the model of a control plane, until all is at rest."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import InPlaceUpdate, LeaderWorkerSet
from lws.api.workloads import Pod, StatefulSet
from lws.planning.inplace.marks import mark_on, open_mark
from support.apimodel.nodes import BAD
from support.apimodel.revisions import ME as STATEFULSETS
from support.apimodel.statefulsets import PODS
from support.apimodel.store import Where
from support.groups import a_set
from support.stepwise import life as stepwise
from support.stepwise.cluster import Move, owner_uid
from support.stepwise.life import new_cluster

LATEST = 60.0
"""Seconds by which a StatefulSet controller hears late at most, which is less than any deadline here."""


def pods_of(leader: str, *workers: str, env: str = "") -> dict[str, Any]:
    """A template: the image of the leader's container, and those of each worker's."""

    def role(*images: str) -> dict[str, Any]:
        containers: list[dict[str, Any]] = [{"name": f"c{i}", "image": x} for i, x in enumerate(images)]
        if env:
            containers[0]["env"] = [{"name": "E", "value": env}]
        return {"spec": {"containers": containers}}

    return {"leaderTemplate": role(leader), "workerTemplate": role(*workers)}


def in_place_set(*, policy: str = c.POD_UPDATE_IN_PLACE, deadline: int = 600, **spec: Any) -> LeaderWorkerSet:
    made = a_set(**spec)
    strategy = made.spec.rollout_strategy
    assert strategy is not None
    assert strategy.rolling_update_configuration is not None
    times = InPlaceUpdate(0, deadline) if policy == c.POD_UPDATE_IN_PLACE else None
    rolling = replace(strategy.rolling_update_configuration, pod_update_policy=policy, in_place_update=times)
    strategy = replace(strategy, rolling_update_configuration=rolling)
    return replace(made, spec=replace(made.spec, rollout_strategy=strategy))


class Life(stepwise.Life):
    """``late``: the StatefulSet controller hears of pods after others. ``deleted_by_sets``: UIDs of pods that
    StatefulSets replaced.
    """

    def __init__(
        self,
        seed: int,
        *,
        crash: float = 0.0,
        fail: float = 0.0,
        lag: int = 0,
        late: bool = False,
        **spec: Any,
    ) -> None:
        super().__init__(seed, new_cluster(in_place_set(**spec)), crash=crash, fail=fail, lag=lag)
        self.cluster.server.admission.let_go = self._note
        self.deleted_by_sets: list[str] = []
        self.most_down, self.late, self._looked_at = 0, late, 0
        self.settle()

    def _note(self, where: Where, by: str) -> None:
        found = self.cluster.store.find(where)
        if by == STATEFULSETS and found is not None:
            self.deleted_by_sets.append(found["metadata"]["uid"])

    @property
    def pods(self) -> list[Pod]:
        return sorted(self.cluster.all(Pod), key=lambda pod: pod.name)

    def edit(self, **spec: Any) -> None:
        self.cluster.put(replace(self.lws, spec=in_place_set(**spec).spec))
        self.most_down = 0

    def go_on(self, steps: int) -> None:
        for _ in range(steps):
            if not self.step():
                return

    def step(self) -> bool:
        moved = super().step()
        if self.cluster.version != self._looked_at:
            self._looked_at = self.cluster.version
            self.most_down = max(self.most_down, self.groups_down())
        return moved

    def moves(self) -> list[Move]:
        moves = super().moves()
        if not self.late or PODS not in self.cluster.sets.news:
            return moves
        others = [x for x in moves if not self.cluster.is_hearing(x, PODS)]
        due = self.next()
        soon = due is not None and due < self.clock.monotonic() + LATEST
        return others if others or (soon and self.random.random() < 0.8) else moves

    def groups_down(self) -> int:
        """Groups of which a pod is not ready or is going."""
        down = {x.labels.get(c.GROUP_INDEX_LABEL) for x in self.pods if not x.ready or x.deleting}
        led = [x for x in self.pods if x.labels.get(c.WORKER_INDEX_LABEL) == "0"]
        return sum(x.labels.get(c.GROUP_INDEX_LABEL) in down for x in led)

    def runs(self, pod: Pod) -> dict[str, str]:
        """The images that its containers were started from."""
        return self.cluster.nodes.runs(pod.uid)

    def waits(self, pod: Pod) -> bool:
        """A container of it can never start."""
        return BAD in self.runs(pod).values()

    def uids(self) -> list[str]:
        return [pod.uid for pod in self.pods]

    def assert_whole(self, *, partition: int = 0) -> None:
        """Everything is of one revision, runs what it says, and carries no mark."""
        sets = self.cluster.all(StatefulSet)
        leader = next(x for x in sets if x.name == self.lws.name)
        key = leader.labels[c.REVISION_LABEL]
        assert leader.spec.update_strategy.rolling_update.partition == partition
        for pod in self.pods:
            assert pod.ready
            assert not pod.deleting
            [owner] = [x for x in sets if x.uid == owner_uid(pod)]
            assert pod.labels[c.REVISION_LABEL] == key
            assert pod.controller_revision == owner.status.update_revision
            assert self.runs(pod) == {x.name: x.image for x in pod.spec.containers}
        for one in sets:
            assert (one.labels[c.REVISION_LABEL], one.revision_of_pods) == (key, key)
            assert open_mark(one) is None
            assert one.ready
            assert one.spec.update_strategy.type != c.ON_DELETE
        assert all(
            (mark := mark_on(x)) is None or mark.containers is not None or mark.settled for x in self.pods
        )
        status = self.lws.status
        assert (status.ready_replicas, status.updated_replicas) == (self.lws.replicas, self.lws.replicas)
        assert len(self.pods) == self.lws.replicas * self.lws.live_size
