"""What the workers of one run know of each other: a file each, in a directory that all of them see.

Every worker of pytest-xdist has a control plane and a controller of its own. What looks at the whole run
comes last, and waits until all others have ended.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import msgspec

from support.rights import Right, Usage
from support.waiting import until

SECONDS = 900.0  # that others may need for what they still have to do


class Report(msgspec.Struct, frozen=True):
    """What a worker leaves behind: how many of its tests failed, what the manager did, what it lacked."""

    failed: int
    used: list[Right]
    missing: list[str]


class Others(NamedTuple):
    failed: int
    usage: Usage


class Run:
    """One worker's part of the run; a run without workers has one, of which nobody else knows."""

    def __init__(self, base: Path) -> None:
        """``base``: where pytest keeps the temporary files of this process."""
        worker = os.environ.get("PYTEST_XDIST_WORKER", "")
        self._directory = (base.parent if worker else base) / "workers"
        self._directory.mkdir(exist_ok=True)
        self._begun = self._directory / f"{worker or 'only'}.begun"

    def begin(self) -> None:
        self._begun.touch()

    def end(self, failed: int, usage: Usage) -> None:
        """Once everything that this worker started is gone."""
        report = Report(failed, sorted(usage.used), sorted(usage.missing))
        unfinished = self._begun.with_suffix(".part")
        unfinished.write_bytes(msgspec.json.encode(report))
        unfinished.rename(self._begun.with_suffix(".ended"))

    def others(self) -> Others:
        """What all others have to say, once they have ended."""
        until("the other workers to end", self._running, lambda seen: not seen, seconds=SECONDS)
        usage, failed = Usage(), 0
        for path in self._directory.glob("*.ended"):
            report = msgspec.json.decode(path.read_bytes(), type=Report)
            failed += report.failed
            usage.used.update(report.used)
            usage.missing.update(report.missing)
        return Others(failed, usage)

    def _running(self) -> list[str]:
        begun = set(self._directory.glob("*.begun")) - {self._begun}
        return sorted(x.stem for x in begun if not x.with_suffix(".ended").exists())
