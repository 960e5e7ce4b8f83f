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
mid-body), ``drop_answer`` (no answer at all, the request is read), ``silent_answer`` (never answers),
``tunnel_answer`` (a proxy's, to CONNECT) and ``Feed`` (for one request). For anything else write a function:
``exchange.request`` is what came, ``exchange.head/chunk/send/end/drop`` what goes out, and
``exchange.wait(event)`` holds the answer back until the test sets the event (or the server or the client goes
away).

Records. ``server.requests`` lists all requests in order of arrival; ``wait_for(count, method, path,
watch=...)`` blocks until so many came, then returns the matching ones. ``server.connections`` counts accepted
connections. ``close()`` (or leaving the ``with``) ends every connection and thread, and re-raises an error of
an answer.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from support.exchange import (
    Answer,
    Exchange,
    Feed,
    Hangup,
    Request,
    chunked_answer,
    cut_answer,
    drop_answer,
    event_line,
    events_answer,
    json_answer,
    raw_answer,
    silent_answer,
    status_answer,
    status_document,
    tunnel_answer,
)

__all__ = [
    "Answer",
    "ApiServer",
    "Exchange",
    "Feed",
    "Hangup",
    "Request",
    "chunked_answer",
    "cut_answer",
    "drop_answer",
    "event_line",
    "events_answer",
    "json_answer",
    "raw_answer",
    "silent_answer",
    "status_answer",
    "status_document",
    "tunnel_answer",
    "write_kubeconfig",
]


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


TLS_HANDSHAKE = b"\x16"  # the first byte of a ClientHello


class NotHttp(Exception):  # noqa: N818
    """The client speaks TLS to a plain port."""


class ApiServer:
    """See the module's docstring. ``url`` has no trailing slash.

    ``ssl_context`` makes it serve HTTPS; ``port`` is for a server that comes back where another was.
    """

    def __init__(self, *, port: int = 0, ssl_context: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._ssl_context = ssl_context
        self._routes: dict[tuple[str, str, bool | None], list[Answer]] = {}
        self._changed = threading.Condition()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []
        self._listener = socket.create_server(("127.0.0.1", port))
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
                    self._answer(request)(Exchange(connection, request, self.stopping))
        except NotHttp:
            with contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
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


def _read_request(reader: BufferedReader) -> Request | None:
    if reader.peek(1)[:1] == TLS_HANDSHAKE:
        raise NotHttp
    line = reader.readline()
    if not line:
        return None
    method, target, _ = line.decode("latin-1").split()
    headers: dict[str, str] = {}
    while (field := reader.readline().decode("latin-1").strip()) != "":
        name, _, value = field.partition(":")
        name = name.lower()
        headers[name] = f"{headers[name]}, {value.strip()}" if name in headers else value.strip()
    body = reader.read(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    return Request(method, parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), headers, body)
