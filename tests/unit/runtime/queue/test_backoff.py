"""The numbers of runtime.md, B1 #5: 0.8 s doubling to 30 s, jitter up to double, reset after two minutes."""

from __future__ import annotations

from typing import Any

import pytest

from lws.runtime.clock import FakeClock
from lws.runtime.queue.backoff import Backoff


def test_grows_to_the_cap_and_stays_there() -> None:
    backoff = Backoff(initial=0.8, factor=2.0, cap=30.0, clock=FakeClock())
    assert [backoff.next() for _ in range(8)] == pytest.approx([0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0])


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [(0.0, [10.0, 20.0]), (0.5, [15.0, 30.0]), (0.999, [19.99, 39.98])],
    ids=["none", "half", "nearly double, past the cap"],
)
def test_jitter_is_added_on_top(drawn: float, expected: list[float]) -> None:
    backoff = Backoff(initial=10.0, cap=20.0, jitter=1.0, clock=FakeClock(), random=lambda: drawn)
    assert [backoff.next(), backoff.next()] == pytest.approx(expected)


@pytest.mark.parametrize(("quiet", "expected"), [(120.0, 2.0), (120.1, 1.0)], ids=["not yet", "after"])
def test_starts_over_after_a_quiet_time(quiet: float, expected: float) -> None:
    clock = FakeClock()
    backoff = Backoff(initial=1.0, cap=30.0, reset_after=120.0, clock=clock)
    assert backoff.next() == 1.0
    clock.advance(quiet)
    assert backoff.next() == expected


def test_the_quiet_time_counts_from_the_last_try() -> None:
    clock = FakeClock()
    backoff = Backoff(initial=1.0, cap=30.0, reset_after=120.0, clock=clock)
    delays = []
    for _ in range(4):
        delays.append(backoff.next())
        clock.advance(100.0)
    assert delays == [1.0, 2.0, 4.0, 8.0]


def test_reset_starts_over() -> None:
    backoff = Backoff(initial=1.0, cap=30.0)
    assert (backoff.next(), backoff.next()) == (1.0, 2.0)
    backoff.reset()
    assert backoff.next() == 1.0


@pytest.mark.parametrize(
    "arguments",
    [
        {"initial": 0.0, "cap": 1.0},
        {"initial": 2.0, "cap": 1.0},
        {"initial": 1.0, "cap": 2.0, "factor": 0.5},
        {"initial": 1.0, "cap": 2.0, "jitter": -0.1},
    ],
    ids=["no delay", "cap below initial", "shrinking", "negative jitter"],
)
def test_refuses_senseless_numbers(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="need 0 < initial"):
        Backoff(**arguments)
