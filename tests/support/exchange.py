"""One exchange of the scripted API server, and the answers it can give: see ``support.apiserver``.

Tests import everything from there.
"""

from __future__ import annotations

import json
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

TICK = 0.01  # seconds between looks at whether somebody left, while an answer waits
REASONS = {
    200: "OK",
    201: "Created",
    404: "Not Found",
    409: "Conflict",
    410: "Gone",
    429: "Too Many Requests",
}


@dataclass(frozen=True)
class Request:
    """What came in. ``path`` as sent (percent-encoded), ``query`` decoded, header names in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def watch(self) -> bool:
        return self.query.get("watch") in {"true", "1"}

    def json(self) -> Any:
        return json.loads(self.body)


class Hangup(Exception):  # noqa: N818 - it ends a connection, it is no fault of the test
    """Raised inside an answer: this connection is over."""


class Exchange:
    """One request and the means to answer it. Every call may raise Hangup when the client is gone."""

    def __init__(self, connection: socket.socket, request: Request, stopping: threading.Event) -> None:
        self.request = request
        self._stopping = stopping
        self._connection = connection
        self._chunked = False

    @property
    def client(self) -> str:
        """Who asks, by the common name in its certificate; empty for nobody."""
        peer: Any = self._connection.getpeercert() if isinstance(self._connection, ssl.SSLSocket) else None
        return str(dict(x[0] for x in peer["subject"])["commonName"]) if peer else ""

    def head(
        self, status: int = 200, headers: Mapping[str, str] | None = None, *, length: int | None = None
    ) -> None:
        """Send the status line and headers; without ``length`` the body is chunked."""
        self._chunked = length is None
        fields = {"Content-Type": "application/json", **(headers or {})}
        fields |= {"Transfer-Encoding": "chunked"} if length is None else {"Content-Length": str(length)}
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        self.send("\r\n".join([*lines, "", ""]).encode())

    def send(self, data: bytes) -> None:
        """Send raw bytes."""
        try:
            self._connection.sendall(data)
        except OSError as error:
            raise Hangup from error

    def chunk(self, data: bytes) -> None:
        """Send one chunk of a chunked body."""
        if data:
            self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> None:
        """End the body properly; the connection stays open for the next request."""
        if self._chunked:
            self.send(b"0\r\n\r\n")

    def drop(self, *, reset: bool = False) -> None:
        """Close the connection at once; ``reset``: with RST instead of FIN."""
        if reset:
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Hangup

    def tunnel(self, port: int) -> None:
        """Pass on what comes from either side, until one of them ends."""
        client = self._connection
        with socket.create_connection(("127.0.0.1", port)) as server:
            while not self._stopping.is_set():
                buffered = isinstance(client, ssl.SSLSocket) and client.pending()
                readable = [client] if buffered else select.select([client, server], [], [], 1.0)[0]
                for source in readable:
                    if not (data := source.recv(65536)):
                        raise Hangup
                    (server if source is client else client).sendall(data)

    @property
    def client_gone(self) -> bool:
        """True when the client closed its end (it never pipelines, so readable means end of file)."""
        try:
            readable, _, _ = select.select([self._connection], [], [], 0)
            if not readable:
                return False
            if isinstance(self._connection, ssl.SSLSocket):
                return True
            return self._connection.recv(1, socket.MSG_PEEK) == b""
        except (OSError, ValueError):
            return True

    def check(self) -> None:
        """Raise Hangup when the server stops or the client is gone."""
        if self._stopping.is_set() or self.client_gone:
            raise Hangup

    def wait(self, event: threading.Event) -> None:
        """Hold the answer back until ``event`` is set."""
        while not event.wait(TICK):
            self.check()


Answer = Callable[[Exchange], None]


def raw_answer(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """A whole answer of these bytes with a Content-Length."""

    def answer(exchange: Exchange) -> None:
        exchange.head(status, headers, length=len(body))
        exchange.send(body)

    return answer


def json_answer(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """A whole JSON answer."""
    return raw_answer(json.dumps(document).encode(), status, headers)


def status_document(code: int, reason: str = "", message: str = "", **details: Any) -> dict[str, Any]:
    """A ``metav1.Status``: Success below 400, else Failure."""
    outcome = "Success" if code < 400 else "Failure"
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": outcome, "code": code}
    return status | {"reason": reason, "message": message, "details": details}


def tunnel_answer(port: int) -> Answer:
    """Of a proxy, to CONNECT: a way to the server at this port."""

    def answer(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 Connected\r\n\r\n")
        exchange.tunnel(port)

    return answer


def status_answer(
    code: int,
    reason: str = "",
    message: str = "",
    *,
    headers: Mapping[str, str] | None = None,
    **details: Any,
) -> Answer:
    """A Status as the whole answer, with its code as the HTTP status."""
    return json_answer(status_document(code, reason, message, **details), code, headers)


def chunked_answer(chunks: Iterable[bytes], headers: Mapping[str, str] | None = None) -> Answer:
    """A chunked 200 answer whose chunks are exactly these."""
    pieces = list(chunks)

    def answer(exchange: Exchange) -> None:
        exchange.head(200, headers)
        for piece in pieces:
            exchange.chunk(piece)
        exchange.end()

    return answer


def event_line(type_: str, document: Any) -> bytes:
    """One line of a watch."""
    return json.dumps({"type": type_, "object": document}).encode() + b"\n"


def events_answer(*events: tuple[str, Any]) -> Answer:
    """A watch that delivers these (type, object) pairs, one per chunk, and ends properly."""
    return chunked_answer(event_line(type_, document) for type_, document in events)


def cut_answer(body: bytes, *, promised: int, status: int = 200, reset: bool = False) -> Answer:
    """Promise ``promised`` bytes, send ``body``, and die."""

    def answer(exchange: Exchange) -> None:
        exchange.head(status, length=promised)
        exchange.send(body)
        exchange.drop(reset=reset)

    return answer


def drop_answer(*, reset: bool = False) -> Answer:
    """Read the request and close without a byte of answer: the write may or may not have happened."""
    return lambda exchange: exchange.drop(reset=reset)


def silent_answer() -> Answer:
    """Never answer; the connection stays open until the client or the server ends it."""
    return lambda exchange: exchange.wait(threading.Event())


class Feed:
    """The answer to one watch, driven live by the test from any thread.

    ``opened`` is set when the request came (``request`` then holds it), ``closed`` when the exchange is over
    for whatever reason. What is fed before the request comes is kept.
    """

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.closed = threading.Event()
        self.request: Request | None = None
        self._steps: SimpleQueue[Callable[[Exchange], None] | None] = SimpleQueue()

    def send(self, data: bytes) -> None:
        """Send these bytes as one chunk."""
        self._steps.put(lambda exchange: exchange.chunk(data))

    def event(self, type_: str, document: Any) -> None:
        """Send one watch event as one chunk."""
        self.send(event_line(type_, document))

    def end(self) -> None:
        """End the body properly, as the server does at timeoutSeconds."""
        self._steps.put(Exchange.end)
        self._steps.put(None)

    def drop(self, *, reset: bool = False) -> None:
        """Let the connection die mid-body."""
        self._steps.put(lambda exchange: exchange.drop(reset=reset))

    def __call__(self, exchange: Exchange) -> None:
        self.request = exchange.request
        try:
            exchange.head(200)
            self.opened.set()
            while (step := self._next_step(exchange)) is not None:
                step(exchange)
        finally:
            self.closed.set()

    def _next_step(self, exchange: Exchange) -> Callable[[Exchange], None] | None:
        while True:
            try:
                return self._steps.get(timeout=TICK)
            except Empty:
                exchange.check()
