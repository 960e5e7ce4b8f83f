"""From what an informer saw to keys in a work queue, as controller-runtime's ``handler`` package does.

Handlers run on the informer's thread and must be quick: no requests, no waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Generic, Protocol, TypeVar

from lws.objects import Key, ObjectT
from lws.runtime.queue import LOW_PRIORITY

K = TypeVar("K", bound=Hashable)
K_contra = TypeVar("K_contra", bound=Hashable, contravariant=True)


class Adder(Protocol[K_contra]):
    """The part of a work queue that a handler needs."""

    def add(self, item: K_contra, *, priority: int = 0, after: float = 0.0) -> None: ...


class OnDelete(Generic[ObjectT]):
    """Tells ``forget`` the key of every object that is gone, and nothing else."""

    def __init__(self, forget: Callable[[Key], object]) -> None:
        self._forget = forget

    def on_add(self, obj: ObjectT, *, initial: bool) -> None:
        """It is there."""

    def on_update(self, old: ObjectT, new: ObjectT) -> None:
        """It is still there."""

    def on_delete(self, obj: ObjectT) -> None:
        self._forget(obj.key)


class OnGone(Generic[ObjectT]):
    """Tells ``gone`` every object that is there no more, its end seen or missed: another has its name."""

    def __init__(self, gone: Callable[[ObjectT], object]) -> None:
        self._gone = gone

    def on_add(self, obj: ObjectT, *, initial: bool) -> None:
        """It is there."""

    def on_update(self, old: ObjectT, new: ObjectT) -> None:
        if old.uid != new.uid:
            self._gone(old)

    def on_delete(self, obj: ObjectT) -> None:
        self._gone(obj)


class EnqueueRequests(Generic[ObjectT, K]):
    """Adds the keys that ``mapper`` gives for an object.

    An update maps the old and the new object: when an owner changes, both owners hear of it. What is not
    news (the initial list, an update that changed nothing) goes in at ``LOW_PRIORITY``, so that a restart
    with thousands of objects does not delay today's changes.

    ``predicate(old, new)`` decides whether an add (``old`` is None) or an update matters. Deletes always
    pass: whoever ignores an object has nothing mapped to it.
    """

    def __init__(
        self,
        queue: Adder[K],
        mapper: Callable[[ObjectT], Iterable[K]],
        predicate: Callable[[ObjectT | None, ObjectT], bool] | None = None,
    ) -> None:
        self._queue = queue
        self._mapper = mapper
        self._predicate = predicate

    def on_add(self, obj: ObjectT, *, initial: bool) -> None:
        if self._matters(None, obj):
            self._enqueue(self._mapper(obj), LOW_PRIORITY if initial else 0)

    def on_update(self, old: ObjectT, new: ObjectT) -> None:
        if not self._matters(old, new):
            return
        unchanged = old.metadata.resource_version == new.metadata.resource_version
        keys = dict.fromkeys((*self._mapper(old), *self._mapper(new)))
        self._enqueue(keys, LOW_PRIORITY if unchanged else 0)

    def on_delete(self, obj: ObjectT) -> None:
        self._enqueue(self._mapper(obj), 0)

    def _matters(self, old: ObjectT | None, new: ObjectT) -> bool:
        return self._predicate is None or self._predicate(old, new)

    def _enqueue(self, keys: Iterable[K], priority: int) -> None:
        for key in keys:
            self._queue.add(key, priority=priority)
