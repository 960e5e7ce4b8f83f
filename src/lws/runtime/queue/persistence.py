"""How long what has failed for a while waits for its next try: in proportion to how long it has failed.

Doubling waits notice the end of a trouble after up to as long as it lasted. A few things may wait an eighth
of that; many at once may not, or a thousand of them would ask each second. No queue here, and no counts.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from lws.runtime.clock import Clock

SOON: Final = 1.0
"""Seconds that a try waits at least once quicker ones have not helped."""
SHARE: Final = 8.0
QUICK: Final = 8
"""Quick tries that are granted in any second, to whoever asks first."""


class Persistence:
    """Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._granted: deque[float] = deque(maxlen=QUICK)
        self._lock = threading.Lock()

    def wait(self, failing: float, *, least: float = SOON) -> float:
        """Seconds until the next try of what has failed for ``failing`` seconds. ``least``: when many do."""
        return max(SOON, failing / SHARE) if self._grant() else max(least, failing)

    def _grant(self) -> bool:
        now = self._clock.monotonic()
        with self._lock:
            if len(self._granted) == QUICK and now - self._granted[0] < SOON:
                return False
            self._granted.append(now)
            return True
