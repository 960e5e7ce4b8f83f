"""Which generation of old groups goes first (section 12.2): the newest, and each as a unit.

A generation is one former revision in one slice. Roles are the entries of a vector, as in ``planner``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lws.planning.disaggregated.planner import Counts

Holding = tuple[int | None, ...]
"""Groups of each role; None: the generation has no such role."""


class Generation(NamedTuple):
    """``initial``: what it had when the rollout began; 0 also for a role it does not have."""

    have: Holding
    initial: Counts

    @property
    def never_had_all(self) -> bool:
        """Whether one of its roles stood at 0 already when the rollout began."""
        return any(have == 0 == first for have, first in zip(self.have, self.initial, strict=True))


def total(holdings: Sequence[Holding], roles: int) -> Counts:
    """Groups of each role over all generations."""
    return tuple(sum(holding[x] or 0 for holding in holdings) for x in range(roles))


def drain(generations: Sequence[Generation], budget: Sequence[int]) -> list[Holding]:
    """Take ``budget`` groups of each role from generations given newest first, as upstream does.

    A role that comes to 0, or stands there, takes the whole generation with it; what that costs other roles
    is not paid from their budget.
    """
    left = list(budget)
    drained: list[Holding] = []
    for generation in generations:
        if not any(x > 0 for x in left):
            drained.append(generation.have)
            continue
        pairs = tuple(zip(left, generation.have, strict=True))
        ends = [have is not None and min(x, have) == have for x, have in pairs]
        drained.append(tuple(_left_of(x, have, ends=any(ends)) for x, have in pairs))
        for role, have in enumerate(generation.have):
            if have and left[role] > 0 and (ends[role] or not any(ends)):
                left[role] -= min(left[role], have)
    return drained


def _left_of(budget: int, have: int | None, *, ends: bool) -> int | None:
    if have is None:
        return None
    return 0 if ends else have - max(0, min(budget, have))


def drain_safely(generations: Sequence[Generation], budget: Sequence[int], keep: Counts) -> list[Holding]:
    """The same, but never below ``keep`` groups of a role over all generations.

    A generation ends as a unit when that leaves enough; else the last group of each role stays, and the
    budget goes on to older generations. A role that was at 0 when the rollout began ends nothing.
    """
    have = total([x.have for x in generations], len(keep))
    spare = [now - least for now, least in zip(have, keep, strict=True)]
    left = [max(0, min(wanted, most)) for wanted, most in zip(budget, spare, strict=True)]
    drained: list[Holding] = []
    for generation in generations:
        taken = _taken(generation, left, spare)
        left = [max(0, x - gone) for x, gone in zip(left, taken, strict=True)]
        spare = [x - gone for x, gone in zip(spare, taken, strict=True)]
        drained.append(tuple(_less(x, gone) for x, gone in zip(generation.have, taken, strict=True)))
    return drained


def _taken(generation: Generation, left: Sequence[int], spare: Sequence[int]) -> list[int]:
    have = [x or 0 for x in generation.have]
    taken = [min(x, now) for x, now in zip(left, have, strict=True)]
    ends = any(
        now == gone and (now or first)
        for now, gone, first, has in zip(have, taken, generation.initial, generation.have, strict=True)
        if has is not None
    )
    if not any(taken) or not ends:
        return taken
    if all(now <= most for now, most in zip(have, spare, strict=True)):
        return have
    return [min(gone, max(0, now - 1)) for gone, now in zip(taken, have, strict=True)]


def _less(have: int | None, gone: int) -> int | None:
    return None if have is None else have - gone
