"""Namespaces of their own for tests that share one cluster."""

from __future__ import annotations

import itertools

from lws.kube.client import Client
from lws.kube.resources import NAMESPACES, Resource
from support.sets import exists
from support.waiting import until

SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
NUMBERS = itertools.count(1)


def make_namespace(client: Client, name: str = "") -> str:
    """The name of a new one in which pods can be made: they need its default ServiceAccount."""
    name = name or f"test-{next(NUMBERS)}"
    client.create(NAMESPACES, dict, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    until(f"the ServiceAccount of {name}", lambda: exists(client, SERVICE_ACCOUNTS, "default", name))
    return name
