"""Which change of which object leads to which key: the controllers, their queues and their watches.

What is not news for a reconciler is filtered here, so that a pod becoming ready costs its set one pass and
not one for each field that moved on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod, StatefulSet
from lws.controllers.catchingup import CatchingUp
from lws.controllers.claims import GroupClaims
from lws.controllers.commits import Committer, Entries, ForeignEntries
from lws.controllers.departures import Departures
from lws.controllers.effects import Recorder
from lws.controllers.executor import Executor
from lws.controllers.gang import Gang
from lws.controllers.groupstatus import GroupStatusMemory
from lws.controllers.incidents import IncidentLog, judge_of
from lws.controllers.indexes import (
    BY_GROUP,
    BY_SET,
    group_of_owned,
    group_of_pod,
    is_leader,
    leader_set_of,
    set_of,
)
from lws.controllers.informers import Informers
from lws.controllers.inherited import InheritedKeys
from lws.controllers.inplace import of_an_update, watch_changes
from lws.controllers.lacks import CreationFailures, MissingPods, watch_failures
from lws.controllers.leaderworkerset import LeaderWorkerSetReconciler
from lws.controllers.livereads import LiveReader
from lws.controllers.news import (
    appeared,
    changed_reason,
    claim_aspects,
    differs,
    leader_aspects,
    member_aspects,
    owners_changed,
    pod_aspects,
    service_aspects,
    stateful_set_aspects,
    upkeep_aspects,
    worker_aspects,
)
from lws.controllers.nodes import NodeReader
from lws.controllers.pod import PodReconciler
from lws.controllers.problems import ProblemMemory, part_of_life
from lws.controllers.resources import KINDS
from lws.controllers.settling import Settling
from lws.controllers.workloadmetrics import GroupStarts, WorkloadMetrics
from lws.kube.client import Client
from lws.objects import Key
from lws.planning.groups import Group, make_group
from lws.planning.recreation.commits import edited
from lws.planning.recreation.record import unrecorded
from lws.runtime.clock import Clock
from lws.runtime.controller import Controller, Result
from lws.runtime.informers import Adder, EnqueueRequests, Informer
from lws.runtime.metrics import Metrics
from lws.runtime.queue import ItemExponentialBackoff, WorkQueue
from lws.runtime.resync import Resync

Reconcile = Callable[[Key], Result]

LONGEST: Final = 300.0
"""Seconds between two tries of a pass that fails, at most, as of what is refused: nobody tells when it would
succeed."""


class Reconcilers(NamedTuple):
    """What works on the keys of sets, on those of groups, and on those of sets with entries to be written."""

    for_sets: Reconcile
    for_pods: Reconcile
    for_entries: Reconcile


def make_controllers(
    informers: Informers,
    *,
    client: Client,
    recorder: Recorder,
    metrics: Metrics,
    clock: Clock,
    workers: int,
    gang: Gang | None = None,
    failures: CreationFailures | None = None,
    claims: GroupClaims | None = None,
    measures: WorkloadMetrics | None = None,
    history: int = 0,
) -> tuple[tuple[Controller[Key], ...], Resync[Key]]:
    """The controllers, watching but not started, and their resync. ``gang``: where configured, ``failures``:
    where they are watched. ``history``: former templates that are kept of sets that say nothing of it.
    """
    sets, pods, commits = (
        WorkQueue[Key](
            name, limiter=ItemExponentialBackoff(cap=LONGEST), clock=clock, metrics=metrics.queue(name)
        )
        for name in ("leaderworkerset", "pod", "groupstatus")
    )
    made = make_reconcilers(
        informers,
        sets,
        pods,
        commits,
        client=client,
        recorder=recorder,
        clock=clock,
        gang=gang,
        failures=failures,
        claims=claims,
        measures=measures or WorkloadMetrics(metrics),
        history=history,
    )

    def controller(name: str, reconcile: Reconcile, queue: WorkQueue[Key]) -> Controller[Key]:
        return Controller(
            name,
            reconcile,
            queue=queue,
            workers=workers,
            metrics=metrics.controller(name),
            clock=clock,
            quiet=part_of_life,
        )

    controllers = (
        controller("leaderworkerset", made.for_sets, sets),
        controller("pod", made.for_pods, pods),
        controller("groupstatus", made.for_entries, commits),
    )
    return controllers, make_resync(informers, sets, pods, clock=clock)


def make_resync(informers: Informers, sets: Adder[Key], pods: Adder[Key], *, clock: Clock) -> Resync[Key]:
    """All sets and all groups, once in some hours."""
    return Resync(
        (lambda: [x.key for x in informers.sets.indexer.list()], sets),
        (lambda: [x.key for x in informers.pods.indexer.list() if is_leader(x)], pods),
        clock=clock,
    )


def make_reconcilers(
    informers: Informers,
    sets: Adder[Key],
    pods: Adder[Key],
    commits: Adder[Key],
    *,
    client: Client,
    recorder: Recorder,
    clock: Clock,
    gang: Gang | None = None,
    failures: CreationFailures | None = None,
    claims: GroupClaims | None = None,
    measures: WorkloadMetrics | None = None,
    history: int = 0,
) -> Reconcilers:
    """The reconcilers, and the handlers that put their keys into the queues."""
    by_kind: dict[str, Informer[Any]] = {
        "LeaderWorkerSet": informers.sets,
        "StatefulSet": informers.stateful_sets,
        "Pod": informers.pods,
        "ControllerRevision": informers.revisions,
        "Service": informers.services,
    }
    if claims is not None:
        by_kind["ResourceClaim"] = claims.informer
        claims.informer.add_handler(EnqueueRequests(pods, group_of_owned, differs(claim_aspects)))
    ledger, caches = GroupStatusMemory(), CatchingUp(informers, client)
    incidents, departures = _remember(informers, ledger, caches)
    live = LiveReader(client)
    entries = Entries(commits)
    kinds = KINDS
    if gang is not None:
        by_kind[gang.provider.kind] = gang.informer
        kinds = KINDS | {gang.provider.kind: gang.kind}
        gang.informer.add_handler(EnqueueRequests(pods, group_of_owned, appeared))
    measures = measures or WorkloadMetrics(Metrics())
    executor = Executor(
        client,
        by_kind,
        recorder,
        ledger=ledger,
        kinds=kinds,
        measure=measures.record,
        hand_over=entries.hand_over,
        clock=clock,
    )
    _measure(informers, ledger, measures, clock)
    settling = Settling(sets)
    problems = ProblemMemory(clock, lambda key, after: settling.add(key, after=after))
    _watch(informers, sets, settling, pods, executor)
    missing = MissingPods(live, failures, clock)
    if failures is not None:
        watch_failures(failures, informers, settling, pods)
    for_sets = LeaderWorkerSetReconciler(
        informers,
        executor=executor,
        ledger=ledger,
        live=live,
        problems=problems,
        missing=missing,
        departures=departures,
        caches=caches,
        clock=clock,
        history=history,
    )
    for_pods = PodReconciler(
        informers,
        read_node=NodeReader(client, clock),
        executor=executor,
        ledger=ledger,
        incidents=incidents,
        live=live,
        problems=problems,
        inherited=InheritedKeys(client),
        missing=missing,
        caches=caches,
        clock=clock,
        claims=claims,
        gang=gang,
    )
    committer = Committer(
        entries,
        client=client,
        executor=executor,
        ledger=ledger,
        observe=informers.sets.observe_write,
        groups=pods,
        clock=clock,
    )
    return Reconcilers(settling.timed(for_sets.reconcile), for_pods.reconcile, committer.reconcile)


def _remember(
    informers: Informers, ledger: GroupStatusMemory, caches: CatchingUp
) -> tuple[IncidentLog, Departures]:
    """What happens to groups; these handlers come before those that lead to a pass."""
    incidents = IncidentLog(
        informers.pods.get,
        judge_of(informers, ledger),
        lenient=lambda leader, pod: of_an_update(informers, caches, leader, pod),
    )
    informers.sets.add_handler(ledger)
    departures = Departures()
    informers.pods.add_handler(incidents)
    informers.pods.add_handler(departures)
    informers.stateful_sets.add_handler(incidents)
    return incidents, departures


def _measure(
    informers: Informers, ledger: GroupStatusMemory, measures: WorkloadMetrics, clock: Clock
) -> None:
    measures.watch_sets(lambda: map(ledger.overlay, informers.sets.indexer.list()))
    starts = GroupStarts(
        measures,
        sets=informers.sets,
        pods=informers.pods,
        stateful_sets=informers.stateful_sets,
        clock=clock,
    )
    informers.pods.add_handler(starts)
    informers.stateful_sets.add_handler(starts)


def _watch(
    informers: Informers, sets: Adder[Key], later: Adder[Key], pods: Adder[Key], executor: Executor
) -> None:
    def groups_of(lws: LeaderWorkerSet) -> Iterable[Key]:
        return [pod.key for pod in informers.pods.by_index(BY_SET, lws.key)]

    def news(old: LeaderWorkerSet | None, new: LeaderWorkerSet) -> bool:
        """The answer to our own write is none, unless it is the first to tell of what a user changed."""
        return (
            not executor.wrote(new)
            or _edited(old, new)
            or (old is not None and _given_up(old) != _given_up(new))
        )

    def gated_group(worker: Pod) -> Iterable[Key]:
        """The group of a worker whose readiness its leader's gate depends on."""
        found = ((x, informers.pods.get(x)) for x in group_of_pod(worker))
        return [key for key, leader in found if leader is not None and leader.gated]

    def set_to_record(pod: Pod) -> Iterable[Key]:
        """The set of a pod whose group may just have become complete, or have started."""
        for group in group_of_pod(pod):
            workers, leader = informers.stateful_sets.get(group), informers.pods.get(group)
            if workers is None or leader is None:
                continue
            if len(informers.pods.by_index(BY_GROUP, group)) <= workers.spec.replicas:
                continue
            for key in set_of(leader):
                lws = informers.sets.get(key)
                if lws is not None and unrecorded(lws, [_own(lws, leader, workers)]):
                    yield key

    def _own(lws: LeaderWorkerSet, leader: Pod, workers: StatefulSet) -> Group:
        return make_group(lws, leader, [workers], informers.revisions.by_index(BY_SET, lws.key))

    informers.sets.add_handler(EnqueueRequests(sets, lambda lws: (lws.key,), news))
    informers.sets.add_handler(EnqueueRequests(pods, groups_of, _edited))
    informers.sets.add_handler(ForeignEntries(pods, executor.wrote))
    informers.stateful_sets.add_handler(EnqueueRequests(later, set_of, differs(stateful_set_aspects)))
    informers.stateful_sets.add_handler(EnqueueRequests(pods, group_of_owned, differs(upkeep_aspects)))
    informers.pods.add_handler(EnqueueRequests(pods, group_of_pod, differs(pod_aspects)))
    informers.pods.add_handler(EnqueueRequests(pods, gated_group, differs(worker_aspects)))
    watch_changes(informers, later, pods)
    informers.pods.add_handler(EnqueueRequests(later, leader_set_of, differs(leader_aspects)))
    informers.pods.add_handler(EnqueueRequests(later, set_to_record, differs(member_aspects)))
    informers.pods.add_handler(EnqueueRequests(later, set_of, changed_reason))
    informers.revisions.add_handler(EnqueueRequests(later, set_of, owners_changed))
    informers.services.add_handler(EnqueueRequests(sets, set_of, differs(service_aspects)))
    informers.services.add_handler(EnqueueRequests(pods, group_of_owned, differs(service_aspects)))


def _edited(old: LeaderWorkerSet | None, new: LeaderWorkerSet) -> bool:
    """A change of the spec or of an annotation may let a group's pass do what it had to leave undone; labels
    and annotations are handed on to what the group has.

    So may a set that appears after its pods: caches start at different moments.
    """
    return old is None or edited(old, new) or old.labels != new.labels


def _given_up(lws: LeaderWorkerSet) -> list[str]:
    """The groups that the pod controller marked as failed, which the set's condition must say."""
    return [index for index, entry in lws.status.groups.items() if entry.failed]
