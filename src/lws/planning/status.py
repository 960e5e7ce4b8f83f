"""Status of a LeaderWorkerSet (reconcilers.md, 5; api.md, 2).

Conditions are a function of what was observed and of the conditions stored so far. Unlike upstream, which
stops at the first condition that changes something, all due conditions are written in one pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet, LeaderWorkerSetStatus, RolloutStatus
from lws.api.workloads import Pod, StatefulSet
from lws.objects import Condition
from lws.planning import progress
from lws.planning.actions import Document, Effect, PatchStatus, Record
from lws.planning.documents import condition_document
from lws.planning.events import normal
from lws.planning.groups import Groups
from lws.planning.observed import ObservedSet
from lws.planning.problems import NO_PROBLEMS, SetProblems
from lws.planning.reasons import NOTHING_TOLD, Readiness, sentence, with_phases
from lws.planning.recreation.record import failed_groups, plan_records
from lws.planning.rollout import plan_rollout_record, rollout_document
from lws.planning.stability import last_proven
from lws.planning.stalled import with_reconciling, with_stalled

_TEXTS = {
    c.AVAILABLE: (c.REASON_ALL_GROUPS_READY, "All replicas are ready"),
    c.PROGRESSING: (c.REASON_GROUPS_PROGRESSING, progress.TEXT),
    c.UPDATE_IN_PROGRESS: (c.REASON_GROUPS_UPDATING, "Rolling Upgrade is in progress"),
}
_EXCLUSIVE = (
    frozenset({c.AVAILABLE, c.PROGRESSING}),
    frozenset({c.AVAILABLE, c.UPDATE_IN_PROGRESS}),
)


_COUNTERS = frozenset({"readyReplicas", "updatedReplicas", "replicas"})
_NUMBERS = _COUNTERS | {"groups", "lastProgressTime", "conditions"}
"""Members that may wait for company, as long as of the conditions nothing but texts changes."""

_NAMED = 20
"""Failed groups that the condition names; it must not grow without bound."""


class StatusPlan(NamedTuple):
    """``patch``: None when nothing differs. ``update_done``: obsolete revisions may go.

    ``replacing``: leaders that must be made sure of before the patch is sent, because it replaces the record
    of another incarnation by theirs, and an old cache may have them the wrong way round. ``left``: seconds
    until the set's deadline, None when it does not run.
    """

    patch: PatchStatus | None
    update_done: bool
    replacing: tuple[Pod, ...] = ()
    left: float | None = None


class _Kind(NamedTuple):
    """Of a group, for counting."""

    ready: bool
    updated: bool
    wanted: bool
    due: bool
    available: bool


class Tally(NamedTuple):
    """Numbers of groups. ``due``: wanted groups at or above the set's partition. ``wanted_available`` and
    ``due_updated_ready`` count those that have been ready for minReadySeconds.
    """

    ready: int = 0
    updated: int = 0
    wanted_available: int = 0
    due: int = 0
    due_updated: int = 0
    due_updated_ready: int = 0


def plan_status(
    observed: ObservedSet,
    groups: Groups,
    key: str,
    leader: StatefulSet | None,
    *,
    now: str,
    at: float,
    problems: SetProblems = NO_PROBLEMS,
    readiness: Readiness = NOTHING_TOLD,
) -> StatusPlan:
    """Write what differs.

    ``key``: the current revision's. ``leader``: the leader StatefulSet as the apply of this pass returned it,
    None while there is none to see. ``now``: RFC 3339, for the conditions that change; ``at``: the same in
    seconds since 1970. ``problems``: what is known to be in the way. ``readiness``: what is told of groups
    that are not ready.
    """
    lws, generation = observed.lws, observed.lws.metadata.generation
    tally = tally_groups(lws, groups, key)
    due = due_conditions(tally, lws.replicas, unmet=problems.unmet)
    moving = progress.plan_progress(
        lws,
        tally,
        readiness,
        available=c.AVAILABLE in due,
        at=at,
        proven=last_proven(lws, observed.ready_times),
    )
    message = sentence(readiness, tally.ready, lws.replicas)
    if moving.expired:
        message = progress.too_late(lws, message)
        due = tuple(x for x in due if x != c.PROGRESSING)
        problems = problems._replace(own=[*problems.own, progress.missed(lws, message)])
    conditions = merge_conditions(lws.status.conditions, due, generation=generation, now=now)
    told = progress.with_progress(conditions, message, expired=moving.expired, generation=generation, now=now)
    shown = with_failed(told, lws, failed_groups(lws, groups), now=now)
    stalled = with_stalled(shown, problems, generation=generation, now=now)
    rollout = plan_rollout_record(observed, tally, key, at=at)
    wanted = LeaderWorkerSetStatus(
        conditions=with_reconciling(stalled, generation=generation, now=now),
        ready_replicas=tally.ready,
        updated_replicas=tally.updated,
        replicas=leader.status.replicas if leader is not None else 0,
        hpa_pod_selector=lws.status.hpa_pod_selector or _hpa_pod_selector(lws),
        observed_generation=generation,
        groups=lws.status.groups,
        rollout=rollout.record,
        last_progress_time=moving.last,
    )
    records = plan_records(observed, groups, leader, now=now)
    done = lws.partition == 0 and tally.due_updated_ready == lws.replicas
    entries = with_phases(records.patch, lws.status.groups, readiness)
    body = _difference(lws.status, wanted) | ({"groups": entries} if entries else {})
    if not body:
        return StatusPlan(None, done, left=moving.left)
    effects: list[Effect] = [*progress.expiry_event(lws, told)]
    if due and not _same_but_texts(conditions, lws.status.conditions):
        effects.append(_event(lws, due[0], tally.ready))
    if rollout.ended is not None:
        effects.append(rollout.ended)
    patch = PatchStatus(
        c.KIND,
        lws.key,
        body,
        resource_version=lws.metadata.resource_version,
        then=tuple(effects),
        patient=body.keys() <= _NUMBERS and _same_but_texts(wanted.conditions, lws.status.conditions),
        last=not _COUNTERS.isdisjoint(body) and _settled(wanted, lws.replicas),
    )
    return StatusPlan(patch, done, records.replacing, moving.left)


def _settled(status: LeaderWorkerSetStatus, replicas: int) -> bool:
    """As many groups as are wanted, all of them updated and ready: no other numbers are to come."""
    return {replicas} == {status.replicas, status.ready_replicas, status.updated_replicas}


def _same_but_texts(some: Sequence[Condition], others: Sequence[Condition]) -> bool:
    """What is true, and why, is the same; how it is put may differ."""
    return [_plain(x) for x in some] == [_plain(x) for x in others]


def _plain(one: Condition) -> Condition:
    return msgspec.structs.replace(one, message="")


def tally_groups(lws: LeaderWorkerSet, groups: Groups, key: str) -> Tally:
    """Count groups by their leader pods.

    A leader whose worker StatefulSet is not there counts nowhere, so that a set being created does not look
    like one being updated; the same holds for a leader without a proper group index.
    """
    replicas, partition = lws.replicas, lws.partition
    kinds = Counter(
        _Kind(x.ready, x.updated(key), x.index < replicas, partition <= x.index < replicas, x.available)
        for x in groups.all
        if x.index is not None and x.complete
    )

    def count(meets: Callable[[_Kind], bool]) -> int:
        return sum(number for kind, number in kinds.items() if meets(kind))

    return Tally(
        ready=count(lambda x: x.ready),
        updated=count(lambda x: x.updated),
        wanted_available=count(lambda x: x.wanted and x.available),
        due=count(lambda x: x.due),
        due_updated=count(lambda x: x.due and x.updated),
        due_updated_ready=count(lambda x: x.due and x.updated and x.available),
    )


def due_conditions(tally: Tally, replicas: int, *, unmet: bool = False) -> tuple[str, ...]:
    """The types that must be True (reconcilers.md, 5.2); the first one names the event.

    ``unmet``: something of the spec is not carried out, whatever groups there are.

    When all due groups are updated and all wanted ones ready, the due ones are both: no third test is needed.
    """
    if tally.due_updated < tally.due:
        return (c.UPDATE_IN_PROGRESS, c.PROGRESSING)
    return (c.AVAILABLE,) if tally.wanted_available == replicas and not unmet else (c.PROGRESSING,)


def merge_conditions(
    stored: tuple[Condition, ...], due: tuple[str, ...], *, generation: int, now: str
) -> tuple[Condition, ...]:
    """Make the due types True and what excludes them False; nothing is ever removed.

    A condition that turns False keeps its reason and message; all get the generation (reconcilers.md, 5.3).
    """
    for type_ in due:
        stored = _assert(stored, type_, generation=generation, now=now)
    return tuple(msgspec.structs.replace(x, observed_generation=generation) for x in stored)


def with_failed(
    conditions: tuple[Condition, ...], lws: LeaderWorkerSet, failed: Sequence[int], *, now: str
) -> tuple[Condition, ...]:
    """With ``Failed``, which sets have that bound their restarts, or once did."""
    stored = next((x for x in conditions if x.type == c.FAILED), None)
    if stored is None and lws.max_group_restarts is None:
        return conditions
    wanted = _failed(failed, generation=lws.metadata.generation, now=now)
    if stored is not None and stored.status == wanted.status:
        wanted = msgspec.structs.replace(wanted, last_transition_time=stored.last_transition_time)
    return (*(x for x in conditions if x.type != c.FAILED), wanted)


def _failed(failed: Sequence[int], *, generation: int, now: str) -> Condition:
    if not failed:
        reason, message = c.REASON_WITHIN_MAX_RESTARTS, "No group is left failed"
        return Condition(c.FAILED, "False", reason, message, now, generation)
    named = ", ".join(str(x) for x in failed[:_NAMED])
    more = f" and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
    message = f"Left failed after maxGroupRestarts recreations in a row: groups {named}{more}"
    return Condition(c.FAILED, "True", c.REASON_MAX_RESTARTS_EXCEEDED, message, now, generation)


def _assert(stored: tuple[Condition, ...], type_: str, *, generation: int, now: str) -> tuple[Condition, ...]:
    reason, message = _TEXTS[type_]
    asserted = Condition(type_, "True", reason, message, now, generation)
    merged = []
    for one in stored:
        if one.type == type_:
            kept = one.status == "True" and one.observed_generation == generation
            merged.append(one if kept else asserted)
        elif one.status == "True" and {one.type, type_} in _EXCLUSIVE:
            merged.append(msgspec.structs.replace(one, status="False", last_transition_time=now))
        else:
            merged.append(one)
    if all(one.type != type_ for one in stored):
        merged.append(asserted)
    return tuple(merged)


def _hpa_pod_selector(lws: LeaderWorkerSet) -> str:
    return f"{c.NAME_LABEL}={lws.name},{c.WORKER_INDEX_LABEL}=0"


def _difference(stored: LeaderWorkerSetStatus, wanted: LeaderWorkerSetStatus) -> Document:
    """The members that differ, as JSON; conditions whole, because a merge patch replaces lists.

    The first status has its zeros, which columns of kubectl cannot add.
    """
    body: Document = {} if stored.observed_generation else {"readyReplicas": 0, "updatedReplicas": 0}
    for name, member in zip(stored.__struct_fields__, stored.__struct_encode_fields__, strict=True):
        value = getattr(wanted, name)
        if value != getattr(stored, name):
            body[member] = _document(value)
    return body


def _document(value: Any) -> Any:
    """A member of the status as JSON."""
    if value == "":
        return None
    if isinstance(value, tuple):
        return [condition_document(x) for x in value]
    return rollout_document(value) if value is None or isinstance(value, RolloutStatus) else value


def _event(lws: LeaderWorkerSet, type_: str, ready: int) -> Record:
    reason, message = _TEXTS[type_]
    note = f"{message}, with {ready} groups ready of total {lws.replicas} groups"
    if ready and not lws.replicas:  # upstream: "1 groups ready of total 0 groups"
        going = "1 group is" if ready == 1 else f"{ready} groups are"
        note = f"{message}: none is wanted, and {going} still to go"
    return normal(lws, reason, "Update", note)
