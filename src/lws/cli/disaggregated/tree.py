"""``kubectl lws tree`` of DisaggregatedSets: slices, roles, and what was made for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree

from lws.api import disaggregation as d
from lws.cli import tree as sets
from lws.cli.disaggregated.observing import SeenRoles, role_order, see_everything, see_roles
from lws.cli.drawing import QUIET, line, mark
from lws.cli.observing import Seen
from lws.cli.session import Session
from lws.planning.disaggregated.demand import Demand
from lws.planning.disaggregated.names import revision_of_child


class RoleSetView(Struct, rename="camel"):
    """A LeaderWorkerSet of a role. ``revision``: of the DisaggregatedSet; ``current``: its present one."""

    revision: str
    current: bool
    set: sets.SetView


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


class RolesView(Struct, rename="camel"):
    """A DisaggregatedSet. ``revision``: of its present templates."""

    namespace: str
    name: str
    revision: str
    paused: bool
    slices: list[SliceView]
    scalers: list[ScalerView]
    kind: str = d.KIND


def describe(seen: SeenRoles) -> RolesView:
    """What the tree shows: all there is, of slices and roles that are wanted no longer, too."""
    ds, wanted, there = seen.ds, seen.wanted, seen.by_place()
    numbers = {*range(ds.slices), *(x for x, _ in there if x is not None)}
    slices = []
    for number in sorted(numbers):
        demands = {x.name: x for x in wanted.demands} if number < ds.slices else {}
        views = [
            _role(number, x, demands.get(x), there.get((number, x), ()), wanted.revision)
            for x in role_order(wanted, seen.children)
        ]
        slices.append(SliceView(number, [x for x in views if x.wanted != 0 or x.sets]))
    scalers = [ScalerView(x.name, x.spec.replicas) for x in seen.scalers or ()]
    return RolesView(ds.namespace, ds.name, wanted.revision, ds.paused, slices, scalers)


def _role(number: int, name: str, demand: Demand | None, mine: Sequence[Seen], revision: str) -> RoleView:
    """``demand``: None for what is to go. The present LeaderWorkerSet comes first."""
    ordered = sorted(mine, key=lambda x: (revision_of_child(x.lws) != revision, x.lws.name))
    views = [_set(x, revision) for x in ordered]
    unknown = demand is not None and demand.total is None
    wanted = 0 if demand is None else demand.in_slice(number, otherwise=0)
    return RoleView(
        name,
        None if unknown else wanted,
        sum(x.set.ready for x in views),
        sum(x.set.updated for x in views if x.current),
        views,
    )


def _set(seen: Seen, revision: str) -> RoleSetView:
    own = revision_of_child(seen.lws)
    return RoleSetView(own, own == revision, sets.describe(seen))


def draw(view: RolesView, *, namespaced: bool = False) -> RenderableType:
    """``namespaced``: name the namespace, too."""
    where = f"{view.namespace}/" if namespaced else ""
    roles = [x for one in view.slices for x in one.roles]
    title = Text(f"disaggregatedset/{where}{view.name}", style="bold")
    paused = mark("paused", good=False) if view.paused else ""
    root = Tree(line(title, *_progress(roles), f"revision {view.revision}", paused), guide_style=QUIET)
    for one in view.slices:
        branch = root.add(line(f"slice {one.number}", *_progress(one.roles)))
        for role in one.roles:
            _draw_role(branch, role)
    for scaler in view.scalers:
        root.add(line(f"disaggregatedsetrolescaler/{scaler.name}", f"replicas {scaler.replicas}"))
    return root


def _progress(roles: list[RoleView]) -> tuple[Text, ...]:
    """Groups of all these roles."""
    wanted = sum(x.wanted or 0 for x in roles)
    ready, updated = sum(x.ready for x in roles), sum(x.updated for x in roles)
    if any(x.wanted is None for x in roles):
        return (mark(f"{ready} groups ready", good=False),)
    return (
        mark(f"{ready}/{wanted} groups ready", good=ready >= wanted),
        mark(f"{updated}/{wanted} updated", good=updated >= wanted),
    )


def _draw_role(branch: Tree, role: RoleView) -> None:
    unknown = mark("its scaler is not there", good=False) if role.wanted is None else ""
    leaving = mark("to go", good=False) if role.wanted == 0 and role.ready else ""
    top = branch.add(line(f"role {role.name}", *_progress([role]), unknown, leaving))
    for one in role.sets:
        former = "" if one.current else mark(f"former revision {one.revision}", good=False)
        sets.grow(top.add(line(sets.heading(one.set), former)), one.set)


def run(session: Session, options: Any) -> int:
    """One DisaggregatedSet."""
    view = describe(see_roles(session, options.name))
    session.show(view, draw(view))
    return 0


def run_all(session: Session, _: Any) -> int:
    """All sets there are: DisaggregatedSets, then the LeaderWorkerSets that are part of none of them."""
    roles, alone = see_everything(session)
    composed, plain = [describe(x) for x in roles], [sets.describe(x) for x in alone]
    namespaced = not session.namespace
    drawn = Lines(
        *(draw(x, namespaced=namespaced) for x in composed),
        *(sets.draw(x, namespaced=namespaced) for x in plain),
    )
    views = [*composed, *plain]
    session.show({"items": views}, drawn if views else sets.nothing(session))
    return 0
