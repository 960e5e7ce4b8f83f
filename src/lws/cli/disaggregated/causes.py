"""Why a DisaggregatedSet is not ready or not up to date: what it says itself, what holds its slices, and what
its LeaderWorkerSets, their groups and pods wait for.

Pure. What is wrong with a LeaderWorkerSet is found as for any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet
from lws.api.workloads import Node
from lws.cli.causes import Events, own_causes
from lws.cli.disaggregated.observing import SeenRoles
from lws.cli.drawing import count
from lws.cli.kinds import ROLE_SCALERS
from lws.cli.observing import Seen
from lws.cli.podcauses import Cause
from lws.cli.session import CommandError
from lws.cli.status import standing_condition
from lws.cli.why import causes_of, causes_of_unreadable
from lws.planning.disaggregated.demand import Demand, Wanted
from lws.planning.disaggregated.names import revision_of_child, role_of, slice_of
from lws.planning.disaggregated.rollout import stable
from lws.planning.disaggregated.slices import Slice


def roles_causes(
    seen: SeenRoles, events: Events, *, now: float, nodes: Sequence[Node] | None = None
) -> list[Cause]:
    """All findings: about the set, then slice by slice what holds it, then about its LeaderWorkerSets, those
    of the present revision first. ``now``: seconds since 1970. ``nodes``: as for ``group_causes``.
    """
    wanted = seen.wanted
    children = sorted(seen.sets, key=lambda x: (revision_of_child(x.lws) != wanted.revision, x.lws.name))

    def of_child(one: Seen) -> list[Cause]:
        try:
            return causes_of(one, events, now=now, nodes=nodes)
        except CommandError as error:  # of one alone: the others have causes of their own
            return causes_of_unreadable(one.lws, error)

    of_children = [cause for one in children for cause in _placed(one, of_child(one))]
    return [
        *_own_causes(seen.ds, of_children),
        *_scaler_causes(seen, wanted),
        *(cause for one in seen.slices for cause in _slice_causes(wanted, one)),
        *of_children,
    ]


def _own_causes(ds: DisaggregatedSet, of_children: Iterable[Cause]) -> Iterator[Cause]:
    """Without what a LeaderWorkerSet says itself that stalls."""
    stalled = standing_condition(ds, c.STALLED)
    told = stalled is not None and stalled.reason == d.REASON_CHILD_STALLED
    told = told and any(x.reason == c.STALLED for x in of_children)
    return (x for x in own_causes(ds) if not (told and x.reason == c.STALLED))


def _scaler_causes(seen: SeenRoles, wanted: Wanted) -> Iterator[Cause]:
    """An External role without its scaler keeps the size it has."""
    for demand in wanted.demands:
        if demand.total is not None:
            continue
        if seen.scalers is None:
            message = f"its size is unknown: the server does not show {ROLE_SCALERS.plural}"
            advice = f"see whether the CRD {ROLE_SCALERS.plural}.{ROLE_SCALERS.group} is installed"
            yield Cause("ScalersUnknown", message, role=demand.name, advice=advice)
        else:
            yield Cause("NoScaler", "its size is unknown: its scaler is not there", role=demand.name)


def bare_roles(wanted: Wanted, one: Slice) -> list[str]:
    """Roles without any ready group in a slice that rolls, of which nothing former is left, either.

    Somebody has deleted that LeaderWorkerSet, and nobody can make it again (docs/decisions/181); or the role
    is new, and its first step has not come.
    """
    live = [x for x in one.former if not x.drained]
    return [
        x.name
        for x in wanted.demands
        if live
        and x.in_slice(one.number, otherwise=0)
        and not any(x.name in former.children for former in live)
        and not (x.name in one.target and one.target[x.name].status.ready_replicas)
    ]


def mending(ds: DisaggregatedSet) -> str:
    """What gives such roles groups."""
    if ds.paused:
        return f"run 'kubectl lws resume ds/{ds.name}', and the rollout makes its groups"
    return f"the rollout makes its groups, or 'kubectl lws undo ds/{ds.name}' the former ones"


def _slice_causes(wanted: Wanted, one: Slice) -> list[Cause]:
    """What keeps a slice from its next step, or from its size; roles that have none ready meanwhile."""
    message = "no group is ready, and no LeaderWorkerSet of a former revision is left"
    bare = [
        Cause("NoReadyGroup", message, slice=one.number, role=x, advice=mending(wanted.ds))
        for x in bare_roles(wanted, one)
    ]
    return [*bare, *_held_causes(wanted, one)]


def _held_causes(wanted: Wanted, one: Slice) -> list[Cause]:
    live = [x for x in one.former if not x.drained]
    if live and wanted.ds.paused:
        advice = f"run 'kubectl lws resume ds/{wanted.ds.name}' to go on"
        return [
            Cause(
                "Paused", "its rollout stands where it is: the set is paused", slice=one.number, advice=advice
            )
        ]
    if live and not one.target:
        former = ", ".join(x.revision for x in live)
        message = f"the rollout from {former} to {wanted.revision} has not begun"
        return [Cause("RolloutPending", message, slice=one.number)]
    found = [x for demand in wanted.demands for x in _role_causes(wanted, one, demand, rolling=bool(live))]
    if live and not found:
        groups = sum(child.replicas for x in live for child in x.children.values())
        message = f"{count(groups, 'group')} of former revisions still to go: the next step is due"
        found.append(Cause("RollingOut", message, slice=one.number))
    return found


def _role_causes(wanted: Wanted, one: Slice, demand: Demand, *, rolling: bool) -> Iterator[Cause]:
    """No step of a rollout is taken while new groups of any role are missing or not ready."""
    role, child = demand.name, one.target.get(demand.name)
    if child is None:
        message = f"its LeaderWorkerSet of revision {wanted.revision} has not been made"
        yield Cause("NoLeaderWorkerSet", message, slice=one.number, role=role)
    elif rolling and not stable(one, demand):
        ready = f"{child.status.ready_replicas} of {count(child.replicas, 'new group')} ready"
        message = f"holds the rollout of its slice: {ready}"
        yield Cause("HoldsRollout", message, slice=one.number, role=role, set=child.name)
    elif not rolling and child.replicas != (due := demand.in_slice(one.number, otherwise=child.replicas)):
        message = f"is still to be scaled from {child.replicas} to {count(due, 'group')}"
        yield Cause("Scaling", message, slice=one.number, role=role, set=child.name)


def _placed(seen: Seen, causes: Iterable[Cause]) -> Iterator[Cause]:
    """What holds one LeaderWorkerSet, with its place."""
    for cause in causes:
        cause.slice, cause.role, cause.set = slice_of(seen.lws), role_of(seen.lws), seen.lws.name
        yield cause


def troubled(seen: SeenRoles) -> list[Seen]:
    """The LeaderWorkerSets whose events may say more: what is whole has nothing to tell."""
    return [x for x in seen.sets if x.lws.status.ready_replicas < x.lws.replicas or own_causes(x.lws)]
