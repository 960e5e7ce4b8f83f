"""Devices that racks of nodes have in common, published as a driver would (resource.k8s.io/v1)."""

from __future__ import annotations

from typing import Any

from lws.kube.client import Client
from lws.kube.resources import NODES, RESOURCE_CLAIM_TEMPLATES, RESOURCE_CLAIMS, Resource

Document = dict[str, Any]
API_VERSION = "resource.k8s.io/v1"
CLASSES = Resource("resource.k8s.io", "v1", "deviceclasses", "DeviceClass", namespaced=False)
SLICES = Resource("resource.k8s.io", "v1", "resourceslices", "ResourceSlice", namespaced=False)
RACK_LABEL = "hollow.lws/rack"  # two hollow nodes each


class Racks:
    """A device class, called like its driver, and what racks have of it."""

    def __init__(self, client: Client, driver: str) -> None:
        self._client, self._driver = client, driver
        self._made: list[str] = []
        selector = {"cel": {"expression": f'device.driver == "{driver}"'}}
        document = {
            "apiVersion": API_VERSION,
            "kind": "DeviceClass",
            "metadata": {"name": driver},
            "spec": {"selectors": [selector]},
        }
        client.create(CLASSES, dict, document)

    def publish(self, rack: int, devices: int = 1) -> None:
        """So many devices, usable from all nodes of ``rack-<rack>`` and from no others."""
        name = f"{self._driver}-{rack}"
        at = {"key": RACK_LABEL, "operator": "In", "values": [f"rack-{rack}"]}
        spec = {
            "driver": self._driver,
            "pool": {"name": name, "generation": 1, "resourceSliceCount": 1},
            "nodeSelector": {"nodeSelectorTerms": [{"matchExpressions": [at]}]},
            "devices": [{"name": f"device-{x}"} for x in range(devices)],
        }
        document = {
            "apiVersion": API_VERSION,
            "kind": "ResourceSlice",
            "metadata": {"name": name},
            "spec": spec,
        }
        self._client.create(SLICES, dict, document)
        self._made.append(name)

    def clear(self) -> None:
        for name in self._made:
            self._client.delete(SLICES, dict, name)
        self._client.delete(CLASSES, dict, self._driver)

    def template(self, namespace: str, name: str = "rack") -> None:
        """A ResourceClaimTemplate for one device."""
        request = {"name": "device", "exactly": {"deviceClassName": self._driver}}
        document = {
            "apiVersion": API_VERSION,
            "kind": "ResourceClaimTemplate",
            "metadata": {"name": name},
            "spec": {
                "metadata": {"labels": {"made-from": name}},
                "spec": {"devices": {"requests": [request]}},
            },
        }
        self._client.create(RESOURCE_CLAIM_TEMPLATES, dict, document, namespace=namespace)


def claims_of(client: Client, namespace: str) -> dict[str, set[str]]:
    """The claims in a namespace by name, each with the UIDs of the pods that it is reserved for."""
    found = client.list(RESOURCE_CLAIMS, dict, namespace)
    return {
        x["metadata"]["name"]: {user["uid"] for user in x.get("status", {}).get("reservedFor", ())}
        for x in found
    }


def racks_of_nodes(client: Client) -> dict[str, str]:
    """By the names of nodes."""
    found = client.list(NODES, dict)
    return {x["metadata"]["name"]: x["metadata"]["labels"][RACK_LABEL] for x in found}
