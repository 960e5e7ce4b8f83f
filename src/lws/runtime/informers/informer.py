"""An informer: a reflector that feeds an indexer and tells handlers, on a thread of its own.

What handlers are told is what the server told, in its order:

- for each object the states come in the order of their resourceVersion, and each key's story is an add,
  updates, and a delete; across objects there is no order;
- states may be skipped, never invented: after a broken watch one update stands for many, and a delete may
  come with an older last state (nobody saw the last one);
- an object replaced under its name while nobody watched is a delete and an add, never an update;
- own writes do not change the story. The index shows them at once (``observe_write``), and when the watch
  tells of them handlers hear it as of any other change, since other controllers wait for it; ``old`` is
  then what the watch had told before, not what the index held. So the index may be ahead of a handler's
  ``new``, never behind it.

Handlers run inline, one after the other: they must be quick, and one that raises is logged and passed over.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Generic, Protocol, TypeVar

from lws.kube.connection import Connection
from lws.kube.lists import PARTIAL_METADATA
from lws.kube.resources import Resource
from lws.objects import Key, KubeObject, ObjectT
from lws.runtime import logs
from lws.runtime.clock import Clock
from lws.runtime.informers.decoding import Decoder, InformerMetrics, NoMetrics
from lws.runtime.informers.indexer import Indexer
from lws.runtime.informers.listing import Selection
from lws.runtime.informers.reflector import Reflector
from lws.runtime.queue import Backoff

__all__ = ["PARTIAL_METADATA", "EventHandler", "Informer", "InformerMetrics"]

STOP_TIMEOUT = 5.0  # seconds; a thread that is just opening a connection may outlive it, as a daemon

Object_contra = TypeVar("Object_contra", bound=KubeObject, contravariant=True)
_log = logs.get_logger("informer")


class StuckError(Exception):
    """An informer that will not go on by itself, in one line."""


class EventHandler(Protocol[Object_contra]):
    """Hears of every change of an informer's objects; see the module's docstring."""

    def on_add(self, obj: Object_contra, *, initial: bool) -> None:
        """``initial``: it was there when the informer (or the handler) came; no news."""

    def on_update(self, old: Object_contra, new: Object_contra) -> None: ...

    def on_delete(self, obj: Object_contra) -> None:
        """``obj`` is the last known state."""


class Informer(Generic[ObjectT]):
    """Objects of one type of one selection, kept up to date; see the module's docstring.

    ``of`` bounds what is cached at all. ``indexes`` as in ``Indexer``. ``transform`` sees each new object
    first and gives the one to keep. ``syncing`` makes a context that is held while a list is taken in.
    """

    def __init__(
        self,
        connection: Connection,
        of: Resource | Selection,
        type_: type[ObjectT],
        *,
        indexes: Mapping[str, Callable[[ObjectT], Iterable[Hashable]]] | None = None,
        transform: Callable[[ObjectT], ObjectT] | None = None,
        clock: Clock | None = None,
        backoff: Backoff | None = None,
        metrics: InformerMetrics | None = None,
        syncing: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        selection = Selection.of(of)
        self.resource = resource = selection.resource
        self.type = type_
        self.indexer: Indexer[ObjectT] = Indexer(indexes)
        self._decoder = Decoder(type_, resource=resource.plural, transform=transform, metrics=metrics)
        self._feed = _Feed(self.indexer, self._decoder, resource.plural, metrics or NoMetrics())
        self._reflector = Reflector(
            connection,
            selection,
            self._decoder,
            self._feed,
            clock=clock,
            backoff=backoff,
            metrics=metrics,
            syncing=syncing,
        )
        self._thread = threading.Thread(
            target=self._reflector.run, name=f"informer-{resource.plural}", daemon=True
        )

    def get(self, key: Key) -> ObjectT | None:
        return self.indexer.get(key)

    def by_index(self, name: str, value: Hashable) -> list[ObjectT]:
        return self.indexer.by_index(name, value)

    def add_handler(self, handler: EventHandler[ObjectT]) -> None:
        """Tell this handler from now on; one that comes late is told of all there is, as initial adds."""
        self._feed.add_handler(handler)

    def start(self) -> None:
        """Begin to list and watch. Once only."""
        self._thread.start()

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Stop watching and wait for the thread; the index stays as it is. May be called at any time."""
        self.begin_stop()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def begin_stop(self) -> None:
        """Stop without waiting."""
        self._reflector.stop()

    @property
    def has_synced(self) -> bool:
        """Whether the first list is in the index and every handler has been told of it."""
        return self._feed.synced.is_set()

    @property
    def trouble(self) -> str:
        """Why it has not synced yet, in one line; empty while nothing has failed."""
        return "" if self.has_synced else self._reflector.trouble

    @property
    def interruption(self) -> str:
        """Why it hears of no changes just now, in one line; empty while it does, or has not failed yet."""
        return self._reflector.interruption

    @property
    def alive(self) -> bool:
        """False when its thread has ended without having been told to."""
        return self._thread.ident is None or self._thread.is_alive() or self._reflector.stopping.is_set()

    @property
    def silence(self) -> float:
        """Seconds since the server last said anything about these objects, if only no."""
        return self._reflector.pulse.silence

    def check(self) -> None:
        """A liveness check: raises StuckError when only a new process helps."""
        if not self.alive:
            raise StuckError(f"the thread of the informer of {self.resource.plural} has ended")
        overdue = 0.0 if self._thread.ident is None else self._reflector.pulse.overdue
        if overdue:
            raise StuckError(f"the informer of {self.resource.plural} has been stuck for {overdue:.0f} s")

    def wait_for_sync(self, timeout: float) -> bool:
        """Block until synced, at most ``timeout`` seconds; whether it is."""
        return self._feed.synced.wait(timeout)

    def observe_write(self, obj: ObjectT) -> None:
        """Own-write memory: show the answer of a create, update or patch in the index at once.

        ``obj`` must be one that this informer selects, and from here on belongs to it.
        """
        self.indexer.put(self._decoder.admit(obj))


class _Feed(Generic[ObjectT]):
    """The reflector's sink: first the indexer, then the handlers. No fault of either ends the watch."""

    def __init__(
        self, indexer: Indexer[ObjectT], decoder: Decoder[ObjectT], resource: str, metrics: InformerMetrics
    ) -> None:
        self.synced = threading.Event()
        self._indexer, self._decoder, self._resource, self._metrics = indexer, decoder, resource, metrics
        self._handlers: list[EventHandler[ObjectT]] = []
        # Held while a change is taken in and told, so that a handler that comes late misses none. Re-entrant:
        # a handler may add another.
        self._telling = threading.RLock()

    def add_handler(self, handler: EventHandler[ObjectT]) -> None:
        with self._telling:
            for obj in self._indexer.view():
                self._call(handler.on_add, obj, initial=True)
            self._handlers.append(handler)

    def replace(
        self, objects: Collection[ObjectT], *, resource_version: int, rewound: bool, keep: Collection[Key]
    ) -> None:
        with self._telling:
            changes = self._indexer.replace(
                objects, resource_version=resource_version, rewound=rewound, keep=keep
            )
            for obj, error in changes.refused:
                self._decoder.report(obj, error)
            for obj in changes.deleted:
                self._tell(obj, None)
            for obj in changes.added:
                self._tell(None, obj)
            for old, new in changes.updated:
                self._tell(old, new)
            self.synced.set()

    def upsert(self, obj: ObjectT) -> None:
        with self._telling:
            try:
                old = self._indexer.receive(obj)
            except Exception as error:  # noqa: BLE001 - of an index function
                self._decoder.report(obj, error)
                return
            if old is not None and old.uid != obj.uid:
                self._tell(old, None)
                old = None
            self._tell(old, obj)

    def delete(self, identity: KubeObject, final: ObjectT | None) -> None:
        with self._telling:
            old = self._indexer.receive_deletion(identity)
            if old is not None:  # else handlers never heard of it
                self._tell(final or old, None)

    def advance(self, resource_version: int) -> None:
        self._indexer.advance(resource_version)

    def _tell(self, old: ObjectT | None, new: ObjectT | None) -> None:
        for handler in self._handlers:
            if old is None and new is not None:
                self._call(handler.on_add, new, initial=not self.synced.is_set())
            elif old is not None and new is not None:
                self._call(handler.on_update, old, new)
            elif old is not None:
                self._call(handler.on_delete, old)

    def _call(self, method: Callable[..., None], *args: ObjectT, **flags: bool) -> None:
        try:
            method(*args, **flags)
        except Exception as error:  # noqa: BLE001 - one handler's fault is not the others'
            self._metrics.count(self._resource, "handler_failure")
            where = getattr(method, "__qualname__", repr(method))
            _log.error(
                "handler failed", resource=self._resource, object=args[-1].key, handler=where, exc_info=error
            )
