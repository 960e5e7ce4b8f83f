"""Status of a DisaggregatedSet (section 14): a count for each role, and where the whole stands."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet, DisaggregatedSetStatus, RoleStatus
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.timestamps import rfc3339
from lws.objects import Condition
from lws.planning.actions import Document, PatchStatus, Problem, Record
from lws.planning.disaggregated.demand import Demand, Wanted
from lws.planning.disaggregated.holding import held_by, is_present
from lws.planning.disaggregated.names import revision_of_child, role_of
from lws.planning.disaggregated.record import ends, plan_record, record_document
from lws.planning.disaggregated.slices import Slice, record
from lws.planning.documents import condition_document
from lws.planning.problems import SetProblems
from lws.planning.progress import newly_late
from lws.planning.stalled import with_reconciling, with_stalled

READY: Final = Condition(d.AVAILABLE, "True", d.REASON_ALL_ROLES_READY, "All roles are ready")
ROLLING: Final = Condition(
    d.PROGRESSING, "True", d.REASON_ROLLOUT_IN_PROGRESS, "Roles are rolling out or not ready yet"
)
_PAUSED: Final = replace(
    ROLLING, reason=d.REASON_PAUSED, message="The rollout stands where it is: the set is paused"
)
_PAIR: Final = (d.AVAILABLE, d.PROGRESSING)


def plan_status(
    wanted: Wanted,
    children: Collection[LeaderWorkerSet],
    *,
    slices: Sequence[Slice],
    at: float,
    problems: Sequence[Problem] = (),
) -> PatchStatus | None:
    """Write what differs; None when nothing does.

    ``children``: the set's own, of all slices and revisions; ``slices``: the same ones, in order. ``at``:
    seconds since 1970. ``problems``: what this pass met.
    """
    now = rfc3339(at)
    ds = wanted.ds
    counted = count_roles(wanted, children)
    roles = tuple(counted[x.name] for x in wanted.demands)
    satisfied = wanted.readable and all(_satisfied(x, counted[x.name]) for x in wanted.demands)
    ready = satisfied and all(x.stable for x in children)
    generation = ds.metadata.generation
    due = READY if ready else _unready(wanted, children, slices)
    conditions = merged(ds.status.conditions, due, generation=generation, now=now)
    found = (*problems, *_stalled(wanted, children))
    met = SetProblems(tuple(dict.fromkeys(found)))
    conditions = with_stalled(conditions, met, generation=generation, now=now)
    conditions = with_reconciling(conditions, generation=generation, now=now)
    rollout = plan_record(wanted, slices, at=at)
    status = DisaggregatedSetStatus(generation, roles, conditions, rollout.record)
    if status == ds.status:
        return None
    body = _document(status)
    if status.rollout != ds.status.rollout:
        body["rollout"] = record_document(status.rollout)
    told = (*_expiry(ds, conditions), *ends(wanted, rollout))
    return PatchStatus(d.KIND, ds.key, body, resource_version=ds.metadata.resource_version, then=told)


def _unready(wanted: Wanted, children: Iterable[LeaderWorkerSet], slices: Iterable[Slice]) -> Condition:
    """``Progressing``, with the role that holds the set where one says what for."""
    held = held_by(wanted, children)
    if wanted.ds.paused and _rolls(slices):
        return _PAUSED if held is None else replace(_PAUSED, message=f"{_PAUSED.message}; {held.message}")
    if held is None:
        return ROLLING
    if held.expired:
        return Condition(d.PROGRESSING, "False", c.REASON_DEADLINE_EXCEEDED, held.message)
    return replace(ROLLING, message=held.message)


def _expiry(ds: DisaggregatedSet, conditions: Sequence[Condition]) -> tuple[Record, ...]:
    late = newly_late(ds.status.conditions, conditions)
    return () if late is None else (record(ds, late.reason, "Update", late.message, type_="Warning"),)


def count_roles(wanted: Wanted, children: Iterable[LeaderWorkerSet]) -> Mapping[str, RoleStatus]:
    """Groups of each role of the spec, over all slices; updated are those of the present revision."""
    counts = {x.name: [0, 0, 0] for x in wanted.demands}
    for child in children:
        count = counts.get(role_of(child))
        if count is None:
            continue
        count[0] += child.status.replicas
        count[1] += child.status.ready_replicas
        if revision_of_child(child) == wanted.revision:
            count[2] += child.status.updated_replicas
    return {name: RoleStatus(name, *count) for name, count in counts.items()}


def _satisfied(demand: Demand, status: RoleStatus) -> bool:
    """An External role without scaler never is: nobody knows what it should have."""
    return {demand.total} == {status.replicas, status.ready_replicas, status.updated_replicas}


def _rolls(slices: Iterable[Slice]) -> bool:
    """Whether something of former revisions is still to go, so that a pause holds anything."""
    return any(not former.drained for one in slices for former in one.former)


def merged(
    stored: Sequence[Condition], due: Condition, *, generation: int, now: str
) -> tuple[Condition, ...]:
    """With ``due``, and the other of the pair False if it is there; unlike a LeaderWorkerSet's, which
    keeps what it said when it was True, it then says what ``due`` says.
    """
    asserted = replace(due, last_transition_time=now, observed_generation=generation)
    conditions = []
    for one in stored:
        if one.type == due.type and one.status == due.status:
            conditions.append(replace(asserted, last_transition_time=one.last_transition_time))
        elif one.type == due.type:
            conditions.append(asserted)
        elif one.type in _PAIR and one.status == "True":
            conditions.append(replace(asserted, type=one.type, status="False"))
        elif one.type in _PAIR and one.reason == c.REASON_DEADLINE_EXCEEDED:
            since = one.last_transition_time
            conditions.append(replace(asserted, type=one.type, status="False", last_transition_time=since))
        elif one.type in _PAIR:
            conditions.append(replace(one, observed_generation=generation))
        else:
            conditions.append(one)
    known = any(x.type == due.type for x in stored)
    return tuple(conditions) if known else (*conditions, asserted)


def _stalled(wanted: Wanted, children: Iterable[LeaderWorkerSet]) -> Iterator[Problem]:
    """What children cannot go on for, in their own words. Former ones need nobody: they are drained, whatever
    becomes of them, unless a pause keeps them.
    """
    judged = (x for x in children if wanted.ds.paused or is_present(wanted, x))
    found = ((x.name, x.stalled) for x in judged if not x.deleting)
    for name, stalled in sorted((name, one) for name, one in found if one is not None):
        message = f"LeaderWorkerSet {name} is stalled ({stalled.reason}): {stalled.message}"
        yield Problem(d.REASON_CHILD_STALLED, message, subject=name)


def _document(status: DisaggregatedSetStatus) -> Document:
    """Whole lists, because a merge patch replaces them."""
    return {
        "observedGeneration": status.observed_generation,
        "roleStatuses": [_role_document(x) for x in status.role_statuses],
        "conditions": [condition_document(x) for x in status.conditions],
    }


def _role_document(role: RoleStatus) -> Document:
    return {
        "name": role.name,
        "replicas": role.replicas,
        "readyReplicas": role.ready_replicas,
        "updatedReplicas": role.updated_replicas,
    }
