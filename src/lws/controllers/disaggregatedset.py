"""The DisaggregatedSet reconciler: surplus slices, scalers, each slice's children and services, status.

The order is the specification's (disaggregatedset.md, 7): a slice that fails does not hold the others up, and
the status is written whatever failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet, DisaggregatedSetRoleScaler
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.timestamps import rfc3339
from lws.api.workloads import Service
from lws.controllers.executor import Executor
from lws.controllers.indexes import BY_DISAGGREGATED_SET
from lws.controllers.outcomes import Outcome, sooner
from lws.kube.errors import KubeError
from lws.objects import Key, KubeObject, controlled_by
from lws.planning.actions import Action, Patch
from lws.planning.disaggregated.demand import Taken, Wanted, wanted_of
from lws.planning.disaggregated.names import lws_name, owned, scaler_name, service_name, slice_of
from lws.planning.disaggregated.revision import revision_of
from lws.planning.disaggregated.rollout import plan_slice
from lws.planning.disaggregated.scalers import by_role, plan_scaler_status, plan_scalers
from lws.planning.disaggregated.services import plan_services
from lws.planning.disaggregated.slices import (
    Slice,
    legacy_of_target,
    make_slices,
    plan_migration,
    plan_surplus,
)
from lws.planning.disaggregated.status import plan_status
from lws.runtime.clock import Clock
from lws.runtime.controller import Result
from lws.runtime.informers import Informer

UNSYNCED_RETRY: Final = 1.0
"""Seconds until another look while not all that a pass reads is known: CRDs may appear one by one."""
TAKEN_RETRY: Final = 30.0
"""Seconds until another look at a name that somebody else's object bears: nothing tells when it is free."""


class RoleInformers(NamedTuple):
    """What the reconciler reads. ``children``: all LeaderWorkerSets; ``services``: those of any set."""

    sets: Informer[DisaggregatedSet]
    scalers: Informer[DisaggregatedSetRoleScaler]
    children: Informer[LeaderWorkerSet]
    services: Informer[Service]

    @property
    def synced(self) -> bool:
        return all(x.has_synced for x in self)


class Done:
    """What carrying out the plans of several slices came to."""

    def __init__(self) -> None:
        self.outcome = Outcome()
        self.errors: list[KubeError] = []


class DisaggregatedSetReconciler:
    """Brings one DisaggregatedSet from what is observed to what its spec wants."""

    def __init__(
        self, informers: RoleInformers, *, executor: Executor, clock: Clock, awaken: Callable[[], None]
    ) -> None:
        """``awaken`` is called while not all that a pass reads is watched."""
        self._informers = informers
        self._awaken = awaken
        self._executor = executor
        self._clock = clock

    def reconcile(self, key: Key) -> Result:
        """One pass. A set on its way out is left to the garbage collector. Raises the first KubeError."""
        if not self._informers.synced:
            self._awaken()
            return Result(requeue_after=UNSYNCED_RETRY)
        ds = self._informers.sets.get(key)
        if ds is None or ds.deleting:
            return Result()
        met = self._run(plan_surplus(ds, self._children(ds), self._services(ds)))
        taken = frozenset(self._taken(ds, revision_of(ds.spec.roles)))
        met = met.with_(self._run(plan_scalers(ds, self._scalers(ds), self._children(ds), taken)))
        wanted = wanted_of(ds, revision_of(ds.spec.roles), by_role(ds, self._scalers(ds)), taken)
        gone = self._migrate(wanted)
        done = self._go_on(wanted, gone)
        met = met.with_(done.outcome)
        errors = [*done.errors, *self._report(wanted, met)]
        if errors:
            raise errors[0]
        return Result(requeue_after=sooner(met.requeue, TAKEN_RETRY if taken else None) or 0.0)

    def _run(self, actions: Iterable[Action]) -> Outcome:
        """Carry them out up to a patch that is refused: groups that cannot go keep the place of others."""
        outcome = Outcome()
        for action in actions:
            outcome = outcome.with_(self._executor.run([action]))
            if outcome.problems and isinstance(action, Patch):
                break
        return outcome

    def _migrate(self, wanted: Wanted) -> frozenset[str]:
        """UIDs of children from before there were slices that had to go; the cache may still show them."""
        ds = wanted.ds
        legacy = legacy_of_target(ds, wanted.revision, self._children(ds))
        self._run(plan_migration(ds, legacy, self._services(ds)))
        return frozenset(x.uid for x in legacy)

    def _go_on(self, wanted: Wanted, gone: frozenset[str]) -> Done:
        """Children of all slices, then services of those slices that did not fail."""
        done = Done()
        slices = self._slices(wanted, gone)
        failed = {x.number for x in slices if not self._try(done, plan_slice(wanted, x))}
        by_slice: dict[int | None, dict[str, Service]] = {}
        for service in self._services(wanted.ds):
            by_slice.setdefault(slice_of(service), {})[service.name] = service
        for slice_ in self._slices(wanted, gone):
            if slice_.number not in failed:
                self._try(done, plan_services(wanted, slice_, by_slice.get(slice_.number, {})))
        return done

    def _try(self, done: Done, actions: Sequence[Action]) -> bool:
        try:
            done.outcome = done.outcome.with_(self._run(actions))
        except KubeError as error:
            done.errors.append(error)
            return False
        return True

    def _slices(self, wanted: Wanted, gone: frozenset[str]) -> list[Slice]:
        there = (x for x in self._children(wanted.ds) if x.uid not in gone)
        return make_slices(wanted.ds, wanted.revision, there)

    def _report(self, wanted: Wanted, met: Outcome) -> list[KubeError]:
        """What autoscalers and users read, from what is there after the writes of this pass."""
        ds, children, done = wanted.ds, self._children(wanted.ds), Done()
        now = rfc3339(self._clock.now().timestamp())
        patches = [
            plan_scaler_status(x, ds, children, now=now) for x in by_role(ds, self._scalers(ds)).values()
        ]
        for patch in (*patches, plan_status(wanted, children, now=now, problems=met.problems)):
            self._try(done, [] if patch is None else [patch])
        return done.errors

    def _taken(self, ds: DisaggregatedSet, revision: str) -> Iterator[Taken]:
        """Names the set needs that objects of somebody else bear."""
        for role in ds.spec.roles:
            if role.external:
                yield from self._strangers(ds, d.SCALER_KIND, scaler_name(ds, role.name))
            for number in range(ds.slices):
                name = lws_name(ds, number, revision, role.name)
                yield from self._strangers(ds, "LeaderWorkerSet", name)
                yield from self._strangers(ds, "Service", service_name(name))

    def _strangers(self, ds: DisaggregatedSet, kind: str, name: str) -> Iterator[Taken]:
        key, informers = Key(ds.namespace, name), self._informers
        found: KubeObject | None = {
            d.SCALER_KIND: informers.scalers.get,
            "LeaderWorkerSet": informers.children.get,
            "Service": informers.services.get,
        }[kind](key)
        if found is not None and not controlled_by(found, ds.uid):
            yield Taken(kind, name)

    def _children(self, ds: DisaggregatedSet) -> tuple[LeaderWorkerSet, ...]:
        return owned(ds, self._informers.children.by_index(BY_DISAGGREGATED_SET, ds.key))

    def _scalers(self, ds: DisaggregatedSet) -> tuple[DisaggregatedSetRoleScaler, ...]:
        return owned(ds, self._informers.scalers.by_index(BY_DISAGGREGATED_SET, ds.key))

    def _services(self, ds: DisaggregatedSet) -> tuple[Service, ...]:
        return owned(ds, self._informers.services.by_index(BY_DISAGGREGATED_SET, ds.key))
