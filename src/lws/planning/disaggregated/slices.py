"""What there is of a set, slice by slice and generation by generation (sections 7 and 16)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Service
from lws.planning.actions import Action, Delete, Record, reference
from lws.planning.disaggregated.names import (
    is_legacy,
    legacy_lws_name,
    revision_of_child,
    role_of,
    service_name,
    slice_of,
)

Children = Mapping[str, LeaderWorkerSet]
"""By role; one LeaderWorkerSet each."""


class Former(NamedTuple):
    """A generation that is to go: one former revision in one slice."""

    revision: str
    children: Children

    @property
    def drained(self) -> bool:
        return not any(x.replicas for x in self.children.values())


class Slice(NamedTuple):
    """``target``: the children of the present revision. ``former``: newest first."""

    number: int
    target: Children
    former: tuple[Former, ...]


def make_slices(ds: DisaggregatedSet, revision: str, children: Iterable[LeaderWorkerSet]) -> list[Slice]:
    """Every slice of the spec, from the set's own children that are not on their way out.

    Of two children for one role and revision the one named with its slice counts; the other is one more
    generation that is to go.
    """
    by_slice: dict[int, list[LeaderWorkerSet]] = {x: [] for x in range(ds.slices)}
    for child in children:
        index = slice_of(child)
        if index in by_slice and not child.deleting:
            by_slice[index].append(child)
    return [_make_slice(index, revision, mine) for index, mine in by_slice.items()]


def _make_slice(number: int, revision: str, children: Sequence[LeaderWorkerSet]) -> Slice:
    generations: dict[tuple[str, int], dict[str, LeaderWorkerSet]] = {}
    for child in sorted(children, key=lambda x: (is_legacy(x), x.name)):
        copy = 0
        while role_of(child) in generations.setdefault((revision_of_child(child), copy), {}):
            copy += 1
        generations[revision_of_child(child), copy][role_of(child)] = child
    target = generations.pop((revision, 0), {})
    former = [Former(name, mine) for (name, _), mine in generations.items()]
    return Slice(number, target, tuple(sorted(former, key=_age, reverse=True)))


def _age(former: Former) -> str:
    """When its newest child was made; times of one format sort as text."""
    return max(x.metadata.creation_timestamp or "" for x in former.children.values())


def plan_surplus(
    ds: DisaggregatedSet, children: Iterable[LeaderWorkerSet], services: Iterable[Service]
) -> list[Action]:
    """Slices that are no longer wanted go at once, whole; what is given are the set's own objects."""
    actions: list[Action] = [
        delete_lws(ds, x, f"its slice is above spec.slices {ds.slices}")
        for x in children
        if _in_surplus(ds, slice_of(x)) and not x.deleting
    ]
    return actions + [delete_service(x) for x in services if _in_surplus(ds, slice_of(x))]


def _in_surplus(ds: DisaggregatedSet, index: int | None) -> bool:
    return index is not None and index >= ds.slices


def legacy_of_target(
    ds: DisaggregatedSet, revision: str, children: Iterable[LeaderWorkerSet]
) -> list[LeaderWorkerSet]:
    """Children from before there were slices that may not stand beside slices (16.3): their service would
    select pods of all slices.
    """
    names = {legacy_lws_name(ds, revision, x.name) for x in ds.spec.roles} if ds.slices > 1 else set()
    return [x for x in children if x.name in names and is_legacy(x) and not x.deleting]


def plan_migration(
    ds: DisaggregatedSet, legacy: Iterable[LeaderWorkerSet], services: Iterable[Service]
) -> Iterator[tuple[LeaderWorkerSet, list[Action]]]:
    """Each goes, the service before its LeaderWorkerSet; slice 0 is made anew beside its siblings."""
    by_name = {x.name: x for x in services}
    for child in legacy:
        service = by_name.get(service_name(child.name))
        actions: list[Action] = [] if service is None else [delete_service(service)]
        yield child, [*actions, delete_lws(ds, child, "it is made anew as slice 0", action="Migrate")]


def delete_lws(
    ds: DisaggregatedSet,
    lws: LeaderWorkerSet,
    why: str,
    *,
    action: str = "Delete",
) -> Delete:
    """Delete a child and say so."""
    note = f"Deleted LeaderWorkerSet {lws.name}: {why}"
    said = record(ds, d.REASON_LWS_DELETED, action, note)
    return Delete("LeaderWorkerSet", lws.key, lws.uid, then=(said,))


def delete_service(service: Service) -> Delete:
    return Delete("Service", service.key, service.uid)


def record(ds: DisaggregatedSet, reason: str, action: str, note: str, *, type_: str = "Normal") -> Record:
    """An event about the set."""
    return Record(reference(d.API_VERSION, d.KIND, ds), type_, reason, action, note)
