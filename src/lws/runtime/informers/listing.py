"""Lists of a resource: which part of it, in which pages, and item by item out of the body.

One C call that decoded a list of thousands would hold the GIL, and with it every webhook, for hundreds of
milliseconds; so a body is cut into items first, which takes half a millisecond a megabyte, and each item is
decoded on its own. When to list, and what becomes of the objects, may not live here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Generic, NamedTuple

import msgspec
from msgspec import Raw, Struct

from lws.kube.connection import Connection, Stream
from lws.kube.errors import DecodeError, Gone, NotFound, one_line
from lws.kube.lists import PAGE, ListMeta, list_accept
from lws.kube.resources import Resource
from lws.kube.shallow import decoded
from lws.objects import Key, ObjectT
from lws.runtime import logs
from lws.runtime.informers.decoding import Data, Decoder

READ_TIMEOUT = 60.0  # seconds of silence


class Selection(NamedTuple):
    """What is watched: a resource, or the part of it that the namespace and the selectors leave.

    ``accept``: ``PARTIAL_METADATA`` spares the server and the wire all but the metadata, when nothing else is
    read. ``marked``: the server sends bookmarks every minute. Of events it does not: it has no watch cache of
    them, and a watch is silent while there are none. ``off``: what does not work while the server does not
    know the resource, for its one warning; empty: it has to know it.
    """

    resource: Resource
    namespace: str = ""
    label_selector: str = ""
    field_selector: str = ""
    accept: str = "application/json"
    marked: bool = True
    off: str = ""

    @classmethod
    def of(cls, what: Resource | Selection) -> Selection:
        """A resource alone means all of it."""
        return cls(what) if isinstance(what, Resource) else what

    @property
    def path(self) -> str:
        return self.resource.path(self.namespace)

    @property
    def list_accept(self) -> str:
        return list_accept(self.accept)

    def list_query(self) -> dict[str, str]:
        selectors = {"labelSelector": self.label_selector, "fieldSelector": self.field_selector}
        return {name: selector for name, selector in selectors.items() if selector}

    def explain(self, error: Exception) -> str:
        """In one line, why a request for all of it failed, and the remedy where there is one."""
        if not isinstance(error, NotFound):
            return logs.one_line(error)
        resource = self.resource
        if "." not in resource.group:
            return f"{resource.plural} are not served; is this the address of an API server?"
        name = f"{resource.plural}.{resource.group}"
        return (
            f"{name} is not served in version {resource.version}; apply the CustomResourceDefinition {name}"
        )


class Snapshot(Generic[ObjectT]):
    """A list taken in. ``unreadable``: keys of objects that exist but could not be decoded."""

    def __init__(self) -> None:
        self.objects: dict[Key, ObjectT] = {}
        self.unreadable: set[Key] = set()
        self.version = ""

    def add(self, data: Data, decoder: Decoder[ObjectT]) -> None:
        obj, identity = decoder.decode(data)
        if obj is not None:
            self.objects[obj.key] = obj
        elif identity is not None:
            self.unreadable.add(identity.key)

    def remove(self, data: Data, decoder: Decoder[ObjectT]) -> None:
        identity = decoder.decode(data).identity
        if identity is not None:
            self.objects.pop(identity.key, None)
            self.unreadable.discard(identity.key)


class Lister(Generic[ObjectT]):
    """LISTs one selection.

    ``holding`` is entered with each open answer, so that it can be closed from elsewhere.
    """

    def __init__(
        self,
        connection: Connection,
        selection: Selection,
        decoder: Decoder[ObjectT],
        *,
        holding: Callable[[Stream], AbstractContextManager[Any]],
    ) -> None:
        self._connection, self._selection, self._decoder = connection, selection, decoder
        self._holding = holding
        self._page = PAGE

    def list(self, version: str) -> Snapshot[ObjectT]:
        """All objects, not older than ``version`` (``"0"``: any age). Empty: the newest, page by page.

        Raises KubeError.
        """
        snapshot: Snapshot[ObjectT] = Snapshot()
        meta = self._read(snapshot, self._first(version))
        while meta.continue_:
            meta = self._next(snapshot, meta.continue_)
        snapshot.version = meta.resource_version
        self._page = PAGE
        return snapshot

    def _first(self, version: str) -> dict[str, str]:
        if version:  # a limit would keep the server from answering out of its watch cache
            return {"resourceVersion": version}
        return {"limit": str(self._page)} if self._page else {}

    def _next(self, snapshot: Snapshot[ObjectT], token: str) -> ListMeta:
        try:
            return self._read(snapshot, {"limit": str(self._page), "continue": token})
        except Gone:
            self._page = 0  # the token expired between two pages: next time all in one
            raise

    def _read(self, snapshot: Snapshot[ObjectT], query: dict[str, str]) -> ListMeta:
        selection = self._selection
        stream = self._connection.stream(
            selection.path,
            query=query | selection.list_query(),
            read_timeout=READ_TIMEOUT,
            accept=selection.list_accept,
        )
        with stream, self._holding(stream):
            data = b"".join(stream)
        try:
            body = decoded(_split, data)
        except ValueError as error:
            raise DecodeError(
                f"LIST of {selection.path}: not a whole list: {one_line(str(error))}"
            ) from error
        for item in body.items or ():
            snapshot.add(item, self._decoder)
        return body.metadata


class _Body(Struct, frozen=True):
    """The body of one LIST, its items still text: found by one scan in C, decoded one by one afterwards."""

    metadata: ListMeta
    items: list[Raw] | None = None


_split = msgspec.json.Decoder(_Body).decode
