"""A scripted API server on a real socket: HTTP/1.1, keep-alive, chunked answers, faults on demand.

It knows nothing of Kubernetes beyond the shape of a Status; a test says what each method and path gets::

    with ApiServer() as server:
        server.on("GET", "/api/v1/pods", json_answer({"items": []}))     # the last answer repeats
        server.on("POST", "/api/v1/pods", status_answer(429, headers={"Retry-After": "1"}), json_answer(pod))
        feed = Feed()                                                    # a watch driven by the test
        server.on("GET", "/api/v1/pods", feed, watch=True)
        ...connect to server.url (or write_kubeconfig(directory, server.url))...
        feed.event("ADDED", pod)              # one JSON line in one chunk
        feed.send(b'{"type":"MOD')            # any bytes, as one chunk
        feed.end()                            # a proper end; feed.drop(): the connection dies mid-body
        assert server.wait_for(2, "POST")[0].json() == pod

Routes. ``on(method, path, *answers, watch=None)``: answers are used in order, the last one for ever.
``path`` is compared with the percent-encoded path as sent, without the query. ``watch=True`` matches only
requests with ``watch=true|1`` in the query, ``False`` only those without, ``None`` both (and yields to a
route that is more exact). Calling ``on`` again for the same route replaces it. A request without a route is
answered 404 NotFound.

Answers are callables ``(Exchange) -> None``. Ready-made: ``json_answer``, ``status_answer``, ``raw_answer``,
``chunked_answer`` (chunks exactly as given), ``events_answer`` (a finished watch), ``cut_answer`` (dies
mid-body), ``drop_answer`` (no answer at all, the request is read), ``silent_answer`` (never answers) and
``Feed`` (for one request). For anything else write a function: ``exchange.request`` is what came,
``exchange.head/chunk/send/end/drop`` what goes out, ``exchange.wait(event)`` holds the answer back until the
test sets the event (or the server or the client goes away).

Records. ``server.requests`` lists all requests in order of arrival; ``wait_for(count, method, path,
watch=...)`` blocks until so many came, then returns the matching ones. ``server.connections`` counts accepted
connections. ``close()`` (or leaving the ``with``) ends every connection and thread, and re-raises an error of
an answer.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, urlsplit

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

    def __init__(self, server: ApiServer, connection: socket.socket, request: Request) -> None:
        self.request = request
        self._server = server
        self._connection = connection
        self._chunked = False

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
        if self._server.stopping.is_set() or self.client_gone:
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


def write_kubeconfig(
    directory: Path, url: str, *, user: Mapping[str, Any] | None = None, **cluster: Any
) -> str:
    """A kubeconfig for ``url`` in ``directory``; ``cluster`` and ``user`` add members. Returns its path."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": {"server": url, **cluster}}],
        "users": [{"name": "test", "user": dict(user or {})}],
    }
    path = directory / "kubeconfig"
    path.write_text(json.dumps(document))
    return str(path)


class ApiServer:
    """See the module's docstring. ``ssl_context`` makes it serve HTTPS; ``url`` has no trailing slash."""

    def __init__(self, *, ssl_context: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._ssl_context = ssl_context
        self._routes: dict[tuple[str, str, bool | None], list[Answer]] = {}
        self._changed = threading.Condition()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if ssl_context else 'http'}://127.0.0.1:{self.port}"
        self._spawn(self._accept)

    def __enter__(self) -> ApiServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def on(self, method: str, path: str, *answers: Answer, watch: bool | None = None) -> None:
        """Script the answers of one route."""
        with self._changed:
            self._routes[(method, path, watch)] = list(answers)

    def matching(
        self, method: str | None = None, path: str | None = None, *, watch: bool | None = None
    ) -> list[Request]:
        """The requests so far that match; None matches everything."""
        wanted = (method, path, watch)
        return [
            request
            for request in list(self.requests)
            if all(w in (None, got) for w, got in zip(wanted, (request.method, request.path, request.watch)))  # noqa: B905
        ]

    def wait_for(
        self,
        count: int,
        method: str | None = None,
        path: str | None = None,
        *,
        watch: bool | None = None,
        timeout: float = 10.0,
    ) -> list[Request]:
        """Block until ``count`` matching requests came; AssertionError after ``timeout`` seconds."""
        with self._changed:
            enough = self._changed.wait_for(
                lambda: len(self.matching(method, path, watch=watch)) >= count, timeout
            )
        found = self.matching(method, path, watch=watch)
        assert enough, f"waited {timeout} s for {count} x {method} {path}, got {len(found)}: {self.requests}"
        return found

    def close(self) -> None:
        """Stop; idempotent."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        with self._changed:
            for connection in self._sockets:
                _shut(connection)
        _shut(self._listener)
        self._listener.close()
        for thread in list(self._threads):
            thread.join(10.0)
            assert not thread.is_alive(), f"{thread.name} does not end"
        if self._errors:
            raise self._errors[0]

    def _spawn(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name=f"apiserver-{target.__name__}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._spawn(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._ssl_context is not None:
                connection = self._wrap(connection, self._ssl_context)
            with self._tracked(connection), connection.makefile("rb") as reader:
                while (request := _read_request(reader)) is not None:
                    self._answer(request)(Exchange(self, connection, request))
        except (Hangup, OSError):
            pass
        except BaseException as error:  # noqa: BLE001 - the test's own mistake: close() raises it
            self._errors.append(error)
        finally:
            connection.close()

    def _wrap(self, connection: socket.socket, context: ssl.SSLContext) -> socket.socket:
        with self._tracked(connection):
            return context.wrap_socket(connection, server_side=True)

    @contextlib.contextmanager
    def _tracked(self, connection: socket.socket) -> Iterator[None]:
        """Let close() end this connection while the block runs."""
        with self._changed:
            self._sockets.add(connection)
            if self.stopping.is_set():
                _shut(connection)
        try:
            yield
        finally:
            with self._changed:
                self._sockets.discard(connection)

    def _answer(self, request: Request) -> Answer:
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
            for watch in (request.watch, None):
                answers = self._routes.get((request.method, request.path, watch))
                if answers:
                    return answers.pop(0) if len(answers) > 1 else answers[0]
        return status_answer(404, "NotFound", f"no route for {request.method} {request.path}")


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _read_request(reader: BinaryIO) -> Request | None:
    line = reader.readline()
    if not line:
        return None
    method, target, _ = line.decode("latin-1").split()
    headers: dict[str, str] = {}
    while (field := reader.readline().decode("latin-1").strip()) != "":
        name, _, value = field.partition(":")
        headers[name.lower()] = value.strip()
    body = reader.read(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    return Request(method, parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), headers, body)
