"""Per-item exponential backoff."""

from __future__ import annotations

import pytest

from lws.runtime.clock import FakeClock
from lws.runtime.queue.persistence import SOON
from lws.runtime.queue.ratelimiter import LONGEST, ItemExponentialBackoff, persistent_backoff


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


def test_a_persistent_one_waits_in_proportion_to_the_time_for_which_the_item_fails() -> None:
    clock = FakeClock()
    limiter = persistent_backoff(clock)
    tries = []
    while clock.monotonic() < 7200.0:
        tries.append(limiter.when("a"))
        clock.advance(tries[-1])
    assert tries[:8] == pytest.approx([0.005 * 2.0**x for x in range(8)])
    assert tries[8:12] == [SOON] * 4
    assert max(tries) == LONGEST
    assert len(tries) < 100


def test_who_succeeds_at_last_names_two_that_have_waited_longest() -> None:
    clock = FakeClock()
    limiter = ItemExponentialBackoff(clock=clock)
    for item in "abcdb":
        limiter.when(item)
    assert limiter.forget("d") == (), "it had failed for no time: that says nothing of the others"
    limiter.when("d")
    clock.advance(SOON)
    assert limiter.forget("d") == ("a", "c")
    assert limiter.forget("d") == ()
    assert (limiter.forget("a"), limiter.forget("c"), limiter.forget("b")) == (("c", "b"), ("b",), ())
