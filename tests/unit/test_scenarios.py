"""``tests/SCENARIOS.md`` names a test that exists for every numbered scenario of the specification."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parents[1]


def numbers(*ranges: tuple[str, int]) -> set[str]:
    """``("D", 3)``: D1, D2, D3."""
    return {f"{letter}{number}" for letter, last in ranges for number in range(1, last + 1)}


# What the specification has under each heading.
SCENARIOS: dict[str, set[str]] = {
    "reconcilers.md, 3.7: worked tables": numbers(("T", 20)),
    "reconcilers.md, 10.1: controller integration": numbers(("", 53)),
    "reconcilers.md, 10.2: end to end": numbers(("E", 17), ("G", 5), ("U", 1)),
    "reconcilers.md, 10.3: unit vectors": {
        "W(u)",
        "decision",
        "STS maxUnavailable",
        "metadata overlay",
        "exclusive pairs",
        "merge one condition",
        "change detection",
        "revision equality",
        "apply revision",
        "equality cache",
        "highest revision",
        "mapper",
        "worker STS readiness",
        "container restart",
        "name parsing",
        "slotting",
        "claims",
        "node missing",
        "stale worker owner",
        "deleting leader, UniquePerReplica",
        "PodGroup",
    },
    "reconcilers.md, 10.4: admission": {
        "defaulting",
        "create rejected",
        "create accepted",
        "update accepted",
        "update rejected",
        "pods",
    },
    "api.md, 7.1: defaulting": numbers(("D", 11)),
    "api.md, 7.2: validation": numbers(("V", 45)),
    "api.md, 7.3: validation helpers": numbers(("H", 7)),
    "api.md, 7.4: pod mutation": numbers(("P", 28)),
    "api.md, 7.5: pod helpers": numbers(("K", 3), ("A", 5), ("S", 3), ("E", 6), ("O", 7), ("R", 2)),
    "api.md, 7.6: TPU": numbers(("T", 14)),
    "api.md, 7.7: status and conditions": numbers(("C", 16)),
    "beyond.md, 2.3: node selector and toleration of a group": numbers(("", 11)),
    "beyond.md, 3.4: a claim of a group": numbers(("", 11)) | {"13"},
    "disaggregatedset.md, 11: worked planner tables": numbers(("T", 7), ("G", 2))
    | {f"{letter}{x:02}" for letter, last in (("X", 22), ("Y", 21), ("N", 24)) for x in range(1, last + 1)},
    "disaggregatedset.md, 23.1: planner": numbers(("", 25)),
    "disaggregatedset.md, 23.2: executor": numbers(("", 37)),
    "disaggregatedset.md, 23.3: reconciler": numbers(("", 16)),
    "disaggregatedset.md, 23.4: children and helpers": numbers(("", 16)),
    "disaggregatedset.md, 23.5: services, scalers, placement": numbers(("", 16)),
    "disaggregatedset.md, 23.6: admission": numbers(("", 17)),
    "disaggregatedset.md, 23.7: end to end": numbers(("", 30)),
    "beyond.md, 5.5: status that says why, group readiness": numbers(("", 15)),
    "beyond.md, 1.5: updates in place": numbers(("", 20)),
}


class Row(NamedTuple):
    heading: str
    scenario: str
    tests: list[str]


def listed() -> Iterator[Row]:
    heading = ""
    for line in (TESTS / "SCENARIOS.md").read_text().splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        elif line.startswith("| ") and not line.startswith("| # "):
            first, *_, last = line.strip("| ").split(" | ")
            yield Row(heading, first, re.findall(r"`([^`]+)`", last))


ROWS = list(listed())


@pytest.mark.parametrize("heading", SCENARIOS)
def test_every_scenario_is_listed_once(heading: str) -> None:
    assert sorted(x.scenario for x in ROWS if x.heading == heading) == sorted(SCENARIOS[heading])


def test_there_is_no_other_heading() -> None:
    assert {row.heading for row in ROWS} == SCENARIOS.keys()


@pytest.mark.parametrize("heading", SCENARIOS)
def test_every_scenario_has_a_test_that_exists(heading: str) -> None:
    of_heading = [row for row in ROWS if row.heading == heading]
    assert not [row.scenario for row in of_heading if not row.tests]
    assert not [test for row in of_heading for test in row.tests if not exists(test)]


def exists(test: str) -> bool:
    """``folder/file.py::Class::function[row]``; the row is looked for in what the decorators say."""
    file, _, name = test.partition("::")
    function, _, row = name.partition("[")
    if not (TESTS / file).is_file():
        return False
    rows = functions(TESTS / file).get(function)
    return rows is not None and (not row or row.removesuffix("]") in rows)


@cache
def functions(file: Path) -> dict[str, set[str]]:
    """Every test of a file with the strings that its rows may be called by."""
    tree = ast.parse(file.read_text())
    values = {
        target.id: node.value
        for node in tree.body
        for target in targets(node)
        if isinstance(target, ast.Name) and isinstance(node, ast.Assign | ast.AnnAssign) and node.value
    }
    found = [("", node) for node in tree.body]
    found += [(f"{x.name}::", node) for x in tree.body if isinstance(x, ast.ClassDef) for node in x.body]
    return {
        f"{prefix}{node.name}": set(chain.from_iterable(strings(x, values) for x in node.decorator_list))
        for prefix, node in found
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def targets(node: ast.stmt) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign) else []


def strings(decorator: ast.expr, values: dict[str, ast.expr]) -> Iterator[str]:
    """Those in a decorator, and those in what it names."""
    for node in ast.walk(decorator):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.Name) and node.id in values:
            constants = (x for x in ast.walk(values[node.id]) if isinstance(x, ast.Constant))
            yield from (x.value for x in constants if isinstance(x.value, str))


@pytest.mark.parametrize(
    ("test", "there"),
    [
        ("unit/test_scenarios.py::test_there_is_no_other_heading", True),
        ("unit/test_scenarios.py::test_there_is_another_heading", False),
        ("unit/test_scenario.py::test_there_is_no_other_heading", False),
        ("unit/test_scenarios.py::test_every_scenario_is_listed_once[api.md, 7.6: TPU]", True),
        ("unit/test_scenarios.py::test_every_scenario_is_listed_once[api.md, 7.6]", False),
        ("unit/planning/test_status.py::TestConditions::test_due", True),
        ("unit/planning/test_status.py::test_due", False),
    ],
)
def test_the_search_finds_what_is_there(test: str, there: bool) -> None:
    assert exists(test) is there
