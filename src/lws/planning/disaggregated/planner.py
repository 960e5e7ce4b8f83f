"""The rollout planner of section 10: how many old and new replicas each role has after the next step.

Stateless: where a rollout stands is read from the counts. Every vector has one entry for each role, every
count is groups of one slice. This is upstream's arithmetic, rule by rule; where a step of it would do harm
is judged, and something else done, in ``steps``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

Counts = tuple[int, ...]


class Pace(NamedTuple):
    """How fast one role may change: groups above its target, and groups missing from it."""

    surge: int = 1
    unavailable: int = 0

    @property
    def batch(self) -> int:
        """Groups that one ideal step moves."""
        return self.surge if self.surge > 0 else max(1, self.unavailable)


class Rollout(NamedTuple):
    """One slice in a rollout. ``initial``: old groups when it began, ``old`` and ``new``: now (of former
    revisions, of the target's), ``target``: wanted in the end. ``returned``: groups of the target's revision
    when a rollout left it, to which this one returns; empty: none. Upstream knows nothing of that.
    """

    initial: Counts
    old: Counts
    new: Counts
    target: Counts
    pace: tuple[Pace, ...]
    returned: Counts = ()
    served: Counts = ()

    @property
    def roles(self) -> range:
        return range(len(self.target))

    @property
    def done(self) -> bool:
        """P1: nothing is left of the old, and all of the new is there."""
        return not any(self.old) and self.complete

    @property
    def complete(self) -> bool:
        """All of the new is there."""
        return all(have >= want for have, want in zip(self.new, self.target, strict=True))

    @property
    def batches(self) -> int:
        """P2: ideal steps from beginning to end."""
        most = (max(a, b, 0) for a, b in zip(self.initial, self.target, strict=True))
        return max((-(-x // pace.batch) for x, pace in zip(most, self.pace, strict=True)), default=0)

    def ceiling(self, role: int) -> int:
        """Groups, old and new, that the role may have."""
        return self.target[role] + self.pace[role].surge

    def floor(self, role: int) -> int:
        """Groups that upstream keeps, scheduled ones included: none of a role that grows."""
        return 0 if self.initial[role] < self.target[role] else self._tolerated(role)

    def had(self, role: int) -> int:
        """Groups that the role had before; on a way back both revisions' together."""
        return self.initial[role] + (self.returned[role] if self.returned else 0)

    def serving_floor(self, role: int) -> int:
        """Groups that must serve at all times, ready ones only: of a role that grows as many as before, and
        one if it had any.
        """
        had, tolerated = self.had(role), self._tolerated(role)
        if had >= self.target[role]:
            return tolerated
        served = self.served[role] if self.served else max(0, had - self.pace[role].unavailable)
        return min(tolerated, max(served, min(had, 1)))

    def deviation(self, counts: Sequence[int]) -> int:
        """How far ``counts``, groups of the new revision, are from the ideal ratio: steps of its own by which
        the role furthest off differs from the nearest of the checkpoints (P5), which all roles pass together.
        """
        roles = [x for x in self.roles if self.target[x] > 0]
        have = [min(counts[x], self.target[x]) for x in roles]
        most = max((-(-self.target[x] // self.pace[x].batch) for x in roles), default=0)

        def near(steps: int) -> bool:
            return self._checkpoint_within([(x, now, steps) for x, now in zip(roles, have, strict=True)])

        return bisect_left(range(most), 1, key=near)

    def _checkpoint_within(self, roles: Iterable[tuple[int, int, int]]) -> bool:
        """Whether one checkpoint is within so many steps of each role's count."""
        first, last = 0, self.batches
        for role, now, steps in roles:
            want, reach = self.target[role], steps * self.pace[role].batch
            first = max(first, (now - reach - 1) * self.batches // want + 1)
            last = min(last, (now + reach) * self.batches // want)
        return first <= last

    def _tolerated(self, role: int) -> int:
        return max(0, self.target[role] - self.pace[role].unavailable)


class Step(NamedTuple):
    """Counts after a step. An entry of ``old`` above the present one means "leave as it is"."""

    old: Counts
    new: Counts


def next_step(rollout: Rollout) -> Step | None:
    """The next step; None when there is none: done, or nothing may move. The first rule that fits wins."""
    if rollout.done or not rollout.batches:
        return None
    clamped = tuple(map(min, rollout.initial, rollout.old))
    if clamped != rollout.old:  # P3: scaled up by somebody since the rollout began
        return Step(clamped, rollout.new)
    if rollout.complete:  # P4: whatever is left
        return Step((0,) * len(rollout.old), rollout.new)
    grown = next_new(rollout, rollout.batches)
    if grown != rollout.new and _fits(rollout, grown):  # P7
        return Step(rollout.old, grown)
    drained = _guarded(rollout, _above_floors(rollout, next_old(rollout, rollout.batches)), rollout.new)
    if _any_below(drained, rollout.old):  # P8
        return Step(drained, rollout.new)
    return _forced(rollout, grown)


def next_new(rollout: Rollout, batches: int) -> Counts:
    """P5: the next checkpoint of the new revision; the slowest role sets the pace. Never less than now."""
    reached = (
        batches if want == 0 else have * batches // want
        for have, want in zip(rollout.new, rollout.target, strict=True)
    )
    checkpoint = min(batches, *reached) + 1
    return tuple(
        max(have, min(want, -(-checkpoint * want // batches) if batches else want))
        for have, want in zip(rollout.new, rollout.target, strict=True)
    )


def next_old(rollout: Rollout, batches: int) -> Counts:
    """P8 without floors: the next checkpoint of the old; the role drained furthest sets the pace."""
    if not batches:
        return (0,) * len(rollout.old)
    pairs = tuple(zip(rollout.initial, rollout.old, strict=True))
    reached = (((first - now) * batches // first) for first, now in pairs if first > 0)
    checkpoint = max(0, max(reached, default=0)) + 1
    return tuple(min(now, max(0, first - checkpoint * first // batches)) for first, now in pairs)


def _above_floors(rollout: Rollout, drained: Counts) -> Counts:
    """P6: what is not new yet must stay old, down to the floor."""
    return tuple(max(drained[x], rollout.floor(x) - rollout.new[x]) for x in rollout.roles)


def _fits(rollout: Rollout, grown: Counts) -> bool:
    """Whether no role exceeds its ceiling; one that goes away has none."""
    return all(
        rollout.target[x] == 0 or rollout.old[x] + grown[x] <= rollout.ceiling(x) for x in rollout.roles
    )


def _forced(rollout: Rollout, grown: Counts) -> Step | None:
    """P9: neither fits alone, so old makes room for new in one step. None: not even that (P10)."""
    room = (min(rollout.old[x], rollout.ceiling(x) - grown[x]) for x in rollout.roles)
    drained = tuple(max(0, have, rollout.floor(x) - grown[x]) for x, have in enumerate(room))
    if not _any_below(drained, rollout.old):
        return None
    return Step(_guarded(rollout, drained, grown), grown)


def _guarded(rollout: Rollout, drained: Counts, new: Counts) -> Counts:
    """No role of the old generation may be left alone: all of them end, or the last one of each stays."""
    ours = [x for x in rollout.roles if rollout.initial[x] > 0]
    ended = sum(drained[x] == 0 for x in ours)
    if ended in (0, len(ours)):
        return drained
    replaced = (
        new[x] >= rollout.target[x] - rollout.pace[x].unavailable
        for x in ours
        if rollout.initial[x] >= rollout.target[x]
    )
    if all(replaced):
        return (0,) * len(drained)
    return tuple(1 if x in ours and have == 0 else have for x, have in enumerate(drained))


def _any_below(counts: Iterable[int], others: Iterable[int]) -> bool:
    return any(a < b for a, b in zip(counts, others, strict=True))


def simulate(initial: Counts, target: Counts, pace: Sequence[Pace]) -> list[Step]:
    """Every state from the first step of a rollout to its end, as if each were ready at once."""
    steps = [Step(initial, (0,) * len(target))]
    for _ in range(2 * max((*initial, *target), default=0) + 10):
        step = next_step(Rollout(initial, *steps[-1], target, tuple(pace)))
        if step is None:
            break
        steps.append(step)
    return steps
