"""Lines and events, and the watch that yields them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise
from typing import cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.apiserver import (
    ApiServer,
    Feed,
    chunked_answer,
    event_line,
    events_answer,
    status_answer,
    status_document,
)

from lws.kube import watch as module
from lws.kube.connection import Connection
from lws.kube.errors import BadRequest, DecodeError, Gone, TransportError
from lws.kube.resources import PODS
from lws.kube.watch import WatchEvent, WatchStream, error_of, split_lines, watch
from lws.objects import KubeObject

PATH = "/api/v1/pods"


def opened(connection: Connection, *, marked: bool = True) -> WatchStream:
    return watch(connection, PODS, timeout_seconds=300, marked=marked)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """``data`` in pieces, cut at these places (taken modulo its length)."""
    marks = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(marks)]


lines = st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b" ")), max_size=12)


@settings(max_examples=300, deadline=None)
@given(whole=lines, partial=st.binary(max_size=9), places=st.lists(st.integers(0, 200), max_size=20))
def test_lines_are_the_same_whatever_the_chunking(
    whole: list[bytes], partial: bytes, places: list[int]
) -> None:
    partial = partial.replace(b"\n", b"")
    data = b"".join(line + b"\n" for line in whole) + partial
    assert list(split_lines(cut(data, places))) == [line for line in whole if line.strip()]


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([b"", b"a", b"", b"\n"], [b"a"], id="empty chunks"),
        pytest.param([b"a\nb"], [b"a"], id="the partial last line is dropped"),
        pytest.param([b"\n\r\n \na\n\n"], [b"a"], id="blank lines are skipped"),
        pytest.param([b"a\r\n"], [b"a\r"], id="a carriage return is JSON's blank"),
    ],
)
def test_lines(chunks: list[bytes], expected: list[bytes]) -> None:
    assert list(split_lines(chunks)) == expected


class Counted(bytes):
    """Counts the bytes that are looked at for line ends."""

    looked_at = 0

    def split(self, *arguments: object) -> list[bytes]:  # type: ignore[override]
        Counted.looked_at += len(self)
        return super().split(*arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "count", "chunk"),
    [
        pytest.param(100_000, 1, 10, id="one huge line in small chunks"),
        pytest.param(50, 10_000, 500_000, id="many lines in one chunk"),
        pytest.param(777, 500, 64, id="anything between"),
    ],
)
def test_each_byte_is_looked_at_once(line: int, count: int, chunk: int) -> None:
    data = (b"x" * line + b"\n") * count
    Counted.looked_at = 0
    found = sum(1 for _ in split_lines(Counted(data[i : i + chunk]) for i in range(0, len(data), chunk)))
    assert (found, Counted.looked_at) == (count, len(data))


def test_lines_come_out_as_soon_as_they_are_whole() -> None:
    taken: list[bytes] = []

    def chunks() -> Iterator[bytes]:
        for chunk in (b"a\n", b"b\n"):
            taken.append(chunk)
            yield chunk

    assert next(split_lines(chunks())) == b"a"
    assert taken == [b"a\n"]


def test_what_is_asked(server: ApiServer, connection: Connection) -> None:
    path = "/api/v1/namespaces/team/pods"
    server.on("GET", path, events_answer())
    with watch(
        connection,
        PODS,
        namespace="team",
        label_selector="a=b",
        field_selector="c=d",
        resource_version="42",
        timeout_seconds=300,
        accept="application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
    ) as events:
        assert list(events) == []
    (request,) = server.requests
    assert request.query == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": "300",
        "labelSelector": "a=b",
        "fieldSelector": "c=d",
        "resourceVersion": "42",
    }
    assert request.headers["accept"] == "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


def test_initial_events_are_asked_for(server: ApiServer, connection: Connection) -> None:
    server.on("GET", PATH, events_answer())
    watch(connection, PODS, timeout_seconds=300, send_initial_events=True).__exit__(None, None, None)
    assert server.requests[0].query == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": "300",
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
    }


def test_the_client_waits_longer_than_the_server() -> None:
    class Recorder:
        read_timeout = 0.0

        def stream(self, _path: str, *, read_timeout: float, **_rest: object) -> Iterator[bytes]:
            self.read_timeout = read_timeout
            return iter([])

    recorder = Recorder()
    watch(cast(Connection, recorder), PODS, timeout_seconds=300)
    assert recorder.read_timeout == 330


def test_events_hold_their_object_undecoded(server: ApiServer, connection: Connection) -> None:
    server.on("GET", PATH, events_answer(("ADDED", {"metadata": {"name": "a"}}), ("BOOKMARK", {"x": 1.50})))
    with opened(connection) as events:
        added, bookmark = events
    assert (added.type, bookmark.type) == ("ADDED", "BOOKMARK")
    assert msgspec.json.decode(added.object, type=KubeObject).name == "a"
    assert bytes(bookmark.object) == b'{"x": 1.5}'


@settings(max_examples=25, deadline=None)
@given(places=st.lists(st.integers(0, 400), max_size=30))
def test_events_cut_into_chunks_anywhere(places: list[int]) -> None:
    documents = [{"metadata": {"name": f"pod-{number}", "labels": {"é": "ü"}}} for number in range(4)]
    data = b"".join(event_line("ADDED", document) for document in documents)
    decoded = [msgspec.json.decode(line, type=WatchEvent) for line in split_lines(cut(data, places))]
    assert [msgspec.json.decode(event.object) for event in decoded] == documents


def test_events_through_a_real_connection_byte_by_byte(server: ApiServer, connection: Connection) -> None:
    data = event_line("ADDED", {"a": 1}) + event_line("MODIFIED", {"a": 2})
    server.on("GET", PATH, chunked_answer(bytes([byte]) for byte in data))
    with opened(connection) as events:
        assert [event.type for event in events] == ["ADDED", "MODIFIED"]


def test_an_event_cut_short_by_a_dying_connection_is_never_seen(
    server: ApiServer, connection: Connection
) -> None:
    feed = Feed()
    server.on("GET", PATH, feed)
    with opened(connection) as events:
        feed.event("ADDED", {"a": 1})
        feed.send(event_line("DELETED", {"a": 1})[:-1])
        assert next(events).type == "ADDED"
        feed.drop()
        with pytest.raises(TransportError):
            next(events)
        assert list(events) == []


def test_an_error_event_maps_to_its_error(server: ApiServer, connection: Connection) -> None:
    status = status_document(410, "Expired", "too old resource version: 1 (2)")
    server.on("GET", PATH, events_answer(("ERROR", status)))
    with opened(connection) as events:
        (event,) = events
    error = error_of(event)
    assert isinstance(error, Gone)
    assert str(error) == "Expired (410): too old resource version: 1 (2)"


@pytest.mark.parametrize(
    "line", [b"<html>", b"{}", b'{"type":1,"object":{}}', b'{"type":"ADDED","object":{"a":'], ids=str
)
def test_a_line_that_is_no_event_names_the_resource(
    server: ApiServer, connection: Connection, line: bytes
) -> None:
    server.on("GET", PATH, chunked_answer([line + b"\n"]))
    with (
        opened(connection) as events,
        pytest.raises(DecodeError, match=rf"^watch of {PATH}: a line is no event: "),
    ):
        next(events)


def test_a_refusal_is_raised_at_once(server: ApiServer, connection: Connection) -> None:
    server.on("GET", PATH, status_answer(400, "BadRequest", "no"))
    with pytest.raises(BadRequest):
        opened(connection)


def test_close_from_another_thread_ends_the_iteration(server: ApiServer, connection: Connection) -> None:
    feed = Feed()
    server.on("GET", PATH, feed)
    events = opened(connection)
    seen: list[str] = []
    first = threading.Event()

    def read() -> None:
        with events:
            for event in events:
                seen.append(event.type)
                first.set()

    reader = threading.Thread(target=read)
    reader.start()
    feed.event("ADDED", {})
    assert first.wait(10)
    events.close()
    reader.join(10)
    assert not reader.is_alive()
    assert seen == ["ADDED"]
    assert feed.closed.wait(10)


class TestSilence:
    """Bookmarks come once a minute: who has sent one and then says nothing is gone."""

    def test_is_long_without_bookmarks(self, server: ApiServer, connection: Connection) -> None:
        feed = Feed()
        server.on("GET", PATH, feed, watch=True)
        with opened(connection) as events:
            assert (events.silence, timeout_of(events)) == (330.0, 330.0)
            feed.event("ADDED", {"metadata": {"name": "a"}})
            assert next(events).type == "ADDED"
            assert (events.silence, timeout_of(events)) == (330.0, 330.0)

    def test_is_short_after_the_first(self, server: ApiServer, connection: Connection) -> None:
        feed = Feed()
        server.on("GET", PATH, feed, watch=True)
        with opened(connection) as events:
            feed.event("BOOKMARK", {"metadata": {"resourceVersion": "5"}})
            assert next(events).type == "BOOKMARK"
            assert (events.silence, timeout_of(events)) == (75.0, 75.0)

    def test_stays_long_where_bookmarks_promise_nothing(
        self, server: ApiServer, connection: Connection
    ) -> None:
        feed = Feed()
        server.on("GET", PATH, feed, watch=True)
        with opened(connection, marked=False) as events:
            feed.event("BOOKMARK", {"metadata": {"resourceVersion": "5"}})
            assert next(events).type == "BOOKMARK"
            assert (events.silence, timeout_of(events)) == (330.0, 330.0)

    def test_beyond_it_is_a_lost_connection(
        self, server: ApiServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "BOOKMARK_SILENCE", 0.1)
        feed = Feed()
        server.on("GET", PATH, feed, watch=True)
        feed.event("BOOKMARK", {"metadata": {"resourceVersion": "5"}})
        with opened(connection) as events, pytest.raises(TransportError, match="silent") as raised:
            list(events)
        assert raised.value.silent


def timeout_of(events: WatchStream) -> float | None:
    """What the socket is told."""
    return events._stream._socket.gettimeout()  # type: ignore[no-any-return]
