"""Topologies that sets ask for, their lanes, and which lane a group is in."""

from __future__ import annotations

import msgspec
import pytest
from support.cli import a_pod, seen_of
from support.groups import a_leader, a_set

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Node
from lws.cli.dashboard.places import HOST, Ground, Lane, Map, Topology, natural, topologies

RACK = "example.com/rack"


def asking(**annotations: str) -> LeaderWorkerSet:
    return a_set(metadata={"annotations": annotations})


def a_node(name: str, **labels: str) -> Node:
    return msgspec.convert({"metadata": {"name": name, "labels": labels}}, Node)


@pytest.mark.parametrize(
    ("annotations", "of_slices", "keys"),
    [
        ({}, "", [HOST]),
        ({c.EXCLUSIVE_TOPOLOGY_ANNOTATION: RACK}, "", [RACK, HOST]),
        ({c.EXCLUSIVE_TOPOLOGY_ANNOTATION: HOST}, "", [HOST]),
        ({c.REPLICA_NODE_SELECTOR_ANNOTATION: "a, example.com/b"}, "", ["a", "example.com/b", HOST]),
        (
            {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: RACK, c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION: "host"},
            "zone",
            ["zone", RACK, "host", HOST],
        ),
    ],
    ids=["node-only", "racks", "the-node-itself", "nodes-for-each-group", "three"],
)
def test_what_is_asked_for(annotations: dict[str, str], of_slices: str, keys: list[str]) -> None:
    found = topologies([asking(**annotations)], of_slices=of_slices)
    assert [x.key for x in found] == keys


def test_the_node_is_asked_for_only_where_it_is() -> None:
    asked = topologies([asking(**{c.EXCLUSIVE_TOPOLOGY_ANNOTATION: HOST})])
    assert [bool(one.asked) for one in (*asked, *topologies([a_set()]))] == [True, False]


def test_a_topology_is_called_by_its_last_word() -> None:
    assert [x.name for x in topologies([asking(**{c.EXCLUSIVE_TOPOLOGY_ANNOTATION: RACK})])] == [
        "rack",
        "node",
    ]


def test_lanes_are_all_values_there_are_in_natural_order() -> None:
    racks = Topology(RACK, "rack", "")
    nodes = [a_node(f"n{x}", **{RACK: f"rack-{x % 11}"}) for x in range(22)]
    lanes = Map([racks], Ground([*nodes, a_node("plain")])).lanes(racks)
    assert lanes == [Lane(f"rack-{x}", 2) for x in range(11)]


def test_of_nodes_each_is_a_lane() -> None:
    node = Topology(HOST, "node", "")
    assert Map([node], Ground([a_node("b"), a_node("a")])).lanes(node) == [Lane("a", 1), Lane("b", 1)]


@pytest.mark.parametrize(
    ("nodes", "places"),
    [
        (["n1", "n2"], ["r1", "n1"]),
        (["", "n2"], ["r2", "n2"]),
        (["", ""], ["", ""]),
        (["gone"], ["", "gone"]),
    ],
    ids=["the-leader", "its-first-pod-that-has-one", "no-node", "a-node-that-is-not-seen"],
)
def test_where_a_group_is(nodes: list[str], places: list[str]) -> None:
    where = Map(
        topologies([asking(**{c.EXCLUSIVE_TOPOLOGY_ANNOTATION: RACK})]),
        Ground([a_node("n1", **{RACK: "r1"}), a_node("n2", **{RACK: "r2"})]),
    )
    assert where.places([a_pod(a_leader(0), node=x) for x in nodes]) == places


def test_names_with_numbers_sort_as_people_count() -> None:
    assert sorted(["r10", "r9", "a", "r"], key=natural) == ["a", "r", "r9", "r10"]


def test_a_pod_without_labels_of_its_node_still_has_the_node() -> None:
    assert Map(topologies([a_set()]), Ground()).places(seen_of(a_set()).pods) == ["n1"]


def test_other_sets_keep_an_exclusive_group_out() -> None:
    racks = Topology(RACK, "rack", "")
    nodes = [a_node("n1", **{RACK: "r1"}), a_node("n2", **{RACK: "r1"}), a_node("n3", **{RACK: "r2"})]
    ground = Ground(nodes, {"n1": {"mine", "b"}, "n2": {"a", "b"}, "elsewhere": {"c"}})
    assert [x.others for x in Map([racks], ground, ["mine"]).lanes(racks)] == [["a", "b"], []]
