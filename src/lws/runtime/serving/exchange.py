"""HTTP/1.1 on one connection without I/O: bytes in, whole requests out; an answer in, bytes out.

h11 parses, strictly: what two readers could take for different requests is refused. Here are the bounds, and
what an application gets to see (WSGI, PEP 3333, as much of it as ours need).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from email.utils import formatdate
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol, runtime_checkable
from urllib.parse import unquote_to_bytes, urlsplit

import h11

from lws.runtime.logs import get_logger
from lws.runtime.serving.limits import Limits

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], "Iterable[bytes] | Feed"]

VERSIONS = (b"1.0", b"1.1")

_log = get_logger("http")


class RefusedError(Exception):
    """What came is no request that is served: the status to answer, and a few words for the client."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class EndedError(Exception):
    """The client sends no more, and there is nothing to answer."""


class Progress(Enum):
    """How much of the next request is here."""

    NOTHING = auto()
    HEAD = auto()  # a part of it
    BODY = auto()  # the head, and perhaps a part of the body


@runtime_checkable
class Feed(Protocol):
    """A body without an end that is known, which an application returns in place of its pieces.

    The event loop takes from it what there is whenever the client has taken what went before, so that one
    who is slow gets less, and never later things first. All three are called by the loop: they may not wait.
    """

    def open(self, wake: Callable[[], None]) -> None:
        """``wake``: for any thread, when there may be something to take."""

    def take(self) -> bytes | None:
        """What there is to send now, perhaps nothing; None: that was all."""

    def close(self) -> None:
        """The client is gone, or the server stops. Called once."""


class Answer(NamedTuple):
    """``status``: code and phrase, as in WSGI. ``feed``: what follows ``body``."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes
    feed: Feed | None = None


class Exchange:
    """The requests of one connection, one after the other."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.line)
        self._request: h11.Request | None = None
        self._pieces: list[bytes] = []
        self._length = self._arrived = 0
        self._begun = False
        self.held = 0  # bytes that have come and are neither answered nor dropped
        self.interim = b""  # a "100 Continue" that must go out; the taker empties it

    @property
    def progress(self) -> Progress:
        if self._request is not None:
            return Progress.BODY
        return Progress.HEAD if self._begun else Progress.NOTHING

    @property
    def over(self) -> bool:
        """The answer has been said to its end."""
        return self._http.our_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED)

    def receive(self, data: bytes) -> None:
        """Take in what came; nothing means that no more will."""
        self._begun = self._begun or bool(data)
        self.held += len(data)
        self._http.receive_data(data)

    def next(self) -> dict[str, Any] | None:
        """The next request's ``environ``, None while it is not whole. Raises RefusedError and EndedError."""
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise _refusal(error) from error
            if isinstance(event, h11.Request):
                self._open(event)
            elif isinstance(event, h11.Data):
                if self._collect(bytes(event.data)):
                    return self._environ()
            elif isinstance(event, h11.EndOfMessage):
                return self._environ()
            elif isinstance(event, h11.ConnectionClosed):
                raise EndedError
            else:  # NEED_DATA, or PAUSED until the request before is answered
                self._go_on()
                return None

    def answer(self, answer: Answer, *, last: bool) -> bytes:
        """The answer to the request; ``last`` closes the connection with it."""
        code, _, phrase = answer.status.partition(" ")
        headers = [*answer.headers, ("Date", formatdate(usegmt=True))]
        if last:
            headers.append(("Connection", "close"))
        head = self._request is not None and self._request.method == b"HEAD"
        response = h11.Response(status_code=int(code), headers=headers, reason=phrase)
        said = [self._http.send(response)]
        if answer.body and not head:
            said.append(self._http.send(h11.Data(data=answer.body)))
        if answer.feed is None or head:
            said.append(self._http.send(h11.EndOfMessage()))
        return b"".join(piece for piece in said if piece)

    def piece(self, data: bytes) -> bytes:
        """More of an answer with a feed."""
        return self._http.send(h11.Data(data=data)) or b""

    def end(self) -> bytes:
        """The end of an answer with a feed."""
        return self._http.send(h11.EndOfMessage()) or b""

    def begin_anew(self) -> bool:
        """Whether the connection may be used for another request; what of it is here already is kept."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        self._request = None
        self.held = len(self._http.trailing_data[0])
        self._begun = self.held > 0
        return True

    def _open(self, request: h11.Request) -> None:
        self._request, self._pieces, self._arrived = request, [], 0
        headers = dict(request.headers)
        size = len(request.target) + sum(len(name) + len(value) for name, value in request.headers)
        if size > self._limits.line:  # h11 lets pass what has come in one piece
            raise RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the head is too long")
        if request.http_version not in VERSIONS:
            raise RefusedError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "HTTP/1.1 is spoken here")
        if b"transfer-encoding" in headers:  # RFC 9110 10.1.1 lets a server ask for a length
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "send a Content-Length")
        self._length = int(headers.get(b"content-length", b"0"))

    def _collect(self, data: bytes) -> bool:
        """Keep a piece of the body, or drop it; whether so much was dropped that the rest may stay away.

        As much again as is allowed is taken in: by then a client that writes first and reads later, as most
        do, has a chance to read why.
        """
        self._arrived += len(data)
        if self._length <= self._limits.body:
            self._pieces.append(data)
            return False
        self.held -= len(data)
        return self._arrived >= 2 * self._limits.body

    def _go_on(self) -> None:
        if self._http.they_are_waiting_for_100_continue:
            self.interim = self._http.send(
                h11.InformationalResponse(status_code=100, headers=[], reason="Continue")
            )

    def _environ(self) -> dict[str, Any]:
        request = self._request
        assert request is not None
        path, query = _target(request.target)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method.decode("ascii"),
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "wsgi.input": io.BytesIO(b"".join(self._pieces)),
        }
        self._pieces = []
        for name, value in request.headers:
            if b"_" not in name:  # "X_Y" would pass for "X-Y"
                key = _key(name.decode("ascii"))
                text = value.decode("latin-1")
                environ[key] = f"{environ[key]}, {text}" if key in environ else text
        return environ


def call(app: WsgiApp, environ: dict[str, Any]) -> Answer:
    """The application's answer, or one that tells nothing when it fails."""
    started: list[tuple[str, list[tuple[str, str]]]] = []
    try:
        body = app(environ, lambda status, headers, *_: started.append((status, headers)))
        if isinstance(body, Feed):
            return Answer(*started[-1], b"", body)
        return Answer(*started[-1], b"".join(body))
    except BaseException:  # noqa: BLE001 - whatever it raises, the client is answered and the thread goes on
        _log.exception("Request failed", method=environ["REQUEST_METHOD"], path=environ["PATH_INFO"])
        return plain(HTTPStatus.INTERNAL_SERVER_ERROR, "")


def plain(status: HTTPStatus, why: str) -> Answer:
    """A status with a line of text."""
    body = (why or status.phrase).encode()
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    return Answer(f"{status.value} {status.phrase}", headers, body)


def _refusal(error: h11.RemoteProtocolError) -> RefusedError:
    return RefusedError(HTTPStatus(error.error_status_hint), str(error))


def _target(target: bytes) -> tuple[bytes, str]:
    """Path, still quoted, and query; of an absolute URL (RFC 9112 3.2.2) as well. Raises RefusedError."""
    path, _, query = target.partition(b"?")
    if b"://" in path and not path.startswith(b"/"):
        try:
            path = urlsplit(path).path or b"/"
        except ValueError as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the request names no URL") from error
    return path, query.decode("latin-1")


def _key(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
