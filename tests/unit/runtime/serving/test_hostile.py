"""Clients that are slow, silent, rude or too many: others are served meanwhile, and those are got rid of.

No test measures time: with a thread for each of them, the honest request would wait for ever. How long it
waits is `hack.bench.admission --hostile`'s.
"""

from __future__ import annotations

import errno
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.waiting import until

from hack.bench.hostile import HEAD, WHOLE, client_hello, insecure
from lws.runtime.serving import HttpServer, Limits, WsgiApp
from lws.webhooks.certificates import LOCAL, CertificateStore

THREADS = 2
CROWD = 3 * THREADS
BIG = 16 * 1024 * 1024  # more than the kernel keeps for a client that does not read
HONEST = b"GET /honest HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = b"x" * BIG if environ["PATH_INFO"] == "/big" else environ["PATH_INFO"].encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


@contextmanager
def serving(
    app: WsgiApp = app, *, context: ssl.SSLContext | None = None, **limits: Any
) -> Iterator[HttpServer]:
    server = HttpServer(
        app,
        host="127.0.0.1",
        port=0,
        threads=THREADS,
        name="test server",
        ssl_context=context,
        limits=Limits(**limits),
    )
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    store = CertificateStore(Path(tmp_path_factory.mktemp("certificates")), LOCAL)
    store.renew()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(store.certificate_path, store.key_path)
    return context


def connect(server: HttpServer, sent: bytes = b"", *, tls: bool = False) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    if tls:
        sock = insecure().wrap_socket(sock)
    sock.sendall(sent)
    return sock


def rest(sock: socket.socket) -> bytes:
    """Everything until the server closes, which it must within the socket's 10 s."""
    answer = b""
    try:
        while piece := sock.recv(65536):
            answer += piece
    except ConnectionResetError:
        pass  # bytes that it did not read were on their way
    return answer


def honest(server: HttpServer, *, tls: bool = False) -> None:
    with connect(server, HONEST, tls=tls) as sock:
        assert rest(sock).endswith(b"/honest")


def ask(sock: socket.socket) -> bool:
    """Whether a kept connection answers."""
    try:
        sock.sendall(WHOLE)
        return sock.recv(65536).startswith(b"HTTP/1.1 200")
    except (ConnectionResetError, BrokenPipeError):
        return False


UNFINISHED = [
    pytest.param(b"", id="silent"),
    pytest.param(b"G", id="one byte"),
    pytest.param(HEAD, id="half a head"),
    pytest.param(HEAD + b"Content-Length: 100\r\n\r\nx", id="half a body"),
    pytest.param(WHOLE + b"G", id="half a second request"),
]
NO_HANDSHAKE = [
    pytest.param(b"", id="silent"),
    pytest.param(b"\x16", id="one byte"),
    pytest.param(client_hello()[:50], id="half a message"),
    pytest.param(client_hello(), id="half a handshake"),
    pytest.param(b"\x16\x03\x01\x40\x00" + 500 * b"\xff", id="garbage"),
    pytest.param(b"\x17\x03\x03\x40\x00" + 100_000 * b"\xff", id="much garbage"),
]


@pytest.mark.parametrize("sent", UNFINISHED)
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_unfinished_requests_hold_nobody_up(context: ssl.SSLContext, sent: bytes, tls: bool) -> None:
    with serving(context=context if tls else None) as server, ExitStack() as crowd:
        for _ in range(CROWD):
            crowd.enter_context(connect(server, sent, tls=tls))
        honest(server, tls=tls)


@pytest.mark.parametrize("sent", NO_HANDSHAKE)
def test_unfinished_handshakes_hold_nobody_up(context: ssl.SSLContext, sent: bytes) -> None:
    with serving(context=context) as server, ExitStack() as crowd:
        for _ in range(CROWD):
            sock = crowd.enter_context(connect(server))
            with suppress(OSError):  # refused before it has said it all
                sock.sendall(sent)
        honest(server, tls=True)


def test_half_open_clients_are_let_go(context: ssl.SSLContext) -> None:
    with serving(context=context) as server, connect(server, client_hello()) as sock:
        sock.shutdown(socket.SHUT_WR)
        rest(sock)
        honest(server, tls=True)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_clients_that_do_not_read_hold_nobody_up(context: ssl.SSLContext, tls: bool) -> None:
    big = WHOLE.replace(b"/", b"/big", 1)
    with serving(context=context if tls else None) as server, ExitStack() as crowd:
        for _ in range(2 * THREADS):
            crowd.enter_context(connect(server, big, tls=tls))
        honest(server, tls=tls)


@pytest.mark.parametrize(
    ("limits", "sent"),
    [
        pytest.param({"first": 0.05}, b"", id="silent"),
        pytest.param({"first": 0.05}, HEAD, id="half a first head"),
        pytest.param({"head": 0.05}, WHOLE + HEAD, id="half a second head"),
        pytest.param({"request": 0.05}, HEAD + b"Content-Length: 9\r\n\r\nx", id="half a body"),
        pytest.param({"idle": 0.05}, WHOLE, id="idle"),
        pytest.param({"answer": 0.05}, WHOLE.replace(b"/", b"/big", 1), id="not reading"),
        pytest.param({"linger": 0.05}, b"garbage\r\n\r\n", id="refused, and staying"),
    ],
)
def test_each_has_its_time(limits: dict[str, float], sent: bytes) -> None:
    """All other limits are far away."""
    with serving(**limits) as server, connect(server, sent):
        loop = server._loop
        assert loop is not None
        until("it to be gone", lambda: not (loop._fresh or loop._kept or loop._busy) and loop._held == 0)
        honest(server)


def test_dripping_does_not_extend_the_time() -> None:
    with serving(first=0.2) as server, connect(server) as sock:
        gone = threading.Event()

        def drip() -> None:
            try:
                while not gone.wait(0.02):
                    sock.sendall(b"X")
            except OSError:
                pass

        dripping = threading.Thread(target=drip)
        dripping.start()
        assert rest(sock) == b""
        gone.set()
        dripping.join()


class TestTooMany:
    def test_the_oldest_that_never_asked_goes(self) -> None:
        with serving(connections=3) as server, connect(server) as kept:
            assert ask(kept)
            with connect(server) as oldest, connect(server) as older, connect(server) as newest:
                assert rest(oldest) == b""
                assert ask(kept)
                assert ask(older)
                assert ask(newest)

    def test_then_the_one_that_asked_longest_ago(self) -> None:
        with serving(connections=2) as server, connect(server) as first, connect(server) as second:
            assert ask(first)
            assert ask(second)
            assert ask(first)
            with connect(server) as third:
                assert ask(third)
                assert rest(second) == b""
                assert ask(first)

    def test_never_one_that_is_being_answered(self) -> None:
        entered, leave = threading.Event(), threading.Event()

        def slow(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            entered.set()
            assert leave.wait(10)
            return app(environ, start_response)

        with serving(slow, connections=1) as server, connect(server, HONEST) as busy:
            assert entered.wait(10)
            with connect(server) as another:
                assert rest(another) == b""
            leave.set()
            assert rest(busy).endswith(b"/honest")

    def test_more_than_files_may_be_opened(self, monkeypatch: pytest.MonkeyPatch) -> None:
        failures = iter([errno.EMFILE, errno.ENFILE, errno.ENOMEM])
        accept, unasked = socket.socket.accept, []

        def failing(listener: socket.socket) -> Any:
            failure = next(failures, None) if unasked else None
            if failure is not None:
                raise OSError(failure, "none left")
            return accept(listener)

        with serving() as server, capture_logs() as log, connect(server) as silent:
            until("it to be accepted", lambda: server._loop is not None and server._loop._fresh)
            unasked.append(silent)
            monkeypatch.setattr(socket.socket, "accept", failing)
            honest(server)
            assert rest(silent) == b""  # it made room
        assert [line["again"] for line in log if "Cannot accept" in line["event"]] == [0.005, 0.01, 0.02]

    @pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
    def test_too_many_bytes_cost_the_oldest_its_connection(self, context: ssl.SSLContext, tls: bool) -> None:
        half = HEAD + b"Content-Length: 60000\r\n\r\n" + 50_000 * b"x"
        secure = context if tls else None
        with serving(context=secure, buffered=90_000) as server, connect(server, half, tls=tls) as old:
            until("its bytes", lambda: server._loop is not None and server._loop._held >= 50_000)
            with connect(server, half, tls=tls) as new:
                assert rest(old) == b""
                new.sendall(10_000 * b"x")
                assert new.recv(65536).startswith(b"HTTP/1.1 200")
                honest(server, tls=tls)

    def test_requests_sent_ahead_are_answered_in_order(self) -> None:
        ahead = b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(1000))
        with serving() as server, connect(server, ahead + HONEST) as sock:
            bodies = [piece.partition(b"HTTP/1.1")[0] for piece in rest(sock).split(b"\r\n\r\n")[1:]]
        assert bodies == [*(b"/%d" % n for n in range(1000)), b"/honest"]


def test_a_client_that_leaves_while_it_is_answered_harms_nobody() -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/":
            entered.set()
            assert leave.wait(10)
        return app(environ, start_response)

    with serving(slow) as server:
        with connect(server, WHOLE):
            assert entered.wait(10)
        leave.set()
        honest(server)


def test_an_answer_that_http_does_not_allow_is_not_sent() -> None:
    def wrong(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("X", "a\r\nb: c")])
        return [b""]

    with serving(wrong) as server, capture_logs(), connect(server, WHOLE) as sock:
        assert rest(sock) == b""
        assert server.alive
