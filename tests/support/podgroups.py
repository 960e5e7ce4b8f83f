"""PodGroups on a test cluster: their CRD, and whether every group of a set has the one it should."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from hack.tools.run import CustomResourceDefinition, established
from lws.api import constants as c
from lws.kube.client import Client
from lws.kube.resources import CRDS, Resource
from lws.kube.selectors import equals
from support.sets import Document, LivePod, LiveSet
from support.waiting import until

POD_GROUPS = Resource("scheduling.volcano.sh", "v1beta1", "podgroups", "PodGroup")
CRD = Path(__file__).with_name("podgroups.yaml")
NAME = "podgroups.scheduling.volcano.sh"


def apply_crd(client: Client) -> None:
    """Make the cluster serve PodGroups, and wait until it does."""
    client.apply(CRDS, dict, yaml.safe_load(CRD.read_text()))
    until("the PodGroup CRD", lambda: established(client.get(CRDS, CustomResourceDefinition, NAME)))


def delete_crd(client: Client) -> None:
    """With all PodGroups there are."""
    client.delete(CRDS, dict, NAME)


def pod_groups(lws: LiveSet) -> list[Document]:
    """Those that carry the set's label, by name."""
    found = lws.client.list(POD_GROUPS, dict, lws.namespace, label_selector=equals(c.NAME_LABEL, lws.name))
    return sorted(found, key=lambda x: str(x["metadata"]["name"]))


def await_pod_groups(lws: LiveSet, *, members: int, **spec: Any) -> list[Document]:
    """Wait until each group has its own and nothing is left over; they say ``members`` and ``spec``."""
    lws.until("its PodGroups", lambda: problems(lws, {"minMember": members, **spec}), lambda seen: not seen)
    return pod_groups(lws)


def problems(lws: LiveSet, spec: Document) -> list[str]:
    """What is wrong with the PodGroups of a set whose present groups should have ones that say ``spec``."""
    leaders = {
        pod.document["metadata"]["annotations"].get(c.POD_GROUP_ANNOTATION): pod for pod in _leaders(lws)
    }
    if len(leaders) != lws.get()["spec"]["replicas"]:
        return [f"leaders with PodGroups are {sorted(map(str, leaders))}"]
    groups = pod_groups(lws)
    names = [x["metadata"]["name"] for x in groups]
    if names != sorted(leaders):
        return [f"PodGroups are {names}, not {sorted(leaders)}"]
    pairs = [(x, leaders[x["metadata"]["name"]]) for x in groups]
    return [why for group, leader in pairs for why in _of_one(lws, group, leader, spec)]


def _leaders(lws: LiveSet) -> list[LivePod]:
    return [pod for pod in lws.pods() if pod.worker == 0]


def _of_one(lws: LiveSet, group: Document, leader: LivePod, spec: Document) -> list[str]:
    """Name, labels, the single owner, and what is said (reconcilers.md, 10.1 #52)."""
    metadata = group["metadata"]
    labels = {
        c.NAME_LABEL: lws.name,
        c.GROUP_INDEX_LABEL: str(leader.group),
        c.REVISION_LABEL: leader.revision,
    }
    owner = {"apiVersion": "v1", "kind": "Pod", "name": leader.name, "uid": leader.uid, "controller": True}
    owner |= {"blockOwnerDeletion": True}
    wanted = {
        "name": f"{lws.name}-{leader.group}-{leader.revision}",
        "labels": labels,
        "ownerReferences": [owner],
    }
    wrong = [f"{name}: {metadata[name]}" for name, value in wanted.items() if metadata[name] != value]
    return wrong + [
        f"{x}: {group['spec'].get(x)}" for x, value in spec.items() if group["spec"].get(x) != value
    ]
