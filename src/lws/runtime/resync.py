"""Looks at every object again once in some hours, whatever was heard of it: the net under lost wakeups.

A pass with nothing to do writes nothing, so this costs a little CPU and no more. Each key has its own time in
the period, by its hash: objects are spread evenly, and there is nothing to remember. What keys mean is not
known here.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Hashable, Iterable
from typing import Final, Generic, TypeVar

from lws.runtime.clock import Clock
from lws.runtime.informers import Adder
from lws.runtime.queue import LOW_PRIORITY

K = TypeVar("K", bound=Hashable)

PERIOD: Final = 4 * 3600.0
"""Seconds in which every key comes once."""
SLOT: Final = 60.0
"""Seconds between two looks at which keys are due."""


class Resync(Generic[K]):
    """For a manager, which calls ``run``. ``walks``: which keys there are now, and the queue they go to."""

    def __init__(
        self,
        *walks: tuple[Callable[[], Iterable[K]], Adder[K]],
        clock: Clock,
        period: float = PERIOD,
        slot: float = SLOT,
    ) -> None:
        self._walks = walks
        self._clock = clock
        self._slot = slot
        self._slots = max(1, round(period / slot))

    def run(self, stop: threading.Event) -> None:
        """Until ``stop``."""
        slot = 0
        while not self._clock.sleep(self._slot, stop):
            self.enqueue(slot)
            slot = (slot + 1) % self._slots

    def enqueue(self, slot: int) -> None:
        """Put the keys of one slot into their queues, behind everything that is news."""
        for keys, queue in self._walks:
            for key in keys():
                if zlib.crc32(repr(key).encode()) % self._slots == slot:
                    queue.add(key, priority=LOW_PRIORITY)
