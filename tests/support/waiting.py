"""Waiting for what a real system does: a deadline, a name for what is awaited, and what was seen last."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

SECONDS = 120.0  # until a test gives up; a loaded machine may need a good part of it
EVERY = 0.05
# A look asks the API server: what is not there at once is looked for less and less often, so that those who
# wait leave the machine to those who work.
RAREST = 0.25
SLOWER = 1.15


def until(
    what: str, look: Callable[[], T], met: Callable[[T], object] = bool, *, seconds: float = SECONDS
) -> T:
    """What ``look`` returns once ``met`` of it is true; else AssertionError with ``what`` and that look."""
    deadline, pause = time.monotonic() + seconds, EVERY
    while not met(seen := look()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}; last seen: {seen!r}"
        time.sleep(pause)
        pause = min(pause * SLOWER, RAREST)
    return seen


def steady(what: str, look: Callable[[], T], *, window: float = 1.0, seconds: float = SECONDS) -> T:
    """What ``look`` returns, once it has returned the same for ``window`` seconds; else AssertionError."""
    deadline = time.monotonic() + seconds
    seen, since = look(), time.monotonic()
    while time.monotonic() - since < window:
        assert time.monotonic() < deadline, f"{what} did not settle within {seconds:g} s: {seen!r}"
        time.sleep(RAREST)
        if (now := look()) != seen:
            seen, since = now, time.monotonic()
    return seen
