"""Those who are asked: the model of an API server, and a real one. No comparing here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import msgspec

from lws.kube.connection import Connection
from lws.kube.errors import ApiError
from lws.kube.resources import Resource
from lws.kube.watch import split_lines
from support.apimodel.calling import ModelConnection

Document = dict[str, Any]
SILENCE = 60.0
"""Seconds after which a watch that owes an event is given up."""


class Said(NamedTuple):
    """An answer. ``status``: 200 for every success; ``reason``: empty then."""

    status: int
    reason: str
    body: Document


class Asked(NamedTuple):
    """A request, about an object or, where ``name`` is empty, a collection."""

    method: str
    resource: Resource
    namespace: str
    name: str = ""
    subresource: str = ""
    body: Document | None = None
    content_type: str = "application/json"
    query: Mapping[str, str] = {}

    @property
    def path(self) -> str:
        return self.resource.path(self.namespace, self.name, self.subresource)


class Side:
    """An API server behind its connection."""

    def __init__(self, connection: Connection | ModelConnection) -> None:
        self._connection = connection

    def ask(self, asked: Asked) -> Said:
        """One request and its answer."""
        body = None if asked.body is None else msgspec.json.encode(asked.body)
        try:
            answer = self._connection.request(
                asked.method, asked.path, query=asked.query, body=body, content_type=asked.content_type
            )
        except ApiError as error:
            return Said(error.status, error.reason, {"message": error.message, "details": error.details})
        return Said(200, "", msgspec.json.decode(answer))

    @contextmanager
    def watch(self, asked: Asked) -> Iterator[Iterator[Document]]:
        """Its events, as far as they are read. A refusal is told as an event REFUSED."""
        query = {"watch": "true", **asked.query}
        with ExitStack() as stack:
            try:
                watch = self._connection.stream(asked.path, query=query, read_timeout=SILENCE)
                stream = stack.enter_context(watch)
            except ApiError as error:
                yield iter([{"type": "REFUSED", "object": {"code": error.status, "reason": error.reason}}])
                return
            yield (msgspec.json.decode(line) for line in split_lines(stream))
