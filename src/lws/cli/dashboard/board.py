"""What the page shows, as documents by topic and key, each with the number of its last change.

Who reads is told what differs from what it has: however much happened meanwhile, that is the last state of
each document once, so nothing queues up for a browser that is slow. No document is made here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

Wake = Callable[[], None]


class _Stored(NamedTuple):
    number: int
    text: msgspec.Raw


class Patch(msgspec.Struct, rename="camel", omit_defaults=True):
    """``put``: documents that are new or others than before; ``gone``: keys of those that are no more.

    ``whole``: forget everything first.
    """

    put: dict[str, msgspec.Raw]
    gone: list[str]
    whole: bool = False


class Board:
    """Safe for threads. Keys are unique among the topics that one reader reads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._topics: dict[str, dict[str, _Stored]] = {}
        self._number = 0
        self._wakes: set[Wake] = set()

    def publish(self, topic: str, documents: Mapping[str, Any]) -> None:
        """All documents of a topic; readers are woken if any is another than before."""
        texts = {key: msgspec.Raw(msgspec.json.encode(x)) for key, x in documents.items()}
        with self._lock:
            before = self._topics.get(topic, {})
            self._number += 1
            after = {key: self._stored(before.get(key), text) for key, text in texts.items()}
            self._topics[topic] = after
            changed = after != before
            wakes = list(self._wakes) if changed else []
        for wake in wakes:
            wake()

    def drop(self, topic: str) -> None:
        """Nobody looks at it any more."""
        with self._lock:
            self._topics.pop(topic, None)

    def join(self, wake: Wake) -> None:
        """Have ``wake`` called, on any thread, after changes."""
        with self._lock:
            self._wakes.add(wake)

    def leave(self, wake: Wake) -> None:
        with self._lock:
            self._wakes.discard(wake)

    def news(self, topics: Sequence[str], had: dict[str, int]) -> Patch | None:
        """What differs from what the reader ``had``, which is brought up to date. None: nothing does."""
        with self._lock:
            now = {key: x for topic in topics for key, x in self._topics.get(topic, {}).items()}
        put = {key: x.text for key, x in now.items() if had.get(key) != x.number}
        gone = [key for key in had if key not in now]
        for key in gone:
            del had[key]
        had |= {key: now[key].number for key in put}
        return Patch(put, gone) if put or gone else None

    def _stored(self, before: _Stored | None, text: msgspec.Raw) -> _Stored:
        return before if before is not None and before.text == text else _Stored(self._number, text)
