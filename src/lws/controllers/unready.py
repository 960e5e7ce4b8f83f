"""Since when the workers of a group whose leader serves have not been ready, as far as this process saw."""

from __future__ import annotations

import threading
from typing import Final

from cachetools import LRUCache

from lws.runtime.clock import Clock

_LEADERS: Final = 10_000


class UnreadyClock:
    """By the leader's UID. After a restart of ours it begins anew: traffic ends later, never sooner."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: LRUCache[str, float] = LRUCache(_LEADERS)
        self._lock = threading.Lock()

    def seconds(self, leader: str, *, unready: bool) -> float:
        """How long they have been so; 0 for those that are ready, or are seen not to be just now."""
        now = self._clock.monotonic()
        with self._lock:
            if not unready:
                self._since.pop(leader, None)
                return 0.0
            return now - self._since.setdefault(leader, now)
