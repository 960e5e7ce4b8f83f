"""Pieces that several drawings share: tables as kubectl's, and how states are coloured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

GOOD, BAD, BUSY, QUIET = "green", "red", "yellow", "dim"


def table(headers: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Table:
    """Columns under capital headers, nothing around them."""
    drawn = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for header in headers:
        drawn.add_column(header, overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    return drawn


def mark(text: str, *, good: bool) -> Text:
    """Green when good, else yellow."""
    return Text(text, style=GOOD if good else BUSY)


def line(*parts: str | Text) -> Text:
    """Parts of one line, two blanks apart; empty ones are left out."""
    return Text("  ").join([Text(x) if isinstance(x, str) else x for x in parts if x])


def count(number: int, what: str) -> str:
    """``1 group``, ``3 groups``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def numbers(values: Iterable[int]) -> str:
    """Ascending numbers, runs of three or more as ``0-4``."""
    runs: list[list[int]] = []
    for value in sorted(values):
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ", ".join(f"{x[0]}-{x[-1]}" if len(x) > 2 else ", ".join(map(str, x)) for x in runs)
