"""A recording becomes pictures that follow each other, with the colours of the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hack.controlplane.layout import ROOT
from hack.tools.cast import TITLE
from hack.tools.castsvg import CLEAR, LONGEST_REST, scenes, svg

PICTURES = ROOT / "docs" / "pictures"


def recording(*printed: str) -> str:
    header = {"version": 2, "width": 20, "height": 5}
    lines = [header, *([float(number), "o", text] for number, text in enumerate(printed))]
    return "".join(f"{json.dumps(x)}\n" for x in lines)


def texts(picture: str) -> list[list[str]]:
    """Of each picture the lines."""
    root = ElementTree.fromstring(picture)
    return [["".join(x.itertext()) for x in group.findall("{*}text")] for group in root.findall("{*}g")]


def test_each_command_is_a_picture_with_what_it_printed() -> None:
    cast = recording(f"{CLEAR}$ ", "l", "s", "\r\n", "a\r\n\r\nb & c\r\n", f"{CLEAR}$ true\r\n")
    read = [x.lines for x in scenes(cast) if x.seconds > LONGEST_REST]
    assert read == [("$ ls", "a", "", "b & c"), ("$ true",)]
    assert texts(svg(cast, "a title"))[-2:] == [["$ ls", "a", "b & c"], ["$ true"]]


def test_what_is_drawn_in_place_has_a_picture_for_each_rest() -> None:
    up = "\r\x1b[2K\x1b[1A\x1b[2K\x1b[1A\x1b[2K"
    cast = recording(f"{CLEAR}$ watch\r\n", "one 0\r\ntwo 0\r\n", f"\x1b[?25l{up}one 1\r\ntwo 0\r\n")
    assert [x.lines for x in scenes(cast)] == [
        ("$ watch",),
        ("$ watch", "one 0", "two 0"),
        ("$ watch", "one 1", "two 0"),
    ]


def test_long_lines_go_on_in_the_next_row() -> None:
    [rows] = texts(svg(recording(f"{CLEAR}\x1b[31m{'a' * 25}\x1b[0m"), "a title"))
    assert rows == ["a" * 20, "a" * 5]


@pytest.mark.parametrize(
    ("written", "attributes"),
    [
        ("\x1b[31mred\x1b[0m", {"fill": "#ff7b72"}),
        ("\x1b[1;32mgreen\x1b[0m", {"fill": "#3fb950", "font-weight": "600"}),
        ("\x1b[2mdim\x1b[0m", {"fill": "#8b949e"}),
        ("plain", None),
    ],
)
def test_colours_stay(written: str, attributes: dict[str, str] | None) -> None:
    root = ElementTree.fromstring(svg(recording(f"{CLEAR}{written}"), "a title"))
    assert [x.attrib for x in root.findall(".//{*}tspan")] == ([attributes] if attributes else [])


def test_pictures_take_their_turns_and_stand_still_for_who_wants_that() -> None:
    style = ElementTree.fromstring(svg(recording(f"{CLEAR}a", f"{CLEAR}b"), "a title")).findtext("{*}style")
    assert style
    assert "@keyframes s0{0.000%{visibility:visible}50.000%{visibility:hidden}}" in style
    assert "@keyframes s1{0%{visibility:hidden}50.000%{visibility:visible}100.000%" in style
    assert "prefers-reduced-motion" in style
    assert "#s1{visibility:visible}" in style


def test_the_recording_in_the_pages_is_what_its_picture_shows() -> None:
    cast = (PICTURES / "demo.cast").read_text()
    assert (PICTURES / "demo.svg").read_text() == svg(cast, TITLE)
    assert json.loads(cast.splitlines()[0])["version"] == 2
    commands = [x.lines[0] for x in scenes(cast)]
    assert any("lws why" in x for x in commands)
    assert not any(str(Path.home()) in x for x in cast.splitlines())
