"""Since when something has been so of a group, as far as this process saw."""

from __future__ import annotations

import threading
from typing import Final

from cachetools import LRUCache

from lws.runtime.clock import Clock

_LEADERS: Final = 10_000


class LastingClock:
    """By the leader's UID. After a restart of ours it begins anew: what waits comes later, never sooner."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: LRUCache[str, float] = LRUCache(_LEADERS)
        self._lock = threading.Lock()

    def seconds(self, leader: str, *, so: bool) -> float:
        """How long it has been so; 0 where it is not, or is seen to be just now."""
        now = self._clock.monotonic()
        with self._lock:
            if not so:
                self._since.pop(leader, None)
                return 0.0
            return now - self._since.setdefault(leader, now)

    def until(self, leader: str, seconds: float) -> float | None:
        """When what is so will have been so for that long; None when it is not, or has."""
        now = self._clock.monotonic()
        with self._lock:
            left = self._since.get(leader, now - seconds) + seconds - now
        return left if left > 0 else None
