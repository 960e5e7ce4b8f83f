"""What a controller does with each outcome of a reconcile, and that nothing stops its workers.

The workers are real threads; the queue's clock is a fake one, and "the worker waits again" is the event by
which a test knows that a pass is through.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.loglines import Lines, captured
from support.waiting import until

from lws.objects import Key
from lws.runtime.clock import FakeClock
from lws.runtime.controller import Controller, Result, TerminalError
from lws.runtime.metrics import Metrics
from lws.runtime.queue import LOW_PRIORITY, ItemExponentialBackoff, WorkQueue

A, B = Key("ns", "a"), Key("ns", "b")
COUNTERS = {
    "errors": "controller_runtime_reconcile_errors_total",
    "terminal": "controller_runtime_terminal_reconcile_errors_total",
    "panics": "controller_runtime_reconcile_panics_total",
}


class ConflictError(Exception):
    reason = "Conflict"


def is_conflict(error: Exception) -> bool:
    return isinstance(error, ConflictError)


class Rig:
    """A controller with one worker that plays a script: results to return, errors to raise, calls to make."""

    def __init__(self, quiet: Callable[[Exception], bool] = is_conflict) -> None:
        self.clock = FakeClock()
        self.metrics = Metrics()
        self.queue: WorkQueue[Key] = WorkQueue(
            "sets", clock=self.clock, limiter=ItemExponentialBackoff(base=1.0)
        )
        self.controller: Controller[Key] = Controller(
            "sets",
            self._reconcile,
            queue=self.queue,
            metrics=self.metrics.controller("sets"),
            clock=self.clock,
            quiet=quiet,
        )
        self.script: list[Any] = []
        self.calls: list[tuple[Key, float]] = []
        self._called = threading.Semaphore(0)

    def _reconcile(self, key: Key) -> Result:
        self.calls.append((key, self.clock.monotonic()))
        step = self.script.pop(0) if self.script else Result()
        self._called.release()
        if callable(step):
            step = step()
        if isinstance(step, BaseException):
            raise step
        return step  # type: ignore[no-any-return]

    def play(self, *script: Any, key: Key = A, priority: int = 0) -> None:
        """Reconcile ``key`` once, with the script's first step, and return when that pass is through."""
        self.script.extend(script)
        self.queue.add(key, priority=priority)
        self.settled()

    def settled(self) -> None:
        """One more pass has ended."""
        assert self._called.acquire(timeout=10.0)
        assert self.clock.await_waiters(1)

    def times(self) -> list[float]:
        return [when for _, when in self.calls]

    def results(self) -> dict[str, float]:
        """Which results were counted, and how often."""
        every = {
            result: self.sample("controller_runtime_reconcile_total", result=result) for result in RESULTS
        }
        return {result: count for result, count in every.items() if count}

    def sample(self, name: str, **labels: str) -> float:
        value = self.metrics.registry.get_sample_value(name, {"controller": "sets", **labels})
        assert value is not None, name
        return value


RESULTS = ("success", "error", "requeue", "requeue_after")


@pytest.fixture
def lines() -> Iterator[Lines]:
    with captured() as lines:
        yield lines


@pytest.fixture
def rig(lines: Lines) -> Iterator[Rig]:
    rig = Rig()
    rig.controller.start()
    assert rig.clock.await_waiters(1)
    yield rig
    assert rig.controller.stop(10.0)


# Results


def test_success_is_counted_and_forgotten(rig: Rig) -> None:
    rig.play(Result())
    assert (rig.results(), rig.queue.remembered) == ({"success": 1}, 0)


@pytest.mark.parametrize(
    ("step", "label"),
    [(ValueError("no"), "error"), (Result(requeue=True), "requeue"), (ConflictError(), "requeue")],
    ids=["exception", "requeue", "quiet exception"],
)
def test_what_comes_back_with_backoff(rig: Rig, step: Any, label: str) -> None:
    rig.play(step, step, step, Result())
    for seconds in (1.0, 2.0, 4.0):
        rig.clock.advance(seconds)
        rig.settled()
    assert rig.times() == [0.0, 1.0, 3.0, 7.0]
    assert rig.results() == {label: 3, "success": 1}
    assert rig.queue.remembered == 0


@pytest.mark.parametrize("after", [5.0, 120.0])
def test_requeue_after_forgets_failures_and_comes_back_then(rig: Rig, after: float) -> None:
    rig.play(ValueError("no"), Result(requeue_after=after), Result())
    rig.clock.advance(1.0)
    rig.settled()
    assert rig.queue.retries(A) == 0
    rig.clock.advance(after)
    rig.settled()
    assert rig.times() == [0.0, 1.0, 1.0 + after]
    assert rig.results() == {"error": 1, "requeue_after": 1, "success": 1}


@pytest.mark.parametrize("after", [0.0, -3.0], ids=["now", "overdue"])
def test_a_time_that_has_come_is_not_lost_and_keeps_no_worker_busy(rig: Rig, after: float) -> None:
    rig.play(*[Result(requeue_after=after)] * 3, Result())
    for seconds in (1.0, 2.0, 4.0):
        rig.clock.advance(seconds)
        rig.settled()
    assert rig.times() == [0.0, 1.0, 3.0, 7.0]
    assert rig.results() == {"requeue_after": 3, "success": 1}
    assert rig.queue.remembered == 0


def test_requeue_after_wins_over_requeue(rig: Rig) -> None:
    rig.play(Result(requeue_after=50.0, requeue=True))
    assert (rig.results(), rig.queue.retries(A)) == ({"requeue_after": 1}, 0)


def test_a_terminal_error_is_counted_and_not_retried(rig: Rig) -> None:
    rig.play(ValueError("no"), TerminalError("never"))
    rig.clock.advance(1.0)
    rig.settled()
    assert rig.queue.remembered == 0
    assert rig.results() == {"error": 2}
    assert [rig.sample(COUNTERS[name]) for name in ("errors", "terminal")] == [2, 1]


@pytest.mark.parametrize(
    "step",
    [ValueError("no"), Result(requeue=True), Result(requeue_after=1.0)],
    ids=["error", "requeue", "requeue_after"],
)
def test_a_retry_keeps_its_priority(rig: Rig, step: Any) -> None:
    rig.play(step, priority=LOW_PRIORITY)
    rig.queue.add(B, priority=LOW_PRIORITY + 1, after=1.0)
    rig.clock.advance(1.0)
    rig.settled()
    rig.settled()
    assert [key for key, _ in rig.calls] == [A, B, A]


# Failures


@pytest.mark.parametrize(
    ("error", "panics"),
    [
        (ValueError("bad data"), 0),
        (OSError("refused"), 0),
        (AttributeError("a defect"), 1),
        (KeyError("a defect"), 1),
        (SystemExit(3), 1),
        (KeyboardInterrupt(), 1),
        (GeneratorExit(), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_is_raised_the_worker_goes_on(rig: Rig, error: BaseException, panics: int) -> None:
    rig.play(error)
    rig.play(Result(), key=B)
    assert [key for key, _ in rig.calls] == [A, B]
    assert rig.queue.retries(A) == 1
    assert rig.results() == {"error": 1, "success": 1}
    assert [rig.sample(COUNTERS[name]) for name in ("errors", "panics")] == [1, panics]
    assert rig.sample("controller_runtime_active_workers") == 0


def test_something_else_than_a_result_is_an_error_and_the_key_is_kept(rig: Rig) -> None:
    rig.play(None)
    assert (rig.results(), rig.queue.retries(A)) == ({"error": 1}, 1)


def test_a_key_that_always_fails_does_not_hold_up_others(rig: Rig) -> None:
    rig.script = [ValueError("poison")]
    rig.play()
    for _ in range(20):
        rig.play(Result(), key=B)
    assert rig.results() == {"error": 1, "success": 20}


def test_a_predicate_that_fails_has_not_said_yes(lines: Lines) -> None:
    def broken(error: Exception) -> bool:
        raise RuntimeError

    rig = Rig(quiet=broken)
    rig.controller.start()
    rig.play(ConflictError())
    assert rig.controller.stop(10.0)
    assert rig.results() == {"error": 1}


class BrokenMetrics:
    """Raises wherever it is called from a worker."""

    def started(self, workers: int) -> None: ...

    def begun(self) -> None:
        return None

    def ended(self, *_args: object, **_kwargs: object) -> None:
        raise MemoryError


def test_a_broken_metric_costs_neither_the_key_nor_the_worker() -> None:
    clock, seen = FakeClock(), []
    queue: WorkQueue[Key] = WorkQueue("sets", clock=clock)
    through = threading.Semaphore(0)

    def reconcile(key: Key) -> Result:
        seen.append(key)
        through.release()
        return Result()

    controller = Controller("sets", reconcile, queue=queue, metrics=BrokenMetrics(), clock=clock)
    controller.start()
    for key in (A, B):
        queue.add(key)
        assert through.acquire(timeout=10.0)
    assert clock.await_waiters(1)
    assert (seen, queue.retries(A), queue.retries(B)) == ([A, B], 1, 1)
    assert controller.stop(10.0)


# Log lines


def only(lines: Lines, message: str) -> dict[str, Any]:
    (found,) = lines.saying(message)
    return found


def test_an_error_is_one_line_and_a_traceback_at_debug(rig: Rig, lines: Lines) -> None:
    rig.play(ValueError("first line\n  second line"))
    line, traceback = only(lines, "Reconciler error"), only(lines, "Reconciler error traceback")
    assert (line["level"], traceback["level"]) == ("error", "debug")
    assert line["error"] == "first line second line"
    assert line["reason"] == "ValueError"
    assert "exception" not in line
    (raised,) = traceback["exception"]
    assert raised["exc_type"] == "ValueError"
    assert raised["frames"][-1]["name"] == "_reconcile"
    for one in (line, traceback):
        assert (one["controller"], one["namespace"], one["name"]) == ("sets", "ns", "a")
    assert line["reconcileID"] == traceback["reconcileID"]


def test_a_quiet_error_is_logged_at_debug_only(rig: Rig, lines: Lines) -> None:
    rig.play(ConflictError("the object has been modified"))
    line = only(lines, "Reconcile retried")
    assert (line["level"], line["reason"]) == ("debug", "Conflict")
    assert [line for line in lines.documents if line["level"] == "error"] == []


def test_every_pass_has_an_id_of_its_own_and_none_outside(rig: Rig, lines: Lines) -> None:
    rig.play(ValueError("1"))
    rig.play(ValueError("2"), key=B)
    ids = [line["reconcileID"] for line in lines.saying("Reconciler error")]
    assert len(set(ids)) == 2
    assert "reconcileID" not in only(lines, "Starting workers")


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("cannot say")


def test_an_error_that_cannot_say_what_it_is_is_named(rig: Rig, lines: Lines) -> None:
    rig.play(SilentError())
    assert only(lines, "Reconciler error")["error"] == "SilentError"


# Metrics


def test_all_results_exist_at_zero_from_the_start() -> None:
    rig = Rig()
    assert {
        result: rig.sample("controller_runtime_reconcile_total", result=result) for result in RESULTS
    } == {
        "success": 0,
        "error": 0,
        "requeue": 0,
        "requeue_after": 0,
    }
    assert [rig.sample(name) for name in COUNTERS.values()] == [0, 0, 0]
    assert rig.sample("controller_runtime_max_concurrent_reconciles") == 1


def test_the_time_of_a_reconcile_is_its_own(lines: Lines) -> None:
    rig = Rig()
    rig.queue.add(A)
    rig.clock.advance(100.0)  # in the queue: does not count

    def slow() -> Result:
        assert rig.sample("controller_runtime_active_workers") == 1
        rig.clock.advance(7.5)
        return Result()

    rig.script.append(slow)
    rig.controller.start()
    rig.settled()
    assert rig.controller.stop(10.0)
    assert rig.sample("controller_runtime_reconcile_time_seconds_sum") == 7.5
    assert rig.sample("controller_runtime_reconcile_time_seconds_bucket", le="7.0") == 0
    assert rig.sample("controller_runtime_reconcile_time_seconds_bucket", le="8.0") == 1


# Threads


def run(
    reconcile: Callable[[Key], Result], keys: list[Key], workers: int
) -> tuple[Controller[Key], WorkQueue[Key]]:
    queue: WorkQueue[Key] = WorkQueue("sets")
    controller = Controller("sets", reconcile, queue=queue, workers=workers)
    for key in keys:
        queue.add(key)
    controller.start()
    return controller, queue


def test_several_workers_work_at_the_same_time_but_never_on_one_key() -> None:
    together = threading.Barrier(3)

    def reconcile(key: Key) -> Result:
        together.wait(10.0)  # passes only when three different keys are in work
        return Result()

    controller, queue = run(reconcile, [Key("ns", str(number)) for number in range(6)], 3)
    until("all keys to be worked on", lambda: queue.remembered == 0, seconds=20.0)
    assert controller.stop(10.0)
    assert not together.broken


def test_stop_waits_for_what_is_in_flight_and_starts_nothing_new() -> None:
    begun, finish, done = threading.Event(), threading.Event(), []

    def reconcile(key: Key) -> Result:
        begun.set()
        finish.wait(10.0)
        done.append(key)
        return Result(requeue_after=0.0)

    controller, queue = run(reconcile, [A, B], 1)
    assert begun.wait(10.0)
    stopped: list[bool] = []
    stopper = threading.Thread(target=lambda: stopped.append(controller.stop(10.0)))
    stopper.start()
    until("what waits to be dropped", lambda: len(queue) == 0, seconds=20.0)
    finish.set()
    stopper.join()
    assert stopped == [True]
    assert done == [A]


def test_stop_gives_up_on_a_reconcile_that_hangs() -> None:
    begun, finish = threading.Event(), threading.Event()

    def reconcile(key: Key) -> Result:
        begun.set()
        finish.wait(10.0)
        return Result()

    controller, _ = run(reconcile, [A], 2)
    assert begun.wait(10.0)
    assert controller.stop(0.01) is False
    finish.set()
    assert controller.stop(10.0) is True


def test_stop_without_start_and_start_after_start() -> None:
    queue: WorkQueue[Key] = WorkQueue("sets")
    controller: Controller[Key] = Controller("sets", lambda key: Result(), queue=queue)
    controller.start()
    with pytest.raises(RuntimeError, match="was started before"):
        controller.start()
    assert controller.stop(10.0)
    unstarted: Controller[Key] = Controller("sets", lambda key: Result(), queue=WorkQueue("sets"))
    assert unstarted.stop(0.0)


def test_a_controller_needs_a_worker() -> None:
    with pytest.raises(ValueError, match="at least one worker"):
        Controller("sets", lambda key: Result(), queue=WorkQueue[Key]("sets"), workers=0)
