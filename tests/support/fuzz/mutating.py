"""Small changes of a document's shape and values, by a source of chance: no choice is made but by it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31 - 1, 2**31, 2**63, -(2**63), 10**400, 0.5, 1e308, -0.0),
    *("", " ", "0", "-1", "50%", "100%", "101%", "-5%", "1e3", "9" * 40, "\u0663", "a/b/c", "/", "..", "%s"),
    *("\x00", "\ud7ff\ue000", "\u2028", "a" * 254, "é" * 70, "None", "Default", "LeaderReady", "2x4"),
    *("google.com/tpu", [], {}, [None], {"": None}, [[]], [{}], {"name": None}, {"a": {"a": {"a": {}}}}),
)
"""What members are set to that ought to be something else."""

Place = tuple[Any, Any]
"""A container and where in it a value is."""


def mutated(document: Any, random: Random) -> Any:
    """Another document, one to six changes away."""
    changed = copy.deepcopy(document)
    for _ in range(random.randint(1, 6)):
        places = list(_places(changed))
        if not places:
            return random.choice(ODD)
        at, donor = random.choice(places), random.choice(places)
        random.choice(CHANGES)(at, donor, random)
    return changed


def _places(value: Any) -> Iterator[Place]:
    for name, inner in _members(value):
        yield value, name
        yield from _places(inner)


def _members(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def _odd(at: Place, _: Place, random: Random) -> None:
    at[0][at[1]] = copy.deepcopy(random.choice(ODD))


def _drop(at: Place, _: Place, __: Random) -> None:
    container, name = at
    if name in container if isinstance(container, dict) else name < len(container):
        del container[name]


def _transplant(at: Place, donor: Place, _: Random) -> None:
    """The value of another place: of a wrong type, mostly, or of the right one from a wrong object."""
    at[0][at[1]] = copy.deepcopy(donor[0][donor[1]])


def _repeat(at: Place, donor: Place, random: Random) -> None:
    container, _ = at
    if isinstance(container, list):
        container.extend(copy.deepcopy(container[: random.randint(0, 8)]))
    else:
        container[str(donor[1])] = copy.deepcopy(donor[0][donor[1]])


def _number(at: Place, _: Place, random: Random) -> None:
    container, name = at
    if isinstance(container[name], int) and not isinstance(container[name], bool):
        container[name] += random.choice((-1, 1, -2, 100, 10**9))
    elif isinstance(container[name], str):
        cut = random.randint(0, len(container[name]))
        container[name] = container[name][:cut] + random.choice(("", "-", ".", "/", "A", "é", "0" * 64))
    else:
        container[name] = random.randint(-3, 70_000)


CHANGES = (_odd, _drop, _transplant, _repeat, _number, _number)
