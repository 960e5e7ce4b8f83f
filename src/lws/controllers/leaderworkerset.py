"""The LeaderWorkerSet reconciler: revision, leader StatefulSet, shared service, status, truncation.

The order matters (reconcilers.md, 9): pods must find their revision, so it comes before the StatefulSet;
the status speaks of what the pass did, so it comes last.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.timestamps import rfc3339
from lws.api.workloads import Pod, StatefulSet
from lws.controllers.catchingup import RETRY, CatchingUp
from lws.controllers.departures import Departures
from lws.controllers.executor import Executor
from lws.controllers.groupstatus import GroupStatusMemory
from lws.controllers.indexes import BY_GROUP
from lws.controllers.informers import Informers
from lws.controllers.lacks import MissingPods
from lws.controllers.livereads import LiveReader
from lws.controllers.observedsets import SetObserver
from lws.controllers.outcomes import Outcome, sooner
from lws.controllers.problems import ProblemMemory
from lws.controllers.rolling import roll_on
from lws.controllers.standings import StandingMemory
from lws.controllers.statuspace import StatusPace
from lws.objects import Key
from lws.planning.groups import Groups, groups_again
from lws.planning.inplace.choice import Course, concerned
from lws.planning.inplace.eligibility import Changes
from lws.planning.lacking import Lack, looks_whole, plan_lack
from lws.planning.leader import judged, plan_leader
from lws.planning.observed import ObservedSet
from lws.planning.problems import invalid
from lws.planning.reasons import Readiness, Standing, Waits, group_reason, waiting_groups
from lws.planning.reclaiming import plan_reclaims
from lws.planning.recreation.backoff import stored_entry
from lws.planning.revisions import (
    RevisionPlan,
    carried_key,
    former_revision,
    plan_revision,
    plan_truncation,
    template_of,
)
from lws.planning.rollout import plan_replacements, rebuilds_as
from lws.planning.services import plan_shared_service
from lws.planning.status import plan_status
from lws.runtime.clock import Clock
from lws.runtime.controller import Result

# Seconds until another look at a leader StatefulSet that is being deleted.
DELETING_RETRY = 5.0

# Seconds until another look when the cache showed what the API server does not show any more.
STALE_RETRY = 1.0

# Seconds until the status tells what was found after it was written.
SOON = 0.1


class LeaderWorkerSetReconciler:
    """Brings one set from what is observed to what its spec wants; keys are those of sets."""

    def __init__(
        self,
        informers: Informers,
        *,
        executor: Executor,
        ledger: GroupStatusMemory,
        live: LiveReader,
        problems: ProblemMemory,
        missing: MissingPods,
        departures: Departures,
        caches: CatchingUp,
        clock: Clock,
        history: int = 0,
    ) -> None:
        """``history``: former templates that are kept of sets that say nothing of it."""
        self._informers = informers
        self._seen = SetObserver(informers, clock)
        self._executor = executor
        self._ledger = ledger
        self._live = live
        self._problems = problems
        self._missing = missing
        self._departures = departures
        self._caches = caches
        self._clock = clock
        self._history = history
        self._pace = StatusPace(clock)
        self.standings = StandingMemory(clock)

    def reconcile(self, key: Key) -> Result:
        """One pass. A set on its way out is left to the garbage collector.

        Whatever fails on the way, the status of what is there is written before the failure is raised.
        """
        if self._present(key) is None:
            self._problems.forget(key)
            self._seen.forget(key)
            self._caches.forget(key)
            self.standings.forget(key)
            return Result()
        if self._caches.behind(key):
            return Result(requeue_after=RETRY)
        lws = self._present(key)  # what was there before the caches were found to be new may have been old
        if lws is None:
            return Result()  # its end leads to a pass of its own
        leader = self._informers.stateful_sets.get(key) or self._live.stateful_set(key)
        observed, groups, again = self._seen.follow(self._seen.observe(lws, leader))
        revision = _revision(observed)
        if self._is_behind(lws, leader, revision):
            return Result(requeue_after=STALE_RETRY)
        if isinstance(revision, RevisionPlan):
            used = revision.key
        else:
            used = carried_key(lws, leader, observed.revisions)
        try:
            outcome = self._carry_out(observed, groups, revision)
        except Exception as error:
            self._problems.set_failed(key, lws.uid, error)
            with suppress(Exception):
                self._report(observed, groups, used)
            raise
        self._problems.of_set(key, lws.uid, outcome.problems)
        return Result(requeue_after=sooner(again, outcome.requeue, self._report(observed, groups, used)))

    def _present(self, key: Key) -> LeaderWorkerSet | None:
        lws = self._informers.sets.get(key)
        return None if lws is None or lws.deleting else lws

    def _is_behind(
        self, lws: LeaderWorkerSet, leader: StatefulSet | None, revision: RevisionPlan | ValueError
    ) -> bool:
        """The leader StatefulSet is gone and so is the set, or it names a revision that no cache shows.

        Caches are of different ages when a process starts. The StatefulSet may have another revision by now;
        or the revision is there, or the set asks for another template, and the cache is late with either.
        Adopting the name would roll every group, or store under it what it does not stand for.
        """
        live = self._live
        if leader is None:  # what the collector takes of a set would be made again before its end is heard of
            return bool(lws.status.conditions) and not live.asks_for(lws)
        if isinstance(revision, ValueError) or not revision.adopting:
            return False
        believed = live.is_labelled_so(leader) and live.asks_for(lws)
        return not believed or live.has_revision(lws, revision.key)

    def _carry_out(
        self, observed: ObservedSet, groups: Groups, revision: RevisionPlan | ValueError
    ) -> Outcome:
        """Everything but the status: the leader StatefulSet in its turn, and what does not depend on it."""
        try:
            if isinstance(revision, ValueError):
                raise revision
            rolled = self._roll(observed, groups, revision)
        except ValueError as error:
            rolled = self._executor.run(invalid(observed.lws, str(error)))
        service = plan_shared_service(observed.lws, observed.service, groups)
        reclaimed = self._executor.run(plan_reclaims(observed.lws, observed.revisions))
        lacking = self._executor.run(plan_lack(observed.lws, self._lack(observed, groups)))
        return rolled.with_(reclaimed).with_(lacking).with_(self._executor.run(service))

    def _lack(self, observed: ObservedSet, groups: Groups) -> Lack | None:
        """Leader pods that nobody makes; looked for only while the StatefulSet does not look whole."""
        applied = self._informers.stateful_sets.get(observed.lws.key)
        if applied is None or looks_whole(applied, groups.by_index):
            return None
        return self._missing.of(applied, observed.leaders)

    def _roll(self, observed: ObservedSet, groups: Groups, revision: RevisionPlan) -> Outcome:
        """Pods must find their revision, so the leader StatefulSet is applied only after it.

        While either is refused, groups are scaled and rolled by the revision that was accepted last.
        """
        lws, leader = observed.lws, observed.leader
        if leader is not None and leader.deleting:
            return Outcome(DELETING_RETRY)
        made = self._executor.run([revision.create] if revision.create is not None else [])
        if not made.problems:
            made = made.with_(self._apply(observed, groups, revision))
        if not made.problems:
            return made.with_(self._replace(observed, groups, revision))
        former = former_revision(lws, leader, observed.revisions, revision.template)
        if former is not None and former.key != revision.key:
            again = self._apply(observed, groups, former)
            if not again.problems:
                again = again.with_(self._replace(observed, groups, former))
            made = made._replace(requeue=sooner(made.requeue, again.requeue))
        applied = self._informers.stateful_sets.get(lws.key)
        return made._replace(problems=judged(made.problems, lws, applied, revision.key))

    def _apply(self, observed: ObservedSet, groups: Groups, revision: RevisionPlan) -> Outcome:
        """Apply the leader StatefulSet."""
        lws, leader = observed.lws, observed.leader
        course = self._course(observed, groups, leader, revision.key)
        if course is not None and revision.changed and course.unheard:
            return Outcome()
        floor = course.floor if course is not None else 0
        rollout = roll_on(observed, groups, revision, floor=floor, live=self._live)
        actions = plan_leader(
            lws,
            leader,
            revision,
            partition=rollout.partition,
            replicas=rollout.replicas,
            tell=course.refusal() if course is not None and revision.changed else (),
            moving=course is None or not course.passes(rollout.partition),
        )
        return self._executor.run(actions)

    def _replace(self, observed: ObservedSet, groups: Groups, revision: RevisionPlan) -> Outcome:
        """Replace leaders, or have groups updated in place, by the StatefulSet as it was applied."""
        applied = self._informers.stateful_sets.get(observed.lws.key)
        replacements = plan_replacements(observed.lws, groups, applied, revision.key)
        done = self._executor.run(replacements)
        course = self._course(observed, groups, applied, revision.key)
        if course is None:
            return done
        seen = observed.leader is not None and rebuilds_as(observed.leader, revision.key)
        now = self._clock.now().timestamp()
        return done.with_(self._executor.run(course.plan(replaced=replacements, template_seen=seen, now=now)))

    def _course(
        self, observed: ObservedSet, groups: Groups, leader: StatefulSet | None, key: str
    ) -> Course | None:
        """What of the roll is made in place; None where nothing is."""
        lws = observed.lws
        if leader is None or not concerned(lws, groups):
            return None
        return Course(lws, groups, leader, key, Changes(lws, observed.revisions))

    def _report(self, before: ObservedSet, groups: Groups, used: str) -> float | None:
        """Status from what is there after the writes of this pass; then obsolete revisions go.

        ``used``: the key of the revision that the pass worked with. Gives the seconds until another look,
        None when none is needed.
        """
        lws = before.lws
        leader = self._informers.stateful_sets.get(lws.key) or before.leader
        observed = self._seen.observe(self._ledger.overlay(lws), leader)
        observed, groups, again = self._seen.follow(observed, groups_again(observed, before, groups))
        observed = self._seen.with_members(observed, groups)
        parts = [lws.uid, _history(lws), *(x.uid for x in observed.leaders)]
        problems, known = self._problems.known(lws.key, parts)
        due = sooner(known, again)
        at = self._clock.now().timestamp()
        waits = waiting_groups(observed, groups, used, problems) if leader is not None else {}
        readiness, lasting = self._readiness(observed.lws, waits, at)
        plan = plan_status(
            observed, groups, used, leader, now=rfc3339(at), at=at, problems=problems, readiness=readiness
        )
        due = sooner(due, lasting, plan.left)
        if plan.patch is not None:
            meets = self._executor.patching(c.KIND, lws.key)
            if delay := self._pace.delay(lws.uid, plan.patch, meets=meets):
                return sooner(delay, due)
            if not all(self._came_later(observed.lws, x) for x in plan.replacing):
                return sooner(STALE_RETRY, due)
            self._executor.run([plan.patch])
            self._pace.wrote(lws.uid)
        carried = carried_key(lws, leader, observed.revisions)  # after a failure perhaps not yet the one used
        rolled = plan.update_done and all(x.reason == c.REASON_DELETION_REFUSED for x in problems.own)
        rolled = rolled and carried == used
        obsolete = plan_truncation(lws, observed.revisions, used, history=self._history) if rolled else []
        truncated = self._executor.run(obsolete)
        news = self._problems.of_set(lws.key, _history(lws), truncated.problems)
        return sooner(due, truncated.requeue, SOON if news else None)

    def _came_later(self, lws: LeaderWorkerSet, leader: Pod) -> bool:
        """Whether this leader is the successor of the one on record, and not the other way round."""
        stored = stored_entry(lws, leader)
        if stored is not None and self._departures.precede(stored.leader, leader):
            return True
        return self._live.is_current(leader)

    def _readiness(
        self, lws: LeaderWorkerSet, waiting: Mapping[int, Waits], at: float
    ) -> tuple[Readiness, float | None]:
        """What is told of groups that are not ready; seconds until time alone may change that."""
        found: dict[int, Standing] = {}
        due = None
        for index, waits in waiting.items():
            pods = self._informers.pods.by_index(BY_GROUP, Key(lws.namespace, f"{lws.name}-{index}"))
            found[index], left = group_reason(lws, waits._replace(pods=pods), at=at)
            due = sooner(due, left)
        told, lasting = self.standings.settle(lws.key, lws.uid, found, lws.status.groups, now=rfc3339(at))
        return told, sooner(lasting, due)


def _history(lws: LeaderWorkerSet) -> str:
    """What problems of the set's revisions are kept under: they are found after its status was written."""
    return f"{lws.uid} revisions"


def _revision(observed: ObservedSet) -> RevisionPlan | ValueError:
    """What the pass works with, or why the template cannot be read."""
    lws = observed.lws
    try:
        return plan_revision(lws, observed.leader, observed.revisions, template_of(lws))
    except ValueError as error:
        return error
