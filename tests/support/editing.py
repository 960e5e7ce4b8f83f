"""Changing what another may write at the same moment: read, change, write, and again after a conflict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from lws.kube.client import Client
from lws.kube.errors import Conflict
from lws.kube.resources import Resource
from support.waiting import until


def edit(
    client: Client,
    resource: Resource,
    name: str,
    change: Callable[[dict[str, Any]], object],
    *,
    namespace: str = "",
    subresource: str = "",
) -> None:
    """GET, ``change`` in place, PUT, as ``kubectl edit``: from the start when another wrote in between."""
    path = resource.path(namespace, name, subresource)

    def written() -> bool:
        document = msgspec.json.decode(client.connection.request("GET", path))
        change(document)
        try:
            client.replace(resource, dict, document, subresource=subresource)
        except Conflict:
            return False
        return True

    until(f"{resource.plural}/{name} is edited", written)
