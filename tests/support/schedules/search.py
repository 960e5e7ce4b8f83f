"""All schedules of an operation with no more than so many delays, each run from the beginning."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from support.faults.matrix import run
from support.faults.operations import Operation
from support.schedules.delays import Delays, Known, Schedule, Tried


class Search(NamedTuple):
    """What came of it. ``steps``: without a delay. ``known``: schedules that came to what was tried before.

    ``violations``: each with the first schedule that shows it.
    """

    operation: str
    delays: int
    backwards: bool
    steps: int
    schedules: int
    known: int
    violations: dict[str, Schedule]


def search(operation: Operation, delays: int, *, backwards: bool, of: tuple[str, ...] = ("",)) -> Search:
    """Those with fewer delays first. ``of``: how the names of those begin who are delayed."""
    tried, violations = Tried(), dict[str, Schedule]()
    steps = schedules = known = 0
    level: Iterator[Schedule] | list[Schedule] = [()]
    for left in range(delays, -1, -1):
        following: list[Iterator[Schedule]] = []
        for schedule in level:
            chaos = Delays(schedule, left, tried, backwards=backwards, of=of)
            found = _violations(operation, chaos)
            schedules, known = schedules + 1, known + (found is None)
            steps = steps or len(chaos.others)
            for violation in found or ():
                violations.setdefault(violation, schedule)
            if left:
                following.append(_with_one_more(schedule, chaos.others))
        level = chain.from_iterable(following)
    return Search(operation.name, delays, backwards, steps, schedules, known, violations)


def _violations(operation: Operation, chaos: Delays) -> tuple[str, ...] | None:
    """None: it was known before it ended."""
    try:
        return run(operation, 0, chaos=chaos).violations
    except Known:
        return None


def _with_one_more(schedule: Schedule, others: list[int]) -> Iterator[Schedule]:
    """Somebody else is delayed, at the last of these steps or later."""
    first = schedule[-1] if schedule else 0
    for step in range(first, len(others)):
        if others[step] > schedule.count(step):
            yield (*schedule, step)
