"""How often the counters of a status are written while a set is starting or rolling.

Groups become ready one by one; a write for each would cost more than everything else the controller
writes. Conditions are never held back: only a patch that changes nothing but counters waits, at most
``INTERVAL`` seconds after the set's last status write.
"""

from __future__ import annotations

import threading

from cachetools import TTLCache

from lws.planning.actions import PatchStatus
from lws.runtime.clock import Clock

INTERVAL = 3.0
COUNTERS = frozenset({"readyReplicas", "updatedReplicas", "replicas"})


class StatusPace:
    """Says how long a status patch has to wait."""

    def __init__(self, clock: Clock, interval: float = INTERVAL) -> None:
        self._clock = clock
        self._interval = interval
        self._written: TTLCache[str, float] = TTLCache(100_000, interval, timer=clock.monotonic)
        self._lock = threading.Lock()

    def delay(self, uid: str, patch: PatchStatus) -> float:
        """Seconds to wait before this patch of the set with this UID may be sent; 0 means now."""
        if not patch.status.keys() <= COUNTERS:
            return 0.0
        with self._lock:
            written = self._written.get(uid)
        return 0.0 if written is None else max(0.0, written + self._interval - self._clock.monotonic())

    def wrote(self, uid: str) -> None:
        """Note that a status patch was sent just now."""
        with self._lock:
            self._written[uid] = self._clock.monotonic()
