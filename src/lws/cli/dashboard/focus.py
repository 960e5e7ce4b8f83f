"""The one set that a page looks at: its head, its groups, where they are, what can be done. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision
from lws.cli import history
from lws.cli import status as sets_status
from lws.cli.dashboard.offers import Offer, offers_of_roles, offers_of_set
from lws.cli.dashboard.places import Ground, Lane, Map, Topology, topologies
from lws.cli.dashboard.tiles import BAD, BUSY, OK, STILL, Tile, Whose, tiles_of
from lws.cli.disaggregated import history as roles_history
from lws.cli.disaggregated import status as roles_status
from lws.cli.disaggregated.observing import SeenRoles
from lws.cli.observing import Seen
from lws.cli.session import CommandError
from lws.planning.disaggregated.history import MARKS
from lws.planning.disaggregated.names import revision_of_child, role_of, slice_of
from lws.planning.revisions import owned_revisions


class Section(Struct, rename="camel"):
    """The groups of one LeaderWorkerSet. ``current``: of the present revision of its DisaggregatedSet."""

    set: str
    role: str
    slice: int | None
    revision: str
    current: bool
    wanted: int


class Former(Struct, rename="camel"):
    """A template that is kept. ``change``: from the one before it."""

    number: int
    key: str
    current: bool
    created: str
    change: str


class Focus(Struct, rename="camel"):
    """The head. Numbers are groups. ``rule``: how it rolls, in words. ``lanes``: of each topology."""

    kind: str
    namespace: str
    name: str
    tone: str = BUSY
    message: str = ""
    revision: str = ""
    wanted: int = 0
    ready: int = 0
    updated: int = 0
    rolling: bool = False
    paused: bool = False
    partition: int = 0
    rule: str = ""
    sections: list[Section] = []
    topologies: list[Topology] = []
    lanes: list[list[Lane]] = []
    offers: list[Offer] = []
    formers: list[Former] = []


class Picture(NamedTuple):
    """All that is drawn of one set."""

    focus: Focus
    tiles: list[Tile]


def picture_of_set(seen: Seen, ground: Ground, *, now: float) -> Picture:
    """``now``: seconds since 1970. Raises CommandError for a spec that cannot be read."""
    lws, told = seen.lws, sets_status.describe(seen)
    where = Map(topologies([lws]), ground, [lws.name])
    tiles = list(tiles_of(seen, where, now=now))
    focus = Focus(
        kind=c.KIND,
        namespace=lws.namespace,
        name=lws.name,
        tone=_tone(tiles, failed=told.failed, done=told.done, paused=told.paused),
        message=told.message,
        revision=told.revision,
        wanted=told.replicas,
        ready=told.ready,
        updated=told.updated,
        rolling=told.updating,
        paused=told.paused,
        partition=0 if told.paused else told.partition,
        rule=_rule(lws),
        sections=[Section(lws.name, "", None, told.revision, True, told.replicas)],
        topologies=list(where.asked),
        lanes=[where.lanes(x) for x in where.asked],
        offers=offers_of_set(seen),
        formers=[
            Former(x.revision, x.key, x.current, x.created, x.change)
            for x in reversed(history.describe(seen).revisions)
        ],
    )
    return Picture(focus, tiles)


def _rule(lws: LeaderWorkerSet) -> str:
    rolling = lws.rolling_update
    unavailable = 1 if rolling.max_unavailable is None else rolling.max_unavailable
    return f"maxUnavailable {unavailable}, maxSurge {rolling.max_surge or 0}"


def picture_of_roles(
    seen: SeenRoles, ground: Ground, revisions: Sequence[ControllerRevision], *, now: float
) -> Picture:
    """``revisions``: among which its own are. Raises CommandError for a spec that cannot be read."""
    ds, told = seen.ds, roles_status.describe(seen)
    policy = ds.spec.placement_policy
    asked = topologies(seen.children, of_slices=policy.topology if policy is not None else "")
    where = Map(asked, ground, [x.name for x in seen.children])
    children = _in_order(seen)
    tiles = [tile for x in children for tile in _tiles(x, where, now, _whose(x.lws, told.revision))]
    own = owned_revisions(ds, revisions, MARKS)
    focus = Focus(
        kind=d.KIND,
        namespace=ds.namespace,
        name=ds.name,
        tone=_tone(tiles, failed=told.failed, done=told.done, paused=told.paused),
        message=told.message,
        revision=told.revision,
        wanted=sum(x.wanted or 0 for x in told.roles),
        ready=sum(min(x.ready, x.wanted or 0) for x in told.roles),
        updated=sum(x.updated for x in told.roles),
        rolling=told.former > 0,
        paused=told.paused,
        sections=[_section(x.lws, told.revision) for x in children],
        topologies=list(where.asked),
        lanes=[where.lanes(x) for x in where.asked],
        offers=offers_of_roles(ds, own, MARKS, told.revision, paused=ds.paused),
        formers=_formers(seen, own),
    )
    return Picture(focus, tiles)


def _tiles(seen: Seen, where: Map, now: float, whose: Whose) -> list[Tile]:
    """None of a child that nobody can read, which hides no other: why it stalls is among the causes."""
    try:
        return list(tiles_of(seen, where, now=now, whose=whose))
    except CommandError:
        return []


def _in_order(seen: SeenRoles) -> list[Seen]:
    """By slice and role as in the spec; those of the present revision before former ones."""
    roles = {x.name: number for number, x in enumerate(seen.ds.spec.roles)}

    def place(one: Seen) -> tuple[int, int, bool, str]:
        lws = one.lws
        former = revision_of_child(lws) != seen.revision
        return slice_of(lws) or 0, roles.get(role_of(lws), len(roles)), former, lws.name

    return sorted(seen.sets, key=place)


def _whose(lws: LeaderWorkerSet, revision: str) -> Whose:
    return Whose(role_of(lws), slice_of(lws), revision_of_child(lws) == revision)


def _section(lws: LeaderWorkerSet, revision: str) -> Section:
    own = revision_of_child(lws)
    return Section(lws.name, role_of(lws), slice_of(lws), own, own == revision, lws.replicas)


def _formers(seen: SeenRoles, own: Sequence[ControllerRevision]) -> list[Former]:
    kept = roles_history.describe(roles_history.Kept(seen, own)).revisions
    return [
        Former(
            x.revision,
            x.key,
            x.current,
            x.created,
            "; ".join(f"{role}: {', '.join(found)}" for role, found in x.images.items()),
        )
        for x in reversed(kept)
    ]


def _tone(tiles: Sequence[Tile], *, failed: bool, done: bool, paused: bool) -> str:
    if failed or any(x.tone == BAD for x in tiles):
        return BAD
    if paused:
        return STILL
    return OK if done else BUSY
