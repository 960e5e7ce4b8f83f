"""What the queue promises, one rule at a time. Its behaviour under any sequence: tests/property."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from support.clocks import ImpatientClock, WouldBlockError

from lws.runtime.clock import FakeClock
from lws.runtime.queue.ratelimiter import ItemExponentialBackoff
from lws.runtime.queue.workqueue import LOW_PRIORITY, WorkQueue


@pytest.fixture
def clock() -> ImpatientClock:
    return ImpatientClock()


@pytest.fixture
def queue(clock: ImpatientClock) -> WorkQueue[str]:
    return WorkQueue("test", clock=clock)


def take(queue: WorkQueue[str]) -> tuple[str, int]:
    taken = queue.get()
    assert taken is not None
    queue.done(taken[0])
    return taken


def take_all(queue: WorkQueue[str]) -> str:
    """Names of the items that come out now, in order; each is one letter."""
    items = ""
    while len(queue):
        items += take(queue)[0]
    with pytest.raises(WouldBlockError):
        queue.get()
    return items


def add_all(queue: WorkQueue[str], items: str, priority: int = 0, after: float = 0.0) -> None:
    for item in items:
        queue.add(item, priority=priority, after=after)


# Order and merging


def test_first_in_first_out(queue: WorkQueue[str]) -> None:
    add_all(queue, "abcab")
    assert take_all(queue) == "abc"


def test_higher_priority_first_and_order_kept_inside_one(queue: WorkQueue[str]) -> None:
    add_all(queue, "ab", LOW_PRIORITY)
    add_all(queue, "cd", 0)
    add_all(queue, "ef", 7)
    assert take_all(queue) == "efcdab"


def test_get_tells_the_priority(queue: WorkQueue[str]) -> None:
    queue.add("a", priority=LOW_PRIORITY)
    assert take(queue) == ("a", LOW_PRIORITY)


def test_the_higher_priority_wins_and_goes_behind_its_new_peers(queue: WorkQueue[str]) -> None:
    add_all(queue, "ab", LOW_PRIORITY)
    add_all(queue, "cd", 0)
    queue.add("a", priority=0)
    queue.add("c", priority=LOW_PRIORITY)
    assert take_all(queue) == "cdab"


def test_a_raise_while_being_worked_on_counts_afterwards(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.get()
    queue.add("a", priority=LOW_PRIORITY)
    queue.add("a", priority=5)
    queue.add("b")
    queue.done("a")
    assert [take(queue), take(queue)] == [("a", 5), ("b", 0)]


# Delays


def test_a_delayed_item_comes_at_its_time(queue: WorkQueue[str], clock: ImpatientClock) -> None:
    queue.add("a", after=5.0)
    clock.advance(4.9)
    assert take_all(queue) == ""
    clock.advance(0.1)
    assert take_all(queue) == "a"


def test_due_items_come_in_the_order_of_their_times(queue: WorkQueue[str], clock: ImpatientClock) -> None:
    for item, after in zip("abcd", (3.0, 1.0, 2.0, 1.0), strict=True):
        queue.add(item, after=after)
    clock.advance(10.0)
    assert take_all(queue) == "bdca"


def test_an_item_due_before_another_was_added_comes_first(
    queue: WorkQueue[str], clock: ImpatientClock
) -> None:
    queue.add("a", after=1.0)
    clock.advance(2.0)
    queue.add("b")
    assert take_all(queue) == "ab"


@pytest.mark.parametrize(
    ("first", "second", "due"),
    [(5.0, 3.0, 3.0), (3.0, 5.0, 3.0), (5.0, 0.0, 0.0), (0.0, 5.0, 0.0)],
    ids=["second earlier", "first earlier", "second now", "first now"],
)
def test_the_earlier_time_wins_once(
    queue: WorkQueue[str], clock: ImpatientClock, first: float, second: float, due: float
) -> None:
    queue.add("a", after=first)
    queue.add("a", after=second)
    if due:
        clock.advance(due - 0.1)
        assert take_all(queue) == ""
        clock.advance(0.1)
    assert take_all(queue) == "a"
    clock.advance(100.0)
    assert take_all(queue) == ""


@pytest.mark.parametrize(("first", "second"), [((1, 5.0), (2, 9.0)), ((2, 9.0), (1, 5.0))])
def test_a_merge_takes_the_best_of_both(
    queue: WorkQueue[str], clock: ImpatientClock, first: tuple[int, float], second: tuple[int, float]
) -> None:
    for priority, after in (first, second):
        queue.add("a", priority=priority, after=after)
    clock.advance(5.0)
    assert take(queue) == ("a", 2)


def test_a_delayed_add_raises_an_item_that_is_ready(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.add("a", priority=3, after=60.0)
    assert take(queue) == ("a", 3)


def test_an_immediate_add_keeps_the_priority_of_the_delayed_one(queue: WorkQueue[str]) -> None:
    queue.add("a", priority=3, after=60.0)
    queue.add("a")
    assert take(queue) == ("a", 3)


@pytest.mark.parametrize(
    ("delays", "until"),
    [([], 10.0), ([4.0], 4.0), ([60.0], 10.0), ([60.0, 4.0, 8.0], 4.0)],
    ids=["nothing", "soon", "far", "several"],
)
def test_an_idle_get_sleeps_to_the_next_time_at_most_ten_seconds(
    queue: WorkQueue[str], delays: list[float], until: float
) -> None:
    for number, after in enumerate(delays):
        queue.add(str(number), after=after)
    with pytest.raises(WouldBlockError) as wait:
        queue.get()
    assert wait.value.deadline == until


# One worker per item


def test_an_item_added_while_worked_on_waits_for_done(queue: WorkQueue[str]) -> None:
    queue.add("a")
    assert queue.get() == ("a", 0)
    queue.add("a")
    queue.add("a")
    with pytest.raises(WouldBlockError):
        queue.get()
    queue.done("a")
    assert take_all(queue) == "a"


def test_a_delay_that_ends_while_the_item_is_worked_on(queue: WorkQueue[str], clock: ImpatientClock) -> None:
    queue.add("a")
    queue.get()
    queue.add("a", after=1.0)
    clock.advance(2.0)
    with pytest.raises(WouldBlockError):
        queue.get()
    queue.done("a")
    assert take_all(queue) == "a"


def test_a_delay_that_ends_after_done(queue: WorkQueue[str], clock: ImpatientClock) -> None:
    queue.add("a")
    queue.get()
    queue.add("a", after=1.0)
    queue.done("a")
    assert take_all(queue) == ""
    clock.advance(1.0)
    assert take_all(queue) == "a"


def test_done_of_something_nobody_took_changes_nothing(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.done("a")
    queue.done("b")
    assert take_all(queue) == "a"


# Retries


def test_rate_limited_adds_wait_longer_each_time_until_forgotten(clock: ImpatientClock) -> None:
    queue: WorkQueue[str] = WorkQueue("test", clock=clock, limiter=ItemExponentialBackoff(base=1.0, cap=4.0))
    for seconds in (1.0, 2.0, 4.0, 4.0):
        queue.add_rate_limited("a", priority=LOW_PRIORITY)
        clock.advance(seconds - 0.5)
        assert len(queue) == 0
        clock.advance(0.5)
        assert take(queue) == ("a", LOW_PRIORITY)
    assert queue.retries("a") == 4
    queue.forget("a")
    assert queue.retries("a") == 0
    queue.add_rate_limited("a")
    clock.advance(1.0)
    assert take_all(queue) == "a"


def test_one_that_succeeds_at_last_hurries_two_of_those_that_fail_too(clock: ImpatientClock) -> None:
    """And only what waits: an item that is gone from the queue is not put back, one at work runs no more."""
    limiter = ItemExponentialBackoff(base=100.0, clock=clock)
    queue: WorkQueue[str] = WorkQueue("test", clock=clock, limiter=limiter)
    for item in "xabcd":
        queue.add_rate_limited(item, priority=1 if item == "a" else LOW_PRIORITY)
    queue.add("x")
    assert take(queue) == ("x", 0)
    queue.forget("x")
    assert len(queue) == 0, "a success at once says nothing of the others"
    limiter.when("x")
    clock.advance(2.0)
    queue.forget("x")
    assert [take(queue), take(queue), len(queue)] == [("a", 1), ("b", LOW_PRIORITY), 0]


# Shutdown


def test_shutdown_ends_get_drops_what_waits_and_takes_no_more(
    queue: WorkQueue[str], clock: ImpatientClock
) -> None:
    queue.add("a")
    queue.get()
    add_all(queue, "ab")
    queue.add("c", after=1.0)
    queue.shut_down()
    add_all(queue, "de")
    queue.done("a")
    clock.advance(10.0)
    assert queue.get() is None
    assert (len(queue), queue.remembered) == (0, 0)


@pytest.mark.parametrize("workers", [1, 5])
def test_shutdown_wakes_every_waiting_worker(workers: int) -> None:
    clock = FakeClock()
    queue: WorkQueue[str] = WorkQueue("test", clock=clock)
    answers: list[object] = []
    threads = [threading.Thread(target=lambda: answers.append(queue.get())) for _ in range(workers)]
    for thread in threads:
        thread.start()
    assert clock.await_waiters(workers)
    queue.shut_down()
    for thread in threads:
        thread.join()
    assert answers == [None] * workers


# Waiting workers


@pytest.mark.parametrize(
    "wake",
    [
        lambda queue, clock: queue.add("a"),
        lambda queue, clock: (queue.add("a", after=3.0), clock.advance(3.0)),
        lambda queue, clock: (queue.add("a", after=60.0), queue.add("a", after=3.0), clock.advance(3.0)),
        lambda queue, clock: (queue.add("a", after=60.0), clock.advance(60.0)),
    ],
    ids=["an add", "a delay that ends", "a delay made shorter", "a delay longer than the longest sleep"],
)
def test_a_waiting_worker_wakes_for(wake: Callable[[WorkQueue[str], FakeClock], object]) -> None:
    clock = FakeClock()
    queue: WorkQueue[str] = WorkQueue("test", clock=clock)
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.append(queue.get()))
    thread.start()
    assert clock.await_waiters(1)
    wake(queue, clock)
    thread.join()
    assert answers == [("a", 0)]


def test_done_wakes_a_worker_for_an_item_that_was_added_meanwhile() -> None:
    clock = FakeClock()
    queue: WorkQueue[str] = WorkQueue("test", clock=clock)
    queue.add("a")
    queue.get()
    queue.add("a")
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.append(queue.get()))
    thread.start()
    assert clock.await_waiters(1)
    queue.done("a")
    thread.join()
    assert answers == [("a", 0)]


# What can be read of it


def test_length_and_depths_count_what_is_ready(queue: WorkQueue[str], clock: ImpatientClock) -> None:
    add_all(queue, "abc")
    add_all(queue, "d", LOW_PRIORITY)
    queue.add("e", priority=LOW_PRIORITY, after=1.0)
    assert queue.get() == ("a", 0)
    assert (len(queue), queue.depths()) == (3, {0: 2, LOW_PRIORITY: 1})
    queue.add("a", priority=9)
    assert (len(queue), queue.depths()) == (4, {9: 1, 0: 2, LOW_PRIORITY: 1})
    clock.advance(1.0)
    assert queue.depths() == {9: 1, 0: 2, LOW_PRIORITY: 2}


def test_running_tells_how_long_each_item_is_worked_on(queue: WorkQueue[str], clock: ImpatientClock) -> None:
    add_all(queue, "ab")
    queue.get()
    clock.advance(2.0)
    queue.get()
    clock.advance(1.0)
    assert queue.running() == [3.0, 1.0]
    queue.done("a")
    assert queue.running() == [1.0]


def test_nothing_is_remembered_of_what_is_through(queue: WorkQueue[str], clock: ImpatientClock) -> None:
    for number in range(500):
        item = str(number)
        queue.add(item, priority=number % 3, after=float(number % 5))
        queue.add_rate_limited(item)
        queue.add(item, priority=7)
    clock.advance(5000.0)
    while len(queue):
        queue.forget(take(queue)[0])
    assert queue.remembered == 0


def test_items_that_are_requeued_far_ahead_and_changed_often_do_not_pile_up(
    queue: WorkQueue[str],
) -> None:
    for _ in range(5000):
        queue.add("a", after=3600.0)
        queue.add("b", after=3600.0)
        queue.add("a")
        take(queue)
    assert queue.remembered < 200
