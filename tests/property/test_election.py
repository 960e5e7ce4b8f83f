"""No two candidates lead at once, however the API server, the network, the clocks and the processes behave.

A discrete-event simulation: each candidate is a thread that is parked while it sleeps or waits for an
answer, and only one runs at any time, so a run is decided by its seed and by nothing else.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from lws.kube.errors import AlreadyExists, Conflict, KubeError, NotFound, TransportError
from lws.runtime.election import Election, Lease

SEEDS = 150
LEASE, RENEW, RETRY, TIMEOUT = 15.0, 10.0, 2.0, 9.0  # seconds
FAULTS, CALM = 200.0, 60.0  # seconds with and then without faults


class Stopped(BaseException):
    """The simulation is over."""


class Simulation:
    """Virtual time. ``park`` suspends the calling thread until then; everything else happens in ``run``."""

    def __init__(self) -> None:
        self.time = 0.0
        self.over = False
        self._order = itertools.count()
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._back = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []

    def at(self, time: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (time, next(self._order), action))

    def spawn(self, main: Callable[[], None]) -> None:
        go = threading.Semaphore(0)

        def body() -> None:
            go.acquire()
            try:
                main()
            except Stopped:
                pass
            except BaseException as error:  # noqa: BLE001 - run() raises it
                self._errors.append(error)
            self._back.release()

        thread = threading.Thread(target=body)
        thread.start()
        self._threads.append(thread)
        self.at(0.0, lambda: self._resume(go))

    def park(self, until: float) -> None:
        go = threading.Semaphore(0)
        self.at(until, lambda: self._resume(go))
        self._back.release()
        go.acquire()
        if self.over:
            raise Stopped

    def _resume(self, go: threading.Semaphore) -> None:
        go.release()
        self._back.acquire()

    def run(self, end: float, check: Callable[[], None]) -> None:
        try:
            while self._agenda and self._agenda[0][0] <= end and not self._errors:
                self.time, _, action = heapq.heappop(self._agenda)
                action()
                check()
        finally:
            self.over = True
            while self._agenda:
                heapq.heappop(self._agenda)[2]()
            for thread in self._threads:
                thread.join(10)
        if self._errors:
            raise self._errors[0]


class Server:
    """One lease, with optimistic locking. Checks what writers must keep right."""

    def __init__(self) -> None:
        self.lease: Lease | None = None
        self._versions = itertools.count(1)

    def get(self) -> Lease:
        if self.lease is None:
            raise NotFound(404, "NotFound")
        return self.lease

    def create(self, spec: dict[str, Any]) -> Lease:
        if self.lease is not None:
            raise AlreadyExists(409, "AlreadyExists")
        assert spec["leaseTransitions"] == 0
        return self._store({}, spec)

    def replace(self, lease: Lease, spec: dict[str, Any]) -> Lease:
        current = self.get()
        if lease["metadata"]["resourceVersion"] != current["metadata"]["resourceVersion"]:
            raise Conflict(409, "Conflict")
        _check_transition(current["spec"], spec)
        return self._store(lease["metadata"], spec)

    def annotate(self) -> None:
        if self.lease is not None:
            self._store({**self.lease["metadata"], "annotations": {}}, self.lease["spec"])

    def _store(self, metadata: dict[str, Any], spec: dict[str, Any]) -> Lease:
        version = str(next(self._versions))
        self.lease = {"metadata": {**metadata, "resourceVersion": version}, "spec": spec}
        return self.lease


def _check_transition(old: dict[str, Any], new: dict[str, Any]) -> None:
    before, after = old["holderIdentity"], new["holderIdentity"]
    moved = after not in ("", before)
    assert new["leaseTransitions"] == old["leaseTransitions"] + moved
    assert after == "" or moved or new["acquireTime"] == old["acquireTime"]


@dataclass
class Link:
    """A candidate's way to the server: each call takes what ``draw`` says, and may never come back."""

    simulation: Simulation
    server: Server
    draw: Callable[[], tuple[float, float]]
    calls: int = 0

    def get(self) -> Lease:
        return self._call(self.server.get)

    def create(self, spec: dict[str, Any]) -> Lease:
        return self._call(lambda: self.server.create(spec))

    def replace(self, lease: Lease, spec: dict[str, Any]) -> Lease:
        return self._call(lambda: self.server.replace(lease, spec))

    def _call(self, operation: Callable[[], Lease]) -> Lease:
        self.calls += 1
        there, back = self.draw()
        outcome: list[Lease | KubeError] = []

        def arrive() -> None:
            try:
                outcome.append(operation())
            except KubeError as error:
                outcome.append(error)

        started = self.simulation.time
        self.simulation.at(started + there, arrive)  # happens even when the caller has given up
        answered = started + there + back
        self.simulation.park(min(answered, started + TIMEOUT))
        if answered > started + TIMEOUT:
            raise TransportError("timed out")
        if isinstance(outcome[0], KubeError):
            raise outcome[0]
        return outcome[0]


@dataclass
class SkewedClock:
    """Monotonic time from another origin, and wall-clock time that is somewhere else and jumps."""

    simulation: Simulation
    offset: float
    wall: list[float] = field(default_factory=lambda: [0.0])

    def monotonic(self) -> float:
        return self.simulation.time + self.offset

    def now(self) -> datetime:
        self.wall.append(self.wall.pop(0))
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.simulation.time + self.wall[0])

    def wait(self, condition: threading.Condition, deadline: float | None) -> None:
        raise NotImplementedError

    def sleep(self, seconds: float, stop: threading.Event) -> bool:
        raise NotImplementedError


class Candidate:
    """Attempts for ever; between attempts it may be paused, or give the lease up."""

    def __init__(self, name: str, world: World, *, offset: float, wall: list[float]) -> None:
        self.world = world
        self.link = Link(world.simulation, world.server, world.delays)
        clock = SkewedClock(world.simulation, offset, wall)
        self.election = Election(
            self.link,  # type: ignore[arg-type]
            identity=name,
            lease_duration=LEASE,
            renew_deadline=RENEW,
            clock=clock,
        )
        world.simulation.spawn(self.main)

    def main(self) -> None:
        while True:
            try:
                if self.world.quits() and self.election.leading:
                    self.election.release()
                else:
                    self.election.attempt()
            except KubeError:
                pass
            self.world.simulation.park(self.world.simulation.time + self.world.pause())


class World:
    def __init__(self, seed: int, *, faults_until: float, fault_rate: float = 0.0) -> None:
        self.seed = seed
        self.random = Random(seed)
        self._faults_until = faults_until
        self._fault_rate = fault_rate
        self.simulation = Simulation()
        self.server = Server()
        self.candidates: list[Candidate] = []

    def delays(self) -> tuple[float, float]:
        """Seconds until a call takes effect, and from then until its answer is back."""
        return self._unless_fault(0.01, 0.0, 5.0), self._unless_fault(0.01, 0.0, 12.0)

    def pause(self) -> float:
        return self._unless_fault(RETRY, RETRY, 14.0)

    def quits(self) -> bool:
        return self._unless_fault(0.0, 0.0, 1.0) > 0.9

    def _unless_fault(self, normal: float, least: float, most: float) -> float:
        if self.simulation.time < self._faults_until and self.random.random() < self._fault_rate:
            return self.random.uniform(least, most)
        return normal

    def check(self) -> None:
        leaders = [candidate for candidate in self.candidates if candidate.election.leading]
        assert len(leaders) <= 1, self.seed

    def run(self, end: float) -> None:
        self.simulation.run(end, self.check)


@pytest.mark.parametrize("fault_rate", [0.1, 0.3, 0.6])
def test_never_two_leaders_and_one_in_the_end(fault_rate: float) -> None:
    for seed in range(SEEDS):
        world = World(seed, faults_until=FAULTS, fault_rate=fault_rate)
        for number in range(world.random.choice([2, 3])):
            wall = world.random.choices([0.0, 3600.0, -3600.0, 1e7], k=2)
            offset = world.random.choice([0.0, 1e6])
            world.candidates.append(Candidate(f"c{number}", world, offset=offset, wall=wall))
        for _ in range(2):
            world.simulation.at(world.random.uniform(0.0, FAULTS), world.server.annotate)
        world.run(FAULTS + CALM)
        leading = [candidate.election.leading for candidate in world.candidates]
        assert leading.count(True) == 1, f"seed {seed}"


def test_without_faults_the_leader_stays_and_renews_with_one_call() -> None:
    world = World(0, faults_until=0.0)
    world.candidates += [Candidate(f"c{number}", world, offset=0.0, wall=[0.0]) for number in range(2)]
    world.run(100.0)
    assert world.server.lease is not None
    assert world.server.lease["spec"]["leaseTransitions"] == 0
    leader = next(candidate for candidate in world.candidates if candidate.election.leading)
    assert leader.link.calls <= 100.0 / RETRY + 2
