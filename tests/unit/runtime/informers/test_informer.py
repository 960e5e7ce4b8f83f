"""Informers: what handlers are told, in which order, and what the index shows meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
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
    key,
    list_document,
    short,
    thing,
)

from lws.kube.connection import Connection, connect
from lws.objects import KubeObject
from lws.runtime.informers.handlers import EnqueueRequests
from lws.runtime.informers.informer import PARTIAL_METADATA, Informer
from lws.runtime.informers.listing import Selection
from lws.runtime.queue import Backoff

MakeInformer = Callable[..., Informer[Thing]]


class Scene(Feed):
    """One watch of things: a streamed list, then what the test feeds."""

    def __init__(self, version: int, *objects: Thing) -> None:
        super().__init__()
        for obj in objects:
            self.change("ADDED", obj)
        self.event("BOOKMARK", bookmark(version, initial_events_end=True))

    def change(self, type_: str, obj: Thing, **members: Any) -> None:
        self.event(type_, {**document(obj), **members})

    def forget(self) -> None:
        """The server forgets the version: a relist is due."""
        self.send(event_line("ERROR", status_document(410, "Expired")))


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as server:
        yield server


@pytest.fixture
def connection(server: ApiServer, tmp_path: Path) -> Iterator[Connection]:
    connection = connect(kubeconfig=write_kubeconfig(tmp_path, server.url), user_agent="test")
    yield connection
    connection.close()


@pytest.fixture
def make(connection: Connection) -> Iterator[MakeInformer]:
    """Makes informers, and stops them at the end."""
    made: list[Informer[Thing]] = []

    def make(**options: Any) -> Informer[Thing]:
        backoff = Backoff(initial=0.001, cap=0.001)
        made.append(Informer(connection, type_=Thing, backoff=backoff, **{"of": THINGS, **options}))
        return made[-1]

    yield make
    for informer in made:
        informer.stop()
        assert not informer._thread.is_alive()


def started(informer: Informer[Thing]) -> Log:
    """Start it and wait for the sync; what its handler hears."""
    log = Log()
    informer.add_handler(log)
    informer.start()
    assert informer.wait_for_sync(DEADLINE)
    return log


def shown(informer: Informer[Thing]) -> list[str]:
    return sorted(short(obj) for obj in informer.indexer.list())


def test_initial_objects_then_changes(server: ApiServer, make: MakeInformer) -> None:
    scene = Scene(10, thing("a", 3, colour="red"), thing("b", 4))
    server.on("GET", PATH, scene, watch=True)
    informer = make(indexes={"colour": colours})
    log = started(informer)
    scene.change("ADDED", thing("c", 11, colour="red"))
    scene.change("MODIFIED", thing("b", 12))
    scene.change("DELETED", thing("a", 13))
    assert log.wait_for_count(5) == [
        "initial add a@3",
        "initial add b@4",
        "add c@11",
        "update b@4 -> b@12",
        "delete a@13",
    ]
    assert shown(informer) == ["b@12", "c@11"]
    found = informer.get(key("b"))
    assert found is not None
    assert short(found) == "b@12"
    assert [obj.name for obj in informer.by_index("colour", "red")] == ["c"]


def test_synced_only_after_handlers_were_told(server: ApiServer, make: MakeInformer) -> None:
    server.on("GET", PATH, Scene(10, thing("a", 3)), watch=True)
    informer = make()
    inside, go_on = threading.Event(), threading.Event()

    class Slow(Log):
        def on_add(self, obj: KubeObject, *, initial: bool) -> None:
            inside.set()
            assert go_on.wait(DEADLINE)

    informer.add_handler(Slow())
    informer.start()
    assert inside.wait(DEADLINE)
    assert not informer.has_synced
    assert not informer.wait_for_sync(0.0)
    go_on.set()
    assert informer.wait_for_sync(DEADLINE)
    assert informer.has_synced


def test_not_synced_before_the_list_is_whole(server: ApiServer, make: MakeInformer) -> None:
    feed = Feed()
    feed.event("ADDED", document(thing("a", 3)))
    server.on("GET", PATH, feed, watch=True)
    informer = make()
    informer.start()
    assert feed.opened.wait(DEADLINE)
    assert not informer.wait_for_sync(0.05)
    assert shown(informer) == []


def test_late_handler_is_told_all_there_is(server: ApiServer, make: MakeInformer) -> None:
    scene = Scene(10, thing("a", 3), thing("b", 4))
    server.on("GET", PATH, scene, watch=True)
    informer = make()
    first = started(informer)
    informer.observe_write(thing("a", 12))
    late = Log()
    informer.add_handler(late)
    assert late.lines == ["initial add a@3", "initial add b@4"]
    scene.change("MODIFIED", thing("a", 12))
    assert late.wait_for_count(3)[2] == first.wait_for_count(3)[2] == "update a@3 -> a@12"


def test_a_handler_that_fails_is_passed_over(server: ApiServer, make: MakeInformer) -> None:
    scene = Scene(10, thing("a", 3))
    server.on("GET", PATH, scene, watch=True)
    counts: list[tuple[str, str]] = []

    class Counts:
        def count(self, resource: str, what: str) -> None:
            counts.append((resource, what))

    class Failing:
        def on_add(self, obj: Thing, *, initial: bool) -> None:
            raise RuntimeError("add")

        def on_update(self, old: Thing, new: Thing) -> None:
            raise RuntimeError("update")

        def on_delete(self, obj: Thing) -> None:
            raise RuntimeError("delete")

    informer = make(metrics=Counts())
    informer.add_handler(Failing())
    with capture_logs() as lines:
        log = started(informer)
        scene.change("MODIFIED", thing("a", 11))
        scene.change("DELETED", thing("a", 12))
        assert log.wait_for_count(3) == ["initial add a@3", "update a@3 -> a@11", "delete a@12"]
    assert counts == [("things", "watch"), *[("things", "handler_failure")] * 3]
    assert [line["handler"].rpartition(".")[2] for line in lines] == ["on_add", "on_update", "on_delete"]


def test_relist_tells_only_what_changed(server: ApiServer, make: MakeInformer) -> None:
    before = [thing("same", 1), thing("changed", 2), thing("gone", 3), thing("again", 4, uid="old")]
    scene = Scene(10, *before)
    after = [thing("same", 1), thing("changed", 12), thing("again", 14, uid="new"), thing("new", 15)]
    server.on("GET", PATH, scene, Scene(20, *after), watch=True)
    informer = make()
    log = started(informer)
    log.wait_for_count(4)
    scene.forget()
    assert sorted(log.wait_for_count(9)[4:]) == [
        "add again@14",
        "add new@15",
        "delete again@4",
        "delete gone@3",
        "update changed@2 -> changed@12",
    ]
    assert shown(informer) == sorted(map(short, after))


def test_recreation_on_the_watch_is_a_delete_and_an_add(server: ApiServer, make: MakeInformer) -> None:
    """Some servers fold the two events into one."""
    scene = Scene(10, thing("a", 3, uid="old"))
    server.on("GET", PATH, scene, watch=True)
    log = started(make())
    scene.change("MODIFIED", thing("a", 12, uid="new"))
    assert log.wait_for_count(3)[1:] == ["delete a@3", "add a@12"]


class TestOwnWrites:
    def test_are_shown_at_once_and_told_when_the_watch_tells(
        self, server: ApiServer, make: MakeInformer
    ) -> None:
        scene = Scene(10, thing("a", 3))
        server.on("GET", PATH, scene, watch=True)
        informer = make()
        log = started(informer)
        informer.observe_write(thing("a", 12))
        informer.observe_write(thing("b", 13))
        assert shown(informer) == ["a@12", "b@13"]
        scene.change("MODIFIED", thing("a", 11))
        scene.change("MODIFIED", thing("a", 12))
        scene.change("ADDED", thing("b", 13))
        assert log.wait_for_count(4)[1:] == ["update a@3 -> a@11", "update a@11 -> a@12", "add b@13"]
        assert shown(informer) == ["a@12", "b@13"]

    def test_survive_a_relist_made_before_them(self, server: ApiServer, make: MakeInformer) -> None:
        scene, later = Scene(10, thing("a", 3)), Scene(15, thing("a", 14))
        server.on("GET", PATH, scene, later, watch=True)
        informer = make()
        log = started(informer)
        informer.observe_write(thing("a", 20))
        scene.forget()
        assert log.wait_for_count(2)[1] == "update a@3 -> a@14"
        assert shown(informer) == ["a@20"]
        later.change("MODIFIED", thing("a", 20))
        assert log.wait_for_count(3)[2] == "update a@14 -> a@20"

    def test_are_transformed(self, make: MakeInformer) -> None:
        informer = make(transform=lambda obj: msgspec.structs.replace(obj, size=1))
        informer.observe_write(thing("a", 20, size=7))
        found = informer.get(key("a"))
        assert found is not None
        assert found.size == 1


def test_transform_runs_before_all_else(server: ApiServer, make: MakeInformer) -> None:
    server.on("GET", PATH, Scene(10, thing("a", 3, size=7)), watch=True)
    informer = make(transform=lambda obj: msgspec.structs.replace(obj, size=obj.size + 1))
    started(informer)
    found = informer.get(key("a"))
    assert found is not None
    assert found.size == 8


class TestUnreadable:
    def test_update_leaves_the_last_good_state(self, server: ApiServer, make: MakeInformer) -> None:
        scene = Scene(10, thing("a", 3))
        server.on("GET", PATH, scene, watch=True)
        informer = make()
        log = started(informer)
        scene.change("MODIFIED", thing("a", 11), size="large")
        scene.change("MODIFIED", thing("b", 12))
        assert log.wait_for_count(2)[1] == "add b@12"
        assert shown(informer) == ["a@3", "b@12"]
        scene.change("DELETED", thing("a", 13), size="large")
        assert log.wait_for_count(3)[2] == "delete a@3"
        assert shown(informer) == ["b@12"]

    def test_in_a_relist_is_not_taken_for_gone(self, server: ApiServer, make: MakeInformer) -> None:
        scene = Scene(10, thing("a", 3), thing("b", 4))
        body = list_document([thing("b", 14)], 20)
        body["items"].append({**document(thing("a", 15)), "size": "large"})
        refusal = status_answer(422, "Invalid")
        server.on("GET", PATH, scene, refusal, Feed(), watch=True)
        server.on("GET", PATH, json_answer(body), watch=False)
        informer = make()
        log = started(informer)
        scene.forget()
        assert log.wait_for_count(3)[2:] == ["update b@4 -> b@14"]
        assert shown(informer) == ["a@3", "b@14"]

    def test_deletion_of_what_nobody_heard_of(self, server: ApiServer, make: MakeInformer) -> None:
        scene = Scene(10)
        server.on("GET", PATH, scene, watch=True)
        log = started(make())
        scene.change("ADDED", thing("a", 11), size="large")
        scene.change("DELETED", thing("a", 12))
        scene.change("ADDED", thing("b", 13))
        assert log.wait_for_count(1) == ["add b@13"]

    def test_by_an_index(self, server: ApiServer, make: MakeInformer) -> None:
        scene = Scene(10, thing("a", 3, size=1), thing("bad", 4, size=0))
        server.on("GET", PATH, scene, watch=True)
        informer = make(indexes={"share": lambda obj: [1 // obj.size]})
        with capture_logs() as lines:
            log = started(informer)
            scene.change("ADDED", thing("worse", 11, size=0))
            scene.change("ADDED", thing("b", 12, size=1))
            assert log.wait_for_count(2) == ["initial add a@3", "add b@12"]
        assert [line["object"].name for line in lines] == ["bad", "worse"]


def test_feeds_a_queue(server: ApiServer, make: MakeInformer) -> None:
    """The handler of the controllers fits."""
    server.on("GET", PATH, Scene(10, thing("a", 3)), watch=True)
    added: list[tuple[str, int]] = []

    class Queue:
        def add(self, item: str, *, priority: int = 0, after: float = 0.0) -> None:
            added.append((item, priority))

    informer = make()
    informer.add_handler(EnqueueRequests(Queue(), lambda obj: [obj.name]))
    started(informer)
    assert added == [("a", -100)]


def test_partial_metadata(server: ApiServer, make: MakeInformer) -> None:
    server.on("GET", PATH, Scene(10, thing("a", 3)), watch=True)
    started(make(of=Selection(THINGS, accept=PARTIAL_METADATA)))
    assert server.requests[0].headers["accept"] == PARTIAL_METADATA


def test_stop_is_safe_at_any_time(server: ApiServer, make: MakeInformer) -> None:
    make().stop()
    server.on("GET", PATH, Scene(10, thing("a", 3)), watch=True)
    informer = make()
    started(informer)
    informer.stop()
    informer.stop()
    assert not informer._thread.is_alive()
    assert shown(informer) == ["a@3"]


def test_a_handler_may_stop_its_informer(server: ApiServer, make: MakeInformer) -> None:
    server.on("GET", PATH, Scene(10, thing("a", 3)), watch=True)
    informer = make()

    class Stopper(Log):
        def on_add(self, obj: KubeObject, *, initial: bool) -> None:
            informer.stop()

    informer.add_handler(Stopper())
    informer.start()
    informer._thread.join(DEADLINE)
    assert not informer._thread.is_alive()
