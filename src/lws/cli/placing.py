"""What a pod that has no place waits for: nodes with its group's label, or those it is placed together by;
its group's claims; its volumes. The scheduler names none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
    """Whether it has no node yet, and labels of nodes decide which it may have."""
    return not pod.spec.node_name and bool(_wanted(pod) or _topologies(pod))


def advice_on_volumes(pod: Pod, message: str) -> str:
    """``message``: the scheduler's."""
    if "PersistentVolumeClaim" not in message:
        return ""
    return f"kubectl describe pvc --namespace {pod.namespace}: a claim needs a StorageClass, or a volume"


def _topologies(pod: Pod) -> dict[str, str]:
    """Labels that a node must have, whatever their value, each with what goes by it."""
    found = {term.topology_key: "its pod affinity" for term in pod.spec.affinity.pod_affinity.required}
    for annotation in (c.EXCLUSIVE_TOPOLOGY_ANNOTATION, c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION):
        if label := pod.annotations.get(annotation):
            found[label] = "exclusive placement"
    return found


def advice_on_nodes(pod: Pod, nodes: Sequence[Node] | None) -> str:
    """Empty where the labels are no matter. ``nodes``: all there are; None: they may not be listed."""
    wanted = _wanted(pod)
    if pod.spec.node_name:
        return ""
    if not wanted:
        return _advice_on_topologies(_topologies(pod), nodes)
    pairs = " and ".join(f"{key}={value}" for key, value in wanted.items())
    if nodes is None:
        return f"see whether a node has {pairs}, as the group asks for"
    if any(wanted.items() <= node.labels.items() for node in nodes):
        return _advice_on_topologies(_topologies(pod), nodes)
    return f"no node has {pairs}: label the group's nodes, or have an autoscaler make them"


def _advice_on_topologies(labels: Mapping[str, str], nodes: Sequence[Node] | None) -> str:
    """Of several the first that no node has; of those that cannot be seen the first."""
    for label, what in labels.items():
        if nodes is None:
            return f"see whether nodes have the label {label}, which {what} goes by"
        if not any(label in node.labels for node in nodes):
            return f"no node has the label {label}, which {what} goes by: label nodes, or take another"
    return ""


def _wanted(pod: Pod) -> dict[str, str]:
    keys = pod.annotations.get(c.REPLICA_NODE_SELECTOR_ANNOTATION, "").split(",")
    return {key: x for key in map(str.strip, keys) if (x := pod.spec.node_selector.get(key)) is not None}
