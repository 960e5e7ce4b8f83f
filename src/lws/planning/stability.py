"""Since when groups have been ready, and which have been so for the set's minReadySeconds (beyond.md, 5.4).

A group that is ready but not stable serves and counts as ready; a roll and condition Available do not count
on it yet. What is seen decides; the status only tells a process that has just started what was seen before
it. What a roll makes of the answer may not live here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.timestamps import epoch, instant, micro_time
from lws.planning.groups import Group, Groups, make_groups
from lws.planning.recreation.backoff import speaks_of, stored_entry

ReadyTimes = Mapping[str, str]
"""By the UIDs of leaders: since when their groups have been ready, RFC 3339 with microseconds, by our own
clock; empty for one that is not."""

SOONEST: Final = 0.05
"""Seconds until another look at least: a timer may be a moment early."""


def ready_times(lws: LeaderWorkerSet, groups: Groups, known: ReadyTimes, *, at: float) -> ReadyTimes:
    """Of all groups of a set with minReadySeconds. ``known``: what the pass before this one had; ``at``:
    seconds since 1970.
    """
    if not lws.min_ready_seconds:
        return {}
    return {x.leader.uid: _ready_since(lws, x, known, at) for x in groups.all}


def _ready_since(lws: LeaderWorkerSet, group: Group, known: ReadyTimes, at: float) -> str:
    """A time that nobody can have seen yet is somebody's wrong clock, and begins anew."""
    if not group.ready:
        return ""
    told = known.get(group.leader.uid)
    if told is None:
        told = _recorded(lws, group) or _served_already(lws, group)
    since = instant(told)
    return told if since is not None and since <= at else micro_time(at)


def _recorded(lws: LeaderWorkerSet, group: Group) -> str:
    entry = stored_entry(lws, group.leader)
    return entry.ready_since if entry is not None and speaks_of(entry, group.leader) else ""


def _served_already(lws: LeaderWorkerSet, group: Group) -> str:
    """Since when every wanted group has been ready, by the set's own word, if this leader was there by then:
    minReadySeconds that a live set gets ask nothing of groups that have served all along.
    """
    stored = next((x for x in lws.status.conditions if x.type == c.AVAILABLE), None)
    if stored is None or stored.status != "True" or group.index is None or group.index >= lws.replicas:
        return ""
    created = group.leader.metadata.creation_timestamp
    there = created is not None and epoch(created) <= epoch(stored.last_transition_time)
    return stored.last_transition_time if there else ""


def with_stability(lws: LeaderWorkerSet, groups: Groups, times: ReadyTimes, *, at: float) -> Groups:
    """The groups, told apart into those that are stable and those that are not yet."""
    if not lws.min_ready_seconds:
        return groups
    return make_groups(lws, (replace(x, stable=_left(lws, x, times, at) <= 0) for x in groups.all))


def next_stable(lws: LeaderWorkerSet, groups: Groups, times: ReadyTimes, *, at: float) -> float | None:
    """Seconds until the first group that is ready is stable, too; None where none waits for that."""
    left = (_left(lws, x, times, at) for x in groups.all if x.ready and not x.stable)
    return min((max(x, SOONEST) for x in left), default=None)


def last_proven(lws: LeaderWorkerSet, times: ReadyTimes) -> float | None:
    """When, in seconds since 1970, the last of the groups that are ready is stable, or was; None for none."""
    since = (instant(x) for x in times.values() if x)
    return max((x + lws.min_ready_seconds for x in since if x is not None), default=None)


def _left(lws: LeaderWorkerSet, group: Group, times: ReadyTimes, at: float) -> float:
    """Seconds of minReadySeconds that are left of a ready group; 0 for one that is not ready: nobody asks."""
    since = instant(times.get(group.leader.uid, ""))
    return 0.0 if since is None else since + lws.min_ready_seconds - at
