"""``make schedules``: all searches, in a process for each core, and their table."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterator

from support.faults.operations import OPERATIONS
from support.faults.report import PAGE, written
from support.schedules.report import BEGIN, END, table
from support.schedules.search import Search, search

NAMES = ("delete", "restart", "create", "roll", "roles: create")
Job = tuple[str, int, bool]


def main() -> int:
    options = _parser().parse_args()
    jobs = [
        (name, options.delays, backwards)
        for name in NAMES
        if options.only in (name, "")
        for backwards in (False, True)
    ]
    with multiprocessing.get_context("fork").Pool(os.cpu_count(), maxtasksperchild=1) as pool:
        found = list(_told(pool.imap(_search, jobs, chunksize=1)))
    if not options.only:
        PAGE.write_text(written(PAGE.read_text(), table(found), begin=BEGIN, end=END))
    return 1 if any(x.violations for x in found) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make schedules", description=__doc__)
    parser.add_argument("--delays", type=int, default=1, help="at most; two make thousands of schedules")
    parser.add_argument("--only", default="", choices=["", *NAMES], help="the page is left as it is")
    return parser


def _search(job: Job) -> Search:
    name, delays, backwards = job
    operation = next(x for x in OPERATIONS if x.name == name)
    return search(operation, delays, backwards=backwards)


def _told(searches: Iterator[Search]) -> Iterator[Search]:
    for one in searches:
        print(one, flush=True)  # noqa: T201
        yield one


if __name__ == "__main__":
    sys.exit(main())
