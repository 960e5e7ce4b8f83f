"""The planner and the coordinated drain against section 10 and 12.2 of the specification, told once more: as
a list of rules in fractions, without a thought to speed.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

from hypothesis import given, settings
from hypothesis import strategies as st

from lws.planning.disaggregated.drain import Generation, drain
from lws.planning.disaggregated.planner import Counts, Pace, Rollout, next_step

Numbers = list[int]


class Oracle:
    """One state, with the names of section 10."""

    def __init__(self, rollout: Rollout) -> None:
        self.first, self.old, self.new, self.target = rollout[:4]
        self.surge = [x.surge for x in rollout.pace]
        self.missing = [x.unavailable for x in rollout.pace]
        self.roles = range(len(self.target))
        batch = [s if s > 0 else max(1, u) for s, u in zip(self.surge, self.missing, strict=True)]
        most = [max(self.first[i], self.target[i], 0) for i in self.roles]
        self.steps = max(ceil(Fraction(most[i], batch[i])) for i in self.roles)

    def step(self) -> tuple[Numbers, Numbers] | None:
        """P1 to P10, in their order."""
        old, new, roles = list(self.old), list(self.new), self.roles
        complete = all(new[i] >= self.target[i] for i in roles)
        if self.steps == 0 or (complete and not any(old)):
            return None
        if any(old[i] > self.first[i] for i in roles):
            return [min(self.first[i], old[i]) for i in roles], new
        if complete:
            return [0 for _ in roles], new
        grown = self.grown()
        room = [self.target[i] == 0 or old[i] + grown[i] <= self.target[i] + self.surge[i] for i in roles]
        if grown != new and all(room):
            return old, grown
        drained = self.guard(self.drained(), new)
        if any(drained[i] < old[i] for i in roles):
            return drained, new
        forced = self.forced(grown)
        return (self.guard(forced, grown), grown) if any(forced[i] < old[i] for i in roles) else None

    def grown(self) -> Numbers:
        done = [
            floor(Fraction(self.new[i] * self.steps, self.target[i])) if self.target[i] else self.steps
            for i in self.roles
        ]
        share = Fraction(min(self.steps, *done) + 1, self.steps)
        return [max(self.new[i], min(self.target[i], ceil(share * self.target[i]))) for i in self.roles]

    def drained(self) -> Numbers:
        gone = [
            floor(Fraction((self.first[i] - self.old[i]) * self.steps, self.first[i]))
            for i in self.roles
            if self.first[i]
        ]
        share = Fraction(max(0, *gone, 0) + 1, self.steps)
        kept = [self.first[i] - floor(share * self.first[i]) for i in self.roles]
        return [max(min(self.old[i], max(0, kept[i])), self.least(i, self.new[i])) for i in self.roles]

    def forced(self, grown: Numbers) -> Numbers:
        kept = [max(0, min(self.old[i], self.target[i] + self.surge[i] - grown[i])) for i in self.roles]
        return [max(kept[i], self.least(i, grown[i])) for i in self.roles]

    def least(self, role: int, new: int) -> int:
        """P6."""
        kept = self.target[role] - self.missing[role] - new
        return max(0, kept) if self.first[role] >= self.target[role] else 0

    def guard(self, values: Numbers, new: Counts | Numbers) -> Numbers:
        ours = [i for i in self.roles if self.first[i] > 0]
        ended = [i for i in ours if values[i] == 0]
        if not ended or ended == ours:
            return values
        judged = [i for i in ours if self.first[i] >= self.target[i]]
        if all(new[i] >= self.target[i] - self.missing[i] for i in judged):
            return [0 for _ in values]
        return [1 if i in ended else x for i, x in enumerate(values)]


def scaled_down(generations: list[tuple[int | None, ...]], budget: Numbers) -> list[tuple[int | None, ...]]:
    """Section 12.2, from 2 on; newest first."""
    left, result = list(budget), []
    for generation in generations:
        have = {role: count for role, count in enumerate(generation) if count is not None}
        if not any(x > 0 for x in left):
            have = {}
        taken = {role: min(left[role], count) for role, count in have.items()}
        triggers = {role for role, count in have.items() if count == taken[role]}
        row = list(generation)
        for role, count in have.items():
            wanted = 0 if triggers else count - taken[role]
            if wanted < count:
                row[role] = wanted
                left[role] -= taken[role] if role in triggers or not triggers else 0
        result.append(tuple(row))
    return result


@st.composite
def rollouts(draw: st.DrawFn) -> Rollout:
    most = draw(st.sampled_from([3, 8, 40, 10**6]))
    sizes = st.integers(0, most)

    def pick(highest: int) -> int:
        return draw(st.integers(0, highest))

    width = draw(st.integers(1, 6))
    first, target = (tuple(draw(st.lists(sizes, min_size=width, max_size=width))) for _ in range(2))
    old = tuple(pick(x + draw(st.sampled_from([0, 0, 0, 2]))) for x in first)
    new = tuple(pick(x + draw(st.sampled_from([0, 0, 0, 2]))) for x in target)
    pace = tuple(Pace(pick(min(most, 4)), pick(min(most, 4))) for _ in first)
    return Rollout(first, old, new, target, pace)


@settings(deadline=None, max_examples=2000)
@given(rollouts())
def test_every_step_is_the_specifications(rollout: Rollout) -> None:
    step = next_step(rollout)
    found = None if step is None else (list(step.old), list(step.new))
    assert found == Oracle(rollout).step()


@settings(deadline=None, max_examples=2000)
@given(st.integers(1, 4), st.data())
def test_every_drain_is_the_specifications(width: int, data: st.DataObject) -> None:
    counts = st.lists(st.sampled_from([None, 0, 1, 2, 3, 5]), min_size=width, max_size=width).map(tuple)
    generations = data.draw(st.lists(counts, max_size=3))
    budget = data.draw(st.lists(st.integers(-2, 6), min_size=width, max_size=width))
    found = drain([Generation(x, tuple(y or 0 for y in x)) for x in generations], budget)
    assert found == scaled_down(generations, budget)
