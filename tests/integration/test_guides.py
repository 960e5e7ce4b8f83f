"""The samples of docs/guides do what the guides say.

Hollow nodes are no GKE nodes: where a sample names a label of those, the nodes get it for the test.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import yaml
from support.admission import env_of
from support.cluster import ROOT, Cluster
from support.samples import apply_sample, load_sample
from support.sets import Document, LivePod, LiveSet, Sets, exists
from support.wholeness import await_whole

from lws.controllers.resources import LEADERWORKERSETS
from lws.kube.client import Client
from lws.kube.errors import ApiError
from lws.kube.resources import NODES, PERSISTENT_VOLUME_CLAIMS, SERVICES, Resource

pytestmark = pytest.mark.integration

PREFIX = "leaderworkerset.sigs.k8s.io/"
POOL = "cloud.google.com/gke-nodepool"
TPU_LABELS = {
    "cloud.google.com/gke-tpu-accelerator": "tpu-v5-lite-podslice",
    "cloud.google.com/gke-tpu-topology": "4x4",
}
VOLUMES = Resource("", "v1", "persistentvolumes", "PersistentVolume", namespaced=False)
GUIDES = ROOT / "docs" / "guides"


@pytest.fixture
def pools(cluster: Cluster) -> Iterator[dict[str, str]]:
    """Every rack of nodes a node pool of TPU hosts; the pool of each node by name."""
    nodes = cluster.client.list(NODES, dict)
    found = {x["metadata"]["name"]: f"pool-{x['metadata']['labels']['hollow.lws/rack']}" for x in nodes}
    for name, pool in found.items():
        label_node(cluster.client, name, TPU_LABELS | {POOL: pool})
    yield found
    for name in found:
        label_node(cluster.client, name, dict.fromkeys([POOL, *TPU_LABELS]))


def label_node(client: Client, name: str, labels: dict[str, str] | dict[str, None]) -> None:
    client.merge_patch(NODES, dict, name, {"metadata": {"labels": labels}})


def pools_of(pods: list[LivePod], pools: dict[str, str]) -> set[str]:
    """The pools that these pods run in."""
    return {pools[pod.document["spec"]["nodeName"]] for pod in pods}


def label(pod: LivePod, name: str) -> str | None:
    found: str | None = pod.document["metadata"]["labels"].get(PREFIX + name)
    return found


# startup-policy.md


def test_startup_policy(sets: Sets) -> None:
    """Workers are made after their leader has become ready."""

    def slow(lws: Document) -> None:
        leader = lws["spec"]["leaderWorkerTemplate"]["leaderTemplate"]
        leader["metadata"] = {"annotations": {"hollow.lws/start-delay": "2s"}}

    lws = apply_sample(sets, "leader-ready.yaml", slow)
    await_whole(lws)
    leaders = {pod.name: ready_since(pod) for pod in lws.pods() if pod.worker == 0}
    for workers in lws.worker_sets():
        assert workers["metadata"]["creationTimestamp"] >= leaders[workers["metadata"]["name"]]


def ready_since(pod: LivePod) -> str:
    conditions = pod.document["status"]["conditions"]
    return str(next(x["lastTransitionTime"] for x in conditions if x["type"] == "Ready"))


# subgroups.md, tpu.md, vllm-tpu.md


def test_subgroups(sets: Sets, pools: dict[str, str]) -> None:
    """Four workers to a subgroup, a pool to each, and a leader that is in neither."""
    lws = apply_sample(sets, "subgroups.yaml")
    await_whole(lws)
    subgroups = defaultdict(list)
    for pod in lws.pods():
        subgroups[label(pod, "subgroup-index")].append(pod)
    assert {index: [x.worker for x in pods] for index, pods in subgroups.items()} == {
        None: [0],
        "0": [1, 2, 3, 4],
        "1": [5, 6, 7, 8],
    }
    first, second = pools_of(subgroups["0"], pools), pools_of(subgroups["1"], pools)
    assert len(first) == len(second) == 1
    assert first != second
    assert len({label(pod, "subgroup-key") for pod in lws.pods() if pod.worker}) == 2


@pytest.mark.parametrize("name", ["tpu", "vllm-tpu"])
def test_tpus(sets: Sets, pools: dict[str, str], name: str) -> None:
    """Each group on a slice of its own; each pod knows all hosts of it and its place among them."""
    lws = apply_sample(sets, f"{name}.yaml")
    await_whole(lws)
    assert pools_of(lws.group(0), pools) != pools_of(lws.group(1), pools)
    for pod in lws.pods():
        leader = f"{name}-{pod.group}"
        hosts = [f"{host}.{name}" for host in (leader, *(f"{leader}-{x}" for x in (1, 2, 3)))]
        env = env_of(pod.document)
        assert {key: env[key] for key in env if key.startswith("TPU_")} == {
            "TPU_WORKER_HOSTNAMES": ",".join(hosts),
            "TPU_WORKER_ID": str(pod.worker),
            "TPU_NAME": leader,
            "TPU_PROCESS_ADDRESSES": ",".join(f"{host}:8476" for host in hosts),
            "TPU_PROCESS_PORT": "8476",
        }


# exclusive-placement.md


def test_exclusive_placement(sets: Sets, pools: dict[str, str]) -> None:
    """A pool for each group. A fourth group finds none of the three pools free, and waits."""
    lws = apply_sample(sets, "exclusive-placement.yaml")
    await_whole(lws)
    first, second = pools_of(lws.group(0), pools), pools_of(lws.group(1), pools)
    assert len(first) == len(second) == 1
    assert first != second
    lws.scale(4)
    lws.until("three ready groups", lambda: lws.status.get("readyReplicas"), lambda seen: seen == 3)
    waiting = lws.until("who waits", lambda: [x for x in lws.pods() if not x.ready])
    assert [(x.worker, x.document["spec"].get("nodeName")) for x in waiting] == [(0, None)]


# networking.md


def test_unique_subdomains(sets: Sets) -> None:
    """A headless service for each group, of which every pod of the group is told the leader's address."""
    lws = apply_sample(sets, "unique-subdomain.yaml")
    await_whole(lws)
    services = {x["metadata"]["name"]: x["spec"] for x in lws.services()}
    assert sorted(services) == [f"unique-subdomain-{x}" for x in range(3)]
    assert {x["clusterIP"] for x in services.values()} == {"None"}
    for pod in lws.pods():
        leader = f"unique-subdomain-{pod.group}"
        assert pod.document["spec"]["subdomain"] == leader
        assert pod.document["spec"]["hostname"] == pod.name
        assert env_of(pod.document)["LWS_LEADER_ADDRESS"] == f"{leader}.{leader}.{lws.namespace}"
        assert services[leader]["selector"].items() <= pod.document["metadata"]["labels"].items()


# volume-claims.md


@pytest.fixture
def volumes(cluster: Cluster, namespace: str) -> Iterator[None]:
    """Room for the sample's claims: this cluster provisions none."""
    client, names = cluster.client, [f"{namespace}-{number}" for number in range(4)]
    for name in names:
        client.create(VOLUMES, dict, volume(name))
    yield
    for name in claims_in(client, namespace):
        client.delete(PERSISTENT_VOLUME_CLAIMS, dict, name, namespace=namespace)
    for name in names:
        client.delete(VOLUMES, dict, name)


def volume(name: str) -> Document:
    spec = {
        "capacity": {"storage": "10Gi"},
        "accessModes": ["ReadWriteOnce"],
        "hostPath": {"path": f"/{name}"},
        "persistentVolumeReclaimPolicy": "Retain",
    }
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}


def test_volume_claims(sets: Sets, volumes: None) -> None:
    """A claim for each pod, leader or worker; it stays when its group or even the set goes."""
    lws = apply_sample(sets, "volume-claims.yaml")
    await_whole(lws)
    claims = claims_of(lws)
    assert sorted(claims) == [f"cache-volume-claims-{x}" for x in ("0", "0-1", "1", "1-1")]
    for pod in lws.pods():
        mounted = [x.get("persistentVolumeClaim", {}) for x in pod.document["spec"]["volumes"]]
        assert f"cache-{pod.name}" in [x.get("claimName") for x in mounted]
    old = lws.uids(0)
    lws.delete_pod("volume-claims-0-1")
    lws.await_replaced(old, 0)
    await_whole(lws)
    lws.scale(1)
    await_whole(lws)
    lws.delete("Foreground")
    lws.until("the set to go", lambda: exists(lws.client, LEADERWORKERSETS, lws.name, lws.namespace), gone)
    assert claims_of(lws) == claims


def gone(there: bool) -> bool:
    return not there


def test_volume_claims_that_are_to_be_deleted(sets: Sets, volumes: None) -> None:
    """Those of workers go with their group, those of leaders with the set."""

    def delete(lws: Document) -> None:
        policy = {"whenDeleted": "Delete", "whenScaled": "Retain"}
        lws["spec"]["leaderWorkerTemplate"]["persistentVolumeClaimRetentionPolicy"] = policy

    lws = apply_sample(sets, "volume-claims.yaml", delete)
    await_whole(lws)
    lws.scale(1)
    left = [f"cache-volume-claims-{x}" for x in ("0", "0-1", "1")]
    lws.until("a worker's claim to go", lambda: sorted(claims_of(lws)), lambda seen: seen == left)
    await_whole(lws)
    lws.delete()
    lws.until("the claims to go", lambda: claims_of(lws), lambda seen: not seen)


def claims_of(lws: LiveSet) -> dict[str, str]:
    return claims_in(lws.client, lws.namespace)


def claims_in(client: Client, namespace: str) -> dict[str, str]:
    """UIDs of the claims, by name."""
    found = client.list(PERSISTENT_VOLUME_CLAIMS, dict, namespace)
    return {x["metadata"]["name"]: x["metadata"]["uid"] for x in found}


# autoscaling.md


def test_autoscaling(sets: Sets) -> None:
    """The real autoscaler finds the scale subresource and raises the groups to minReplicas."""
    lws = apply_sample(sets, "autoscaling.yaml")
    lws.until("two groups", lambda: lws.get()["spec"]["replicas"], lambda seen: seen == 2)
    await_whole(lws)
    scale = lws.read_scale()
    assert scale["spec"]["replicas"] == scale["status"]["replicas"] == 2
    selector = dict(x.split("=") for x in scale["status"]["selector"].split(","))
    chosen = [x.name for x in lws.pods() if selector.items() <= x.document["metadata"]["labels"].items()]
    assert chosen == ["autoscaling-0", "autoscaling-1"], "what is measured: leaders, one for each group"


# resize.md


def test_resize(sets: Sets) -> None:
    """Groups grow by a roll, and every pod is told the new size; the Service still selects the leaders."""
    lws = apply_sample(sets, "sglang.yaml")
    await_whole(lws)
    lws.change(size=4)
    await_whole(lws)
    assert {env_of(pod.document)["LWS_GROUP_SIZE"] for pod in lws.pods()} == {"4"}
    ranks = [env_of(pod.document)["LWS_WORKER_INDEX"] for pod in lws.group(0)]
    assert ranks == ["0", "1", "2", "3"]
    selector = lws.client.get(SERVICES, dict, "sglang-leader", lws.namespace)["spec"]["selector"]
    chosen = [x.name for x in lws.pods() if selector.items() <= x.document["metadata"]["labels"].items()]
    assert chosen == ["sglang-0", "sglang-1"]


# admission.md


def refusals() -> list[tuple[str, str]]:
    """The examples of the guide: a change of the sample as YAML, and what the API server says."""
    text = (GUIDES / "admission.md").read_text()
    return re.findall(r"```yaml\n(.*?)```\n+```text\n(.*?)\n```", text, re.DOTALL)


def test_the_guide_to_refusals_has_examples() -> None:
    assert len(refusals()) >= 8


@pytest.mark.parametrize(("change", "said"), refusals(), ids=lambda text: text.splitlines()[-1].strip())
def test_refusals(sets: Sets, change: str, said: str) -> None:
    """Each example is refused in the very words of the guide. Nothing is created: these are dry runs."""
    lws = load_sample("leaderworkerset.yaml")[0]
    merge(lws, yaml.safe_load(change))
    path = LEADERWORKERSETS.path(sets.namespace)
    body = msgspec.json.encode(lws)
    with pytest.raises(ApiError) as refusal:
        sets.client.connection.request("POST", path, query={"dryRun": "All"}, body=body)
    assert said in refusal.value.message


def merge(document: Document, change: dict[str, Any]) -> None:
    for name, value in change.items():
        if isinstance(value, dict) and isinstance(document.get(name), dict):
            merge(document[name], value)
        else:
            document[name] = value
