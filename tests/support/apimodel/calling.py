"""The model as ``lws.kube.connection.Connection`` is to its callers: no threads, no waiting, no repeats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

from lws.kube.errors import api_error
from support.apimodel.answers import Refused, Request, request
from support.apimodel.server import Server


class ModelConnection:
    """``actor``: whose writes are this one's, unless they say so themselves."""

    def __init__(self, server: Server, actor: str = "tests") -> None:
        self.server, self._actor = server, actor

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        **_: Any,
    ) -> bytes:
        """Raises ApiError."""
        return self._answer(self._asked(method, path, query or {}, body, content_type))

    def _answer(self, asked: Request) -> bytes:
        answer = self.server.handle(asked)
        if answer.status >= 300:
            raise api_error(answer.status, answer.headers, answer.body)
        return answer.body

    @contextmanager
    def stream(self, path: str, *, query: Mapping[str, str], **_: Any) -> Iterator[Iterator[bytes]]:
        """What a watch has to tell up to now. Raises ApiError."""
        try:
            feed = self.server.watch(self._asked("GET", path, query))
        except Refused as refused:
            answer = refused.answer
            raise api_error(answer.status, answer.headers, answer.body) from refused
        yield iter(lambda: feed.read() or b"", b"")
        self.server.feeds.remove(feed)

    def _asked(
        self, method: str, path: str, query: Mapping[str, str], body: bytes | None = None, kind: str = ""
    ) -> Request:
        target = f"{path}?{urlencode(query, quote_via=quote)}"
        return request(method, target, body, {"Content-Type": kind}, self._actor)
