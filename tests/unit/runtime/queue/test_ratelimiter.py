"""Per-item exponential backoff and the token bucket, on a fake clock."""

from __future__ import annotations

import threading

import pytest

from lws.runtime.clock import FakeClock
from lws.runtime.queue.ratelimiter import ItemExponentialBackoff, TokenBucket


def test_backoff_is_5_ms_doubling_to_1000_s() -> None:
    limiter = ItemExponentialBackoff()
    delays = [limiter.when("a") for _ in range(20)]
    assert delays[:4] == pytest.approx([0.005, 0.01, 0.02, 0.04])
    assert delays[17] == pytest.approx(655.36)
    assert delays[18:] == [1000.0, 1000.0]


def test_backoff_counts_each_item_for_itself() -> None:
    limiter = ItemExponentialBackoff(base=1.0, cap=60.0)
    assert [limiter.when("a"), limiter.when("a"), limiter.when("b")] == [1.0, 2.0, 1.0]
    assert (limiter.retries("a"), limiter.retries("b"), limiter.retries("c")) == (2, 1, 0)


def test_forget_starts_over_and_frees_the_memory() -> None:
    limiter = ItemExponentialBackoff(base=1.0)
    limiter.when("a")
    limiter.when("a")
    limiter.forget("a")
    limiter.forget("never seen")
    assert (limiter.retries("a"), len(limiter)) == (0, 0)
    assert limiter.when("a") == 1.0


def test_backoff_survives_thousands_of_failures() -> None:
    limiter = ItemExponentialBackoff()
    assert {limiter.when("a") for _ in range(3000)} >= {1000.0}
    assert limiter.retries("a") == 3000


def test_bucket_lets_a_burst_pass_then_queues() -> None:
    bucket = TokenBucket(qps=10.0, burst=3, clock=FakeClock())
    assert [bucket.delay() for _ in range(5)] == pytest.approx([0.0, 0.0, 0.0, 0.1, 0.2])


def test_bucket_refills_with_time_but_never_beyond_its_burst() -> None:
    clock = FakeClock()
    bucket = TokenBucket(qps=10.0, burst=2, clock=clock)
    assert [bucket.delay() for _ in range(3)] == pytest.approx([0.0, 0.0, 0.1])
    clock.advance(3600.0)
    assert [bucket.delay() for _ in range(3)] == pytest.approx([0.0, 0.0, 0.1])


def test_acquire_waits_its_turn() -> None:
    clock, stop, answers = FakeClock(), threading.Event(), []
    bucket = TokenBucket(qps=1.0, burst=1, clock=clock)
    assert bucket.acquire(stop)
    thread = threading.Thread(target=lambda: answers.append(bucket.acquire(stop)))
    thread.start()
    assert clock.await_waiters(1)
    clock.advance(1.0)
    thread.join()
    assert answers == [True]


def test_acquire_gives_up_when_told_to_stop() -> None:
    stop = threading.Event()
    stop.set()
    bucket = TokenBucket(qps=0.001, burst=1, clock=FakeClock())
    assert [bucket.acquire(stop), bucket.acquire(stop)] == [False, False]


@pytest.mark.parametrize(("qps", "burst"), [(0.0, 1), (-1.0, 1), (1.0, 0)])
def test_bucket_refuses_senseless_numbers(qps: float, burst: int) -> None:
    with pytest.raises(ValueError, match="need qps > 0"):
        TokenBucket(qps, burst)
