"""What is measured of workloads: rollouts, groups becoming ready, recreations, and how many groups there are,
of sets and of the roles of DisaggregatedSets.

docs/guides/metrics.md defines each. A measurement that a plan asks for is recorded by the executor, once the
API server has accepted what it speaks of; when to measure may not be decided here.
"""

from __future__ import annotations

import heapq
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from lws.api.disaggregatedset import DisaggregatedSet, RoleStatus
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.timestamps import epoch
from lws.api.workloads import Pod, StatefulSet
from lws.controllers.indexes import group_of_owned, is_leader, set_of
from lws.objects import Key, KubeObject, ObjectT
from lws.planning.actions import (
    GroupRecreated,
    Measurement,
    RoleRolloutEnded,
    RoleRolloutStepped,
    RolloutEnded,
    UpdatedInPlace,
)
from lws.planning.groups import make_group
from lws.planning.inplace.steps import OUTCOMES as IN_PLACE_OUTCOMES
from lws.planning.reasons import PHASES
from lws.planning.recreation.evidence import CAUSES
from lws.planning.rollout import OUTCOMES
from lws.runtime.clock import Clock
from lws.runtime.informers import Informer
from lws.runtime.metrics import Metrics

# Seconds: one minute of hollow pods up to a day of large models.
_ROLLOUT_BUCKETS = (5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400)
_STEP_BUCKETS = (0, 1, 2, 3, 5, 10, 30)
_READY_BUCKETS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200)

_GAUGES = {
    "lws_rollout_in_progress": "1 while a rollout of the set is going on, else 0.",
    "lws_groups_desired": "Groups the set's spec wants.",
    "lws_groups_ready": "Groups of the set that are ready, surge included.",
    "lws_groups_updated": "Groups of the set on its current revision, surge included.",
    "lws_groups_recreated": "Groups of the set that this process has recreated as a whole.",
}
_PHASE_GAUGE = {"lws_groups": "Groups of all sets by what they are about: Ready, or why they are not."}
_STALLED_GAUGE = {"lws_sets_stalled": "Sets whose condition Stalled is True, by its reason."}
READY = "Ready"
_SET_LABELS = ("namespace", "name")
_ROLE_SET_GAUGES = {
    "lws_disaggregated_rollout_in_progress": "1 while a rollout of the DisaggregatedSet is going on, else 0."
}
_ROLE_GAUGES = {
    "lws_role_groups_desired": "Groups that the role is to have, over all slices.",
    "lws_role_groups_ready": "Groups of the role that are ready, of all revisions.",
    "lws_role_groups_updated": "Groups of the role on the present revision.",
}

SetReader = Callable[[], Iterable[LeaderWorkerSet]]
RoleSetReader = Callable[[], Iterable[DisaggregatedSet]]
Desired = Callable[[DisaggregatedSet], Mapping[str, int]]
Series = list[tuple[Sequence[str], Sequence[float]]]


class WorkloadMetrics:
    """The families of one process; ``max_sets`` bounds how many sets have gauges of their own."""

    def __init__(self, metrics: Metrics, *, max_sets: int = 1000) -> None:
        rollouts = metrics.histogram(
            "lws_rollout_duration_seconds",
            "From the first sight of a changed template until the rollout ended, by outcome.",
            ("outcome",),
            _ROLLOUT_BUCKETS,
        )
        recreations = metrics.counter(
            "lws_group_recreations_total", "Groups recreated as a whole, by cause.", ("cause",)
        )
        self.group_ready = metrics.histogram(
            "lws_group_ready_seconds",
            "From the creation of a group's leader pod until the group was first ready.",
            buckets=_READY_BUCKETS,
        )
        self._declare_in_place_families(metrics)
        self._declare_role_families(metrics)
        self._rollouts = {outcome: rollouts.labels(outcome) for outcome in OUTCOMES}
        self._recreations = {cause: recreations.labels(cause) for cause in CAUSES}
        self._recreated: Counter[Key] = Counter()
        self._lock = threading.Lock()
        self._max_sets = max_sets
        self._sets: SetReader = list
        self._role_sets: RoleSetReader = list
        self._desired: Desired = lambda _: {}
        self._leading = threading.Event()
        metrics.at_scrape(_GAUGES, _SET_LABELS, self._read_gauges)
        metrics.at_scrape(_PHASE_GAUGE, ("phase",), self._read_phases)
        metrics.at_scrape(_STALLED_GAUGE, ("reason",), self._read_stalled)
        metrics.at_scrape(_ROLE_SET_GAUGES, _SET_LABELS, self._read_role_sets)
        metrics.at_scrape(_ROLE_GAUGES, (*_SET_LABELS, "role"), self._read_roles)

    def _declare_in_place_families(self, metrics: Metrics) -> None:
        updates = metrics.counter(
            "lws_group_in_place_updates_total",
            "Groups that were to be updated in place, by outcome.",
            ("outcome",),
        )
        self._in_place = {outcome: updates.labels(outcome) for outcome in IN_PLACE_OUTCOMES}
        self._in_place_seconds = metrics.histogram(
            "lws_group_in_place_seconds",
            "From the change of a group's first pod in place until all its pods were ready.",
            buckets=_READY_BUCKETS,
        )

    def _declare_role_families(self, metrics: Metrics) -> None:
        rollouts = metrics.histogram(
            "lws_disaggregated_rollout_duration_seconds",
            "From the first sight of changed templates until the rollout of all roles ended, by outcome.",
            ("outcome",),
            _ROLLOUT_BUCKETS,
        )
        self._role_rollouts = {outcome: rollouts.labels(outcome) for outcome in OUTCOMES}
        self._deviations = metrics.histogram(
            "lws_disaggregated_rollout_deviation_steps",
            "The furthest that a role was from the ideal ratio in a rollout, in steps of its own.",
            buckets=_STEP_BUCKETS,
        )
        self._steps = metrics.counter(
            "lws_disaggregated_rollout_steps_total", "Steps that rollouts took, of each slice."
        )

    def record(self, measurement: Measurement) -> None:
        """Take down what has happened."""
        match measurement:
            case RolloutEnded(outcome, seconds):
                self._rollouts[outcome].observe(seconds)
            case GroupRecreated(cause, lws):
                self._recreations[cause].inc()
                with self._lock:
                    self._recreated[lws] += 1
            case RoleRolloutEnded(RolloutEnded(outcome, seconds), deviation):
                self._role_rollouts[outcome].observe(seconds)
                self._deviations.observe(deviation)
            case UpdatedInPlace(outcome, seconds):
                self._in_place[outcome].inc()
                if seconds is not None:
                    self._in_place_seconds.observe(seconds)
            case RoleRolloutStepped():
                self._steps.inc()

    def forget(self, key: Key) -> None:
        """The set is gone."""
        with self._lock:
            self._recreated.pop(key, None)

    def watch_sets(self, sets: SetReader) -> None:
        """Where the gauges come from: all sets with what is known of their rollouts."""
        self._sets = sets

    def watch_role_sets(self, sets: RoleSetReader, desired: Desired) -> None:
        """The same of DisaggregatedSets; ``desired``: the groups that each role is to have, if known."""
        self._role_sets, self._desired = sets, desired

    def start(self) -> None:
        """This process leads from now on: what happens is its to measure."""
        self._leading.set()

    def stop(self) -> None:
        """Another one may lead."""
        self._leading.clear()

    @property
    def leading(self) -> bool:
        return self._leading.is_set()

    def _read_gauges(self) -> Series:
        sets = list(self._sets()) if self.leading else []
        with self._lock:
            for gone in self._recreated.keys() - {x.key for x in sets}:
                del self._recreated[gone]
            recreated = self._recreated.copy()
        return bounded(sets, lambda x: [(x.key, set_numbers(x, recreated[x.key]))], max_sets=self._max_sets)

    def _read_phases(self) -> Series:
        return phases(self._sets()) if self.leading else []

    def _read_stalled(self) -> Series:
        found = Counter(x.stalled.reason for x in self._sets() if x.stalled) if self.leading else {}
        return [((reason,), (count,)) for reason, count in sorted(found.items())]

    def _read_role_sets(self) -> Series:
        sets = list(self._role_sets()) if self.leading else []
        return bounded(sets, lambda x: [(x.key, (x.status.rollout is not None,))], max_sets=self._max_sets)

    def _read_roles(self) -> Series:
        sets = list(self._role_sets()) if self.leading else []
        return bounded(sets, lambda x: role_numbers(x, self._desired(x)), max_sets=self._max_sets)


def bounded(sets: Sequence[ObjectT], rows: Callable[[ObjectT], Series], *, max_sets: int) -> Series:
    """``rows``, labels and values, of the oldest sets; what is beyond the bound is one sum, under empty
    labels.

    The oldest, so that a new set never takes the place of another one's series.
    """
    own = sets if len(sets) <= max_sets else heapq.nsmallest(max_sets, sets, key=_age)
    series = [row for x in own for row in rows(x)]
    named = {x.key for x in own}
    rest = [row for x in sets if x.key not in named for row in rows(x)]
    if rest:
        unnamed = [""] * len(rest[0][0])
        series.append((unnamed, [sum(column) for column in zip(*(row for _, row in rest), strict=True)]))
    return series


def phases(sets: Iterable[LeaderWorkerSet]) -> Series:
    """How many groups are in each phase; one that is not ready, and not for long, is in none."""
    found: Counter[str] = Counter()
    for lws in sets:
        found[READY] += lws.status.ready_replicas
        found.update(x.phase for x in lws.status.groups.values() if x.phase)
    return [((phase,), (found[phase],)) for phase in (READY, *PHASES)]


def _age(obj: KubeObject) -> tuple[str, Key]:
    return obj.metadata.creation_timestamp or "", obj.key


def role_numbers(ds: DisaggregatedSet, desired: Mapping[str, int]) -> Series:
    """Of each role that is to have a known number of groups, in the order of the gauges."""
    told = {x.name: x for x in ds.status.role_statuses}
    found = ((role, want, told.get(role, RoleStatus(role))) for role, want in desired.items())
    return [((*ds.key, role), (want, x.ready_replicas, x.updated_replicas)) for role, want, x in found]


def set_numbers(lws: LeaderWorkerSet, recreated: int = 0) -> tuple[float, ...]:
    """In the order of the gauges."""
    x = lws.status
    return (x.rollout is not None, lws.replicas, x.ready_replicas, x.updated_replicas, recreated)


class GroupStarts:
    """WorkloadMetrics how long groups take to become ready; an event handler of pods and StatefulSets.

    Only groups whose leader pod was seen to appear while this process leads: of others nobody here knows
    whether they were ready, and measured, before. So each incarnation counts once at most.
    """

    def __init__(
        self,
        measures: WorkloadMetrics,
        *,
        sets: Informer[LeaderWorkerSet],
        pods: Informer[Pod],
        stateful_sets: Informer[StatefulSet],
        clock: Clock,
    ) -> None:
        self._measures = measures
        self._sets = sets
        self._pods = pods
        self._stateful_sets = stateful_sets
        self._clock = clock
        self._waiting: set[str] = set()  # UIDs of leader pods
        self._lock = threading.Lock()

    def on_add(self, obj: Pod | StatefulSet, *, initial: bool) -> None:
        if not initial and self._measures.leading and isinstance(obj, Pod) and is_leader(obj):
            with self._lock:
                self._waiting.add(obj.uid)
        self._look(obj)

    def on_update(self, old: Pod | StatefulSet, new: Pod | StatefulSet) -> None:
        self._look(new)

    def on_delete(self, obj: Pod | StatefulSet) -> None:
        with self._lock:
            self._waiting.discard(obj.uid)

    def _look(self, obj: Pod | StatefulSet) -> None:
        """Whether the group of this leader, or of this worker StatefulSet, has become ready."""
        if not self._waiting or (isinstance(obj, Pod) and obj.uid not in self._waiting):
            return
        for key in (obj.key,) if isinstance(obj, Pod) else group_of_owned(obj):
            leader = self._pods.get(key)
            if leader is None or leader.uid not in self._waiting or not self._is_ready(leader):
                continue
            with self._lock:
                if leader.uid not in self._waiting:
                    continue
                self._waiting.discard(leader.uid)
            created = epoch(leader.metadata.creation_timestamp or "")
            self._measures.group_ready.observe(max(0.0, self._clock.now().timestamp() - created))

    def _is_ready(self, leader: Pod) -> bool:
        lws = next((found for key in set_of(leader) if (found := self._sets.get(key)) is not None), None)
        if lws is None:
            return False
        named = self._stateful_sets.get(leader.key)
        return make_group(lws, leader, () if named is None else (named,)).ready
