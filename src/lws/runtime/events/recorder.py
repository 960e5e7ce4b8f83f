"""Telling users what happened: ``events.k8s.io/v1`` Events, written by a thread of their own.

Events are best effort. A reconcile never waits for one: what does not fit into the queue is dropped and
counted. What becomes of repeats is ``lws.runtime.events.series``'s.
"""

from __future__ import annotations

import math
import random as _random
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from lws.kube.client import Client
from lws.kube.errors import AlreadyExists, ApiError, KubeError, NotFound
from lws.kube.resources import EVENTS
from lws.kube.retry import asked_wait
from lws.objects import ObjectReference
from lws.runtime.clock import Clock, SystemClock
from lws.runtime.events.series import FINISH_AFTER, Folder, Series, Sighting, cut
from lws.runtime.logs import get_logger

QUEUE = 1000
TRIES = 12
ASIDE = 200  # events of one namespace that wait for another try; of all no more than in the queue
RETRY_DELAY = 10.0  # seconds
CALL_TIMEOUT = 30.0  # seconds

_log = get_logger("events")


class _Aside(NamedTuple):
    """Was tried so often in vain, and is tried again when it is ``due`` (monotonic)."""

    series: Series
    tries: int
    due: float


class EventRecorder:
    """Records events on behalf of ``controller``; ``instance`` names the process.

    Events that arrive within ``window`` seconds are considered together. ``on_dropped`` is told of each
    one lost, with ``queue full``, ``refused`` (by the API server, for good), ``unreachable``,
    or ``defect`` for a batch.
    """

    def __init__(
        self,
        client: Client,
        *,
        controller: str,
        instance: str,
        clock: Clock | None = None,
        window: float = 1.0,
        on_dropped: Callable[[str], None] = lambda _reason: None,
        token: Callable[[], str] = lambda: secrets.token_hex(8),
        random: Callable[[], float] = _random.random,
    ) -> None:
        self._client = client.within(CALL_TIMEOUT)
        self._controller, self._instance = controller, instance[:128]
        self._clock = clock or SystemClock()
        self._window = window
        self._on_dropped = on_dropped
        self._random = random
        self._folder = Folder(self._clock.monotonic, token)
        self._changed = threading.Condition()
        self._waiting: deque[Sighting] = deque()
        self._flush_at = math.inf
        self._aside: dict[int, _Aside] = {}  # by the identity of the series
        self._blocked_until = -math.inf
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def event(
        self,
        *,
        regarding: ObjectReference,
        related: ObjectReference | None = None,
        type_: str,
        reason: str,
        action: str,
        note: str,
    ) -> None:
        """Tell of something. Never blocks, and what does not fit is dropped."""
        sighting = Sighting(
            regarding,
            related,
            type_,
            reason,
            action,
            cut(note),
            self._clock.now(),
        )
        with self._changed:
            if len(self._waiting) < QUEUE:
                self._waiting.append(sighting)
                if len(self._waiting) == 1:
                    self._flush_at = self._clock.monotonic() + self._window
                    self._changed.notify_all()
                return
        self._drop("queue full", sighting.reason)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Write what is waiting, without retries; whether that was done within ``timeout`` seconds."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def alive(self) -> bool:
        """False when the thread has ended without having been told to."""
        return self._thread is None or self._thread.is_alive() or self._stop.is_set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._guarded(lambda: self._write_all(self._folder.fold(self._next_batch())))
            self._guarded(self._try_again)
        self._guarded(lambda: self._write_all(self._folder.fold(self._take())))
        self._guarded(lambda: self._write_all(self._folder.finish()))
        self._guarded(self._try_again)

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception:  # noqa: BLE001 - a batch that is lost must not end all later ones
            self._drop("defect", "")

    def _next_batch(self) -> list[Sighting]:
        """Wait until a window is over, one is to be tried again, or series may have ended."""
        look_again = self._clock.monotonic() + FINISH_AFTER / 4
        again = min((x.due for x in self._aside.values()), default=math.inf)
        with self._changed:
            while not self._stop.is_set():
                until = min(max(self._flush_at, self._blocked_until), again, look_again)
                if self._clock.monotonic() >= until:
                    break
                self._clock.wait(self._changed, until)
            return self._take()

    def _take(self) -> list[Sighting]:
        with self._changed:
            batch = list(self._waiting)
            self._waiting.clear()
            self._flush_at = math.inf
            return batch

    def _write_all(self, due: Iterable[Series]) -> None:
        for series in due:
            if id(series) not in self._aside:
                self._write(series, tries=1)

    def _try_again(self) -> None:
        """Those whose time has come; at the end all."""
        now = self._clock.monotonic()
        due = [x for x in self._aside.values() if x.due <= now or self._stop.is_set()]
        for one in due:
            del self._aside[id(one.series)]
            self._write(one.series, tries=one.tries + 1)

    def _write(self, series: Series, *, tries: int) -> None:
        """One that fails waits by itself: the events of others are written meanwhile."""
        if self._clock.monotonic() < self._blocked_until and not self._stop.is_set():
            self._put_aside(_Aside(series, tries - 1, self._blocked_until))
            return
        try:
            self._write_once(series)
        except KubeError as error:
            self._failed(series, tries, error)
        except Exception:  # noqa: BLE001 - one event must not end all others
            _log.exception("Error writing event", reason=series.first.reason)
        else:
            series.written = series.count

    def _failed(self, series: Series, tries: int, error: KubeError) -> None:
        if _hopeless(error):
            self._drop("refused", series.first.reason, error)
        elif tries >= TRIES or self._stop.is_set():
            self._drop("unreachable", series.first.reason, error)
        else:
            due = self._clock.monotonic() + self._delay(error)
            if not isinstance(error, ApiError) or error.status == 429:  # nobody's event would get through
                self._blocked_until = due
            self._put_aside(_Aside(series, tries, due))

    def _put_aside(self, one: _Aside) -> None:
        waiting = [x.series.namespace for x in self._aside.values()]
        if len(waiting) >= QUEUE or waiting.count(one.series.namespace) >= ASIDE:
            self._drop("unreachable", one.series.first.reason)
        else:
            self._aside[id(one.series)] = one

    def _write_once(self, series: Series) -> None:
        if series.written:
            patch = {"series": series.series()}
            try:
                self._client.merge_patch(EVENTS, msgspec.Raw, series.name, patch, namespace=series.namespace)
            except NotFound:  # events live for an hour by default
                series.written = 0
            else:
                return
        document = series.document(self._controller, self._instance)
        try:
            self._client.create(EVENTS, msgspec.Raw, document)
        except AlreadyExists:  # an earlier try arrived after all
            return

    def _delay(self, error: KubeError) -> float:
        return asked_wait(error) or RETRY_DELAY * (1.0 + 0.25 * self._random())

    def _drop(self, why: str, reason: str, error: KubeError | None = None) -> None:
        self._on_dropped(why)
        _log.debug("Event dropped", why=why, reason=reason, error=str(error or ""))


def _hopeless(error: KubeError) -> bool:
    """The same write would be refused again: 4xx but for 409 and 429."""
    return isinstance(error, ApiError) and 400 <= error.status < 500 and error.status not in (409, 429)
