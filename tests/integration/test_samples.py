"""The samples a newcomer applies first: they become Available, and their pods find their leaders."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from support.admission import env_of
from support.cluster import ROOT
from support.sets import LiveSet, Sets
from support.wholeness import await_whole

from lws.api import constants as c
from lws.kube.resources import SERVICES

pytestmark = pytest.mark.integration

SAMPLES = ROOT / "manifests" / "samples"


def apply_sample(sets: Sets, file: str) -> LiveSet:
    """Create everything in a sample file; its set."""
    lws: LiveSet | None = None
    for document in yaml.safe_load_all((SAMPLES / file).read_text()):
        if document["kind"] == c.KIND:
            lws = sets.add(document)
        else:
            sets.client.create(SERVICES, dict, document, namespace=sets.namespace)
    assert lws is not None
    return lws


def lws_env(pod: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in env_of(pod).items() if name.startswith("LWS_")}


def test_both_samples_become_available(sets: Sets) -> None:
    """10.1 #15, E1: groups, pods, StatefulSets, the environment of each pod, and the shared service."""
    sample, vllm = apply_sample(sets, "leaderworkerset.yaml"), apply_sample(sets, "vllm.yaml")
    await_whole(sample, vllm)
    for lws, size in ((sample, 4), (vllm, 2)):
        for pod in lws.pods():
            assert lws_env(pod.document) == {
                c.LEADER_ADDRESS_ENV: f"{lws.name}-{pod.group}.{lws.name}.{sets.namespace}",
                c.GROUP_SIZE_ENV: str(size),
                c.WORKER_INDEX_ENV: str(pod.worker),
            }
    (service,) = sample.services()
    assert service["spec"]["selector"] == {c.NAME_LABEL: sample.name}
    assert (service["spec"]["clusterIP"], service["spec"]["publishNotReadyAddresses"]) == ("None", True)
    assert service["metadata"]["ownerReferences"][0]["uid"] == sample.get()["metadata"]["uid"]


def test_a_sample_s_own_service_selects_its_leaders(sets: Sets) -> None:
    """The Service in vllm.yaml must find the leaders and only those: the workers serve nothing."""
    vllm = apply_sample(sets, "vllm.yaml")
    await_whole(vllm)
    selector = sets.client.get(SERVICES, dict, "vllm-leader", sets.namespace)["spec"]["selector"]
    chosen = [x.name for x in vllm.pods() if selector.items() <= x.document["metadata"]["labels"].items()]
    assert chosen == ["vllm-0", "vllm-1"]
