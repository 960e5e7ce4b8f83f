"""Every key once in a period, spread, behind what is news; on a clock that is moved by hand."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator

from lws.runtime.clock import FakeClock
from lws.runtime.queue import LOW_PRIORITY
from lws.runtime.resync import PERIOD, SLOT, Resync

KEYS = [("ns", f"set-{number}") for number in range(2000)]
SLOTS = round(PERIOD / SLOT)


class Noted:
    """A queue that notes what it gets."""

    def __init__(self) -> None:
        self.keys: list[tuple[str, str]] = []
        self.priorities: set[int] = set()

    def add(self, item: tuple[str, str], *, priority: int = 0, after: float = 0.0) -> None:
        self.keys.append(item)
        self.priorities.add(priority)


def test_each_key_comes_once_in_a_period_and_none_in_a_burst() -> None:
    queue = Noted()
    resync = Resync((lambda: KEYS, queue), clock=FakeClock())
    sizes = []
    for slot in range(SLOTS):
        before = len(queue.keys)
        resync.enqueue(slot)
        sizes.append(len(queue.keys) - before)
    assert Counter(queue.keys) == Counter(KEYS)
    assert max(sizes) < 10 * len(KEYS) / SLOTS
    assert queue.priorities == {LOW_PRIORITY}


def test_it_walks_what_is_there_at_the_time_and_more_than_one_queue() -> None:
    first, second, present = Noted(), Noted(), list(KEYS[:1])
    resync = Resync((lambda: present, first), (lambda: KEYS[:3], second), clock=FakeClock(), period=SLOT)
    resync.enqueue(0)
    present.clear()
    resync.enqueue(0)
    assert (first.keys, len(second.keys)) == (KEYS[:1], 6)


def test_time_alone_brings_every_key_again() -> None:
    clock, stop, walked, queue = FakeClock(), threading.Event(), threading.Semaphore(0), Noted()

    def keys() -> Iterator[tuple[str, str]]:
        yield from KEYS[:50]
        walked.release()

    thread = threading.Thread(target=Resync((keys, queue), clock=clock, period=4 * SLOT).run, args=(stop,))
    thread.start()
    try:
        for _ in range(8):
            assert clock.await_waiters(1)
            clock.advance(SLOT)
            assert walked.acquire(timeout=10)
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()
    assert Counter(queue.keys) == Counter(2 * KEYS[:50])
