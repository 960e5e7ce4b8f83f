"""What one event costs, in calls of the manager's functions: a measure that no busy machine moves."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.faults.sets import NAME, SET, a_set, image
from support.faults.world import World

import lws

SOURCE = str(Path(lws.__file__).parent)
Act = Callable[[World], object]


class Calls:
    """Of functions of the manager, in threads that begin while it is entered, once ``counting``."""

    def __init__(self) -> None:
        self.count = 0
        self.counting = False

    def __call__(self, frame: Any, event: str, _argument: Any) -> None:
        if self.counting and event == "call":
            self.count += frame.f_code.co_filename.startswith(SOURCE)

    @contextmanager
    def entered(self) -> Iterator[None]:
        threading.setprofile(self)
        sys.setprofile(self)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)


def cost(act: Act, *, sets: int = 1, groups: int = 2) -> int:
    """Of what is done to one of so many sets, until all is at rest."""
    calls = Calls()
    with calls.entered(), World(1) as world:
        world.start()
        world.settle()
        for number in range(sets):
            document = a_set(replicas=groups)
            document["metadata"]["name"] = f"{NAME}{number or ''}"
            world.create(SET, document)
        world.settle()
        calls.counting = True
        act(world)
        world.settle()
        calls.counting = False
    return calls.count


def worker_fails(world: World) -> None:
    pod = world.find("Pod", f"{NAME}-0-1")
    assert pod is not None
    world.nodes.fail(pod)


def rolls(world: World) -> None:
    world.edit(SET, NAME, image("b"))


@pytest.mark.parametrize("act", [worker_fails, rolls])
def test_it_is_the_same_among_many_sets(act: Act) -> None:
    alone = cost(act)
    assert alone > 1_000
    assert cost(act, sets=12) < 1.3 * alone


def test_of_a_set_of_many_groups_only_its_own_passes_are_longer() -> None:
    """A pass of the set looks at each group, one of a group at none of the others: six times as many groups
    make it no twice as much.
    """
    assert cost(worker_fails, groups=12) < 2 * cost(worker_fails)
