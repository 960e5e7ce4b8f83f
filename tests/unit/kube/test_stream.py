"""Long answers: pieces as they arrive, and every way such a connection ends."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import cast

import pytest
from support.apiserver import (
    ApiServer,
    Exchange,
    Feed,
    json_answer,
    raw_answer,
    silent_answer,
    status_answer,
    write_kubeconfig,
)
from support.pki import Authority
from urllib3.response import BaseHTTPResponse

from lws.kube import transport
from lws.kube.connection import Connection, Stream, connect
from lws.kube.errors import ApiError, DecodeError, Gone, TooManyRequests, TransportError
from lws.runtime.clock import FakeClock

PATH = "/api/v1/pods"
QUERY = {"watch": "true"}


def opened(connection: Connection, read_timeout: float = 20.0) -> Stream:
    return connection.stream(PATH, query=QUERY, read_timeout=read_timeout)


@pytest.fixture
def feed(server: ApiServer) -> Feed:
    fed = Feed()
    server.on("GET", PATH, fed, watch=True)
    return fed


def test_pieces_come_as_they_are_sent_until_a_proper_end(connection: Connection, feed: Feed) -> None:
    with opened(connection) as stream:
        for piece in (b"a", b"bc\n", b"d"):
            feed.send(piece)
            assert next(stream) == piece
        feed.end()
        assert list(stream) == []
        assert list(stream) == []


def test_what_goes_out(server: ApiServer, connection: Connection, feed: Feed) -> None:
    with connection.stream(PATH, query=QUERY, read_timeout=9, accept="application/json;as=Table"):
        pass
    headers = server.requests[0].headers
    assert (headers["accept"], headers["user-agent"]) == ("application/json;as=Table", "lws-test/1")
    assert headers["authorization"] == "Bearer first"


@pytest.mark.parametrize("reset", [False, True])
def test_a_connection_that_dies_is_an_error(connection: Connection, feed: Feed, reset: bool) -> None:
    with opened(connection) as stream:
        feed.send(b"a")
        assert next(stream) == b"a"
        feed.drop(reset=reset)
        with pytest.raises(TransportError, match=rf"^GET {connection.host}{PATH}: the connection broke"):
            next(stream)
        assert list(stream) == []


def test_silence_is_an_error_only_after_the_streams_own_timeout(
    monkeypatch: pytest.MonkeyPatch, connection: Connection, feed: Feed
) -> None:
    monkeypatch.setattr(transport, "HEAD_TIMEOUT", 0.05)
    with opened(connection, read_timeout=20) as stream:
        later = threading.Timer(0.15, feed.send, [b"late"])
        later.start()
        assert next(stream) == b"late"
        later.join()


def test_silence_beyond_the_timeout_is_an_error(connection: Connection, feed: Feed) -> None:
    with opened(connection, read_timeout=0.05) as stream:
        assert feed.opened.wait(10)
        with pytest.raises(TransportError, match=r"no answer in time"):
            next(stream)


def test_a_server_that_never_begins_is_given_up_sooner(
    monkeypatch: pytest.MonkeyPatch, server: ApiServer, connection: Connection
) -> None:
    monkeypatch.setattr(transport, "HEAD_TIMEOUT", 0.05)
    server.on("GET", PATH, silent_answer())
    with pytest.raises(TransportError, match=r"no answer in time"):
        opened(connection, read_timeout=600)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (status_answer(410, "Expired", "too old"), Gone),
        (status_answer(429, headers={"Retry-After": "1"}), TooManyRequests),
        (status_answer(400, "BadRequest"), ApiError),
        (raw_answer(b"<p>", headers={"Content-Type": "text/html"}), DecodeError),
    ],
    ids=["gone", "busy", "bad", "page"],
)
def test_a_watch_that_does_not_open_is_not_repeated(
    server: ApiServer, connection: Connection, answer: object, kind: type[Exception]
) -> None:
    server.on("GET", PATH, answer)  # type: ignore[arg-type]
    with pytest.raises(kind):
        opened(connection)
    assert len(server.requests) == 1


def test_an_expired_token_is_renewed(server: ApiServer, connection: Connection, kubeconfig: str) -> None:
    feed = Feed()
    server.on("GET", PATH, status_answer(401), feed)
    write_kubeconfig(Path(kubeconfig).parent, server.url, user={"token": "second"})
    with opened(connection):
        assert feed.opened.wait(10)
    assert feed.request is not None
    assert feed.request.headers["authorization"] == "Bearer second"


class Reader(threading.Thread):
    """Reads a stream to its end in a thread; ``error`` is what ended it, if anything."""

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self.stream = stream
        self.pieces: list[bytes] = []
        self.started_reading = threading.Event()
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            with self.stream as stream:
                for piece in stream:
                    self.pieces.append(piece)
                    self.started_reading.set()
        except Exception as error:  # noqa: BLE001 - handed to the test
            self.error = error


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("whole", [False, True], ids=["stream", "connection"])
def test_close_from_another_thread_wakes_a_blocked_reader(
    tmp_path: Path, authority: Authority, tls: bool, whole: bool
) -> None:
    with ApiServer(ssl_context=authority.server_context() if tls else None) as server:
        cluster = {"certificate-authority": str(authority.path)} if tls else {}
        connection = connect(kubeconfig=write_kubeconfig(tmp_path, server.url, **cluster), user_agent="x")
        feed = Feed()
        server.on("GET", PATH, feed)
        reader = Reader(opened(connection, read_timeout=60))
        feed.send(b"a")
        assert reader.started_reading.wait(10)
        (connection if whole else reader.stream).close()
        reader.join(10)
        assert not reader.is_alive()
        assert (reader.pieces, reader.error) == ([b"a"], None)
        assert feed.closed.wait(10)
        connection.close()


def test_close_before_reading_and_twice(connection: Connection, feed: Feed) -> None:
    feed.send(b"a")
    with opened(connection) as stream:
        stream.close()
        stream.close()
        assert list(stream) == []
    assert feed.closed.wait(10)


def test_what_a_read_returns_while_the_stream_closes_is_not_handed_out() -> None:
    """On TLS it may be bytes of the layer below."""

    class Response:
        connection = None

        def read1(self, _amount: int) -> bytes:
            stream.close()
            return b"\x17\x03\x03"

        def shutdown(self) -> None:
            pass

        close = release_conn = shutdown

    stream = Stream(cast(BaseHTTPResponse, Response()), "x", read_timeout=1)
    assert list(stream) == []


def test_close_in_the_middle_of_a_flood_ends_quietly(server: ApiServer, connection: Connection) -> None:
    def flood(exchange: Exchange) -> None:
        exchange.head()
        while True:
            exchange.chunk(b"x" * 1000)

    server.on("GET", PATH, flood)
    reader = Reader(opened(connection))
    assert reader.started_reading.wait(10)
    reader.stream.close()
    reader.join(10)
    assert not reader.is_alive()
    assert reader.error is None


def test_leaving_early_frees_the_socket(connection: Connection, feed: Feed) -> None:
    with opened(connection):
        assert feed.opened.wait(10)
    assert feed.closed.wait(10)


def test_a_watch_never_uses_the_connection_of_a_write(server: ApiServer, connection: Connection) -> None:
    server.on("GET", PATH, json_answer({}))
    connection.request("GET", PATH)
    with opened(connection) as stream:
        assert b"".join(stream) == b"{}"
    connection.request("GET", PATH)
    with opened(connection) as stream:
        assert b"".join(stream) == b"{}"
    assert server.connections == 2


def test_an_answer_without_chunks_or_length_ends_with_the_connection(
    server: ApiServer, connection: Connection
) -> None:
    def old(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\nabc")
        exchange.drop()

    server.on("GET", PATH, old)
    with opened(connection) as stream:
        assert b"".join(stream) == b"abc"


def test_a_stream_opened_while_the_connection_closes_ends_at_once(
    server: ApiServer, connection: Connection
) -> None:
    feed = Feed()

    def slow(exchange: Exchange) -> None:
        connection.close()
        feed(exchange)

    server.on("GET", PATH, slow)
    with opened(connection) as stream:
        assert list(stream) == []


def test_it_knows_since_when_nothing_came(
    connection: Connection, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    monkeypatch.setattr(connection, "_clock", clock.monotonic)
    with opened(connection) as stream:
        clock.advance(2.0)
        assert stream.silence == 2.0
        feed.send(b"one")
        next(stream)
        assert stream.silence == 0.0
