"""The rollout of a DisaggregatedSet as a table: a row for each step, a column for each role."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct
from rich.console import RenderableType
from rich.text import Text

from lws.api.leaderworkerset import LeaderWorkerSet
from lws.cli.disaggregated.observing import role_order
from lws.cli.disaggregated.simulation import Sizes, states
from lws.cli.drawing import numbers, table
from lws.planning.disaggregated.demand import Wanted
from lws.planning.disaggregated.rollout import initial_replicas
from lws.planning.disaggregated.slices import Children, Slice, make_slices

MOST: Final = 500
"""Steps that are worked out: roles of a million groups would have more than anybody reads."""
NOW: Final = "now"


class RolloutStep(Struct, rename="camel"):
    """``roles``: groups by role and revision, after the step. ``what``: how that differs from before."""

    number: int
    roles: Sizes
    what: list[str]


class SliceRollout(Struct, rename="camel"):
    """What happens to these slices, which are alike. Step 0 is now. ``more``: it goes on after the last.

    ``former``: revisions that go, the one with the newest LeaderWorkerSet first.
    """

    slices: list[int]
    former: list[str]
    revision: str
    steps: list[RolloutStep]
    more: bool = False

    @property
    def replaces(self) -> bool:
        """Whether groups are replaced or removed for the sake of another template."""
        return bool(self.former) and len(self.steps) > 1


def roll_out(wanted: Wanted, children: Iterable[LeaderWorkerSet]) -> list[SliceRollout]:
    """The rollout of every slice of the spec, from the set's own ``children``; of alike slices together."""
    known = list(children)
    found: dict[Hashable, SliceRollout] = {}
    for one in make_slices(wanted.ds, wanted.revision, known):
        kind = _likeness(wanted, one)
        if kind not in found:
            found[kind] = _roll_out(wanted, one)
        else:
            found[kind].slices.append(one.number)
    return list(found.values())


def _likeness(wanted: Wanted, one: Slice) -> Hashable:
    """All that the planner's steps depend on."""
    former = tuple((x.revision, _held(x.children)) for x in one.former)
    shares = tuple(x.in_slice(one.number, otherwise=-1) for x in wanted.demands)
    return _held(one.target), former, shares


def _held(children: Children) -> Hashable:
    return frozenset((role, x.replicas, initial_replicas(x)) for role, x in children.items())


def _roll_out(wanted: Wanted, one: Slice) -> SliceRollout:
    former = [x for x in one.former if not x.drained]
    mine = [*one.target.values(), *(child for x in one.former for child in x.children.values())]
    found = list(itertools.islice(states(wanted, one.number, mine), MOST + 2))
    roles = role_order(wanted, mine)
    steps = [RolloutStep(0, found[0].sizes, [NOW])]
    for before, after in itertools.pairwise(found[: MOST + 1]):
        what = list(_changes(before.sizes, after.sizes, roles, wanted.revision))
        steps.append(RolloutStep(after.number, after.sizes, what))
    names = list(dict.fromkeys(x.revision for x in former))
    return SliceRollout([one.number], names, wanted.revision, steps, more=len(found) > MOST + 1)


def _changes(before: Sizes, after: Sizes, roles: Sequence[str], revision: str) -> Iterator[str]:
    """New groups first, as upstream's planning command says them."""
    for new in (True, False):
        for role in roles:
            now, then = (_sum(x.get(role, {}), revision, new=new) for x in (after, before))
            if now != then:
                yield f"{'new' if new else 'old'} {role} {now - then:+d}"


def _sum(role: Mapping[str, int], revision: str, *, new: bool) -> int:
    return sum(groups for of, groups in role.items() if (of == revision) == new)


def draw(rollout: SliceRollout, roles: Sequence[str]) -> list[RenderableType]:
    """A heading that says what a cell holds, and the table. ``roles``: the columns."""
    several = len(rollout.slices) > 1
    title = f"slice{'s' if several else ''} {numbers(rollout.slices)}"
    if len(rollout.steps) == 1:
        return [Text(f"{title}: nothing to do")]
    former = " + ".join(rollout.former)
    cells = f"groups of {former} / {rollout.revision}" if former else f"groups of {rollout.revision}"
    rows = [_row(rollout, x, roles) for x in rollout.steps]
    drawn = table(("STEP", *(x.upper() for x in roles), "TOTAL", "WHAT HAPPENS"), rows)
    more = [Text(f"... and so on: more than {MOST} steps")] if rollout.more else []
    return [Text(f"{title}: {cells}"), drawn, *more]


def _row(rollout: SliceRollout, step: RolloutStep, roles: Sequence[str]) -> list[str]:
    sizes = [step.roles.get(x, {}) for x in roles]
    total = sum(sum(x.values()) for x in sizes)
    cells = [_cell(rollout, x) for x in sizes]
    return [str(step.number), *cells, str(total), ", ".join(step.what)]


def _cell(rollout: SliceRollout, sizes: Mapping[str, int]) -> str:
    """``2+3/1``: groups of each former revision, and of the new one."""
    new = str(sizes.get(rollout.revision, 0))
    if not rollout.former:
        return new
    return f"{'+'.join(str(sizes.get(x, 0)) for x in rollout.former)}/{new}"
