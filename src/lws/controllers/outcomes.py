"""What carrying out a plan leaves to do, and what it found in the way."""

from __future__ import annotations

import threading
from typing import Final, NamedTuple

from cachetools import TTLCache

from lws.objects import Key
from lws.planning.actions import Problem
from lws.runtime.clock import Clock

FOREIGN_RETRY: Final = 20.0
"""Seconds until another look at an object that has a name we need and that no watch of ours shows: nobody
tells when it goes."""


class Outcome(NamedTuple):
    """Look again after ``requeue`` seconds (None: no need); ``problems``: what is in the way."""

    requeue: float | None = None
    problems: tuple[Problem, ...] = ()

    def with_(self, other: Outcome) -> Outcome:
        """Both: the earlier look, all problems."""
        return Outcome(sooner(self.requeue, other.requeue), self.problems + other.problems)


def sooner(*times: float | None) -> float | None:
    """The least of what is not None."""
    return min((x for x in times if x is not None), default=None)


class TakenNames:
    """Objects, by kind and key, that bear our names outside our view: each is left alone for a while."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # Each with the time from which on it is looked at again.
        self._known: TTLCache[tuple[str, Key], tuple[float, Outcome]] = TTLCache(
            4096, FOREIGN_RETRY, clock.monotonic
        )
        self._lock = threading.Lock()

    def known(self, kind: str, key: Key) -> Outcome | None:
        """What was found a moment ago, and the rest of the time until another look: a pass for another reason
        puts it off no further.
        """
        with self._lock:
            due, outcome = self._known.get((kind, key), (0.0, Outcome()))
        left = due - self._clock.monotonic()
        return outcome._replace(requeue=left) if left > 0 else None

    def note(self, kind: str, key: Key, *problems: Problem) -> Outcome:
        """What has the name; without problems it does what ours would."""
        outcome = Outcome(FOREIGN_RETRY, problems)
        with self._lock:
            self._known[kind, key] = (self._clock.monotonic() + FOREIGN_RETRY, outcome)
        return outcome
