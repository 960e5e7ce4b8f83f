"""Waits in proportion to how long something has failed, and how many may be short."""

from __future__ import annotations

import pytest

from lws.runtime.clock import FakeClock
from lws.runtime.queue.persistence import QUICK, SHARE, SOON, Persistence


@pytest.mark.parametrize(("failing", "wait"), [(0.0, SOON), (4.0, SOON), (80.0, 10.0), (2400.0, 300.0)])
def test_a_few_wait_an_eighth_of_the_time_for_which_they_fail(failing: float, wait: float) -> None:
    assert Persistence(FakeClock()).wait(failing) == wait
    assert wait == max(SOON, failing / SHARE)


def test_many_at_once_wait_as_long_as_they_have_failed() -> None:
    clock = FakeClock()
    persistence = Persistence(clock)
    waits = [persistence.wait(80.0, least=5.0) for _ in range(QUICK + 3)]
    assert waits == [10.0] * QUICK + [80.0] * 3
    assert persistence.wait(2.0, least=5.0) == 5.0
    clock.advance(SOON)
    assert persistence.wait(80.0) == 10.0
