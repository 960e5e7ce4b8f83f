"""One connection falls silent: what the others do about it, and what happens to what they keep open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.apiserver import ApiServer, Feed, json_answer, silent_answer
from support.waits import Waits

from lws.kube.connection import Connection, connect
from lws.kube.doubt import ALIVE, REST, Doubt
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


def test_silences_of_one_moment_are_one() -> None:
    clock, renewed = FakeClock(), list[str]()
    doubt = Doubt(clock.monotonic)
    doubt.share(lambda: renewed.append("a"))
    doubt.share(lambda: renewed.append("b"))
    doubt.silence()
    clock.advance(REST - 1.0)
    doubt.silence()
    assert renewed == ["a", "b"]
    clock.advance(1.0)
    doubt.silence()
    assert renewed == ["a", "b"] * 2
