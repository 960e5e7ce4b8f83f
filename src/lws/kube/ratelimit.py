"""The client's own rate limit, off unless configured: the API server's fairness does the real work.

Pure arithmetic under a lock held for microseconds; the waiting is done by the caller, who can be interrupted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class RateLimit:
    """A token bucket: ``qps`` requests a second on average, up to ``burst`` at once.

    Raises ValueError unless both are positive. ``clock`` is monotonic, in seconds.
    """

    def __init__(self, qps: float, burst: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        if qps <= 0 or burst < 1:
            raise ValueError(f"a rate limit needs qps > 0 and burst >= 1, not {qps} and {burst}")
        self._qps = qps
        self._burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens = float(burst)
        self._filled_at = clock()

    def reserve(self) -> float:
        """Take one token, on credit if need be: the seconds to wait before sending. First come, first in."""
        with self._lock:
            self._fill()
            self._tokens -= 1
            return max(0.0, -self._tokens / self._qps)

    def take(self) -> bool:
        """Take one token if there is a whole one now."""
        with self._lock:
            self._fill()
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._qps)
        self._filled_at = now
