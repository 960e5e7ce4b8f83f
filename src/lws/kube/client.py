"""Typed requests: names and documents in, decoded objects out. No caching, no decisions."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar, cast

import msgspec

from lws.kube.connection import Connection
from lws.kube.errors import DecodeError, one_line
from lws.kube.lists import PAGE, PARTIAL_METADATA, ListMeta, list_accept
from lws.kube.resources import Resource
from lws.kube.shallow import decoded
from lws.objects import Key, version_number

T = TypeVar("T")

APPLY = "application/apply-patch+yaml"  # JSON is YAML
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"


class Survey(NamedTuple):
    """Which objects of a resource there were at the resourceVersion ``at``, and of which version each was."""

    at: int
    versions: Mapping[Key, int]


class _Items(msgspec.Struct):
    """A list, its items still text. Not generic: a parametrised type is one of its own to msgspec, which
    ``prepare_types`` does not know, and two threads that are the first to decode it crash (decision 002).
    """

    items: list[msgspec.Raw] | None = None


class _Named(msgspec.Struct, rename="camel"):
    """Of an object what a survey keeps."""

    class Metadata(msgspec.Struct, rename="camel"):
        name: str
        namespace: str = ""
        resource_version: str = ""

    metadata: Metadata


class _Page(msgspec.Struct):
    """A part of a list of metadata."""

    metadata: ListMeta
    items: list[_Named] | None = None


class _Probe(msgspec.Struct, rename="camel"):
    """Tells what a DELETE was answered with: only an object that lives on has the timestamp."""

    class Metadata(msgspec.Struct, rename="camel"):
        deletion_timestamp: str | None = None

    metadata: Metadata = msgspec.field(default_factory=Metadata)


@cache
def _decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type_)


class Client:
    """The verbs of one API server. Every method raises ApiError, TransportError and DecodeError.

    ``type_`` is what the answer is decoded to: a Struct, ``dict``, or ``msgspec.Raw`` for the bytes.
    Documents are JSON-like and name their object in ``metadata``.
    """

    def __init__(self, connection: Connection, *, field_manager: str = "lws", timeout: float = 120.0) -> None:
        self.connection = connection
        self.timeout = timeout
        self._field_manager = field_manager

    def within(self, timeout: float) -> Client:
        """The same client whose every call, repeats included, ends after ``timeout`` seconds (a lease's)."""
        return Client(self.connection, field_manager=self._field_manager, timeout=timeout)

    def get(self, resource: Resource, type_: type[T], name: str, namespace: str = "") -> T:
        """One object as the server holds it (a quorum read)."""
        path = resource.path(namespace, name)
        return _decode(path, type_, self._request("GET", path))

    def list(
        self,
        resource: Resource,
        type_: type[T],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str | None = None,
    ) -> list[T]:
        """All objects that match. ``resource_version``: None for a quorum read, ``"0"``: the watch cache."""
        path = resource.path(namespace)
        query = {
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
            "resourceVersion": resource_version or "",
        }
        body = self._request("GET", path, query=query)
        return [_decode(path, type_, item) for item in _decode(path, _Items, body).items or ()]

    def survey(self, resource: Resource) -> Survey:
        """All objects of every namespace, by their metadata, page by page; quorum reads of one moment."""
        path, accept = resource.path(), list_accept(PARTIAL_METADATA)
        versions, token = dict[Key, int](), ""
        while True:
            query = {"limit": str(PAGE), "continue": token}
            page = _decode(path, _Page, self._request("GET", path, query=query, accept=accept))
            for one in (x.metadata for x in page.items or ()):
                versions[Key(one.namespace, one.name)] = version_number(one.resource_version)
            token = page.metadata.continue_
            if not token:
                return Survey(version_number(page.metadata.resource_version), versions)

    def create(
        self, resource: Resource, type_: type[T], document: Mapping[str, Any], *, namespace: str = ""
    ) -> T:
        """POST. Never repeated after a lost answer: the object may be there (AlreadyExists next time)."""
        path = resource.path(namespace or document.get("metadata", {}).get("namespace", ""))
        query = {"fieldManager": self._field_manager}
        return _decode(path, type_, self._request("POST", path, document, query=query))

    def apply(
        self,
        resource: Resource,
        type_: type[T],
        document: Mapping[str, Any],
        *,
        field_manager: str | None = None,
        force: bool = True,
        subresource: str = "",
    ) -> T:
        """Server-side apply of a complete document. Idempotent, so repeated once after a lost answer."""
        path = _path_of(resource, document, subresource)
        query = {"fieldManager": field_manager or self._field_manager, "force": "true" if force else "false"}
        body = self._request("PATCH", path, document, query=query, content_type=APPLY, repeats=1)
        return _decode(path, type_, body)

    def replace(
        self, resource: Resource, type_: type[T], document: Mapping[str, Any], *, subresource: str = ""
    ) -> T:
        """PUT. With ``metadata.resourceVersion`` set, Conflict when somebody else wrote meanwhile."""
        path = _path_of(resource, document, subresource)
        query = {"fieldManager": self._field_manager}
        return _decode(path, type_, self._request("PUT", path, document, query=query))

    def merge_patch(
        self,
        resource: Resource,
        type_: type[T],
        name: str,
        patch: Mapping[str, Any],
        *,
        namespace: str = "",
        subresource: str = "",
        strategic: bool = False,
        dry_run: bool = False,
    ) -> T:
        """JSON merge patch; ``metadata.resourceVersion`` or ``uid`` in it makes it conditional.

        ``strategic``: by the rules of a built-in type, where lists such as finalizers merge. ``dry_run``:
        what it would be, and nothing is stored.
        """
        path = resource.path(namespace, name, subresource)
        kind = STRATEGIC_MERGE_PATCH if strategic else MERGE_PATCH
        query = {"fieldManager": self._field_manager, "dryRun": "All" if dry_run else ""}
        body = self._request("PATCH", path, patch, query=query, content_type=kind)
        return _decode(path, type_, body)

    def json_patch(
        self,
        resource: Resource,
        type_: type[T],
        name: str,
        patch: Sequence[Mapping[str, Any]],
        *,
        namespace: str = "",
        dry_run: bool = False,
    ) -> T:
        """JSON patch: its operations one after another, or none of them. ``dry_run``: as ``merge_patch``."""
        path = resource.path(namespace, name)
        query = {"fieldManager": self._field_manager, "dryRun": "All" if dry_run else ""}
        body = self._request("PATCH", path, patch, query=query, content_type=JSON_PATCH)
        return _decode(path, type_, body)

    def delete(
        self,
        resource: Resource,
        type_: type[T],
        name: str,
        *,
        namespace: str = "",
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: str | None = None,
        grace_period: int | None = None,
        dry_run: bool = False,
    ) -> T | None:
        """Delete; the object with its deletionTimestamp while it lives on, None when it is gone.

        The server answers with a Status, or with the last state of what it removed at once (kubernetes
        #59501); both mean gone. With ``uid`` only that object is deleted, else Conflict; repeating is then
        harmless and done once after a lost answer, so NotFound or Conflict may be the echo of a success.
        ``grace_period`` in seconds; ``propagation``: Foreground, Background, Orphan. ``dry_run``: said in the
        options, as the server does not look at the query where there are any.
        """
        preconditions = _present(uid=uid, resourceVersion=resource_version)
        options = {"apiVersion": "v1", "kind": "DeleteOptions"} | _present(
            preconditions=preconditions or None,
            propagationPolicy=propagation,
            gracePeriodSeconds=grace_period,
            dryRun=["All"] if dry_run else None,
        )
        path = resource.path(namespace, name)
        body = self._request("DELETE", path, options, repeats=1 if uid else 0)
        probe = _decode(path, _Probe, body)
        return _decode(path, type_, body) if probe.metadata.deletion_timestamp else None

    def _request(
        self,
        method: str,
        path: str,
        document: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        repeats: int | None = None,
    ) -> bytes:
        return self.connection.request(
            method,
            path,
            query={name: value for name, value in (query or {}).items() if value},
            body=None if document is None else msgspec.json.encode(document),
            content_type=content_type,
            accept=accept,
            timeout=self.timeout,
            repeats=repeats,
        )


def _decode(path: str, type_: type[T], body: bytes | msgspec.Raw) -> T:
    decoder: msgspec.json.Decoder[T] = _decoder(cast(Hashable, type_))
    try:
        return decoded(decoder.decode, body)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise DecodeError(f"{path}: the answer does not decode: {one_line(str(error))}") from error


def _path_of(resource: Resource, document: Mapping[str, Any], subresource: str) -> str:
    metadata = document["metadata"]
    return resource.path(metadata.get("namespace", ""), metadata["name"], subresource)


def _present(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
