"""Between the production transport and the model: what urllib3's pools and answers are to it.

Each request is one step, and each write two: it takes effect, and its answer arrives. What goes wrong with it
is asked of ``trouble``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from urllib3.exceptions import NewConnectionError, ProtocolError, ReadTimeoutError

from support.apimodel.answers import Answer, Refused, Request, request
from support.apimodel.server import Server
from support.apimodel.watching import WatchFeed
from support.faults.tasks import Tasks

BOOKMARKS = 60.0
"""Seconds between two of them on a watch that has nothing else to tell."""


class Trouble(Protocol):
    """Asked around every request; each may raise what the wire raises, or end the process."""

    def before(self, asked: Request) -> Answer | None:
        """Before it takes effect; an answer is given in its place."""

    def after(self, asked: Request) -> None:
        """After it took effect, and before the answer arrives."""


class Pool:
    """``urllib3.HTTPConnectionPool`` as ``lws.kube.transport`` uses it. ``actor``: who sends by it.

    ``seen`` is told of every request that is answered, ``heard`` of those whose answer arrives.
    """

    pool = None  # no connection waits to be used again

    def __init__(
        self,
        tasks: Tasks,
        server: Server,
        trouble: Trouble,
        actor: str,
        *,
        seen: Callable[[Request, Answer], None],
        heard: Callable[[Request], None],
    ) -> None:
        self._tasks, self._server, self._trouble, self._actor = tasks, server, trouble, actor
        self._seen, self._heard = seen, heard

    def urlopen(
        self,
        method: str,
        target: str,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout: Any,
        **_: Any,
    ) -> Response:
        asked = request(method, target, body, headers, self._actor)
        self._tasks.pause()
        answer = self._trouble.before(asked)
        if answer is not None:
            return Response(answer)
        if asked.watch:
            try:
                return WatchResponse(self._tasks, self._server.watch(asked), timeout.read_timeout)
            except Refused as refused:
                return Response(refused.answer)
        answer = self._server.handle(asked)
        self._seen(asked, answer)
        self._trouble.after(asked)
        if asked.writes:
            self._tasks.pause()
        self._heard(asked)
        return Response(answer)

    def close(self) -> None: ...


class Response:
    """A whole answer."""

    connection = None

    def __init__(self, answer: Answer) -> None:
        self.status = answer.status
        self.headers = {"Content-Type": "application/json", **answer.headers}
        self._body = answer.body

    def read1(self, _: int) -> bytes:
        data, self._body = self._body, b""
        return data

    def shutdown(self) -> None: ...

    def close(self) -> None: ...

    def release_conn(self) -> None: ...


class WatchResponse(Response):
    """A watch: each read waits until there is something to tell. ``silence``: seconds it may last."""

    def __init__(self, tasks: Tasks, feed: WatchFeed, silence: float) -> None:
        super().__init__(Answer(200, b""))
        self._tasks, self._feed, self._silence = tasks, feed, silence
        self._closed = False

    def read1(self, _: int) -> bytes:
        deadline = self._tasks.time + self._silence
        while not self._closed:
            marked = min(deadline, self._tasks.time + BOOKMARKS)
            self._tasks.pause(lambda: not (self._closed or self._feed.pending), marked, idle=True)
            if self._tasks.time < deadline:
                self._feed.mark()
            if self._feed.failed:
                raise lost()
            if not self._feed.pending and not self._closed:
                raise silent()
            line = b"" if self._closed else self._feed.read()
            if line is None:
                return b""
            if line:
                return line
        return b""

    def shutdown(self) -> None:
        self._closed = True

    def close(self) -> None:
        self._closed = True


def lost() -> ProtocolError:
    """The connection broke before the whole answer had come."""
    return ProtocolError("Connection broken", ConnectionResetError(104, "reset by peer"))


def silent() -> ReadTimeoutError:
    """Nothing came in time."""
    return ReadTimeoutError(None, "", "Read timed out.")  # type: ignore[arg-type]


def unreachable() -> NewConnectionError:
    """No connection came about."""
    return NewConnectionError(None, "Failed to establish a new connection")  # type: ignore[arg-type]
