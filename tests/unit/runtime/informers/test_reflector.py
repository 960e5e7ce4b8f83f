"""The reflector, rule by rule (runtime.md, B1), against a scripted API server on a real socket.

Time is a fake clock's: a pause is seen when the reflector sleeps on it, and ends when the test advances it.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.apiserver import (
    Answer,
    ApiServer,
    Feed,
    Request,
    drop_answer,
    event_line,
    events_answer,
    json_answer,
    status_answer,
    status_document,
    write_kubeconfig,
)
from support.loglines import capture_logs
from support.things import PATH, THINGS, Log, Thing, bookmark, document, list_document, short, thing
from support.waiting import until

from lws.kube import watch as watching
from lws.kube.connection import Connection, connect
from lws.kube.lists import PARTIAL_METADATA
from lws.kube.retry import LONGEST_RETRY_AFTER
from lws.objects import Key, KubeObject
from lws.runtime.clock import FakeClock
from lws.runtime.informers import pulse as pulsing
from lws.runtime.informers import reflector as module
from lws.runtime.informers.decoding import Decoder
from lws.runtime.informers.listing import Selection
from lws.runtime.informers.reflector import Reflector, default_backoff
from lws.runtime.queue import Backoff

PAUSE = 5.0  # seconds of the fake clock
REFUSAL = status_answer(422, "Invalid", "sendInitialEvents is forbidden for watch")


class Sink(Log):
    """Writes down what it is told."""

    def replace(
        self, objects: Collection[Thing], *, resource_version: int, rewound: bool, keep: Collection[Key]
    ) -> None:
        words = [f"list {resource_version}:", *sorted(map(short, objects))]
        words += [f"(keeping {key.name})" for key in keep] + (["(rewound)"] if rewound else [])
        self.add(" ".join(words))

    def upsert(self, obj: Thing) -> None:
        self.add(f"upsert {short(obj)}")

    def delete(self, identity: KubeObject, final: Thing | None) -> None:
        self.add(f"delete {short(identity)}" + ("" if final else " unread"))

    def advance(self, resource_version: int) -> None:
        self.add(f"advance {resource_version}")


class Rig:
    """A reflector, its server, its sink and its clock. ``watches`` and ``lists`` script the answers."""

    def __init__(
        self, server: ApiServer, connection: Connection, *, growth: float = 1.0, **selection: Any
    ) -> None:
        self.server, self.sink, self.clock = server, Sink(), FakeClock()
        self.counts = Log()
        self._pauses = 0
        self.reflector = Reflector(
            connection,
            Selection(THINGS, **selection),
            Decoder(Thing, resource="things"),
            self.sink,
            clock=self.clock,
            backoff=Backoff(initial=PAUSE, factor=growth, cap=1000.0, clock=self.clock),
            random=lambda: 0.5,
            metrics=self,
        )
        self.thread = threading.Thread(target=self.reflector.run, daemon=True)

    def count(self, resource: str, what: str) -> None:
        assert resource == "things"
        self.counts.add(what)

    @property
    def counted(self) -> list[str]:
        return self.counts.lines

    def watches(self, *answers: Answer) -> None:
        self.server.on("GET", PATH, *answers, watch=True)

    def lists(self, *answers: Answer) -> None:
        self.server.on("GET", PATH, *answers, watch=False)

    def start(self) -> None:
        self.thread.start()

    def pass_pause(self, seconds: float = PAUSE) -> None:
        """Wait until the reflector pauses once more, then let the pause be over."""
        self.await_pause()
        self.clock.advance(seconds)

    def await_pause(self) -> None:
        self._pauses += 1
        self.counts.wait_for(lambda lines: lines.count("failure") >= self._pauses)
        assert self.clock.await_waiters(1)

    def told(self, count: int) -> list[str]:
        """The first so many lines, once they are there; more may be on their way."""
        return self.sink.wait_for_count(count)[:count]

    def requests(self, count: int) -> list[Request]:
        return self.server.wait_for(count, "GET", PATH)

    def stop(self) -> None:
        self.reflector.stop()
        if self.thread.is_alive():
            self.thread.join(10.0)
            assert not self.thread.is_alive(), "does not stop"


@contextmanager
def rigged(directory: Path, **selection: Any) -> Iterator[Rig]:
    with ApiServer() as server:
        connection = connect(kubeconfig=write_kubeconfig(directory, server.url), user_agent="test")
        rig = Rig(server, connection, **selection)
        try:
            yield rig
        finally:
            rig.stop()
            connection.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with rigged(tmp_path) as rig:
        yield rig


def initial(feed: Feed, version: int, *objects: Thing) -> Feed:
    """A streamed list."""
    for obj in objects:
        feed.event("ADDED", document(obj))
    feed.event("BOOKMARK", bookmark(version, initial_events_end=True))
    return feed


def error_event(code: int, reason: str, message: str = "") -> bytes:
    return event_line("ERROR", status_document(code, reason, message))


class TestStreamedList:
    def test_is_asked_for_and_goes_on_as_the_watch(self, rig: Rig) -> None:
        feed = initial(Feed(), 10, thing("b", 7), thing("a", 3))
        rig.watches(feed)
        rig.start()
        feed.event("MODIFIED", document(thing("a", 11)))
        assert rig.told(2) == ["list 10: a@3 b@7", "upsert a@11"]
        assert rig.requests(1)[0].query == {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "sendInitialEvents": "true",
            "resourceVersionMatch": "NotOlderThan",
            "timeoutSeconds": "450",
        }
        assert len(rig.server.requests) == 1

    def test_changes_before_the_bookmark_are_part_of_it(self, rig: Rig) -> None:
        feed = Feed()
        for type_, obj in (("ADDED", thing("a", 3)), ("ADDED", thing("b", 4)), ("MODIFIED", thing("a", 5))):
            feed.event(type_, document(obj))
        feed.event("BOOKMARK", bookmark(6))
        feed.event("DELETED", document(thing("b", 7)))
        rig.watches(initial(feed, 8))
        rig.start()
        assert rig.told(1) == ["list 8: a@5"]

    def test_its_events_do_not_advance_the_version(self, rig: Rig) -> None:
        """They come in no order: going on from one of them would lose others."""
        broken, whole = Feed(), initial(Feed(), 10, thing("a", 3))
        rig.watches(broken, whole)
        rig.lists(REFUSAL)
        broken.event("ADDED", document(thing("z", 9)))
        broken.drop()
        rig.start()
        rig.pass_pause()
        assert rig.told(1) == ["list 10: a@3"]
        assert "resourceVersion" not in rig.requests(2)[1].query

    @pytest.mark.parametrize("status", [400, 405, 406, 415, 422])
    def test_refused_once_is_not_asked_for_again(self, rig: Rig, status: int) -> None:
        watch = Feed()
        rig.watches(status_answer(status, "", "unknown parameter"), watch)
        rig.lists(json_answer(list_document([thing("a", 3)], 10)))
        rig.start()
        watch.event("MODIFIED", document(thing("a", 11)))
        assert rig.told(2) == ["list 10: a@3", "upsert a@11"]
        _, listed, watched = rig.requests(3)
        assert listed.query == {"resourceVersion": "0"}
        assert watched.query["resourceVersion"] == "10"
        assert "sendInitialEvents" not in watched.query
        watch.send(error_event(410, "Expired"))
        rig.pass_pause()
        assert not rig.requests(4)[3].watch

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(events_answer(("ADDED", document(thing("a", 3)))), id="ended without its bookmark"),
            pytest.param(status_answer(500, "InternalError"), id="server error"),
        ],
    )
    def test_failed_is_tried_the_other_way_once(self, rig: Rig, answer: Answer) -> None:
        watch = Feed()
        rig.watches(answer, watch, initial(Feed(), 20, thing("a", 15)))
        rig.lists(json_answer(list_document([thing("a", 3)], 10)))
        rig.start()
        rig.pass_pause()
        assert rig.told(1) == ["list 10: a@3"]
        watch.send(error_event(410, "Expired"))
        rig.pass_pause()
        assert rig.told(2)[1] == "list 20: a@15"
        assert rig.requests(4)[3].query["sendInitialEvents"] == "true"

    def test_unavailable_server_is_asked_the_same_again(self, rig: Rig) -> None:
        rig.watches(drop_answer(), status_answer(429, "TooManyRequests"), initial(Feed(), 10))
        rig.start()
        rig.pass_pause()
        rig.pass_pause()
        assert rig.told(1) == ["list 10:"]
        assert all(request.watch for request in rig.server.requests)


class TestWatch:
    def test_hears_all_kinds(self, rig: Rig) -> None:
        feed = initial(Feed(), 10)
        rig.watches(feed)
        rig.start()
        for type_, version in (("ADDED", 11), ("MODIFIED", 12), ("DELETED", 13)):
            feed.event(type_, document(thing("a", version)))
        feed.event("BOOKMARK", bookmark(20))
        assert rig.told(5)[1:] == ["upsert a@11", "upsert a@12", "delete a@13", "advance 20"]

    @pytest.mark.parametrize(
        ("last", "version"),
        [
            pytest.param(("MODIFIED", document(thing("a", 12))), "12", id="an update"),
            pytest.param(("DELETED", document(thing("a", 13))), "13", id="a deletion"),
            pytest.param(("BOOKMARK", bookmark(14)), "14", id="a bookmark"),
            pytest.param(("BOOKMARK", bookmark(4)), "10", id="a bookmark of the past"),
            pytest.param(("BOOKMARK", []), "10", id="an unreadable bookmark"),
            pytest.param(
                ("MODIFIED", {**document(thing("a", 15)), "size": "?"}), "15", id="an unreadable object"
            ),
            pytest.param(("DELETED", {**document(thing("a", 16)), "size": "?"}), "16", id="its deletion"),
            pytest.param(("MODIFIED", document(thing("a", 0))), "0", id="any version, as it comes"),
            pytest.param(("MODIFIED", {"metadata": {"name": "a"}}), "10", id="an object without one"),
        ],
    )
    @pytest.mark.parametrize("end", ["end", "drop", "reset"])
    def test_goes_on_from_the_last_version(
        self, rig: Rig, last: tuple[str, Any], version: str, end: str
    ) -> None:
        feed, second = initial(Feed(), 10), Feed()
        rig.watches(feed, second)
        feed.event(*last)
        feed.end() if end == "end" else feed.drop(reset=end == "reset")
        rig.start()
        if end != "end":
            rig.pass_pause()
        query = rig.requests(2)[1].query
        assert query["resourceVersion"] == version
        assert query["allowWatchBookmarks"] == "true"
        assert "sendInitialEvents" not in query

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(status_answer(429, "TooManyRequests"), id="429"),
            pytest.param(drop_answer(), id="no answer"),
            pytest.param(status_answer(503, "ServiceUnavailable"), id="503"),
            pytest.param(status_answer(403, "Forbidden"), id="403"),
            pytest.param(events_answer(("ERROR", status_document(500, "InternalError"))), id="ERROR event"),
            pytest.param(events_answer(("SURPRISE", {})), id="event of an unknown type"),
        ],
    )
    def test_failure_backs_off_and_watches_again_without_a_list(self, rig: Rig, answer: Answer) -> None:
        first = initial(Feed(), 10)
        rig.watches(first, answer, answer, Feed())
        rig.clock.advance(100.0)
        first.event("MODIFIED", document(thing("a", 11)))
        first.end()
        rig.start()
        rig.pass_pause()
        rig.pass_pause()
        requests = rig.requests(4)
        assert [request.query.get("resourceVersion") for request in requests] == [None, "11", "11", "11"]
        assert [line for line in rig.sink.lines if line.startswith("list")] == ["list 10:"]

    def test_connection_refused_backs_off_and_watches_again(self, rig: Rig) -> None:
        feed = initial(Feed(), 10)
        rig.watches(feed)
        rig.start()
        rig.told(1)
        rig.server.close()
        for _ in range(3):
            rig.pass_pause()
        rig.await_pause()
        assert rig.counted.count("list") == 0

    def test_as_short_as_to_spin_is_a_failure(self, rig: Rig) -> None:
        feed = Feed()
        rig.watches(initial(feed, 10), events_answer(), Feed())
        feed.end()
        rig.start()
        rig.pass_pause()
        assert rig.requests(3)[2].query["resourceVersion"] == "10"
        assert rig.counted.count("failure") == 1

    def test_of_a_second_is_none(self, rig: Rig) -> None:
        feeds = [initial(Feed(), 10), Feed(), Feed()]
        rig.watches(*feeds)
        rig.start()
        feeds[0].end()
        assert feeds[1].opened.wait(10.0)
        rig.clock.advance(module.SHORTEST_WATCH)
        feeds[1].end()
        rig.requests(3)
        assert "failure" not in rig.counted

    @pytest.mark.parametrize(("chance", "seconds"), [(0.0, 300), (0.5, 450), (0.999999, 599)])
    def test_length_is_drawn(self, rig: Rig, chance: float, seconds: int) -> None:
        rig.reflector._random = lambda: chance
        rig.watches(initial(Feed(), 10))
        rig.start()
        assert rig.requests(1)[0].query["timeoutSeconds"] == str(seconds)

    def test_retry_after_of_the_server_counts(self, rig: Rig) -> None:
        feed = Feed()
        rig.watches(status_answer(429, "TooManyRequests", headers={"Retry-After": "20"}), initial(feed, 10))
        rig.start()
        rig.await_pause()
        rig.clock.advance(19.0)
        assert rig.clock.await_waiters(1)
        assert len(rig.server.requests) == 1
        rig.clock.advance(1.0)
        rig.told(1)

    def test_retry_after_is_bounded(self, rig: Rig) -> None:
        rig.watches(status_answer(429, headers={"Retry-After": "99999"}), initial(Feed(), 10))
        rig.start()
        rig.await_pause()
        rig.clock.advance(LONGEST_RETRY_AFTER)
        rig.told(1)


class TestRelist:
    @pytest.mark.parametrize(
        "gone",
        [
            pytest.param(error_event(410, "Expired"), id="Expired"),
            pytest.param(error_event(410, "Gone"), id="Gone"),
            pytest.param(
                error_event(504, "Timeout", "Too large resource version: 9, current: 1"), id="too large"
            ),
            pytest.param(
                event_line(
                    "ERROR",
                    status_document(504, "Timeout", "", causes=[{"reason": "ResourceVersionTooLarge"}]),
                ),
                id="too large, by its cause",
            ),
        ],
    )
    def test_forgotten_version_asks_for_the_newest_list(self, rig: Rig, gone: bytes) -> None:
        feed = initial(Feed(), 10, thing("a", 3))
        rig.watches(feed, initial(Feed(), 30, thing("b", 25)))
        feed.send(gone)
        rig.start()
        rig.pass_pause()
        assert rig.told(2) == ["list 10: a@3", "list 30: b@25"]
        query = rig.requests(2)[1].query
        assert query["sendInitialEvents"] == "true"
        assert "resourceVersion" not in query

    def test_refused_at_the_door_as_well(self, rig: Rig) -> None:
        feed = initial(Feed(), 10)
        rig.watches(feed, status_answer(410, "Expired"), initial(Feed(), 30))
        feed.event("MODIFIED", document(thing("a", 11)))
        feed.end()
        rig.start()
        rig.pass_pause()
        assert rig.told(3)[2] == "list 30:"

    def test_without_streaming_comes_in_pages(self, rig: Rig) -> None:
        watch = Feed()
        rig.watches(REFUSAL, watch, Feed())
        page = list_document([thing("a", 25)], 30, **{"continue": "token"})
        rig.lists(
            json_answer(list_document([], 10)),
            json_answer(page),
            json_answer(list_document([thing("b", 2)], 30)),
        )
        watch.send(error_event(410, "Expired"))
        rig.start()
        rig.pass_pause()
        assert rig.told(2)[1] == "list 30: a@25 b@2"
        lists = [request.query for request in rig.server.matching("GET", PATH, watch=False)]
        assert lists == [{"resourceVersion": "0"}, {"limit": "500"}, {"limit": "500", "continue": "token"}]

    def test_line_that_is_no_event_means_that_something_was_lost(self, rig: Rig) -> None:
        feed = initial(Feed(), 10)
        feed.send(b"<html>\n")
        rig.watches(feed, initial(Feed(), 15, thing("a", 12)))
        rig.start()
        rig.pass_pause()
        assert rig.told(2)[1] == "list 15: a@12"
        query = rig.requests(2)[1].query
        assert (query["resourceVersion"], query["sendInitialEvents"]) == ("10", "true")

    def test_server_that_is_back_is_asked_without_the_delay_that_its_absence_had_earned(
        self, tmp_path: Path
    ) -> None:
        with rigged(tmp_path, growth=4.0) as rig:
            feed = initial(Feed(), 10)
            feed.end()
            rig.watches(
                feed,
                drop_answer(),
                drop_answer(),
                status_answer(410, "Expired"),
                status_answer(410, "Expired"),
                initial(Feed(), 30),
            )
            rig.start()
            for seconds in (PAUSE, 4 * PAUSE, PAUSE, 4 * PAUSE):
                rig.pass_pause(seconds)
            assert rig.told(2)[1] == "list 30:"
            assert rig.counted.count("failure") == 4

    def test_list_older_than_what_was_told_says_so(self, rig: Rig) -> None:
        feed = initial(Feed(), 100)
        feed.event("MODIFIED", document(thing("a", 120)))
        feed.send(error_event(410, "Expired"))
        rig.watches(feed, status_answer(410, "Expired"), initial(Feed(), 30, thing("a", 20)))
        rig.start()
        rig.pass_pause()
        rig.pass_pause()
        assert rig.told(3)[2] == "list 30: a@20 (rewound)"

    def test_failing_list_backs_off(self, rig: Rig) -> None:
        rig.watches(REFUSAL, Feed())
        rig.lists(status_answer(500), drop_answer(), json_answer({}), json_answer(list_document([], 10)))
        rig.start()
        for _ in range(3):
            rig.pass_pause()
        assert rig.told(1) == ["list 10:"]
        assert [request.watch for request in rig.requests(6)] == [True, False, False, False, False, True]


class TestUnreadable:
    def test_events_are_skipped(self, rig: Rig) -> None:
        feed = initial(Feed(), 10)
        rig.watches(feed)
        bad = {**document(thing("bad", 11)), "size": "large"}
        with capture_logs() as lines:
            rig.start()
            feed.event("ADDED", bad)
            feed.event("ADDED", document(thing("a", 12)))
            feed.event("MODIFIED", bad)
            feed.event("DELETED", bad)
            feed.event("DELETED", {"metadata": {}})
            feed.event("ADDED", document(thing("b", 14)))
            assert rig.told(4)[1:] == ["upsert a@12", "delete bad@11 unread", "upsert b@14"]
        assert [line["object"] for line in lines] == [Key("n", "bad"), None]
        assert rig.counted == ["watch"]

    @pytest.mark.parametrize("streamed", [True, False])
    def test_items_of_a_list_are_kept(self, rig: Rig, streamed: bool) -> None:
        bad = {**document(thing("bad", 5)), "size": "large"}
        feed = Feed()
        feed.event("ADDED", bad)
        rig.watches(*([] if streamed else [REFUSAL]), initial(feed, 10, thing("a", 3)))
        body = list_document([thing("a", 3)], 10)
        body["items"].append(bad)
        rig.lists(json_answer(body))
        rig.start()
        assert rig.told(1)[0] == "list 10: a@3 (keeping bad)"


class TestStop:
    @pytest.mark.parametrize(
        "prepare",
        [
            pytest.param(lambda feed: feed, id="in a streamed list"),
            pytest.param(lambda feed: initial(feed, 10), id="in a watch"),
        ],
    )
    def test_ends_a_read_that_waits(self, rig: Rig, prepare: Callable[[Feed], Feed]) -> None:
        feed = Feed()
        rig.watches(prepare(feed))
        rig.start()
        assert feed.opened.wait(10.0)
        rig.stop()
        assert not rig.thread.is_alive()
        assert rig.counted == ["watch"]

    def test_ends_a_list_that_trickles(self, rig: Rig) -> None:
        listing = Feed()
        listing.send(b'{"metadata":')
        rig.watches(REFUSAL)
        rig.lists(listing)
        rig.start()
        assert listing.opened.wait(10.0)
        rig.stop()
        assert rig.sink.lines == []

    def test_ends_a_pause(self, rig: Rig) -> None:
        rig.watches(drop_answer())
        rig.start()
        rig.await_pause()
        rig.stop()
        assert len(rig.server.requests) == 1

    def test_before_the_start(self, rig: Rig) -> None:
        rig.reflector.stop()
        rig.start()
        rig.stop()
        assert rig.server.requests == []

    def test_while_a_stream_opens(self, rig: Rig) -> None:
        feed = Feed()

        def stop_first(exchange: Any) -> None:
            rig.reflector.stop()
            feed(exchange)

        rig.watches(stop_first)
        rig.start()
        rig.thread.join(10.0)
        assert not rig.thread.is_alive()


def test_selection_is_asked_for(tmp_path: Path) -> None:
    with rigged(
        tmp_path, namespace="n", label_selector="a", field_selector="b=c", accept=PARTIAL_METADATA
    ) as rig:
        path = "/api/v1/namespaces/n/things"
        rig.server.on("GET", path, REFUSAL, Feed(), watch=True)
        rig.server.on("GET", path, json_answer(list_document([], 10)), watch=False)
        rig.start()
        requests = rig.server.wait_for(3, "GET", path)
    for request in requests:
        assert request.query["labelSelector"] == "a"
        assert request.query["fieldSelector"] == "b=c"
    accepted = [request.headers["accept"] for request in requests]
    assert accepted == [
        PARTIAL_METADATA,
        PARTIAL_METADATA.replace("Metadata;", "MetadataList;"),
        PARTIAL_METADATA,
    ]


def test_a_sink_that_raises_does_not_end_it(rig: Rig) -> None:
    feeds = [initial(Feed(), 10), Feed()]
    rig.watches(*feeds)
    heard = rig.sink.upsert

    def fail_once(obj: Thing) -> None:
        heard(obj)
        if obj.name == "bad":
            raise RuntimeError("a fault of the sink")

    rig.sink.upsert = fail_once  # type: ignore[method-assign]
    with capture_logs() as lines:
        rig.start()
        feeds[0].event("ADDED", document(thing("bad", 11)))
        rig.pass_pause()
        feeds[1].event("ADDED", document(thing("a", 12)))
        assert rig.told(3)[1:] == ["upsert bad@11", "upsert a@12"]
    assert isinstance(lines[-1]["exc_info"], RuntimeError)
    assert rig.requests(2)[1].query["resourceVersion"] == "11"


def test_a_watch_that_falls_silent_after_a_bookmark_is_taken_up_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing says that its far end is gone: no reset, no end."""
    for where in (watching, pulsing):
        monkeypatch.setattr(where, "BOOKMARK_SILENCE", 0.1)
    feeds = [initial(Feed(), 10), Feed()]
    rig.watches(*feeds)
    feeds[0].event("BOOKMARK", bookmark(12))
    feeds[1].event("ADDED", document(thing("a", 13)))
    rig.start()
    rig.pass_pause()
    assert rig.told(3) == ["list 10:", "advance 12", "upsert a@13"]
    assert rig.requests(2)[1].query["resourceVersion"] == "12"
    assert rig.counted[:3] == ["watch", "failure", "watch"]


def test_a_watch_without_bookmarks_may_be_silent_while_it_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of events the server marks a moment now and then, which promises nothing."""
    asked: list[dict[str, Any]] = []

    def listen(*where: Any, **how: Any) -> Any:
        asked.append(how)
        return watching.watch(*where, **how)

    monkeypatch.setattr(module, "watch", listen)
    with rigged(tmp_path, marked=False) as rig:
        rig.watches(initial(Feed(), 10))
        rig.start()
        assert rig.told(1) == ["list 10:"]
    assert [(x["silence"], x["marked"]) for x in asked] == [(None, False)]


def test_a_report_that_fails_does_not_end_it(rig: Rig) -> None:
    """Neither the metrics nor the log may: an informer that ended would go stale, and nobody would know."""
    count = rig.count

    def fail(resource: str, what: str) -> None:
        count(resource, what)
        if what == "failure":
            raise OSError(errno.ENOSPC, "No space left on device")

    rig.reflector._metrics.count = fail  # type: ignore[method-assign]
    rig.watches(drop_answer(), drop_answer(), initial(Feed(), 10))
    rig.start()
    for _ in range(2):
        rig.pass_pause(module.SHORTEST_WATCH)
    assert rig.told(1) == ["list 10:"]
    assert rig.thread.is_alive()


class TestAKindThatIsNotServed:
    """A missing CustomResourceDefinition: the server answers 404 until it is applied."""

    def test_is_told_once(self, rig: Rig) -> None:
        with capture_logs() as lines:
            rig.start()
            for _ in range(2):
                rig.pass_pause()
            rig.await_pause()
            rig.watches(drop_answer())
            rig.lists(drop_answer())
            rig.clock.advance(PAUSE)
            rig.await_pause()
            rig.watches(initial(Feed(), 10))
            rig.lists(json_answer(list_document([], 10)))
            rig.clock.advance(PAUSE)
            rig.told(1)
        trouble = "things are not served; is this the address of an API server?"
        told = [(line["log_level"], line["error"] == trouble) for line in lines]
        assert told == [("warning", True), ("debug", True), ("debug", True), ("warning", False)]
        assert rig.reflector.trouble == ""

    def test_what_may_be_absent_is_off_until_it_is_served(self, rig: Rig) -> None:
        """One warning, whatever else fails meanwhile, and a line when it has come."""
        rig.reflector._selection = rig.reflector._selection._replace(off="Things are")
        with capture_logs() as lines:
            rig.start()
            rig.pass_pause()
            rig.await_pause()
            rig.watches(drop_answer())
            rig.lists(drop_answer())
            rig.clock.advance(PAUSE)
            rig.pass_pause()
            rig.await_pause()
            rig.watches(initial(Feed(), 10))
            rig.lists(json_answer(list_document([], 10)))
            rig.clock.advance(PAUSE)
            rig.told(1)
            until("the line", lambda: lines[-1]["event"] == "served now")
        told = [(x["log_level"], x["event"]) for x in lines]
        assert told.count(("warning", "Things are off")) == 1
        assert [x for x in told if x[0] == "info"] == [("info", "served now")]

    def test_is_looked_for_often_enough(self, rig: Rig) -> None:
        rig.reflector._backoff = Backoff(initial=60.0, factor=1.0, cap=60.0, clock=rig.clock)
        rig.start()
        rig.await_pause()
        rig.watches(initial(Feed(), 10))
        rig.lists(json_answer(list_document([], 10)))
        rig.clock.advance(module.LONGEST_ABSENCE)
        assert rig.told(1)[0] == "list 10:"


def test_a_server_that_is_away_is_looked_for_often_and_told_of_once(rig: Rig) -> None:
    rig.reflector._backoff = Backoff(initial=60.0, factor=1.0, cap=60.0, clock=rig.clock)
    rig.watches(drop_answer())
    with capture_logs() as lines:
        rig.start()
        for _ in range(3):
            rig.pass_pause(module.UNANSWERED[1])
        rig.await_pause()
        rig.watches(initial(Feed(), 10))
        rig.clock.advance(module.UNANSWERED[1])
        rig.told(1)
    told = [x["log_level"] for x in lines if x["event"] == "watch interrupted"]
    assert told == ["warning", "debug", "debug", "debug"]


def test_a_context_is_held_while_a_list_is_taken_in(rig: Rig) -> None:
    @contextmanager
    def syncing() -> Iterator[None]:
        rig.sink.add("begin")
        yield
        rig.sink.add("end")

    rig.reflector._syncing = syncing
    feed = initial(Feed(), 10)
    rig.watches(feed)
    rig.start()
    feed.event("ADDED", document(thing("a", 11)))
    assert rig.told(4) == ["begin", "list 10:", "end", "upsert a@11"]


def test_default_backoff() -> None:
    """0.8 s x2 up to 30 s, up to doubled by jitter, from the start again after two minutes."""
    clock = FakeClock()
    backoff = default_backoff(clock)
    backoff._random = lambda: 0.0
    delays = [backoff.next() for _ in range(8)]
    assert delays == pytest.approx([0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0])
    backoff._random = lambda: 1.0
    assert backoff.next() == pytest.approx(60.0)
    clock.advance(121.0)
    assert backoff.next() == pytest.approx(1.6)
