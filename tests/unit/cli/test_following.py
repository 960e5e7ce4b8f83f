"""Waiting for a set by a watch: what the watch is answered with, and what becomes of the wait."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from support.cli import conditions, seen_of
from support.groups import a_set

from lws.cli import following
from lws.cli.following import Moment, Subject, changes
from lws.cli.kinds import LEADERWORKERSETS
from lws.cli.patience import Wait
from lws.cli.status import describe
from lws.kube.errors import DecodeError, KubeError, Unauthorized, api_error
from lws.objects import KubeObject, ObjectMeta

SEEN = KubeObject(ObjectMeta(name="a", namespace="ns", uid="u", resource_version="7"))
VIEW = describe(seen_of(conditions(a_set())))


def error_event(code: int) -> bytes:
    return b'{"type": "ERROR", "object": {"kind": "Status", "code": %d}}\n' % code


FAILURES: dict[str, Any] = {
    "429": api_error(429, {"retry-after": "1"}, b""),
    "503": api_error(503, {"retry-after": "1"}, b""),
    "500": api_error(500, {}, b""),
    "504": api_error(504, {}, b""),
    "403": api_error(403, {}, b""),
    "410": api_error(410, {}, b""),
    "401": api_error(401, {}, b""),
    "a page of a proxy": DecodeError("<html>"),
    "a page within": b"<html>\n",
    "500 within": error_event(500),
    "no object within": b'{"type": "MODIFIED", "object": {"metadata": {"resourceVersion": 8}}}\n',
    "nothing within": b"",
}


class Server:
    """Answers every watch in one way; its clock is moved by sleeping alone, and by watches that last."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.now, self.watches = answer, 0.0, 0
        self.client, self.connection = self, self

    def stream(self, *_: Any, **__: Any) -> Any:
        self.watches += 1
        if isinstance(self.answer, KubeError):
            raise self.answer
        return Body(self.answer)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def changes(self, look: Any, timeout: float = math.inf) -> Iterator[Any]:
        session: Any = self
        wait = Wait(timeout, lambda: self.now, self.sleep)
        return changes(session, Subject(LEADERWORKERSETS, "set a", look), wait)


class Body:
    def __init__(self, content: bytes) -> None:
        self._chunks = iter([content] if content else [])

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def __exit__(self, *_: object) -> None:
        self._chunks = iter(())


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_a_watch_that_fails_ends_no_wait(failure: Any) -> None:
    """The set is read again, after a pause: nobody asks a server that says no at once again."""
    server = Server(failure)
    views = server.changes(lambda: Moment(SEEN, VIEW))
    assert [next(views) for _ in range(3)] == [VIEW] * 3
    assert server.now >= 2.0
    assert server.watches == 2


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_it_ends_when_the_time_is_up(failure: Any) -> None:
    server = Server(failure)
    views = list(server.changes(lambda: Moment(SEEN, VIEW), timeout=7.5))
    assert len(views) >= 3
    assert server.now == 7.5


def test_reading_ends_it_where_nothing_can_pass() -> None:
    server = Server(FAILURES["403"])
    moments = iter([Moment(SEEN, VIEW)])

    def look() -> Moment:
        if (moment := next(moments, None)) is None:
            raise api_error(401, {}, b"")
        return moment

    views = server.changes(look)
    assert next(views) == VIEW
    with pytest.raises(Unauthorized):
        next(views)


def test_the_first_reading_bears_nothing() -> None:
    """A mistake in the command shows at once."""

    def look() -> Moment:
        raise FAILURES["500"]

    server = Server(b"")
    with pytest.raises(type(FAILURES["500"])):
        next(server.changes(look))
    assert server.now == 0.0


def test_a_change_is_read_without_a_pause() -> None:
    event = {"type": "MODIFIED", "object": {"metadata": {"resourceVersion": "8"}}}
    server = Server(json.dumps(event).encode() + b"\n")
    views = server.changes(lambda: Moment(SEEN, VIEW))
    assert (next(views), next(views)) == (VIEW, VIEW)
    assert server.now == 0.0


def test_a_watch_is_not_listened_to_beyond_the_command_s_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    server = Server(b"")
    monkeypatch.setattr(
        server, "stream", lambda *_, read_timeout, **__: asked.append(read_timeout) or Body(b"")
    )
    list(server.changes(lambda: Moment(SEEN, VIEW), timeout=1.0))
    assert asked == [1.0 + following._GRACE]
