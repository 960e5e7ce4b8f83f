"""No write once somebody else may lead: asked before each one goes out, whoever sends it and however late.

A process that was frozen wakes in the middle of a reconcile and believes what it believed before. Its
election knows better, since it goes by the clock. What leading means lives elsewhere.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lws.kube.errors import TransportError


class Fence:
    """Lets writes pass while ``leading()`` and until :meth:`shut`, and knows how many are under way."""

    def __init__(self, leading: Callable[[], bool]) -> None:
        self._leading = leading
        self._changed = threading.Condition()
        self._shut = False
        self._under_way = 0

    @contextmanager
    def passing(self, what: str) -> Iterator[None]:
        """Held while a write is under way. Raises TransportError when it must not go out."""
        with self._changed:
            if self._shut or not self._leading():
                raise TransportError(f"{what}: not sent, for this process no longer leads", permanent=True)
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def shut(self, timeout: float) -> bool:
        """Let nothing pass any more; whether nothing is under way after ``timeout`` seconds at most."""
        with self._changed:
            self._shut = True
            return self._changed.wait_for(lambda: not self._under_way, timeout=max(0.0, timeout))
