"""What the pictures of the dashboard show: sets on hollow nodes, one of them half way in a roll over three
racks, which are one too few for it.
"""

from __future__ import annotations

import contextlib
from typing import Any, Final

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.cli.kinds import DISAGGREGATEDSETS, LEADERWORKERSETS
from lws.kube import resources
from lws.kube.client import Client
from lws.kube.errors import AlreadyExists

NAMESPACE: Final = "inference"
RACK: Final = "example.com/rack"
NODES: Final = 12
RACKED: Final = 6  # of the nodes: two in each rack; the others are a pool of their own
POOL: Final = {"pool": "general"}
ROLLING, CRASHING, WHOLE, ROLES = "llama-70b", "reranker", "embedder", "deepseek"
OLD, NEW = "vllm/vllm-openai:v0.10.0", "vllm/vllm-openai:v0.11.0"
SLOWLY: Final = {"hollow.lws/start-delay": "20s"}

Document = dict[str, Any]


def make(client: Client) -> None:
    """All of it, before anything rolls."""
    for number in range(NODES):
        labels = {RACK: f"rack-{'abc'[number // 2]}"} if number < RACKED else POOL
        client.merge_patch(resources.NODES, dict, f"hollow-{number}", {"metadata": {"labels": labels}})
    with contextlib.suppress(AlreadyExists):
        client.create(resources.NAMESPACES, dict, {"metadata": {"name": NAMESPACE}})
    placed = {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: RACK, c.HISTORY_LIMIT_ANNOTATION: "5"}
    apply(client, lws(ROLLING, OLD, replicas=4, size=4, annotations=placed, unavailable=2))
    apply(client, lws(WHOLE, "tei/embeddings:1.8", replicas=8, size=1))
    apply(client, lws(CRASHING, "reranker:2.1", replicas=3, size=2, faults={"hollow.lws/crash-loop": "true"}))
    apply(client, ds(OLD))


def roll(client: Client) -> None:
    """New images, of which one rolls slowly enough to be looked at."""
    placed = {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: RACK, c.HISTORY_LIMIT_ANNOTATION: "5"}
    apply(client, lws(ROLLING, NEW, replicas=4, size=4, annotations=placed, unavailable=2, faults=SLOWLY))
    apply(client, ds(NEW, faults=SLOWLY))


def lws(
    name: str,
    image: str,
    *,
    replicas: int,
    size: int,
    annotations: dict[str, str] | None = None,
    faults: dict[str, str] | None = None,
    unavailable: int = 1,
) -> Document:
    rolling = {"maxUnavailable": unavailable, "maxSurge": 0}
    return {
        "apiVersion": c.API_VERSION,
        "kind": c.KIND,
        "metadata": {"name": name, "namespace": NAMESPACE, "annotations": annotations or {}},
        "spec": {
            "replicas": replicas,
            "rolloutStrategy": {"type": "RollingUpdate", "rollingUpdateConfiguration": rolling},
            "leaderWorkerTemplate": {
                "size": size,
                "restartPolicy": "None",
                "workerTemplate": _template(image, faults, {} if annotations else POOL),
            },
        },
    }


def ds(image: str, *, faults: dict[str, str] | None = None) -> Document:
    roles = [_role("prefill", 3, image, faults), _role("decode", 4, image, faults)]
    return {
        "apiVersion": d.API_VERSION,
        "kind": d.KIND,
        "metadata": {"name": ROLES, "namespace": NAMESPACE},
        "spec": {"slices": 1, "roles": roles},
    }


def apply(client: Client, document: Document) -> None:
    kind = LEADERWORKERSETS if document["kind"] == c.KIND else DISAGGREGATEDSETS
    client.apply(kind, dict, document, field_manager="scene")


def _role(name: str, replicas: int, image: str, faults: dict[str, str] | None) -> Document:
    rolling = {"type": "RollingUpdate", "rollingUpdateConfiguration": {"maxSurge": 1, "maxUnavailable": 0}}
    template = {"size": 2, "workerTemplate": _template(image, faults, POOL)}
    spec = {"replicas": replicas, "rolloutStrategy": rolling, "leaderWorkerTemplate": template}
    return {"name": name, "spec": spec}


def _template(image: str, faults: dict[str, str] | None, pool: dict[str, str]) -> Document:
    return {
        "metadata": {"annotations": faults or {}},
        "spec": {"nodeSelector": pool, "containers": [{"name": "server", "image": image}]},
    }
