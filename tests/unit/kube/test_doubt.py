"""One connection falls silent: what the others do about it, and what happens to what they keep open."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from support.apiserver import ApiServer, Feed, json_answer, silent_answer
from support.waits import Waits

from lws.kube.connection import Connection, connect
from lws.kube.doubt import ALIVE, REST, Doubt, _later
from lws.kube.errors import TransportError
from lws.kube.resources import PODS
from lws.kube.stream import Stream
from lws.kube.watch import watch
from lws.runtime.clock import FakeClock

PATH, LEASE = "/api/v1/pods", "/lease"


@pytest.fixture
def other(kubeconfig: str, connection: Connection) -> Iterator[Connection]:
    """Shares its doubt with ``connection``."""
    opened, doubt = connect(kubeconfig=kubeconfig, user_agent="lws-test/2"), Doubt()
    connection.doubt(doubt)
    opened.doubt(doubt)
    yield opened
    opened.close()


def fall_silent(server: ApiServer, other: Connection) -> None:
    server.on("PUT", LEASE, silent_answer())
    with pytest.raises(TransportError, match="silent"):
        other.request("PUT", LEASE, body=b"{}", read_timeout=0.1)


def test_a_watch_of_another_ends_as_if_the_server_had_ended_it(
    server: ApiServer, connection: Connection, other: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stream, "silence", ALIVE)
    server.on("GET", PATH, Feed(), watch=True)
    with watch(connection, PODS, timeout_seconds=300) as events:
        fall_silent(server, other)
        assert list(events) == []


def test_one_that_said_something_a_moment_ago_goes_on(
    server: ApiServer, connection: Connection, other: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stream, "silence", ALIVE - 0.1)
    feed = Feed()
    server.on("GET", PATH, feed, watch=True)
    with watch(connection, PODS, timeout_seconds=300) as events:
        feed.event("ADDED", {"metadata": {"name": "a"}})
        assert next(events).type == "ADDED"
        fall_silent(server, other)
        feed.event("DELETED", {"metadata": {"name": "a"}})
        assert next(events).type == "DELETED"


def test_a_watch_that_falls_silent_tells_it_too(
    server: ApiServer, connection: Connection, other: Connection
) -> None:
    server.on("GET", PATH, json_answer({}), watch=False)
    server.on("GET", PATH, Feed(), watch=True)
    other.request("GET", PATH)
    events = watch(connection, PODS, timeout_seconds=300, silence=0.1)
    with events, pytest.raises(TransportError, match="silent"):
        next(events)
    other.request("GET", PATH)
    assert server.connections == 3, "the watch, and the other's, which was made anew"


def test_connections_that_were_kept_are_opened_anew(
    server: ApiServer, connection: Connection, other: Connection, waits: Waits
) -> None:
    server.on("GET", PATH, json_answer({}))
    connection.request("GET", PATH)
    connection.request("GET", PATH)
    assert server.connections == 1
    fall_silent(server, other)
    connection.request("GET", PATH)
    assert server.connections == 3, "one of the other, and one in the place of the first"
    connection.request("GET", PATH)
    assert (server.connections, waits.seconds) == (3, [])


def test_a_connection_that_was_closed_is_left_closed(
    server: ApiServer, connection: Connection, other: Connection
) -> None:
    connection.close()
    fall_silent(server, other)
    with pytest.raises(TransportError, match="closed"):
        connection.request("GET", PATH)


class Renewals:
    """A doubt on a fake clock: when it had all made anew."""

    def __init__(self) -> None:
        self.clock, self.at = FakeClock(), list[float]()
        self._began, self._planned = self.clock.monotonic(), list[tuple[float, Callable[[], object]]]()
        self._doubt = Doubt(self.clock.monotonic, self._later)
        self._doubt.share(lambda: self.at.append(self.now))

    @property
    def now(self) -> float:
        return self.clock.monotonic() - self._began

    def silence(self, *, asked: float) -> None:
        self._doubt.silence(self._began + asked)

    def pass_until(self, moment: float) -> None:
        due = [x for x in self._planned if x[0] <= moment]
        self._planned = [x for x in self._planned if x[0] > moment]
        for at, call in due:
            self.clock.advance(at - self.now)
            call()
        self.clock.advance(moment - self.now)

    def _later(self, seconds: float, call: Callable[[], object]) -> None:
        self._planned.append((self.now + seconds, call))


def test_silences_of_one_trouble_are_one() -> None:
    """Requests that were under way when all was made anew, however late they find out."""
    renewals = Renewals()
    renewals.pass_until(5.0)
    renewals.silence(asked=0.0)
    renewals.pass_until(6.0)
    renewals.silence(asked=4.0)
    renewals.pass_until(30.0)
    renewals.silence(asked=4.9)
    renewals.pass_until(100.0)
    assert renewals.at == [5.0]


def test_one_that_comes_soon_after_another_is_not_let_pass() -> None:
    """Nobody else may find out: what asks after it uses a new connection, and watches hear nothing."""
    renewals = Renewals()
    renewals.pass_until(5.0)
    renewals.silence(asked=0.0)
    renewals.pass_until(12.0)
    renewals.silence(asked=7.0)
    renewals.silence(asked=7.1)
    renewals.pass_until(100.0)
    assert renewals.at == [5.0, 5.0 + REST]
    renewals.silence(asked=95.0)
    assert renewals.at == [5.0, 5.0 + REST, 100.0], "at once after a rest"


def test_it_is_looked_after_by_a_thread_of_its_own() -> None:
    renewed = threading.Semaphore(0)
    doubt = Doubt(lambda: 0.0, lambda _seconds, call: _later(0.0, call))
    doubt.share(renewed.release)
    doubt.silence(-1.0)
    doubt.silence(1.0)
    assert renewed.acquire(timeout=10.0)
    assert renewed.acquire(timeout=10.0)
