"""Quotas of a namespace: the simplest way to have the API server refuse what a controller makes."""

from __future__ import annotations

from lws.kube.client import Client
from lws.kube.resources import Resource
from support.waiting import until

QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota")


def quota(client: Client, namespace: str, hard: dict[str, str]) -> None:
    """So many of some kinds may be made."""
    document = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "some", "namespace": namespace},
        "spec": {"hard": hard},
    }
    client.create(QUOTAS, dict, document)

    def counts() -> bool:
        return bool(client.get(QUOTAS, dict, "some", namespace).get("status", {}).get("hard"))

    until("the quota to count", counts, bool)
