"""Named objects behind the scripted API server: list, watch, and merge patches with optimistic locking.

Knows what certificate rotation needs of an API server: objects selected by ``metadata.name``, watches
from a resourceVersion on, and a 409 for a patch that names another resourceVersion than the present one.
"""

from __future__ import annotations

import copy
import threading
from typing import Any

from support.apiserver import ApiServer, Exchange, event_line, json_answer, status_answer
from support.exchange import TICK


class ObjectStore:
    """Objects by collection path and name."""

    def __init__(self, server: ApiServer) -> None:
        self.patches: list[str] = []  # names, in the order in which patches were accepted
        self.conflicts = 0
        self._server = server
        self._objects: dict[tuple[str, str], dict[str, Any]] = {}
        self._log: list[
            tuple[str, str, dict[str, Any]]
        ] = []  # path, type, object; its index + 1 is the version
        self._changed = threading.Condition()

    def serve(self, path: str, *names: str) -> None:
        """Answer for this collection, and for these objects of it."""
        self._server.on("GET", path, lambda exchange: self._list(path, exchange), watch=False)
        self._server.on("GET", path, lambda exchange: self._watch(path, exchange), watch=True)
        for name in names:
            self._server.on(
                "PATCH", f"{path}/{name}", lambda exchange, name=name: self._patch(path, name, exchange)
            )

    def put(self, path: str, document: dict[str, Any]) -> None:
        """Create the object or replace it."""
        with self._changed:
            self._store(path, copy.deepcopy(document))

    def get(self, path: str, name: str) -> dict[str, Any]:
        with self._changed:
            return copy.deepcopy(self._objects[path, name])

    def delete(self, path: str, name: str) -> None:
        with self._changed:
            gone = self._objects.pop((path, name))
            self._append(path, "DELETED", gone)

    def _store(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        key = path, document["metadata"]["name"]
        kind = "MODIFIED" if key in self._objects else "ADDED"
        document["metadata"].setdefault("uid", f"uid-{len(self._log)}")
        self._objects[key] = document
        self._append(path, kind, document)
        return document

    def _append(self, path: str, kind: str, document: dict[str, Any]) -> None:
        document["metadata"]["resourceVersion"] = str(len(self._log) + 1)
        self._log.append((path, kind, copy.deepcopy(document)))
        self._changed.notify_all()

    def _list(self, path: str, exchange: Exchange) -> None:
        with self._changed:
            items = [x for (at, _), x in self._objects.items() if at == path and _selected(exchange, x)]
            body = {"metadata": {"resourceVersion": str(len(self._log))}, "items": copy.deepcopy(items)}
        json_answer(body)(exchange)

    def _watch(self, path: str, exchange: Exchange) -> None:
        if "sendInitialEvents" in exchange.request.query:
            status_answer(422, "Invalid", "no streaming lists here")(exchange)
            return
        position = int(exchange.request.query["resourceVersion"])
        exchange.head()
        while True:
            with self._changed:
                self._changed.wait(TICK)
                news, position = self._log[position:], len(self._log)
            for at, kind, document in news:
                if at == path and _selected(exchange, document):
                    exchange.chunk(event_line(kind, document))
            exchange.check()

    def _patch(self, path: str, name: str, exchange: Exchange) -> None:
        patch = exchange.request.json()
        with self._changed:
            present = self._objects.get((path, name))
            wanted = patch["metadata"].pop("resourceVersion")
            if present is None:
                answer = status_answer(404, "NotFound", "gone")
            elif present["metadata"]["resourceVersion"] != wanted:
                self.conflicts += 1
                answer = status_answer(409, "Conflict", "the object has been modified")
            else:
                self.patches.append(name)
                answer = json_answer(copy.deepcopy(self._store(path, _merged(present, patch))))
        answer(exchange)


def _selected(exchange: Exchange, document: dict[str, Any]) -> bool:
    return exchange.request.query["fieldSelector"] == f"metadata.name={document['metadata']['name']}"


def _merged(present: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """RFC 7386, without deletions."""
    merged = copy.deepcopy(present)
    for name, value in patch.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = _merged(merged[name], value) if both else value
    return merged
