"""Answers without an end: what flows, what waits for a slow client, and what becomes of one that goes."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from support.asking import asking
from support.waiting import until

from lws.runtime.serving import HttpServer, Limits


class Words:
    """A feed of what a test says; what is not taken yet is joined, as coalescing feeds do."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[bytes] = []
        self._ended = False
        self._wake: Callable[[], None] = lambda: None
        self.opened, self.closed = threading.Event(), threading.Event()
        self.takes = 0

    def say(self, *words: bytes, last: bool = False) -> None:
        with self._lock:
            self._waiting += words
            self._ended = last
        self._wake()

    @property
    def waits(self) -> bool:
        """Whether something is to be taken."""
        with self._lock:
            return bool(self._waiting)

    def open(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self.opened.set()

    def take(self) -> bytes | None:
        with self._lock:
            self.takes += 1
            words, self._waiting = self._waiting, []
            return b"".join(words) if words or not self._ended else None

    def close(self) -> None:
        assert not self.closed.is_set()
        self.closed.set()


@pytest.fixture
def words() -> Words:
    return Words()


@contextmanager
def serving(words: Words, **limits: Any) -> Iterator[HttpServer]:
    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        if environ["PATH_INFO"] == "/plain":
            start("200 OK", [("Content-Length", "5")])
            return [b"plain"]
        start("200 OK", [("Content-Type", "text/plain")])
        return words

    server = HttpServer(
        app, host="127.0.0.1", port=0, threads=1, name="test server", limits=Limits(**limits), drain=1.0
    )
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def server(words: Words) -> Iterator[HttpServer]:
    with serving(words) as server:
        yield server


def test_what_is_said_arrives_as_it_is_said(server: HttpServer, words: Words) -> None:
    words.say(b"one ")
    with asking(server.port) as answer:
        assert answer.read(4) == b"one "
        words.say(b"two ")
        assert answer.read(4) == b"two "
        words.say(b"end", last=True)
        assert answer.read() == b"end"
    assert words.closed.wait(10)


def test_after_its_end_the_connection_is_used_again(server: HttpServer, words: Words) -> None:
    words.say(b"all", last=True)
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    with closing(client):
        for path, wanted in (("/", b"all"), ("/plain", b"plain")):
            client.request("GET", path)
            assert client.getresponse().read() == wanted


def test_streams_hold_no_thread(server: HttpServer, words: Words) -> None:
    """There is one, and it answers others meanwhile."""
    with asking(server.port):
        assert words.opened.wait(10)
        with asking(server.port, "/plain") as other:
            assert other.read() == b"plain"


def test_a_client_that_goes_closes_its_feed(server: HttpServer, words: Words) -> None:
    with asking(server.port):
        assert words.opened.wait(10)
    assert words.closed.wait(10)


def test_what_a_client_sends_meanwhile_ends_it(server: HttpServer, words: Words) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert words.opened.wait(10)
        until("the head", lambda: client.recv(4096), bool)
        client.sendall(b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n")
        assert words.closed.wait(10)


def test_a_server_that_stops_waits_for_no_stream(words: Words) -> None:
    with serving(words) as server, asking(server.port) as answer:
        assert words.opened.wait(10)
        server.stop()
        assert words.closed.is_set()
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            answer.read()


def test_a_slow_client_is_asked_for_no_more_than_it_takes(words: Words) -> None:
    with serving(words) as server, socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert words.opened.wait(10)
        words.say(b"x" * 32 * 1024 * 1024)  # more than any socket buffers
        until("all of it to be taken", lambda: words.waits, lambda waits: not waits)
        before = words.takes
        for _ in range(50):
            words.say(b"more")
        assert not words.closed.wait(0.2)
        assert words.takes == before


def test_a_client_that_takes_nothing_has_to_go(words: Words) -> None:
    with (
        serving(words, answer=0.2) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as client,
    ):
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert words.opened.wait(10)
        words.say(b"x" * 32 * 1024 * 1024)
        assert words.closed.wait(10)


def test_a_head_alone_opens_nothing(server: HttpServer, words: Words) -> None:
    with asking(server.port, method="HEAD") as answer:
        assert (answer.status, answer.read()) == (200, b"")
    assert not words.opened.is_set()
