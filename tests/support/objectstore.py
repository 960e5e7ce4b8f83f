"""The model of an API server behind the scripted one: some of its collections and objects, over HTTP."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import urlencode

from support.apimodel.answers import Answer, Refused, Request, request
from support.apimodel.server import Server
from support.apimodel.store import Document, Where, changed
from support.apiserver import ApiServer, Exchange
from support.exchange import TICK


class ObjectStore:
    """Objects by collection path and name. ``patches``: names, in the order in which they were accepted."""

    def __init__(self, server: ApiServer) -> None:
        self.patches: list[str] = []
        self._server, self._model = server, Server(lambda: 0.0, streams=False)
        self._changed = threading.Condition()

    def serve(self, path: str, *names: str) -> None:
        """Answer for this collection, and for these objects of it."""
        self._server.on("GET", path, self._answer, watch=False)
        self._server.on("GET", path, self._watch, watch=True)
        for name in names:
            self._server.on("PATCH", f"{path}/{name}", self._answer)

    def put(self, path: str, document: Document) -> None:
        """Create the object or replace it."""
        where = _where(path, document["metadata"]["name"])
        with self._changed:
            if self._model.store.find(where) is None:
                self._model.create(where._replace(name=""), document, "tests")
            else:
                self._model.update(where, document, "tests")
            self._changed.notify_all()

    def get(self, path: str, name: str) -> Document:
        with self._changed:
            found = self._model.store.find(_where(path, name))
            assert found is not None
            return changed(found)

    def delete(self, path: str, name: str) -> None:
        with self._changed:
            self._model.delete(_where(path, name))
            self._changed.notify_all()

    def _answer(self, exchange: Exchange) -> None:
        asked = _asked(exchange)
        with self._changed:
            answer = self._model.handle(asked)
            if asked.writes and answer.status < 300 and asked.where is not None:
                self.patches.append(asked.where.name)
            self._changed.notify_all()
        _send(exchange, answer)

    def _watch(self, exchange: Exchange) -> None:
        try:
            feed = self._model.watch(_asked(exchange))
        except Refused as refused:
            _send(exchange, refused.answer)
            return
        exchange.head()
        while True:
            with self._changed:
                self._changed.wait(TICK)
                lines = list(iter(lambda: feed.read() or b"", b""))
            for line in lines:
                exchange.chunk(line)
            exchange.check()


def _asked(exchange: Exchange) -> Request:
    sent = exchange.request
    headers: dict[str, Any] = {"Content-Type": sent.headers.get("content-type", "")}
    return request(sent.method, f"{sent.path}?{urlencode(sent.query)}", sent.body or None, headers, "tests")


def _where(path: str, name: str) -> Where:
    found = request("GET", f"{path}/{name}", None, {}, "tests").where
    assert found is not None
    return found


def _send(exchange: Exchange, answer: Answer) -> None:
    exchange.head(answer.status, length=len(answer.body))
    exchange.send(answer.body)
