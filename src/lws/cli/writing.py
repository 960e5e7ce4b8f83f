"""All that commands write goes through here, so that none of them can forget a dry run.

What is written, and what is said of it, is the commands'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from lws.kube.client import Client
from lws.kube.connection import Connection
from lws.kube.resources import Resource
from lws.objects import KubeObject
from lws.planning.actions import Document

T = TypeVar("T")

NONE, CLIENT, SERVER = "none", "client", "server"
_SAID: Final = {NONE: "", CLIENT: " (dry run)", SERVER: " (server dry run)"}


def said(dry_run: str) -> str:
    """What the line of something done ends in, as kubectl's does."""
    return _SAID[dry_run]


class Reader(Protocol):
    """What commands have of the client: nothing that writes."""

    @property
    def connection(self) -> Connection: ...

    @property
    def timeout(self) -> float: ...

    def get(self, resource: Resource, type_: type[T], name: str, namespace: str = "") -> T: ...

    def list(
        self,
        resource: Resource,
        type_: type[T],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
    ) -> list[T]: ...


class Writer(NamedTuple):
    """``dry_run``: ``client``: nothing is sent; ``server``: the server tries everything, and stores nothing.

    Raises ApiError and TransportError, where something is sent.
    """

    client: Client
    dry_run: str = NONE

    def merge_patch(
        self, resource: Resource, name: str, patch: Mapping[str, Any], *, namespace: str
    ) -> Document | None:
        """What the object is then, or would be; None: nobody was asked."""
        if self.dry_run == CLIENT:
            return None
        return self.client.merge_patch(
            resource, dict, name, patch, namespace=namespace, dry_run=self.dry_run == SERVER
        )

    def json_patch(self, resource: Resource, one: KubeObject, patch: Sequence[Document]) -> None:
        if self.dry_run != CLIENT:
            self.client.json_patch(
                resource, dict, one.name, patch, namespace=one.namespace, dry_run=self.dry_run == SERVER
            )

    def delete(self, resource: Resource, one: KubeObject) -> None:
        """That very object, and before it whatever it owns."""
        if self.dry_run != CLIENT:
            self.client.delete(
                resource,
                dict,
                one.name,
                namespace=one.namespace,
                uid=one.uid,
                propagation="Foreground",
                dry_run=self.dry_run == SERVER,
            )
