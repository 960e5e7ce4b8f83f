"""What the cluster itself takes: as many pods by plain StatefulSets, while no controller of sets runs."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from hack.bench.waiting import NAMESPACE, await_all
from lws.kube.client import Client
from lws.kube.resources import STATEFULSETS

Document = dict[str, Any]


class Floor(NamedTuple):
    """Seconds: until all pods are ready, and until all have been ended and made anew."""

    create: float
    roll: float


def measure_floor(client: Client, *, sets: int, pods: int) -> Floor:
    """Of so many StatefulSets of so many pods each, which stay."""
    began = time.monotonic()
    for name in _names(sets):
        client.create(STATEFULSETS, dict, plain(name, pods, "server:1"))
    await_plain(client)
    made = time.monotonic()
    for count in (0, pods):
        for name in _names(sets):
            patch = {"spec": {"replicas": count}}
            client.merge_patch(STATEFULSETS, dict, name, patch, namespace=NAMESPACE)
        await_plain(client)
    return Floor(made - began, time.monotonic() - made)


def remove_floor(client: Client, *, sets: int) -> None:
    for name in _names(sets):
        client.delete(STATEFULSETS, dict, name, namespace=NAMESPACE)


def _names(sets: int) -> list[str]:
    return [f"floor-{i}" for i in range(sets)]


def await_plain(client: Client) -> None:
    """Until every StatefulSet has the pods that it should have, and no others, all ready."""
    await_all(client, STATEFULSETS, _is_settled)


def _is_settled(one: Document) -> bool:
    status = one.get("status", {})
    wanted = one["spec"]["replicas"]
    return bool(status.get("replicas", 0) == status.get("readyReplicas", 0) == wanted)


def plain(name: str, replicas: int, image: str) -> Document:
    """A StatefulSet of nobody's."""
    labels = {"floor": name}
    containers = [{"name": "server", "image": image, "resources": {"requests": {"cpu": "50m"}}}]
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": replicas,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    }
