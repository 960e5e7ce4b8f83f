"""Remembers which documents the API server has refused, so that none is sent with every event of a pod.

Only an answer's words are kept, never the exception: its frames hold the snapshots of whole passes.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple, TypeGuard

from cachetools import TTLCache

from lws.controllers.applied import digest
from lws.kube.errors import ApiError, KubeError, NotFound
from lws.objects import Key
from lws.runtime.clock import Clock
from lws.runtime.queue import Persistence

FIRST: Final = 5.0
"""Seconds until a document that was refused once is sent again, where many are refused."""
LONGEST: Final = 300.0
"""Seconds that a document waits at most, however often it was refused: quotas and policies change unseen."""
_KEPT: Final = 2 * LONGEST
"""Seconds after which nobody asks for what was refused any more: it is gone, or something else is wanted."""
_WOKEN: Final = 2
"""Refused objects that one accepted at last has tried again: a quota may have room for no more."""
_DOCUMENTS: Final = 4
"""Refused documents that are remembered of one object: the wanted one, and what was tried in its place."""


def is_verdict(error: KubeError, *, created: bool) -> TypeGuard[ApiError]:
    """Whether the same request would fail again: it is refused, or its kind is not known to the server."""
    if not isinstance(error, ApiError):
        return False
    unknown = isinstance(error, NotFound) and error.details.get("kind") != "namespaces"
    return error.refused or (created and unknown)


def replaced(error: ApiError) -> bool:
    """Whether a patch was meant for another object, which had this name before: the server takes its UID for
    a change of one.
    """
    return "metadata.uid" in error.message


def leaving(error: ApiError) -> bool:
    """Whether a finalizer came too late: the object's deletion had begun."""
    return "no new finalizers can be added" in error.message


class Refusal(NamedTuple):
    """``words``: the server's. ``since``: of the first time; ``until``: when to ask again; monotonic."""

    words: str
    since: float
    until: float


class RefusalMemory:
    """By object and document; forgotten when it was long ago, which costs one request at most.

    ``wake(key)`` has an object looked at again whose refusal may be over, as that of another one is.
    """

    def __init__(
        self, clock: Clock, *, objects: int = 4096, wake: Callable[[Key], None] = lambda _: None
    ) -> None:
        self._clock = clock
        self._wake = wake
        self._persistence = Persistence(clock)
        timer = clock.monotonic
        self._objects: TTLCache[tuple[str, Key], dict[bytes, Refusal]] = TTLCache(objects, _KEPT, timer)
        # Who was refused last comes last.
        self._waiting: TTLCache[tuple[str, Key], None] = TTLCache(objects, _KEPT, timer)
        self._lock = threading.Lock()

    def standing(self, kind: str, key: Key, document: Mapping[str, Any]) -> Refusal | None:
        """The answer to this very document, while it need not be asked for again."""
        with self._lock:
            known = self._objects.get((kind, key))
        found = known.get(digest(document)) if known else None
        return found if found is not None and found.until > self._clock.monotonic() else None

    def left(self, refusal: Refusal) -> float:
        """Seconds until it is to be asked for again."""
        return max(0.0, refusal.until - self._clock.monotonic())

    def note(self, kind: str, key: Key, document: Mapping[str, Any], error: ApiError) -> Refusal:
        """It was refused, for the first time or again."""
        with self._lock:
            known = dict(self._objects.get((kind, key), {}))
            before, now = known.pop(digest(document), None), self._clock.monotonic()
            since = now if before is None else before.since
            delay = min(LONGEST, self._persistence.wait(now - since, least=FIRST)) * random.uniform(0.8, 1.0)
            found = Refusal(error.words, since, now + delay)
            kept = list(known.items())[1 - _DOCUMENTS :]
            self._objects[kind, key] = dict((*kept, (digest(document), found)))
            self._waiting.pop((kind, key), None)
            self._waiting[kind, key] = None
        return found

    def taken(self, kind: str, key: Key, document: Mapping[str, Any]) -> None:
        """The server has accepted this document; what else was refused of the object stays so."""
        with self._lock:
            known = self._objects.get((kind, key))
            if not known or digest(document) not in known:
                return
            self._objects[kind, key] = {x: y for x, y in known.items() if x != digest(document)}
            self._waiting.pop((kind, key), None)
            woken = list(islice(self._waiting, _WOKEN))
            for one in woken:
                self._waiting.pop(one, None)
                due = {x: y._replace(until=0.0) for x, y in self._objects.get(one, {}).items()}
                self._objects[one] = due
        for _, other in woken:
            self._wake(other)
