"""The fake clock wakes exactly those whose time has come; the real one agrees with the machine."""

from __future__ import annotations

import threading
import time
from datetime import UTC, timedelta

import pytest

from lws.runtime.clock import Clock, FakeClock, SystemClock


def in_thread(work: object) -> threading.Thread:
    thread = threading.Thread(target=work)  # type: ignore[arg-type]
    thread.start()
    return thread


@pytest.mark.parametrize("clock", [SystemClock(), FakeClock(5.0)], ids=["system", "fake"])
def test_wall_clock_time_is_aware_utc(clock: Clock) -> None:
    assert clock.now().tzinfo is UTC


def test_system_monotonic_is_the_machines() -> None:
    before = time.monotonic()
    between = SystemClock().monotonic()
    assert before <= between <= time.monotonic()


@pytest.mark.parametrize("seconds", [-1.0, 0.0, 0.001], ids=["past", "now", "soon"])
def test_system_wait_returns_at_its_deadline(seconds: float) -> None:
    clock, condition = SystemClock(), threading.Condition()
    deadline = clock.monotonic() + seconds
    with condition:
        clock.wait(condition, deadline)
    assert clock.monotonic() >= deadline


def test_system_sleep_ends_when_told_to_stop() -> None:
    stop = threading.Event()
    assert SystemClock().sleep(-1.0, stop) is False
    stop.set()
    assert SystemClock().sleep(3600.0, stop) is True


def test_fake_time_moves_only_by_advance() -> None:
    clock = FakeClock(start=10.0)
    started = clock.now()
    clock.advance(2.5)
    assert clock.monotonic() == 12.5
    assert clock.now() - started == timedelta(seconds=2.5)


def test_fake_time_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="does not go back"):
        FakeClock().advance(-1.0)


def test_fake_wait_with_a_past_deadline_returns_at_once() -> None:
    clock, condition = FakeClock(100.0), threading.Condition()
    with condition:
        clock.wait(condition, 100.0)  # would hang


def test_fake_wait_lasts_until_its_deadline_and_no_longer() -> None:
    clock, woken = FakeClock(), []

    def wait(deadline: float) -> None:
        condition = threading.Condition()
        with condition:
            clock.wait(condition, deadline)
        woken.append((deadline, clock.monotonic()))

    early, late = in_thread(lambda: wait(5.0)), in_thread(lambda: wait(6.0))
    assert clock.await_waiters(2)
    clock.advance(5.0)
    early.join()
    assert late.is_alive()
    clock.advance(1.0)
    late.join()
    assert woken == [(5.0, 5.0), (6.0, 6.0)]
    assert not clock.await_waiters(1, timeout=0.0)


@pytest.mark.parametrize("deadline", [1000.0, None], ids=["deadline", "none"])
def test_fake_wait_wakes_on_notify_without_any_time_passing(deadline: float | None) -> None:
    clock, condition = FakeClock(), threading.Condition()

    def wait() -> None:
        with condition:
            clock.wait(condition, deadline)

    thread = in_thread(wait)
    assert clock.await_waiters(1)
    with condition:
        condition.notify_all()
    thread.join()
    assert clock.monotonic() == 0.0


def test_fake_sleep_lasts_exactly_its_time() -> None:
    clock, stop, slept = FakeClock(), threading.Event(), threading.Event()

    def sleep() -> None:
        assert clock.sleep(5.0, stop) is False
        slept.set()

    thread = in_thread(sleep)
    assert clock.await_waiters(1)
    clock.advance(4.0)
    assert clock.await_waiters(1)
    assert not slept.is_set()
    clock.advance(1.0)
    thread.join()
    assert slept.is_set()


def test_fake_sleep_ends_when_told_to_stop() -> None:
    clock, stop, answers = FakeClock(), threading.Event(), []
    thread = in_thread(lambda: answers.append(clock.sleep(5.0, stop)))
    assert clock.await_waiters(1)
    stop.set()
    thread.join()
    assert answers == [True]
