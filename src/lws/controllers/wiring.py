"""The controllers of sets and groups, put together: their queues, reconcilers and what these remember.

Which change leads to which key is ``handlers``'s; of DisaggregatedSets, ``disaggregatedwiring``'s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from lws.controllers.byuid import forgetting
from lws.controllers.catchingup import CatchingUp
from lws.controllers.claims import GroupClaims
from lws.controllers.commits import Committer, Entries
from lws.controllers.departures import Departures
from lws.controllers.effects import Recorder
from lws.controllers.executor import Executor
from lws.controllers.firstlook import of_sets
from lws.controllers.gang import Gang
from lws.controllers.groupstatus import GroupStatusMemory
from lws.controllers.handlers import watch, watch_reasons
from lws.controllers.incidents import IncidentLog, judge_of
from lws.controllers.indexes import (
    group_of_owned,
    is_leader,
)
from lws.controllers.informers import Informers
from lws.controllers.inherited import InheritedKeys
from lws.controllers.inplace import of_an_update
from lws.controllers.lacks import CreationFailures, MissingPods, watch_failures
from lws.controllers.leaderworkerset import LeaderWorkerSetReconciler
from lws.controllers.livereads import LiveReader
from lws.controllers.news import (
    appeared,
    claim_aspects,
    differs,
)
from lws.controllers.nodes import NodeReader
from lws.controllers.pod import PodReconciler
from lws.controllers.problems import ProblemMemory, part_of_life
from lws.controllers.resources import KINDS
from lws.controllers.settling import Settling
from lws.controllers.workloadmetrics import GroupStarts, WorkloadMetrics
from lws.kube.client import Client
from lws.objects import Key
from lws.runtime.clock import Clock
from lws.runtime.controller import Controller, Result
from lws.runtime.informers import Adder, EnqueueRequests, Informer, OnDelete
from lws.runtime.metrics import Metrics
from lws.runtime.queue import WorkQueue, persistent_backoff
from lws.runtime.resync import Resync

Reconcile = Callable[[Key], Result]


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
    group_workers: int | None = None,
    gang: Gang | None = None,
    failures: CreationFailures | None = None,
    claims: GroupClaims | None = None,
    measures: WorkloadMetrics | None = None,
    history: int = 0,
) -> tuple[tuple[Controller[Key], ...], Resync[Key]]:
    """The controllers, watching but not started, and their resync. ``gang``: where configured, ``failures``:
    where they are watched. ``workers``: threads of each, ``group_workers``: of the one of groups, where these
    are others. ``history``: former templates that are kept of sets that say nothing of it.
    """
    sets, pods, commits = (
        WorkQueue[Key](
            name,
            limiter=persistent_backoff(clock),
            clock=clock,
            metrics=metrics.queue(name),
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

    def controller(
        name: str, reconcile: Reconcile, queue: WorkQueue[Key], workers: int = workers
    ) -> Controller[Key]:
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
        controller("pod", made.for_pods, pods, group_workers or workers),
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
    ledger = GroupStatusMemory()
    caches = CatchingUp(informers.sets, of_sets(informers, client))
    incidents, departures = _remember(informers, ledger, caches, clock)
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
        wake=_waking(sets, pods),
        clock=clock,
    )
    _measure(informers, ledger, measures, clock)
    settling = Settling(sets)
    problems = ProblemMemory(clock, lambda key, after: settling.add(key, after=after))
    watch(informers, sets, settling, pods, executor)
    missing, inherited = MissingPods(live, failures, clock), InheritedKeys(client)
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
    watch_reasons(informers, settling, for_sets.standings.tells)
    for_pods = PodReconciler(
        informers,
        read_node=NodeReader(client, clock),
        executor=executor,
        ledger=ledger,
        incidents=incidents,
        live=live,
        problems=problems,
        inherited=inherited,
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
        sets=sets,
        groups=pods,
        clock=clock,
    )
    informers.sets.add_handler(OnDelete(committer.forget))
    on_gone = forgetting(executor.forget, for_pods.forget, missing.forget, inherited.forget)
    for informer in by_kind.values():
        informer.add_handler(on_gone)
    return Reconcilers(settling.timed(for_sets.reconcile), for_pods.reconcile, committer.reconcile)


def _waking(sets: Adder[Key], pods: Adder[Key]) -> Callable[[Key], None]:
    """StatefulSets have the name of their set, or of their leader; others are tried again in their time."""

    def wake(key: Key) -> None:
        sets.add(key)
        pods.add(key)

    return wake


def _remember(
    informers: Informers, ledger: GroupStatusMemory, caches: CatchingUp, clock: Clock
) -> tuple[IncidentLog, Departures]:
    """What happens to groups; these handlers come before those that lead to a pass."""
    incidents = IncidentLog(
        informers.pods.get,
        judge_of(informers, ledger),
        lenient=lambda leader, pod: of_an_update(informers, caches, leader, pod),
    )
    informers.sets.add_handler(ledger)
    departures = Departures(clock)
    informers.pods.add_handler(incidents)
    informers.pods.add_handler(departures)
    informers.stateful_sets.add_handler(incidents)
    return incidents, departures


def _measure(
    informers: Informers, ledger: GroupStatusMemory, measures: WorkloadMetrics, clock: Clock
) -> None:
    measures.watch_sets(lambda: map(ledger.overlay, informers.sets.indexer.list()))
    informers.sets.add_handler(OnDelete(measures.forget))
    starts = GroupStarts(
        measures,
        sets=informers.sets,
        pods=informers.pods,
        stateful_sets=informers.stateful_sets,
        clock=clock,
    )
    informers.pods.add_handler(starts)
    informers.stateful_sets.add_handler(starts)
