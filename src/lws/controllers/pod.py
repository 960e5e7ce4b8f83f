"""The pod reconciler: everything about one group, keyed by its leader pod.

All pods of a group and its worker StatefulSet lead to the same key, so that a burst of their events costs
one pass, and no two workers ever decide about the same group.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision, Node, Pod, StatefulSet
from lws.controllers.catchingup import RETRY, CatchingUp
from lws.controllers.claims import GroupClaims
from lws.controllers.executor import Executor
from lws.controllers.gang import Gang
from lws.controllers.groupstatus import GroupStatusMemory
from lws.controllers.incidents import IncidentLog
from lws.controllers.indexes import BY_GROUP, BY_REVISION, BY_SET, BY_TEMPLATE
from lws.controllers.informers import Informers
from lws.controllers.inherited import InheritedKeys
from lws.controllers.lacks import MissingPods
from lws.controllers.lasting import LastingClock
from lws.controllers.livereads import LiveReader
from lws.controllers.nodes import NodeReader
from lws.controllers.outcomes import Outcome
from lws.controllers.problems import ProblemMemory
from lws.kube.errors import ApiError
from lws.objects import Key
from lws.planning.claims import wanted_claims
from lws.planning.documents import exclusiveness
from lws.planning.gate import waits
from lws.planning.group import certainty_needed, left_behind, plan_group
from lws.planning.groups import group_of
from lws.planning.inplace.marks import open_mark
from lws.planning.observed import NO_KEYS, Keys, ObservedClaim, ObservedGroup, group_index, worker_set_of
from lws.planning.upkeep import unexplained
from lws.runtime.clock import Clock
from lws.runtime.controller import Result

LEFT_BEHIND: Final = 2.0
"""Seconds after which pods whose StatefulSet is not seen are not taken for being on their way out with it."""


class PodReconciler:
    """Creates a group's workers, and recreates the group when one of its pods fails."""

    def __init__(
        self,
        informers: Informers,
        *,
        read_node: NodeReader,
        executor: Executor,
        ledger: GroupStatusMemory,
        incidents: IncidentLog,
        live: LiveReader,
        problems: ProblemMemory,
        inherited: InheritedKeys,
        missing: MissingPods,
        caches: CatchingUp,
        clock: Clock,
        claims: GroupClaims | None = None,
        gang: Gang | None = None,
    ) -> None:
        self._informers = informers
        self._read_node = read_node
        self._executor = executor
        self._ledger = ledger
        self._incidents = incidents
        self._live = live
        self._problems = problems
        self._inherited = inherited
        self._missing = missing
        self._caches = caches
        self._unready = LastingClock(clock)
        self._left_behind = LastingClock(clock)
        self._clock = clock
        self._claims = claims
        self._gang = gang
        self._provider = gang.provider if gang is not None else None

    def forget(self, uid: str) -> None:
        """The object is gone."""
        self._unready.forget(uid)
        self._left_behind.forget(uid)

    def reconcile(self, key: Key) -> Result:
        """One pass over the group whose leader pod is ``key``; without a leader nothing is due."""
        leader = self._informers.pods.get(key)
        name = leader.labels.get(c.NAME_LABEL) if leader is not None else None
        if leader is None or not name:
            return Result()
        lws = Key(leader.namespace, name)
        if self._caches.behind(lws):
            return Result(requeue_after=RETRY)
        leader = self._informers.pods.get(key)  # before that it may have been an old one
        if leader is None or leader.labels.get(c.NAME_LABEL) != name:
            return Result()  # that leads to a pass of its own
        try:
            outcome = self._carry_out(lws, leader)
        except Exception as error:
            self._problems.group_failed(lws, leader.uid, group_index(leader), error)
            raise
        if outcome is None:
            return Result()
        self._problems.of_group(lws, leader.uid, group_index(leader), outcome.problems)
        return Result(requeue_after=outcome.requeue)

    def _carry_out(self, lws: Key, leader: Pod) -> Outcome | None:
        """None when that leader is not there any more."""
        now = self._clock.now().timestamp()
        group = self._make_sure(self._timed(self._observe(leader, lws)), now=now)
        if group is None:
            return None
        outcome = self._executor.run(plan_group(group, now=now, provider=self._provider))
        return outcome.with_(Outcome(self._left_behind.until(leader.uid, LEFT_BEHIND)))

    def _timed(self, group: ObservedGroup) -> ObservedGroup:
        """With the time for which the workers of a leader with an open gate have not been ready."""
        if group.leader is None or not group.leader.gated:
            return group
        own = group_of(group)
        unready = own is not None and waits(group, own)
        return replace(group, unready_for=self._unready.seconds(group.leader.uid, so=unready))

    def _make_sure(self, group: ObservedGroup, *, now: float) -> ObservedGroup | None:
        """Read from the server what a plan rests on; None when that leader is not there any more."""
        found: ObservedGroup | None = group
        while found is not None and (needs := certainty_needed(found, now=now)) > found.certainty:
            found = self._live.group(found, needs)
        return found

    def _observe(self, leader: Pod, key: Key) -> ObservedGroup:
        lws = self._informers.sets.get(key)
        lws = self._ledger.overlay(lws) if lws is not None else None
        worker_sets = self._worker_sets(leader)
        pods = tuple(self._informers.pods.by_index(BY_GROUP, leader.key))
        workers = worker_set_of(leader, worker_sets)
        revisions = tuple(self._informers.revisions.by_index(BY_REVISION, (key, _revision(leader))))
        claims, claims_known = self._claims_of(lws, leader, worker_sets, revisions)
        node, node_refused = self._node_of(lws, leader) if workers is None else (None, "")
        in_place = any(open_mark(x) for x in (leader, workers) if x is not None)
        leader_set = self._informers.stateful_sets.get(key) if in_place else None
        return ObservedGroup(
            lws,
            leader,
            pods=pods,
            worker_sets=worker_sets,
            lack=self._missing.of(workers, pods) if workers is not None and not leader.deleting else None,
            stale_keys=self._stale_keys(lws, leader, worker_sets),
            revisions=tuple(self._informers.revisions.by_index(BY_SET, key)) if in_place else revisions,
            leader_set=leader_set,
            updated_leaders=self._updated(leader_set) if leader_set is not None else 0,
            node=node,
            node_refused=node_refused,
            service=self._informers.services.get(leader.key),
            pod_group=self._gang.pod_group_of(leader) if self._gang is not None else None,
            pod_groups_known=self._gang is None or self._gang.known,
            claims=claims,
            claims_known=claims_known,
            incidents=self._incidents.of(leader),
        )

    def _updated(self, leader_set: StatefulSet) -> int:
        """How many leaders its newest template is the one of, by their labels."""
        template = (leader_set.key, leader_set.status.update_revision)
        return len(self._informers.pods.by_index(BY_TEMPLATE, template))

    def _claims_of(
        self,
        lws: LeaderWorkerSet | None,
        leader: Pod,
        worker_sets: tuple[StatefulSet, ...],
        revisions: tuple[ControllerRevision, ...],
    ) -> tuple[tuple[ObservedClaim, ...], bool]:
        """Those that the group shares, and whether it is known what there is; nothing is read for none."""
        if lws is None or self._claims is None:
            return (), True
        wanted = wanted_claims(lws, leader, worker_set_of(leader, worker_sets), revisions)
        if not wanted:
            return (), True
        return self._claims.observe(leader.namespace, wanted), self._claims.known

    def _worker_sets(self, leader: Pod) -> tuple[StatefulSet, ...]:
        """Those an owner reference ties to a leader of this name, and whatever has taken the name.

        One without its label is invisible to the informer, but its pods still say whose they are. Where they
        are on their way out with it, they soon are gone, and nothing is made before (``left_behind``).
        """
        found = {x.uid: x for x in self._informers.stateful_sets.by_index(BY_GROUP, leader.key)}
        named = self._informers.stateful_sets.get(leader.key)
        workers = self._informers.pods.by_index(BY_GROUP, leader.key)
        left = named is None and any(left_behind(x, leader) and not x.deleting for x in workers)
        if self._left_behind.seconds(leader.uid, so=left) >= LEFT_BEHIND:
            named = self._live.stateful_set(leader.key)
        if named is not None:
            found[named.uid] = named
        return tuple(found.values())

    def _stale_keys(
        self, lws: LeaderWorkerSet | None, leader: Pod, worker_sets: tuple[StatefulSet, ...]
    ) -> Keys:
        """What the leader's worker StatefulSet was given by its set once, and would not be now."""
        workers = worker_set_of(leader, worker_sets)
        if lws is None or workers is None:
            return NO_KEYS
        return self._inherited.among(unexplained(lws, leader, workers), workers)

    def _node_of(self, lws: LeaderWorkerSet | None, leader: Pod) -> tuple[Node | None, str]:
        """Read only where exclusive placement asks for it; or why it may not be, which keeps workers from
        being made and nothing else.
        """
        if lws is None or not leader.spec.node_name:
            return None, ""
        if c.EXCLUSIVE_TOPOLOGY_ANNOTATION not in exclusiveness(lws, leader):
            return None, ""
        try:
            return self._read_node(leader), ""
        except ApiError as error:
            if not error.refused:
                raise
            return None, error.words


def _revision(leader: Pod) -> str:
    return leader.labels.get(c.REVISION_LABEL, "")
