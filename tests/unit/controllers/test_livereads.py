"""Reading a group from the server itself."""

from __future__ import annotations

from typing import Any, TypeVar

import pytest
from msgspec.structs import replace
from support.child_world import GROUP
from support.child_world import World as ChildWorld

from lws.api.workloads import Pod, PodCondition, StatefulSet
from lws.controllers.livereads import LiveReader
from lws.kube.client import Client
from lws.objects import Key, KubeObject
from lws.planning.observed import Certainty, ObservedGroup, ObservedSet

T = TypeVar("T", bound=KubeObject)


class World:
    """A set at rest, and its first group as a cache saw it that will age."""

    def __init__(self) -> None:
        self._world = world = ChildWorld()
        world.settle(seconds=10.0)
        self.cluster, self.lws = world.cluster, world.set
        self.leader, self.workers = self.find(Pod, GROUP), self.find(StatefulSet, GROUP)
        self.worker = self.find(Pod, GROUP._replace(name=f"{GROUP.name}-1"))
        connection: Any = world.wire
        self.live = LiveReader(Client(connection))
        self.cached = ObservedGroup(self.lws, self.leader, pods=(self.leader, self.worker))

    def find(self, kind: type[T], key: Key) -> T:
        found = self.cluster.get(kind, key)
        assert found is not None
        return found

    def lose_leader(self, *, replaced: bool = False) -> None:
        """It is gone; ``replaced``: and the StatefulSet controller has made another."""
        self.cluster.delete(self.leader, force=True)
        while replaced and self.cluster.get(Pod, GROUP) is None:
            self.cluster.moves()[0]()

    def read(self, certainty: Certainty) -> ObservedGroup | None:
        return self.live.group(self.cached, certainty)


def test_the_leader_alone_leaves_the_set_and_the_members_as_they_were_seen() -> None:
    world = World()
    world.cluster.put(replace(world.lws, status=replace(world.lws.status, ready_replicas=1)))
    world.cluster.delete(world.worker, force=True)
    world.cluster.delete(world.leader)
    group = world.read(Certainty.LEADER)
    assert group is not None
    assert group.certainty == Certainty.LEADER
    assert group.lws == world.lws
    assert group.leader is not None
    assert group.leader.deleting
    assert group.pods == world.cached.pods


def test_the_whole_group_is_that_of_its_labels_and_name() -> None:
    world = World()
    world.cluster.delete(world.worker, force=True)
    group = world.read(Certainty.GROUP)
    assert group is not None
    assert [x.uid for x in group.pods] == [world.leader.uid]
    assert [x.uid for x in group.worker_sets] == [world.workers.uid]


def test_a_missing_stateful_set_is_none() -> None:
    world = World()
    world.cluster.delete(world.workers)
    group = world.read(Certainty.GROUP)
    assert group is not None
    assert group.worker_sets == ()


@pytest.mark.parametrize("certainty", [Certainty.LEADER, Certainty.GROUP])
@pytest.mark.parametrize("replaced", [False, True], ids=["gone", "replaced"])
def test_nothing_when_it_is_another(certainty: Certainty, replaced: bool) -> None:
    world = World()
    world.lose_leader(replaced=replaced)
    assert world.read(certainty) is None


def test_nothing_without_a_leader() -> None:
    world = World()
    assert world.live.group(replace(world.cached, leader=None), Certainty.LEADER) is None


def test_is_current() -> None:
    world = World()
    assert world.live.is_current(world.leader)
    world.lose_leader()
    assert not world.live.is_current(world.leader)
    while world.cluster.get(Pod, GROUP) is None:
        world.cluster.moves()[0]()
    assert not world.live.is_current(world.leader)


def test_a_group_may_be_ready_unless_the_server_has_it_down() -> None:
    world = World()
    observed, counted = ObservedSet(world.lws), world.workers.status
    assert world.live.may_be_ready(observed, world.leader)
    world.cluster.put(replace(world.workers, status=replace(counted, available_replicas=0)))
    assert not world.live.may_be_ready(observed, world.leader), "its workers are not"
    world.cluster.put(replace(world.workers, status=counted))
    conditions = (PodCondition("Ready", "False"),)
    world.cluster.put(replace(world.leader, status=replace(world.leader.status, conditions=conditions)))
    assert not world.live.may_be_ready(observed, world.leader), "its leader is not"


@pytest.mark.parametrize("replaced", [False, True], ids=["gone", "replaced"])
def test_a_group_without_this_leader_may_be_ready(replaced: bool) -> None:
    world = World()
    world.lose_leader(replaced=replaced)
    assert world.live.may_be_ready(ObservedSet(world.lws), world.leader)
