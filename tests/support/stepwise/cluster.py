"""An API server and its components, whose moves a test puts in order; objects are read and edited typed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, TypeVar

import msgspec

from lws.api.workloads import Pod
from lws.controllers.resources import KINDS
from lws.objects import Key, KubeObject, controller_of
from lws.runtime.clock import FakeClock
from lws.webhooks.paths import webhooks
from support.apimodel.collector import Collector
from support.apimodel.nodes import Nodes
from support.apimodel.server import Server
from support.apimodel.statefulsets import StatefulSets
from support.apimodel.store import BY_KIND, Document, Kind, Where

T = TypeVar("T", bound=KubeObject)
Move = Callable[[], object]

ADMISSION = webhooks(None)
USER = "user"
WRITTEN_BY_THE_SERVER = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields")


class Cluster:
    """``admission``: the paths of our webhooks that are registered. ``server``: as for the API server."""

    def __init__(self, clock: FakeClock, *, admission: Collection[str] = ADMISSION, **server: Any) -> None:
        self.clock = clock
        self._options: dict[str, Any] = {"admission": admission, **server}
        self.server = Server(lambda: clock.now().timestamp(), **server)
        self.server.admission.webhooks = {x: ADMISSION[x] for x in admission}
        self._surround()
        self._typed: dict[tuple[type, str], KubeObject] = {}
        self._moves: list[Move] = []
        self._moves_at: object = None

    def _surround(self) -> None:
        self.store = self.server.store
        self.sets, self.nodes = StatefulSets(self.server), Nodes(self.server)
        self.collector = Collector(self.server)

    def copy(self) -> Cluster:
        """The same state, in which nobody is in the middle of anything, with a future of its own."""
        clock = FakeClock()
        clock.advance(self.clock.monotonic())
        other = Cluster(clock, **self._options)
        other.server.take(self.server)
        other._surround()
        other.sets.know(self.sets)
        other.nodes.know(self.nodes)
        other._typed = dict(self._typed)
        return other

    # What there is.

    @property
    def version(self) -> int:
        return self.store.version

    def document(self, kind: type[KubeObject], key: Key) -> Document:
        """As it is stored."""
        found = self.store.find(where_of(kind, key))
        assert found is not None
        return found

    def get(self, kind: type[T], key: Key) -> T | None:
        found = self.store.find(where_of(kind, key))
        return None if found is None else self._read(kind, found)

    def all(self, kind: type[T]) -> list[T]:
        """Oldest first."""
        return [self._read(kind, x) for x in self.store.objects[BY_KIND[kind.__name__]].values()]

    def by_uid(self, kind: type[T], uid: str) -> T:
        where = self.store.by_uid[uid]
        found = self.get(kind, Key(where.namespace, where.name))
        assert found is not None
        return found

    def _read(self, kind: type[T], document: Document) -> T:
        at = (kind, document["metadata"]["resourceVersion"])
        if at not in self._typed:
            self._typed[at] = msgspec.json.decode(self.store.encoded(document), type=kind)
        return self._typed[at]  # type: ignore[return-value]

    # What people do.

    def create(self, obj: T | Document, *, by: str = USER) -> T:
        """``obj``: as a document, or of a type that has all that counts."""
        document = obj if isinstance(obj, Mapping) else document_of(obj)
        kind = BY_KIND[document.get("kind") or type(obj).__name__]
        metadata = document["metadata"]
        where = Where(kind, metadata.get("namespace", ""), "")
        made = self.server.create(where, document, by)
        type_ = KINDS[kind.kind].type if kind.kind in KINDS else KubeObject
        return self._read(type_, made)  # type: ignore[return-value]

    def put(self, obj: T, *, by: str = USER) -> T:
        """Somebody who has read the object writes what is different in ``obj``."""
        kind, where = type(obj), where_of(type(obj), obj.key)
        before = self.get(kind, obj.key)
        assert before is not None
        patch = difference(document_of(before), document_of(obj))
        status = patch.pop("status", None)
        if patch:
            self.server.patch(where, patch, by)
        if status is not None:
            self.server.patch(where, {"status": status}, by, "status")
        written = self.get(kind, obj.key)
        assert written is not None
        return written

    def plant(self, obj: KubeObject, **members: Any) -> None:
        """With these members in its document, as no request would have them: edited in a backup, say."""
        where = where_of(type(obj), obj.key)
        before = self.document(type(obj), obj.key)
        metadata = {**before["metadata"], **members.pop("metadata", {})}
        self.store.put(where, {**before, **members, "metadata": metadata})

    def delete(
        self, obj: KubeObject, *, foreground: bool = False, orphan: bool = False, force: bool = False
    ) -> None:
        """``force``: without waiting for its containers."""
        propagation = "Foreground" if foreground else "Orphan" if orphan else "Background"
        grace = 0 if force else None
        self.server.delete(where_of(type(obj), obj.key), uid=obj.uid, propagation=propagation, grace=grace)

    def fail(self, pod: Pod) -> None:
        """Its containers end for good."""
        self.nodes.fail(self.document(Pod, pod.key))

    def restart(self, pod: Pod, container: str = "") -> None:
        """One of its containers ends and runs again."""
        self.nodes.restart(self.document(Pod, pod.key), container)

    # What the components do.

    def moves(self) -> list[Move]:
        """Everything that some component could do now."""
        hear = [partial(self.sets.hear, x) for x in self.sets.news]
        return [*hear, *(partial(self.sets.step, x) for x in self.sets.busy), *self._of_objects()]

    def is_hearing(self, move: Move, kind: Kind) -> bool:
        """Whether by it the StatefulSet controller hears of a change of this kind."""
        return isinstance(move, partial) and move.func == self.sets.hear and move.args == (kind,)

    def _of_objects(self) -> list[Move]:
        """Scheduler, kubelets and garbage collector."""
        at = (self.version, self.nodes.away, self.collector.away)
        if at != self._moves_at:
            self._moves_at, self._moves = at, [*self.nodes.moves(), *self.collector.moves()]
        return self._moves

    def next(self) -> float | None:
        """When time alone leads to something."""
        at = self.sets.waits()
        return None if at is None else at - self.server.seconds + self.clock.monotonic()

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.sets.look_again()
        self._moves_at = None


def where_of(kind: type[KubeObject], key: Key) -> Where:
    """Where the object of this name is."""
    return Where(BY_KIND[kind.__name__], key.namespace, key.name)


def document_of(obj: KubeObject) -> Document:
    """What of an object somebody may write."""
    document: Document = msgspec.json.decode(msgspec.json.encode(obj))
    metadata = document.get("metadata", {})
    kept = {x: y for x, y in metadata.items() if x not in WRITTEN_BY_THE_SERVER and y is not None}
    return {**document, "metadata": kept}


def difference(before: Document, after: Document) -> Document:
    """As a JSON merge patch."""
    patch: Document = dict.fromkeys(before.keys() - after.keys())
    for name, value in after.items():
        was = before.get(name)
        if isinstance(value, dict) and isinstance(was, dict):
            if inner := difference(was, value):
                patch[name] = inner
        elif value != was:
            patch[name] = value
    return patch


def owner_uid(obj: KubeObject) -> str:
    owner = controller_of(obj)
    return owner.uid if owner is not None else ""
