"""What one step of a rollout does to every count, so that no step does harm (decision 170).

Upstream's step is taken wherever it keeps every floor in groups that are *ready* now and every ceiling in
groups that exist. Where it would not, a smaller one is taken: new groups as far as each role has room, else
old groups as far as floors allow, generation by generation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from lws.planning.disaggregated.drain import Generation, Holding, drain, drain_safely, total
from lws.planning.disaggregated.planner import Counts, Rollout, next_new, next_old, next_step


class Move(NamedTuple):
    """Counts after the step: of each generation, in the order given, and of the new revision."""

    generations: tuple[Holding, ...]
    new: Counts


def plan_move(rollout: Rollout, generations: Sequence[Generation]) -> Move | None:
    """The next step; None when nothing is left to do. Every new group of now must be ready.

    ``generations`` newest first; ``rollout.old`` are their sums.
    """
    move = upstream_move(rollout, generations)
    rest = Move(tuple(x.have for x in generations), rollout.new)
    if move is not None and move != rest and not harmful(rollout, generations, move):
        return move
    if rollout.done or not rollout.batches:
        return None
    return next((x for x in _safe_moves(rollout, generations) if x != rest), None)


def upstream_move(rollout: Rollout, generations: Sequence[Generation]) -> Move | None:
    """What upstream's planner and executor together do."""
    step = next_step(rollout)
    if step is None:
        return None
    budget = [have - want for have, want in zip(rollout.old, step.old, strict=True)]
    return Move(tuple(drain(generations, budget)), step.new)


def harmful(rollout: Rollout, generations: Sequence[Generation], move: Move) -> bool:
    """Whether a move takes serving groups below a floor, builds groups above a ceiling, or ends a generation
    for no other reason than that one of its roles was at 0 before the rollout.
    """
    old = total(move.generations, len(rollout.target))
    for role in rollout.roles:
        drained, grown = old[role] < rollout.old[role], move.new[role] > rollout.new[role]
        if drained and old[role] + rollout.new[role] < rollout.serving_floor(role):
            return True
        if grown and old[role] + move.new[role] > rollout.ceiling(role):
            return True
    touched = (x for x, after in zip(generations, move.generations, strict=True) if x.have != after)
    return not rollout.complete and any(x.never_had_all for x in touched)


def _safe_moves(rollout: Rollout, generations: Sequence[Generation]) -> Iterator[Move]:
    """In order of preference; the first that changes anything is taken. Each keeps floors and ceilings."""
    now, roles = tuple(x.have for x in generations), rollout.roles
    pace = next_new(rollout, rollout.batches)
    keep = tuple(max(0, rollout.serving_floor(x) - rollout.new[x]) for x in roles)

    def grown(want: Iterable[int]) -> Move:
        room = (rollout.ceiling(x) - rollout.old[x] for x in roles)
        return Move(now, tuple(map(max, rollout.new, map(min, want, room))))

    def drained(want: Iterable[int]) -> Move:
        budget = [have - least for have, least in zip(rollout.old, want, strict=True)]
        return Move(tuple(drain_safely(generations, budget, keep)), rollout.new)

    one_more = [min(rollout.target[x], rollout.new[x] + 1) for x in roles]
    yield grown(pace)
    yield drained([0 for _ in roles] if rollout.complete else next_old(rollout, rollout.batches))
    yield drained(rollout.ceiling(x) - max(pace[x], one_more[x]) for x in roles)
    yield grown(one_more)
