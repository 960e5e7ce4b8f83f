"""One fault, several times: seconds from the end of its cause until everything is whole again."""

from __future__ import annotations

import time
from collections.abc import Iterator

from msgspec import Struct

from support.recovery.arena import Arena, Fault

DEADLINE = 400.0  # seconds after which it counts as not healed
PAUSE = 0.05  # seconds between two looks


class Strike(Struct, frozen=True):
    """What came of one: seconds from the end of the cause, None where it did not come.

    ``whole``: every set is whole; ``acts``: the first write of the manager, 0 where none was due; ``plain``:
    the StatefulSet that has nothing to do with us has its pods. ``wrong``: what was not whole at the end.
    """

    whole: float | None
    acts: float | None
    plain: float | None
    wrong: tuple[str, ...] = ()


def strikes(arena: Arena, fault: Fault, count: int) -> Iterator[Strike]:
    """So many, each on sets that are whole and at rest."""
    for turn in range(count):
        arena.turn = turn
        arena.reset()
        yield _strike(arena, fault)


def _strike(arena: Arena, fault: Fault) -> Strike:
    arena.log.mark()
    since = fault.strike(arena)
    whole = plain = None
    wrong: list[str] = []
    while None in (whole, plain) and time.time() - since < DEADLINE:
        if plain is None and arena.plain_ready():
            plain = _after(since)
        if whole is None and not (wrong := arena.problems()):
            whole = _after(since)
        time.sleep(PAUSE)
    acts = arena.log.first_write(since)
    return Strike(whole, None if acts is None else round(acts - since, 2), plain, tuple(wrong))


def _after(since: float) -> float:
    return round(max(0.0, time.time() - since), 2)
