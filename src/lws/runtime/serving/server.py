"""A small HTTP/1.1 server for WSGI applications, with or without TLS, on cheroot.

What it adds to cheroot: a connection costs a thread only while a request is being read and answered (not
while it is idle, and not while a client takes its time before or after the TLS handshake), a request must
arrive within a time limit, an answer leaves in one write, and nothing is printed. Applications (health,
metrics, webhooks) live elsewhere; they bound the bodies they read.
"""

from __future__ import annotations

import logging
import math
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from threading import Thread
from typing import Any

from cheroot import errors, wsgi
from cheroot.server import HTTPConnection, HTTPRequest
from cheroot.ssl import Adapter

from lws.runtime.logs import get_logger
from lws.runtime.serving.io import REQUEST_TIMEOUT, Reader, Writer

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# Longer than the 90 s after which Go's clients (kube-apiserver) drop an idle connection: the side that
# sends must be the one that closes, or a request meets a closing connection and fails.
IDLE_TIMEOUT = 120
MAX_HEADER_BYTES = 64 * 1024
MAX_CONNECTIONS = 1024

QUIET = 0.5  # seconds without a request after which nobody is taken to be about to send one

_log = get_logger("http")


class BindError(OSError):
    """The address cannot be listened on; the text is one line that names it."""


class HttpServer:
    """Serves ``app`` on ``host``:``port`` with ``threads`` threads once started; safe to stop twice.

    ``host`` ``""`` means every address, IPv4 and IPv6. ``port`` 0 asks for a free one; ``port`` is the
    real one after ``start``. The ``ssl_context`` may change its certificate while serving.
    ``drain`` bounds, in seconds, how long ``stop`` waits for requests under way, and ``leave`` how long it
    goes on before that, closing connections with their next answer, while there are requests: a client that
    keeps connections must not find one closed just when it sends.
    """

    def __init__(
        self,
        app: WsgiApp,
        *,
        host: str,
        port: int,
        ssl_context: ssl.SSLContext | None = None,
        threads: int,
        name: str,
        drain: int = 10,
        leave: float = 0.0,
    ) -> None:
        self.name = name
        self._leave = leave
        self.port = port
        self._host = host or ("::" if socket.has_dualstack_ipv6() else "0.0.0.0")
        self._server = _Server((self._host, port), app, threads=threads, name=name, drain=drain)
        if ssl_context is not None:
            ssl_context.set_alpn_protocols(["http/1.1"])
            self._server.ssl_adapter = _TlsAdapter(ssl_context)
        self._thread: Thread | None = None

    @property
    def alive(self) -> bool:
        """Whether it serves: started, not stopped, and its accepting thread has not died."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Listen and serve; returns once connections are accepted. Raises BindError."""
        listening: Future[int] = Future()
        # The workers are started by this thread and inherit that it is a daemon: no request that hangs
        # can keep the process from ending.
        self._thread = Thread(target=self._serve, args=(listening,), name=self.name, daemon=True)
        self._thread.start()
        self.port = listening.result()

    def stop(self) -> None:
        """Take leave of clients, accept no more, let requests under way finish, close everything."""
        self._server.take_leave(self._leave)
        self._server.stop()
        if self._thread is not None:
            self._thread.join()

    def _serve(self, listening: Future[int]) -> None:
        try:
            self._server.prepare()
        except OSError as error:
            reason = "address already in use" if "in use" in str(error) else str(error)
            listening.set_exception(
                BindError(f"{self.name}: cannot listen on port {self.port} of {self._host}: {reason}")
            )
            return
        listening.set_result(self._server.bind_addr[1])
        try:
            self._server.serve()
        except BaseException:  # noqa: BLE001 - whatever ends it, alive turns false and the manager acts
            _log.exception("HTTP server died", server=self.name)


class _Request(HTTPRequest):
    def read_request_headers(self) -> bool:
        if not super().read_request_headers():  # type: ignore[no-untyped-call]
            return False
        if self.chunked_read:
            # cheroot's decoder is quadratic in small chunks; RFC 9110 10.1.1 lets a server ask for a length.
            self.simple_response("411 Length Required", "send a Content-Length")
            return False
        self.conn.wfile.flush()  # a "100 Continue", for which the client waits before the body
        return True


class _Connection(HTTPConnection):
    RequestHandlerClass = _Request

    def __init__(self, server: _Server, sock: socket.socket, makefile: Any = None) -> None:
        super().__init__(server, sock, lambda s, mode, _: Reader(s) if "r" in mode else Writer(s))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._shaken = not isinstance(sock, ssl.SSLSocket)

    def communicate(self) -> bool:
        """Answer one request, or do the TLS handshake; whether to keep the connection."""
        try:
            if not self._shaken:
                return self._handshake()
            self.server.last_request = time.monotonic()
            self.rfile.expect_within(REQUEST_TIMEOUT)
            keep = bool(super().communicate())  # type: ignore[no-untyped-call]
            self.wfile.flush()
        except OSError as error:
            _log.debug("Connection lost", client=self.remote_addr, error=str(error))
            return False
        return keep

    def _handshake(self) -> bool:
        # The request that follows is waited for by the selector, not here: Go's clients open connections
        # ahead of need, and each would hold a thread.
        self.socket.settimeout(REQUEST_TIMEOUT)
        self.socket.do_handshake()
        self._shaken = True
        return True


class _TlsAdapter(Adapter):
    """Wraps without shaking hands: cheroot wraps in its only accepting thread, which must not wait."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context

    def bind(self, sock: socket.socket) -> socket.socket:
        return sock

    def wrap(self, sock: socket.socket) -> tuple[ssl.SSLSocket, dict[str, Any]]:
        try:
            return self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False), {}
        except OSError as error:
            sock.close()
            raise errors.FatalSSLAlert(*error.args) from error

    def get_environ(self) -> dict[str, Any]:
        return {}

    def makefile(self, sock: socket.socket, mode: str = "r", bufsize: int = -1) -> Any:
        raise NotImplementedError  # _Connection makes its own


class _Server(wsgi.Server):
    ConnectionClass = _Connection
    keep_alive_conn_limit = MAX_CONNECTIONS
    max_request_header_size = MAX_HEADER_BYTES
    last_request = -math.inf  # on the monotonic clock
    leaving = False

    def __init__(
        self, address: tuple[str, int], app: WsgiApp, *, threads: int, name: str, drain: int
    ) -> None:
        super().__init__(
            address,
            app,
            numthreads=threads,
            max=threads,
            server_name=name,
            request_queue_size=128,
            timeout=IDLE_TIMEOUT,
            shutdown_timeout=drain,
        )

    @property
    def can_add_keepalive_connection(self) -> bool:
        """What cheroot asks before each answer: without room for it, the answer closes its connection."""
        return not self.leaving and self._has_room

    @property
    def _has_room(self) -> bool:
        return bool(super().can_add_keepalive_connection)

    def take_leave(self, seconds: float) -> None:
        """Keep no connection from now on, and wait until nobody asks any more, at most ``seconds``."""
        self.leaving = True
        deadline = time.monotonic() + seconds
        while (now := time.monotonic()) < min(deadline, self.last_request + QUIET):
            time.sleep(min(0.05, deadline - now))

    @staticmethod
    def bind_socket(socket_: socket.socket, bind_addr: tuple[str, int]) -> socket.socket:
        try:
            socket_.bind(bind_addr)
        except OSError:
            socket_.close()
            raise
        return socket_

    def process_conn(self, conn: _Connection) -> None:
        """Hand a readable connection to a worker; a new one waits for its first byte in the selector."""
        if conn.last_used is not None:
            super().process_conn(conn)
        elif self._has_room:
            self.put_conn(conn)
        else:
            conn.close()

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        if level >= logging.ERROR:
            _log.error(msg, server=self.server_name, exc_info=traceback)
        else:
            _log.debug(msg, server=self.server_name)
