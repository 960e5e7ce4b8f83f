"""DRA without a driver: when a pod may use its claims, and what a driver of rack-wide devices publishes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hack.controlplane.hollow_objects import PREFIX, HollowClaim, HollowPod
from lws.kube.client import Client
from lws.kube.resources import Resource

Document = dict[str, Any]
GROUP, VERSION = "resource.k8s.io", "v1"
CLAIMS = Resource(GROUP, VERSION, "resourceclaims", "ResourceClaim")
DEVICE_CLASSES = Resource(GROUP, VERSION, "deviceclasses", "DeviceClass", namespaced=False)
RESOURCE_SLICES = Resource(GROUP, VERSION, "resourceslices", "ResourceSlice", namespaced=False)
DRIVER = "hollow.lws"
DEVICE_CLASS = "rack.hollow.lws"


def claims_of(pod: HollowPod) -> list[str | None]:
    """The names of the claims a pod uses; None for one that nobody has made for it yet."""
    made = {entry.name: entry.resource_claim_name for entry in pod.status.resource_claim_statuses}
    return [entry.resource_claim_name or made.get(entry.name) for entry in pod.spec.resource_claims]


def usable(claim: HollowClaim | None, pod_uid: str) -> bool:
    """Whether a pod may run with a claim: it is allocated, and reserved for this very pod."""
    return (
        claim is not None
        and claim.status.allocation is not None
        and any(entry.uid == pod_uid for entry in claim.status.reserved_for)
    )


def device_class() -> Document:
    """The class of all devices of this driver."""
    selector = {"cel": {"expression": f"device.driver == '{DRIVER}'"}}
    return {
        "apiVersion": DEVICE_CLASSES.api_version,
        "kind": DEVICE_CLASSES.kind,
        "metadata": {"name": DEVICE_CLASS},
        "spec": {"selectors": [selector]},
    }


def rack_slice(rack: str, devices: int) -> Document:
    """What a driver says of the ``devices`` of one rack: every node of the rack can use each of them."""
    term = {"matchExpressions": [{"key": PREFIX + "rack", "operator": "In", "values": [rack]}]}
    return {
        "apiVersion": RESOURCE_SLICES.api_version,
        "kind": RESOURCE_SLICES.kind,
        "metadata": {"name": f"{DRIVER}-{rack}"},
        "spec": {
            "driver": DRIVER,
            "pool": {"name": rack, "generation": 1, "resourceSliceCount": 1},
            "nodeSelector": {"nodeSelectorTerms": [term]},
            "devices": [
                {"name": f"{rack}-device-{number}", "attributes": {"rack": {"string": rack}}}
                for number in range(devices)
            ],
        },
    }


def publish(client: Client, racks: Iterable[str], devices: int) -> None:
    """Make the class and the slices, as a driver does at its start; repeating it changes nothing.

    Raises KubeError.
    """
    client.apply(DEVICE_CLASSES, dict, device_class())
    for rack in racks:
        client.apply(RESOURCE_SLICES, dict, rack_slice(rack, devices))


def withdraw(client: Client, racks: Iterable[str]) -> None:
    """Take back what ``publish`` made. Raises KubeError."""
    for rack in racks:
        client.delete(RESOURCE_SLICES, dict, f"{DRIVER}-{rack}")
    client.delete(DEVICE_CLASSES, dict, DEVICE_CLASS)
