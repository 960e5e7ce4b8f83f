"""What is done where upstream's step would do harm (decision 170: Q-5, Q-6, Q-7), and 11.5's generations."""

from __future__ import annotations

from itertools import pairwise

import pytest

from lws.planning.disaggregated.drain import Generation, Holding, total
from lws.planning.disaggregated.planner import Counts, Pace, Rollout
from lws.planning.disaggregated.steps import Move, harmful, plan_move, upstream_move

State = tuple[list[Holding], Counts]


def rollout(generations: list[Generation], new: Counts, target: Counts, pace: list[Pace]) -> Rollout:
    initial = total([x.initial for x in generations], len(target))
    return Rollout(initial, total([x.have for x in generations], len(target)), new, target, tuple(pace))


def states(
    holdings: list[Holding], target: Counts, pace: list[Pace], new: Counts | None = None
) -> list[State]:
    """Every state of a rollout whose groups are ready at once; a drained generation is forgotten."""
    generations = [Generation(x, tuple(have or 0 for have in x)) for x in holdings]
    new = (0,) * len(target)
    seen: list[State] = [(holdings, new)]
    while (move := plan_move(rollout(generations, new, target, pace), generations)) is not None:
        assert len(seen) < 100, "it does not end"
        new = move.new
        seen.append((list(move.generations), new))
        pairs = zip(generations, move.generations, strict=True)
        generations = [Generation(after, x.initial) for x, after in pairs if any(after)]
    return seen


def test_generations_of_which_the_newest_goes_first() -> None:
    """The first table of 11.5: A (4, 4) under B (3, 3), on the way to (6, 6)."""
    assert states([(3, 3), (4, 4)], (6, 6), [Pace(), Pace()]) == [
        ([(3, 3), (4, 4)], (0, 0)),
        ([(2, 2), (4, 4)], (0, 0)),
        ([(2, 2), (4, 4)], (1, 1)),
        ([(1, 1), (4, 4)], (1, 1)),
        ([(1, 1), (4, 4)], (2, 2)),
        ([(0, 0), (4, 4)], (2, 2)),
        ([(4, 4)], (3, 3)),
        ([(3, 3)], (4, 4)),
        ([(2, 2)], (5, 5)),
        ([(1, 1)], (6, 6)),
        ([(0, 0)], (6, 6)),
    ]


def test_uneven_generations_keep_their_floors() -> None:
    """The second table of 11.5, where upstream empties B and A at once and leaves (2, 2) of (4, 3)."""
    pace = [Pace(1), Pace(2)]
    seen = states([(3, 1), (1, 2)], (4, 3), pace)
    assert seen[:4] == [
        ([(3, 1), (1, 2)], (0, 0)),
        ([(3, 1), (1, 2)], (1, 1)),
        ([(2, 1), (1, 2)], (1, 1)),
        ([(2, 1), (1, 2)], (2, 2)),
    ]
    for (holdings, new), (after, _) in pairwise(seen):
        if total(after, 2) != total(holdings, 2):
            assert all(x + y >= want for x, y, want in zip(total(after, 2), new, (4, 3), strict=True))
    assert seen[-1][1] == (4, 3)


def test_one_group_of_each_role_never_ends_before_the_new_one_serves() -> None:
    """Q-5: upstream goes from 1 and 1 old groups to 1 and 1 new ones in one step, and nothing serves."""
    pace = [Pace(0, 1), Pace(1, 0)]
    assert states([(1, 1)], (1, 1), pace) == [
        ([(1, 1)], (0, 0)),
        ([(1, 1)], (0, 1)),
        ([(0, 0)], (0, 1)),
        ([], (1, 1)),
    ]


@pytest.mark.parametrize(
    "pace", [[Pace(1, 0), Pace(0, 1)], [Pace(0, 1), Pace(1, 0)], [Pace(0, 1), Pace(0, 1)]]
)
@pytest.mark.parametrize("size", [(4, 4), (6, 2), (2, 6), (8, 4), (5, 2)])
def test_roles_without_surge_keep_floor_and_ceiling(pace: list[Pace], size: Counts) -> None:
    seen = states([size], size, pace)
    for (before, ready), (after, new) in pairwise(seen):
        old, left = total(before, 2), total(after, 2)
        for role in range(2):
            served = left[role] + ready[role]
            assert left[role] == old[role] or served >= size[role] - pace[role].unavailable
            assert new[role] == 0 or left[role] + new[role] <= size[role] + pace[role].surge
    assert seen[-1][1] == size


def test_a_role_that_stood_at_0_ends_nothing() -> None:
    """Q-7: upstream's first step empties the whole generation."""
    generations = [Generation((4, 0), (4, 0))]
    now = rollout(generations, (1, 0), (4, 0), [Pace(), Pace()])
    assert upstream_move(now, generations) == Move(((0, 0),), (1, 0))
    assert plan_move(now, generations) == Move(((3, 0),), (1, 0))


def test_harm_is_what_it_says() -> None:
    generations = [Generation((4, 4), (4, 4))]
    now = rollout(generations, (1, 1), (4, 4), [Pace(), Pace()])
    assert not harmful(now, generations, Move(((3, 3),), (1, 1)))
    assert harmful(now, generations, Move(((2, 3),), (1, 1)))
    assert not harmful(now, generations, Move(((3, 3),), (2, 2)))
    assert harmful(now, generations, Move(((4, 3),), (2, 2)))


def test_nothing_to_do() -> None:
    assert plan_move(rollout([], (2, 3), (2, 3), [Pace(), Pace()]), []) is None
    assert plan_move(rollout([], (0, 0), (0, 0), [Pace(), Pace()]), []) is None
