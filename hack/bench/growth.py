"""How costs grow with the number of sets, and of groups in a set: an exponent, fitted to kept results.

What is measured, and how it is shown, may not live here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import linear_regression
from typing import Any, Final, NamedTuple

from hack.bench.results import groups

LEAST: Final = 3  # points without which a line says nothing

Document = dict[str, Any]

# What a whole phase cost, of its figures and the number of groups.
COSTS: Final[Mapping[str, Callable[[Document, int], float]]] = {
    "controller CPU": lambda phase, groups: phase["cpuMsPerGroup"] * groups,
    "writes": lambda phase, groups: phase["writesPerGroupWithEvents"] * groups,
    "API server CPU": lambda phase, _: phase["componentsCpuSeconds"]["kube-apiserver"],
}


class Family(NamedTuple):
    """Results that differ in one number alone. ``name``: as ``N x 4 x 2``; ``members``: by that number."""

    name: str
    members: tuple[tuple[int, Document], ...]


def families(results: Sequence[Document]) -> Iterator[Family]:
    """Ours without strangers, by number of sets, then by number of groups; at least three in each."""
    plain = [x for x in results if x["controller"] == "ours" and not x["foreignPods"]]
    for position in (0, 1):
        found: dict[str, dict[int, Document]] = {}
        for result in plain:
            numbers = result["shape"].split("x")
            count, numbers[position] = int(numbers[position]), "N"
            found.setdefault(" x ".join(numbers), {})[count] = result
        for name, members in found.items():
            if len(members) >= LEAST:
                yield Family(name, tuple(sorted(members.items(), key=lambda x: x[0])))


def exponent(points: Sequence[tuple[float, float]]) -> float | None:
    """Of the power of the first number that fits the second best (1: linear); None where one is nothing."""
    if any(cost <= 0 for _, cost in points):
        return None
    fit = linear_regression([math.log(x) for x, _ in points], [math.log(cost) for _, cost in points])
    return round(fit.slope, 2)


def fitted(family: Family, phase: str, cost: str) -> float | None:
    """How this cost of the whole phase grows with N; None where not all were measured."""
    found = [(n, result["phases"].get(phase), groups(result)) for n, result in family.members]
    if any(measured is None for _, measured, _ in found):
        return None
    return exponent([(n, COSTS[cost](measured, count)) for n, measured, count in found])
