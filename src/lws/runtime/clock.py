"""Time as an argument: the real clock, and a fake one that tests move by hand.

Everything in the runtime that measures, waits or sleeps does so through a ``Clock``, so that a test of an
hour of backoff takes no time. Intervals are monotonic seconds; wall-clock time is for display only.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol

_REAL_POLL = 0.002  # seconds between two looks at an Event, which cannot tell a fake clock that it was set


class Clock(Protocol):
    """What tells the time and waits for it."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never goes back."""

    def now(self) -> datetime:
        """Wall-clock time, aware, UTC."""

    def wait(self, condition: threading.Condition, deadline: float | None) -> None:
        """Release ``condition`` (held by the caller) and block until it is notified or the deadline passes.

        ``deadline`` is a value of ``monotonic()``, not a duration, so that time spent before the call is
        not waited for again; None waits for a notification alone. May also return for no reason: callers
        look at their state again, as with ``Condition.wait``.
        """

    def sleep(self, seconds: float, stop: threading.Event) -> bool:
        """Wait ``seconds`` or until ``stop`` is set; whether it is set."""


class SystemClock:
    """The machine's clock."""

    monotonic = staticmethod(time.monotonic)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def wait(self, condition: threading.Condition, deadline: float | None) -> None:
        condition.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))

    def sleep(self, seconds: float, stop: threading.Event) -> bool:
        return stop.wait(max(0.0, seconds))


class FakeClock:
    """A clock that stands still until ``advance`` is called; whoever waits for a time that came wakes then.

    As with the real one, nobody else does: a deadline computed too late makes a test hang, not pass.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._time = start
        self._epoch = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(seconds=start)
        self._changed = threading.Condition()
        self._waiting: list[tuple[threading.Condition, float | None]] = []
        self._sleeping = 0

    def monotonic(self) -> float:
        return self._time

    def now(self) -> datetime:
        return self._epoch + timedelta(seconds=self._time)

    def advance(self, seconds: float) -> None:
        """Move time forward and wake whose deadline passed. Not to be called with a condition held."""
        if seconds < 0:
            raise ValueError(f"time does not go back: advance({seconds})")
        with self._changed:
            self._time += seconds
            self._changed.notify_all()
            due = [
                known for known, deadline in self._waiting if deadline is not None and deadline <= self._time
            ]
        for condition in due:
            with condition:
                condition.notify_all()

    def wait(self, condition: threading.Condition, deadline: float | None) -> None:
        # From here until Condition.wait lets go of it the caller holds the condition, so an advance that
        # sees it registered cannot notify too early.
        with self._registered(condition, deadline) as due:
            if not due:
                condition.wait()

    def sleep(self, seconds: float, stop: threading.Event) -> bool:
        with self._changed:
            deadline = self._time + seconds
            self._sleeping += 1
            self._changed.notify_all()
            try:
                while not stop.is_set() and self._time < deadline:
                    self._changed.wait(_REAL_POLL)
            finally:
                self._sleeping -= 1
        return stop.is_set()

    def await_waiters(self, count: int, timeout: float = 10.0) -> bool:
        """Block until at least ``count`` threads wait or sleep on this clock; False after ``timeout`` s."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._waiting) + self._sleeping >= count, timeout)

    @contextmanager
    def _registered(self, condition: threading.Condition, deadline: float | None) -> Iterator[bool]:
        """Remember who waits; yields whether the deadline has passed already."""
        with self._changed:
            due = deadline is not None and deadline <= self._time
            self._waiting.append((condition, deadline))
            self._changed.notify_all()
        try:
            yield due
        finally:
            with self._changed:
                self._waiting.remove((condition, deadline))
