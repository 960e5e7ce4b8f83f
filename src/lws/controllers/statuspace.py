"""How often a status is written for nothing but its numbers while sets are starting or rolling.

Groups become complete and ready one by one; a write for each would cost more than everything else the
controller writes. Conditions are never held back, and a patch that changes one carries the numbers along. A
patch of counters and records alone waits for company: a moment for other groups of its set, and, when many
sets are busy at once, for its turn, since all of them together get about one such write a second. The last
numbers of a set that has come to rest wait for that moment alone: autoscalers, DisaggregatedSets go by them.
"""

from __future__ import annotations

import threading

from cachetools import TTLCache

from lws.planning.actions import PatchStatus
from lws.runtime.clock import Clock

GATHER = 1.0
"""Seconds that such a patch waits for other groups of its set."""

INTERVAL = 3.0
"""Seconds between two such patches of one set."""

SPACING = 1.0
"""Seconds between two such patches of different sets, in the long run."""

BURST = 5
"""How many may go without that spacing after a quiet time."""

LONGEST = 30.0
"""Seconds after which it is sent whatever else waits: a record that is not written cannot outlive a crash."""


class StatusPace:
    """Says how long a status patch has to wait."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._written: TTLCache[str, float] = TTLCache(100_000, INTERVAL, timer=clock.monotonic)
        self._waiting: TTLCache[str, float] = TTLCache(100_000, 2 * LONGEST, timer=clock.monotonic)
        self._free = clock.monotonic()  # from when on the next one may go
        self._lock = threading.Lock()

    def delay(self, uid: str, patch: PatchStatus, *, meets: bool = False) -> float:
        """Seconds to wait before the patch of the set with this UID is looked at again; 0: send it now.

        ``meets``: another patch of its status is on its way.
        """
        if not patch.patient:
            return 0.0
        if meets:
            return GATHER
        with self._lock:
            now = self._clock.monotonic()
            since = self._waiting.get(uid)
            if since is None:
                since = self._waiting[uid] = now
            earliest = since + GATHER
            if not patch.last:
                earliest = max(earliest, self._written.get(uid, now - INTERVAL) + INTERVAL)
            if now < earliest:
                return earliest - now
            left = since + LONGEST - now
            if patch.last or left <= 0 or self._take_turn(now):
                return 0.0
            return min(left, SPACING * len(self._waiting))

    def wrote(self, uid: str) -> None:
        """Note that a status patch was sent just now."""
        with self._lock:
            self._written[uid] = self._clock.monotonic()
            self._waiting.pop(uid, None)

    def _take_turn(self, now: float) -> bool:
        if now < self._free:
            return False
        self._free = max(self._free, now - BURST * SPACING) + SPACING
        return True
