"""What one pass does to one slice: the steady state, or one step of a rollout (sections 8, 9 and 12).

The former revisions' LeaderWorkerSets, with the annotation of what they had at first, are all the memory that
the steps of a rollout have. When it began and ended is ``record``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.planning.actions import Action, Create, Document, Effect, Patch, Record, RoleRolloutStepped
from lws.planning.disaggregated.children import lws_document
from lws.planning.disaggregated.demand import Demand, Taken, Wanted
from lws.planning.disaggregated.drain import Generation, Holding
from lws.planning.disaggregated.names import lws_name
from lws.planning.disaggregated.pace import child_unavailable, pace_of
from lws.planning.disaggregated.planner import Counts, Pace, Rollout
from lws.planning.disaggregated.slices import Former, Slice, delete_lws, record
from lws.planning.disaggregated.steps import plan_move
from lws.planning.observed import number_in

Chain = list[Action]
"""What has to be done in this order, or not at all from where it failed."""


class Roll(NamedTuple):
    """A rollout of one slice as the planner wants it. ``names``: roles of the spec, then removed ones."""

    names: tuple[str, ...]
    rollout: Rollout
    generations: tuple[Generation, ...]


def plan_slice(wanted: Wanted, slice_: Slice) -> list[Action]:
    """Everything this pass does to the slice's LeaderWorkerSets."""
    return [action for chain in plan_chains(wanted, slice_) for action in chain]


def plan_chains(wanted: Wanted, slice_: Slice) -> list[Chain]:
    """The same, as chains: nothing of a chain is done after what failed of it; no chain waits for another."""
    live = tuple(x for x in slice_.former if not x.drained)
    drained = [
        delete_lws(wanted.ds, child, "its revision is drained")
        for x in slice_.former
        if x.drained
        for child in x.children.values()
    ]
    if not live:
        return apart([*drained, *_steady(wanted, slice_)])
    rolling = slice_._replace(former=live)
    moves = apart(_hold(wanted, rolling)) if wanted.ds.paused else _roll_on(wanted, rolling)
    return apart(drained) + moves


def apart(actions: Iterable[Action]) -> list[Chain]:
    """Each its own chain."""
    return [[x] for x in actions]


def at_rest(wanted: Wanted, slice_: Slice) -> bool:
    """The slice has all groups of the present revision that it is to have, and they are ready."""
    return not _steady(wanted, slice_) and all(stable(slice_, x) for x in wanted.demands)


def _steady(wanted: Wanted, slice_: Slice) -> list[Action]:
    """At full size at once: there is nothing old whose place it could take."""
    actions: list[Action] = []
    for demand in wanted.demands:
        child = slice_.target.get(demand.name)
        replicas = demand.in_slice(slice_.number, otherwise=0 if child is None else child.replicas)
        if child is None:
            actions += _create(wanted, slice_, demand, replicas=replicas)
        elif child.replicas != replicas:
            actions.append(_scaled(child, replicas))
    return actions


def stable(slice_: Slice, demand: Demand) -> bool:
    """The new revision's groups of a role are all ready, for minReadySeconds where the role has some; none
    missing, none in excess.
    """
    child = slice_.target.get(demand.name)
    return child is not None and child.replicas == child.status.ready_replicas and child.stable


def _roll_on(wanted: Wanted, slice_: Slice) -> list[Chain]:
    """Begin, mend, wait, or take one step."""
    if not slice_.target:
        return _begin(wanted, slice_)
    unnoted: list[Action] = [
        _annotated(x) for x in _children(slice_.former) if _noted(x) != initial_replicas(x)
    ]
    if unnoted:  # by a way back, or by somebody's hand
        return [unnoted]
    roll = read_roll(wanted, slice_)
    if any(x.name not in slice_.target for x in wanted.demands):
        return apart([*_mend(wanted, slice_, roll), *_followed(wanted, slice_)])
    if not all(stable(slice_, x) for x in wanted.demands):
        return []
    return [_step(wanted.ds, slice_, roll)]


def _mend(wanted: Wanted, slice_: Slice, roll: Roll) -> list[Action]:
    """Make the new LeaderWorkerSets that somebody deleted again."""
    missing = (x for x in wanted.demands if x.name not in slice_.target)
    return [action for x in missing for action in _create(wanted, slice_, x, replicas=_resumed(roll, x.name))]


def _hold(wanted: Wanted, slice_: Slice) -> list[Action]:
    """Of a paused set: what is missing is made again, and sizes before the first step (decision 181)."""
    mended = _mend(wanted, slice_, read_roll(wanted, slice_)) if slice_.target else []
    return mended + _followed(wanted, slice_)


def _followed(wanted: Wanted, slice_: Slice) -> list[Action]:
    """Before the first step the only former revision is what runs, so it takes the sizes asked for."""
    stepped = any(x.replicas < (_noted(x) or 0) for x in _children(slice_.former)) and slice_.target
    if stepped or len(slice_.former) > 1 or any(x.replicas for x in slice_.target.values()):
        return []
    there = ((x, slice_.former[0].children.get(x.name)) for x in wanted.demands)
    sizes = ((child, x.in_slice(slice_.number, otherwise=child.replicas)) for x, child in there if child)
    patches = [_scaled(child, replicas) for child, replicas in sizes if child.replicas != replicas]
    return [_noting(x) for x in patches] if slice_.target else [*patches]


def _noting(patch: Patch) -> Patch:
    """That a rollout that has begun takes from the new size."""
    about, spec = patch.document["metadata"], patch.document["spec"]
    noted = {"annotations": {d.INITIAL_REPLICAS_ANNOTATION: str(spec["replicas"])}}
    return replace(patch, document={"metadata": {**about, **noted}, "spec": spec})


def _begin(wanted: Wanted, slice_: Slice) -> list[Chain]:
    """The annotations come first: once a new LeaderWorkerSet is there they are not written again."""
    notes: list[Action] = [_annotated(x) for x in _children(slice_.former) if _initial(x) != str(x.replicas)]
    creates = [create for x in wanted.demands for create in _create(wanted, slice_, x, replicas=0)]
    return [[*notes, *creates]] if notes else apart(creates)


def plan_news(wanted: Wanted, before: Slice, now: Slice) -> list[Record]:
    """That the slice's rollout has begun: with the first new LeaderWorkerSet that could be made, whichever
    that is. ``before`` and ``now``: the slice before and after what ``plan_slice`` wanted was tried.
    """
    if before.target or not now.target or all(x.drained for x in before.former):
        return []
    note = f"Rolling update to revision {wanted.revision} of slice {now.number} started"
    return [record(wanted.ds, d.REASON_ROLLING_UPDATE_STARTED, "Update", note)]


def _children(former: Iterable[Former]) -> list[LeaderWorkerSet]:
    return [child for x in former for child in x.children.values()]


def _annotated(child: LeaderWorkerSet) -> Patch:
    body = {"metadata": {"annotations": {d.INITIAL_REPLICAS_ANNOTATION: str(child.replicas)}}}
    return _patch(child, body)


def _initial(child: LeaderWorkerSet) -> str | None:
    return child.annotations.get(d.INITIAL_REPLICAS_ANNOTATION)


def initial_replicas(child: LeaderWorkerSet) -> int:
    """What it had when the rollout began, which is never less than what it has: a rollout only takes."""
    return max(_noted(child) or 0, child.replicas)


def _noted(child: LeaderWorkerSet) -> int | None:
    """The annotation, a 32-bit number; None for anything else that somebody may have made of it."""
    digits = (_initial(child) or "").removeprefix("+")
    number = number_in(digits.lstrip("0") or digits[-1:])
    return number if number is not None and number < 2**31 else None


def read_roll(wanted: Wanted, slice_: Slice) -> Roll:
    """The planner's input. A role that is scaled externally never shrinks while it rolls."""
    demands = {x.name: x for x in wanted.demands}
    removed = sorted({role for x in slice_.former for role in x.children} - demands.keys())
    names = (*demands, *removed)
    new = tuple(slice_.target[x].replicas if x in slice_.target and x in demands else 0 for x in names)
    target = tuple(
        _target(demands[role], slice_.number, have) if role in demands else 0
        for role, have in zip(names, new, strict=True)
    )
    generations = tuple(_generation(x, names) for x in slice_.former)
    pace = tuple(
        pace_of(demands[role].spec, want) if role in demands else Pace()
        for role, want in zip(names, target, strict=True)
    )
    returned = tuple(_returned(slice_.target.get(x)) for x in names)
    initial = _sums([x.initial for x in generations], len(names))
    old = _sums([tuple(have or 0 for have in x.have) for x in generations], len(names))
    rollout = Rollout(initial, old, new, target, pace, returned)
    served = tuple(_served(demands.get(role), rollout.had(x)) for x, role in enumerate(names))
    return Roll(names, rollout._replace(served=served), generations)


def _served(demand: Demand | None, had: int) -> int:
    """Groups that had to be ready of so many; shares were of that size. None of a role that goes."""
    return 0 if demand is None else max(0, had - pace_of(demand.spec, had).unavailable)


def _returned(child: LeaderWorkerSet | None) -> int:
    """What a child of the target's revision was noted to have when a rollout began to lead away from it."""
    return (_noted(child) or 0) if child is not None else 0


def _target(demand: Demand, index: int, have: int) -> int:
    replicas = demand.in_slice(index, otherwise=have)
    return max(replicas, have) if demand.role.external else replicas


def _generation(former: Former, names: Sequence[str]) -> Generation:
    children = [former.children.get(x) for x in names]
    have: Holding = tuple(None if x is None else x.replicas for x in children)
    return Generation(have, tuple(0 if x is None else initial_replicas(x) for x in children))


def _sums(rows: Sequence[Counts], width: int) -> Counts:
    return tuple(sum(row[x] for row in rows) for x in range(width))


def _resumed(roll: Roll, role: str) -> int:
    """Replicas of a new LeaderWorkerSet that was deleted: as far as the others are, within the ceiling."""
    rollout, index = roll.rollout, roll.names.index(role)
    want, room = rollout.target[index], rollout.ceiling(index) - rollout.old[index]
    others = [x for x in rollout.roles if x != index and rollout.target[x] > 0]
    reached = min((rollout.new[x] * want // rollout.target[x] for x in others), default=0)
    return max(0, min(reached, want, room))


def _step(ds: DisaggregatedSet, slice_: Slice, roll: Roll) -> list[Action]:
    """Old groups go before new ones come, so that at no moment there are more than the ceiling."""
    move = plan_move(roll.rollout, roll.generations)
    if move is None:
        return []
    changes: list[tuple[str, LeaderWorkerSet, int]] = []
    for former, after in zip(slice_.former, move.generations, strict=True):
        for role, want in zip(roll.names, after, strict=True):
            child = former.children.get(role)
            if child is not None and want is not None and want < child.replicas:
                changes.append((role, child, want))
    for role, want in zip(roll.names, move.new, strict=True):
        child = slice_.target.get(role)
        if child is not None and want > child.replicas:
            changes.append((role, child, want))
    last = len(changes) - 1
    return [
        _scaled(child, want, _scaling(ds, child, role, want), *([RoleRolloutStepped()] if x == last else []))
        for x, (role, child, want) in enumerate(changes)
    ]


def _scaling(ds: DisaggregatedSet, child: LeaderWorkerSet, role: str, want: int) -> Record:
    up = want > child.replicas
    reason, how = (d.REASON_SCALING_UP, "up") if up else (d.REASON_SCALING_DOWN, "down")
    note = f"Scaling {how} role {role}, LeaderWorkerSet {child.name}, from {child.replicas} to {want}"
    return record(ds, reason, "Update", note)


def _scaled(child: LeaderWorkerSet, replicas: int, *then: Effect) -> Patch:
    """The child under its own name, whatever that is; mended where its admission would refuse the size."""
    spec: Document = {"replicas": replicas}
    unavailable = child_unavailable(child.rolling_update, replicas)
    if unavailable is not None:
        spec["rolloutStrategy"] = {"rollingUpdateConfiguration": {"maxUnavailable": unavailable}}
    return _patch(child, {"spec": spec}, then)


def _patch(child: LeaderWorkerSet, body: Document, then: tuple[Effect, ...] = ()) -> Patch:
    metadata = child.metadata
    identity = {
        "name": metadata.name,
        "namespace": metadata.namespace,
        "uid": metadata.uid,
        "resourceVersion": metadata.resource_version,
    }
    document = {**body, "metadata": {**body.get("metadata", {}), **identity}}
    return Patch("LeaderWorkerSet", document, then=then)


def _create(wanted: Wanted, slice_: Slice, demand: Demand, *, replicas: int) -> list[Create]:
    name = lws_name(wanted.ds, slice_.number, wanted.revision, demand.name)
    if Taken("LeaderWorkerSet", name) in wanted.taken:
        return []
    document = lws_document(
        wanted.ds,
        demand.role,
        index=slice_.number,
        revision=wanted.revision,
        replicas=replicas,
        target=demand.in_slice(slice_.number, otherwise=replicas),
    )
    return [Create("LeaderWorkerSet", document)]
