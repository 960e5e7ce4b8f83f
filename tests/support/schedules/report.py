"""The table of all searches, as it stands in ``docs/faults.md``."""

from __future__ import annotations

from collections.abc import Iterable

from support.faults.report import LONGEST, row
from support.schedules.search import Search

BEGIN, END = "<!-- made by make schedules -->", "<!-- end of schedules -->"
HEAD = ("operation", "first in turn", "steps", "delays", "schedules", "ended early", "violations")


def table(found: Iterable[Search]) -> str:
    found = list(found)
    total = sum(x.schedules for x in found)
    broken = [_broken(x, violation) for x in found for violation in x.violations]
    lines = [row(HEAD), row(["---"] * len(HEAD)), *map(_line, found)]
    return "\n".join(
        [f"{total} schedules, {len(broken)} violations.", "", *lines, *([""] if broken else []), *broken]
    )


def _line(one: Search) -> str:
    violations = len(one.violations)
    return row(
        (
            one.operation,
            "the last by name" if one.backwards else "the first by name",
            *map(str, (one.steps, one.delays, one.schedules, one.known)),
            f"**{violations}**" if violations else "0",
        )
    )


def _broken(one: Search, violation: str) -> str:
    at = ", ".join(map(str, one.violations[violation]))
    return f"- {one.operation}, delayed at {at or 'no step'}: `{violation[:LONGEST]}`"
