"""Remembers which documents the API server has refused, so that none is sent with every event of a pod.

Only an answer's words are kept, never the exception: its frames hold the snapshots of whole passes.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeGuard

from cachetools import LRUCache

from lws.controllers.applied import digest
from lws.kube.errors import ApiError, KubeError, NotFound
from lws.objects import Key
from lws.runtime.clock import Clock

FIRST: Final = 5.0
"""Seconds until a document that was refused once is sent again."""
LONGEST: Final = 300.0
"""Seconds that a document waits at most, however often it was refused: quotas and policies change unseen."""
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


class Refusal(NamedTuple):
    """``words``: the server's. ``tries``: how often it said so. ``until``: monotonic, when to ask again."""

    words: str
    tries: int
    until: float


class RefusalMemory:
    """By object and document; bounded, so forgetting costs one request."""

    def __init__(self, clock: Clock, *, objects: int = 4096) -> None:
        self._clock = clock
        self._objects: LRUCache[tuple[str, Key], dict[bytes, Refusal]] = LRUCache(objects)
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
            before = known.pop(digest(document), None)
            tries = before.tries + 1 if before is not None else 1
            delay = min(LONGEST, FIRST * 2.0 ** min(tries - 1, 10)) * random.uniform(0.8, 1.0)
            found = Refusal(error.message or error.reason, tries, self._clock.monotonic() + delay)
            kept = list(known.items())[1 - _DOCUMENTS :]
            self._objects[kind, key] = dict((*kept, (digest(document), found)))
        return found

    def taken(self, kind: str, key: Key, document: Mapping[str, Any]) -> None:
        """The server has accepted this document; what else was refused of the object stays so."""
        with self._lock:
            known = self._objects.get((kind, key))
            if known is not None:
                left = {x: refusal for x, refusal in known.items() if x != digest(document)}
                self._objects[kind, key] = left
