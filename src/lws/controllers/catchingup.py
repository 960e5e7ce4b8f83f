"""Whether the caches show a set at least as it was when this process began with it.

A replica that takes over may have watches that are late, each by another time. What another process has
written meanwhile it would undo, as if nobody had: a former template comes back, a group that is updated in
place is settled again. Its own writes every process sees at once, so one look at the server, before the first
pass over a set and its parts, is enough. What is looked at is ``firstlook``'s; nothing is decided here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import compress
from typing import Any, Final, NamedTuple

from lws.kube.client import Survey
from lws.objects import Key, KubeObject, resource_version
from lws.runtime.informers import Informer

RETRY: Final = 0.5
"""Seconds until another look whether the caches have caught up; most changes of a set lead to none."""


class Look(NamedTuple):
    """What the server had, by key, of what ``informer`` is to show at least as new."""

    informer: Informer[Any]
    versions: Mapping[Key, int]

    @property
    def shown(self) -> bool:
        found = ((self.informer.get(key), version) for key, version in self.versions.items())
        return all(obj is not None and resource_version(obj) >= version for obj, version in found)

    @property
    def lacking(self) -> bool:
        """What the cache does not have is yet to come to it, or gone since: only the server can tell."""
        return any(self.informer.get(key) is None for key in self.versions)


def look_of(informer: Informer[Any], found: Iterable[KubeObject]) -> Look:
    """``found``: what the server has answered."""
    return Look(informer, {x.key: resource_version(x) for x in found})


class FirstLook(NamedTuple):
    """How the server is asked. Each raises what ``Client`` raises.

    ``survey``: for all sets there are; ``read``: for one of them, None where it is gone; ``parts``: for what
    else is decided by, of a set that is as new as the server's.
    """

    survey: Callable[[], Survey]
    read: Callable[[Key], Any]
    parts: Callable[[Any], Iterable[Look]]


class CatchingUp:
    """Remembers of each set whether its caches were found to be new enough, until it is forgotten.

    Who comes first asks for a survey of all sets; it tells of most that their cache is as new.
    Who comes while it is on its way, or finds an older version in the cache, reads the one set.
    """

    def __init__(self, sets: Informer[Any], ask: FirstLook) -> None:
        self._sets, self._ask = sets, ask
        self._lock = threading.Lock()
        self._surveyed = False
        self._at: int | None = None  # the resourceVersion of the survey
        self._as_new: set[Key] = set()  # were in the cache then as the server had them
        self._known: set[Key] = set()
        self._waiting: dict[Key, tuple[Look, ...]] = {}

    def behind(self, key: Key) -> bool:
        """Whether nothing may be decided about the set ``key`` yet. Raises what ``Client`` raises.

        Without the set nothing of it is decided, and its groups, which go after it, ask in vain: nothing is
        read, and nothing remembered, which nobody would forget.
        """
        if self._sets.get(key) is None:
            return False
        with self._lock:
            if key in self._known:
                return False
            wanted = self._waiting.get(key)
            first, self._surveyed = not self._surveyed, True
        if first:
            self._survey()
        if wanted is None:
            wanted = tuple(self._look(key))
        shown = bool(wanted) and all(x.shown for x in wanted)
        with self._lock:
            if shown and self._sets.get(key) is not None:
                self._known.add(key)
                self._as_new.discard(key)
            if shown or not wanted or any(x.lacking for x in wanted):
                self._waiting.pop(key, None)
            else:
                self._waiting[key] = wanted
        return not shown

    def _survey(self) -> None:
        try:
            found = self._ask.survey()
        except BaseException:
            self._surveyed = False
            raise
        with self._lock:
            shown = (Look(self._sets, {key: version}).shown for key, version in found.versions.items())
            self._at, self._as_new = found.at, set(compress(found.versions, shown))

    def _look(self, key: Key) -> Iterator[Look]:
        """Nothing for a set that is gone."""
        seen = self._sets.get(key)
        if seen is None:
            return
        with self._lock:
            as_new = key in self._as_new or (self._at is not None and resource_version(seen) > self._at)
        found = seen if as_new else self._ask.read(key)
        if found is not None:
            yield look_of(self._sets, [found])
            yield from self._ask.parts(found)

    def known(self, key: Key) -> bool:
        """Whether the caches of this set were new enough once; nothing is read."""
        return key in self._known

    def forget(self, key: Key) -> None:
        """The set is gone."""
        with self._lock:
            self._known.discard(key)
            self._as_new.discard(key)
            self._waiting.pop(key, None)
