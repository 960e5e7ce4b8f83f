"""An informer against a server that misbehaves, over a real socket.

Connections die at any byte, chunks are cut anywhere, versions are forgotten, requests are turned down, lists
race the watch, and own writes with late answers run in between. Through all that each object's story must
be told in order; once the server is calm nothing may be missing: the store, the indexes and what handlers
were told equal the server.
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.apiserver import (
    ApiServer,
    Exchange,
    event_line,
    json_answer,
    status_answer,
    status_document,
    write_kubeconfig,
)
from support.things import DEADLINE, PATH, THINGS, Thing, bookmark, colours, document, key, short, thing

from lws.kube.connection import Connection, connect
from lws.objects import Key, resource_version
from lws.runtime.informers import Informer
from lws.runtime.queue import Backoff

NAMES = ("a", "b", "c", "d")
COLOURS = ("", "red", "blue")
PAGE = 2  # objects a page, whatever limit is asked for: so that there are pages at all


class Fault(NamedTuple):
    """How one request fares. ``after``: bytes of the body that still come; ``size``: of a chunk."""

    kind: str = "none"
    after: int = 0
    size: int = 1 << 20


FAULT = st.builds(
    Fault,
    st.sampled_from(["none", "none", "cut", "reset", "end", "expire", "410", "429", "503", "422", "drop"]),
    st.integers(0, 3000),
    st.sampled_from([7, 100, 400, 1 << 20]),
)
STEP = st.one_of(
    st.tuples(st.sampled_from(["write", "own write"]), st.sampled_from(NAMES), st.sampled_from(COLOURS)),
    st.tuples(st.just("delete"), st.sampled_from(NAMES), st.just("")),
    st.tuples(st.sampled_from(["answer", "settle", "compact", "hang up"]), st.integers(0, 3), st.just("")),
)


class Cluster:
    """The things resource of an API server: state, history, and a fault for each request."""

    def __init__(self, faults: list[Fault], *, streaming: bool) -> None:
        self.version = 10
        self.objects: dict[Key, Thing] = {}
        self.history: list[tuple[str, Thing]] = []  # versions 11, 12, ...
        self.compacted = 0  # older versions are forgotten
        self.lists: list[int] = []  # the version of each list sent whole
        self.epoch = 0  # watches of earlier ones hang up
        self._faults = deque(faults)
        self._streaming = streaming
        self._changed = threading.Condition()  # re-entrant

    # Changes

    def write(self, name: str, colour: str) -> Thing:
        with self._changed:
            before = self.objects.get(key(name))
            uid = before.uid if before else f"uid-{name}-{self.version}"
            obj = thing(name, self.version + 1, uid=uid, colour=colour)
            self.objects[obj.key] = obj
            self._record("MODIFIED" if before else "ADDED", obj)
            return obj

    def delete(self, name: str) -> Thing | None:
        with self._changed:
            before = self.objects.pop(key(name), None)
            if before is not None:
                colour = before.labels.get("colour", "")
                self._record("DELETED", thing(name, self.version + 1, uid=before.uid, colour=colour))
            return before

    def _record(self, type_: str, obj: Thing) -> None:
        self.version += 1
        self.history.append((type_, obj))
        self._changed.notify_all()

    def compact(self) -> None:
        """Hang up, and forget what the watches have not told yet: they must list anew."""
        with self._changed:
            self.epoch += 1
            self.write("mark", "")
            self.compacted = self.version

    def hang_up(self) -> None:
        with self._changed:
            self.epoch += 1
            self._changed.notify_all()

    def calm_down(self) -> None:
        self._faults.clear()

    def since(self, version: int) -> list[tuple[str, Thing]]:
        return self.history[max(0, version - 10) :]

    # Answers

    def __call__(self, exchange: Exchange) -> None:
        with self._changed:
            fault = self._faults.popleft() if self._faults else Fault()
        query = exchange.request.query
        if fault.kind.isdigit():
            status_answer(int(fault.kind), "Expired" if fault.kind == "410" else "")(exchange)
        elif fault.kind == "drop":
            exchange.drop()
        elif "watch" not in query:
            self._list(exchange, fault, query)
        elif "sendInitialEvents" in query and not self._streaming:
            status_answer(422, "Invalid", "no WatchList")(exchange)
        else:
            self._watch(exchange, fault, query)

    def _list(self, exchange: Exchange, fault: Fault, query: dict[str, str]) -> None:
        version, _, offset = query.get("continue", "").partition("/")
        with self._changed:
            if version and int(version) != self.version:
                return json_answer(status_document(410, "Expired"), 410)(exchange)
            items = list(self.objects.values())[int(offset or 0) :]
            meta = {"resourceVersion": str(self.version)}
            if "limit" in query and len(items) > PAGE:
                meta["continue"] = f"{self.version}/{int(offset or 0) + PAGE}"
                items = items[:PAGE]
        body = json.dumps({"metadata": meta, "items": [document(obj) for obj in items]}).encode()
        exchange.head(200)
        _Pipe(exchange, fault).send(body)
        if "continue" not in meta:
            self.lists.append(int(meta["resourceVersion"]))
        return exchange.end()

    def _watch(self, exchange: Exchange, fault: Fault, query: dict[str, str]) -> None:
        pipe, epoch = _Pipe(exchange, fault), self.epoch
        position = int(query.get("resourceVersion", "0"))
        if "sendInitialEvents" not in query and position < self.compacted:
            return status_answer(410, "Expired")(exchange)
        exchange.head(200)
        if "sendInitialEvents" in query:
            position = self._initial_events(pipe)
        while (news := self._news(position, epoch)) is not None:
            for type_, obj in news:
                pipe.send(event_line(type_, document(obj)))
            position += len(news)
            exchange.check()
        return exchange.drop()

    def _news(self, position: int, epoch: int) -> list[tuple[str, Thing]] | None:
        """What happened since, perhaps after a short wait; None for a watch of an earlier epoch."""
        with self._changed:
            self._changed.wait_for(lambda: self.version > position or self.epoch != epoch, 0.01)
            return self.since(position) if self.epoch == epoch else None

    def _initial_events(self, pipe: _Pipe) -> int:
        with self._changed:
            objects, version = sorted(self.objects.values(), key=short), self.version
        for obj in objects:
            pipe.send(event_line("ADDED", document(obj)))
        pipe.send(event_line("BOOKMARK", bookmark(version, initial_events_end=True)))
        self.lists.append(version)
        return version


class _Pipe:
    """Cuts what is sent into chunks, and brings the fault about when its time has come."""

    def __init__(self, exchange: Exchange, fault: Fault) -> None:
        self._exchange, self._fault = exchange, fault
        self._left = fault.after

    def send(self, data: bytes) -> None:
        kind, size = self._fault.kind, self._fault.size
        if kind != "none" and self._left < len(data):
            whole = kind in ("end", "expire")  # only at the end of a line
            self._chunks(b"" if whole else data[: self._left], size)
            if kind == "expire":
                self._exchange.chunk(event_line("ERROR", status_document(410, "Expired")))
            if whole:
                self._exchange.end()
            self._exchange.drop(reset=kind == "reset")
        self._left -= len(data)
        self._chunks(data, size)

    def _chunks(self, data: bytes, size: int) -> None:
        for start in range(0, len(data), size):
            self._exchange.chunk(data[start : start + size])


class Story:
    """A handler that follows each object's story and notes where it makes no sense."""

    def __init__(self) -> None:
        self.told: dict[Key, Thing] = {}
        self.events: list[tuple[str, str]] = []
        self.nonsense: list[str] = []
        self._changed = threading.Condition()

    def on_add(self, obj: Thing, *, initial: bool) -> None:
        self._tell(None, obj, "" if initial else "ADDED")

    def on_update(self, old: Thing, new: Thing) -> None:
        self._tell(old, new, "MODIFIED")

    def on_delete(self, obj: Thing) -> None:
        before = self.told.get(obj.key)
        if before is None or before.uid != obj.uid:
            self.nonsense.append(f"deleted: {short(obj)}, but was {before}")
        with self._changed:
            self.told.pop(obj.key, None)
            self.events.append(("DELETED", short(obj)))
            self._changed.notify_all()

    def _tell(self, old: Thing | None, new: Thing, type_: str) -> None:
        if self.told.get(new.key) != old:
            self.nonsense.append(f"{type_}: old is {old}, but told was {self.told.get(new.key)}")
        if old is not None and (old.uid != new.uid or resource_version(old) >= resource_version(new)):
            self.nonsense.append(f"{type_}: {short(old)} -> {short(new)}")
        with self._changed:
            self.told[new.key] = new
            if type_:
                self.events.append((type_, short(new)))
            self._changed.notify_all()

    def wait_for(self, obj: Thing) -> None:
        """Until this state, or a later one, was told."""
        with self._changed:
            met = self._changed.wait_for(
                lambda: (
                    obj.key in self.told and resource_version(self.told[obj.key]) >= resource_version(obj)
                ),
                DEADLINE,
            )
        assert met, f"{short(obj)} was never told"


class World:
    """A cluster, an informer, and what the test does to both."""

    def __init__(self, connection: Connection, cluster: Cluster) -> None:
        self.cluster, self.story = cluster, Story()
        backoff = Backoff(initial=0.001, cap=0.001)
        self.informer = Informer(connection, THINGS, Thing, indexes={"colour": colours}, backoff=backoff)
        self.informer.add_handler(self.story)
        self._answers: deque[Callable[[], None]] = deque()

    def step(self, verb: str, what: Any, colour: str) -> None:
        cluster, informer = self.cluster, self.informer
        if verb == "write":
            cluster.write(what, colour)
        elif verb == "own write":
            obj = cluster.write(what, colour)
            self._answers.append(lambda: informer.observe_write(obj))
        elif verb == "delete":
            cluster.delete(what)
        elif verb == "answer":
            self.answer(what)
        elif verb == "settle":
            self.settle()
        elif verb == "compact":
            cluster.compact()
        elif verb == "hang up":
            cluster.hang_up()

    def answer(self, which: int) -> None:
        if self._answers:
            self._answers.rotate(-which)
            self._answers.popleft()()

    def settle(self) -> None:
        """Wait until the informer has heard of everything so far: of a mark that comes last."""
        self.story.wait_for(self.cluster.write("mark", ""))

    def finish(self) -> None:
        self.cluster.calm_down()
        self.settle()
        while self._answers:
            self._answers.popleft()()

    def check(self) -> None:
        cluster, indexer = self.cluster, self.informer.indexer
        assert self.story.nonsense == []
        stored = {obj.key: obj for obj in indexer.list()}
        assert stored == cluster.objects
        assert self.story.told == cluster.objects
        assert indexer._views == {}
        for colour in COLOURS[1:]:
            found = {obj.key: obj for obj in indexer.by_index("colour", colour)}
            assert found == {k: obj for k, obj in stored.items() if colour in colours(obj)}
        if len(cluster.lists) == 1:  # nothing may be skipped, whatever broke in between
            since = [(type_, short(obj)) for type_, obj in cluster.since(cluster.lists[0])]
            assert self.story.events == since


@pytest.fixture(scope="module")
def server() -> Iterator[ApiServer]:
    with ApiServer() as server:
        yield server


@pytest.fixture(scope="module")
def connection(server: ApiServer) -> Iterator[Connection]:
    with tempfile.TemporaryDirectory() as directory:
        connection = connect(kubeconfig=write_kubeconfig(Path(directory), server.url), user_agent="test")
    yield connection
    connection.close()


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    before=st.lists(st.sampled_from(NAMES), max_size=4, unique=True),
    faults=st.lists(FAULT, max_size=8),
    steps=st.lists(STEP, max_size=25),
    streaming=st.booleans(),
)
def test_whatever_happens_the_picture_becomes_right(  # noqa: PLR0917
    server: ApiServer,
    connection: Connection,
    before: list[str],
    faults: list[Fault],
    steps: list[tuple[str, Any, str]],
    streaming: bool,
) -> None:
    cluster = Cluster(faults, streaming=streaming)
    for name in before:
        cluster.write(name, "red")
    server.on("GET", PATH, cluster)
    world = World(connection, cluster)
    world.informer.start()
    try:
        for step in steps:
            world.step(*step)
        world.finish()
    finally:
        world.informer.stop()
    assert not world.informer._thread.is_alive()
    world.check()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), count=st.integers(1, 12))
def test_no_event_is_lost_however_the_bytes_are_cut(
    server: ApiServer, connection: Connection, data: st.DataObject, count: int
) -> None:
    """The connection dies at any byte after the list, again and again: every event is told once, in order."""
    cuts = data.draw(st.lists(st.integers(0, 2000), max_size=5))
    size = data.draw(st.sampled_from([1, 13, 500, 1 << 20]))
    ends = data.draw(st.lists(st.sampled_from(["cut", "reset", "end"]), min_size=5, max_size=5))
    faults = [Fault(kind, after, size) for kind, after in zip(ends, cuts, strict=False)]
    cluster = Cluster([Fault(size=size), *faults], streaming=True)
    server.on("GET", PATH, cluster)
    world = World(connection, cluster)
    world.informer.start()
    try:
        assert world.informer.wait_for_sync(DEADLINE)
        cluster.hang_up()
        for number in range(count):
            if number % 4 == 3:
                cluster.delete("a")
            else:
                cluster.write("a", COLOURS[number % 3])
        world.settle()
    finally:
        world.informer.stop()
    assert len(cluster.lists) == 1
    world.check()
