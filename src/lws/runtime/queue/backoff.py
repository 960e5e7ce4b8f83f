"""How long to wait before the next try of one thing that keeps failing (a watch, a list, a lease).

For many items with their own counts see ``ratelimiter``. No sleeping here: callers wait on their own terms.
"""

from __future__ import annotations

import math
import random as _random
from collections.abc import Callable

from lws.runtime.clock import Clock, SystemClock


class Backoff:
    """Delays that grow from ``initial`` by ``factor`` up to ``cap``, and start over after a quiet time.

    Seconds throughout. ``jitter`` adds up to that share on top, so 1.0 may double a delay, past the cap.
    ``reset_after`` counts from the last ``next()``: who has not asked for that long has recovered.
    ``random`` returns a number in [0, 1). Not thread-safe: one user each.
    """

    def __init__(
        self,
        *,
        initial: float,
        factor: float = 2.0,
        cap: float,
        jitter: float = 0.0,
        reset_after: float = math.inf,
        clock: Clock | None = None,
        random: Callable[[], float] = _random.random,
    ) -> None:
        if not 0 < initial <= cap or factor < 1 or jitter < 0:
            raise ValueError("need 0 < initial <= cap, factor >= 1 and jitter >= 0")
        self._initial, self._factor, self._cap, self._jitter = initial, factor, cap, jitter
        self._reset_after = reset_after
        self._clock = clock or SystemClock()
        self._random = random
        self._delay = initial
        self._last = -math.inf

    def next(self) -> float:
        """The delay before the coming try."""
        now = self._clock.monotonic()
        if now - self._last > self._reset_after:
            self.reset()
        self._last = now
        delay = self._delay
        self._delay = min(delay * self._factor, self._cap)
        return delay * (1.0 + self._jitter * self._random())

    def reset(self) -> None:
        """Start over from ``initial``."""
        self._delay = self._initial
