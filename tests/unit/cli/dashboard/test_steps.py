"""What a roll is told to have done between two looks."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from lws.cli.dashboard.steps import LONGEST, Step, kept, remembered, steps_between
from lws.cli.dashboard.tiles import Tile

READY = Tile("s", 1, "Ready", "ok", "b", True, True, False, 2, [""], [], born="u1")
POD: Any = object()


def like(**changed: Any) -> Tile:
    return replace(READY, **changed)


OLD = like(revision="a", tone="old", updated=False, born="u0")
DOWN = like(phase="Starting", tone="busy", reason="NotReady", pods=[POD])


def said(before: Tile | None, after: Tile | None) -> list[tuple[str, str]]:
    shown = ({x.key: x for x in (one,) if x is not None} for one in (before, after))
    return [(x.tone, x.text) for x in steps_between(*shown, now=7.0)]


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (READY, READY, []),
        (None, DOWN, [("busy", "is made on b")]),
        (None, like(surge=True), [("ok", "is made beyond the wanted number on b")]),
        (READY, None, [("ok", "is gone")]),
        (OLD, DOWN, [("busy", "is made anew: a → b")]),
        (like(born="u0"), DOWN, [("busy", "is made anew on b")]),
        (like(born="", phase="Starting"), DOWN, [("busy", "is made on b")]),
        (DOWN, READY, [("ok", "is ready on b")]),
        (READY, DOWN, [("busy", "Starting: NotReady")]),
        (
            DOWN,
            like(phase="Waiting", reason="Unschedulable", tone="bad"),
            [("bad", "Waiting: Unschedulable")],
        ),
        (like(tone="old"), READY, [("ok", "is up to date on b")]),
    ],
    ids=[
        "nothing",
        "made",
        "surge",
        "gone",
        "replaced",
        "recreated",
        "made-late",
        "ready",
        "down",
        "stuck",
        "in-place",
    ],
)
def test_steps(before: Tile | None, after: Tile | None, wanted: list[tuple[str, str]]) -> None:
    assert said(before, after) == wanted


def test_a_group_between_two_leaders_is_that_of_the_former_one() -> None:
    between = like(phase="Starting", tone="busy", reason="NotReady", born="", revision="")
    first = remembered({}, [OLD])
    second = remembered(first, [between])
    assert [x.text for x in steps_between(first, second, now=0.0)] == ["Starting: NotReady"]
    third = remembered(second, [DOWN])
    assert [x.text for x in steps_between(second, third, now=0.0)] == ["is made anew: a → b"]


def test_rolls_go_from_the_highest_index_down() -> None:
    after = {x.key: x for x in (like(index=n) for n in range(3))}
    assert [x.index for x in steps_between({}, after, now=0.0)] == [2, 1, 0]


def test_the_newest_steps_are_kept() -> None:
    steps = [Step(float(x), "s", x, "ok", "") for x in range(LONGEST)]
    found = kept(steps, [Step(1.0, "s", 900, "ok", ""), Step(1.0, "s", 901, "ok", "")])
    assert ([x.index for x in found[:3]], len(found)) == ([901, 900, 0], LONGEST)
