"""A set, a cluster and a controller that dies and comes back, in an order that a seed draws."""

from __future__ import annotations

from random import Random

from lws.api.leaderworkerset import LeaderWorkerSet
from lws.runtime.clock import FakeClock
from support.stepwise.cluster import Cluster, Move
from support.stepwise.process import Behind, Process
from support.stepwise.wire import Crash, Wire, trouble

STEPS = 60_000
"""More of them never come to rest."""


class Life:
    """``faults``: whether calls get lost and processes die now, with the chances of ``fail`` and ``crash``.

    ``lag``: how many versions the first lists of a process may be old.
    """

    def __init__(
        self, seed: int, cluster: Cluster, *, crash: float = 0.0, fail: float = 0.0, lag: int = 0
    ) -> None:
        self.random, self.cluster, self.clock = Random(seed), cluster, cluster.clock
        self._strike = trouble(self.random, crash=crash, fail=fail)
        self.faults, self.lag, self.crashes = False, lag, 0
        self.wire = Wire(self.cluster.server, lambda: self._strike() if self.faults else None)
        self.process: Process | None = None

    @property
    def lws(self) -> LeaderWorkerSet:
        return self.cluster.all(LeaderWorkerSet)[0]

    def start(self, behind: Behind = lambda _kind: 0) -> Process:
        """A new process, in the place of any other."""
        self.process = Process(self.cluster, self.wire, behind)
        return self.process

    @property
    def running(self) -> Process:
        """The process; a new one where there is none."""
        if self.process is not None:
            return self.process
        lag = self.random.choice((0, self.lag))
        return self.start(lambda _kind: lag)

    def next(self) -> float | None:
        """When time alone leads to something."""
        due = [self.cluster.next(), self.process.next() if self.process is not None else None]
        return min((x for x in due if x is not None), default=None)

    def moves(self) -> list[Move]:
        """Everything that could happen now."""
        process = self.running
        return [*self.cluster.moves(), *process.deliveries(), *process.reconciles()]

    def do(self, move: Move) -> None:
        """The process may die of it."""
        try:
            move()
        except Crash:
            self.process, self.crashes = None, self.crashes + 1

    def step(self) -> bool:
        """One of all moves, or time goes on; False when nothing can happen any more."""
        moves, due = self.moves(), self.next()
        if moves:
            self.do(self.random.choice(moves))
        elif due is not None:
            self.cluster.advance(max(0.0, due - self.clock.monotonic()))
        return bool(moves) or due is not None

    def settle(self) -> None:
        """Faults stop, and everything happens that can."""
        self.faults = False
        for _ in range(STEPS):
            if not self.step():
                return
        raise AssertionError("it never settles")

    def assert_at_rest(self) -> None:
        """It has settled, and another start changes nothing."""
        before = self.cluster.version
        self.start()
        self.settle()
        assert self.cluster.version == before, "another start changed something"


def new_cluster(lws: LeaderWorkerSet, **server: object) -> Cluster:
    """One with a set that nobody has looked at yet."""
    cluster = Cluster(FakeClock(), **server)  # type: ignore[arg-type]
    cluster.create(lws)
    return cluster
