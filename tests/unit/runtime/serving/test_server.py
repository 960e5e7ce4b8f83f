"""The server under the clients it has: keep-alive, TLS, the slow, the silent, and the malformed."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from support.waiting import until

from lws.runtime.serving import HttpServer, Limits, WsgiApp
from lws.runtime.serving.server import BindError
from lws.webhooks.certificates import LOCAL, CertificateStore

THREADS = 2
LIMITS = Limits(body=1024 * 1024)


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Length", str(len(body))), ("X-Path", environ["PATH_INFO"])])
    return [body[:1], body[1:]]


@contextmanager
def serving(app: WsgiApp = echo, *, limits: Limits = LIMITS, **options: Any) -> Iterator[HttpServer]:
    server = HttpServer(
        app, host="127.0.0.1", port=0, threads=THREADS, name="test server", limits=limits, **options
    )
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> CertificateStore:
    store = CertificateStore(tmp_path_factory.mktemp("certificates"), LOCAL)
    store.renew()
    return store


@pytest.fixture
def tls(store: CertificateStore) -> Iterator[HttpServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(store.certificate_path, store.key_path)
    with serving(ssl_context=context) as server:
        yield server


def connect(server: HttpServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def shaken_but_for_the_last_word(
    plain: socket.socket, context: ssl.SSLContext
) -> tuple[ssl.SSLObject, ssl.MemoryBIO]:
    """A client that has had the server's part of the handshake and has not sent its own end of it yet."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    while True:
        try:
            client.do_handshake()
        except ssl.SSLWantReadError:
            plain.sendall(outgoing.read())
            incoming.write(plain.recv(64 * 1024))
        else:
            return client, outgoing


@contextmanager
def secure(server: HttpServer, store: CertificateStore, *protocols: str) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cadata=store.ca_bundle.decode())
    if protocols:
        context.set_alpn_protocols(list(protocols))
    with connect(server) as plain, context.wrap_socket(plain, server_hostname="localhost") as wrapped:
        yield wrapped


def receive(sock: socket.socket) -> bytes:
    """Everything until the server closes."""
    pieces = []
    while piece := sock.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def request(server: HttpServer, body: bytes = b"hello", path: str = "/a?timeout=10s") -> bytes:
    with http_connection(server) as client:
        client.request("POST", path, body)
        return client.getresponse().read()


@contextmanager
def http_connection(server: HttpServer) -> Iterator[http.client.HTTPConnection]:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        yield client
    finally:
        client.close()


def post(headers: bytes, body: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n%b" % (headers, body)


def test_answers_and_keeps_the_connection(server: HttpServer) -> None:
    used: socket.socket | None = None
    with http_connection(server) as client:
        for size in (0, 1, 100, 70_000, 300_000):
            client.request("POST", "/a?timeout=10s", b"x" * size)
            answer = client.getresponse()
            assert (answer.status, answer.getheader("X-Path")) == (200, "/a")
            assert answer.read() == b"x" * size
            used = used or client.sock
            assert client.sock is used


def test_the_real_port_is_known_and_it_lives(server: HttpServer) -> None:
    assert server.port > 0
    assert server.alive
    server.stop()
    assert not server.alive


def test_a_port_in_use_is_one_clear_error(server: HttpServer) -> None:
    second = HttpServer(echo, host="127.0.0.1", port=server.port, threads=1, name="metrics server")
    with pytest.raises(BindError) as caught:
        second.start()
    assert str(caught.value) == (
        f"metrics server: cannot listen on port {server.port} of 127.0.0.1: address already in use"
    )
    assert not second.alive
    second.stop()


def test_every_address_when_no_host_is_given() -> None:
    server = HttpServer(echo, host="", port=0, threads=1, name="test server")
    server.start()
    try:
        assert request(server) == b"hello"
    finally:
        server.stop()


def test_more_idle_connections_than_threads_do_not_block(server: HttpServer) -> None:
    silent = [connect(server) for _ in range(3 * THREADS)]
    try:
        with http_connection(server) as idle:
            idle.request("POST", "/", b"first")
            assert idle.getresponse().read() == b"first"
            assert request(server) == b"hello"
            idle.request("POST", "/", b"second")
            assert idle.getresponse().read() == b"second"
    finally:
        for sock in silent:
            sock.close()


def test_clients_that_stall_in_the_handshake_do_not_block_accepting(
    tls: HttpServer, store: CertificateStore
) -> None:
    stalled = [connect(tls) for _ in range(3 * THREADS)]
    try:
        with secure(tls, store) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
            assert receive(client).endswith(b"hi")
    finally:
        for sock in stalled:
            sock.close()


def test_tls_connections_that_ask_nothing_do_not_hold_threads(
    tls: HttpServer, store: CertificateStore
) -> None:
    with secure(tls, store), secure(tls, store), secure(tls, store), secure(tls, store) as last:
        last.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert receive(last).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        pytest.param(("h2", "http/1.1"), "http/1.1", id="both"),
        pytest.param(("h2",), None, id="only HTTP/2"),
        pytest.param((), None, id="nothing"),
    ],
)
def test_only_http_1_1_is_negotiated(
    tls: HttpServer, store: CertificateStore, offered: tuple[str, ...], chosen: str | None
) -> None:
    with secure(tls, store, *offered) as client:
        assert client.selected_alpn_protocol() == chosen


def test_two_requests_in_one_segment_are_both_answered(server: HttpServer) -> None:
    with connect(server) as client:
        client.sendall(
            b"POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1"
            b"POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\n2"
        )
        answers = receive(client)
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert answers.index(b"X-Path: /1") < answers.index(b"X-Path: /2")


def test_two_requests_in_one_tls_record_are_both_answered(tls: HttpServer, store: CertificateStore) -> None:
    big = b"x" * 9000
    with secure(tls, store) as client:
        client.sendall(
            b"POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b"
            b"POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\n2"
            % (len(big), big)
        )
        answers = receive(client)
    assert answers.count(b"HTTP/1.1 200 OK") == 2


def test_expect_continue(server: HttpServer) -> None:
    with connect(server) as client:
        client.sendall(post(b"Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close"))
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"hi")
        assert receive(client).endswith(b"hi")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"GARBAGE\r\n\r\n", b"400", id="no request line"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", b"400", id="no host"),
        pytest.param(post(b"Content-Length: -5"), b"400", id="negative length"),
        pytest.param(post(b"Content-Length: " + b"9" * 5000), b"400", id="a length of 5,000 digits"),
        pytest.param(post(b"Content-Length: 1\r\nContent-Length: 2"), b"400", id="two lengths"),
        pytest.param(
            post(b"Content-Length: 1\r\nTransfer-Encoding: chunked"), b"411", id="length and chunked"
        ),
        pytest.param(post(b"Transfer-Encoding: gzip"), b"501", id="another coding"),
        pytest.param(post(b"Content-Length : 1"), b"400", id="space before the colon"),
        pytest.param(post(b"X: a\r\n b: c\r\n\x00: d"), b"400", id="a name that is none"),
        pytest.param(b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n", b"400", id="no URL"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"400", id="TLS"),
        pytest.param(b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", b"505", id="version"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", b"400", id="length is no number"
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
            b"411",
            id="chunked",
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", b"431", id="long header"
        ),
        pytest.param(b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"431", id="long path"),
    ],
)
def test_malformed_requests_are_answered_and_closed(server: HttpServer, sent: bytes, status: bytes) -> None:
    with connect(server) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        answer = _receive_despite_reset(client)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"Traceback" not in answer
    assert request(server) == b"hello"


def _receive_despite_reset(client: socket.socket) -> bytes:
    answer = b""
    try:
        while piece := client.recv(65536):
            answer += piece
    except ConnectionResetError:
        pass  # bytes it did not read were on their way
    return answer


def test_plain_http_to_a_tls_port_is_dropped_and_does_no_harm(
    tls: HttpServer, store: CertificateStore
) -> None:
    with connect(tls) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" not in _receive_despite_reset(client)
    with secure(tls, store) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert receive(client).startswith(b"HTTP/1.1 200 OK")


def test_a_failing_app_is_a_500_that_tells_nothing() -> None:
    def app(_environ: dict[str, Any], _start: Callable[..., Any]) -> Iterable[bytes]:
        raise RuntimeError("secret")

    with serving(app) as server, http_connection(server) as client:
        client.request("GET", "/")
        answer = client.getresponse()
        assert answer.status == 500
        assert b"secret" not in answer.read()


def test_stop_lets_requests_under_way_finish_and_closes_the_idle() -> None:
    entered, leave = threading.Event(), threading.Event()

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        entered.set()
        assert leave.wait(10)
        return echo(environ, start_response)

    with serving(app) as server, connect(server) as idle, connect(server) as busy:
        busy.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\ndone")
        assert entered.wait(10)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        assert _receive_despite_reset(idle) == b""  # closed while the other is still being answered
        assert stopping.is_alive()
        leave.set()
        answer = receive(busy)
        stopping.join(10)
    assert answer.endswith(b"done")
    assert b"Connection: close" in answer
    with pytest.raises(ConnectionRefusedError):
        connect(server)


def test_stop_takes_leave_of_clients_that_keep_connections() -> None:
    """None finds its connection closed when it sends; a new one is served once, too."""
    with serving(echo, leave=10.0) as server, http_connection(server) as kept, http_connection(server) as new:
        assert exchange(kept) == (b"hello", None)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        until("its leaving", lambda: server._loop is not None and server._loop.leaving)
        assert exchange(kept) == (b"hello", "close")
        assert exchange(new) == (b"hello", "close")
        stopping.join(10)
        assert not stopping.is_alive()
    with pytest.raises(ConnectionRefusedError):
        connect(server)


def exchange(client: http.client.HTTPConnection) -> tuple[bytes, str | None]:
    """The answer's body and what it says of the connection."""
    client.request("POST", "/", b"hello")
    answer = client.getresponse()
    return answer.read(), answer.headers["Connection"]


def test_nothing_is_printed(server: HttpServer, capfd: pytest.CaptureFixture[str]) -> None:
    with connect(server) as client:
        client.sendall(b"GARBAGE\r\n\r\n")
        receive(client)
    assert request(server) == b"hello"
    out, _ = capfd.readouterr()
    assert out == ""


def test_a_large_request_may_come_with_the_last_word_of_the_handshake(
    tls: HttpServer, store: CertificateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TLS 1.3 lets a client send at once; what has come may be more than any handshake is."""
    monkeypatch.setattr("lws.runtime.serving.connection.MAX_HANDSHAKE", 2048)
    context = ssl.create_default_context(cadata=store.ca_bundle.decode())
    with connect(tls) as plain:
        client, outgoing = shaken_but_for_the_last_word(plain, context)
        body = b"x" * 500_000
        client.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body))
        client.write(body)
        plain.sendall(outgoing.read())
        assert plain.recv(1) in (b"\x16", b"\x17")  # a session ticket, or the answer: not the end
