"""The manager is killed while it works, or has no disk to log to; and nothing happens, to compare."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from lws.api import constants as c
from support.recovery.arena import GROUPS, SIZE, Desk, Fault, problems_of_roles
from support.rolesets import LiveRoles, role
from support.sets import LiveSet, template
from support.waiting import until
from support.wholeness import await_whole

ROLES = ("prefill", "decode")
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


def surge_roll(arena: Desk) -> Callable[[], object]:
    for one in arena.lives:
        one.change(maxSurge=1)
    return roll(arena)


def roll_in_place(arena: Desk) -> Callable[[], object]:
    image = f"example.com/server:{time.time_ns()}"
    for one in arena.lives:
        one.change(podUpdatePolicy=c.POD_UPDATE_IN_PLACE, workerTemplate=template("worker", image))
    return lambda: any(pod.image == image for one in arena.lives for pod in one.pods())


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


def deletion(arena: Desk) -> Callable[[], object]:
    create(arena)
    await_whole(*arena.extra)
    arena.extra, arena.leaving = [], arena.extra
    before = {one: len(one.pods()) for one in arena.leaving}
    for one in arena.leaving:
        one.delete()
    return lambda: any(len(one.pods()) < before[one] for one in arena.leaving)


def roles_creation(arena: Desk) -> Callable[[], object]:
    """A DisaggregatedSet of two roles."""
    arena.roles = LiveRoles(arena.client, arena.namespace)
    arena.roles.create(*(role(name, GROUPS) for name in ROLES))
    return arena.roles.pods


def roles_roll(arena: Desk) -> Callable[[], object]:
    """Of one role; the other one goes along with it."""
    roles_creation(arena)
    roles = arena.roles
    assert roles is not None
    until("the roles to be whole", lambda: problems_of_roles(roles), lambda seen: not seen)
    before, image = roles.revisions(), f"example.com/server:{time.time_ns()}"
    roles.change(role(ROLES[0], GROUPS, image=image), role(ROLES[1], GROUPS))
    return lambda: roles.revisions() - before


def grow(arena: Desk) -> Callable[[], object]:
    arena.grow()
    return lambda: True


PHASES: dict[str, Callable[[Desk], Callable[[], object]]] = {
    "creation": create,
    "a roll": roll,
    "a roll with surge": surge_roll,
    "a roll in place": roll_in_place,
    "a recreation": recreation,
    "a scale-down": scale_down,
    "a deletion": deletion,
    "a DisaggregatedSet's creation": roles_creation,
    "a role's roll": roles_roll,
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
