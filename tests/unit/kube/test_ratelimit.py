from __future__ import annotations

import pytest

from lws.kube.ratelimit import RateLimit


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_goes_at_once_then_one_per_interval() -> None:
    clock = Clock()
    limit = RateLimit(10, 3, clock=clock)
    assert [limit.reserve() for _ in range(5)] == pytest.approx([0, 0, 0, 0.1, 0.2])


def test_tokens_come_back_with_time_up_to_the_burst() -> None:
    clock = Clock()
    limit = RateLimit(10, 2, clock=clock)
    assert [limit.reserve() for _ in range(3)] == pytest.approx([0, 0, 0.1])
    clock.now += 0.2  # one pays the debt, one is free
    assert [limit.reserve() for _ in range(2)] == pytest.approx([0, 0.1])
    clock.now += 3600
    assert [limit.reserve() for _ in range(3)] == pytest.approx([0, 0, 0.1])


@pytest.mark.parametrize(("qps", "burst"), [(0, 1), (-1, 1), (1, 0)])
def test_nonsense_is_refused(qps: float, burst: int) -> None:
    with pytest.raises(ValueError, match="rate limit"):
        RateLimit(qps, burst)
