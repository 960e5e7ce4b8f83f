"""How soon one item may be retried.

The numbers are controller-runtime's and client-go's (``default_rate_limiters.go``), up to a second; what
follows may be ``persistence``'s. No queue here.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from itertools import islice
from typing import NamedTuple

from lws.runtime.clock import Clock, SystemClock
from lws.runtime.queue.persistence import SOON, Persistence

LONGEST = 300.0
"""Seconds between two tries of a pass that keeps failing, at most: nobody tells when it would succeed."""
_MAX_EXPONENT = 1000  # 2.0 ** 1024 overflows a float; every cap is reached long before
_WOKEN = 2  # items that one that succeeds wakes: so a thousand are awake after ten rounds, and few in vain


class _Failing(NamedTuple):
    """How often an item has failed, and since when, monotonic."""

    times: int
    since: float


class ItemExponentialBackoff:
    """Per-item delay of ``base * 2**failures`` seconds, at most ``cap``. Thread-safe.

    An item takes memory from its first ``when`` until ``forget``. ``persistent``: from a second on the delay
    is in proportion to the time for which the item has failed.
    """

    def __init__(
        self,
        base: float = 0.005,
        cap: float = 1000.0,
        *,
        persistent: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self._base, self._cap = base, cap
        self._clock = clock or SystemClock()
        self._persistence = Persistence(self._clock) if persistent else None
        self._lock = threading.Lock()
        self._failures: dict[Hashable, _Failing] = {}  # who failed last comes last

    def when(self, item: Hashable) -> float:
        """The delay before the item's next try; counts one more failure."""
        now = self._clock.monotonic()
        with self._lock:
            times, since = self._failures.pop(item, _Failing(0, now))
            self._failures[item] = _Failing(times + 1, since)
        delay = self._base * 2.0 ** min(times, _MAX_EXPONENT)
        if self._persistence is not None and delay > SOON:
            delay = self._persistence.wait(now - since)
        return min(delay, self._cap)

    def forget(self, item: Hashable) -> tuple[Hashable, ...]:
        """The item succeeded, or is given up: its next failure is the first again.

        Where it had failed for more than a moment, what was in its way may be gone: returns a few others
        that fail, those that have waited longest.
        """
        if item not in self._failures:  # nearly always: a success after a success takes no lock
            return ()
        with self._lock:
            failing = self._failures.pop(item, None)
            if failing is None or self._clock.monotonic() - failing.since < SOON:
                return ()
            return tuple(islice(self._failures, _WOKEN))

    def retries(self, item: Hashable) -> int:
        """Failures since the last ``forget``."""
        failing = self._failures.get(item)
        return 0 if failing is None else failing.times

    def __len__(self) -> int:
        """Items with failures on record."""
        return len(self._failures)


def persistent_backoff(clock: Clock | None = None) -> ItemExponentialBackoff:
    """For passes that may fail for as long as somebody else's trouble lasts."""
    return ItemExponentialBackoff(cap=LONGEST, persistent=True, clock=clock)
