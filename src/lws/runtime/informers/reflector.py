"""One resource, listed and watched for good: every change the server tells of goes to a sink, in order.

The rules are client-go's (``tools/cache/reflector.go``; runtime.md, B1): stream the initial list where the
server can, else LIST; resume a broken watch from the last resourceVersion; list anew only when the server
has forgotten that version; back off from everything else. Nothing ends the loop but ``stop``. What is done
with the objects may not live here.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Generic, Protocol, TypeVar

from lws.kube.connection import Connection
from lws.kube.errors import ApiError, DecodeError, Gone, KubeError, NotFound, TransportError
from lws.kube.retry import asked_wait
from lws.kube.transport import HEAD_TIMEOUT
from lws.kube.watch import WatchEvent, WatchStream, watch
from lws.objects import Key, KubeObject, ObjectT, version_number
from lws.runtime import logs
from lws.runtime.clock import Clock, SystemClock
from lws.runtime.informers import verdicts
from lws.runtime.informers.decoding import Decoder, InformerMetrics, NoMetrics
from lws.runtime.informers.listing import READ_TIMEOUT, Lister, Selection, Snapshot
from lws.runtime.informers.pulse import Pulse
from lws.runtime.informers.verdicts import Interrupted, ends_list
from lws.runtime.queue import Backoff

SHORTEST_WATCH = 1.0  # seconds; one that ends sooner without an event would make a busy loop
WATCH_SECONDS = (300, 600)  # timeoutSeconds is drawn from here, so that watches do not all end at once
UNANSWERED = (0.3, 0.6)  # seconds, drawn from: where nobody answers, nobody has to be spared
LONGEST_ABSENCE = 10.0  # seconds between two looks whether a CRD has been applied

Object_contra = TypeVar("Object_contra", bound=KubeObject, contravariant=True)
_log = logs.get_logger("reflector")


class Sink(Protocol[Object_contra]):
    """Where a reflector puts what it hears. Called on one thread, in order; must not raise."""

    def replace(
        self,
        objects: Collection[Object_contra],
        *,
        resource_version: int,
        rewound: bool,
        keep: Collection[Key],
    ) -> None:
        """The whole list. ``rewound``: the server went back in time. ``keep``: exist, but are unreadable."""

    def upsert(self, obj: Object_contra) -> None:
        """ADDED or MODIFIED."""

    def delete(self, identity: KubeObject, final: Object_contra | None) -> None:
        """DELETED; ``final`` is the last state, None when it is unreadable."""

    def advance(self, resource_version: int) -> None:
        """Everything up to this version has been told."""


class _Closable(Protocol):
    def close(self) -> None: ...


class Reflector(Generic[ObjectT]):
    """Lists and watches one selection; ``run`` blocks until ``stop``, which any thread may call.

    ``syncing`` makes a context that is held while a list is taken in. ``random`` gives numbers in [0, 1).
    """

    def __init__(
        self,
        connection: Connection,
        selection: Selection,
        decoder: Decoder[ObjectT],
        sink: Sink[ObjectT],
        *,
        clock: Clock | None = None,
        backoff: Backoff | None = None,
        random: Callable[[], float] = random.random,
        metrics: InformerMetrics | None = None,
        syncing: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        self._connection, self._selection, self._decoder, self._sink = connection, selection, decoder, sink
        self._clock = clock or SystemClock()
        self._backoff = backoff or default_backoff(self._clock)
        self._random, self._metrics, self._syncing = random, metrics or NoMetrics(), syncing
        self._lister = Lister(connection, selection, decoder, holding=self._holding)
        self.pulse = Pulse(self._clock)
        self.trouble = ""  # why there is no list yet, in one line
        self.interruption = ""  # why no watch is open, in one line
        self.stopping = threading.Event()
        self._open: _Closable | None = None  # what stop() has to close
        self._version: str | None = None  # to go on from; "": the server forgot it; None: none yet
        self._newest = 0  # the newest version told before the server forgot it
        self._forgotten = False  # that the server forgot it was the last failure
        self._off = False  # the server does not know the resource, and that was told
        self._relist = True
        self._streaming = True  # the server takes sendInitialEvents
        self._list_once = False  # the last streamed list failed: LIST this time, then stream again
        self._events = 0  # of the current watch

    def run(self) -> None:
        """List, watch, and recover, until stopped."""
        self.pulse.expect(HEAD_TIMEOUT)
        while not self.stopping.is_set():
            try:
                self._go_round()
            except Exception:  # noqa: BLE001 - an informer that ended would go stale: whatever it was, go on
                self._relist = True
                self._pause(SHORTEST_WATCH)

    def _go_round(self) -> None:
        try:
            self._round()
        except Exception as error:  # noqa: BLE001 - of any kind; the next round mends it
            if not self.stopping.is_set():
                self._recover(error)

    def stop(self) -> None:
        """End ``run`` soon, also from within a read that waits (not while a connection is made: 30 s)."""
        self.stopping.set()
        stream = self._open
        if stream is not None:
            stream.close()

    def _round(self) -> None:
        """A list where one is needed, and one watch."""
        if self._relist and (self._list_once or not self._streaming):
            self._list()
        self._events, began = 0, self._clock.monotonic()
        with self._watching() as events:
            if self._relist:
                self._stream_list(events)
            for event in events:
                self._take(event)
        if not self._events and self._clock.monotonic() - began < SHORTEST_WATCH:
            raise Interrupted("the watch ended at once, without an event")

    @contextmanager
    def _watching(self) -> Iterator[Iterator[WatchEvent]]:
        selection, (shortest, longest) = self._selection, WATCH_SECONDS
        seconds = int(shortest + self._random() * (longest - shortest))
        self.pulse.expect(HEAD_TIMEOUT)
        self._metrics.count(self._name, "watch")
        stream = watch(
            self._connection,
            selection.resource,
            namespace=selection.namespace,
            label_selector=selection.label_selector,
            field_selector=selection.field_selector,
            resource_version=self._version or "",
            timeout_seconds=seconds,
            silence=self.pulse.opening() if selection.marked else None,
            marked=selection.marked,
            send_initial_events=self._relist,
            accept=selection.accept,
        )
        self.pulse.heard()
        self.interruption = ""
        with stream, self._holding(stream):
            yield self._listening(stream)

    def _listening(self, stream: WatchStream) -> Iterator[WatchEvent]:
        self.pulse.expect(stream.silence)
        for event in stream:
            self._events += 1
            self.pulse.heard()
            self.pulse.expect(stream.silence)
            if event.type == "BOOKMARK":
                self.pulse.bookmark(initial=ends_list(event))
            yield event

    @contextmanager
    def _holding(self, stream: _Closable) -> Iterator[None]:
        """Let ``stop`` close the stream; one opened after the stop is closed here."""
        self._open = stream
        try:
            if self.stopping.is_set():
                stream.close()
            yield
        finally:
            self._open = None

    def _take(self, event: WatchEvent) -> None:
        if event.type == "BOOKMARK":
            self._advance(verdicts.mark(event))
            return
        if event.type not in ("ADDED", "MODIFIED", "DELETED"):
            raise verdicts.failure(event)
        obj, identity = self._decoder.decode(event.object)
        if identity is None:
            return
        self._version = identity.metadata.resource_version or self._version
        if event.type == "DELETED":  # also what cannot be read must not stay for ever
            self._sink.delete(identity, obj)
        elif obj is not None:
            self._sink.upsert(obj)

    def _advance(self, mark: KubeObject) -> None:
        version = mark.metadata.resource_version
        if _number(version) >= _number(self._version):
            self._version = version or self._version
            self._sink.advance(_number(version))

    def _stream_list(self, events: Iterator[WatchEvent]) -> None:
        """The initial events of a watch, which come in no order; they end at a marked bookmark."""
        with self._syncing():
            snapshot: Snapshot[ObjectT] = Snapshot()
            for event in events:
                if event.type in ("ADDED", "MODIFIED"):
                    snapshot.add(event.object, self._decoder)
                elif event.type == "DELETED":
                    snapshot.remove(event.object, self._decoder)
                elif event.type != "BOOKMARK":
                    raise verdicts.failure(event)
                elif ends_list(event):
                    snapshot.version = verdicts.mark(event).metadata.resource_version
                    return self._replace(snapshot)
        raise Interrupted("the initial events ended without their bookmark")

    def _list(self) -> None:
        """LIST: of any age at first, never older than what was seen later, else from etcd."""
        self._metrics.count(self._name, "list")
        self.pulse.expect(HEAD_TIMEOUT + READ_TIMEOUT)
        with self._syncing():
            self._replace(self._lister.list("0" if self._version is None else self._version))

    def _replace(self, snapshot: Snapshot[ObjectT]) -> None:
        version, self.trouble = _number(snapshot.version), ""
        self.pulse.heard()
        self._sink.replace(
            snapshot.objects.values(),
            resource_version=version,
            rewound=version < max(self._newest, _number(self._version)),
            keep=snapshot.unreadable - snapshot.objects.keys(),
        )
        self._version, self._newest = snapshot.version, 0
        self._relist = self._list_once = False
        if self._off:
            self._off = False
            _log.info("served now", resource=self._name)

    def _recover(self, error: Exception) -> None:
        """Decide what the next round does, and wait before it."""
        if isinstance(error, ApiError | DecodeError):
            self.pulse.heard()
        elif isinstance(error, TransportError) and error.silent:
            self.pulse.fell_silent()
        if self._relist and self._streaming and not self._list_once and verdicts.refusal(error):
            self._streaming = False
            _log.info("the server does not stream lists", resource=self._name, error=logs.one_line(error))
            return
        if self._relist and not verdicts.passing(error):
            self._list_once = not self._list_once
        if isinstance(error, Gone) or verdicts.too_large(error):
            self._newest = max(self._newest, _number(self._version))
            self._version, self._relist = "", True
        elif isinstance(error, DecodeError):  # an event was lost, and nobody knows whose
            self._relist = True
        if isinstance(error, Gone) and not self._forgotten:  # it answers again: no need to spare it any more
            self._backoff.reset()
        self._forgotten = isinstance(error, Gone)
        delay = max(self._backoff.next(), asked_wait(error))
        if isinstance(error, NotFound):
            delay = min(delay, LONGEST_ABSENCE)
        if verdicts.unanswered(error):
            shortest, longest = UNANSWERED
            delay = min(delay, shortest + self._random() * (longest - shortest))
        self._report(error, delay)
        self._pause(delay)

    def _pause(self, seconds: float) -> None:
        self.pulse.expect(seconds)
        self._clock.sleep(seconds, self.stopping)

    def _report(self, error: Exception, delay: float) -> None:
        self._metrics.count(self._name, "failure")
        foreseen = isinstance(error, KubeError | Interrupted)
        before, self.trouble = self.trouble, self._selection.explain(error)
        again, self.interruption = self.interruption == self.trouble, self.trouble
        absent = isinstance(error, NotFound)
        told = absent and (self._off or self.trouble == before)  # once is enough to apply a CRD
        told = told or (again and verdicts.unanswered(error))  # tried too often for a line each time
        off = self._selection.off if absent else ""
        self._off = self._off or bool(off)
        (_log.debug if told else _log.warning)(
            f"{off} off" if off else "watch interrupted",
            resource=self._name,
            error=self.trouble,
            relist=self._relist,
            retry_in=round(delay, 1),
            exc_info=None if foreseen else error,
        )

    @property
    def _name(self) -> str:
        return self._selection.resource.plural


def default_backoff(clock: Clock) -> Backoff:
    """0.8 s doubling to 30 s, each up to doubled by chance; from the start again after two quiet minutes."""
    return Backoff(initial=0.8, factor=2.0, cap=30.0, jitter=1.0, reset_after=120.0, clock=clock)


def _number(version: str | None) -> int:
    return version_number(version or "")
