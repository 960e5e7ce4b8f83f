"""A group's death costs exactly one recreation, whenever and however it is noticed.

Ten thousand random timings: pods die in every way there is while caches lag, calls and their answers get
lost, and the controller dies between any two calls and comes back with caches of before. The reconcilers are
the real ones (support.controller_model), the cluster is a model. When all has settled, of every leader pod
that ever was:

- the controller deleted it at most once, and only if its group had suffered;
- if its group suffered after it was recorded, or while the controller watched, it is gone;

and every group is whole, recorded, and left alone. So no death costs more or less than one recreation.
"""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from collections.abc import Callable
from random import Random
from typing import NamedTuple

import pytest
from msgspec.structs import replace
from support.cluster_model import Cluster, Move, failed, orphaned, owner_uid, restarted
from support.controller_model import Crash, ModelClient, Process, trouble
from support.groups import a_set

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod, StatefulSet
from lws.planning.calm import backoff
from lws.runtime.clock import FakeClock

RUNS = 10_000
BATCHES = 20
SIZE = 3


class Suffering(NamedTuple):
    """An incident that a group cannot outlive. ``seen``: a controller that was up must notice it."""

    how: str
    recorded: bool
    seen: bool


class Story:
    """One run: a cluster, a controller or none, and what has happened."""

    def __init__(
        self, seed: int, *, cluster: Cluster, calm: bool = False, drops_groups: bool = False
    ) -> None:
        self.random = random = Random(seed)
        self.cluster = cluster
        self.clock = FakeClock()
        chances = (0.0, 0.0) if calm else (random.choice([0, 0, 0.01, 0.05]), random.choice([0, 0.02]))
        self._strike = trouble(random, crash=chances[0], fail=chances[1])
        self._trouble = True
        self.client = ModelClient(cluster, self._strike_or_not, drops_groups=drops_groups)
        self.crashes = 0
        self.suffered: defaultdict[str, list[Suffering]] = defaultdict(list)
        self.recreated: defaultdict[str, list[tuple[float, int]]] = defaultdict(
            list
        )  # when, how often in a row
        self.process: Process | None = None
        self.start(lag=0)

    def _strike_or_not(self) -> None:
        if self._trouble:
            self._strike()

    def start(self, *, lag: int) -> None:
        behind = functools.partial(self.random.randint, 0, lag)
        self.process = Process(self.cluster, self.client, self.clock, behind)

    @property
    def lws(self) -> LeaderWorkerSet:
        return self.cluster.all(LeaderWorkerSet)[0]

    def leaders(self) -> list[Pod]:
        return [x for x in self.cluster.all(Pod) if x.labels[c.WORKER_INDEX_LABEL] == "0"]

    def workers(self, leader: Pod) -> list[Pod]:
        sets = {x.uid for x in self.cluster.all(StatefulSet) if owner_uid(x) == leader.uid}
        return [x for x in self.cluster.all(Pod) if owner_uid(x) in sets]

    def recorded(self, leader: Pod) -> bool:
        entry = self.lws.status.groups.get(leader.labels[c.GROUP_INDEX_LABEL])
        return entry is not None and entry.leader == leader.uid and bool(entry.workers)

    def step(self, moves: list[Move]) -> None:
        """One of the moves; the process may die of it."""
        before = len(self.client.deleted)
        alive = {x.uid: x for x in self.leaders()}
        try:
            self.random.choice(moves)()
        except Crash:
            self.process = None
            self.crashes += 1
        for uid in self.client.deleted[before:]:
            entry = self.lws.status.groups.get(alive[uid].labels[c.GROUP_INDEX_LABEL])
            count = entry.restarts if entry is not None else 0
            self.recreated[alive[uid].name].append((self.clock.now().timestamp(), count))

    def settle(self) -> None:
        """Faults stop; whatever can happen happens, in any order, until nothing is left to do."""
        self._trouble = False
        if self.process is None:
            self.start(lag=self.random.choice([0, 5, 40]))
        for _ in range(20_000):
            process = self.process
            assert process is not None
            moves = [*self.cluster.moves(), *process.deliveries(), *process.reconciles()]
            if moves:
                self.step(moves)
            elif (due := process.next()) is not None:
                self.clock.advance(max(0.0, due - self.clock.monotonic()))
            else:
                return
        raise AssertionError("it never settles")


# What can happen to a group. Each gives what the group cannot outlive, or nothing.


def _hurt_worker(story: Story, leader: Pod, do: Callable[[Pod], object]) -> bool:
    workers = [x for x in story.workers(leader) if not x.deleting]
    if workers:
        do(story.random.choice(workers))
    return bool(workers)


def _delete_worker(story: Story, leader: Pod) -> bool:
    return _hurt_worker(story, leader, story.cluster.delete)


def _kill_worker(story: Story, leader: Pod) -> bool:
    return _hurt_worker(story, leader, functools.partial(story.cluster.delete, force=True))


def _fail_worker(story: Story, leader: Pod) -> bool:
    return _hurt_worker(story, leader, lambda pod: story.cluster.put(failed(pod)))


def _restart_worker(story: Story, leader: Pod) -> bool:
    return _hurt_worker(story, leader, lambda pod: story.cluster.put(restarted(pod)))


def _restart_leader(story: Story, leader: Pod) -> bool:
    story.cluster.put(restarted(leader))
    return True


def _delete_leader(story: Story, leader: Pod) -> bool:
    story.cluster.delete(leader)
    return False  # it goes by itself


def _kill_leader(story: Story, leader: Pod) -> bool:
    story.cluster.delete(leader, force=True)
    return False


def _delete_both(story: Story, leader: Pod) -> bool:
    hurt = _delete_worker(story, leader)
    story.cluster.delete(leader)
    return hurt


def _delete_worker_set(story: Story, leader: Pod) -> bool:
    sets = [x for x in story.cluster.all(StatefulSet) if owner_uid(x) == leader.uid and not x.deleting]
    workers = story.workers(leader)
    for one in sets:
        story.cluster.delete(one)
    return bool(sets and workers)


def _orphan_workers(story: Story, leader: Pod) -> bool:
    workers = story.workers(leader)
    for one in story.cluster.all(StatefulSet):
        if owner_uid(one) == leader.uid and not one.deleting:
            for worker in workers:
                story.cluster.put(orphaned(worker))
            story.cluster.delete(one)
    return False  # they are adopted again


SEEN = (_delete_worker, _kill_worker, _fail_worker, _restart_worker, _restart_leader)
INCIDENTS = (*SEEN, _delete_leader, _kill_leader, _delete_both, _delete_worker_set)


def hurt(story: Story, incidents: tuple[Callable[[Story, Pod], bool], ...] = INCIDENTS) -> None:
    """Something happens to a group that was not on its way out anyway."""
    leaders = [x for x in story.leaders() if not x.deleting]
    if not leaders:
        return
    leader = story.random.choice(leaders)
    incident = story.random.choice(incidents)
    recorded = story.recorded(leader)
    if incident(story, leader):
        suffering = Suffering(incident.__name__, recorded, seen=incident in SEEN)
        story.suffered[leader.uid].append(suffering)


def verify(story: Story, *, after_start: bool = False) -> None:
    """What the module's docstring promises."""
    deleted = story.client.deleted
    assert len(deleted) == len(set(deleted)), "a leader was deleted twice"
    assert set(deleted) <= story.suffered.keys(), "a healthy group was recreated"
    leaders = story.leaders()
    assert len(leaders) == story.lws.replicas
    for leader in leaders:
        missed = story.suffered[leader.uid]
        assert not any(x.recorded for x in missed), f"a death was never noticed: {missed}"
        watched = story.crashes == 0 and not after_start
        assert not (watched and any(x.seen for x in missed)), f"a death was seen and ignored: {missed}"
        workers = story.workers(leader)
        assert len(workers) == SIZE - 1
        assert all(x.ready and not x.deleting for x in (leader, *workers))
    assert len(story.cluster.all(Pod)) == SIZE * story.lws.replicas
    for times in story.recreated.values():
        for (before, _), (after, count) in itertools.pairwise(times):
            # a second less: the times in the status are whole ones
            assert after - before >= (backoff(count - 1) - 1 if count > 1 else 0), "not calm"


@functools.cache
def _base(replicas: int, restart: str, whole: bool) -> Cluster:
    """A set just created, or one at rest."""
    cluster = Cluster()
    cluster.create(replace(a_set(replicas=replicas, size=SIZE, restart=restart)))
    if whole:
        story = Story(0, cluster=cluster, calm=True)
        story.settle()
        verify(story)
        assert all(story.recorded(x) for x in story.leaders())
    return cluster


def random_story(seed: int) -> None:
    """Everything at random, the pace of each component included."""
    random = Random(seed)
    after_start = random.random() < 0.25
    restart = c.RESTART_RECREATE_GROUP_AFTER_START if after_start else c.RESTART_RECREATE_GROUP
    drops_groups = random.random() < 0.1
    base = _base(random.choice([1, 2]), restart, random.random() < 0.7 and not drops_groups)
    story = Story(seed, cluster=base.copy(), drops_groups=drops_groups)
    live(story, incidents=random.choice([1, 1, 2, 3, 5]))
    story.settle()
    verify(story, after_start=after_start)
    if not drops_groups:
        assert all(story.recorded(x) for x in story.leaders()), "a group was not recorded"


def live(story: Story, *, incidents: int, of: tuple[Callable[[Story, Pod], bool], ...] = INCIDENTS) -> None:
    """Some time passes, with so many incidents at most."""
    random = story.random
    paces = [random.choice([1, 5, 20]) for _ in range(3)]
    for _ in range(random.randint(20, 120)):
        if story.process is None:
            if random.random() < 0.1:
                story.start(lag=random.choice([0, 5, 40]))
            moves = story.cluster.moves()
        else:
            process = story.process
            sources = (story.cluster.moves, process.deliveries, process.reconciles)
            moves = random.choices(sources, paces)[0]()
        if moves:
            story.step(moves)
        else:
            story.clock.advance(random.choice([0.05, 0.2, 1.0, 15.0]))
        if incidents and random.random() < 0.05:
            incidents -= 1
            hurt(story, of)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_timings(batch: int) -> None:
    for seed in range(batch, RUNS, BATCHES):
        try:
            random_story(seed)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


def test_workers_that_are_adopted_by_a_new_stateful_set_are_no_death() -> None:
    """``kubectl delete statefulset --cascade=orphan`` of a worker StatefulSet, which comes back at once."""
    for seed in range(500):
        story = Story(seed, cluster=_base(2, c.RESTART_RECREATE_GROUP, True).copy())
        before = {x.uid for x in story.cluster.all(Pod)}
        live(story, incidents=2, of=(_orphan_workers,))
        story.settle()
        verify(story)
        assert {x.uid for x in story.cluster.all(Pod)} == before, f"seed {seed}"
