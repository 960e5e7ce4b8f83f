"""What a pod that has no place waits for: nodes with its group's label, or that of exclusive placement; its
group's claims; its volumes. The scheduler names none of them.
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
    """Whether it has no node yet, and labels of nodes decide which it may have."""
    return not pod.spec.node_name and bool(_wanted(pod) or _topology(pod))


def advice_on_volumes(pod: Pod, message: str) -> str:
    """``message``: the scheduler's."""
    if "PersistentVolumeClaim" not in message:
        return ""
    return f"kubectl describe pvc --namespace {pod.namespace}: a claim needs a StorageClass, or a volume"


def _topology(pod: Pod) -> str:
    """The label whose values are the places that exclusive placement gives to one group each."""
    return pod.annotations.get(c.EXCLUSIVE_TOPOLOGY_ANNOTATION, "")


def advice_on_nodes(pod: Pod, nodes: Sequence[Node] | None) -> str:
    """Empty where the labels are no matter. ``nodes``: all there are; None: they may not be listed."""
    wanted = _wanted(pod)
    if pod.spec.node_name:
        return ""
    if not wanted:
        return _advice_on_topology(_topology(pod), nodes)
    pairs = " and ".join(f"{key}={value}" for key, value in wanted.items())
    if nodes is None:
        return f"see whether a node has {pairs}, as the group asks for"
    if any(wanted.items() <= node.labels.items() for node in nodes):
        return ""
    return f"no node has {pairs}: label the group's nodes, or have an autoscaler make them"


def _advice_on_topology(label: str, nodes: Sequence[Node] | None) -> str:
    if not label or (nodes is not None and any(label in node.labels for node in nodes)):
        return ""
    if nodes is None:
        return f"see whether nodes have the label {label}, which exclusive placement goes by"
    return f"no node has the label {label}, which exclusive placement goes by: label nodes, or take another"


def _wanted(pod: Pod) -> dict[str, str]:
    keys = pod.annotations.get(c.REPLICA_NODE_SELECTOR_ANNOTATION, "").split(",")
    return {key: x for key in map(str.strip, keys) if (x := pod.spec.node_selector.get(key)) is not None}
