"""A cluster and a manager in it, whose steps a seeded scheduler puts in order, on a clock of its own.

A step is one API call, of whomever, or one event that somebody hears. Nothing else happens between two of
them. When nobody has anything to do, time moves on to when the first has.
"""

from __future__ import annotations

import math
import random as global_random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from random import Random
from typing import Any

from lws.runtime.resync import PERIOD, SLOT
from support.apimodel.answers import Answer, Request
from support.apimodel.collector import Collector
from support.apimodel.nodes import Nodes
from support.apimodel.server import Server
from support.apimodel.statefulsets import StatefulSets
from support.apimodel.store import BY_KIND, Document, Where
from support.faults.life import Life, without_logs, without_real_time
from support.faults.tasks import EPOCH, Process, Tasks
from support.faults.trouble import Calm
from support.faults.wire import Pool, Trouble

MANAGER = "lws"
NAMESPACE = "default"
TICK = 0.001
"""Seconds that a step takes."""
QUIET = 700.0
"""Seconds without a write after which a world counts as being at rest: twice the longest retry, and more."""
STEPS = 60_000
"""More of them never come to rest."""

Move = Callable[[], object]
Choice = tuple[str, Move]
"""Who could do what: a thread by its name, or a component."""


class NeverStable(AssertionError):  # noqa: N818 - as one reads it
    """It goes on and on."""


class World:
    """Use it as a context. ``watchers`` are told of every step that changed something, ``listeners`` of every
    request of the manager.
    """

    def __init__(self, seed: int, *, trouble: Trouble | None = None, **server: Any) -> None:
        self.random = Random(seed)
        self.tasks = Tasks()
        self.server = Server(lambda: EPOCH + self.tasks.time, **server)
        self.store = self.server.store
        self.sets, self.nodes = StatefulSets(self.server), Nodes(self.server)
        self.collector = Collector(self.server)
        self.trouble: Trouble = trouble or Calm()
        self.writes: list[Request] = []
        self.accepted: list[Request] = []  # of these
        self.answered: list[tuple[int, Request]] = []  # by the number of the life that has the answer
        self.watchers: list[Callable[[], None]] = []
        self.listeners: list[Callable[[Request], None]] = []
        self.life: Life | None = None
        self.lives = 0
        self.choose: Callable[[list[Choice]], Move] = self.at_random
        self._seed = seed
        self._moves: list[Choice] = []
        self._moves_at: Any = None
        self._looked = self._wrote_at = 0.0
        self._told = self.store.version
        self._exit = ExitStack()

    def __enter__(self) -> World:
        global_random.seed(self._seed)
        self._exit.enter_context(without_logs())
        self._exit.enter_context(without_real_time())
        self._exit.enter_context(self.tasks.adopting())
        return self

    def __exit__(self, *_: object) -> None:
        for process in {x.process for x in self.tasks.tasks}:
            self.tasks.kill(process)
        self._exit.close()

    # The manager.

    def start(self) -> None:
        """A new process; the one before must have ended."""
        self.lives += 1
        self.life = Life(self.tasks, self._pool)
        self.server.admission.webhooks = self.life.webhooks

    def crash(self) -> None:
        """The process ends where it is."""
        if self.life is not None:
            self.tasks.kill(self.life)
            self.life = None
        for feed in self.server.feeds:
            feed.cut = True
        self.server.feeds.clear()

    @contextmanager
    def another(self) -> Iterator[None]:
        """Another process beside the one there is, for as long as this is entered; the former stays."""
        first, self.life = self.life, None
        feeds = list(self.server.feeds)
        try:
            yield
        finally:
            if self.life is not None:
                self.tasks.kill(self.life)
            self.server.feeds[:] = [x for x in self.server.feeds if x in feeds]
            self.life = first
            self.server.admission.webhooks = first.webhooks if first is not None else {}

    def _pool(self) -> Any:
        heard = partial(self._heard, self.lives)
        return Pool(self.tasks, self.server, self.trouble, MANAGER, seen=self._seen, heard=heard)

    def _heard(self, life: int, request: Request) -> None:
        if request.writes:
            self.answered.append((life, request))

    def _seen(self, request: Request, answer: Answer) -> None:
        for listener in self.listeners:
            listener(request)
        if request.writes:
            self.writes.append(request)
            self.accepted += [request] if answer.status < 400 else []
            if request.where is not None and request.where.kind.kind not in ("Event", "Lease"):
                self._wrote_at = self.tasks.time

    # What a user does.

    def where(self, kind: str, name: str) -> Where:
        return Where(BY_KIND[kind], NAMESPACE, name)

    def create(self, kind: str, document: Document) -> Document:
        return self.server.create(self.where(kind, ""), document, "user")

    def find(self, kind: str, name: str) -> Document | None:
        return self.store.find(self.where(kind, name))

    def edit(self, kind: str, name: str, patch: Document, *, status: bool = False) -> Document:
        """A JSON merge patch, by somebody who is not the manager."""
        return self.server.patch(self.where(kind, name), patch, "user", "status" if status else "")

    def delete(self, kind: str, name: str, **options: Any) -> None:
        self.server.delete(self.where(kind, name), **options)

    # Steps.

    def step(self) -> bool:
        """One of all that could happen now; False when nothing could."""
        if self.life is not None and self.life.dead:
            self.crash()
        if self.life is not None and not self.life.up:
            self.life.boot()
        moves = self._possible()
        if not moves:
            return False
        self.choose(moves)()
        self.tasks.time += TICK
        if self.store.version != self._told:
            self._told = self.store.version
            for watcher in self.watchers:
                watcher()
        return True

    def _possible(self) -> list[Choice]:
        return [
            *((x.name, partial(self.tasks.resume, x)) for x in self.tasks.runnable()),
            *self._of_components(),
        ]

    def _of_components(self) -> list[Choice]:
        at = (self.store.version, self.nodes.mood, self.collector.away)
        if at != self._moves_at:
            nodes = [("nodes", x) for x in self.nodes.moves()]
            self._moves_at, self._moves = at, [*nodes, *(("collector", x) for x in self.collector.moves())]
        hear = [("statefulset watch", self.sets.hear)] * 2 if self.sets.news else []
        return [*self._moves, *hear, *(("statefulsets", partial(self.sets.step, x)) for x in self.sets.busy)]

    def at_random(self, choices: list[Choice]) -> Move:
        """Each with the same chance."""
        return self.random.choice(choices)[1]

    def skip(self, limit: float) -> bool:
        """To the next moment at which something is due; False: not before ``limit``."""
        due = [x for x in (self.tasks.next_deadline(), self._ripens()) if x is not None]
        at = min(due, default=limit + 1)
        if at > limit:
            self.tasks.time = max(self.tasks.time, limit)
            return False
        self.tasks.time = max(self.tasks.time, at)
        self.sets.look_again()
        self._moves_at = None
        return True

    def pass_time(self, seconds: float) -> None:
        """What that makes somebody do is done."""
        self.tasks.time += seconds
        self.sets.look_again()
        self._moves_at = None
        self.settle()

    def _ripens(self) -> float | None:
        at = self.sets.waits()
        return None if at is None else at - EPOCH

    def run(self, steps: int, each: Callable[[], object] = lambda: None) -> None:
        """So many steps, or all there are; ``each``: before every one. A manager that died comes back."""
        for _ in range(steps):
            each()
            self._revive()
            if not self.step() and (self.at_rest or not self.skip(self.tasks.time + QUIET)):
                return

    def settle(self, quiet: float = QUIET) -> None:
        """Until nothing is left to be done, or nobody has written for so many seconds. Raises NeverStable."""
        self._wrote_at, version = self.tasks.time, self._content()
        for _ in range(STEPS):
            self._revive()
            if self._content() != version:
                version, self._wrote_at = self._content(), self.tasks.time
            if self.tasks.time >= self._wrote_at + quiet:
                return
            if not self.step() and (self.at_rest or not self.skip(self._wrote_at + quiet)):
                return
        last = ", ".join(map(str, self.writes[-8:]))
        raise NeverStable(f"still writing after {STEPS} steps: {last}")

    @property
    def at_rest(self) -> bool:
        """Only news would make anybody do anything."""
        life = self.life
        return (
            life is not None
            and life.up
            and life.due is None
            and all(x.idle for x in self.tasks.tasks)
            and self._ripens() is None
        )

    @property
    def pause(self) -> float:
        """Seconds until anybody has anything to do, if there is no news; 0: somebody has now."""
        if self.life is None or not self.life.up or self._possible():
            return 0.0
        awaited = (x.deadline for x in self.tasks.tasks if not x.idle)
        due = (x for x in (*awaited, self.life.due, self._ripens()) if x is not None)
        return max(0.0, min(due, default=math.inf) - self.tasks.time)

    @property
    def still(self) -> bool:
        """Nobody can do anything now, and nothing is awaited."""
        return self.at_rest and not self._possible()

    def resync(self) -> None:
        """Everything is looked at again, as once in some hours."""
        if self.life is not None:
            for one in self.life.resyncs:
                for slot in range(int(PERIOD / SLOT)):
                    one.enqueue(slot)

    def _content(self) -> int:
        """Changes of all but events."""
        return sum(len(log) for kind, log in self.store.log.items() if kind.kind not in ("Event", "Lease"))

    def _revive(self) -> None:
        if self.life is not None and self.life.dead:
            self.crash()
        if self.life is None:
            self.start()


__all__ = ["NAMESPACE", "NeverStable", "Process", "World"]
