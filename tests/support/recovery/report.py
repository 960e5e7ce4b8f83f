"""What was measured, as ``docs/benchmarks/recovery.json`` keeps it, and its table in ``docs/recovery.md``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

import msgspec
from msgspec import Struct

from support.faults.report import row, written
from support.recovery.measure import Strike

DOCS = Path(__file__).resolve().parents[3] / "docs"
KEPT, PAGE = DOCS / "benchmarks" / "recovery.json", DOCS / "recovery.md"
BEGIN = "<!-- made by make recovery -->"
GOAL = 1.5  # seconds, the median
HEAD = ("Fault", "Seconds count from", "Healed", "First write", "Whole: median", "Worst", "Plain StatefulSet")


class Measured(Struct, frozen=True):
    """One fault. ``when``: the day."""

    name: str
    clock: str
    when: str
    strikes: tuple[Strike, ...]

    @property
    def healed(self) -> list[float]:
        return [x.whole for x in self.strikes if x.whole is not None]


def load() -> list[Measured]:
    """What is kept; nothing where there is no file."""
    return msgspec.json.decode(KEPT.read_bytes(), type=list[Measured]) if KEPT.exists() else []


def keep(found: Iterable[Measured], order: Sequence[str]) -> list[Measured]:
    """Put these in the place of older ones, by ``order`` of names, which forgets those not in it."""
    known = {x.name: x for x in (*load(), *found)}
    kept = [known[name] for name in order if name in known]
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n")
    PAGE.write_text(written(PAGE.read_text(), table(kept), begin=BEGIN))
    return kept


def table(found: Iterable[Measured]) -> str:
    return "\n".join([row(HEAD), row(["---"] * len(HEAD)), *map(_line, found)])


def _line(one: Measured) -> str:
    total, healed = len(one.strikes), one.healed
    missed = len(healed) < total or median(healed) > GOAL
    middle = f"{median(healed):.1f}" if healed else "-"
    return row(
        (
            one.name,
            one.clock,
            f"{len(healed)} of {total}",
            _median(x.acts for x in one.strikes),
            f"**{middle}**" if missed else middle,
            f"{max(healed):.1f}" if healed else "-",
            _median(x.plain for x in one.strikes),
        )
    )


def _median(numbers: Iterable[float | None]) -> str:
    known = [x for x in numbers if x is not None]
    return f"{median(known):.1f}" if known else "-"
