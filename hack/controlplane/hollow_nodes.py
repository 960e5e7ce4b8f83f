"""The Node and Lease documents of hollow nodes, and which of them are dead."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from hack.controlplane.hollow_objects import PREFIX
from hack.controlplane.hollow_server import ADDRESS
from hack.controlplane.hollow_status import timestamp
from lws.objects import Condition, KubeObject

Document = dict[str, Any]
LEASE_NAMESPACE = "kube-node-lease"
NODES_PER_RACK = 2
NODES_PER_ZONE = 4
LEASE_SECONDS = 40  # what a kubelet asks for; kube-controller-manager waits 50 s for a sign of life
RESOURCES = {
    "cpu": "1000",
    "memory": "4Ti",
    "ephemeral-storage": "4Ti",
    "pods": "5000",
    "google.com/tpu": "10000",
    "nvidia.com/gpu": "10000",
}
NODE_INFO = {
    "machineID": "",
    "systemUUID": "",
    "bootID": "",
    "kernelVersion": "",
    "osImage": "",
    "kubeProxyVersion": "",
    "operatingSystem": "linux",
    "architecture": "amd64",
    "kubeletVersion": "v0.0.0-hollow",
    "containerRuntimeVersion": "hollow://",
}
HEALTHY = {
    "Ready": ("True", "KubeletReady"),
    "MemoryPressure": ("False", "KubeletHasSufficientMemory"),
    "DiskPressure": ("False", "KubeletHasNoDiskPressure"),
    "PIDPressure": ("False", "KubeletHasSufficientPID"),
}


class Endpoint(Struct, frozen=True, gc=False, rename="pascal"):
    port: int = 0


class DaemonEndpoints(Struct, frozen=True, gc=False, rename="camel"):
    kubelet_endpoint: Endpoint = Endpoint()


class NodeStatus(Struct, frozen=True, gc=False, rename="camel"):
    conditions: tuple[Condition, ...] = ()
    daemon_endpoints: DaemonEndpoints = DaemonEndpoints()


class HollowNode(KubeObject, frozen=True, gc=False, rename="camel"):
    status: NodeStatus = NodeStatus()

    @property
    def dead(self) -> bool:
        """Whether the test wants this node to have lost its kubelet."""
        return self.annotations.get(PREFIX + "dead") == "true"

    @property
    def port(self) -> int:
        """Where its kubelet listens, as the API server was told."""
        return self.status.daemon_endpoints.kubelet_endpoint.port

    @property
    def ready(self) -> bool:
        return any(entry.type == "Ready" and entry.status == "True" for entry in self.status.conditions)


def rack_names(nodes: int) -> list[str]:
    return [f"rack-{number}" for number in range(-(-nodes // NODES_PER_RACK))]


def node_names(count: int) -> list[str]:
    return [f"hollow-{number}" for number in range(count)]


def host_address(name: str) -> str:
    number = int(name.rpartition("-")[2])
    return f"10.127.{number // 250}.{number % 250 + 1}"


def node_document(name: str, *, now: datetime, port: int) -> Document:
    """A Node in a rack of two and a zone of four, with room for thousands of pods."""
    number = int(name.rpartition("-")[2])
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/region": "region-0",
        "topology.kubernetes.io/zone": f"zone-{number // NODES_PER_ZONE}",
        PREFIX + "rack": f"rack-{number // NODES_PER_RACK}",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "status": status_document(name, now=now, port=port),
    }


def status_document(name: str, *, now: datetime, port: int) -> Document:
    moment = timestamp(now)
    conditions = [
        {
            "type": type_,
            "status": status,
            "reason": reason,
            "lastHeartbeatTime": moment,
            "lastTransitionTime": moment,
        }
        for type_, (status, reason) in HEALTHY.items()
    ]
    addresses = [
        {"type": "InternalIP", "address": host_address(name)},
        {"type": "Hostname", "address": name},
        {"type": "ExternalIP", "address": ADDRESS},  # by which the API server reaches the kubelet
    ]
    return {
        "capacity": RESOURCES,
        "allocatable": RESOURCES,
        "conditions": conditions,
        "addresses": addresses,
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        "nodeInfo": NODE_INFO,
    }


def lease_document(name: str, *, owner_uid: str, now: datetime) -> Document:
    """The node's Lease, owned by the Node so that it goes with it."""
    owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": owner_uid}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": LEASE_NAMESPACE, "ownerReferences": [owner]},
        "spec": {
            "holderIdentity": name,
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": micro_timestamp(now),
        },
    }


def micro_timestamp(now: datetime) -> str:
    """The form of ``MicroTime``, which leases use."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
