"""When a request goes out again, and after how long. Decisions only: nothing here waits or sends.

The rule (runtime.md, B4 #2 and B2 #12). A request is repeated only if that cannot do the work twice:

- no connection came about: the server never saw it, any method, 3 times;
- 429, or 503 with Retry-After: the server turned it away unread, any method, 10 tries in all;
- another 5xx with Retry-After, or a lost answer: only as often as the caller allows (``repeats``).
"""

from __future__ import annotations

from collections.abc import Callable

from lws.kube.errors import ApiError, KubeError, TransportError

ASKED_TRIES = 10  # tries in all when the server asks to come back later (client-go rest/request.go)
ASKED_WAIT = 1.0  # seconds, for a 429 that names no time
LONGEST_WAIT = 10.0  # seconds; when the server asks for more, the caller's own queue waits, not a worker
LONGEST_RETRY_AFTER = 60.0  # seconds; the most that a server, or a proxy before it, may make a loop wait
UNSENT_REPEATS = 3
READ_REPEATS = 3  # lost answers of a GET
FIRST_WAIT = 0.1  # seconds before repeating a lost request; doubles
JITTER = 0.2  # share added at random, so that a herd of clients spreads


def may_have_worked(error: KubeError) -> bool:
    """Whether the server may have done what a request that ended like this asked for."""
    if isinstance(error, ApiError):
        return error.status >= 500
    return not (isinstance(error, TransportError) and (error.refused or error.permanent))


def asked_wait(error: BaseException) -> float:
    """Seconds that the server asks a loop to wait, a minute at most; 0.0 where it names none."""
    asked = error.retry_after if isinstance(error, ApiError) else None
    return min(asked or 0.0, LONGEST_RETRY_AFTER)


class Retries:
    """The state of one call. ``deadline`` on ``clock``, seconds; ``random`` gives [0, 1)."""

    def __init__(
        self, *, repeats: int, deadline: float, clock: Callable[[], float], random: Callable[[], float]
    ) -> None:
        self._repeats = repeats
        self._unsent = UNSENT_REPEATS
        self._asked = ASKED_TRIES - 1
        self._deadline = deadline
        self._clock = clock
        self._random = random
        self._wait = FIRST_WAIT

    def delay(self, error: KubeError) -> float | None:
        """Seconds to wait before sending again after ``error``; None: give up, the error stands."""
        wait = self._base_delay(error)
        if wait is None or wait > LONGEST_WAIT:
            return None
        wait *= 1 + JITTER * self._random()
        return wait if self._clock() + wait < self._deadline else None

    def _base_delay(self, error: KubeError) -> float | None:
        if isinstance(error, ApiError):
            return self._asked_delay(error)
        if isinstance(error, TransportError) and not error.permanent and self._take(error.refused):
            return self._backoff()
        return None

    def _asked_delay(self, error: ApiError) -> float | None:
        asked = error.retry_after is not None
        turned_away = error.status == 429 or (error.status == 503 and asked)
        if not turned_away and not (error.status >= 500 and asked and self._repeats > 0):
            return None
        if self._asked == 0:
            return None
        self._asked -= 1
        return max(ASKED_WAIT if error.retry_after is None else error.retry_after, self._backoff())

    def _take(self, refused: bool) -> bool:
        if refused:
            self._unsent -= 1
            return self._unsent >= 0
        self._repeats -= 1
        return self._repeats >= 0

    def _backoff(self) -> float:
        wait = self._wait
        self._wait = min(wait * 2, LONGEST_WAIT)
        return wait
