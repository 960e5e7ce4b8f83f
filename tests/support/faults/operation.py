"""What an operation of users is: what was there, what they do, what must hold meanwhile and in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from support.apimodel.store import Document
from support.faults.bounds import Bounds
from support.faults.world import World

Each = Callable[[], object]
Act = Callable[[World, Each], None]
"""What is done, and what happens before every step between two deeds of it."""


class Operation(NamedTuple):
    """``before``: None: nothing is there; ``after``: None: nothing is left. ``bounds``: of groups, always.
    ``recreated``: pods that the manager deletes, by name, no more and no less. ``made``: how many objects of
    a kind are created at most. ``left``: what stays, though a fresh set would not have it. ``strangers``: who
    is in the way at first, and goes then. ``waits``: it is there for its pauses, which need calm.
    """

    name: str
    before: Document | None
    act: Act
    after: Document | None
    bounds: Callable[[], Bounds]
    recreated: Mapping[str, int] = {}
    made: Mapping[str, int] = {}
    left: tuple[str, ...] = ()
    strangers: tuple[tuple[str, Document], ...] = ()
    waits: bool = False

    @property
    def subject(self) -> tuple[str, str]:
        """Kind and name of what users edit."""
        document: Document = self.before or self.after or {}
        return document["kind"], document["metadata"]["name"]


def amid(begin: Callable[[World], object], act: Act, steps: int) -> Act:
    """What is done so many steps at most after something else was begun."""

    def both(world: World, each: Each) -> None:
        begin(world)
        world.run(world.random.randint(5, steps), each)
        act(world, each)

    return both


def freeing(act: Act, strangers: Iterable[tuple[str, Document]]) -> Act:
    """What is needed for it are others' names; these go one by one."""

    def both(world: World, each: Each) -> None:
        act(world, each)
        for kind, document in strangers:
            world.run(world.random.randint(0, 100), each)
            world.delete(kind, document["metadata"]["name"], propagation="Background")

    return both
