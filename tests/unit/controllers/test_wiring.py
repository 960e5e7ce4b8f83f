"""Which change leads to which key, where own writes and those of others meet."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace
from support.apimodel.answers import Request
from support.groups import a_set
from support.stepwise.cluster import Cluster
from support.stepwise.process import Process
from support.stepwise.wire import Wire

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod
from lws.objects import Key
from lws.runtime.clock import FakeClock


class World:
    """A set of two groups at rest, and the controller beside it.

    ``meanwhile`` happens just before a patch of a status reaches the server. ``prunes``: members of a status
    that its CRD does not know.
    """

    def __init__(self, *prunes: str) -> None:
        self.clock = FakeClock()
        self.cluster = Cluster(self.clock, prunes=prunes)
        self.cluster.create(a_set(replicas=2, size=2))
        self.wire = Wire(self.cluster.server)
        self.wire.refuse = self._before
        self.meanwhile: Callable[[], None] = lambda: None
        self.start()
        self.settle()

    def _before(self, asked: Request) -> None:
        if asked.subresource == "status":
            self.meanwhile()

    @property
    def lws(self) -> LeaderWorkerSet:
        return self.cluster.all(LeaderWorkerSet)[0]

    def start(self) -> None:
        """A new controller, which knows what the server keeps."""
        self.process = Process(self.cluster, self.wire)

    def settle(self) -> None:
        for _ in range(5000):
            moves = [*self.cluster.moves(), *self.process.deliveries(), *self.process.reconciles()]
            if moves:
                moves[0]()
            elif (due := self.process.next()) is not None:
                self.cluster.advance(max(0.0, due - self.clock.monotonic()))
            else:
                return
        raise AssertionError("it never settles")

    def fail(self) -> None:
        """A container of a worker restarts, and its group's pass and the write of the set's status follow."""
        pod = next(x for x in self.cluster.all(Pod) if x.labels[c.WORKER_INDEX_LABEL] == "1")
        self.cluster.restart(pod)
        for informer in self.process.watched(Pod):
            informer.deliver()
        for queue in (self.process.pods, self.process.commits):
            for move in self.process.passes(queue):
                move()

    def edit(self, change: str) -> None:
        old = self.lws
        if change == "spec":
            self.cluster.put(replace(old, spec=replace(old.spec, replicas=5)))
        else:
            self.cluster.put(replace(old, metadata=replace(old.metadata, **{change: {"a": "b"}})))


@pytest.mark.parametrize("change", ["spec", "annotations", "labels"])
@pytest.mark.parametrize("keeps", [True, False], ids=["written", "dropped-so-the-answer-is-the-edit"])
def test_an_edit_is_never_taken_for_the_answer_to_our_own_write(change: str, keeps: bool) -> None:
    """A user writes just before our patch, and the watch must list anew before it has told of either."""
    world = World(*(() if keeps else ("groups",)))
    world.start()
    world.meanwhile = lambda: world.edit(change)
    version = world.cluster.version
    world.fail()
    written = world.process.informers.sets.get(world.lws.key)
    assert written is not None
    assert int(written.metadata.resource_version) > version, "the answer is in the cache"
    for key in world.process.sets.ready():
        world.process.sets.take(key)
    world.process.watched(LeaderWorkerSet)[0].list()
    assert world.process.sets.ready() == [world.lws.key]
    assert {Key(world.lws.namespace, f"{world.lws.name}-{x}") for x in (0, 1)} <= set(
        world.process.pods.ready()
    )


def test_the_answer_to_our_own_write_is_no_news() -> None:
    world = World()
    world.fail()
    for queue in (world.process.sets, world.process.pods):
        for key in queue.ready():
            queue.take(key)
    world.process.watched(LeaderWorkerSet)[0].list()
    assert (world.process.sets.ready(), world.process.pods.ready()) == ([], [])


def test_a_group_whose_entry_is_written_is_recreated_by_its_next_pass() -> None:
    world = World()
    world.fail()
    assert world.wire.deleted == []
    assert [x.restarting for x in world.lws.status.groups.values()] == [True, False]
    world.settle()
    assert len(world.wire.deleted) == 1
    assert [x.restarts for x in world.lws.status.groups.values()] == [1, 0]


def test_what_is_told_of_pods_on_their_way_is_told_anew_as_they_get_on() -> None:
    """Where nothing is told it is no news; the set was left with what was so when it was told first."""
    world = World()
    world.cluster.nodes.away = True
    world.cluster.put(replace(world.lws, spec=replace(world.lws.spec, replicas=3)))
    world.settle()
    assert world.lws.status.groups["2"].message.endswith("has no node yet")
    world.cluster.nodes.stuck = lambda _pod: True
    world.cluster.nodes.away = False
    world.settle()
    assert world.lws.status.groups["2"].message.endswith("is not ready")
