"""Reading a group from the server itself."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.cluster_model import RUNNING, Cluster
from support.controller_model import ModelClient
from support.groups import a_leader, a_set, a_worker, a_worker_set, owner_of

from lws.controllers.livereads import LiveReader
from lws.planning.observed import Certainty, ObservedGroup, ObservedSet


class World:
    """A set, a leader with its StatefulSet and one worker; and the same seen by a cache that will age."""

    def __init__(self) -> None:
        self.cluster = Cluster()
        self.lws = self.cluster.create(a_set())
        self.leader = self.cluster.create(a_leader(0))
        workers = a_worker_set(self.leader, owner=owner_of(self.leader))
        self.workers = self.cluster.create(workers)
        self.worker = self.cluster.create(a_worker(self.leader, 1))
        self.cluster.create(a_leader(1))
        client: Any = ModelClient(self.cluster, lambda: None)
        self.live = LiveReader(client)
        self.cached = ObservedGroup(self.lws, self.leader, pods=(self.leader, self.worker))

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
    world.cluster.delete(world.leader, force=True)
    if replaced:
        world.cluster.create(world.leader)
    assert world.read(certainty) is None


def test_nothing_without_a_leader() -> None:
    world = World()
    assert world.live.group(replace(world.cached, leader=None), Certainty.LEADER) is None


def test_is_current() -> None:
    world = World()
    assert world.live.is_current(world.leader)
    world.cluster.delete(world.leader, force=True)
    assert not world.live.is_current(world.leader)
    world.cluster.create(world.leader)
    assert not world.live.is_current(world.leader)


@pytest.mark.parametrize(
    ("now", "expected"),
    [("down", False), ("ready", True), ("leader alone", False), ("replaced", True), ("gone", True)],
)
def test_a_group_may_be_ready_unless_the_server_has_it_down(now: str, expected: bool) -> None:
    world = World()
    observed = ObservedSet(world.lws)
    if now in ("ready", "leader alone"):
        world.cluster.put(replace(world.leader, status=replace(RUNNING)))
        counted = replace(world.workers.status, available_replicas=int(now == "ready"))
        world.cluster.put(replace(world.workers, status=counted))
    if now in ("replaced", "gone"):
        world.cluster.delete(world.leader, force=True)
    if now == "replaced":
        world.cluster.create(world.leader)
    assert world.live.may_be_ready(observed, world.leader) is expected
