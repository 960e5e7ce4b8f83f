"""Pod mutation gives what upstream's webhook gave, vector by vector."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from support.golden import vectors, without_empty

from lws.api import constants as c
from lws.webhooks.errors import AdmissionError
from lws.webhooks.pods import mutate_pod

VECTORS = vectors("pod_mutate.jsonl")


def test_there_are_enough_vectors() -> None:
    assert len(VECTORS) >= 500


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_mutation(vector: dict[str, Any]) -> None:
    pod = vector["pod"]
    given = copy.deepcopy(pod)
    gang = "volcano" if vector["volcano"] else None
    try:
        wanted = without_empty(mutate_pod(pod, pod["metadata"]["namespace"], gang=gang))
    except AdmissionError:
        wanted = None
    assert pod == given
    assert vector["allowed"] == (wanted is not None)
    if wanted is not None and (lists_differ_from_labels(vector) or only_first_process_is_told(vector)):
        assert without_tpu_variables(wanted) == without_tpu_variables(vector["want"])
        return
    assert wanted == vector.get("want")


def lists_differ_from_labels(vector: dict[str, Any]) -> bool:
    """Excepted by docs/decisions/132: the TPU hosts that upstream lists are not the pods to which it gives
    this pod's subgroup label.
    """
    annotations, listed = annotations_of(vector), tpu_hosts(vector["want"])
    if listed is None or c.SUBGROUP_SIZE_ANNOTATION not in annotations:
        return False
    labels = vector["want"]["metadata"]["labels"]
    size, subgroup = int(annotations[c.SIZE_ANNOTATION]), int(annotations[c.SUBGROUP_SIZE_ANNOTATION])
    leads = labels[c.WORKER_INDEX_LABEL] == "0"
    leader = labels[c.WORKER_INDEX_LABEL] == "0" or c.LEADER_REQUESTS_TPUS_ANNOTATION in annotations
    extra = (size - 1) % subgroup == 0 and size % subgroup != 0
    own = vector["want"]["metadata"]["name"].removesuffix("" if leads else "-" + labels[c.WORKER_INDEX_LABEL])
    members = [
        own if worker == 0 else f"{own}-{worker}"
        for worker in range(0 if leader else 1, size)
        if int(max(0, worker - extra) / subgroup) == int(labels[c.SUBGROUP_INDEX_LABEL])
    ]
    return [host.partition(".")[0] for host in listed] != members


def only_first_process_is_told(vector: dict[str, Any]) -> bool:
    """Excepted by docs/decisions/132: of several TPU containers in a pod of a subgroup upstream tells the
    first only, and lists a process for each pod.
    """
    asking = [x for x in containers(vector["pod"]) if c.TPU_RESOURCE in str(x.get("resources"))]
    told = tpu_hosts(vector["want"]) is not None
    return told and c.SUBGROUP_SIZE_ANNOTATION in annotations_of(vector) and len(asking) > 1


def annotations_of(vector: dict[str, Any]) -> dict[str, str]:
    return vector["pod"]["metadata"].get("annotations", {})


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod["spec"].get("containers", []), *pod["spec"].get("initContainers", [])]


def tpu_hosts(pod: dict[str, Any]) -> list[str] | None:
    """Those that admission listed: for a container that has a TPU_NAME."""
    for container in containers(pod):
        env = {x["name"]: x.get("value", "") for x in container.get("env", [])}
        if {"TPU_NAME", "TPU_WORKER_HOSTNAMES"} <= env.keys():
            return env["TPU_WORKER_HOSTNAMES"].split(",")
    return None


def without_tpu_variables(pod: dict[str, Any]) -> dict[str, Any]:
    stripped = copy.deepcopy(pod)
    for container in containers(stripped):
        container["env"] = [x for x in container.get("env", []) if not x["name"].startswith("TPU_")]
    return stripped
