"""The pictures are those that their script draws, and the roll that is drawn is the one that is rolled."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest
from support.cli import seen_of
from support.groups import a_set
from support.pages import ROOT

from lws.cli.plan import describe

FOLDER = ROOT / "docs" / "pictures"
SMALLEST_TYPE = 12


def load(path: Path) -> ModuleType:
    """A script that is in no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


draw = load(FOLDER / "draw.py")


@pytest.mark.parametrize("name", draw.PICTURES)
def test_a_picture_is_up_to_date(name: str) -> None:
    assert (FOLDER / f"{name}.svg").read_text() == draw.PICTURES[name](), "run: python docs/pictures/draw.py"


@pytest.mark.parametrize("name", draw.PICTURES)
def test_a_picture_says_what_it_shows_in_type_that_a_telephone_can_show(name: str) -> None:
    root = ElementTree.fromstring((FOLDER / f"{name}.svg").read_text())
    sizes = [float(x.get("font-size", 0)) for x in root.iter() if x.tag.endswith("text")]
    assert min(sizes) >= SMALLEST_TYPE
    assert root.findtext("{*}title")
    assert float(root.get("width", 0)) == draw.WIDTH


def test_the_roll_is_what_the_planner_does() -> None:
    numbers = {"replicas": 4, "max_surge": 1, "max_unavailable": 0}
    view = describe(seen_of(a_set(**numbers, template={"restartPolicy": "None"})), a_set(**numbers), [])
    *steps, last = view.steps
    drawn = [[n for n, x in enumerate(row.states) if x == draw.STARTING] for row in draw.ROLL[1:-1]]
    assert drawn == [[*x.created, *x.replaced] for x in steps]
    assert [sum(x in (draw.OLD, draw.NEW) for x in row.states) for row in draw.ROLL[1:]] == [
        x.ready for x in view.steps
    ]
    assert last.removed == [n for n, x in enumerate(draw.ROLL[-1].states) if not x]
