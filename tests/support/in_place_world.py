"""A set that is updated in place, over the model of a cluster whose images change, until all is at rest."""

from __future__ import annotations

from random import Random
from typing import Any

from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import InPlaceUpdate, LeaderWorkerSet
from lws.api.workloads import Pod, StatefulSet
from lws.planning.inplace.marks import mark_on, open_mark
from lws.runtime.clock import FakeClock
from support.changing_cluster import ChangingCluster, groups_down
from support.controller_model import Crash, ModelClient, Process, trouble
from support.groups import a_set

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


class Life:
    """A set, a cluster and a controller, until they are at rest."""

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
        """``lag``: of the first lists. ``late``: the StatefulSet controller hears of pods after others."""
        self.random, self.clock = Random(seed), FakeClock()
        self.cluster = ChangingCluster()
        self.cluster.create(self._set(**spec))
        self._strike = trouble(self.random, crash=crash, fail=fail)
        self.faults, self.most_down, self.lag, self.late = False, 0, lag, late
        self.client = ModelClient(self.cluster, lambda: self._strike() if self.faults else None)
        self.process: Process | None = None
        self.settle()

    @staticmethod
    def _set(*, policy: str = c.POD_UPDATE_IN_PLACE, deadline: int = 600, **spec: Any) -> LeaderWorkerSet:
        made = a_set(**spec)
        strategy = made.spec.rollout_strategy
        assert strategy is not None
        assert strategy.rolling_update_configuration is not None
        times = InPlaceUpdate(0, deadline)
        rolling = replace(
            strategy.rolling_update_configuration, pod_update_policy=policy, in_place_update=times
        )
        strategy = replace(strategy, rolling_update_configuration=rolling)
        return replace(made, spec=replace(made.spec, rollout_strategy=strategy))

    @property
    def lws(self) -> LeaderWorkerSet:
        return self.cluster.all(LeaderWorkerSet)[0]

    @property
    def pods(self) -> list[Pod]:
        return sorted(self.cluster.all(Pod), key=lambda pod: pod.name)

    def edit(self, **spec: Any) -> None:
        metadata = replace(self.lws.metadata, generation=self.lws.metadata.generation + 1)
        self.cluster.put(replace(self.lws, spec=self._set(**spec).spec, metadata=metadata))
        self.most_down = 0

    def go_on(self, steps: int) -> None:
        for _ in range(steps):
            if not self.step():
                return

    def settle(self, *, faults: bool = False) -> None:
        self.faults = faults
        for _ in range(20_000):
            if not self.step():
                return
        raise AssertionError("it never settles")

    def step(self) -> bool:
        """False when nothing can happen any more."""
        if self.process is None:
            lag = self.random.choice((0, self.lag))
            self.process = Process(self.cluster, self.client, self.clock, lambda _kind: lag)
        moves = [*self.cluster.moves(), *self.process.deliveries(), *self.process.reconciles()]
        due = self.process.next()
        if self.late:
            others = [x for x in moves if x != self.cluster.tell]
            soon = due is not None and due < self.clock.monotonic() + LATEST
            moves = others if others or (soon and self.random.random() < 0.8) else moves
        if not moves and due is None:
            return False
        try:
            if moves:
                self.random.choice(moves)()
            elif due is not None:
                self.clock.advance(max(0.0, due - self.clock.monotonic()))
        except Crash:
            self.process = None
        self.most_down = max(self.most_down, groups_down(self.cluster))
        return True

    def restart(self) -> None:
        self.process = Process(self.cluster, self.client, self.clock, lambda _kind: 0)

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
            assert (pod.labels[c.REVISION_LABEL], pod.controller_revision) == (key, key)
            assert self.cluster.runs(pod) == {x.name: x.image for x in pod.spec.containers}
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

    def assert_at_rest(self) -> None:
        before = self.cluster.version
        self.restart()
        self.settle()
        assert self.cluster.version == before, "another start changed something"
