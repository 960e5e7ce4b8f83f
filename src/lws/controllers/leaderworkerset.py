"""The LeaderWorkerSet reconciler: revision, leader StatefulSet, shared service, status, truncation.

The order matters (reconcilers.md, 9): pods must find their revision, so it comes before the StatefulSet;
the status speaks of what the pass did, so it comes last.
"""

from __future__ import annotations

from msgspec.structs import replace

from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.timestamps import rfc3339
from lws.api.workloads import StatefulSet
from lws.controllers.executor import REFUSED_TTL, Executor
from lws.controllers.groupstatus import GroupStatusMemory
from lws.controllers.indexes import BY_GROUP, BY_SET
from lws.controllers.informers import Informers
from lws.controllers.livereads import LiveReader
from lws.controllers.statuspace import StatusPace
from lws.kube.errors import Invalid
from lws.objects import Key
from lws.planning.groups import Groups, groups_again, groups_of
from lws.planning.leader import plan_leader
from lws.planning.observed import ObservedSet
from lws.planning.recreation.record import unrecorded
from lws.planning.revisions import RevisionPlan, plan_revision, plan_truncation, template_of
from lws.planning.rollout import plan_replacements, rollout_parameters
from lws.planning.services import plan_shared_service
from lws.planning.status import plan_status
from lws.runtime.clock import Clock
from lws.runtime.controller import Result

# Seconds until another look at a leader StatefulSet that is being deleted.
DELETING_RETRY = 5.0

# Seconds until another look when the cache showed a leader that is gone already.
STALE_RETRY = 1.0


class LeaderWorkerSetReconciler:
    """Brings one set from what is observed to what its spec wants; keys are those of sets."""

    def __init__(
        self,
        informers: Informers,
        *,
        executor: Executor,
        ledger: GroupStatusMemory,
        live: LiveReader,
        clock: Clock,
    ) -> None:
        self._informers = informers
        self._executor = executor
        self._ledger = ledger
        self._live = live
        self._clock = clock
        self._pace = StatusPace(clock)

    def reconcile(self, key: Key) -> Result:
        """One pass. A set on its way out is left to the garbage collector."""
        lws = self._informers.sets.get(key)
        if lws is None or lws.deleting:
            return Result()
        leader = self._informers.stateful_sets.get(key)
        if leader is not None and leader.deleting:
            return Result(requeue_after=DELETING_RETRY)
        observed = self._observe(lws, leader)
        groups = groups_of(observed)
        revision = plan_revision(lws, leader, observed.revisions, template_of(lws))
        if revision.create is not None:
            self._executor.run([revision.create])
        refusal = self._roll(observed, groups, revision)
        self._executor.run(plan_shared_service(lws, observed.service, groups))
        result = self._report(observed, groups, revision, refusal)
        return result if refusal is None else Result(requeue_after=result.requeue_after or REFUSED_TTL)

    def _observe(self, lws: LeaderWorkerSet, leader: StatefulSet | None) -> ObservedSet:
        return ObservedSet(
            lws,
            leader=leader,
            revisions=tuple(self._informers.revisions.by_index(BY_SET, lws.key)),
            leaders=tuple(self._informers.pods.by_index(BY_SET, lws.key)),
            worker_sets=tuple(self._informers.stateful_sets.by_index(BY_SET, lws.key)),
            service=self._informers.services.get(lws.key),
        )

    def _with_members(self, observed: ObservedSet, groups: Groups) -> ObservedSet:
        """With all pods of the groups that may have to be recorded."""
        some = unrecorded(observed.lws, groups.all)
        members = [pod for x in some for pod in self._informers.pods.by_index(BY_GROUP, x.leader.key)]
        return replace(observed, members=tuple(members))

    def _roll(self, observed: ObservedSet, groups: Groups, revision: RevisionPlan) -> str | None:
        """Apply the leader StatefulSet and replace leaders; what the API server says if it refuses."""
        lws, leader = observed.lws, observed.leader
        states = groups.states(revision.key, leader.spec.replicas if leader else 0)
        rollout = rollout_parameters(lws, leader, states, template_changed=revision.changed)
        apply = plan_leader(lws, leader, revision, partition=rollout.partition, replicas=rollout.replicas)
        try:
            self._executor.run([apply])
        except Invalid as error:
            return error.message
        self._executor.run(
            plan_replacements(lws, groups, self._informers.stateful_sets.get(lws.key), revision.key)
        )
        return None

    def _report(
        self, before: ObservedSet, groups: Groups, revision: RevisionPlan, refusal: str | None
    ) -> Result:
        """Status from what is there after the writes of this pass; then obsolete revisions go."""
        lws = before.lws
        leader = self._informers.stateful_sets.get(lws.key)
        observed = self._observe(self._ledger.overlay(lws), leader)
        groups = groups_again(observed, before, groups)
        observed = self._with_members(observed, groups)
        at = self._clock.now().timestamp()
        plan = plan_status(observed, groups, revision.key, leader, now=rfc3339(at), at=at, refusal=refusal)
        if plan.patch is not None:
            delay = self._pace.delay(lws.uid, plan.patch)
            if delay:
                return Result(requeue_after=delay)
            if not all(self._live.is_current(x) for x in plan.replacing):
                return Result(requeue_after=STALE_RETRY)
            self._executor.run([plan.patch])
            self._pace.wrote(lws.uid)
        if plan.update_done:
            self._executor.run(plan_truncation(lws, observed.revisions, revision.key))
        return Result()
