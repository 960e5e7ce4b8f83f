"""What this process knows of single objects, by UID, for as long as they are there.

Whoever remembers something for an object's next pass has no use for it afterwards; among pods that come and
go all day it would be most of what the process holds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from cachetools import LRUCache

from lws.objects import KubeObject
from lws.runtime.informers import OnGone

V = TypeVar("V")


class ByUid(Generic[V]):
    """One value for each object; of more than ``most``, those that were asked for last. Threads may share it.

    The bound is for what is remembered of an object just after its end was seen, which nothing takes away.
    """

    def __init__(self, most: int = 10_000) -> None:
        self._values: LRUCache[str, V] = LRUCache(most)
        self._lock = threading.Lock()

    def get(self, uid: str) -> V | None:
        with self._lock:
            return self._values.get(uid)

    def put(self, uid: str, value: V) -> None:
        with self._lock:
            self._values[uid] = value

    def setdefault(self, uid: str, value: V) -> V:
        """What is known, which ``value`` becomes where nothing is."""
        with self._lock:
            return self._values.setdefault(uid, value)

    def forget(self, uid: str) -> None:
        with self._lock:
            self._values.pop(uid, None)


def forgetting(*forget: Callable[[str], object]) -> OnGone[Any]:
    """An event handler: tells each ``forget`` the UID of every object that is gone."""

    def gone(obj: KubeObject) -> None:
        for one in forget:
            one(obj.uid)

    return OnGone(gone)
