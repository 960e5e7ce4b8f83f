"""Nodes are read by need, and remembered for a while."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.groups import a_leader

from lws.api.timestamps import rfc3339
from lws.api.workloads import Node, Pod
from lws.controllers.nodes import TTL, NodeReader
from lws.kube.errors import NotFound
from lws.objects import ObjectMeta
from lws.runtime.clock import FakeClock


class Server:
    """Has one node; ``reads`` counts."""

    def __init__(self) -> None:
        self.reads, self.rack = 0, "r1"

    def get(self, _resource: Any, _type: type[Node], name: str) -> Node:
        self.reads += 1
        if name != "n":
            raise NotFound(404, "NotFound", name)
        return Node(metadata=ObjectMeta(name=name, labels={"rack": self.rack}))


class World:
    def __init__(self) -> None:
        self.clock, self.server = FakeClock(), Server()
        client: Any = self.server
        self.read = NodeReader(client, self.clock)

    def leader(self, node: str = "n") -> Pod:
        """Made now."""
        made = a_leader(node=node)
        now = rfc3339(self.clock.now().timestamp())
        return replace(made, metadata=replace(made.metadata, creation_timestamp=now))


@pytest.fixture
def world() -> World:
    return World()


def test_leaders_that_were_there_share_one_read_for_a_minute(world: World) -> None:
    leaders = [world.leader() for _ in range(3)]
    world.clock.advance(2)
    for one in leaders:
        assert world.read(one) is not None
    assert world.server.reads == 1
    world.clock.advance(TTL + 1)
    world.read(leaders[0])
    assert world.server.reads == 2


def test_a_leader_that_was_made_since_sees_the_label_as_it_is(world: World) -> None:
    world.read(world.leader())
    world.server.rack = "r2"
    world.clock.advance(2)
    found = world.read(world.leader())
    assert found is not None
    assert found.labels == {"rack": "r2"}


def test_a_node_that_is_not_there_is_asked_for_again(world: World) -> None:
    assert world.read(world.leader("gone")) is None
    assert world.read(world.leader("gone")) is None
    assert world.server.reads == 2
