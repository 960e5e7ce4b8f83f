"""The manager is killed while it works, or has no disk to log to; and nothing happens, to compare."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from support.recovery.arena import GROUPS, SIZE, Desk, Fault
from support.sets import LiveSet, template
from support.wholeness import await_whole

FULL = Path("/dev/full")  # every write to it fails as on a full disk
READY = "the manager is ready again"


def create(arena: Desk) -> Callable[[], object]:
    arena.extra = [arena.sets.create(name, replicas=GROUPS, size=SIZE) for name in ("three", "four")]
    return lambda: any(one.worker_sets() for one in arena.extra)


def roll(arena: Desk) -> Callable[[], object]:
    before = {one: one.uids() for one in arena.lives}
    for one in arena.lives:
        one.change(workerTemplate=template("worker", f"example.com/server:{time.time_ns()}"))
    return lambda: any(one.uids() - before[one] for one in arena.lives)


def recreation(arena: Desk) -> Callable[[], object]:
    before = {one: leader_uid(one) for one in arena.lives}
    for one in arena.lives:
        one.delete_pod(f"{one.name}-0-1")
    return lambda: any(leader_uid(one) != before[one] for one in arena.lives)


def leader_uid(one: LiveSet) -> str:
    """Empty once it is about to go."""
    return next((x.uid for x in one.group(0) if x.worker == 0 and not x.deleting), "")


def scale_down(arena: Desk) -> Callable[[], object]:
    arena.grow()
    await_whole(*arena.lives)
    for one in arena.lives:
        one.change(replicas=1)
    return lambda: any(one.leader_set()["spec"]["replicas"] == 1 for one in arena.lives)


def grow(arena: Desk) -> Callable[[], object]:
    arena.grow()
    return lambda: True


PHASES: dict[str, Callable[[Desk], Callable[[], object]]] = {
    "creation": create,
    "a roll": roll,
    "a recreation": recreation,
    "a scale-down": scale_down,
}


def killed_in(begin: Callable[[Desk], Callable[[], object]]) -> Callable[[Desk], float]:
    def strike(arena: Desk) -> float:
        begun = begin(arena)
        while not begun():
            pass
        return arena.restart()

    return strike


def left_alone(begin: Callable[[Desk], Callable[[], object]]) -> Callable[[Desk], float]:
    def strike(arena: Desk) -> float:
        begin(arena)
        return time.time()

    return strike


def full_disk(arena: Desk) -> float:
    """Nothing of what it logs can be written, from its start on."""
    arena.manager.log = FULL
    arena.restart()
    roll(arena)
    return time.time()


FAULTS = (
    *(
        Fault(f"none: {name}", "the edit", left_alone(begin))
        for name, begin in {"a group more": grow, **PHASES}.items()
    ),
    *(Fault(f"kill -9 in {name}", READY, killed_in(begin)) for name, begin in PHASES.items()),
    Fault("disk full for logs, during a roll", "the edit", full_disk),
)
