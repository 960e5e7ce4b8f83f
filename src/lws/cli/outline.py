"""A tree as a table: names with the lines that join them, and aligned columns beside them.

What stands in the columns is the caller's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.text import Text

from lws.cli.drawing import QUIET, table

Cell = str | Text


class Node(NamedTuple):
    """One line, and what belongs below it."""

    name: Cell
    cells: Sequence[Cell]
    below: Sequence[Node] = ()


def outline(headers: Sequence[str], roots: Sequence[Node]) -> Text:
    """Trees under one head, so that all columns are aligned; a blank line between them."""
    rows: list[Sequence[Cell]] = []
    for root in roots:
        if rows:
            rows.append([""] * len(headers))
        rows += [[Text().append(guide, style=QUIET).append(x.name), *x.cells] for guide, x in _lines(root)]
    return table(headers, rows)


def _lines(root: Node) -> Iterator[tuple[str, Node]]:
    yield "", root
    yield from _below(root, "")


def _below(node: Node, guide: str) -> Iterator[tuple[str, Node]]:
    for place, x in enumerate(node.below, start=1):
        last = place == len(node.below)
        yield guide + ("└── " if last else "├── "), x
        yield from _below(x, guide + ("    " if last else "│   "))
