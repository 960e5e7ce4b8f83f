"""The local picture of one resource: objects by key, with indexes, fed by a watch and by our own writes.

The two feeds run at different speeds. A write's answer is put here at once, so that the next decision does
not repeat it; the watch tells of the same write later, and of everything else. What keeps them apart is the
``resourceVersion``, a number that grows with every write to the resource: an older state never replaces a
newer one, whichever feed brings it. No I/O, no threads of its own, and no handlers may live here.
"""

from __future__ import annotations

import builtins
import math
import threading
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import Generic, NamedTuple

from lws.objects import Key, KubeObject, ObjectT, resource_version


class Replaced(NamedTuple, Generic[ObjectT]):
    """What a new list changed in the watch's view, in the order in which handlers hear of it.

    ``deleted`` holds last known states. A key whose uid changed is in ``deleted`` and in ``added``.
    ``refused`` are those for which an index function raised; nothing was changed for them.
    """

    deleted: list[ObjectT]
    added: list[ObjectT]
    updated: list[tuple[ObjectT, ObjectT]]
    refused: list[tuple[ObjectT, Exception]]


class _Index(Generic[ObjectT]):
    """Keys by one property of their objects. Buckets are dicts, not sets: smaller, and ordered."""

    __slots__ = ("_buckets", "function")

    def __init__(self, function: Callable[[ObjectT], Iterable[Hashable]]) -> None:
        self.function = function
        self._buckets: dict[Hashable, dict[Key, None]] = {}

    def keys(self, value: Hashable) -> Iterable[Key]:
        return self._buckets.get(value, ())

    def values(self, obj: ObjectT | None) -> Collection[Hashable]:
        return () if obj is None else dict.fromkeys(self.function(obj)).keys()

    def move(self, key: Key, before: Collection[Hashable], after: Collection[Hashable]) -> None:
        for value in before:
            if value not in after:
                bucket = self._buckets[value]
                del bucket[key]
                if not bucket:  # or every owner that ever lived would leave an empty one
                    del self._buckets[value]
        for value in after:
            if value not in before:
                self._buckets.setdefault(value, {})[key] = None


class Indexer(Generic[ObjectT]):
    """Thread-safe store of one resource; see the module's docstring.

    Two pictures are kept. The *store* is what ``get``, ``list`` and ``by_index`` show: the newest state known
    from either feed. The *view* is what the watch alone has told, and what handlers therefore know; it is
    remembered only for keys where it differs from the store, which is until the watch has caught up.

    ``indexes`` maps a name to a pure function that gives the values under which an object is found.
    """

    def __init__(self, indexes: Mapping[str, Callable[[ObjectT], Iterable[Hashable]]] | None = None) -> None:
        self._lock = threading.Lock()
        self._objects: dict[Key, ObjectT] = {}
        self._indexes = {name: _Index(function) for name, function in (indexes or {}).items()}
        self._views: dict[Key, ObjectT | None] = {}  # where the view is not the stored object
        self._seen = 0  # the watch has told everything up to this resourceVersion

    # Reading

    def get(self, key: Key) -> ObjectT | None:
        return self._objects.get(key)

    def list(self) -> builtins.list[ObjectT]:
        with self._lock:
            return [*self._objects.values()]

    def by_index(self, name: str, value: Hashable) -> builtins.list[ObjectT]:
        """The objects with this value in the index ``name``; KeyError when there is no such index."""
        with self._lock:
            return [self._objects[key] for key in self._indexes[name].keys(value)]

    def view(self) -> builtins.list[ObjectT]:
        """The objects as the watch alone has told of them."""
        with self._lock:
            return [obj for key in self._known() if (obj := self._view(key)) is not None]

    def __len__(self) -> int:
        return len(self._objects)

    def add_index(self, name: str, function: Callable[[ObjectT], Iterable[Hashable]]) -> None:
        """Index what is and what will be stored; ValueError when the name has another function."""
        with self._lock:
            if name in self._indexes:
                if self._indexes[name].function is not function:
                    raise ValueError(f"index {name!r} exists with another function")
                return
            index = self._indexes[name] = _Index(function)
            for key, obj in self._objects.items():
                index.move(key, (), index.values(obj))

    # Own writes

    def put(self, obj: ObjectT) -> bool:
        """Store the answer of an own write; False when it is no news.

        It is none when the store is as new already, or when the watch has passed this resourceVersion: then a
        missing object has been deleted since, and must not rise again.
        """
        version = resource_version(obj)
        with self._lock:
            key = obj.key
            stored, view = self._objects.get(key), self._view(key)
            if 0 < version <= self._seen or _newer(stored, version):
                return False
            self._store(key, obj)
            self._set_view(key, view)
            return True

    # The watch

    def receive(self, obj: ObjectT) -> ObjectT | None:
        """Take in an ADDED or MODIFIED; what the watch had told of this key before."""
        version = resource_version(obj)
        with self._lock:
            key = obj.key
            before = self._view(key)
            if not _newer(self._objects.get(key), version):
                self._store(key, obj)
            self._set_view(key, obj)
            self._seen = max(self._seen, version)
            return before

    def receive_deletion(self, obj: KubeObject) -> ObjectT | None:
        """Take in a DELETED; what the watch had told of this key before."""
        version = resource_version(obj)
        with self._lock:
            key = obj.key
            before = self._view(key)
            if not _newer(self._objects.get(key), version):
                self._store(key, None)
            self._set_view(key, None)
            self._seen = max(self._seen, version)
            return before

    def advance(self, version: int) -> None:
        """The watch has told everything up to this resourceVersion (a bookmark)."""
        with self._lock:
            self._seen = max(self._seen, version)

    def replace(
        self,
        objects: Iterable[ObjectT],
        *,
        resource_version: int,
        rewound: bool = False,
        keep: Collection[Key] = (),
    ) -> Replaced[ObjectT]:
        """Take in a whole list, made at ``resource_version``; what it changed in the view.

        States newer than the list stay: the watch that starts at the list will tell of them. ``rewound``
        (also assumed when the version is not a number, that is 0) says that the server went back in time, as
        when restored from a backup: then versions of before mean nothing and the list is the truth. Keys in
        ``keep`` are left as they are: they exist, but could not be read.
        """
        rewound = rewound or resource_version == 0
        horizon = math.inf if rewound else resource_version
        changes: Replaced[ObjectT] = Replaced([], [], [], [])
        with self._lock:
            listed = {obj.key: obj for obj in objects}
            for key in [*self._known()]:
                if key not in listed and key not in keep:
                    self._vanish(key, horizon, changes)
            for key, obj in listed.items():
                try:
                    self._relist(key, obj, rewound, changes)
                except Exception as error:  # noqa: BLE001 - of an index function: one object must not stop all
                    changes.refused.append((obj, error))
            self._seen = resource_version if rewound else max(self._seen, resource_version)
        return changes

    def _vanish(self, key: Key, horizon: float, changes: Replaced[ObjectT]) -> None:
        """A key the list did not have."""
        stored, view = self._objects.get(key), self._view(key)
        if view is not None and not _newer(view, horizon):
            changes.deleted.append(view)
            view = None
        if not _newer(stored, horizon):
            self._store(key, None)
        self._set_view(key, view)

    def _relist(self, key: Key, obj: ObjectT, rewound: bool, changes: Replaced[ObjectT]) -> None:
        """A key the list had. Where nothing changed the known instance stays."""
        view = self._view(key)
        if view is not None and (view == obj if rewound else _same(view, obj)):
            obj = view
        if rewound or not _newer(self._objects.get(key), resource_version(obj)):
            self._store(key, obj)
        self._set_view(key, obj)
        if view is None:
            changes.added.append(obj)
        elif view.uid != obj.uid:
            changes.deleted.append(view)
            changes.added.append(obj)
        elif view is not obj:
            changes.updated.append((view, obj))

    # Under the lock

    def _known(self) -> dict[Key, object]:
        return {**self._objects, **self._views}

    def _view(self, key: Key) -> ObjectT | None:
        return self._views[key] if key in self._views else self._objects.get(key)

    def _set_view(self, key: Key, view: ObjectT | None) -> None:
        if view is self._objects.get(key):
            self._views.pop(key, None)
        else:
            self._views[key] = view

    def _store(self, key: Key, obj: ObjectT | None) -> None:
        """Put, or with None remove. All index functions run first: one that raises changes nothing."""
        stored = self._objects.get(key)
        moves = [(index, index.values(stored), index.values(obj)) for index in self._indexes.values()]
        for index, before, after in moves:
            if before != after:
                index.move(key, before, after)
        if obj is not None:
            self._objects[key] = obj
        elif stored is not None:
            del self._objects[key]


def _newer(obj: KubeObject | None, version: float) -> bool:
    """Whether the object is there and newer than ``version``; what has no number is never newer than."""
    return obj is not None and version > 0 and resource_version(obj) > version


def _same(before: KubeObject, after: KubeObject) -> bool:
    """Whether two states of one key are one, by uid and version where there are such."""
    version = before.metadata.resource_version
    if not version:
        return before == after
    return (before.uid, version) == (after.uid, after.metadata.resource_version)
