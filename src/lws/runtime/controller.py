"""Workers that take keys from a queue, call a reconciler, and act on what it says.

A reconciler is level-based: it is told *which* object to look at, never what happened to it, reads the
state of the world, moves it towards what is wanted, and returns

- ``Result()``: all is well for now; the key's backoff starts over.
- ``Result(requeue_after=s)``: look again in ``s`` seconds; nothing failed, so the backoff starts over.
- ``Result(requeue=True)``, or a time that has come already: look again after the key's backoff, which grows.
- or raises: look again after the key's backoff. ``TerminalError``: trying again would change nothing.

Whatever it raises, the worker and all other keys go on. The rules are controller-runtime's
(``internal/controller/controller.go``); nothing here knows what is reconciled.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

from lws.runtime import logs
from lws.runtime.clock import Clock, SystemClock
from lws.runtime.queue import WorkQueue

K = TypeVar("K", bound=Hashable)

ResultLabel = Literal["success", "error", "requeue", "requeue_after"]


class Result(NamedTuple):
    """When to reconcile the key again. ``requeue_after`` (seconds) wins; None means not at all.

    A time that has come already means after the key's backoff: no reconciler can keep a worker busy by it.
    """

    requeue_after: float | None = None
    requeue: bool = False


class TerminalError(Exception):
    """Raised by a reconciler when only a change of the object can help: counted, logged, not retried."""


class ControllerMetrics(Protocol):
    """Where a controller reports."""

    def started(self, workers: int) -> None:
        """The controller has that many workers."""

    def begun(self) -> None:
        """A worker begins to reconcile."""

    def ended(
        self, result: ResultLabel, seconds: float, *, terminal: bool = False, panic: bool = False
    ) -> None:
        """A worker is through after so many seconds."""


class _NoMetrics:
    def started(self, workers: int) -> None: ...
    def begun(self) -> None: ...
    def ended(
        self, result: ResultLabel, seconds: float, *, terminal: bool = False, panic: bool = False
    ) -> None: ...


class _Outcome(NamedTuple):
    label: ResultLabel
    then: Result = Result()
    error: BaseException | None = None


_RETRY = Result(requeue=True)

# What Go panics on: a defect of the program, where other exceptions are the world's. Counted apart.
_DEFECTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NameError,
    RecursionError,
    TypeError,
)


def _never(_error: Exception) -> bool:
    return False


class Controller(Generic[K]):
    """Runs ``reconcile`` for the keys of ``queue``, on ``workers`` threads, never two at once for one key.

    ``quiet`` says of an exception that it is part of normal life (a 409 Conflict): the key is retried as
    after any other, but counted as ``requeue`` and logged at debug level.
    """

    def __init__(
        self,
        name: str,
        reconcile: Callable[[K], Result],
        *,
        queue: WorkQueue[K],
        workers: int = 1,
        metrics: ControllerMetrics | None = None,
        clock: Clock | None = None,
        quiet: Callable[[Exception], bool] = _never,
    ) -> None:
        if workers < 1:
            raise ValueError(f"controller {name}: need at least one worker, got {workers}")
        self.name = name
        self._reconcile = reconcile
        self._queue = queue
        self._workers = workers
        self._metrics = metrics or _NoMetrics()
        self._clock = clock or SystemClock()
        self._quiet = quiet
        self._log = logs.get_logger(name)
        self._threads: list[threading.Thread] = []
        self._stopping = False
        self._metrics.started(workers)

    def start(self) -> None:
        """Start the workers. Once only: a controller that was stopped stays stopped."""
        if self._threads:
            raise RuntimeError(f"controller {self.name} was started before")
        # Daemons, so that a reconcile that outlives its stop cannot keep the process alive.
        self._threads = [
            threading.Thread(target=self._work, name=f"{self.name}-{number}", daemon=True)
            for number in range(self._workers)
        ]
        for thread in self._threads:
            thread.start()
        self._log.info("Starting workers", controller=self.name, workers=self._workers)

    @property
    def alive(self) -> bool:
        """False when a worker has ended without having been told to."""
        return self._stopping or all(thread.is_alive() for thread in self._threads)

    def stop(self, timeout: float) -> bool:
        """Take no more keys, and give those in flight ``timeout`` seconds; whether all of them ended."""
        self._stopping = True
        self._queue.shut_down()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        busy = sum(thread.is_alive() for thread in self._threads)
        if busy:
            self._log.warning("Stopped before all workers finished", controller=self.name, busy=busy)
        return not busy

    def _work(self) -> None:
        while (taken := self._queue.get()) is not None:
            item, priority = taken
            try:
                self._process(item, priority)
            except BaseException:  # noqa: BLE001 - a metric or a log failed: keep the key, and the worker
                self._queue.add_rate_limited(item, priority=priority)
            finally:
                self._queue.done(item)

    def _process(self, item: K, priority: int) -> None:
        self._metrics.begun()
        started = self._clock.monotonic()
        with logs.reconciling(self.name, item):
            outcome = self._attempt(item)
            self._settle(item, priority, outcome.then)
            self._metrics.ended(
                outcome.label,
                self._clock.monotonic() - started,
                terminal=isinstance(outcome.error, TerminalError),
                panic=_is_defect(outcome.error),
            )
            if outcome.error is not None:
                self._report(outcome.label, outcome.error)

    def _attempt(self, item: K) -> _Outcome:
        """Reconcile; whatever comes of it is an outcome, SystemExit and its like included."""
        try:
            result = self._reconcile(item)
            if not isinstance(result, Result):
                raise TypeError(f"reconcile returned {type(result).__name__}, not a Result")
        except TerminalError as error:
            return _Outcome("error", error=error)
        except Exception as error:  # noqa: BLE001 - reported by _process
            return _Outcome("requeue" if self._is_quiet(error) else "error", _RETRY, error)
        except BaseException as error:  # noqa: BLE001 - likewise
            return _Outcome("error", _RETRY, error)
        if result.requeue_after is not None:
            return _Outcome("requeue_after", result)
        return _Outcome("requeue" if result.requeue else "success", result)

    def _settle(self, item: K, priority: int, then: Result) -> None:
        """Queue the item again as its result says, at the priority it had; keep or forget its failures."""
        after = then.requeue_after
        if then.requeue if after is None else after <= 0:
            self._queue.add_rate_limited(item, priority=priority)
            return
        self._queue.forget(item)
        if after is not None:
            self._queue.add(item, priority=priority, after=after)

    def _report(self, label: ResultLabel, error: BaseException) -> None:
        """One line for the operator, the traceback for whoever debugs."""
        reason = getattr(error, "reason", "") or type(error).__name__
        if label == "requeue":
            self._log.debug("Reconcile retried", reason=reason, error=logs.one_line(error))
            return
        self._log.error("Reconciler error", reason=reason, error=logs.one_line(error))
        self._log.debug("Reconciler error traceback", exc_info=error)

    def _is_quiet(self, error: Exception) -> bool:
        try:
            return self._quiet(error)
        except Exception:  # noqa: BLE001 - a predicate that fails has not said yes
            return False


def _is_defect(error: BaseException | None) -> bool:
    return isinstance(error, _DEFECTS) or (error is not None and not isinstance(error, Exception))
