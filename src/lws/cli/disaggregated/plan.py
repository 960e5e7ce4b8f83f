"""``kubectl lws plan`` of a DisaggregatedSet: its rollout step by step, before anything is applied.

The edit, and the LeaderWorkerSets that the controller would make of it, go through the API server's dry run;
the steps are the controller's own planner's (``simulation``).
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.text import Text

from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet
from lws.cli.disaggregated.observing import SeenRoles, role_order, see_children
from lws.cli.disaggregated.rollouts import SliceRollout, roll_out
from lws.cli.disaggregated.rollouts import draw as draw_rollout
from lws.cli.drawing import GOOD, QUIET, count, numbers
from lws.cli.kinds import DISAGGREGATEDSETS, LEADERWORKERSETS
from lws.cli.manifest import Edit, try_edit
from lws.cli.plan import drawn_edit
from lws.cli.session import Session
from lws.cli.trial import Trials
from lws.planning.disaggregated.children import lws_document
from lws.planning.disaggregated.names import lws_name, slice_of
from lws.planning.disaggregated.rollout import stable
from lws.planning.disaggregated.slices import legacy_of_target, make_slices


class RolesPlanView(Struct, rename="camel"):
    """``roles``: those of the spec, then removed ones. ``restarts_pods``: whether any group is replaced.

    ``refused``: what the API server says to the LeaderWorkerSets of the new revision. Revisions are the
    DisaggregatedSet's.
    """

    namespace: str
    name: str
    changes: list[str]
    from_revision: str
    to_revision: str
    roles: list[str]
    restarts_pods: bool
    rollouts: list[SliceRollout]
    notes: list[str]
    refused: list[str]
    kind: str = d.KIND


def describe(
    seen: SeenRoles, edited: DisaggregatedSet, changes: list[str], trials: Trials | None
) -> RolesPlanView:
    """What would happen once ``seen.ds`` is ``edited``. ``trials``: None asks the server nothing.

    Raises CommandError.
    """
    after = seen._replace(ds=edited)
    wanted, legacy = after.wanted, {x.uid for x in legacy_of_target(edited, after.revision, seen.children)}
    left = [x for x in seen.children if x.uid not in legacy]
    rollouts = roll_out(wanted, left)
    refused = [] if trials is None else _refused(trials, after)
    return RolesPlanView(
        namespace=edited.namespace,
        name=edited.name,
        changes=changes,
        from_revision=seen.revision,
        to_revision=wanted.revision,
        roles=role_order(wanted, left),
        restarts_pods=any(x.replaces for x in rollouts) or bool(legacy),
        rollouts=[] if refused else rollouts,
        notes=[*_notes(seen, after, migrates=bool(legacy)), *_untried(trials)],
        refused=refused,
    )


def _untried(trials: Trials | None) -> list[str]:
    return [f"not tried: {x}" for x in (trials.untried if trials is not None else ())]


def _refused(trials: Trials, after: SeenRoles) -> list[str]:
    """Of each role the LeaderWorkerSet that slice 0 gets, if it is still to be made."""
    wanted, there = after.wanted, {x.name for x in after.children}
    refused = []
    for demand in wanted.demands:
        name = lws_name(after.ds, 0, wanted.revision, demand.name)
        if name in there:
            continue
        replicas = demand.in_slice(0, otherwise=0)
        document = lws_document(
            after.ds, demand.role, index=0, revision=wanted.revision, replicas=0, target=replicas
        )
        if answer := trials.create(LEADERWORKERSETS, document, f"LeaderWorkerSet of role {demand.name}"):
            refused.append(f"the API server refuses the LeaderWorkerSet of role {demand.name}: {answer}")
    return refused


def _notes(seen: SeenRoles, after: SeenRoles, *, migrates: bool) -> list[str]:
    notes = []
    wanted, slices = after.wanted, after.ds.slices
    if after.ds.paused:
        notes.append(f"the set is paused: nothing is replaced until 'kubectl lws resume ds/{after.ds.name}'")
    surplus = sorted({x for child in seen.children if (x := slice_of(child)) is not None and x >= slices})
    if surplus:
        groups = sum(x.replicas for x in seen.children if slice_of(x) in surplus)
        notes.append(f"slices {numbers(surplus)} go at once, with {count(groups, 'group')}")
    if migrates:
        notes.append("slice 0 was made before there were slices: it is made anew at once, beside the others")
    unready = sorted(
        {
            x.name
            for one in make_slices(after.ds, wanted.revision, seen.children)
            for x in wanted.demands
            if x.name in one.target and not stable(one, x)
        }
    )
    if unready:
        notes.append(f"not ready now, taken to become so before the next step: {', '.join(unready)}")
    unknown = [x.name for x in wanted.demands if x.total is None]
    if unknown:
        notes.append(f"without scaler, taken to keep their size: {', '.join(unknown)}")
    return notes


def draw(view: RolesPlanView) -> RenderableType:
    lines = drawn_edit(view.changes, view.refused)
    if not view.refused:
        lines.append(_verdict(view))
        for rollout in view.rollouts:
            lines += draw_rollout(rollout, view.roles)
    lines += [Text(f"note: {x}", style=QUIET) for x in view.notes]
    return Lines(*lines)


def _verdict(view: RolesPlanView) -> Text:
    if not view.restarts_pods:
        changes = any(len(x.steps) > 1 for x in view.rollouts)
        return Text("no pod restarts" + (": only groups are added or removed" if changes else ""), style=GOOD)
    steps = max((len(x.steps) - 1 for x in view.rollouts), default=0)
    change = f"revision {view.from_revision} -> {view.to_revision}"
    if view.from_revision == view.to_revision:
        change = f"revision {view.to_revision}"
    return Text(f"all roles roll out together in {count(steps, 'step')}, {change}")


def run(session: Session, options: Any) -> int:
    edit: Edit = try_edit(session, options, DISAGGREGATEDSETS)
    edited = msgspec.json.decode(msgspec.json.encode(edit.wanted), type=DisaggregatedSet)
    seen = see_children(session, options.name)
    view = describe(seen, edited, edit.changes, Trials(session))
    session.show(view, draw(view))
    return 1 if view.refused else 0
