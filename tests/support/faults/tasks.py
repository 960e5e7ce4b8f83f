"""The threads of the production code, of which one runs at a time, until it would wait for something.

They are its own threads with their own loops; only starting, waiting and sleeping go through here. Whoever
would send a request, wait for a condition or sleep hands the baton back, and goes on when a scheduler says
so: that makes a run repeat exactly. Who goes on next is not decided here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from unittest import mock

from lws.runtime.resync import SLOT

EPOCH = 1_767_225_600.0  # 2026-01-01
STUCK = 60.0  # real seconds after which a thread that does not hand the baton back is a defect


class Killed(BaseException):
    """The process of this thread is gone."""


class Process:
    """What threads belong to; ``dead``: none of them does anything any more."""

    def __init__(self) -> None:
        self.dead = False


class Task:
    """One thread. ``blocked`` says whether it still waits; ``deadline``: it does not wait any longer then.

    ``idle``: it waits for news, so that time alone does not matter to it.
    """

    def __init__(self, thread: threading.Thread, process: Process) -> None:
        self.name, self.process = thread.name, process
        self.turn = threading.Lock()
        self.turn.acquire()
        self.ended = False
        self.blocked: Callable[[], bool] | None = None
        self.deadline: float | None = None
        self.idle = False

    def runnable(self, now: float) -> bool:
        if self.blocked is None or (self.deadline is not None and self.deadline <= now):
            return True
        return not self.blocked()


class Tasks:
    """All threads of a world, and its time."""

    def __init__(self) -> None:
        self.time = 0.0
        self.tasks: list[Task] = []
        self.current: Task | None = None
        self.failures: list[BaseException] = []
        self._starting = Process()
        self._back = threading.Lock()
        self._back.acquire()

    # For the scheduler, in the main thread.

    def runnable(self) -> list[Task]:
        return [x for x in self.tasks if x.runnable(self.time)]

    def next_deadline(self) -> float | None:
        return min((x.deadline for x in self.tasks if x.deadline is not None), default=None)

    def resume(self, task: Task) -> None:
        """Let it go on until it waits again."""
        self.current = task
        task.turn.release()
        if not self._back.acquire(timeout=STUCK):
            raise AssertionError(f"thread {task.name} neither goes on nor waits here")
        self.current = None
        if task.ended:
            self.tasks.remove(task)
        if self.failures:
            raise self.failures.pop()

    def kill(self, process: Process) -> None:
        """End all its threads where they are."""
        process.dead = True
        for task in [x for x in self.tasks if x.process is process]:
            while not task.ended:
                self.resume(task)

    @contextmanager
    def starting(self, process: Process) -> Iterator[None]:
        """Threads that are started meanwhile belong to this process."""
        before, self._starting = self._starting, process
        try:
            yield
        finally:
            self._starting = before

    @contextmanager
    def adopting(self) -> Iterator[None]:
        """Threads that are started meanwhile are ours."""
        start = threading.Thread.start

        def begin(thread: threading.Thread) -> None:
            process = self.current.process if self.current is not None else self._starting
            task, run = Task(thread, process), thread.run
            self.tasks.append(task)
            thread.run = lambda: self._main(task, run)  # type: ignore[method-assign]
            start(thread)

        with mock.patch.object(threading.Thread, "start", begin):
            yield

    def _main(self, task: Task, run: Callable[[], None]) -> None:
        task.turn.acquire()
        try:
            if not task.process.dead:
                run()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - raised in the main thread
            self.failures.append(error)
        task.ended = True
        self._back.release()

    # For the threads themselves.

    def pause(
        self,
        blocked: Callable[[], bool] | None = None,
        deadline: float | None = None,
        *,
        idle: bool = False,
    ) -> None:
        """Hand the baton back. The main thread, which waits for nobody, goes straight on."""
        task = self.current
        if task is None:
            return
        if task.process.dead:
            raise Killed
        task.blocked, task.deadline, task.idle = blocked, deadline, idle
        self._back.release()
        task.turn.acquire()
        task.blocked = task.deadline = None
        if task.process.dead:
            raise Killed

    def die(self) -> None:
        """The process of the running thread ends here and now."""
        if self.current is not None:
            self.current.process.dead = True
            raise Killed


class _Waiter:
    """What ``Condition.notify`` releases."""

    def __init__(self) -> None:
        self.waiting = True

    def release(self) -> None:
        self.waiting = False


class VirtualClock:
    """``lws.runtime.clock.Clock`` over the time of a world."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    def monotonic(self) -> float:
        return self._tasks.time

    def now(self) -> datetime:
        return datetime.fromtimestamp(EPOCH + self._tasks.time, UTC)

    def wait(self, condition: threading.Condition, deadline: float | None) -> None:
        waiter, waiters = _Waiter(), condition._waiters  # type: ignore[attr-defined]
        waiters.append(waiter)
        condition.release()
        try:
            self._tasks.pause(lambda: waiter.waiting, deadline, idle=True)
        finally:
            condition.acquire()
            with suppress(ValueError):
                waiters.remove(waiter)

    def sleep(self, seconds: float, stop: threading.Event) -> bool:
        slot = seconds == SLOT  # the resync's, who sleeps for ever
        self._tasks.pause(lambda: not stop.is_set(), self._tasks.time + seconds, idle=slot)
        return stop.is_set()


class VirtualEvent(threading.Event):
    """An event for which threads of a world wait in its time."""

    def __init__(self, tasks: Tasks) -> None:
        super().__init__()
        self._tasks = tasks

    def wait(self, timeout: float | None = None) -> bool:
        deadline = None if timeout is None else self._tasks.time + timeout
        self._tasks.pause(lambda: not self.is_set(), deadline)
        return self.is_set()
