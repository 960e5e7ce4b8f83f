"""Connections that may be dead though nobody said so: where one fell silent, all of a process are made anew.

A balancer whose backend died, or a firewall that forgot, acknowledges what it is sent and answers nothing. A
watch on such a connection only learns it by the bookmark that does not come; a request learns it within its
own time limit, a lease's within seconds. What goes out where and when does not live here.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from typing import Final

from urllib3 import HTTPConnectionPool

REST: Final = 10.0
"""Seconds between two times: requests of the same moment tell of the same trouble."""

ALIVE: Final = 3.0
"""Seconds: a watch that said something since is alive, and a long list on its way is not begun anew."""


class Doubt:
    """``share`` what shall be done when any of the connections fell silent, as ``silence`` tells."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._renewals: list[Callable[[], object]] = []
        self._next = -REST
        self._lock = threading.Lock()

    def share(self, renew: Callable[[], object]) -> None:
        """Once for each connection."""
        self._renewals.append(renew)

    def silence(self) -> None:
        """There was a connection, and an answer did not come in time."""
        now = self._clock()
        with self._lock:
            if now < self._next:
                return
            self._next = now + REST
        for renew in self._renewals:
            renew()


def close_idle(pool: HTTPConnectionPool) -> None:
    """Close what waits to be used; it is opened anew when it is. What is in use is left alone."""
    waiting, idle = pool.pool, []
    if waiting is None:  # closed as a whole
        return
    with contextlib.suppress(queue.Empty):
        while True:
            idle.append(waiting.get_nowait())
    for one in reversed(idle):
        if one is not None:
            one.close()
        with contextlib.suppress(queue.Full):  # others came back meanwhile
            waiting.put_nowait(one)
