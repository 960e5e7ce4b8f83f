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
"""Seconds between two times: what a server without strength is asked anew must not take the rest of it."""

ALIVE: Final = 3.0
"""Seconds: a watch that said something since is alive, and a long list on its way is not begun anew."""


def _later(seconds: float, call: Callable[[], object]) -> None:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()


class Doubt:
    """``share`` what shall be done when any of the connections fell silent, as ``silence`` tells.

    ``clock``: seconds, those of ``silence``; ``later`` calls after so many of them.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        later: Callable[[float, Callable[[], object]], object] = _later,
    ) -> None:
        self._clock, self._later = clock, later
        self._renewals: list[Callable[[], object]] = []
        self._renewed = float("-inf")
        self._planned = False
        self._lock = threading.Lock()

    def share(self, renew: Callable[[], object]) -> None:
        """Once for each connection."""
        self._renewals.append(renew)

    def silence(self, since: float) -> None:
        """There was a connection, and nothing has come since that moment, at which something was asked.

        What began before the last time tells of the trouble of then. Any other is never let pass: those who
        could find out are few, and one of them has just found out.
        """
        now = self._clock()
        with self._lock:
            if since <= self._renewed or self._planned:
                return
            rest = self._renewed + REST - now
            if rest > 0:
                self._planned = True
            else:
                self._renewed = now
        if rest > 0:
            self._later(rest, self._after_rest)
        else:
            self._renew()

    def _after_rest(self) -> None:
        with self._lock:
            self._planned, self._renewed = False, self._clock()
        self._renew()

    def _renew(self) -> None:
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
