"""``make recovery``: all faults on the real control plane, ten times each, and their table."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from support.recovery import components, kills, network, outage, refusals, replicas
from support.recovery.arena import Arena, Fault, desk
from support.recovery.measure import Strike, strikes
from support.recovery.report import Measured, keep


class Stage(NamedTuple):
    """A cluster and what strikes it."""

    build: Callable[[Path], contextlib.AbstractContextManager[Arena]]
    faults: Sequence[Fault]


STAGES = (
    Stage(desk, (*kills.FAULTS, *network.FAULTS, *components.FAULTS, *refusals.FAULTS)),
    Stage(lambda directory: desk(directory, *outage.FLAGS, of=outage.Ward), outage.FAULTS),
    Stage(replicas.installed, replicas.FAULTS),
)
ORDER = [fault.name for stage in STAGES for fault in stage.faults]


def main() -> int:
    parser = _parser()
    options = parser.parse_args()
    if not any(word in name for word in options.only for name in ORDER):
        parser.error(f"no fault's name contains {' or '.join(options.only)}; there are: {'; '.join(ORDER)}")
    broken = False
    for stage in STAGES:
        faults = [x for x in stage.faults if any(word in x.name for word in options.only)]
        if not faults:
            continue
        with (
            tempfile.TemporaryDirectory(prefix="lws-recovery-") as directory,
            stage.build(Path(directory)) as arena,
        ):
            for fault in faults:
                broken |= not _measure(arena, fault, options)
    if options.keep:
        keep((), ORDER)
    return 1 if broken else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make recovery", description=__doc__)
    parser.add_argument(
        "--only", nargs="*", default=[""], help="faults whose names contain any of these; rows of others stay"
    )
    parser.add_argument("--times", type=int, default=10, help="how often each strikes")
    parser.add_argument("--keep", action=argparse.BooleanOptionalAction, default=True, help="write the page")
    return parser


def _measure(arena: Arena, fault: Fault, options: argparse.Namespace) -> bool:
    """Whether all healed."""
    found: list[Strike] = []
    for strike in strikes(arena, fault, options.times):
        found.append(strike)
        print(f"{fault.name}: {strike}", flush=True)  # noqa: T201
    measured = Measured(fault.name, fault.clock, datetime.now(UTC).date().isoformat(), tuple(found))
    if options.keep:
        keep([measured], ORDER)
    return len(measured.healed) == len(found)


if __name__ == "__main__":
    sys.exit(main())
