"""The work queue: keys wait here, each at most once, until a worker takes them.

The rules are those of client-go (``queue.go``, ``delaying_queue.go``) and of controller-runtime
(``priorityqueue.go``):

- *Level, not edge*: adding a key that waits already changes at most its place. Nothing about the change
  that caused it is kept.
- *One worker per key*: a key added while a worker holds it waits for ``done`` and then runs again.
- *Merging*: the highest priority and the earliest time asked for win.
- *Order*: higher priority first, inside a priority in the order in which keys became takeable.

No thread of its own: a delayed key is moved by whoever touches the queue next, and every idle ``get`` wakes
in time for the first of them. No reconciling, no logging here.
"""

from __future__ import annotations

import heapq
import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, NamedTuple, Protocol, TypeVar

from lws.runtime.clock import Clock, SystemClock
from lws.runtime.queue.ratelimiter import ItemExponentialBackoff

K = TypeVar("K", bound=Hashable)

LOW_PRIORITY = -100
"""For keys that come from a listing or a resync, not from a change (``eventhandler.go``)."""

_LONGEST_SLEEP = 10.0  # seconds; a bound on what a clock that jumps can cost
_STALE_HEAP_ENTRIES = 64  # how many outdated heap entries are tolerated beyond the valid ones


class QueueState(Protocol):
    """What is read of a queue when metrics are collected."""

    def depths(self) -> dict[int, int]:
        """Keys ready for a worker, by priority."""

    def running(self) -> list[float]:
        """For each key being worked on, the seconds since it was taken."""


class WorkQueueMetrics(Protocol):
    """Where a queue reports; called with the queue's lock held, so it must be quick and call nothing back."""

    def watch(self, queue: QueueState) -> None:
        """Once, at the start: read depth and work in progress from here when asked for them."""

    def added(self) -> None:
        """A key became ready."""

    def retried(self) -> None:
        """A key was added with a delay."""

    def taken(self, waited: float) -> None:
        """A worker took a key that had been ready for so many seconds."""

    def finished(self, worked: float) -> None:
        """A worker is done with a key after so many seconds."""


class _NoMetrics:
    def watch(self, queue: QueueState) -> None: ...
    def added(self) -> None: ...
    def retried(self) -> None: ...
    def taken(self, waited: float) -> None: ...
    def finished(self, worked: float) -> None: ...


class _Ready(NamedTuple):
    priority: int
    since: float


class _Delayed(NamedTuple):
    at: float
    priority: int
    ticket: int  # which heap entry is the valid one


class WorkQueue(Generic[K]):
    """A deduplicating, delaying, prioritised queue. Thread-safe; all times are monotonic seconds."""

    def __init__(
        self,
        name: str,
        *,
        clock: Clock | None = None,
        limiter: ItemExponentialBackoff | None = None,
        metrics: WorkQueueMetrics | None = None,
    ) -> None:
        self.name = name
        self._clock = clock or SystemClock()
        self._limiter = ItemExponentialBackoff() if limiter is None else limiter  # an empty one is falsy
        self._metrics = metrics or _NoMetrics()
        self._changed = threading.Condition(threading.Lock())
        # A key is in at most one of ready and delayed, and beside that possibly in processing.
        self._ready: dict[K, _Ready] = {}
        self._delayed: dict[K, _Delayed] = {}
        self._processing: dict[K, float] = {}  # since when
        # Ready and not in processing, by priority; no empty levels.
        self._levels: dict[int, OrderedDict[K, None]] = {}
        # One valid entry per delayed key; an entry whose ticket is outdated is skipped when it surfaces.
        self._heap: list[tuple[float, int, K]] = []
        self._tickets = 0
        self._shut_down = False
        self._metrics.watch(self)

    def add(self, item: K, *, priority: int = 0, after: float = 0.0) -> None:
        """Have ``item`` worked on, no sooner than ``after`` seconds from now. Ignored after a shutdown."""
        with self._changed:
            if self._shut_down:
                return
            now = self._promote_due()
            if after > 0:
                self._metrics.retried()
                self._add_delayed(item, priority, now + after)
            else:
                self._add_ready(item, priority, now)

    def add_rate_limited(self, item: K, *, priority: int = 0) -> None:
        """Add after the item's own backoff, which grows until ``forget``."""
        self.add(item, priority=priority, after=self._limiter.when(item))

    def get(self) -> tuple[K, int] | None:
        """Block for the next item; it and its priority, or None once the queue is shut down.

        The item is the caller's until ``done``.
        """
        with self._changed:
            while not self._shut_down:
                now = self._promote_due()
                if self._levels:
                    return self._take(now)
                self._clock.wait(self._changed, self._wake_at(now))
            return None

    def done(self, item: K) -> None:
        """Hand the item back; if it was added meanwhile, it is takeable from now."""
        with self._changed:
            now = self._promote_due()
            started = self._processing.pop(item, None)
            if started is None:
                return
            self._metrics.finished(now - started)
            if item in self._ready:
                self._line_up(item, self._ready[item].priority)

    def forget(self, item: K) -> None:
        """Start the item's backoff over. Its place in the queue does not change.

        Others whose backoff is nearly as long may be ready now: what kept all of them from success is gone.
        """
        for other in self._limiter.forget(item):
            self._hurry(other)

    def _hurry(self, item: Hashable) -> None:
        with self._changed:
            now = self._promote_due()
            if item in self._delayed:
                self._add_ready(item, LOW_PRIORITY, now)

    def retries(self, item: K) -> int:
        """Rate-limited adds since the last ``forget``."""
        return self._limiter.retries(item)

    def shut_down(self) -> None:
        """Wake every ``get`` with None and drop what waits. Items being worked on may still be ``done``."""
        with self._changed:
            self._shut_down = True
            for waiting in (self._ready, self._delayed, self._levels, self._heap):
                waiting.clear()
            self._changed.notify_all()

    def __len__(self) -> int:
        """Keys ready now, among them those that wait for their own ``done``; delayed ones do not count."""
        with self._changed:
            self._promote_due()
            return len(self._ready)

    @property
    def remembered(self) -> int:
        """Records held for keys in any state, failures included: 0 when there is nothing to do."""
        with self._changed:
            records = len(self._ready) + len(self._processing) + len(self._heap)
            return records + len(self._levels) + len(self._limiter)

    def depths(self) -> dict[int, int]:
        """Keys ready now, by priority (those that wait for their own ``done`` included)."""
        with self._changed:
            self._promote_due()
            depths = {priority: len(level) for priority, level in self._levels.items()}
            for item in self._processing.keys() & self._ready.keys():
                priority = self._ready[item].priority
                depths[priority] = depths.get(priority, 0) + 1
            return depths

    def running(self) -> list[float]:
        """Seconds since it was taken, for each key being worked on."""
        with self._changed:
            now = self._clock.monotonic()
            return [now - started for started in self._processing.values()]

    # What follows runs with the lock held.

    def _promote_due(self) -> float:
        """Make ready what was delayed until now, in the order of its times; the time now."""
        now = self._clock.monotonic()
        while self._heap and self._heap[0][0] <= now:
            at, ticket, item = heapq.heappop(self._heap)
            delayed = self._delayed.get(item)
            if delayed is not None and delayed.ticket == ticket:
                del self._delayed[item]
                self._insert_ready(item, _Ready(delayed.priority, at))
        return now

    def _add_ready(self, item: K, priority: int, now: float) -> None:
        ready = self._ready.get(item)
        if ready is not None:
            self._raise(item, ready, priority)
            return
        if self._delayed:
            delayed = self._delayed.pop(item, None)
            if delayed is not None:
                priority = max(priority, delayed.priority)
                self._compact()
        self._insert_ready(item, _Ready(priority, now))

    def _add_delayed(self, item: K, priority: int, at: float) -> None:
        ready = self._ready.get(item)
        if ready is not None:
            self._raise(item, ready, priority)
            return
        known = self._delayed.get(item)
        if known is None or at < known.at:
            self._schedule(item, at, priority if known is None else max(priority, known.priority))
        elif priority > known.priority:
            self._delayed[item] = known._replace(priority=priority)

    def _schedule(self, item: K, at: float, priority: int) -> None:
        self._tickets += 1
        self._delayed[item] = _Delayed(at, priority, self._tickets)
        heapq.heappush(self._heap, (at, self._tickets, item))
        self._compact()
        if self._heap[0][1] == self._tickets:
            # The first to come due is now this one, and idle workers must wake earlier than they meant to.
            # All of them: if only one knew the new time, it might leave with another item just before.
            self._changed.notify_all()

    def _compact(self) -> None:
        """Rebuild the heap when outdated entries outweigh valid ones: amortised O(log n) per add."""
        if self._delayed and len(self._heap) <= 2 * len(self._delayed) + _STALE_HEAP_ENTRIES:
            return
        self._heap = [(delayed.at, delayed.ticket, item) for item, delayed in self._delayed.items()]
        heapq.heapify(self._heap)

    def _insert_ready(self, item: K, ready: _Ready) -> None:
        self._metrics.added()
        self._ready[item] = ready
        if item not in self._processing:
            self._line_up(item, ready.priority)

    def _raise(self, item: K, ready: _Ready, priority: int) -> None:
        """Move a ready item to a higher priority, behind what is there; a lower one changes nothing."""
        if priority <= ready.priority:
            return
        self._ready[item] = ready._replace(priority=priority)
        if item not in self._processing:
            self._leave(item, ready.priority)
            self._line_up(item, priority)

    def _line_up(self, item: K, priority: int) -> None:
        level = self._levels.get(priority)
        if level is None:
            level = self._levels[priority] = OrderedDict()
        level[item] = None
        self._changed.notify()

    def _leave(self, item: K, priority: int) -> None:
        level = self._levels[priority]
        del level[item]
        if not level:
            del self._levels[priority]

    def _take(self, now: float) -> tuple[K, int]:
        priority = max(self._levels)
        item = next(iter(self._levels[priority]))
        self._leave(item, priority)
        since = self._ready.pop(item).since
        self._processing[item] = now
        self._metrics.taken(now - since)
        return item, priority

    def _wake_at(self, now: float) -> float:
        """When an idle ``get`` must look again. An outdated entry on top costs one needless look."""
        return min(self._heap[0][0], now + _LONGEST_SLEEP) if self._heap else now + _LONGEST_SLEEP
