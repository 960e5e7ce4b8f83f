"""Pieces that several drawings share: tables as kubectl's, and how states are coloured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

from lws.api.timestamps import epoch

GOOD, BAD, BUSY, QUIET = "green", "red", "yellow", "dim"
_GAP = 3  # blanks between columns


def table(headers: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Text:
    """Columns under capital headers, nothing around them; thousands of rows are no matter."""
    bold = [Text(x, style="bold") for x in headers]
    cells = [bold, *([x if isinstance(x, Text) else Text(x) for x in row] for row in rows)]
    widths = [max(x.cell_len for x in column) for column in zip(*cells, strict=True)]
    drawn = Text(no_wrap=True, overflow="ignore")
    for place, row in enumerate(cells):
        if place:
            drawn.append("\n")
        gap = 0
        for cell, width in zip(row, widths, strict=True):
            if cell.cell_len:
                drawn.append(" " * gap).append_text(cell)
                gap = 0
            gap += width - cell.cell_len + _GAP
    return drawn


def mark(text: str, *, good: bool) -> Text:
    """Green when good, else yellow."""
    return Text(text, style=GOOD if good else BUSY)


def line(*parts: str | Text) -> Text:
    """Parts of one line, two blanks apart; empty ones are left out."""
    return Text("  ").join([Text(x) if isinstance(x, str) else x for x in parts if x])


def age(since: str, now: float) -> str:
    """How long ago, as kubectl has it. ``since``: RFC 3339; ``now``: seconds since 1970."""
    return elapsed(now - epoch(since)) if since else ""


def elapsed(seconds: float) -> str:
    """``90s``, ``5m30s``, ``3h12m``, ``4d``: what a person wants to know of a length of time."""
    whole = max(0, int(seconds))
    if whole < 120:
        return f"{whole}s"
    if whole < 600:
        return _two(whole, 60, "m", 1, "s")
    if whole < 3 * 3600:
        return f"{whole // 60}m"
    if whole < 8 * 3600:
        return _two(whole, 3600, "h", 60, "m")
    if whole < 48 * 3600:
        return f"{whole // 3600}h"
    return _two(whole, 86400, "d", 3600, "h") if whole < 8 * 86400 else f"{whole // 86400}d"


def _two(whole: int, size: int, unit: str, small: int, lesser: str) -> str:
    rest = whole % size // small
    return f"{whole // size}{unit}" + (f"{rest}{lesser}" if rest else "")


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
