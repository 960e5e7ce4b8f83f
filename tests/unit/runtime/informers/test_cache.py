"""The cache: informers shared, started, awaited and stopped together, and the garbage collector's rest."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.apiserver import (
    ApiServer,
    Feed,
    event_line,
    json_answer,
    status_answer,
    status_document,
    write_kubeconfig,
)
from support.loglines import capture_logs
from support.things import (
    DEADLINE,
    PATH,
    THINGS,
    Log,
    Thing,
    bookmark,
    colours,
    document,
    list_document,
    thing,
)
from support.waiting import until

from lws.kube.connection import connect
from lws.kube.resources import Resource
from lws.objects import KubeObject
from lws.runtime.clock import FakeClock
from lws.runtime.informers.cache import Cache, CollectorPause
from lws.runtime.informers.informer import PARTIAL_METADATA, StuckError
from lws.runtime.informers.listing import Selection

GADGETS = Resource("", "v1", "gadgets", "Gadget")
GADGETS_PATH = "/api/v1/gadgets"


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """Leave the collector as it was."""
    yield
    gc.unfreeze()
    gc.enable()


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as server:
        yield server


@pytest.fixture
def cache(server: ApiServer, tmp_path: Path) -> Iterator[Cache]:
    connection = connect(kubeconfig=write_kubeconfig(tmp_path, server.url), user_agent="test")
    cache = Cache(connection)
    yield cache
    cache.stop()
    assert not [informer for informer in cache.informers if informer._thread.is_alive()]
    connection.close()


def scene(*objects: Thing, version: int = 10) -> Feed:
    feed = Feed()
    for obj in objects:
        feed.event("ADDED", document(obj))
    feed.event("BOOKMARK", bookmark(version, initial_events_end=True))
    return feed


class TestRegistry:
    def test_one_informer_for_a_selection(self, cache: Cache) -> None:
        first = cache.informer(Selection(THINGS, label_selector="a"), Thing)
        assert cache.informer(Selection(THINGS, label_selector="a"), Thing) is first
        assert cache.informers == [first]

    @pytest.mark.parametrize(
        "other",
        [
            {"label_selector": "a"},
            {"field_selector": "a=b"},
            {"namespace": "n"},
            {"accept": PARTIAL_METADATA},
        ],
        ids=str,
    )
    def test_another_selection_is_another_informer(self, cache: Cache, other: dict[str, Any]) -> None:
        assert cache.informer(Selection(THINGS, **other), Thing) is not cache.informer(THINGS, Thing)
        assert len(cache.informers) == 2

    def test_indexes_add_up(self, cache: Cache) -> None:
        informer = cache.informer(THINGS, Thing, indexes={"colour": colours})
        cache.informer(THINGS, Thing, indexes={"colour": colours, "size": lambda obj: [obj.size]})
        informer.observe_write(thing("a", 1, colour="red", size=3))
        assert informer.by_index("colour", "red") == informer.by_index("size", 3) != []

    @pytest.mark.parametrize(
        "other",
        [
            {"type_": KubeObject},
            {"transform": lambda obj: obj},
            {"indexes": {"colour": lambda _: []}},
        ],
        ids=lambda other: next(iter(other)),
    )
    def test_what_clashes_is_refused(self, cache: Cache, other: dict[str, Any]) -> None:
        cache.informer(THINGS, Thing, indexes={"colour": colours})
        with pytest.raises(ValueError, match=r"things|colour"):
            cache.informer(THINGS, **{"type_": Thing, **other})


class Counting(NamedTuple):
    """Informer metrics that write down what is counted."""

    log: Log

    def count(self, resource: str, what: str) -> None:
        self.log.add(what)


class TestAThreadThatEnds:
    def test_is_noticed(self, server: ApiServer, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
        server.on("GET", PATH, scene(), watch=True)
        cache.informer(THINGS, Thing)
        dead = cache.informer(GADGETS, Thing)
        assert cache.alive
        cache.check()
        monkeypatch.setattr(dead._thread, "_target", lambda: None)
        cache.start()
        dead._thread.join(DEADLINE)
        assert not cache.alive
        with pytest.raises(StuckError, match=r"^the thread of the informer of gadgets has ended$"):
            cache.check()
        cache.stop()
        assert cache.alive

    def test_and_one_that_is_stuck(self, server: ApiServer, cache: Cache) -> None:
        server.on("GET", PATH, scene(), watch=True)
        informer = cache.informer(THINGS, Thing)
        cache.start()
        assert cache.wait_for_sync(DEADLINE)
        informer._reflector.pulse.expect(-1000.0)
        assert cache.alive
        with pytest.raises(StuckError, match=r"^the informer of things has been stuck for 1000 s$"):
            cache.check()

    def test_a_server_that_is_away_is_no_reason_to_die(self, server: ApiServer, tmp_path: Path) -> None:
        clock, counts = FakeClock(), Log()
        connection = connect(kubeconfig=write_kubeconfig(tmp_path, server.url), user_agent="test")
        cache = Cache(connection, clock=clock, metrics=Counting(counts))
        cache.informer(THINGS, Thing)
        server.close()
        cache.start()
        for failures in range(1, 11):
            counts.wait_for(lambda lines, failures=failures: lines.count("failure") == failures)  # type: ignore[misc]
            assert clock.await_waiters(1)
            clock.advance(61.0)
            cache.check()
        assert cache.silences()["things"] >= 10 * 61.0
        cache.stop()
        connection.close()


class TestLife:
    def test_all_are_started_awaited_and_stopped(self, server: ApiServer, cache: Cache) -> None:
        server.on("GET", PATH, scene(thing("a", 3)), watch=True)
        server.on("GET", GADGETS_PATH, scene(thing("b", 4)), watch=True)
        things, gadgets = cache.informer(THINGS, Thing), cache.informer(GADGETS, Thing)
        cache.start()
        cache.start()  # once is enough
        assert cache.wait_for_sync(DEADLINE)
        assert [len(informer.indexer) for informer in (things, gadgets)] == [1, 1]
        cache.stop()
        assert not any(informer._thread.is_alive() for informer in cache.informers)

    def test_one_that_comes_late_is_started_at_once(self, server: ApiServer, cache: Cache) -> None:
        cache.start()
        assert cache.wait_for_sync(DEADLINE)
        server.on("GET", PATH, scene(thing("a", 3, colour="red")), watch=True)
        informer = cache.informer(THINGS, Thing, indexes={"colour": colours})
        assert cache.wait_for_sync(DEADLINE)
        assert len(informer.by_index("colour", "red")) == 1

    def test_names_what_has_not_synced(self, server: ApiServer, cache: Cache) -> None:
        server.on("GET", PATH, scene(), watch=True)
        server.on("GET", GADGETS_PATH, Feed(), watch=True)
        synced = cache.informer(THINGS, Thing)
        cache.informer(GADGETS, Thing)
        cache.start()
        assert synced.wait_for_sync(DEADLINE)
        with capture_logs() as lines:
            assert not cache.wait_for_sync(0.05)
        assert lines[-1]["resources"] == ["gadgets"]

    def test_tells_why_it_is_not_ready(self, server: ApiServer, cache: Cache) -> None:
        server.on("GET", PATH, Feed(), watch=True)
        cache.informer(THINGS, Thing)
        missing = cache.informer(Resource("example.com", "v1", "gadgets", "Gadget"), Thing)
        cache.informer(
            Selection(Resource("example.com", "v1", "gadgets", "Gadget"), label_selector="a"), Thing
        )
        assert cache.why_not_ready() == "no list of things, gadgets, gadgets"
        cache.start()
        server.wait_for(2, "GET", "/apis/example.com/v1/gadgets", watch=False)
        with capture_logs() as lines:
            assert not cache.wait_ready(0.0)
        assert not [line for line in lines if line["event"] == "caches not synced in time"]
        assert cache._starting, "the collector must rest for as long as lists are taken in"
        told = "gadgets.example.com is not served in version v1; apply the CustomResourceDefinition "
        assert missing.trouble == told + "gadgets.example.com"
        assert cache.why_not_ready() == missing.trouble

    def test_ready_means_no_trouble(self, server: ApiServer, cache: Cache) -> None:
        server.on("GET", PATH, status_answer(500), scene(), watch=True)
        server.on("GET", PATH, json_answer(list_document([], 10)), watch=False)
        informer = cache.informer(THINGS, Thing)
        cache.start()
        assert cache.wait_ready(DEADLINE)
        assert informer.trouble == ""

    def test_an_open_watch_is_no_interruption(self, server: ApiServer, cache: Cache) -> None:
        """What was refused and is not any more, and what breaks later."""
        first = Feed()
        server.on("GET", PATH, status_answer(403), first, status_answer(500), watch=True)
        server.on("GET", PATH, json_answer(list_document([], 10)), watch=False)
        informer = cache.informer(THINGS, Thing)
        assert informer.interruption == ""
        cache.start()
        until("the refusal", lambda: informer.interruption, lambda x: "403" in x)
        assert cache.wait_ready(DEADLINE)
        until("the watch", lambda: informer.interruption, lambda x: x == "")
        first.end()
        until("the loss", lambda: informer.interruption, lambda x: "500" in x)

    def test_stop_waits_no_longer_than_asked_for_all(
        self, cache: Cache, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = FakeClock()
        waited: list[float] = []

        class Stuck(threading.Thread):
            def is_alive(self) -> bool:
                return len(waited) < 3

            def join(self, timeout: float | None = None) -> None:
                assert timeout is not None
                waited.append(timeout)
                clock.advance(2.0)

        for number in range(3):
            cache.informer(Selection(THINGS, str(number)), Thing)._thread = Stuck()
        monkeypatch.setattr("lws.runtime.informers.cache.time", clock)
        cache.stop(3.0)
        assert waited == [3.0, 1.0, 0.0]


class Watcher(Log):
    """A handler that notes whether the collector rests."""

    def on_add(self, obj: KubeObject, *, initial: bool) -> None:
        self.add(f"{obj.name} {'on' if gc.isenabled() else 'off'}")


class TestCollector:
    def test_rests_until_all_have_synced_then_freezes_once(
        self, server: ApiServer, cache: Cache, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        slow, log = Feed(), Watcher()
        server.on("GET", PATH, scene(thing("a", 3)), watch=True)
        server.on("GET", GADGETS_PATH, slow, watch=True)
        for resource in (THINGS, GADGETS):
            cache.informer(resource, Thing).add_handler(log)
        cache.start()
        frozen: list[bool] = []
        monkeypatch.setattr(gc, "freeze", lambda: frozen.append(gc.isenabled()))
        log.wait_for_count(1)
        assert cache.informer(THINGS, Thing).wait_for_sync(DEADLINE)
        assert not gc.isenabled()
        assert frozen == []
        slow.event("ADDED", document(thing("b", 3)))
        slow.event("BOOKMARK", bookmark(10, initial_events_end=True))
        assert cache.wait_for_sync(DEADLINE)
        assert log.lines == ["a off", "b off"]
        _await(gc.isenabled)
        assert frozen == [False]

    def test_rests_again_for_a_relist(
        self, server: ApiServer, cache: Cache, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, log = scene(), Watcher()
        server.on("GET", PATH, first, scene(thing("a", 15), version=20), watch=True)
        cache.informer(THINGS, Thing).add_handler(log)
        cache.start()
        assert cache.wait_for_sync(DEADLINE)
        _await(gc.isenabled)
        frozen: list[None] = []
        monkeypatch.setattr(gc, "freeze", lambda: frozen.append(None))
        first.send(event_line("ERROR", status_document(410, "Expired")))
        assert log.wait_for_count(1) == ["a off"]
        _await(gc.isenabled)
        assert len(frozen) == 1

    def test_works_again_when_syncing_fails(self, server: ApiServer, cache: Cache) -> None:
        server.on("GET", PATH, scene(), watch=True)
        cache.informer(THINGS, Thing)
        cache.informer(GADGETS, Thing)  # 404
        cache.start()
        assert not gc.isenabled()
        assert not cache.wait_for_sync(0.05)
        _await(gc.isenabled)

    @pytest.mark.parametrize("enabled", [True, False])
    def test_is_left_as_found(self, enabled: bool) -> None:
        if not enabled:
            gc.disable()
        pause = CollectorPause()
        for filled in (True, False):
            pause.acquire()
            pause.acquire()
            pause.release(filled=filled)
            assert not gc.isenabled()
            pause.release(filled=False)
            assert gc.isenabled() is enabled

    def test_freezes_only_what_was_taken_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        frozen: list[None] = []
        monkeypatch.setattr(gc, "freeze", lambda: frozen.append(None))
        pause = CollectorPause()
        pause.acquire()
        pause.release(filled=False)
        assert frozen == []
        pause.acquire()
        pause.acquire()
        pause.release(filled=True)
        assert frozen == []
        pause.release(filled=False)
        assert len(frozen) == 1


def _await(condition: Any) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)
