"""Faults during operations, some of each: the short form of ``make faults``. And what was found by it."""

from __future__ import annotations

import pytest
from support.faults.matrix import FAULTS, PAUSES, faults_of
from support.faults.operations import OPERATIONS, Operation

CRASHES, *OTHERS = FAULTS
EVERY = 3  # a third of all combinations, so that it takes half a minute
SOME = [
    (operation, fault)
    for row, operation in enumerate(OPERATIONS)
    for column, fault in enumerate(OTHERS)
    if fault in faults_of(operation) and (operation.waits or (row + column) % EVERY == 0)
]
FOUND = [
    ("roll in place", "409", 0),
    ("roll in place", "409", 1),
    ("roll in place", "harmless edits", 0),
    ("rollback", "hidden events, 410", 3),
    ("rollback", "older view after a restart", 3),
    ("roles: scale", "older view after a restart", 0),
    ("names taken", PAUSES, 7),
]
"""Operation, fault and seed of what was wrong once; each is told in ``docs/faults.md``."""


def named(operation: str) -> Operation:
    return next(x for x in OPERATIONS if x.name == operation)


def violations(operation: Operation, fault: str, seed: int) -> list[str]:
    return [x for run in FAULTS[fault](operation, seed) for x in run.violations]


@pytest.mark.parametrize(("operation", "fault"), SOME, ids=lambda x: getattr(x, "name", x))
def test_a_fault_leaves_nothing_behind(operation: Operation, fault: str) -> None:
    assert violations(operation, fault, 1) == []


@pytest.mark.parametrize(("operation", "fault", "seed"), FOUND)
def test_what_was_found_stays_mended(operation: str, fault: str, seed: int) -> None:
    assert violations(named(operation), fault, seed) == []


@pytest.mark.parametrize("operation", ["create", "roll"])
def test_a_crash_at_any_write_leaves_nothing_behind(operation: str) -> None:
    runs = list(FAULTS[CRASHES](named(operation), 1))
    assert len(runs) > 10, "hardly anything was written: nothing was tried"
    assert [x for run in runs for x in run.violations] == []
