"""``kubectl lws status`` of a DisaggregatedSet: how far each role is, once or until all are rolled out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from rich.text import Text

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.cli import following
from lws.cli.disaggregated.causes import bare_roles, mending
from lws.cli.disaggregated.observing import SeenRoles, see_children
from lws.cli.drawing import BAD, BUSY, GOOD, count
from lws.cli.kinds import DISAGGREGATEDSETS, reference
from lws.cli.session import Session
from lws.cli.status import being_deleted, condition, stalled, to_go
from lws.planning.disaggregated.names import revision_of_child, role_of
from lws.planning.disaggregated.status import count_roles


class RoleProgress(Struct, rename="camel"):
    """Groups of one role over all slices. ``wanted``: None where its scaler is not there. ``updated``: of the
    wanted ones, without any above them.
    """

    name: str
    wanted: int | None
    replicas: int
    ready: int
    updated: int


class RolesStatusView(Struct, rename="camel"):
    """``former``: groups of former revisions that still exist. ``bare``: what is to be said of roles that
    have none ready, and get one by the rollout only. ``done`` and ``failed`` end a wait.
    """

    namespace: str
    name: str
    generation: int
    observed_generation: int
    revision: str
    slices: int
    roles: list[RoleProgress]
    former: int
    paused: bool
    done: bool
    failed: bool
    message: str
    kind: str = d.KIND
    bare: list[str] = []

    @property
    def names(self) -> list[str]:
        return [reference(self.kind, self.name)]


def describe(seen: SeenRoles) -> RolesStatusView:
    """How far the set is, by what its LeaderWorkerSets say."""
    ds, wanted = seen.ds, seen.wanted
    problem = stalled(ds) or next(_failures(seen), None)
    view = RolesStatusView(
        namespace=ds.namespace,
        name=ds.name,
        generation=ds.metadata.generation,
        observed_generation=ds.status.observed_generation,
        revision=wanted.revision,
        slices=ds.slices,
        roles=progress(seen),
        former=sum(x.status.replicas for x in seen.children if revision_of_child(x) != wanted.revision),
        paused=ds.paused,
        done=condition(ds, d.AVAILABLE) is not None and not ds.deleting,
        failed=problem is not None,
        message="",
        bare=list(_bare(seen)),
    )
    if ds.deleting:
        problem = being_deleted(sum(x.status.replicas for x in seen.children))
    view.message = _message(view) if problem is None else problem
    return view


def _bare(seen: SeenRoles) -> Iterator[str]:
    for one in seen.slices:
        for role in bare_roles(seen.wanted, one):
            yield f"slice {one.number}, role {role}: no group is ready; {mending(seen.ds)}"


def progress(seen: SeenRoles) -> list[RoleProgress]:
    """Of each role of the spec."""
    wanted = seen.wanted
    counted = count_roles(wanted, seen.children)
    present = [x for x in seen.children if revision_of_child(x) == wanted.revision]
    roles = []
    for demand in wanted.demands:
        there = counted[demand.name]
        mine = [x.status for x in present if role_of(x) == demand.name]
        outdated = sum(max(0, x.replicas - x.updated_replicas) for x in mine)
        most = there.updated_replicas if demand.total is None else max(0, demand.total - outdated)
        updated = min(there.updated_replicas, most)
        roles.append(RoleProgress(demand.name, demand.total, there.replicas, there.ready_replicas, updated))
    return roles


def _failures(seen: SeenRoles) -> Iterator[str]:
    """What LeaderWorkerSets of the present revision say of themselves that ends a wait."""
    for lws in seen.children:
        if revision_of_child(lws) == seen.revision:
            message, failure = stalled(lws), condition(lws, c.FAILED)
            if message is not None or failure is not None:
                yield f"leaderworkerset {lws.name} {message or f'failed: {failure}'}"


def _message(view: RolesStatusView) -> str:
    if view.observed_generation != view.generation:
        return "waiting for the controller to see the present spec"
    if view.done:
        groups = count(sum(x.wanted or 0 for x in view.roles), "group")
        rolled = f"successfully rolled out: {count(len(view.roles), 'role')}, {groups} updated and ready"
        return f"{rolled}{to_go(sum(max(0, x.replicas - (x.wanted or 0)) for x in view.roles))}"
    parts = [_role(x) for x in view.roles]
    if view.former:
        parts.append(f"{count(view.former, 'group')} of former revisions left")
    return f"{'paused' if view.paused else 'waiting'}: {'; '.join(parts)}"


def _role(role: RoleProgress) -> str:
    if role.wanted is None:
        return f"{role.name} has no scaler"
    return f"{role.name} {role.updated} of {role.wanted} updated, {role.ready} ready"


def draw(view: RolesStatusView) -> Text:
    style = BAD if view.failed else GOOD if view.done else BUSY
    return Text(f'disaggregatedset "{view.name}" ').append(view.message, style=style)


def draw_whole(view: RolesStatusView) -> Text:
    """With the roles that nobody would look for."""
    return draw(view).append("".join(f"\n  {x}" for x in view.bare))


def run(session: Session, options: Any) -> int:
    """Once, or with ``--watch`` until the end."""

    def look() -> following.Moment:
        seen = see_children(session, options.name)
        return following.Moment(seen.ds, describe(seen))

    subject = following.Subject(DISAGGREGATEDSETS, f'disaggregatedset "{options.name}"', look)
    return following.run(session, options, subject, draw if options.watch else draw_whole)
