"""How often the counters of a status are written while a set is starting or rolling.

Groups become ready one by one; a write for each would cost more than everything else the controller
writes. Conditions are never held back: only a patch that changes nothing but counters waits, at most
``INTERVAL`` seconds after the set's last status write. Until a group's pods are recorded, a death may go
unnoticed, so a record waits for those of other groups of its set only ``RECORD_INTERVAL`` seconds.
"""

from __future__ import annotations

import threading

from cachetools import LRUCache, TTLCache

from lws.planning.actions import PatchStatus
from lws.runtime.clock import Clock

INTERVAL = 3.0
RECORD_INTERVAL = 1.0
COUNTERS = frozenset({"readyReplicas", "updatedReplicas", "replicas"})


class StatusPace:
    """Says how long a status patch has to wait."""

    def __init__(
        self, clock: Clock, interval: float = INTERVAL, record_interval: float = RECORD_INTERVAL
    ) -> None:
        self._clock = clock
        self._interval = interval
        self._record_interval = record_interval
        self._written: TTLCache[str, float] = TTLCache(100_000, interval, timer=clock.monotonic)
        self._waiting: LRUCache[str, float] = LRUCache(100_000)  # since when there is something to record
        self._lock = threading.Lock()

    def delay(self, uid: str, patch: PatchStatus) -> float:
        """Seconds to wait before this patch of the set with this UID may be sent; 0 means now."""
        groups = patch.status.get("groups", {})
        if not patch.status.keys() <= COUNTERS | {"groups"}:
            return 0.0
        with self._lock:
            now = self._clock.monotonic()
            if any("workers" in (entry or {}) for entry in groups.values()):
                return max(0.0, self._waiting.setdefault(uid, now) + self._record_interval - now)
            written = self._written.get(uid)
        return 0.0 if written is None else max(0.0, written + self._interval - now)

    def wrote(self, uid: str) -> None:
        """Note that a status patch was sent just now."""
        with self._lock:
            self._written[uid] = self._clock.monotonic()
            self._waiting.pop(uid, None)
