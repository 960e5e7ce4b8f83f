"""``kubectl lws tree`` of DisaggregatedSets: slices, roles, and what was made for each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from rich.text import Text

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.cli import tree as sets
from lws.cli.disaggregated.observing import SeenRoles, role_order, see_everything, see_roles
from lws.cli.drawing import line, mark
from lws.cli.kinds import DISAGGREGATEDSETS, LEADERWORKERSETS, reference
from lws.cli.live import Source, follow
from lws.cli.observing import Seen
from lws.cli.outline import Node
from lws.cli.session import CommandError, Session
from lws.cli.states import STYLES, state_of
from lws.cli.treedrawing import Drawing, revision_of, share
from lws.cli.treedrawing import root_of as set_root
from lws.cli.treeviews import SetView
from lws.cli.treeviews import describe_anyway as describe_set
from lws.kube.resources import PODS
from lws.kube.selectors import equals, exists
from lws.planning.disaggregated.demand import Demand
from lws.planning.disaggregated.names import revision_of_child


class RoleSetView(Struct, rename="camel"):
    """A LeaderWorkerSet of a role. ``revision``: of the DisaggregatedSet; ``current``: its present one."""

    revision: str
    current: bool
    set: SetView


class RoleView(Struct, rename="camel"):
    """A role in one slice. ``wanted``: groups; None: nobody says how many, as its scaler is not there."""

    name: str
    wanted: int | None
    ready: int
    updated: int
    sets: list[RoleSetView]


class SliceView(Struct, rename="camel"):
    number: int
    roles: list[RoleView]


class ScalerView(Struct, rename="camel"):
    """``replicas``: groups over all slices."""

    name: str
    replicas: int
    created: str = ""


class RolesView(Struct, rename="camel"):
    """A DisaggregatedSet. ``revision``: of its present templates."""

    namespace: str
    name: str
    revision: str
    paused: bool
    slices: list[SliceView]
    scalers: list[ScalerView]
    kind: str = d.KIND
    created: str = ""
    state: str = ""

    @property
    def names(self) -> list[str]:
        """Of all that is shown."""
        found = [reference(self.kind, self.name)]
        for x in (x for one in self.slices for role in one.roles for x in role.sets):
            found += x.set.names
        return [*found, *(f"disaggregatedsetrolescaler.{d.GROUP}/{x.name}" for x in self.scalers)]


def describe(seen: SeenRoles, *, now: float) -> RolesView:
    """What the tree shows: all there is, of slices and roles that are wanted no longer, too.

    ``now``: seconds since 1970.
    """
    ds, wanted, there = seen.ds, seen.wanted, seen.by_place()
    numbers = {*range(ds.slices), *(x for x, _ in there if x is not None)}
    slices = []
    for number in sorted(numbers):
        demands = {x.name: x for x in wanted.demands} if number < ds.slices else {}
        views = [
            _role(
                x,
                None if x in demands and demands[x].total is None else _wanted(number, demands.get(x)),
                [_set(one, wanted.revision, now) for one in there.get((number, x), ())],
            )
            for x in role_order(wanted, seen.children)
        ]
        slices.append(SliceView(number, [x for x in views if x.wanted != 0 or x.sets]))
    scalers = [
        ScalerView(x.name, x.spec.replicas, x.metadata.creation_timestamp or "") for x in seen.scalers or ()
    ]
    state, _ = state_of(ds, paused=ds.paused)
    created = ds.metadata.creation_timestamp or ""
    return RolesView(
        ds.namespace, ds.name, wanted.revision, ds.paused, slices, scalers, created=created, state=state
    )


def describe_anyway(seen: SeenRoles, *, now: float) -> RolesView:
    """As ``describe``; of a set whose spec nobody can read what it says itself, without its slices."""
    try:
        return describe(seen, now=now)
    except CommandError:
        ds = seen.ds
    state, _ = state_of(ds, paused=ds.paused)
    created = ds.metadata.creation_timestamp or ""
    return RolesView(ds.namespace, ds.name, "", ds.paused, [], [], created=created, state=state)


def _wanted(number: int, demand: Demand | None) -> int:
    """``demand``: None for what is to go."""
    return 0 if demand is None else demand.in_slice(number, otherwise=0)


def _role(name: str, wanted: int | None, found: Sequence[RoleSetView]) -> RoleView:
    """The present LeaderWorkerSet comes first."""
    views = sorted(found, key=lambda x: (not x.current, x.set.name))
    ready, updated = sum(x.set.ready for x in views), sum(x.set.updated for x in views if x.current)
    return RoleView(name, wanted, ready, updated, views)


def _set(seen: Seen, revision: str, now: float) -> RoleSetView:
    own = revision_of_child(seen.lws)
    return RoleSetView(own, own == revision, describe_set(seen, now=now))


def root_of(view: RolesView, drawing: Drawing) -> Node:
    """The set, and everything below it."""
    roles = [x for one in view.slices for x in one.roles]
    info = line(_updated(roles), revision_of(view))
    status = Text(view.state, style=STYLES[view.state])
    cells = drawing.cells(_ready(roles), status, view.created, info)
    below = [_drawn_slice(x, drawing) for x in view.slices]
    for x in view.scalers:
        cells_of = drawing.cells("", "", x.created, f"replicas {x.replicas}")
        below.append(Node(f"disaggregatedsetrolescaler/{x.name}", cells_of))
    return Node(drawing.name(view.kind, view), cells, below)


def _drawn_slice(one: SliceView, drawing: Drawing) -> Node:
    cells = drawing.cells(_ready(one.roles), info=_updated(one.roles))
    return Node(f"slice {one.number}", cells, [_drawn_role(x, drawing) for x in one.roles])


def _drawn_role(role: RoleView, drawing: Drawing) -> Node:
    unknown = mark("its scaler is not there", good=False) if role.wanted is None else ""
    leaving = mark("to go", good=False) if role.wanted == 0 and role.ready else ""
    below = [
        set_root(x.set, drawing, "" if x.current else mark(f"former revision {x.revision}", good=False))
        for x in role.sets
    ]
    info = line(_updated([role]), unknown, leaving)
    return Node(f"role {role.name}", drawing.cells(_ready([role]), info=info), below)


def _ready(roles: list[RoleView]) -> Text:
    """Groups of all these roles."""
    ready = sum(x.ready for x in roles)
    if any(x.wanted is None for x in roles):
        return mark(f"{ready}/?", good=False)
    return share(ready, sum(x.wanted or 0 for x in roles))


def _updated(roles: list[RoleView]) -> Text:
    """Empty where all of them are."""
    updated, wanted = sum(x.updated for x in roles), sum(x.wanted or 0 for x in roles)
    known = all(x.wanted is not None for x in roles)
    return mark(f"{updated}/{wanted} updated", good=False) if known and updated < wanted else Text()


def run(session: Session, options: Any) -> int:
    """One DisaggregatedSet."""

    def look() -> RolesView:
        return describe(see_roles(session, options.name), now=time.time())

    if options.watch:
        following = sets.Following(session, lambda: [look()], root_of)
        return follow(session, sources_of(options.name), following, timeout=options.timeout)
    view, drawing = look(), sets.drawing_for(session)
    session.show(view, drawing.table([root_of(view, drawing)]))
    return 0


def sources_of(name: str) -> list[Source]:
    """What changes with a DisaggregatedSet."""
    ours = equals(d.NAME_LABEL, name)
    own = Source(DISAGGREGATEDSETS, field_selector=equals("metadata.name", name))
    return [own, *(Source(x, ours) for x in (LEADERWORKERSETS, PODS))]


def run_all(session: Session, options: Any) -> int:
    """All sets there are: DisaggregatedSets, then the LeaderWorkerSets that are part of none of them."""

    def look() -> list[RolesView | SetView]:
        (roles, alone), now = see_everything(session), time.time()
        return [*(describe_anyway(x, now=now) for x in roles), *(describe_set(x, now=now) for x in alone)]

    if options.watch:
        sources = [Source(DISAGGREGATEDSETS), Source(LEADERWORKERSETS), Source(PODS, exists(c.NAME_LABEL))]
        return follow(session, sources, sets.Following(session, look, _root), timeout=options.timeout)
    views, drawing = look(), sets.drawing_for(session)
    roots = [_root(x, drawing) for x in views]
    session.show({"items": views}, drawing.table(roots) if roots else sets.nothing(session))
    return 0


def _root(view: RolesView | SetView, drawing: Drawing) -> Node:
    return root_of(view, drawing) if isinstance(view, RolesView) else set_root(view, drawing)
