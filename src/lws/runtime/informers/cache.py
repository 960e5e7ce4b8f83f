"""All informers of a process: one for each selection, started, awaited and stopped together.

Taking in lists makes objects by the thousand and hardly any garbage; the collector's passes over them are
pure stalls, of which webhooks would suffer. So it rests meanwhile, for all informers together, and what has
been taken in is then exempt from later passes. No rule on what is watched may live here.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lws.kube.connection import Connection
from lws.kube.resources import Resource
from lws.objects import ObjectT
from lws.runtime import logs
from lws.runtime.clock import Clock
from lws.runtime.informers.informer import STOP_TIMEOUT, Informer, InformerMetrics
from lws.runtime.informers.listing import Selection

_log = logs.get_logger("cache")


class CollectorPause:
    """Garbage collection off while anybody holds it; collected and frozen once when the last one lets go.

    What is frozen is looked at by no later collection, this one's included, so each is short. It is still
    freed with its last reference; only cycles of it would stay, and cached objects make none.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders = 0
        self._filled = False  # something was taken in since the last freeze
        self._was_enabled = True

    def acquire(self) -> None:
        with self._lock:
            self._holders += 1
            if self._holders == 1:
                self._was_enabled = gc.isenabled()
                gc.disable()

    def release(self, *, filled: bool) -> None:
        """``filled``: something was taken in meanwhile, so that there is something to freeze."""
        with self._lock:
            self._holders -= 1
            self._filled |= filled
            if self._holders:
                return
            if self._filled:
                freeze()
                self._filled = False
            if self._was_enabled:
                gc.enable()


def freeze() -> None:
    """Collect garbage, and spare later collections what is left."""
    gc.collect()
    gc.freeze()


class Cache:
    """The shared informers. ``start`` holds the garbage collector until all have synced, ``wait_for_sync``
    returns, or ``stop`` is called.
    """

    def __init__(
        self, connection: Connection, *, clock: Clock | None = None, metrics: InformerMetrics | None = None
    ) -> None:
        self._connection, self._clock, self._metrics = connection, clock, metrics
        self._informers: dict[Selection, Informer[Any]] = {}
        self._traits: dict[Selection, tuple[object, ...]] = {}
        self._pause = CollectorPause()
        self._lock = threading.Lock()
        self._started = False
        self._starting = False  # the pause of start() is held

    @property
    def informers(self) -> list[Informer[Any]]:
        return list(self._informers.values())

    @property
    def alive(self) -> bool:
        """False when a thread has ended without having been told to."""
        return all(informer.alive for informer in self.informers)

    def silences(self) -> dict[str, float]:
        """By resource: seconds since the server last said anything about it."""
        return {informer.resource.plural: informer.silence for informer in self.informers}

    def check(self) -> None:
        """A liveness check: raises StuckError when only a new process helps.

        A server that is away is none of its business: the informers try again, and would after a restart.
        """
        for informer in self.informers:
            informer.check()

    def informer(
        self,
        of: Resource | Selection,
        type_: type[ObjectT],
        *,
        indexes: Mapping[str, Callable[[ObjectT], Iterable[Hashable]]] | None = None,
        transform: Callable[[ObjectT], ObjectT] | None = None,
    ) -> Informer[ObjectT]:
        """The informer of this selection, made on first request; later ones may add indexes.

        Raises ValueError when it exists with another type or transform, or an index of that name does.
        """
        selection = Selection.of(of)
        with self._lock:
            known = self._informers.get(selection)
            if known is None:
                known = self._informers[selection] = Informer(
                    self._connection,
                    selection,
                    type_,
                    transform=transform,
                    clock=self._clock,
                    metrics=self._metrics,
                    syncing=self._syncing,
                )
                self._traits[selection] = (type_, transform)
                if self._started:
                    known.start()
        if self._traits[selection] != (type_, transform):
            raise ValueError(f"{selection.resource.plural} are cached with another type or transform already")
        for name, function in (indexes or {}).items():
            known.indexer.add_index(name, function)
        return known

    def start(self) -> None:
        """Start all informers, and from now on each new one at once."""
        with self._lock:
            if self._started:
                return
            self._started = self._starting = True
            self._pause.acquire()
            freeze()  # all modules and what they made: now, while nobody waits, not after the sync
            for informer in self._informers.values():
                informer.start()
        self._end_start(only_if_synced=True)

    def wait_for_sync(self, timeout: float) -> bool:
        """Block until all have synced, at most ``timeout`` seconds in all; whether they have."""
        synced = self.wait_ready(timeout)
        self._end_start(only_if_synced=False)
        if not synced:
            _log.error("caches not synced in time", resources=self._missing(), seconds=timeout)
        return synced

    def wait_ready(self, timeout: float) -> bool:
        """As ``wait_for_sync``, for a caller who will ask again: nothing is given up, nothing logged."""
        deadline = time.monotonic() + timeout
        return all(
            informer.wait_for_sync(max(0.0, deadline - time.monotonic())) for informer in self.informers
        )

    def why_not_ready(self) -> str:
        """What keeps those that have not synced from it, in one line."""
        troubles = [informer.trouble for informer in self.informers]
        return "; ".join(dict.fromkeys(filter(None, troubles))) or f"no list of {', '.join(self._missing())}"

    def _missing(self) -> list[str]:
        return [informer.resource.plural for informer in self.informers if not informer.has_synced]

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Stop all informers, at most ``timeout`` seconds in all."""
        deadline = time.monotonic() + timeout
        for informer in self.informers:
            informer.begin_stop()
        for informer in self.informers:
            informer.stop(max(0.0, deadline - time.monotonic()))
        self._end_start(only_if_synced=False)

    @contextmanager
    def _syncing(self) -> Iterator[None]:
        """Held by an informer while it takes a list in."""
        self._pause.acquire()
        filled = False
        try:
            yield
            filled = True
        finally:
            self._end_start(only_if_synced=True)
            self._pause.release(filled=filled)

    def _end_start(self, *, only_if_synced: bool) -> None:
        if only_if_synced and not all(informer.has_synced for informer in self.informers):
            return
        with self._lock:
            ended, self._starting = self._starting, False
        if ended:
            self._pause.release(filled=False)
