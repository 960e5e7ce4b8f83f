"""What passes have found in the way of a set and of its groups, for the set's next status.

A group's pass cannot write the set's conditions: it says here what it found, which wakes the set. Kept for
what exists only, and found anew by each pass of the group, so nothing is lost with the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from lws.api import constants as c
from lws.kube.errors import ApiError, Conflict, KubeError, NotFound, TransportError, one_line
from lws.objects import Key
from lws.planning.actions import Problem
from lws.planning.problems import FAILING_GRACE, SetProblems, failing
from lws.runtime.clock import Clock


def part_of_life(error: Exception) -> bool:
    """Somebody else wrote first, the object went meanwhile, or nothing can be made any more because the
    namespace is on its way out.
    """
    if isinstance(error, NotFound):
        return bool(error.details.get("name"))  # else there is no such kind
    return isinstance(error, Conflict) or (
        isinstance(error, ApiError) and error.has_cause("NamespaceTerminating")
    )


class _Part(NamedTuple):
    """A group, or the set itself (``group`` None); problems with the monotonic time they began."""

    group: int | None
    found: dict[Problem, float]


class ProblemMemory:
    """``wake(set, seconds)`` has a set looked at again."""

    def __init__(self, clock: Clock, wake: Callable[[Key, float], None]) -> None:
        self._clock = clock
        self._wake = wake
        self._sets: dict[Key, dict[str, _Part]] = {}
        self._lock = threading.Lock()

    def of_group(self, key: Key, uid: str, group: int | None, problems: Collection[Problem]) -> None:
        """All that the pass of the group whose leader has this UID found; the set ``key`` hears it."""
        if self._note(key, uid, group, problems):
            self._wake(key, 0.0)

    def of_set(self, key: Key, uid: str, problems: Collection[Problem]) -> bool:
        """All that the set's own pass found of what ``uid`` names: the set, or a part; whether it is news."""
        return self._note(key, uid, None, problems)

    def group_failed(self, key: Key, uid: str, group: int | None, error: Exception) -> None:
        """The pass of the group whose leader has this UID ended with an error; the set ``key`` hears it."""
        if self._failed(key, uid, group, error):
            self._wake(key, 0.0)

    def set_failed(self, key: Key, uid: str, error: Exception) -> None:
        """The set's own pass ended with an error: it is looked at when that begins to count, too."""
        first = not any(x.reason == c.REASON_RECONCILE_FAILING for x in self._found(key, uid))
        if self._failed(key, uid, None, error) and first:
            self._wake(key, FAILING_GRACE)

    def forget(self, key: Key) -> None:
        """The set is gone."""
        with self._lock:
            self._sets.pop(key, None)

    def known(self, key: Key, uids: Iterable[str]) -> tuple[SetProblems, float | None]:
        """What lasts, of the set and of those leaders that have these UIDs; seconds until more may count."""
        now, alive = self._clock.monotonic(), set(uids)
        own: list[Problem] = []
        groups: dict[int, list[Problem]] = {}
        waits = []
        with self._lock:
            parts = self._sets.get(key, {})
            for gone in parts.keys() - alive:
                del parts[gone]
            for group, found in parts.values():
                for problem, since in found.items():
                    if (left := since + problem.grace - now) > 0:
                        waits.append(left)
                    elif group is None:
                        own.append(problem)
                    else:
                        groups.setdefault(group, []).append(problem)
        return SetProblems(own, groups), min(waits, default=None)

    def _failed(self, key: Key, uid: str, group: int | None, error: Exception) -> bool:
        """Whether that is news. What was found before the error came may still be so."""
        if part_of_life(error) or (isinstance(error, TransportError) and error.refused):
            return False  # while there is no API server nobody is told, and once it is back this is over
        known = [x for x in self._found(key, uid) if x.reason != c.REASON_RECONCILE_FAILING]
        words = str(error) if isinstance(error, KubeError) else f"{type(error).__name__}: {error}"
        return self._note(key, uid, group, [*known, failing(one_line(words))])

    def _found(self, key: Key, uid: str) -> Collection[Problem]:
        with self._lock:
            part = self._sets.get(key, {}).get(uid)
        return tuple(part.found) if part is not None else ()

    def _note(self, key: Key, uid: str, group: int | None, problems: Collection[Problem]) -> bool:
        """Whether that is news."""
        with self._lock:
            parts = self._sets.get(key, {})
            before = parts[uid].found if uid in parts else {}
            began = {x.reason: since for x, since in before.items()}
            found = {x: began.get(x.reason, self._clock.monotonic()) for x in problems}
            if found:
                self._sets.setdefault(key, parts)[uid] = _Part(group, found)
            else:
                parts.pop(uid, None)
                if not parts:
                    self._sets.pop(key, None)
            return found.keys() != before.keys()
