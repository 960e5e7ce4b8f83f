"""Other parts of the cluster end and come back: API server, etcd, kubelets, a pod that will not go."""

from __future__ import annotations

import time

from hack.controlplane import layout, lifecycle
from lws.kube.client import Client
from lws.kube.resources import NODES, PODS
from support.recovery.arena import Desk, Fault

HELD = "example.com/held"


def api_server(arena: Desk) -> float:
    """Killed right after the edit; the manager finds nobody until it is healthy again."""
    arena.grow()
    arena.cluster.kill(layout.APISERVER)
    arena.proxy.refuse()
    arena.hold()
    arena.cluster.start(layout.APISERVER)
    arena.proxy.heal()
    return time.time()


def etcd(arena: Desk) -> float:
    arena.grow()
    arena.cluster.kill(layout.ETCD)
    arena.hold()
    arena.cluster.start(layout.ETCD)
    settings = arena.cluster.settings
    pid = int(layout.pid_file(settings.path, layout.APISERVER).read_text())
    lifecycle.await_healthy(settings, {layout.APISERVER: pid})
    return time.time()


def nodes(arena: Desk) -> float:
    """All of them; kube-controller-manager notices only after 50 seconds, so no pod is evicted."""
    say_dead(arena.client, "true")
    arena.grow()
    arena.hold()
    say_dead(arena.client, None)
    return time.time()


def say_dead(client: Client, value: str | None) -> None:
    for node in client.list(NODES, dict):
        patch = {"metadata": {"annotations": {"hollow.lws/dead": value}}}
        client.merge_patch(NODES, dict, node["metadata"]["name"], patch)


def terminating(arena: Desk) -> float:
    """A worker of each set is deleted and held by somebody's finalizer."""
    for one in arena.lives:
        hold_pod(arena.client, arena.namespace, f"{one.name}-0-1", [HELD])
        one.delete_pod(f"{one.name}-0-1")
    arena.hold()
    for one in arena.lives:
        hold_pod(arena.client, arena.namespace, f"{one.name}-0-1", None)
    return time.time()


def hold_pod(client: Client, namespace: str, name: str, finalizers: list[str] | None) -> None:
    patch = {"metadata": {"finalizers": finalizers}}
    client.merge_patch(PODS, dict, name, patch, namespace=namespace)


FAULTS = (
    Fault("API server killed", "it is healthy again", api_server),
    Fault("etcd killed", "etcd and API server are healthy again", etcd),
    Fault("all nodes dead", "they are back", nodes),
    Fault("a worker stuck Terminating", "its finalizer is gone", terminating),
)
