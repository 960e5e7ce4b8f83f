"""Starts the parts of a process in order, watches over them, and stops them in reverse.

The order (runtime.md, B2 #9) keeps parts from waiting for each other in a circle: HTTP servers, webhooks,
caches (the API server may need our webhooks before it can answer them), others, leader election, events,
controllers. A phase starts when the one before is ready. Nothing here knows what the parts do.
"""

from __future__ import annotations

import inspect
import os
import signal
import threading
import time
from collections.abc import Callable
from enum import IntEnum
from threading import Thread
from types import FrameType
from typing import Any

from lws.runtime.logs import get_logger, one_line
from lws.runtime.serving import Check, Checks

GRACE = 30.0  # seconds for everything to stop
LOST_GRACE = 2.0  # seconds when leadership was lost: another process may lead after five
READY_TIMEOUT = 120.0  # seconds for a phase to get ready; leadership may take for ever
_LEAST = 0.1  # seconds to stop for a part whose turn comes when the grace is used up
_LOOK = 0.25  # seconds between two looks at whether to stop, and whether the parts live

_log = get_logger("manager")


class Phase(IntEnum):
    """In which order parts start."""

    HTTP = 0
    WEBHOOKS = 1
    CACHES = 2
    OTHERS = 3
    WARM_UP = 4
    LEADER_ELECTION = 5
    EVENTS = 6  # between them: what controllers tell to their end goes out before the lease is given up
    CONTROLLERS = 7


def traceback_of(error: Exception) -> Exception | None:
    """What a log line takes for ``exc_info``: none where one line says all, as of an address in use."""
    return None if isinstance(error, OSError) else error


class ManagerError(Exception):
    """The process cannot go on and must exit with code 1; the text is the one line to print."""


class _Part:
    """One runnable, seen through what it offers; see :meth:`Manager.add`."""

    def __init__(self, runnable: Any, name: str, on_end: Callable[[_Part, str], None]) -> None:
        self.name = name
        self._runnable = runnable
        self._on_end = on_end
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._run = getattr(runnable, "run", None)

    def start(self) -> bool:
        if self._run is None:
            self._runnable.start()
        else:
            self._thread = threading.Thread(target=self._main, name=self.name, daemon=True)
            self._thread.start()
        return True

    def ready(self) -> bool:
        wait = getattr(self._runnable, "wait_ready", None) or getattr(self._runnable, "wait_for_sync", None)
        return True if wait is None else bool(wait(_LOOK))

    def excuse(self) -> str:
        """Why it is not ready, to be put behind that it is not."""
        explain = getattr(self._runnable, "why_not_ready", None)
        why = "" if explain is None else explain()
        return f": {why}" if why else ""

    def alive(self) -> bool:
        if self._thread is not None:
            return self._thread.is_alive()
        return bool(getattr(self._runnable, "alive", True))

    def stop(self, timeout: float) -> bool:
        """Ask it to stop and wait, at most ``timeout`` seconds if it lets us say so; whether it stopped."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout)
            return not self._thread.is_alive()
        if inspect.signature(self._runnable.stop).parameters:
            return self._runnable.stop(timeout) is not False
        self._runnable.stop()
        return True

    def _main(self) -> None:
        assert self._run is not None
        try:
            self._run(self._stop)
        except Exception as error:  # noqa: BLE001 - reported, and it ends the process
            _log.debug("Runnable failed", runnable=self.name, exc_info=traceback_of(error))
            self._on_end(self, one_line(error))
        else:
            if not self._stop.is_set():
                self._on_end(self, "it ended by itself")


class Manager:
    """Holds the parts of one process and its health checks.

    ``grace`` bounds stopping, ``ready_timeout`` starting of a phase, both in seconds.
    """

    def __init__(self, *, grace: float = GRACE, ready_timeout: float = READY_TIMEOUT) -> None:
        self.health = Checks("healthz")
        self.ready = Checks("readyz")
        self._grace = grace
        self._ready_timeout = ready_timeout
        self._parts: dict[Phase, list[_Part]] = {phase: [] for phase in Phase}
        self._started: list[tuple[Phase, _Part]] = []
        self._failure: tuple[Phase, str] | None = None
        self._wake = threading.Event()

    def add(self, runnable: Any, *, phase: Phase, name: str = "") -> None:
        """Add a part, of one of two shapes.

        ``run(stop: Event)``: blocks until ``stop`` is set; raising or returning before ends the process.
        ``start()`` and ``stop()`` or ``stop(timeout)``: works in threads of its own; ``alive``, if there,
        turns False when it has died. Either may have ``wait_ready(timeout) -> bool`` or
        ``wait_for_sync(timeout) -> bool``, on which the next phase waits, and then
        ``why_not_ready() -> str``, which is told when waiting was in vain.
        """
        title = name or getattr(runnable, "name", "") or type(runnable).__name__
        self._parts[phase].append(_Part(runnable, title, lambda part, why: self._fail(phase, part, why)))

    def add_ready_check(self, name: str, check: Check) -> None:
        self.ready.add(name, check)

    def add_health_check(self, name: str, check: Check) -> None:
        self.health.add(name, check)

    def run(self, stop: threading.Event) -> None:
        """Start everything, block until ``stop``, stop everything. Raises ManagerError: exit with code 1."""
        try:
            for phase in Phase:
                self._start_phase(phase, stop)
                self._await_ready(phase, stop)
            while not self._over(stop):
                self._look_after()
                # Not stop.wait(): a signal handler that sets ``stop`` while this thread holds its lock
                # would wait for ever.
                self._wake.wait(_LOOK)
        finally:
            late = self._stop_all()
        if self._failure is not None:
            raise ManagerError(self._failure[1])
        if late:
            raise ManagerError(f"did not stop properly within {self._grace:g} s: {', '.join(late)}")

    def _over(self, stop: threading.Event) -> bool:
        return stop.is_set() or self._failure is not None

    def _start_phase(self, phase: Phase, stop: threading.Event) -> None:
        for part in self._parts[phase]:
            if not self._over(stop) and self._succeeds(part.start, phase, part):
                self._started.append((phase, part))

    def _await_ready(self, phase: Phase, stop: threading.Event) -> None:
        endless = phase == Phase.LEADER_ELECTION
        deadline = time.monotonic() + self._ready_timeout
        for part in self._parts[phase]:
            while not self._over(stop) and not self._succeeds(part.ready, phase, part):
                self._look_after()
                if not endless and time.monotonic() > deadline:
                    late = f"not ready within {self._ready_timeout:g} s{part.excuse()}"
                    self._fail(phase, part, late)

    def _succeeds(self, step: Callable[[], bool], phase: Phase, part: _Part) -> bool:
        """Whether the step says so. An exception is told in one line; its traceback is for debugging."""
        try:
            return step()
        except Exception as error:  # noqa: BLE001 - whatever a part raises ends the process in order
            _log.debug("Runnable failed", runnable=part.name, exc_info=traceback_of(error))
            self._fail(phase, part, one_line(error))
            return False

    def _look_after(self) -> None:
        for phase, part in self._started:
            if not part.alive():
                self._fail(phase, part, "it died")

    def _fail(self, phase: Phase, part: _Part, why: str) -> None:
        if self._failure is None:  # the first failure tells; the others follow from it
            self._failure = phase, why if why.startswith(f"{part.name}: ") else f"{part.name}: {why}"
        self._wake.set()

    def _stop_all(self) -> list[str]:
        """The names of those that did not stop in time."""
        lost = self._failure is not None and self._failure[0] == Phase.LEADER_ELECTION
        deadline = time.monotonic() + (LOST_GRACE if lost else self._grace)
        late: list[str] = []
        for phase in reversed(Phase):
            late += _stop_together([part for of, part in self._started if of == phase], deadline)
        return late


def _stop_together(parts: list[_Part], deadline: float) -> list[str]:
    """Stop the parts of one phase side by side; the names of those that were late."""
    stopped: set[_Part] = set()

    def stop(part: _Part) -> None:
        try:
            if part.stop(max(_LEAST, deadline - time.monotonic())):
                stopped.add(part)
        except Exception:  # noqa: BLE001 - the others must be stopped all the same
            _log.exception("Runnable failed to stop", runnable=part.name)

    threads = [Thread(target=stop, args=(part,), name=f"stop {part.name}", daemon=True) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(_LEAST, deadline - time.monotonic()))
    return [part.name for part in parts if part not in stopped]


def stop_on_signals() -> threading.Event:
    """An event that the first SIGINT or SIGTERM sets; the second ends the process at once with code 1.

    To be called from the main thread.
    """
    stop = threading.Event()

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
    return stop
