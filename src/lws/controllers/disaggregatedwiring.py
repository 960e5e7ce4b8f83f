"""Which change of which object leads to which DisaggregatedSet's key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Service
from lws.controllers.byuid import forgetting
from lws.controllers.catchingup import CatchingUp
from lws.controllers.disaggregatedset import DisaggregatedSetReconciler, RoleInformers
from lws.controllers.disaggregatedwatches import RoleWatches
from lws.controllers.effects import Recorder
from lws.controllers.executor import Executor
from lws.controllers.firstlook import of_role_sets
from lws.controllers.groupstatus import GroupStatusMemory
from lws.controllers.indexes import BY_DISAGGREGATED_SET, disaggregated_set_of
from lws.controllers.news import owners_changed, revision_changed
from lws.controllers.problems import ProblemMemory, part_of_life
from lws.controllers.workloadmetrics import WorkloadMetrics
from lws.kube.client import Client
from lws.objects import Key, KubeObject
from lws.planning.actions import StoreEntry
from lws.planning.disaggregated.demand import desired_groups
from lws.planning.disaggregated.holding import said_by
from lws.planning.disaggregated.names import owned
from lws.planning.disaggregated.scalers import by_role
from lws.runtime.clock import Clock
from lws.runtime.controller import Controller
from lws.runtime.informers import Adder, EnqueueRequests, Informer
from lws.runtime.metrics import Metrics
from lws.runtime.queue import WorkQueue, persistent_backoff
from lws.runtime.resync import Resync


def make_role_controller(
    watches: RoleWatches,
    *,
    client: Client,
    recorder: Recorder,
    metrics: Metrics,
    clock: Clock,
    workers: int,
    measures: WorkloadMetrics,
) -> tuple[Controller[Key], Resync[Key]]:
    """The DisaggregatedSet controller, watching but not started, and its resync."""
    queue = WorkQueue[Key](
        d.REPORTING_CONTROLLER,
        limiter=persistent_backoff(clock),
        clock=clock,
        metrics=metrics.queue(d.REPORTING_CONTROLLER),
    )
    reconciler = make_role_reconciler(
        watches.informers,
        queue,
        client=client,
        recorder=recorder,
        clock=clock,
        awaken=watches.awaken,
        measures=measures,
    )
    controller = Controller(
        d.REPORTING_CONTROLLER,
        reconciler.reconcile,
        queue=queue,
        workers=workers,
        metrics=metrics.controller(d.REPORTING_CONTROLLER),
        clock=clock,
        quiet=part_of_life,
    )
    sets = watches.informers.sets.indexer
    return controller, Resync((lambda: [x.key for x in sets.list()], queue), clock=clock)


def make_role_reconciler(
    informers: RoleInformers,
    queue: Adder[Key],
    *,
    client: Client,
    recorder: Recorder,
    clock: Clock,
    awaken: Callable[[], None],
    measures: WorkloadMetrics | None = None,
) -> DisaggregatedSetReconciler:
    """The reconciler, and the handlers that put its keys into the queue. ``recorder`` reports as its own."""
    ledger, measures = GroupStatusMemory(), measures or WorkloadMetrics(Metrics())
    by_kind: dict[str, Informer[Any]] = {
        d.KIND: informers.sets,
        d.SCALER_KIND: informers.scalers,
        "LeaderWorkerSet": informers.children,
        "Service": informers.services,
        "ControllerRevision": informers.revisions,
    }
    executor = Executor(
        client,
        by_kind,
        recorder,
        ledger=ledger,
        hand_over=_no_entries,
        ours=d.NAME_LABEL,
        measure=measures.record,
        clock=clock,
    )
    _measure(informers, ledger, measures)

    def news(old: KubeObject | None, new: KubeObject) -> bool:
        """The answer to our own write is none, unless it is the first to tell of what somebody changed."""
        return not executor.wrote(new) or old is None or _intent(old) != _intent(new)

    def changed(old: LeaderWorkerSet | None, new: LeaderWorkerSet) -> bool:
        return old is None or _aspects(old) != _aspects(new)

    informers.sets.add_handler(ledger)
    informers.sets.add_handler(EnqueueRequests(queue, lambda ds: (ds.key,), news))
    informers.scalers.add_handler(EnqueueRequests(queue, disaggregated_set_of, news))
    informers.children.add_handler(EnqueueRequests(queue, disaggregated_set_of, changed))
    informers.services.add_handler(EnqueueRequests(queue, disaggregated_set_of, _edited))
    informers.revisions.add_handler(EnqueueRequests(queue, disaggregated_set_of, revision_changed))
    on_gone = forgetting(executor.forget)
    for informer in by_kind.values():
        informer.add_handler(on_gone)
    return DisaggregatedSetReconciler(
        informers,
        executor=executor,
        rollouts=ledger.rollouts,
        problems=ProblemMemory(clock, lambda key, after: queue.add(key, after=after)),
        caches=CatchingUp(informers.sets, of_role_sets(informers, client)),
        clock=clock,
        awaken=awaken,
    )


def _measure(informers: RoleInformers, ledger: GroupStatusMemory, measures: WorkloadMetrics) -> None:
    def desired(ds: DisaggregatedSet) -> Mapping[str, int]:
        scalers = owned(ds, informers.scalers.by_index(BY_DISAGGREGATED_SET, ds.key))
        return desired_groups(ds, by_role(ds, scalers))

    measures.watch_role_sets(lambda: map(ledger.rollouts.overlay, informers.sets.indexer.list()), desired)


def _no_entries(entry: StoreEntry) -> None:
    raise AssertionError(f"a pass of a DisaggregatedSet plans no entry of a group: {entry}")


def _edited(old: Service | None, new: Service) -> bool:
    """A service matters when it is gone, no longer the set's, or not what it was made as."""
    return old is not None and (owners_changed(old, new) or (old.labels, old.spec) != (new.labels, new.spec))


def _intent(one: KubeObject) -> object:
    """What users and autoscalers change of an object, its spec by its generation."""
    return (one.deleting, one.metadata.generation, one.labels, one.annotations, one.metadata.owner_references)


def _aspects(child: LeaderWorkerSet) -> object:
    """What a pass reads of a child."""
    status, stalled, said = child.status, child.stalled, said_by(child)
    return (
        child.deleting,
        child.replicas,
        child.annotations.get(d.INITIAL_REPLICAS_ANNOTATION),
        child.metadata.owner_references,
        child.labels,
        (status.replicas, status.ready_replicas, status.updated_replicas),
        child.stable,
        stalled and (stalled.reason, stalled.message),
        said and (said.status, said.message),
    )
