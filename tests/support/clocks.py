"""A fake clock for tests on one thread: waiting, which could never end there, raises instead."""

from __future__ import annotations

import threading

from lws.runtime.clock import FakeClock


class WouldBlockError(Exception):
    """The code under test wanted to wait until ``deadline``."""

    def __init__(self, deadline: float | None) -> None:
        super().__init__(f"would wait until {deadline}")
        self.deadline = deadline


class ImpatientClock(FakeClock):
    def wait(self, condition: threading.Condition, deadline: float | None) -> None:
        raise WouldBlockError(deadline)
