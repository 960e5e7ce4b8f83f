"""A scheduler that has one order of its own and departs from it by delays (delay bounding, POPL '11).

Whoever goes on goes on until it waits, and then it is the turn of the next by name. Who is delayed waits
although it could go on, until all others had their turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from functools import partial

from support.apimodel.store import Where
from support.faults.chaos import Chaos
from support.faults.world import Choice, Move, World
from support.schedules.knowledge import Knowledge

Schedule = tuple[int, ...]
"""The steps at which somebody is delayed, in order; named twice: so are two, one after the other."""


class Known(Exception):  # noqa: N818 - as one reads it
    """All that can follow has been tried."""


class Tried:
    """Where the search was, and with how many delays left."""

    def __init__(self) -> None:
        self._left: dict[int, int] = {}

    def again(self, place: int, left: int) -> bool:
        """Whether it was here with as many; it is now."""
        before = self._left.get(place, -1)
        self._left[place] = max(before, left)
        return before >= left


class Delays(Chaos):
    """``left``: so many more delays are tried after this schedule. ``backwards``: by name, last first.

    ``of``: how the names of those begin who are delayed.
    ``others``: for each step so far, how many could have gone on but the one that did.
    """

    def __init__(
        self, schedule: Schedule, left: int, tried: Tried, *, backwards: bool, of: tuple[str, ...]
    ) -> None:
        super().__init__(0)
        self._delays, self._left, self._tried = Counter(schedule), left, tried
        self._new = max(schedule, default=-1)  # before it, all is as another schedule had it
        self._backwards, self._last, self._of = backwards, "", of
        self.others: list[int] = []

    def begin(self, world: World) -> None:
        self._knowledge = Knowledge(world)
        world.choose = partial(self._choose, world)

    def end(self, world: World) -> None:
        world.choose = world.at_random

    def _choose(self, world: World, choices: list[Choice]) -> Move:
        if self._last:
            self._knowledge.moved(self._last, threads=" " not in self._last)
        step, possible = len(self.others), dict(actors(world, choices))
        order = self._in_turn(possible)
        self._last = order[self._delays[step] % len(order)]
        if step >= self._new and self._tried.again(hash((self._knowledge.number, self._last)), self._left):
            raise Known
        self.others.append(len(order) - 1 if order[0].startswith(self._of) else 0)
        return possible[self._last]

    def _in_turn(self, names: Collection[str]) -> list[str]:
        """Beginning with who went on last."""
        order = sorted(names, reverse=self._backwards)
        passed = [x for x in order if x != self._last and (x < self._last) != self._backwards]
        return [*order[len(passed) :], *passed]


def actors(world: World, choices: list[Choice]) -> Iterator[Choice]:
    """Who each is: threads by their names, components with what they do it to. Each watch is by itself."""
    for name, move in choices:
        match name, move:
            case "statefulset watch", _:
                yield from ((f"watch {x.plural}", partial(world.sets.hear, x)) for x in world.sets.news)
            case _, partial(args=(Where() as where, *_)):
                yield f"{name} {where}", move
            case "nodes", partial(args=(document, *_)):
                yield f"{name} {document['metadata']['name']}", move
            case "statefulsets", partial(args=(uid,)):
                yield f"{name} {uid}", move
            case _:
                yield name, move
