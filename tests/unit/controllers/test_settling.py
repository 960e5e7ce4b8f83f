"""How long a set's pass waits for more news of its groups."""

from __future__ import annotations

import pytest
from support.stepwise.process import Queue

from lws.controllers.settling import SETTLE, SHARE, Settling
from lws.objects import Key
from lws.runtime.clock import FakeClock
from lws.runtime.controller import Result

KEY, OTHER = Key("d", "large"), Key("d", "small")


@pytest.mark.parametrize("cost", [0.001, 0.017, 0.108, 1.0])
@pytest.mark.parametrize("fails", [False, True])
def test_a_set_waits_the_longer_the_more_its_last_pass_cost(cost: float, fails: bool) -> None:
    queue, cpu = Queue(FakeClock()), FakeClock()
    settling = Settling(queue, cpu.monotonic)

    def reconcile(_: Key) -> Result:
        cpu.advance(cost)
        if fails:
            raise KeyError
        return Result(requeue_after=7.0)

    measured = settling.timed(reconcile)
    if fails:
        with pytest.raises(KeyError):
            measured(KEY)
    else:
        assert measured(KEY) == Result(requeue_after=7.0)
    settling.add(OTHER)
    assert queue.next() == pytest.approx(SETTLE)
    queue.take(OTHER)
    settling.add(KEY)
    wait = queue.next()
    assert wait == pytest.approx(max(SETTLE, SHARE * cost))
    assert cost / (cost + wait) <= 1 / (1 + SHARE) + 1e-9, "of one core"


def test_who_asks_for_longer_gets_it() -> None:
    queue = Queue(FakeClock())
    Settling(queue).add(KEY, after=5.0)
    assert queue.next() == 5.0


def test_of_a_set_whose_last_pass_found_it_gone_nothing_is_kept() -> None:
    cpu = FakeClock()
    settling = Settling(Queue(FakeClock()), cpu.monotonic)
    costs = iter((1.0, 0.001))

    def reconcile(_: Key) -> Result:
        cpu.advance(next(costs))
        return Result()

    measured = settling.timed(reconcile)
    measured(KEY)
    assert KEY in settling._cost
    measured(KEY)
    assert KEY not in settling._cost
