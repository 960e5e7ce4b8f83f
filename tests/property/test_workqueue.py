"""The work queue against a model of it, under any sequence of calls, and against the clock of many threads.

The model keeps lists and looks through them; where the two differ, one of them is wrong.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.clocks import ImpatientClock, WouldBlockError

from lws.runtime.clock import FakeClock
from lws.runtime.queue import ItemExponentialBackoff, WorkQueue

BASE, CAP = 0.5, 30.0
ITEMS = st.sampled_from("abcdef")
PRIORITIES = st.sampled_from([-100, 0, 0, 1, 50])
TICKS = st.integers(1, 120 * 64).map(lambda number: number / 64)  # sums of these are exact
DELAYS = st.sampled_from([0.0, 0.0, 0.5, 1.0, 2.5, 7.0, 60.0])


@dataclass
class Model:
    """What the queue should hold. ``line``: takeable items in the order in which they became so."""

    now: float = 0.0
    line: list[str] = field(default_factory=list)
    priority: dict[str, int] = field(default_factory=dict)  # of ready items, takeable or not
    delayed: dict[str, tuple[float, int]] = field(default_factory=dict)  # in the order of scheduling
    processing: list[str] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)

    def add(self, item: str, priority: int, after: float) -> None:
        if item in self.priority:
            if priority > self.priority[item]:
                self.priority[item] = priority
                if item in self.line:
                    self.line.remove(item)
                    self.line.append(item)
            return
        at, known_priority = self.delayed.get(item, (float("inf"), priority))
        best = max(priority, known_priority)
        if after <= 0:
            self.delayed.pop(item, None)
            self.ready(item, best)
        elif self.now + after < at:
            self.delayed.pop(item, None)
            self.delayed[item] = (self.now + after, best)
        else:
            self.delayed[item] = (at, best)

    def ready(self, item: str, priority: int) -> None:
        self.priority[item] = priority
        if item not in self.processing:
            self.line.append(item)

    def advance(self, seconds: float) -> None:
        self.now += seconds
        due = [item for item, (at, _) in self.delayed.items() if at <= self.now]
        for item in sorted(due, key=lambda item: self.delayed[item][0]):  # stable: ties as scheduled
            self.ready(item, self.delayed.pop(item)[1])

    def next(self) -> tuple[str, int] | None:
        if not self.line:
            return None
        item = max(self.line, key=lambda item: self.priority[item])  # the first of those with the most
        return item, self.priority[item]

    def take(self, item: str) -> None:
        self.line.remove(item)
        del self.priority[item]
        self.processing.append(item)

    def done(self, item: str) -> None:
        if item in self.processing:
            self.processing.remove(item)
            if item in self.priority:
                self.line.append(item)

    def fail(self, item: str) -> float:
        failures = self.failures.get(item, 0)
        self.failures[item] = failures + 1
        return float(min(BASE * 2**failures, CAP))


class QueueMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = ImpatientClock()
        self.queue: WorkQueue[str] = WorkQueue(
            "test", clock=self.clock, limiter=ItemExponentialBackoff(BASE, CAP)
        )
        self.model = Model()

    @rule(item=ITEMS, priority=PRIORITIES, after=DELAYS)
    def add(self, item: str, priority: int, after: float) -> None:
        self.queue.add(item, priority=priority, after=after)
        self.model.add(item, priority, after)

    @rule(item=ITEMS, priority=PRIORITIES)
    def add_rate_limited(self, item: str, priority: int) -> None:
        self.queue.add_rate_limited(item, priority=priority)
        self.model.add(item, priority, self.model.fail(item))

    @rule()
    def get(self) -> None:
        expected = self.model.next()
        if expected is None:
            with pytest.raises(WouldBlockError) as wait:
                self.queue.get()
            next_due = min((at for at, _ in self.model.delayed.values()), default=float("inf"))
            # Never later than the next item is due. Earlier is allowed: an outdated time is looked at once.
            assert self.model.now < wait.value.deadline <= min(next_due, self.model.now + 10.0)
        else:
            assert self.queue.get() == expected
            self.model.take(expected[0])

    @precondition(lambda self: self.model.processing)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self.model.processing))
        self.queue.done(item)
        self.model.done(item)

    @rule(item=ITEMS)
    def done_with_anything(self, item: str) -> None:
        self.queue.done(item)
        self.model.done(item)

    @rule(item=ITEMS)
    def forget(self, item: str) -> None:
        self.queue.forget(item)
        self.model.failures.pop(item, None)

    @rule(seconds=st.sampled_from([0.25, 0.5, 1.0, 5.0, 40.0]))
    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.model.advance(seconds)

    @invariant()
    def counts_agree(self) -> None:
        assert len(self.queue) == len(self.model.priority)
        assert {item: self.queue.retries(item) for item in "abcdef"} == {
            item: self.model.failures.get(item, 0) for item in "abcdef"
        }
        depths: dict[int, int] = {}
        for priority in self.model.priority.values():
            depths[priority] = depths.get(priority, 0) + 1
        assert self.queue.depths() == depths
        assert len(self.queue.running()) == len(self.model.processing)

    def teardown(self) -> None:
        """Left alone, everything comes out once, and nothing is remembered of it."""
        for item in list(self.model.processing):
            self.queue.done(item)
            self.model.done(item)
        self.advance(1000.0)
        while self.model.line:
            self.get()
        self.get()
        for item in "abcdef":
            self.queue.done(item)
            self.queue.forget(item)
        assert self.queue.remembered == 0


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


@settings(max_examples=60, deadline=None)
@given(
    failures=st.integers(1, 40),
    base=st.floats(1e-3, 1.0),
    cap=st.floats(1.0, 1000.0),
)
def test_backoff_never_shrinks_nor_passes_its_cap_until_forgotten(
    failures: int, base: float, cap: float
) -> None:
    limiter = ItemExponentialBackoff(base, cap)
    delays = [limiter.when("a") for _ in range(failures)]
    assert delays[0] == base
    assert delays == sorted(delays)
    assert delays[-1] <= cap
    assert all(b == a * 2 or b == cap for a, b in pairwise(delays))
    limiter.forget("a")
    assert limiter.when("a") == base


@settings(max_examples=15, deadline=None)
@given(delays=st.lists(TICKS, min_size=1, max_size=20), workers=st.integers(1, 3))
def test_waiting_workers_take_delayed_items_when_due_and_not_before(
    delays: list[float], workers: int
) -> None:
    clock = FakeClock()
    queue: WorkQueue[int] = WorkQueue("test", clock=clock)
    taken: dict[int, float] = {}
    through = threading.Semaphore(0)

    def work() -> None:
        while (got := queue.get()) is not None:
            taken[got[0]] = clock.monotonic()
            queue.done(got[0])
            through.release()

    with running(work, workers, queue):
        for number, after in enumerate(delays):
            queue.add(number, after=after)
        for due in sorted(delays):
            clock.advance(due - clock.monotonic())
            assert through.acquire(timeout=10.0)
    assert taken == dict(enumerate(delays))


@contextmanager
def running(work: object, count: int, queue: WorkQueue[int]) -> Iterator[None]:
    """Threads that run ``work`` until the queue is shut down."""
    threads = [threading.Thread(target=work) for _ in range(count)]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        queue.shut_down()
        for thread in threads:
            thread.join(10.0)
    assert not any(thread.is_alive() for thread in threads)


@contextmanager
def frequent_switches() -> Iterator[None]:
    """Make the interpreter change threads a thousand times as often as it does."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


class World:
    """Versions of objects: producers write new ones, consumers catch up, each object one at a time."""

    def __init__(self, keys: int) -> None:
        self.wanted = [0] * keys
        self.seen = [0] * keys
        self.collisions = 0
        self._busy: set[int] = set()
        self._lock = threading.Lock()

    def write(self, key: int) -> None:
        with self._lock:
            self.wanted[key] += 1

    def catch_up(self, key: int) -> None:
        with self._lock:
            self.collisions += key in self._busy
            self._busy.add(key)
            version = self.wanted[key]
        time.sleep(0)  # let others in
        with self._lock:
            self.seen[key] = version
            self._busy.discard(key)

    def stable(self) -> bool:
        with self._lock:
            return self.seen == self.wanted and not self._busy


def produce(queue: WorkQueue[int], world: World, seed: int, count: int) -> None:
    chance = random.Random(seed)
    for _ in range(count):
        key = chance.randrange(len(world.wanted))
        world.write(key)
        if chance.random() < 0.1:
            queue.add_rate_limited(key, priority=chance.choice([-100, 0]))
        else:
            queue.add(key, priority=chance.choice([-100, 0, 5]), after=chance.choice([0, 0, 0, 0.001, 0.02]))


def consume(queue: WorkQueue[int], world: World) -> None:
    while (got := queue.get()) is not None:
        world.catch_up(got[0])
        queue.forget(got[0])
        queue.done(got[0])


@pytest.mark.parametrize(
    ("keys", "producers", "consumers"), [(1, 4, 4), (5, 3, 3), (200, 4, 2)], ids=["one", "few", "many"]
)
def test_many_threads_lose_no_key_and_share_none(keys: int, producers: int, consumers: int) -> None:
    queue: WorkQueue[int] = WorkQueue("test", limiter=ItemExponentialBackoff(cap=0.05))
    world = World(keys)
    with frequent_switches(), running(lambda: consume(queue, world), consumers, queue):
        threads = [
            threading.Thread(target=produce, args=(queue, world, seed, 4000)) for seed in range(producers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        deadline = time.monotonic() + 30.0
        while not (world.stable() and queue.remembered == 0) and time.monotonic() < deadline:
            time.sleep(0.005)
        assert world.seen == world.wanted
        assert queue.remembered == 0
    assert world.collisions == 0
