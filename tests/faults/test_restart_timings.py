"""A group's death costs exactly one recreation, whenever and however it is noticed.

Thousands of random timings: pods die in every way there is while caches lag, calls and their answers get
lost, and the controller dies between any two calls and comes back with caches of before. The reconcilers are
the real ones (support.stepwise), the cluster is a model. When all has settled, of every leader pod
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
from support.groups import a_set
from support.stepwise.cluster import Cluster, Move, owner_uid
from support.stepwise.life import Life, new_cluster
from support.stepwise.process import Process
from support.stepwise.wire import Crash

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod, StatefulSet
from lws.planning.recreation.backoff import backoff, decided

RUNS = int(os.environ.get("LWS_TIMINGS", "500"))  # docs/benchmarks.md has four times as many
BATCHES = 20
SIZE = 3


class Suffering(NamedTuple):
    """An incident that a group cannot outlive. ``seen``: a controller that was up must notice it."""

    how: str
    recorded: bool
    seen: bool


class Story(Life):
    """One run: a cluster, a controller or none, and what has happened."""

    def __init__(self, seed: int, *, cluster: Cluster, calm: bool = False) -> None:
        random = Random(seed)
        chances = (0.0, 0.0) if calm else (random.choice([0, 0, 0.01, 0.05]), random.choice([0, 0.02]))
        super().__init__(seed, cluster, crash=chances[0], fail=chances[1])
        self.faults = True
        self.suffered: defaultdict[str, list[Suffering]] = defaultdict(list)
        self.recreated: defaultdict[str, list[tuple[float, int]]] = defaultdict(
            list
        )  # when, how often in a row
        self.begin(lag=0)

    def begin(self, *, lag: int) -> Process:
        """A new process, whose caches are up to so many versions behind."""
        return self.start(lambda _kind: self.random.randint(0, lag))

    @property
    def running(self) -> Process:
        return self.process or self.begin(lag=self.random.choice([0, 5, 40]))

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

    def do(self, move: Move) -> None:
        before = len(self.wire.deleted)
        super().do(move)
        for uid in self.wire.deleted[before:]:
            was = self.wire.ended[uid]["metadata"]
            entry = self.lws.status.groups.get(was["labels"][c.GROUP_INDEX_LABEL])
            count = entry.restarts if entry is not None else 0
            self.recreated[was["name"]].append((self.clock.now().timestamp(), count))


# What can happen to a group. Each gives what the group cannot outlive, or nothing.


def _hurt_worker(story: Story, leader: Pod, do: Callable[[Pod], object], *, started: bool = False) -> bool:
    """``started``: one whose containers have."""
    workers = [x for x in story.workers(leader) if not x.deleting and (_has_started(x) or not started)]
    if workers:
        do(story.random.choice(workers))
    return bool(workers)


def _has_started(pod: Pod) -> bool:
    return bool(pod.status.container_statuses)


def _delete_worker(story: Story, leader: Pod) -> bool:
    return _hurt_worker(story, leader, story.cluster.delete)


def _kill_worker(story: Story, leader: Pod) -> bool:
    return _hurt_worker(story, leader, functools.partial(story.cluster.delete, force=True))


def _fail_worker(story: Story, leader: Pod) -> bool:
    return _hurt_worker(story, leader, story.cluster.fail)


def _restart_worker(story: Story, leader: Pod) -> bool:
    return _hurt_worker(story, leader, story.cluster.restart, started=True)


def _restart_leader(story: Story, leader: Pod) -> bool:
    if _has_started(leader):
        story.cluster.restart(leader)
    return _has_started(leader)


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
    """The StatefulSet controller may still make its pods, which then lack an owner."""
    sets = [x for x in story.cluster.all(StatefulSet) if owner_uid(x) == leader.uid and not x.deleting]
    for one in sets:
        story.cluster.delete(one)
    return bool(sets)


def _orphan_workers(story: Story, leader: Pod) -> bool:
    for one in story.cluster.all(StatefulSet):
        if owner_uid(one) == leader.uid and not one.deleting:
            story.cluster.delete(one, orphan=True)
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
    deleted = story.wire.deleted
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
def _base(replicas: int, restart: str, whole: bool, prunes: tuple[str, ...] = ()) -> Cluster:
    """A set just created, or one at rest. ``prunes``: members of its status that its CRD does not know."""
    cluster = new_cluster(a_set(replicas=replicas, size=SIZE, restart=restart), prunes=prunes)
    if whole:
        story = Story(0, cluster=cluster, calm=True)
        story.settle()
        verify(story)
        assert sorted(_records(story)) == sorted(x.uid for x in story.leaders())
    return cluster


def _records(story: Story) -> Iterator[str]:
    """UIDs of the leaders whose incarnation a set's pass recorded."""
    for asked in story.wire.accepted:
        if asked.subresource == "status" and "resourceVersion" in asked.body["metadata"]:
            entries = asked.body["status"].get("groups", {}).values()
            yield from (x["leader"] for x in entries if x and "leader" in x)


def random_story(seed: int) -> None:
    """Everything at random, the pace of each component included."""
    random = Random(seed)
    after_start = random.random() < 0.25
    restart = c.RESTART_RECREATE_GROUP_AFTER_START if after_start else c.RESTART_RECREATE_GROUP
    drops_groups = random.random() < 0.1
    prunes = ("groups",) if drops_groups else ()
    base = _base(random.choice([1, 1, 2]), restart, random.random() < 0.7 and not drops_groups, prunes)
    story = Story(seed, cluster=base.copy())
    live(story, incidents=random.choice([1, 1, 2, 3]))
    story.settle()
    verify(story)
    if not drops_groups:
        assert all(story.recorded(x) for x in story.leaders()), "a group was not recorded"


def live(story: Story, *, incidents: int, of: tuple[Callable[[Story, Pod], bool], ...] = INCIDENTS) -> None:
    """Some time passes, with so many incidents at most."""
    random = story.random
    paces = [random.choice([1, 5, 20]) for _ in range(3)]
    for _ in range(random.randint(20, 160)):
        if story.process is None:
            if random.random() < 0.1:
                story.begin(lag=random.choice([0, 5, 40]))
            moves = story.cluster.moves()
        else:
            process = story.process
            sources = (story.cluster.moves, process.deliveries, process.reconciles)
            moves = random.choices(sources, paces)[0]()
        if moves:
            story.do(random.choice(moves))
        else:
            story.cluster.advance(random.choice([0.05, 0.2, 1.0, 15.0]))
        if incidents and random.random() < 0.025:
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
    for seed in range(150):
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
    [leader] = story.leaders()
    story.cluster.collector.away = True
    story.cluster.delete(leader, force=True)
    while not [x for x in story.leaders() if x.ready]:
        story.cluster.moves()[0]()
    [successor] = story.leaders()
    assert len([x for x in story.cluster.all(Pod) if not x.deleting]) == SIZE
    hear(story)
    story.cluster.restart(successor)
    hear(story)
    story.cluster.collector.away = False
    story.settle()
    verify(story)
    assert [x.uid for x in story.leaders()] == [successor.uid]


def hear(story: Story) -> None:
    """The caches take in all there is to hear of."""
    while moves := story.running.deliveries():
        moves[0]()


def test_an_old_cache_replaces_no_record() -> None:
    """A new process sees the set as it is, but pods and StatefulSets as they were a leader ago."""
    story = _at_rest()
    version = story.cluster.version
    hurt(story, (_fail_worker,))
    story.settle()
    [entry] = story.lws.status.groups.values()
    assert entry.restarts == 1
    late = story.cluster.version - version
    process = story.start(lambda kind: 0 if kind is LeaderWorkerSet else late)
    for _ in range(20):
        for move in process.reconciles():
            move()
        story.cluster.advance(1.0)
    assert list(story.lws.status.groups.values()) == [entry]
    story.settle()
    verify(story)
    assert list(story.lws.status.groups.values()) == [entry]


def test_dying_between_any_two_calls_of_a_recreation_neither_loses_nor_repeats_it() -> None:
    """The death is seen once only, by the process that dies: the group is not recorded, the pod soon gone."""
    begun = []
    for fatal in itertools.count(1):
        story = Story(0, cluster=_base(1, c.RESTART_RECREATE_GROUP, False).copy(), calm=True)
        while not (story.leaders() and _are_placed(story.workers(story.leaders()[0]))):
            assert story.step()
        assert not story.recorded(story.leaders()[0])
        hurt(story, (_delete_worker,))
        calls = itertools.count(1)

        def strike(fatal: int = fatal, calls: Iterator[int] = calls) -> None:
            if next(calls) == fatal:
                raise Crash

        story.begin(lag=0)
        story._strike = strike
        while story.process is not None and (story.process.pods.ready() or story.process.commits.ready()):
            story.do(story.random.choice(story.process.reconciles()))
        if not story.crashes:
            break
        begun.append((any(x.restarting for x in story.lws.status.groups.values()), len(story.wire.deleted)))
        while moves := story.cluster.moves():
            story.do(story.random.choice(moves))
        story.begin(lag=0)  # an older list would show the pod once more, and its end
        story.settle()
        verify(story)
        assert len(story.wire.deleted) == any(begun[-1])
    assert {(False, 0), (True, 0), (True, 1)} <= set(begun)


def _are_placed(workers: list[Pod]) -> bool:
    """All are there, and on nodes, where a pod takes its time to end."""
    return len(workers) == SIZE - 1 and all(x.spec.node_name for x in workers)


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
    assert len(story.wire.deleted) == 2
    entry = story.lws.status.groups["0"]
    assert (entry.leader, entry.failed, entry.restarts) == (first.uid, True, 2)
    assert (_failed_condition(story), second.uid in story.wire.deleted) == ("True", False)
    if resume == "delete-leader":
        story.cluster.delete(first)
    else:
        spec = replace(story.lws.spec, max_group_restarts=3 if resume == "raise" else None)
        story.cluster.put(replace(story.lws, spec=spec))
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
        story.cluster.advance(601 if restarts == 1 and len(story.wire.deleted) == 1 else 300)
