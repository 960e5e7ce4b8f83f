"""How soon a group may be recreated again, and how often (docs/decisions/011).

The first recreation is immediate; further ones in a row wait, longer each time, up to the set's bound, where
there is one. Numbers and the group's entry in the status only; what asks for a recreation may not live here.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Any, Final, NamedTuple

import msgspec
from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import GroupStatus, LeaderWorkerSet
from lws.api.timestamps import epoch, rfc3339
from lws.api.workloads import Pod
from lws.planning.observed import group_index

INITIAL: Final = 10.0
"""Seconds between a group's first recreation and its second."""

LONGEST: Final = 300.0
"""Seconds that a recreation waits at most."""

STABLE: Final = 600.0
"""Seconds after which a group that was ready once is no longer held to its former recreations."""


MOST: Final = 2**31 - 1
"""Recreations in a row that a status can hold: the API server refuses more, and the whole patch with it."""


class Step(Enum):
    """What becomes of a group that asks for recreation."""

    RECREATE = auto()
    WAIT = auto()
    GIVE_UP = auto()


class Decision(NamedTuple):
    """``entry``: the group's, to be stored before the step is taken. ``wait``: seconds, with WAIT."""

    step: Step
    entry: GroupStatus
    wait: float = 0.0


def backoff(restarts: int) -> float:
    """Seconds from the last of so many recreations in a row to the next: 0, 10, 20, 40, ... 300."""
    return 0.0 if restarts < 1 else min(INITIAL * 2.0 ** min(restarts - 1, 16), LONGEST)


def stored_entry(lws: LeaderWorkerSet, leader: Pod) -> GroupStatus | None:
    """What the status records of this leader's group, be it of this leader or of a former one."""
    index = group_index(leader)
    return None if index is None else recorded_of(lws, str(index))


def recorded_of(lws: LeaderWorkerSet, index: str) -> GroupStatus | None:
    """The record of the group with this index, without what is told of its readiness."""
    entry = lws.status.groups.get(index)
    return None if entry is None else entry.record


def speaks_of(entry: GroupStatus, leader: Pod) -> bool:
    """Whether the entry is about this very leader, on the revision that it has now."""
    return entry.leader == leader.uid and entry.revision == leader.labels.get(c.REVISION_LABEL, "")


def in_a_row(entry: GroupStatus | None) -> int:
    """The recreations in a row since which the group has not been ready; 0: there is no such row."""
    if entry is None or (entry.ready_time and not entry.restarting):
        return 0
    return entry.restarts


def decided(entry: GroupStatus) -> bool:
    """Whether the group was found dead already: evidence that may be gone is not asked for again."""
    return entry.restarting or entry.failed or bool(entry.backoff_until)


def kept_down(entry: GroupStatus | None) -> tuple[bool, str]:
    """Whether the group is left failed, and until when it is not recreated: what its set tells of it."""
    return (False, "") if entry is None else (entry.failed, entry.backoff_until)


def entry_for(stored: GroupStatus | None, leader: Pod) -> GroupStatus:
    """The entry about this leader, with the recreations in a row that led to it.

    They count on when the former leader was deleted by us, and both are of one revision. A leader that
    anybody else replaced, or that has a new template, starts anew.
    """
    if stored is not None and speaks_of(stored, leader):
        return stored
    entry = GroupStatus(leader=leader.uid, revision=leader.labels.get(c.REVISION_LABEL, ""))
    if stored is None or not stored.restarting or stored.revision != entry.revision:
        return entry
    return replace(entry, restarts=stored.restarts, last_restart_time=stored.last_restart_time)


def decide(
    stored: GroupStatus | None, leader: Pod, *, counts: bool, limit: int | None, now: float
) -> Decision:
    """What becomes of a leader whose group asks for recreation.

    ``counts``: it failed by itself. What was done to a group that had not failed before, an eviction or a
    deletion, recreates it at once and leaves the row as it is. ``limit``: the set's maxGroupRestarts;
    ``now``: seconds since 1970. The count goes up before the leader is deleted, and only once for each
    leader, so dying in between neither loses nor repeats a recreation.
    """
    entry = _forgiven(entry_for(stored, leader), now)
    if entry.restarting:
        return Decision(Step.RECREATE, entry)
    if not counts and not decided(entry):
        return Decision(Step.RECREATE, replace(entry, restarting=True))
    if limit is not None and entry.restarts >= limit:
        return Decision(Step.GIVE_UP, replace(entry, failed=True, backoff_until=""))
    until = epoch(entry.backoff_until or entry.last_restart_time)
    if not entry.backoff_until:
        until += backoff(entry.restarts)
    if entry.restarts and now < until <= now + 2 * LONGEST:  # beyond that, somebody's clock was wrong
        return Decision(Step.WAIT, replace(entry, failed=False, backoff_until=rfc3339(until)), until - now)
    counted = replace(
        entry,
        restarts=min(entry.restarts + 1, MOST),
        last_restart_time=rfc3339(now),
        restarting=True,
        backoff_until="",
        failed=False,
    )
    return Decision(Step.RECREATE, counted)


def _forgiven(entry: GroupStatus, now: float) -> GroupStatus:
    """Without its former recreations, once the group has been up long enough before it failed."""
    if decided(entry) or not entry.ready_time or now - epoch(entry.ready_time) < STABLE:
        return entry
    return replace(entry, restarts=0, last_restart_time="")


def entry_document(entry: GroupStatus) -> dict[str, Any]:
    """The entry as a merge patch that leaves nothing of a former one: null for what it lacks."""
    present = msgspec.to_builtins(entry)
    return {name: present.get(name) for name in entry.__struct_encode_fields__}


def entry_difference(stored: GroupStatus | None, wanted: GroupStatus) -> dict[str, Any]:
    """The merge patch from one entry to the other; empty when they are equal."""
    if stored == wanted:
        return {}
    before = entry_document(stored or GroupStatus())
    return {name: value for name, value in entry_document(wanted).items() if value != before[name]}
