"""Exclusive placement of workers: next to their leader, by node label (reconcilers.md, 7.5).

Leaders are placed by the affinity terms that admission adds; those may not live here.
"""

from __future__ import annotations

from typing import NamedTuple

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Node, Pod
from lws.planning.documents import exclusiveness


class PlacementError(Exception):
    """Where the workers must go cannot be told; the text says why. Worth another try later."""

    reason = c.REASON_NODE_UNLABELLED


class NodeMissingError(PlacementError):
    """The leader is bound to a node that is not there, or that we may not read."""

    reason = c.REASON_NODE_MISSING


class Placement(NamedTuple):
    """``node_selector``: what the workers' nodes must carry. ``waiting``: the leader is not bound yet."""

    node_selector: dict[str, str]
    waiting: bool = False


def place_workers(lws: LeaderWorkerSet, leader: Pod, node: Node | None, *, refused: str = "") -> Placement:
    """The node selector that keeps the workers in the leader's topology domain; empty if not exclusive.

    An empty annotation value counts as not set, as it does for pods at admission; upstream would look up the
    label ``""`` and fail for ever. ``refused``: why the node may not be read.

    Raises:
        NodeMissingError: the leader's node is not there, or not to be read; workers without selector could
            run anywhere.
        PlacementError: the node lacks the topology label.
    """
    topology = exclusiveness(lws, leader).get(c.EXCLUSIVE_TOPOLOGY_ANNOTATION)
    if not topology:
        return Placement({})
    if not leader.spec.node_name:
        return Placement({}, waiting=True)
    if refused:
        raise NodeMissingError(
            f"node {leader.spec.node_name} of leader pod {leader.key} may not be read: {refused}"
        )
    if node is None:
        raise NodeMissingError(f"node {leader.spec.node_name} of leader pod {leader.key} not found")
    if topology not in node.labels:
        raise PlacementError(f"node {node.name} of leader pod {leader.key} has no label {topology}")
    return Placement({topology: node.labels[topology]})
