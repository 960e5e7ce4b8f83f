"""Reading a group from the server itself."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.cluster_model import Cluster
from support.controller_model import ModelClient
from support.groups import a_leader, a_set, a_worker, a_worker_set, owner_of

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod
from lws.controllers.groupstatus import GroupStatusMemory
from lws.controllers.livereads import LiveReader
from lws.planning.actions import PatchStatus
from lws.planning.observed import Certainty, ObservedGroup


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
        self.ledger = GroupStatusMemory()
        client: Any = ModelClient(self.cluster, lambda: None)
        self.live = LiveReader(client, self.ledger)
        self.cached = ObservedGroup(self.lws, self.leader, pods=(self.leader, self.worker))

    def read(self, certainty: Certainty) -> ObservedGroup | None:
        return self.live.group(self.cached, certainty)


def test_the_set_alone_leaves_the_members_as_they_were_seen() -> None:
    world = World()
    world.cluster.put(replace(world.lws, status=replace(world.lws.status, ready_replicas=1)))
    world.cluster.delete(world.worker, force=True)
    world.cluster.delete(world.leader)
    group = world.read(Certainty.SET)
    assert group is not None
    assert group.certainty == Certainty.SET
    assert group.lws is not None
    assert group.lws.status.ready_replicas == 1
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


@pytest.mark.parametrize("certainty", [Certainty.SET, Certainty.GROUP])
@pytest.mark.parametrize("kind", [LeaderWorkerSet, Pod], ids=["set", "leader"])
@pytest.mark.parametrize("replaced", [False, True], ids=["gone", "replaced"])
def test_nothing_when_it_is_another(certainty: Certainty, kind: type[Any], replaced: bool) -> None:
    world = World()
    old = world.lws if kind is LeaderWorkerSet else world.leader
    world.cluster.delete(old, force=True)
    if replaced:
        world.cluster.create(old)
    assert world.read(certainty) is None


def test_nothing_without_set_or_leader() -> None:
    world = World()
    for group in (replace(world.cached, lws=None), replace(world.cached, leader=None)):
        assert world.live.group(group, Certainty.SET) is None


def test_what_the_server_drops_is_added() -> None:
    world = World()
    world.ledger.observe(PatchStatus(c.KIND, world.lws.key, {"groups": {"0": {"leader": "l"}}}), world.lws)
    group = world.read(Certainty.SET)
    assert group is not None
    assert group.lws is not None
    assert group.lws.status.groups["0"].leader == "l"


def test_is_current() -> None:
    world = World()
    assert world.live.is_current(world.leader)
    world.cluster.delete(world.leader, force=True)
    assert not world.live.is_current(world.leader)
    world.cluster.create(world.leader)
    assert not world.live.is_current(world.leader)
