"""A small HTTP/1.1 server for WSGI applications, with or without TLS, on cheroot.

What it adds to cheroot: a connection costs a thread only while a request is being read and answered (not
while it is idle, and not while a client takes its time before or after the TLS handshake), a request must
arrive within a time limit, an answer leaves in one write, and nothing is printed. Applications (health,
metrics, webhooks) live elsewhere; they bound the bodies they read.
"""

from __future__ import annotations

import errno
import logging
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

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# Longer than the 90 s after which Go's clients (kube-apiserver) drop an idle connection: the side that
# sends must be the one that closes, or a request meets a closing connection and fails.
IDLE_TIMEOUT = 120
REQUEST_TIMEOUT = 30.0  # seconds for one whole request to arrive, and for one answer to be taken
MAX_HEADER_BYTES = 64 * 1024
MAX_CONNECTIONS = 1024

_PIECE = 64 * 1024
_log = get_logger("http")


class BindError(OSError):
    """The address cannot be listened on; the text is one line that names it."""


class HttpServer:
    """Serves ``app`` on ``host``:``port`` with ``threads`` threads once started; safe to stop twice.

    ``host`` ``""`` means every address, IPv4 and IPv6. ``port`` 0 asks for a free one; ``port`` is the
    real one after ``start``. The ``ssl_context`` may change its certificate while serving.
    ``drain`` bounds, in seconds, how long ``stop`` waits for requests under way.
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
    ) -> None:
        self.name = name
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
        """Accept no more, let requests under way finish, close everything."""
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


class _Reader:
    """Buffered reading from a socket within a deadline; knows, unlike ``io``, whether bytes are waiting."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._buffer = bytearray()
        self._deadline = 0.0
        self.bytes_read = 0
        self.closed = False

    def expect_within(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def has_data(self) -> bool:
        """Whether a read would find bytes without waiting for the network's readiness."""
        pending = getattr(self._socket, "pending", None)  # decrypted by TLS, invisible to a selector
        return bool(self._buffer) or (pending is not None and pending() > 0)

    def readline(self, size: int) -> bytes:
        """Up to and with the next newline, at most ``size`` bytes; less at the end of the stream."""
        while True:
            end = self._buffer.find(b"\n", 0, size) + 1
            if end or len(self._buffer) >= size or not self._fill(_PIECE):
                return self._take(end or size)

    def read(self, size: int) -> bytes:
        """``size`` bytes, less at the end of the stream; none when ``size`` is not positive."""
        while len(self._buffer) < size and self._fill(min(_PIECE, size - len(self._buffer))):
            pass
        return self._take(size)

    def close(self) -> None:
        self.closed = True

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[: max(0, size)])
        del self._buffer[: len(taken)]
        self.bytes_read += len(taken)
        return taken

    def _fill(self, size: int) -> bool:
        """Wait for bytes; False at the end of the stream."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(left)
        try:
            data = self._socket.recv(size)
        except ssl.SSLError as error:
            raise ConnectionResetError(errno.ECONNRESET, str(error)) from None
        self._buffer += data
        return bool(data)


class _Writer:
    """Collects an answer, so that it leaves in one write: one TLS record or segment, no delayed ACK."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._pieces: list[bytes] = []
        self.bytes_written = 0

    def write(self, data: bytes) -> int:
        self._pieces.append(data)
        return len(data)

    def flush(self) -> None:
        if self._pieces:
            data, self._pieces = b"".join(self._pieces), []
            self._socket.settimeout(REQUEST_TIMEOUT)
            self._socket.sendall(data)
            self.bytes_written += len(data)


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
        super().__init__(server, sock, lambda s, mode, _: _Reader(s) if "r" in mode else _Writer(s))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._shaken = not isinstance(sock, ssl.SSLSocket)

    def communicate(self) -> bool:
        """Answer one request, or do the TLS handshake; whether to keep the connection."""
        try:
            if not self._shaken:
                return self._handshake()
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
        elif self.can_add_keepalive_connection:
            self.put_conn(conn)
        else:
            conn.close()

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        if level >= logging.ERROR:
            _log.error(msg, server=self.server_name, exc_info=traceback)
        else:
            _log.debug(msg, server=self.server_name)
