"""What a pod that has no place waits for: nodes with its group's label, or its group's claims. The
scheduler names neither.
"""

from __future__ import annotations

from collections.abc import Sequence

from lws.api import constants as c
from lws.api.workloads import Node
from lws.cli.kinds import Pod
from lws.planning.claims import claim_entries, claim_name


def advice_on_claims(pod: Pod) -> str:
    """Empty for a pod that shares none, or has a place."""
    token = pod.annotations.get(c.GROUP_CLAIMS_TOKEN_ANNOTATION)
    if pod.spec.node_name or not token:
        return ""
    leader = pod.annotations.get(c.LEADER_NAME_ANNOTATION, pod.name)
    names = [claim_name(leader, entry, token) for entry in claim_entries(pod.annotations)]
    return f"kubectl describe resourceclaim --namespace {pod.namespace} {' '.join(names)}"


def asks_for_nodes(pod: Pod) -> bool:
    """Whether it has no node yet and its template asks for its group's."""
    return not pod.spec.node_name and bool(_wanted(pod))


def advice_on_nodes(pod: Pod, nodes: Sequence[Node] | None) -> str:
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
