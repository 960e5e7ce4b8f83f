"""How commands that wait bear a server that fails for a while: what may pass, and how long to wait then.

Nothing about sets or pictures may live here. Which requests are repeated at once is ``lws.kube.retry``'s.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from lws.kube.errors import (
    ApiError,
    DecodeError,
    Forbidden,
    KubeError,
    NotFound,
    TransportError,
    Unauthorized,
)
from lws.kube.retry import asked_wait

T = TypeVar("T")

PATIENCE: Final = 60.0
"""Seconds for which reading may fail with what may pass, before the error stands."""
AGAIN: Final = 1.0
"""Seconds after which is read again, unless the server asks for more."""
REFUSED: Final = 5.0
"""The same for who may read, but not watch."""


def may_pass(error: KubeError) -> bool:
    """Whether the same reading may succeed without anybody changing the command.

    403, too: rights that are given anew are withdrawn for a moment.
    """
    if isinstance(error, ApiError):
        hopeless = isinstance(error, Unauthorized | NotFound)
        return not hopeless and (isinstance(error, Forbidden) or not error.refused)
    if isinstance(error, TransportError):
        return not error.permanent
    return isinstance(error, DecodeError)


def pause_after(error: KubeError) -> float:
    """Seconds until the next try."""
    refused = isinstance(error, ApiError) and error.refused
    return max(asked_wait(error), REFUSED if refused else AGAIN)


class Wait:
    """What lasts until ``end`` on ``clock``, and no longer."""

    def __init__(
        self,
        end: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._end, self._clock, self._sleep = end, clock, sleep

    @property
    def left(self) -> float:
        return max(0.0, self._end - self._clock())

    def pause(self, seconds: float) -> None:
        self._sleep(min(seconds, self.left))

    def read(self, look: Callable[[], T]) -> T:
        """What ``look`` finds; tried again for a while where its error may pass."""
        give_up = min(self._clock() + PATIENCE, self._end)
        while True:
            try:
                return look()
            except KubeError as error:
                if not may_pass(error) or self._clock() >= give_up:
                    raise
                self.pause(pause_after(error))


def until(timeout: float) -> Wait:
    """For ``timeout`` seconds from now; 0: for ever."""
    return Wait(time.monotonic() + timeout if timeout else float("inf"))
