"""``make faults``: all faults during all operations, in a process for each core, and their table."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterator

from support.faults.matrix import FAULTS, MANY, faults_of
from support.faults.operations import OPERATIONS
from support.faults.report import PAGE, Cell, table, written


def main() -> int:
    options = _parser().parse_args()
    jobs = [
        (
            operation.name,
            fault,
            max(1, options.seeds // MANY) if fault == next(iter(FAULTS)) else options.seeds,
        )
        for operation in OPERATIONS
        for fault in faults_of(operation)
        if options.only in (operation.name, fault, "")
    ]
    with multiprocessing.get_context("fork").Pool(os.cpu_count(), maxtasksperchild=20) as pool:
        cells = list(_told(pool.imap(_cell, jobs)))
    if not options.only:
        PAGE.write_text(written(PAGE.read_text(), table(cells)))
    return 1 if any(x.broken for x in cells) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="of each fault and operation")
    names = ["", *(x.name for x in OPERATIONS), *FAULTS]
    parser.add_argument(
        "--only", default="", choices=names, help="an operation or a fault; the page is left as it is"
    )
    return parser


def _told(cells: Iterator[Cell]) -> Iterator[Cell]:
    for cell in cells:
        print(f"{cell.operation}, {cell.fault}: {cell.runs} runs, {cell.broken} broken", flush=True)  # noqa: T201
        for violation, seed in cell.violations.items():
            print(f"    seed {seed}: {violation}", flush=True)  # noqa: T201
        yield cell


def _cell(job: tuple[str, str, int]) -> Cell:
    name, fault, seeds = job
    operation = next(x for x in OPERATIONS if x.name == name)
    runs = broken = 0
    violations: dict[str, int] = {}
    for seed in range(seeds):
        for run in FAULTS[fault](operation, seed):
            runs += 1
            broken += bool(run.violations)
            for violation in run.violations:
                violations.setdefault(violation, seed)
    return Cell(name, fault, runs, broken, violations)


if __name__ == "__main__":
    sys.exit(main())
