"""A set as the caches show it, with its groups, and for how long these have been ready."""

from __future__ import annotations

from msgspec.structs import replace

from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import StatefulSet
from lws.controllers.indexes import BY_GROUP, BY_SET
from lws.controllers.informers import Informers
from lws.controllers.stability import Followed, Stability
from lws.objects import Key
from lws.planning.groups import Groups, groups_of
from lws.planning.observed import ObservedSet
from lws.planning.recreation.record import unrecorded
from lws.runtime.clock import Clock


class SetObserver:
    """Reads caches only; what it remembers of a set goes with :meth:`forget`."""

    def __init__(self, informers: Informers, clock: Clock) -> None:
        self._informers = informers
        self._clock = clock
        self._stability = Stability()

    def forget(self, key: Key) -> None:
        self._stability.forget(key)

    def observe(self, lws: LeaderWorkerSet, leader: StatefulSet | None) -> ObservedSet:
        """``leader``: the leader StatefulSet, as whoever asks knows it."""
        return ObservedSet(
            lws,
            leader=leader,
            revisions=tuple(self._informers.revisions.by_index(BY_SET, lws.key)),
            leaders=tuple(self._informers.pods.by_index(BY_SET, lws.key)),
            worker_sets=tuple(self._informers.stateful_sets.by_index(BY_SET, lws.key)),
            service=self._informers.services.get(lws.key),
        )

    def follow(self, observed: ObservedSet, groups: Groups | None = None) -> Followed:
        """The groups as they are, and for how long. ``groups``: those that are known already."""
        at = self._clock.now().timestamp()
        return self._stability.follow(observed, groups_of(observed) if groups is None else groups, at=at)

    def with_members(self, observed: ObservedSet, groups: Groups) -> ObservedSet:
        """With all pods of the groups that may have to be recorded."""
        some = unrecorded(observed.lws, groups.all)
        members = [pod for x in some for pod in self._informers.pods.by_index(BY_GROUP, x.leader.key)]
        return replace(observed, members=tuple(members))
