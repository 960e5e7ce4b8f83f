"""What goes wrong on the way to the API server, request by request."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from support.apimodel.answers import Answer, Refused, Request
from support.faults.wire import lost, silent, unreachable

QUIET_KINDS = ("Event", "Lease")


class Calm:
    """Nothing does. ``armed``: whether what a fault does has begun; ``kill``: ends the process that asks.

    ``lasts``: to the very end; else until all is at rest for the first time.
    """

    lasts = True

    def __init__(self) -> None:
        self.armed = False
        self.kill: Callable[[], None] = lambda: None
        self.writes = 0

    def before(self, asked: Request) -> Answer | None:
        if not self.armed or not asked.writes:
            return None
        if asked.where is None or asked.where.kind.kind not in QUIET_KINDS:
            self.writes += 1
        return None

    def after(self, asked: Request) -> None:
        """Nothing."""


class CrashAt(Calm):
    """The process ends at its ``number``-th write: before its effect, or ``after``, without the answer."""

    def __init__(self, number: int, *, after: bool) -> None:
        super().__init__()
        self._number, self._after = number, after
        self.struck = False

    def _due(self, asked: Request) -> bool:
        told = asked.where is not None and asked.where.kind.kind in QUIET_KINDS
        return self.armed and asked.writes and not told and not self.struck and self.writes == self._number

    def before(self, asked: Request) -> Answer | None:
        super().before(asked)
        if not self._after and self._due(asked):
            self.struck = True
            self.kill()
        return None

    def after(self, asked: Request) -> None:
        if self._after and self._due(asked):
            self.struck = True
            self.kill()


class Faulty(Calm):
    """Some requests fail, in one way or in all of them. ``chance``: of each request, while it lasts."""

    lasts = False

    def __init__(self, random: Random, *ways: str, chance: float, writes_only: bool = False) -> None:
        super().__init__()
        self._random, self._ways, self._chance = random, ways, chance
        self._writes_only = writes_only

    def _strikes(self, asked: Request, *ways: str) -> str:
        if not self.armed or (self._writes_only and not asked.writes):
            return ""
        possible = [x for x in self._ways if x in ways]
        if not possible or self._random.random() >= self._chance:
            return ""
        return self._random.choice(possible)

    def before(self, asked: Request) -> Answer | None:
        super().before(asked)
        match self._strikes(asked, *REFUSALS, "unreachable"):
            case "":
                return None
            case "unreachable":
                raise unreachable()
            case "conflict" if asked.method not in ("PATCH", "PUT"):
                return None  # deletes are tried again by the server itself
            case way:
                return REFUSALS[way].answer

    def after(self, asked: Request) -> None:
        match self._strikes(asked, "lost", "silent"):
            case "lost":
                raise lost()
            case "silent":
                raise silent()


REFUSALS = {
    "conflict": Refused(409, "Conflict", "the object has been modified"),
    "throttled": Refused(429, "TooManyRequests", "too many requests"),
    "broken": Refused(500, "InternalError", "etcdserver: leader changed"),
    "forbidden": Refused(403, "Forbidden", "user cannot do this"),
}
