"""What nodes lack for a pod that asks for those of its group; the scheduler names no label."""

from __future__ import annotations

from collections.abc import Sequence

from lws.api import constants as c
from lws.api.workloads import Node
from lws.cli.kinds import Pod


def asks_for_nodes(pod: Pod) -> bool:
    """Whether it has no node yet and its template asks for its group's."""
    return not pod.spec.node_name and bool(_wanted(pod))


def advice(pod: Pod, nodes: Sequence[Node] | None) -> str:
    """Empty where the labels are no matter. ``nodes``: all there are; None: they may not be listed."""
    wanted = _wanted(pod)
    if pod.spec.node_name or not wanted:
        return ""
    pairs = " and ".join(f"{key}={value}" for key, value in wanted.items())
    if nodes is None:
        return f"see whether a node has {pairs}, as the group asks for"
    if any(wanted.items() <= node.labels.items() for node in nodes):
        return ""
    return f"no node has {pairs}: label the group's nodes, or have an autoscaler make them"


def _wanted(pod: Pod) -> dict[str, str]:
    keys = pod.annotations.get(c.REPLICA_NODE_SELECTOR_ANNOTATION, "").split(",")
    return {key: x for key in map(str.strip, keys) if (x := pod.spec.node_selector.get(key)) is not None}
