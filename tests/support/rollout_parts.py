"""What there is in ``support.rollout_world``: groups, their leader StatefulSet, and the set."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import RollingUpdate, StatefulSet, StatefulSetSpec, StatefulSetStatus, UpdateStrategy
from lws.objects import ObjectMeta
from support.groups import NAME, NAMESPACE, a_set


@dataclass(frozen=True)
class Group:
    """A leader pod, identified by ``uid``, and its workers."""

    uid: str
    key: str
    ready: bool = False
    deleting: bool = False
    stable: bool = True

    @property
    def serving(self) -> bool:
        return self.ready and not self.deleting

    @property
    def available(self) -> bool:
        return self.serving and self.stable


@dataclass(frozen=True)
class LeaderSet:
    """The leader StatefulSet: what was applied last, and its status."""

    key: str
    partition: int
    replicas: int
    max_unavailable: int
    annotation: str
    generation: int = 1
    observed_generation: int = 0
    current_key: str = ""
    update_key: str = ""

    def observed(self) -> StatefulSet:
        metadata = ObjectMeta(
            name=NAME,
            namespace=NAMESPACE,
            uid="uid-leader-set",
            generation=self.generation,
            labels={c.NAME_LABEL: NAME, c.REVISION_LABEL: self.key},
            annotations={c.REPLICAS_ANNOTATION: self.annotation},
        )
        strategy = UpdateStrategy("RollingUpdate", RollingUpdate(self.partition, self.max_unavailable))
        status = StatefulSetStatus(
            observed_generation=self.observed_generation,
            current_revision=self.current_key,
            update_revision=self.update_key,
        )
        return StatefulSet(metadata, StatefulSetSpec(self.replicas, strategy), status)

    def with_status_of(self, live: LeaderSet) -> LeaderSet:
        """As it would be applied over ``live``, if that changes nothing."""
        return replace(
            self,
            generation=live.generation,
            observed_generation=live.observed_generation,
            current_key=live.current_key,
            update_key=live.update_key,
        )


@functools.cache
def set_of(
    replicas: int, size: int, partition: int, max_unavailable: int | str, max_surge: int | str
) -> LeaderWorkerSet:
    """Decoded once; a pass asks for it several times."""
    numbers = {"partition": partition, "max_unavailable": max_unavailable, "max_surge": max_surge}
    return a_set(replicas=replicas, size=size, **numbers)
