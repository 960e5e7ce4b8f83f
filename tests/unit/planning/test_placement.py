"""Exclusive placement: the workers' node selector (reconcilers.md, 7.5)."""

from __future__ import annotations

import pytest
from support.groups import a_leader, a_set

from lws.api import constants as c
from lws.api.workloads import Node
from lws.objects import ObjectMeta
from lws.planning.placement import NodeMissingError, Placement, PlacementError, place_workers
from lws.planning.revisions import template_of
from lws.planning.workers import worker_document

TOPOLOGY = "cloud.google.com/gke-nodepool"
EXCLUSIVE = a_set(metadata={"annotations": {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: TOPOLOGY}})
NODE = Node(metadata=ObjectMeta(name="node-1", labels={TOPOLOGY: "pool-a", "zone": "z"}))


@pytest.mark.parametrize(
    ("metadata", "node"),
    [
        pytest.param(None, "node-1", id="no-annotation"),
        pytest.param({"annotations": {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: ""}}, "node-1", id="empty-annotation"),
        pytest.param({"annotations": {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: ""}}, "", id="empty-and-unbound"),
    ],
)
def test_not_exclusive(metadata: dict | None, node: str) -> None:
    assert place_workers(a_set(metadata=metadata), a_leader(node=node), None) == Placement({})


ZONE = "topology.kubernetes.io/zone"


@pytest.mark.parametrize(
    ("live", "own", "selector"),
    [
        pytest.param(ZONE, TOPOLOGY, {TOPOLOGY: "pool-a"}, id="another-key"),
        pytest.param("", TOPOLOGY, {TOPOLOGY: "pool-a"}, id="not-exclusive-any-more"),
        pytest.param(TOPOLOGY, "", {}, id="exclusive-only-now"),
    ],
)
def test_workers_go_where_their_leader_went_whatever_the_set_says_by_now(
    live: str, own: str, selector: dict[str, str]
) -> None:
    """A group behind a partition, or of a paused set, is made again as it was."""
    lws = a_set(metadata={"annotations": {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: live} if live else {}})
    carried = {c.SIZE_ANNOTATION: "2"} | ({c.EXCLUSIVE_TOPOLOGY_ANNOTATION: own} if own else {})
    leader = a_leader(node="node-1", annotations=carried)
    assert place_workers(lws, leader, NODE) == Placement(selector)
    document = worker_document(lws, leader, template_of(lws), node_selector=selector)
    annotations = document["spec"]["template"]["metadata"]["annotations"]
    assert annotations.get(c.EXCLUSIVE_TOPOLOGY_ANNOTATION, "") == own


def test_an_unbound_leader_is_waited_for() -> None:
    assert place_workers(EXCLUSIVE, a_leader(), None).waiting


def test_the_label_of_the_leaders_node_becomes_the_selector() -> None:
    assert place_workers(EXCLUSIVE, a_leader(node="node-1"), NODE) == Placement({TOPOLOGY: "pool-a"})


def test_a_missing_node_is_an_error_of_its_own() -> None:
    with pytest.raises(NodeMissingError, match="node node-1 of leader pod default/test-sample-0 not found"):
        place_workers(EXCLUSIVE, a_leader(node="node-1"), None)


def test_a_node_that_may_not_be_read_is_told_with_the_servers_words() -> None:
    with pytest.raises(NodeMissingError, match=r"node node-1 of .* may not be read: no right"):
        place_workers(EXCLUSIVE, a_leader(node="node-1"), None, refused="no right")


def test_a_node_without_the_label_is_an_error() -> None:
    with pytest.raises(PlacementError, match=f"has no label {TOPOLOGY}") as caught:
        place_workers(EXCLUSIVE, a_leader(node="node-1"), Node(metadata=ObjectMeta(name="node-1")))
    assert not isinstance(caught.value, NodeMissingError)
