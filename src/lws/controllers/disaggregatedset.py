"""The DisaggregatedSet reconciler: surplus slices, scalers, each slice's children and services, status.

The order is the specification's (disaggregatedset.md, 7), but what fails holds up only what rests on it, and
the status is written whatever failed (decision 189).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet, DisaggregatedSetRoleScaler
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.timestamps import rfc3339
from lws.api.workloads import ControllerRevision, Service
from lws.controllers.catchingup import RETRY, CatchingUp
from lws.controllers.executor import Executor
from lws.controllers.indexes import BY_DISAGGREGATED_SET, BY_EDITED
from lws.controllers.outcomes import Outcome, sooner
from lws.controllers.problems import ProblemMemory
from lws.controllers.rolloutmemory import RolloutMemory
from lws.kube.errors import KubeError, TransportError
from lws.objects import Key, KubeObject, ObjectT
from lws.planning.actions import Action, Delete, Patch, Problem
from lws.planning.disaggregated.demand import Taken, Wanted, unknown_of, wanted_of
from lws.planning.disaggregated.history import plan_history
from lws.planning.disaggregated.names import as_made, lws_name, owned, scaler_name, service_name, slice_of
from lws.planning.disaggregated.reading import Reading, read_set, unreadable
from lws.planning.disaggregated.record import may_roll
from lws.planning.disaggregated.rollout import apart, plan_chains, plan_news
from lws.planning.disaggregated.scalers import by_role, plan_scaler_status, plan_scalers, unseeded
from lws.planning.disaggregated.services import plan_services
from lws.planning.disaggregated.slices import (
    Slice,
    legacy_of_target,
    make_slices,
    plan_migration,
    plan_surplus,
)
from lws.planning.disaggregated.status import plan_status
from lws.planning.disaggregated.upkeep import in_the_way, plan_upkeep
from lws.runtime.clock import Clock
from lws.runtime.controller import Result
from lws.runtime.informers import Informer

UNSYNCED_RETRY: Final = 1.0
"""Seconds until another look while not all that a pass reads is known: CRDs may appear one by one."""
TAKEN_RETRY: Final = 30.0
"""Seconds until another look at a name that somebody else's object bears: nothing tells when it is free."""


class RoleInformers(NamedTuple):
    """What the reconciler reads. ``children``: all LeaderWorkerSets; ``services`` and ``revisions``:
    those of any set.
    """

    sets: Informer[DisaggregatedSet]
    scalers: Informer[DisaggregatedSetRoleScaler]
    children: Informer[LeaderWorkerSet]
    services: Informer[Service]
    revisions: Informer[ControllerRevision]

    @property
    def synced(self) -> bool:
        return all(x.has_synced for x in self)


class Done:
    """What a pass came to. ``taken``: names that are not free; ``gone``: UIDs of children that had to go,
    which the cache may still show. ``slices``: as they are while the pass changes nothing of them.
    """

    def __init__(self) -> None:
        self.outcome = Outcome()
        self.taken: dict[Taken, Problem] = {}
        self.gone: frozenset[str] = frozenset()
        self.slices: list[Slice] | None = None
        self.errors: list[KubeError] = []

    @property
    def unreachable(self) -> bool:
        """Whether what failed last would fail for everything, each after a timeout."""
        return bool(self.errors) and isinstance(self.errors[-1], TransportError)


class DisaggregatedSetReconciler:
    """Brings one DisaggregatedSet from what is observed to what its spec wants."""

    def __init__(
        self,
        informers: RoleInformers,
        *,
        executor: Executor,
        rollouts: RolloutMemory,
        problems: ProblemMemory,
        caches: CatchingUp,
        clock: Clock,
        awaken: Callable[[], None],
    ) -> None:
        """``awaken`` is called while not all that a pass reads is watched."""
        self._informers = informers
        self._awaken = awaken
        self._executor = executor
        self._rollouts = rollouts
        self._problems = problems
        self._caches = caches
        self._clock = clock

    def reconcile(self, key: Key) -> Result:
        """One pass. A set on its way out is left to the garbage collector. Raises the first KubeError.

        Whatever fails on the way, the status of what is there is written before the failure is raised.
        """
        if not self._informers.synced:
            self._awaken()
            return Result(requeue_after=UNSYNCED_RETRY)
        if self._present(key) is None:
            self._problems.forget(key)
            self._caches.forget(key)
            return Result()
        if self._caches.behind(key):
            return Result(requeue_after=RETRY)
        ds = self._present(key)  # what was there before the caches were found to be new may have been old
        if ds is None:
            return Result()  # its end leads to a pass of its own
        ds, done = self._rollouts.overlay(ds), Done()
        reading = read_set(ds)
        try:
            if reading.faults:
                self._each(done, unreadable(ds, reading.faults))
            else:
                self._carry_out(ds, reading.revision, done)
        except Exception as error:
            self._problems.set_failed(key, ds.uid, error)
            with suppress(Exception):
                self._report(ds, reading, done)
            raise
        if done.errors:
            self._problems.set_failed(key, ds.uid, done.errors[0])
        else:
            self._problems.of_set(key, ds.uid, done.outcome.problems)
        due = self._report(ds, reading, done)
        if done.errors:
            raise done.errors[0]
        return Result(requeue_after=sooner(done.outcome.requeue, due))

    def _present(self, key: Key) -> DisaggregatedSet | None:
        ds = self._informers.sets.get(key)
        return None if ds is None or ds.deleting else ds

    def _carry_out(self, ds: DisaggregatedSet, revision: str, done: Done) -> None:
        """Everything but statuses."""
        self._each(done, plan_upkeep(ds, self._edited(ds)))
        self._each(done, plan_surplus(ds, self._children(ds), self._services(ds)))
        done.taken = dict(self._taken(ds, revision))
        if done.taken:
            done.outcome = done.outcome.with_(Outcome(TAKEN_RETRY, tuple(done.taken.values())))
        self._each(done, plan_scalers(ds, self._scalers(ds), self._children(ds), done.taken))
        scalers, children = self._scalers(ds), self._children(ds)
        waiting = unseeded(ds, revision, scalers, children, done.taken)
        wanted = wanted_of(ds, revision, by_role(ds, scalers), done.taken.keys() | waiting)
        self._migrate(wanted, done)
        self._go_on(wanted, done)
        self._each(done, plan_history(wanted, self._revisions(ds), self._slices(wanted, done)))

    def _migrate(self, wanted: Wanted, done: Done) -> None:
        """Children from before there were slices have to go; the cache may still show them."""
        ds = wanted.ds
        legacy = legacy_of_target(ds, wanted.revision, self._children(ds))
        gone = [
            child.uid
            for child, actions in plan_migration(ds, legacy, self._services(ds))
            if self._try(done, actions)
        ]
        done.gone = frozenset(gone)

    def _go_on(self, wanted: Wanted, done: Done) -> None:
        """Children of all slices, then services."""
        before = self._slices(wanted, done)
        for slice_ in before:
            chains = plan_chains(wanted, slice_)
            if chains:
                done.slices = None
            self._all(done, chains)
        by_slice: dict[int | None, dict[str, Service]] = {}
        for service in self._services(wanted.ds):
            by_slice.setdefault(slice_of(service), {})[service.name] = service
        for former, slice_ in zip(before, self._slices(wanted, done), strict=True):
            self._try(done, plan_news(wanted, former, slice_))
            self._each(done, plan_services(wanted, slice_, by_slice.get(slice_.number, {})))

    def _each(self, done: Done, actions: Iterable[Action]) -> None:
        """Actions of which none rests on another."""
        self._all(done, apart(actions))

    def _all(self, done: Done, chains: Iterable[Sequence[Action]]) -> None:
        """All chains, whatever becomes of one; none more once the server cannot be reached."""
        for chain in chains:
            if not self._try(done, chain) and done.unreachable:
                return

    def _try(self, done: Done, actions: Sequence[Action]) -> bool:
        """Carry them out up to one that fails, or a change that is refused: groups that cannot go keep the
        place of others. Whether all were carried out.
        """
        for action in actions:
            try:
                outcome = self._executor.run([action])
            except KubeError as error:
                done.errors.append(error)
                return False
            done.outcome = done.outcome.with_(outcome)
            if outcome.problems and isinstance(action, (Patch, Delete)):
                return False
        return True

    def _slices(self, wanted: Wanted, done: Done) -> list[Slice]:
        if done.slices is None:
            there = (x for x in self._children(wanted.ds) if x.uid not in done.gone)
            done.slices = make_slices(wanted.ds, wanted.revision, there)
        return done.slices

    def _report(self, ds: DisaggregatedSet, reading: Reading, done: Done) -> float | None:
        """What autoscalers and users read, from what is there after the writes of this pass; seconds until
        more of what was met may count.
        """
        children, scalers = self._children(ds), by_role(ds, self._scalers(ds))
        wanted = unknown_of(ds) if reading.faults else wanted_of(ds, reading.revision, scalers, done.taken)
        slices = self._slices(wanted, done) if may_roll(wanted, children) else []
        at = self._clock.now().timestamp()
        patches = [plan_scaler_status(x, ds, children, now=rfc3339(at)) for x in scalers.values()]
        known, due = self._problems.known(ds.key, [ds.uid])
        problems = (*(x for x in done.outcome.problems if not x.grace), *known.own)
        status = plan_status(wanted, children, slices=slices, at=at, problems=problems)
        for patch in (*patches, status):
            self._try(done, [] if patch is None else [patch])
        return due

    def _taken(self, ds: DisaggregatedSet, revision: str) -> Iterator[tuple[Taken, Problem]]:
        """Names the set needs that are not free, and what bears them."""
        for role in ds.spec.roles:
            if role.external:
                yield from self._strangers(ds, d.SCALER_KIND, scaler_name(ds, role.name))
            for number in range(ds.slices):
                name = lws_name(ds, number, revision, role.name)
                yield from self._strangers(ds, "LeaderWorkerSet", name)
                yield from self._strangers(ds, "Service", service_name(name))

    def _strangers(self, ds: DisaggregatedSet, kind: str, name: str) -> Iterator[tuple[Taken, Problem]]:
        key, informers = Key(ds.namespace, name), self._informers
        found: KubeObject | None = {
            d.SCALER_KIND: informers.scalers.get,
            "LeaderWorkerSet": informers.children.get,
            "Service": informers.services.get,
        }[kind](key)
        problem = None if found is None else in_the_way(ds, kind, found)
        if problem is not None:
            yield Taken(kind, name), problem

    def _children(self, ds: DisaggregatedSet) -> tuple[LeaderWorkerSet, ...]:
        return self._own(ds, self._informers.children)

    def _scalers(self, ds: DisaggregatedSet) -> tuple[DisaggregatedSetRoleScaler, ...]:
        return self._own(ds, self._informers.scalers)

    def _services(self, ds: DisaggregatedSet) -> tuple[Service, ...]:
        return self._own(ds, self._informers.services)

    def _own(self, ds: DisaggregatedSet, informer: Informer[ObjectT]) -> tuple[ObjectT, ...]:
        mine = owned(ds, informer.by_index(BY_DISAGGREGATED_SET, ds.key))
        return as_made(mine) if informer.by_index(BY_EDITED, ds.key) else mine

    def _edited(self, ds: DisaggregatedSet) -> dict[str, list[Any]]:
        """What somebody has edited, as it is."""
        kinds: dict[str, Informer[Any]] = {
            c.KIND: self._informers.children,
            d.SCALER_KIND: self._informers.scalers,
            "Service": self._informers.services,
        }
        return {kind: x.by_index(BY_EDITED, ds.key) for kind, x in kinds.items()}

    def _revisions(self, ds: DisaggregatedSet) -> list[ControllerRevision]:
        return self._informers.revisions.by_index(BY_DISAGGREGATED_SET, ds.key)
