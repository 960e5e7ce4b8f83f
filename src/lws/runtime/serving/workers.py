"""Threads that do one thing after the other. Daemons: no call that hangs keeps the process from ending."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread


class Workers:
    """``count`` threads, from :meth:`start` to :meth:`stop`. What they are given must not raise."""

    def __init__(self, count: int, name: str) -> None:
        self._queue: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._threads = [Thread(target=self._work, name=f"{name} {n}", daemon=True) for n in range(count)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def do(self, job: Callable[[], object]) -> None:
        """Have a thread call ``job`` as soon as one is free, in the order of asking."""
        self._queue.put(job)

    def stop(self) -> None:
        """Let them end once they have nothing left to do; not waited for."""
        for _ in self._threads:
            self._queue.put(None)

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            job()
