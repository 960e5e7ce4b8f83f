"""Bytes become requests, however they are cut, and nothing becomes two of them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lws.runtime.serving.exchange import (
    Answer,
    EndedError,
    Exchange,
    Progress,
    RefusedError,
    call,
    plain,
)
from lws.runtime.serving.limits import Limits

LIMITS = Limits(body=100, line=1000)
OK = Answer("200 OK", [("Content-Length", "2")], b"ok")


def request(line: str = "GET /", *headers: str, body: str = "") -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", "Host: x", *headers, "", body]).encode("latin-1")


def take_in(pieces: list[bytes]) -> None:
    exchange = Exchange(LIMITS)
    for piece in pieces:
        exchange.receive(piece)
        exchange.next()


def environ_of(data: bytes) -> dict[str, Any]:
    exchange = Exchange(LIMITS)
    exchange.receive(data)
    environ = exchange.next()
    assert environ is not None
    return environ


@pytest.mark.parametrize(
    ("line", "path", "query"),
    [
        pytest.param("GET /a/b?c=d", "/a/b", "c=d", id="path and query"),
        pytest.param("GET /a%20b%2fc?d%20e", "/a b/c", "d%20e", id="quoted"),
        pytest.param("GET //elsewhere/a", "//elsewhere/a", "", id="two slashes are no host"),
        pytest.param("GET http://elsewhere/a?b", "/a", "b", id="absolute"),
        pytest.param("GET http://elsewhere", "/", "", id="absolute, without a path"),
        pytest.param("GET /a?b=http://c?d", "/a", "b=http://c?d", id="a URL in the query"),
        pytest.param("OPTIONS *", "*", "", id="the server itself"),
    ],
)
def test_targets(line: str, path: str, query: str) -> None:
    environ = environ_of(request(line))
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == (path, query)


def test_what_an_application_sees() -> None:
    headers = ("Content-Type: a/b", "Content-Length: 2", "Accept: x", "X-Y: 1", "X_Y: 2", "Accept: y")
    environ = environ_of(request("POST /", *headers, body="hi"))
    assert environ.pop("wsgi.input").read() == b"hi"
    assert environ == {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "HTTP_HOST": "x",
        "CONTENT_TYPE": "a/b",
        "CONTENT_LENGTH": "2",
        "HTTP_ACCEPT": "x, y",
        "HTTP_X_Y": "1",  # and nothing of "X_Y", which would have the same key
    }


@given(
    bodies=st.lists(st.binary(max_size=60), min_size=1, max_size=4),
    cuts=st.lists(st.integers(1, 40), min_size=1),
)
def test_however_the_bytes_are_cut(bodies: list[bytes], cuts: list[int]) -> None:
    data = b"".join(
        b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (number, len(body), body)
        for number, body in enumerate(bodies)
    )
    exchange, seen = Exchange(LIMITS), []
    while data:
        size = cuts[len(data) % len(cuts)]
        exchange.receive(data[:size])
        data = data[size:]
        while (environ := exchange.next()) is not None:
            seen.append((environ["PATH_INFO"], environ["wsgi.input"].read()))
            exchange.answer(OK, last=False)
            assert exchange.begin_anew()
    assert seen == [(f"/{number}", body) for number, body in enumerate(bodies)]
    assert (exchange.held, exchange.progress) == (0, Progress.NOTHING)


def test_progress() -> None:
    exchange = Exchange(LIMITS)
    seen = [exchange.progress]
    for piece in (b"POST / HTTP/1.1\r\n", b"Host: x\r\nContent-Length: 2\r\n\r\n", b"a"):
        exchange.receive(piece)
        assert exchange.next() is None
        seen.append(exchange.progress)
    assert seen == [Progress.NOTHING, Progress.HEAD, Progress.BODY, Progress.BODY]
    assert exchange.held == len(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")


class TestTooLong:
    """The application learns of the length, nobody keeps the bytes."""

    def test_a_body_is_dropped(self) -> None:
        exchange = Exchange(LIMITS)
        exchange.receive(request("POST /", "Content-Length: 150"))
        exchange.next()
        head = exchange.held
        exchange.receive(150 * b"x")
        environ = exchange.next()
        assert environ is not None
        assert (environ["CONTENT_LENGTH"], environ["wsgi.input"].read()) == ("150", b"")
        assert exchange.held == head
        exchange.answer(OK, last=False)
        assert exchange.begin_anew()

    def test_the_end_of_a_very_long_one_is_not_waited_for(self) -> None:
        exchange = Exchange(LIMITS)
        exchange.receive(request("POST /", "Content-Length: 1000000000000"))
        exchange.receive(199 * b"x")
        assert exchange.next() is None
        exchange.receive(b"x")
        assert exchange.next() is not None
        exchange.answer(OK, last=False)
        assert not exchange.begin_anew()

    @pytest.mark.parametrize("pieces", [1, 400], ids=["in one piece", "in many"])
    def test_a_head_is_refused(self, pieces: int) -> None:
        data = request("GET /", "X: " + 1000 * "y")
        size = len(data) // pieces
        with pytest.raises(RefusedError) as caught:
            take_in([data[start : start + size] for start in range(0, len(data), size)])
        assert caught.value.status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


def test_a_client_that_ends() -> None:
    exchange = Exchange(LIMITS)
    exchange.receive(b"")
    with pytest.raises(EndedError):
        exchange.next()


def test_a_client_that_ends_in_the_middle() -> None:
    exchange = Exchange(LIMITS)
    exchange.receive(request("POST /", "Content-Length: 2", body="a"))
    exchange.receive(b"")
    with pytest.raises(RefusedError):
        exchange.next()


@pytest.mark.parametrize(
    ("headers", "version", "last", "keeps"),
    [
        pytest.param((), "1.1", False, True, id="as a rule"),
        pytest.param((), "1.1", True, False, id="when we say so"),
        pytest.param(("Connection: close",), "1.1", False, False, id="when the client says so"),
        pytest.param((), "1.0", False, False, id="HTTP/1.0"),
    ],
)
def test_keeping_the_connection(headers: tuple[str, ...], version: str, last: bool, keeps: bool) -> None:
    exchange = Exchange(LIMITS)
    exchange.receive(request("GET /", *headers).replace(b"HTTP/1.1", f"HTTP/{version}".encode()))
    assert exchange.next() is not None
    assert (b"Connection: close" in exchange.answer(OK, last=last)) is not keeps
    assert exchange.begin_anew() is keeps


def test_head_gets_no_body() -> None:
    exchange = Exchange(LIMITS)
    exchange.receive(request("HEAD /"))
    exchange.next()
    said = exchange.answer(OK, last=False)
    assert said.endswith(b"\r\n\r\n")
    assert b"Content-Length: 2" in said
    assert exchange.begin_anew()


def test_an_application_that_fails_tells_nothing() -> None:
    def fails(_environ: dict[str, Any], _start: Any) -> Any:
        raise SystemExit("secret")

    answer = call(fails, {"REQUEST_METHOD": "GET", "PATH_INFO": "/"})
    assert answer == plain(HTTPStatus.INTERNAL_SERVER_ERROR, "")
    assert b"secret" not in answer.body
