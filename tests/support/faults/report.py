"""The table of all runs, as it stands in ``docs/faults.md``: only what is between its marks is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).resolve().parents[3] / "docs" / "faults.md"
BEGIN, END = "<!-- made by make faults -->", "<!-- end -->"
LONGEST = 300  # characters of a violation


class Cell(NamedTuple):
    """What came of a fault during an operation. ``violations``: each with the first seed that shows it."""

    operation: str
    fault: str
    runs: int
    broken: int
    violations: Mapping[str, int]


def table(cells: Iterable[Cell]) -> str:
    """Operations down, faults across, by numbers that are explained below: runs, and broken ones."""
    found = {(x.operation, x.fault): x for x in cells}
    operations = list(dict.fromkeys(x for x, _ in found))
    faults = list(dict.fromkeys(x for _, x in found))
    head = ["operation", *(f"F{number}" for number, _ in enumerate(faults, 1))]
    lines = [row(head), row(["---"] * len(head))]
    cells_of = {x: [_said(found.get((x, fault))) for fault in faults] for x in operations}
    lines += [row([operation, *said]) for operation, said in cells_of.items()]
    names = [f"- F{number}: {fault}" for number, fault in enumerate(faults, 1)]
    runs, broken = (sum(getattr(x, member) for x in found.values()) for member in ("runs", "broken"))
    return "\n".join(
        [f"{runs} runs, {broken} with a violation.", "", *lines, "", *names, *_broken(found.values())]
    )


def row(members: Iterable[str]) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(members)} |"


def _said(cell: Cell | None) -> str:
    if cell is None:
        return ""
    return f"{cell.runs}: **{cell.broken}**" if cell.broken else str(cell.runs)


def _broken(cells: Iterable[Cell]) -> list[str]:
    lines: list[str] = []
    for cell in cells:
        for violation, seed in list(Counter(cell.violations).items())[:3]:
            lines.append(f"- {cell.operation}, {cell.fault}, seed {seed}: `{violation[:LONGEST]}`")
    return ["", "What was violated:", "", *lines] if lines else []


def written(page: str, made: str, *, begin: str = BEGIN, end: str = END) -> str:
    """The page with this between its marks."""
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n\n{made}\n\n{end}{after}"
