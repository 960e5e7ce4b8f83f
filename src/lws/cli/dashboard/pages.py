"""What the browser is answered: the way in, the page's files, the stream of changes, and orders.

A WSGI application. Every answer forbids the browser whatever the page does not need.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from importlib.resources import files
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs

import msgspec

from lws.cli.dashboard.access import UNKNOWN, Access
from lws.cli.dashboard.acting import Order, read_order
from lws.cli.dashboard.board import Board
from lws.cli.dashboard.painting import COMMON, Painter
from lws.cli.editing import ActionView
from lws.cli.session import CommandError
from lws.kube.errors import ApiError, KubeError
from lws.runtime.serving import Feed

TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
HEADERS: Final = (
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script';"
        " trusted-types lit-html",
    ),
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)
_TOPIC: Final = re.compile(r"(lws|ds)/[a-z0-9.-]{1,253}/[a-z0-9.-]{1,253}")
_AGAIN: Final = b"retry: 1000\n\n"
"""How many milliseconds later a browser asks for the stream again when it has lost it."""

Start = Callable[[str, list[tuple[str, str]]], Any]


class _Reply(NamedTuple):
    status: HTTPStatus
    type: str
    body: bytes
    more: tuple[tuple[str, str], ...] = ()


def static_files() -> dict[str, tuple[str, bytes]]:
    """Type and bytes of each file of the page, by path."""
    found: dict[str, tuple[str, bytes]] = {}

    def collect(folder: Any, prefix: str) -> None:
        for entry in folder.iterdir():
            if entry.is_dir():
                collect(entry, f"{prefix}{entry.name}/")
            elif type_ := TYPES.get(entry.name[entry.name.rfind(".") :]):
                found[prefix + entry.name] = (type_, entry.read_bytes())

    collect(files("lws.cli.dashboard") / "static", "")
    return found


class Stream:
    """The stream of one page: its first message is all there is, each later one what has changed since."""

    def __init__(self, board: Board, painter: Painter, topic: str) -> None:
        self._board, self._painter, self._topic = board, painter, topic
        self._had: dict[str, int] = {}
        self._begun = False
        self._wake: Callable[[], None] | None = None

    def open(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._board.join(wake)
        if self._topic:
            self._painter.enter(self._topic)

    def take(self) -> bytes | None:
        patch = self._board.news((COMMON, self._topic), self._had)
        if patch is None:
            return b""
        patch.whole, begun, self._begun = not self._begun, self._begun, True
        return (b"" if begun else _AGAIN) + b"data: " + msgspec.json.encode(patch) + b"\n\n"

    def close(self) -> None:
        if self._wake is not None:
            self._board.leave(self._wake)
            if self._topic:
                self._painter.leave(self._topic)


class Pages:
    """The application. ``obey`` does what is ordered, and raises CommandError and KubeError."""

    def __init__(
        self, access: Access, board: Board, painter: Painter, obey: Callable[[Order], ActionView]
    ) -> None:
        self._access, self._board, self._painter, self._obey = access, board, painter, obey
        self._files = static_files()

    def __call__(self, request: Mapping[str, Any], start: Start) -> Iterable[bytes] | Feed:
        reply = self._reply(request)
        if isinstance(reply, Stream):
            start("200 OK", [("Content-Type", "text/event-stream; charset=utf-8"), *HEADERS])
            return reply
        length = ("Content-Length", str(len(reply.body)))
        start(
            f"{reply.status.value} {reply.status.phrase}",
            [("Content-Type", reply.type), length, *HEADERS, *reply.more],
        )
        return [reply.body]

    def _reply(self, request: Mapping[str, Any]) -> _Reply | Stream:
        if reason := self._access.stranger(request):
            return _refused(reason)
        path, room = request["PATH_INFO"], self._access.room
        if path == "/" and request["REQUEST_METHOD"] == "GET":
            return self._enter(request)
        if not path.startswith(room) or not self._access.knows(request):
            return _refused(UNKNOWN)
        return self._inside(request, path.removeprefix(room))

    def _enter(self, request: Mapping[str, Any]) -> _Reply:
        """The token for a session, and on to the page, whose address holds it no more."""
        token = parse_qs(request.get("QUERY_STRING", "")).get("token", [""])[0]
        if reason := self._access.redeem(token):
            return _refused(reason)
        more = (("Location", self._access.room), ("Set-Cookie", self._access.cookie))
        return _Reply(HTTPStatus.SEE_OTHER, "text/plain", b"", more)

    def _inside(self, request: Mapping[str, Any], path: str) -> _Reply | Stream:
        if request["REQUEST_METHOD"] == "POST" and path == "act":
            return self._act(request)
        if request["REQUEST_METHOD"] != "GET":
            return _text(HTTPStatus.METHOD_NOT_ALLOWED, "this is only for reading")
        if path == "stream":
            topic = parse_qs(request.get("QUERY_STRING", "")).get("set", [""])[0]
            if topic and not _TOPIC.fullmatch(topic):
                return _text(HTTPStatus.BAD_REQUEST, "there can be no such set")
            return Stream(self._board, self._painter, topic)
        if (found := self._files.get(path or "index.html")) is None:
            return _text(HTTPStatus.NOT_FOUND, "there is no such file")
        return _Reply(HTTPStatus.OK, *found)

    def _act(self, request: Mapping[str, Any]) -> _Reply:
        if request.get("CONTENT_TYPE", "").partition(";")[0] != "application/json":
            return _text(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "an order is JSON")
        try:
            view = self._obey(read_order(request["wsgi.input"].read()))
        except (CommandError, KubeError) as error:
            reason = error.message if isinstance(error, ApiError) else ""
            return _text(HTTPStatus.CONFLICT, reason or str(error))
        except ValueError as error:  # msgspec's, too
            return _text(HTTPStatus.BAD_REQUEST, f"this is no order: {error}")
        return _Reply(HTTPStatus.OK, "application/json", msgspec.json.encode(view))


def _refused(reason: str) -> _Reply:
    return _text(HTTPStatus.FORBIDDEN, reason)


def _text(status: HTTPStatus, line: str) -> _Reply:
    return _Reply(status, "text/plain; charset=utf-8", f"{line}\n".encode())
