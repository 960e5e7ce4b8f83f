"""A group's death costs exactly one recreation, whenever and however it is noticed.

Thousands of random timings: pods die in every way there is while caches lag, calls and their answers get
lost, and the controller dies between any two calls and comes back with caches of before. The reconcilers are
the real ones (support.controller_model), the cluster is a model. When all has settled, of every leader pod
that ever was:

- the controller deleted it at most once, and only if its group had suffered: with an after-start policy, once
  the group had been whole;
- if its group suffered after it was recorded, or while the controller watched, it is gone;

and every group is whole, recorded, and left alone, with nothing that was decided left undone. So no death
costs more or less than one recreation.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
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
from lws.planning.recreation.backoff import backoff, decided
from lws.runtime.clock import FakeClock

RUNS = int(os.environ.get("LWS_TIMINGS", "2000"))  # docs/benchmarks.md has five times as many
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
        self.strike = trouble(random, crash=chances[0], fail=chances[1])
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
            self.strike()

    def start(self, *, lag: int) -> None:
        """A new process, whose caches are up to so many versions behind."""
        self.process = Process(
            self.cluster, self.client, self.clock, lambda _kind: self.random.randint(0, lag)
        )

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

    @property
    def after_start(self) -> bool:
        return self.lws.live_restart_policy == c.RESTART_RECREATE_GROUP_AFTER_START

    def whole(self, leader: Pod) -> bool:
        """All pods of the group have started, and none is on its way out."""
        pods = (leader, *self.workers(leader))
        return len(pods) == SIZE and all(x.status.phase != "Pending" and not x.deleting for x in pods)

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
LATE = (_delete_worker_set,)
"""What kills pods only later, when the group may have started."""
INCIDENTS = (*SEEN, _delete_leader, _kill_leader, _delete_both, _delete_worker_set)


def hurt(story: Story, incidents: tuple[Callable[[Story, Pod], bool], ...] = INCIDENTS) -> None:
    """Something happens to a group that was not on its way out anyway."""
    leaders = [x for x in story.leaders() if not x.deleting]
    if not leaders:
        return
    leader = story.random.choice(leaders)
    incident = story.random.choice(incidents)
    recorded = story.recorded(leader)
    counts = recorded or not story.after_start or story.whole(leader) or incident in LATE
    if incident(story, leader) and counts:
        suffering = Suffering(incident.__name__, recorded, seen=incident in SEEN)
        story.suffered[leader.uid].append(suffering)


def verify(story: Story) -> None:
    """What the module's docstring promises."""
    deleted = story.client.deleted
    assert len(deleted) == len(set(deleted)), "a leader was deleted twice"
    assert set(deleted) <= story.suffered.keys(), "a healthy group was recreated"
    leaders = story.leaders()
    assert len(leaders) == story.lws.replicas
    for leader in leaders:
        missed = story.suffered[leader.uid]
        assert not any(x.recorded for x in missed), f"a death was never noticed: {missed}"
        watched = story.crashes == 0 and not story.after_start
        assert not (watched and any(x.seen for x in missed)), f"a death was seen and ignored: {missed}"
        workers = story.workers(leader)
        assert len(workers) == SIZE - 1
        assert all(x.ready and not x.deleting for x in (leader, *workers))
    assert len(story.cluster.all(Pod)) == SIZE * story.lws.replicas
    living = [x for x in story.lws.status.groups.values() if x.leader in {y.uid for y in leaders}]
    assert not any(decided(x) for x in living), "a recreation was begun and forgotten"
    for times in story.recreated.values():
        for (before, former), (after, count) in itertools.pairwise(times):
            # a second less: the times in the status are whole ones
            counted = count > former
            assert after - before >= (backoff(count - 1) - 1 if counted and count > 1 else 0), "not calm"


@functools.cache
def _base(replicas: int, restart: str, whole: bool) -> Cluster:
    """A set just created, or one at rest."""
    cluster = Cluster()
    cluster.create(replace(a_set(replicas=replicas, size=SIZE, restart=restart)))
    if whole:
        story = Story(0, cluster=cluster, calm=True)
        story.settle()
        verify(story)
        assert sorted(story.client.records) == sorted(x.uid for x in story.leaders())
    return cluster


def random_story(seed: int) -> None:
    """Everything at random, the pace of each component included."""
    random = Random(seed)
    after_start = random.random() < 0.25
    restart = c.RESTART_RECREATE_GROUP_AFTER_START if after_start else c.RESTART_RECREATE_GROUP
    drops_groups = random.random() < 0.1
    base = _base(random.choice([1, 1, 2]), restart, random.random() < 0.7 and not drops_groups)
    story = Story(seed, cluster=base.copy(), drops_groups=drops_groups)
    live(story, incidents=random.choice([1, 1, 2, 3]))
    story.settle()
    verify(story)
    if not drops_groups:
        assert all(story.recorded(x) for x in story.leaders()), "a group was not recorded"


def live(story: Story, *, incidents: int, of: tuple[Callable[[Story, Pod], bool], ...] = INCIDENTS) -> None:
    """Some time passes, with so many incidents at most."""
    random = story.random
    paces = [random.choice([1, 5, 20]) for _ in range(3)]
    for _ in range(random.randint(10, 80)):
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


def _at_rest(seed: int = 0, *, replicas: int = 1, limit: int | None = None) -> Story:
    """Without faults but those a test makes."""
    cluster = _base(replicas, c.RESTART_RECREATE_GROUP, True).copy()
    [lws] = cluster.all(LeaderWorkerSet)
    cluster.put(replace(lws, spec=replace(lws.spec, max_group_restarts=limit)))
    story = Story(seed, cluster=cluster, calm=True)
    story.settle()
    return story


def test_workers_that_are_adopted_by_a_new_stateful_set_are_no_death() -> None:
    """``kubectl delete statefulset --cascade=orphan`` of a worker StatefulSet, which comes back at once."""
    for seed in range(500):
        story = _at_rest(seed, replicas=2)
        before = {x.uid for x in story.cluster.all(Pod)}
        live(story, incidents=2, of=(_orphan_workers,))
        story.settle()
        verify(story)
        assert {x.uid for x in story.cluster.all(Pod)} == before, f"seed {seed}"


def test_the_workers_of_a_former_leader_do_not_make_a_group_of_its_successor() -> None:
    """After-start: a successor that restarts while they are still there has not started with its group."""
    base = _base(1, c.RESTART_RECREATE_GROUP_AFTER_START, True)
    story = Story(0, cluster=base.copy(), calm=True)
    assert story.process is not None
    [leader] = story.leaders()
    story.cluster.delete(leader, force=True)
    while not [x for x in story.leaders() if x.ready]:
        story.cluster.moves()[0]()
    [successor] = story.leaders()
    assert len([x for x in story.cluster.all(Pod) if not x.deleting]) == SIZE
    for state in (successor, restarted(successor)):
        story.cluster.put(state)
        while moves := story.process.deliveries():
            moves[0]()
    story.settle()
    verify(story)
    assert story.leaders() == [story.cluster.by_uid[successor.uid]]


def test_an_old_cache_replaces_no_record() -> None:
    """A new process sees the set as it is, but pods and StatefulSets as they were a leader ago."""
    story = _at_rest()
    version = story.cluster.version
    hurt(story, (_fail_worker,))
    story.settle()
    [entry] = story.lws.status.groups.values()
    assert entry.restarts == 1
    story.process = process = Process(
        story.cluster,
        story.client,
        story.clock,
        lambda kind: 0 if kind is LeaderWorkerSet else story.cluster.version - version,
    )
    for _ in range(20):
        for move in process.reconciles():
            move()
        story.clock.advance(1.0)
    assert list(story.lws.status.groups.values()) == [entry]
    story.settle()
    verify(story)
    assert list(story.lws.status.groups.values()) == [entry]


def test_dying_between_any_two_calls_of_a_recreation_neither_loses_nor_repeats_it() -> None:
    """The death is seen once only, by the process that dies: the group is not recorded, the pod soon gone."""
    begun = []
    for fatal in range(1, 12):
        story = Story(0, cluster=_base(1, c.RESTART_RECREATE_GROUP, False).copy(), calm=True)
        while not (story.leaders() and len(story.workers(story.leaders()[0])) == SIZE - 1):
            assert story.process is not None
            moves = [*story.cluster.moves(), *story.process.deliveries(), *story.process.reconciles()]
            if moves:
                story.step(moves)
            else:
                story.clock.advance(0.1)
        hurt(story, (_delete_worker,))
        calls = itertools.count(1)

        def strike(fatal: int = fatal, calls: Iterator[int] = calls) -> None:
            if next(calls) == fatal:
                raise Crash

        story.strike = strike
        story.start(lag=0)
        while story.process is not None and (story.process.pods.ready() or story.process.commits.ready()):
            story.step(story.process.reconciles())
        begun.append((any(x.restarting for x in story.lws.status.groups.values()), len(story.client.deleted)))
        while moves := story.cluster.moves():
            story.step(moves)
        story.start(lag=0)  # an older list would show the pod once more, and its end
        story.settle()
        verify(story)
        assert len(story.client.deleted) == any(begun[-1])
    assert {(False, 0), (True, 0), (True, 1)} <= set(begun)


def test_what_upstream_drops_restarts_nothing() -> None:
    """Its controller, run for a while, writes statuses without ``groups``."""
    story = _at_rest(replicas=2)
    pods = {x.uid for x in story.cluster.all(Pod)}
    story.cluster.put(replace(story.lws, status=replace(story.lws.status, groups={})))
    story.process = None
    story.settle()
    verify(story)
    assert {x.uid for x in story.cluster.all(Pod)} == pods
    assert all(story.recorded(x) for x in story.leaders())


def _failed_condition(story: Story) -> str | None:
    return next((x.status for x in story.lws.status.conditions if x.type == c.FAILED), None)


@pytest.mark.parametrize("resume", ["delete-leader", "raise", "remove"])
def test_a_bound_leaves_the_group_failed_until_it_is_resumed(resume: str) -> None:
    story = _at_rest(replicas=2, limit=2)
    assert _failed_condition(story) == "False"
    for _ in range(3):
        leader = min(story.leaders(), key=lambda pod: pod.name)
        assert _restart_worker(story, leader)
        story.settle()
    [first, second] = sorted(story.leaders(), key=lambda pod: pod.name)
    assert len(story.client.deleted) == 2
    entry = story.lws.status.groups["0"]
    assert (entry.leader, entry.failed, entry.restarts) == (first.uid, True, 2)
    assert (_failed_condition(story), second.uid in story.client.deleted) == ("True", False)
    if resume == "delete-leader":
        story.cluster.delete(first)
    else:
        spec = replace(story.lws.spec, max_group_restarts=3 if resume == "raise" else None)
        metadata = replace(story.lws.metadata, generation=2)
        story.cluster.put(replace(story.lws, spec=spec, metadata=metadata))
    story.settle()
    assert _failed_condition(story) == "False"
    assert first.uid not in {x.uid for x in story.leaders()}
    assert story.lws.status.groups["0"].restarts == (0 if resume == "delete-leader" else 3)
    assert all(story.recorded(x) for x in story.leaders())


def test_a_group_that_keeps_failing_is_recreated_ever_more_rarely() -> None:
    story = _at_rest()
    for _ in range(9):
        assert _fail_worker(story, story.leaders()[0])
        story.suffered[story.leaders()[0].uid].append(Suffering("_fail_worker", recorded=True, seen=True))
        story.settle()
    verify(story)
    [times] = story.recreated.values()
    gaps = [round(after - before) for (before, _), (after, _) in itertools.pairwise(times)]
    assert gaps == [10, 20, 40, 80, 160, 300, 300, 300]


def test_a_group_that_was_up_long_enough_starts_anew() -> None:
    story = _at_rest()
    for restarts in (1, 1, 2):
        assert _fail_worker(story, story.leaders()[0])
        story.settle()
        assert story.lws.status.groups["0"].restarts == restarts
        story.clock.advance(601 if restarts == 1 and len(story.client.deleted) == 1 else 300)
