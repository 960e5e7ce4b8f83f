"""Since when groups have not been ready for the reason they have: what does not last is not worth a write.

A reason that needs somebody is told when it has lasted for a moment; one that every group meets on its way
goes with the next status that is written anyway, or when it has lasted for a while. In memory only: after a
restart what the status tells stands, and everything else begins anew.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final, NamedTuple

from lws.api.leaderworkerset import GroupStatus
from lws.objects import Key
from lws.planning.reasons import Readiness, Reason, Standing, Told, reason_of
from lws.runtime.clock import Clock

URGENT: Final = 1.5
"""Seconds that a reason has to last, if it needs somebody, or if another one is told already."""
ON_ITS_WAY: Final = 10.0
"""The same for one that every group meets."""
AHEAD: Final = 1.0
"""Seconds before such a reason is told from which on it counts as told: a pass takes no longer."""


class _Since(NamedTuple):
    reason: Reason
    monotonic: float
    time: str


class _Known(NamedTuple):
    """Of one set, by the index of the group. ``told``: those whose reason is told."""

    uid: str
    groups: Mapping[int, _Since]
    told: frozenset[int] = frozenset()


class StandingMemory:
    """Of each set that has such groups, until it is forgotten."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sets: dict[Key, _Known] = {}
        self._lock = threading.Lock()

    def settle(
        self,
        key: Key,
        uid: str,
        found: Mapping[int, Standing],
        stored: Mapping[str, GroupStatus],
        *,
        now: str,
    ) -> tuple[Readiness, float | None]:
        """What is told of a set whose groups ``found`` are not ready; seconds until more of it has lasted.

        ``stored``: what its status tells; ``now``: RFC 3339.
        """
        at = self._clock.monotonic()
        with self._lock:
            former = self._sets.get(key)
            known = former.groups if former is not None and former.uid == uid else {}
        since = {i: _since(known.get(i), x.reason, at, now) for i, x in found.items()}
        told: dict[int, Told] = {}
        waits = []
        for index, standing in found.items():
            entry, began = stored.get(str(index)), since[index]
            if entry is not None and entry.reason == standing.reason:
                told[index] = Told(standing, entry.since or began.time)
            elif (left := began.monotonic + _grace(standing, entry) - at) <= 0 or _is_over(entry):
                told[index] = Told(standing, began.time)
            else:
                waits.append(left)
                if (told_before := _told(entry)) is not None:
                    told[index] = told_before
        with self._lock:
            if since:
                self._sets[key] = _Known(uid, since, frozenset(told))
            else:
                self._sets.pop(key, None)
        still = bool(found) and all(x.reason.stands_still for x in found.values())
        return Readiness(told, still), min(waits, default=None)

    def tells(self, key: Key, index: int) -> bool:
        """Whether it is told why this group is not ready, or may be by a pass that is on its way: what its
        pods say then has to be heard.
        """
        with self._lock:
            known = self._sets.get(key)
        since = None if known is None else known.groups.get(index)
        if known is None or since is None:
            return False
        return index in known.told or since.monotonic + ON_ITS_WAY - AHEAD <= self._clock.monotonic()

    def forget(self, key: Key) -> None:
        """The set is gone."""
        with self._lock:
            self._sets.pop(key, None)


def _told(entry: GroupStatus | None) -> Told | None:
    """What is told stands until another reason has lasted: a crash loop has one between two crashes, too."""
    reason = None if entry is None else reason_of(entry.reason)
    if entry is None or reason is None:
        return None
    return Told(Standing(reason, entry.message), entry.since)


def _is_over(entry: GroupStatus | None) -> bool:
    """Whether what is told was on record and, as another reason is found, is not any more."""
    reason = None if entry is None else reason_of(entry.reason)
    return reason is not None and reason.on_record


def _since(known: _Since | None, reason: Reason, at: float, now: str) -> _Since:
    return known if known is not None and known.reason is reason else _Since(reason, at, now)


def _grace(standing: Standing, entry: GroupStatus | None) -> float:
    told_another = entry is not None and bool(entry.reason)
    return ON_ITS_WAY if standing.reason.on_its_way and not told_another else URGENT
