"""Scalers of External roles (section 15): made with the size the role has, gone with its mode."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet, DisaggregatedSetRoleScaler, RoleScalerStatus
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.objects import Condition
from lws.planning.actions import Action, Create, Delete, PatchStatus, Problem
from lws.planning.disaggregated.children import scaler_document
from lws.planning.disaggregated.demand import Taken
from lws.planning.disaggregated.names import lws_name, revision_of_child, role_of, scaler_name, slice_of
from lws.planning.disaggregated.revision import revision_of
from lws.planning.disaggregated.rollout import initial_replicas
from lws.planning.disaggregated.slices import record
from lws.planning.documents import condition_document

Scalers = Mapping[str, DisaggregatedSetRoleScaler]
"""The set's own, by role."""


def by_role(ds: DisaggregatedSet, scalers: Iterable[DisaggregatedSetRoleScaler]) -> Scalers:
    """Of the set's own scalers those that a role of the spec asks for."""
    external = {x.name for x in ds.spec.roles if x.external}
    return {role_of(x): x for x in scalers if role_of(x) in external and not x.deleting}


def plan_scalers(
    ds: DisaggregatedSet,
    scalers: Sequence[DisaggregatedSetRoleScaler],
    children: Sequence[LeaderWorkerSet],
    taken: Mapping[Taken, Problem],
) -> list[Action]:
    """Delete the set's own ``scalers`` that no role asks for, create those that are missing.

    ``taken``: what bears a name already; none is adopted or touched, and what is about to go awaited.
    """
    have = by_role(ds, scalers)
    gone = [x for x in scalers if role_of(x) not in have and not x.deleting]
    actions: list[Action] = [_delete(ds, x) for x in gone]
    for role in ds.spec.roles:
        if role.external and role.name not in have:
            conflict = taken.get(Taken(d.SCALER_KIND, scaler_name(ds, role.name)))
            if conflict is None:
                actions.append(_create(ds, role.name, children))
            elif not conflict.grace:
                actions.append(_conflict(ds, role.name))
    return actions


def unseeded(
    ds: DisaggregatedSet,
    revision: str,
    scalers: Iterable[DisaggregatedSetRoleScaler],
    children: Iterable[LeaderWorkerSet],
    taken: Collection[Taken],
) -> set[Taken]:
    """LeaderWorkerSets that wait for a scaler that could not be made: made at 0, they would be all that it
    could be seeded with, and 0 parks an HPA.
    """
    have, there = by_role(ds, scalers), {role_of(x) for x in children}
    waiting = [
        x.name
        for x in ds.spec.roles
        if x.external
        and x.name not in have
        and x.name not in there
        and Taken(d.SCALER_KIND, scaler_name(ds, x.name)) not in taken
    ]
    numbers = range(ds.slices)
    return {Taken("LeaderWorkerSet", lws_name(ds, n, revision, x)) for x in waiting for n in numbers}


def _delete(ds: DisaggregatedSet, scaler: DisaggregatedSetRoleScaler) -> Delete:
    note = f"Deleted scaler {scaler.name}: role {role_of(scaler)} is not scaled externally"
    said = record(ds, d.REASON_SCALER_DELETED, "Delete", note)
    return Delete(d.SCALER_KIND, scaler.key, scaler.uid, then=(said,))


def _create(ds: DisaggregatedSet, role: str, children: Sequence[LeaderWorkerSet]) -> Create:
    note = f"Created scaler {scaler_name(ds, role)} for role {role}"
    said = record(ds, d.REASON_SCALER_CREATED, "Create", note)
    return Create(d.SCALER_KIND, scaler_document(ds, role, seed(ds, role, children)), then=(said,))


def _conflict(ds: DisaggregatedSet, role: str) -> Action:
    note = f"Scaler {scaler_name(ds, role)} of role {role} exists and belongs to somebody else"
    return record(ds, d.REASON_SCALER_CONFLICT, "Conflict", note, type_="Warning")


def seed(ds: DisaggregatedSet, role: str, children: Iterable[LeaderWorkerSet]) -> int:
    """What a new scaler begins with: the groups there are; 1 where there is nothing, as 0 parks an HPA.

    Those that a rollout makes before others go, and those of slices that go, are not to stay: upstream counts
    them, so that a role whose mode changes in a rollout grows.
    """
    revision = revision_of(ds.spec.roles)
    slices: defaultdict[int, list[LeaderWorkerSet]] = defaultdict(list)
    for child in children:
        number = slice_of(child)
        if role_of(child) == role and number is not None and number < ds.slices:
            slices[number].append(child)
    return sum(_settled(x, revision) for x in slices.values()) if slices else 1


def _settled(children: Iterable[LeaderWorkerSet], revision: str) -> int:
    """Groups of a role in one slice, without those that are more only while it rolls."""
    there, begun, reached = 0, 0, 0
    for child in children:
        there += child.replicas
        if revision_of_child(child) == revision:
            reached += child.replicas
        else:
            begun += initial_replicas(child)
    return min(there, max(begun, reached))


def plan_scaler_status(
    scaler: DisaggregatedSetRoleScaler, ds: DisaggregatedSet, children: Iterable[LeaderWorkerSet], *, now: str
) -> PatchStatus | None:
    """What an autoscaler reads, from all children of the role; None when it says so already."""
    stored, role = scaler.status, role_of(scaler)
    generation = scaler.metadata.generation
    wanted = RoleScalerStatus(
        replicas=sum(x.status.replicas for x in children if role_of(x) == role),
        selector=f"{d.NAME_LABEL}={ds.name},{d.ROLE_LABEL}={role},{c.WORKER_INDEX_LABEL}=0",
        observed_generation=generation,
        conditions=_conditions(stored.conditions, generation, now),
    )
    if wanted == stored:
        return None
    status: dict[str, Any] = {
        "replicas": wanted.replicas,
        "selector": wanted.selector,
        "observedGeneration": generation,
        "conditions": [condition_document(x) for x in wanted.conditions],
    }
    return PatchStatus(d.SCALER_KIND, scaler.key, status, uid=scaler.uid)


def _conditions(stored: tuple[Condition, ...], generation: int, now: str) -> tuple[Condition, ...]:
    ready = next((x for x in stored if x.type == d.READY), None)
    since = ready.last_transition_time if ready is not None and ready.status == "True" else now
    message = "The scaler sets the replicas of its role"
    bound = Condition(d.READY, "True", d.REASON_BOUND, message, since, generation)
    return (*(x for x in stored if x.type != d.READY), bound)
