"""How long a set's pass waits for more news of its groups, which come in bursts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from cachetools import LRUCache

from lws.objects import Key
from lws.runtime.controller import Result
from lws.runtime.informers import Adder

SETTLE = 0.1
"""Seconds that a pass waits at least."""

SHARE = 5.0
"""It waits this many times the CPU seconds of the set's last pass: so a large set takes a sixth of a core."""


class Settling:
    """A queue of sets whose keys wait a little for more news of the same kind; the larger the set the longer.

    ``cpu``: seconds of CPU that the calling thread has used.
    """

    def __init__(self, queue: Adder[Key], cpu: Callable[[], float] = time.thread_time) -> None:
        self._queue = queue
        self._cpu = cpu
        self._cost: LRUCache[Key, float] = LRUCache(10_000)
        self._lock = threading.Lock()

    def add(self, item: Key, *, priority: int = 0, after: float = 0.0) -> None:
        """Have the set looked at once its groups have settled."""
        with self._lock:
            cost = self._cost.get(item, 0.0)
        self._queue.add(item, priority=priority, after=max(after, SETTLE, SHARE * cost))

    def timed(self, reconcile: Callable[[Key], Result]) -> Callable[[Key], Result]:
        """The same reconciler, whose passes are measured."""

        def measured(key: Key) -> Result:
            began = self._cpu()
            try:
                return reconcile(key)
            finally:
                self._note(key, self._cpu() - began)

        return measured

    def _note(self, key: Key, cost: float) -> None:
        """Only what makes it wait for longer: so of a set that is gone, whose last pass is short, nothing."""
        with self._lock:
            if SHARE * cost > SETTLE:
                self._cost[key] = cost
            else:
                self._cost.pop(key, None)
