"""An idealised StatefulSet controller for leader pods, and a driver that rolls a set through it.

A group is its leader pod, its workers ready with it. What it does is reconcilers.md, 3.6, at once: scale-down
takes the highest ordinals; a missing pod below the partition comes from the *current* revision, others from
the *update* revision; outdated pods from the partition up are replaced from the highest down while fewer than
``max_unavailable`` are down. A pod that is down anyway costs nothing to replace. New pods are not ready
before a test says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import RollingUpdate, StatefulSet, StatefulSetSpec, UpdateStrategy
from lws.objects import ObjectMeta
from lws.planning.groups import GroupState, groups_of
from lws.planning.observed import ObservedSet
from lws.planning.rollout import Rollout, rollout_numbers, rollout_parameters
from support.groups import NAME, NAMESPACE, a_leader, a_set, a_worker_set


@dataclass
class Group:
    """A leader pod with its workers."""

    key: str
    ready: bool = False


@dataclass
class StatefulSetSimulator:
    """The leader StatefulSet: what was applied to it, and its pods by ordinal."""

    key: str = ""
    partition: int = 0
    replicas: int = 0
    max_unavailable: int = 1
    annotation: str = ""
    current_key: str = ""
    groups: dict[int, Group] = field(default_factory=dict)

    def apply(self, key: str, rollout: Rollout, *, max_unavailable: int, annotation: str) -> None:
        self.key, self.annotation, self.max_unavailable = key, annotation, max_unavailable
        self.partition, self.replicas = rollout
        self.current_key = self.current_key or key

    def act(self) -> None:
        """Everything the controller can do now."""
        for ordinal in range(self.replicas, max(self.groups, default=0) + 1):
            self.groups.pop(ordinal, None)
        for ordinal in range(self.replicas):
            wanted = self.key if ordinal >= self.partition else self.current_key
            self.groups.setdefault(ordinal, Group(wanted))
        self._replace_outdated()
        if all(x.ready and x.key == self.key for x in self.groups.values()):
            self.current_key = self.key

    def _replace_outdated(self) -> None:
        down = sum(not x.ready for x in self.groups.values())
        for ordinal in range(self.replicas - 1, self.partition - 1, -1):
            group = self.groups[ordinal]
            if group.key == self.key:
                continue
            if group.ready:
                if down >= self.max_unavailable:
                    return
                down += 1
            self.groups[ordinal] = Group(self.key)

    def set_ready(self, *ordinals: int, ready: bool = True) -> None:
        for ordinal in ordinals:
            self.groups[ordinal].ready = ready

    def delete(self, ordinal: int) -> None:
        """The pod is gone; ``act`` makes it anew."""
        del self.groups[ordinal]

    def row(self, key: str) -> str:
        """A letter for each group: ``o`` outdated, ``x`` and down; ``N`` updated, ``n`` and down."""
        letters = {(False, True): "o", (False, False): "x", (True, True): "N", (True, False): "n"}
        return "".join(letters[x.key == key, x.ready] for _, x in sorted(self.groups.items()))

    def observed(self) -> StatefulSet:
        """The leader StatefulSet as the API server shows it."""
        metadata = ObjectMeta(
            name=NAME,
            namespace=NAMESPACE,
            uid="uid-leader-set",
            labels={c.NAME_LABEL: NAME, c.REVISION_LABEL: self.key},
            annotations={c.REPLICAS_ANNOTATION: self.annotation},
        )
        strategy = UpdateStrategy("RollingUpdate", RollingUpdate(self.partition, self.max_unavailable))
        return StatefulSet(metadata, StatefulSetSpec(self.replicas, strategy))

    def states(self, lws: LeaderWorkerSet, key: str) -> tuple[GroupState, ...]:
        """The state vector, read from pods and StatefulSets as the planner does."""
        leaders = [a_leader(i, key=x.key, ready=x.ready) for i, x in self.groups.items()]
        sets = [
            a_worker_set(pod, key=x.key, available=int(x.ready))
            for pod, x in zip(leaders, self.groups.values(), strict=True)
        ]
        observed = ObservedSet(lws, leaders=tuple(leaders), worker_sets=(*sets, self.observed()))
        return groups_of(observed).states(key, self.replicas)


class RollingSet:
    """A LeaderWorkerSet at rest on template ``a``, every group ready, whose spec a test changes."""

    def __init__(
        self,
        *,
        replicas: int,
        max_unavailable: int | str = 1,
        max_surge: int | str = 0,
        partition: int = 0,
        size: int = 2,
    ) -> None:
        self.replicas, self.partition, self.size = replicas, partition, size
        self.max_unavailable, self.max_surge = max_unavailable, max_surge
        self.key = "a"
        self.sim = StatefulSetSimulator()
        self.reconcile()
        self.sim.act()
        self.sim.set_ready(*range(replicas))
        self.sim.act()

    @property
    def lws(self) -> LeaderWorkerSet:
        return a_set(
            replicas=self.replicas,
            size=self.size,
            partition=self.partition,
            max_unavailable=self.max_unavailable,
            max_surge=self.max_surge,
        )

    def plan(self) -> Rollout:
        """What a pass would apply now."""
        leader = self.sim.observed() if self.sim.key else None
        changed = leader is not None and self.sim.key != self.key
        states = self.sim.states(self.lws, self.key) if leader else ()
        return rollout_parameters(self.lws, leader, states, template_changed=changed)

    def reconcile(self) -> Rollout:
        """One pass of the controller over the set; the StatefulSet controller has not acted on it yet."""
        rollout = self.plan()
        allowed = rollout_numbers(self.lws).leaders_unavailable
        self.sim.apply(self.key, rollout, max_unavailable=allowed, annotation=str(self.replicas))
        return rollout

    def row(self) -> str:
        return self.sim.row(self.key)
