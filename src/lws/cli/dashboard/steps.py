"""A roll as it goes, step by step: what became of groups between two looks at them. Pure.

States may be skipped between two looks, so a step says what is, and never what must have been meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from lws.cli.dashboard.tiles import OK, READY, Tile

LONGEST: Final = 200
"""Steps that are kept of one set."""


class Step(Struct, rename="camel", frozen=True):
    """``time``: seconds since 1970. ``tone``: as of tiles."""

    time: float
    set: str
    index: int
    tone: str
    text: str


def steps_between(before: Mapping[str, Tile], after: Mapping[str, Tile], *, now: float) -> Iterator[Step]:
    """By group, the highest index first, as rolls go."""
    for key in sorted(before.keys() | after.keys(), key=lambda x: _order(before.get(x) or after[x])):
        old, new = before.get(key), after.get(key)
        said = _gone(old) if new is None else _change(old, new)
        if said is not None:
            one = new or old
            assert one is not None
            yield Step(now, one.set, one.index, *said)


def remembered(before: Mapping[str, Tile], after: Iterable[Tile]) -> dict[str, Tile]:
    """What the next look is compared with: a group between two leaders is still that of the former one."""
    found = {x.key: x for x in after}
    for key, tile in found.items():
        if not tile.born and (old := before.get(key)) is not None:
            found[key] = replace(tile, born=old.born, revision=old.revision)
    return found


def kept(steps: Sequence[Step], news: Sequence[Step]) -> list[Step]:
    """The newest first, and no more than are worth a look."""
    return [*reversed(news), *steps][:LONGEST]


def _order(tile: Tile) -> tuple[str, int]:
    return tile.set, -tile.index


def _gone(old: Tile | None) -> tuple[str, str] | None:
    return None if old is None else (old.tone, "is gone")


def _change(old: Tile | None, new: Tile) -> tuple[str, str] | None:
    if old is None:
        surge = " beyond the wanted number" if new.surge else ""
        return new.tone, f"is made{surge}{_of(new)}"
    if old.born != new.born:
        return new.tone, f"is made anew{_from(old, new)}" if old.born else f"is made{_of(new)}"
    if old.phase != READY and new.phase == READY:
        return new.tone, f"is ready{_of(new)}"
    if old.reason != new.reason and new.phase != READY:
        return new.tone, f"{new.phase}: {new.reason}"
    return (OK, f"is up to date{_of(new)}") if old.tone != new.tone and new.tone == OK else None


def _of(tile: Tile) -> str:
    return f" on {tile.revision}" if tile.revision else ""


def _from(old: Tile, new: Tile) -> str:
    return f": {old.revision} → {new.revision}" if old.revision != new.revision else f" on {new.revision}"
