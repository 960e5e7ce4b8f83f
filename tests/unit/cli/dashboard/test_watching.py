"""Which sets a change is about, and what is said of what may not be seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.apiserver import Answer, ApiServer, Exchange, Feed, status_answer, write_kubeconfig
from support.cli import seen_of
from support.clichat import NS, a_list, a_watch, document, serve_watched
from support.disaggregated import a_child, a_role
from support.disaggregated import a_set as a_roles_set
from support.groups import a_set
from support.waiting import until

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.cli.dashboard.watching import EVENTS, EVERYTHING, LINES, Watched, topic
from lws.kube.connection import connect
from lws.objects import Key

NODES = "/api/v1/nodes"


class Rig:
    """All that is watched, from a scripted server. ``touched``: what was told, each once."""

    def __init__(self, server: ApiServer, watched: Watched, touched: set[str]) -> None:
        self.server, self.watched, self.touched = server, watched, touched


@pytest.fixture
def rig(server: ApiServer, tmp_path: Path) -> Iterator[Rig]:
    serve_nothing(server)
    with watching(server, tmp_path) as rig:
        yield rig


def serve_nothing(server: ApiServer) -> None:
    for path in (*NS, NODES):
        serve_watched(server, path)


@contextmanager
def watching(server: ApiServer, tmp_path: Path, selector: str = "") -> Iterator[Rig]:
    touched: set[str] = set()
    with closing(
        connect(kubeconfig=write_kubeconfig(tmp_path, server.url), user_agent="tests")
    ) as connection:
        watched = Watched(connection, "ns", touched.add, roles=True, selector=selector)
        try:
            yield Rig(server, watched, touched)
        finally:
            watched.stop()


def in_ns(obj: Any) -> Any:
    metadata = msgspec.structs.replace(obj.metadata, namespace="ns")
    return msgspec.structs.replace(obj, metadata=metadata)


def test_parts_tell_of_their_set(rig: Rig) -> None:
    seen = seen_of(a_set())
    serve_watched(rig.server, NS.pods, *map(in_ns, seen.pods[:1]))
    rig.watched.start()
    until("the pod to be told", lambda: topic(c.KIND, Key("ns", "test-sample")) in rig.touched)


def test_sets_tell_of_their_line_and_of_what_they_are_part_of(rig: Rig) -> None:
    child = a_child("decode", 1, revision="r")
    serve_watched(rig.server, NS.sets, child)
    rig.watched.start()
    wanted = {LINES, topic(c.KIND, child.key), topic(d.KIND, Key("ns", "llm"))}
    until("all three to be told", lambda: wanted <= rig.touched)


def test_what_is_refused_is_blind_and_the_rest_is_seen(rig: Rig) -> None:
    refusal = status_answer(403, reason="Forbidden", message="you may not")
    for watch in (True, False):
        rig.server.on("GET", NODES, refusal, watch=watch)
    rig.watched.start()
    (blind,) = until("the refusal", lambda: rig.watched.blind, lambda x: len(x) == 1)
    assert (blind.what, blind.stale) == ("nodes", False)
    assert "you may not" in blind.why
    until("the rest", lambda: rig.watched.synced)
    assert rig.watched.ground.nodes == []


def test_nodes_that_only_report_tell_nothing(rig: Rig) -> None:
    def node(version: str, rack: str) -> Any:
        return {"metadata": {"name": "n", "resourceVersion": version, "labels": {"rack": rack}}}

    feed = Feed()
    serve_watched(rig.server, NODES, feed=feed)
    rig.watched.start()
    until("all lists", lambda: rig.watched.synced)
    feed.event("ADDED", node("11", "a"))
    until("a new node to be told", lambda: EVERYTHING in rig.touched)
    rig.touched.clear()
    feed.event("MODIFIED", node("12", "a"))
    until("the report", lambda: rig.watched.ground.nodes[0].metadata.resource_version == "12")
    assert EVERYTHING not in rig.touched
    feed.event("MODIFIED", node("13", "b"))
    until("another rack to be told", lambda: EVERYTHING in rig.touched)


def test_events_are_told_and_found_by_the_names_they_are_about(rig: Rig) -> None:
    about = {"kind": "Pod", "name": "a-0", "uid": "u"}
    event = {"metadata": {"name": "e", "namespace": "ns", "resourceVersion": "11"}, "involvedObject": about}
    feed = Feed()
    serve_watched(rig.server, NS.events, feed=feed)
    rig.watched.start()
    feed.event("ADDED", event)
    until("the event to be told", lambda: EVENTS in rig.touched)
    assert [x.name for x in rig.watched.events("a-0".__eq__)] == ["e"]
    assert rig.watched.events("b".__eq__) == []


def test_a_set_with_everything_of_its(rig: Rig) -> None:
    seen = seen_of(a_set())
    serve_watched(rig.server, NS.sets, in_ns(seen.lws))
    serve_watched(rig.server, NS.pods, *map(in_ns, seen.pods))
    serve_watched(rig.server, NS.stateful_sets, *map(in_ns, seen.stateful_sets))
    rig.watched.start()
    until("all lists", lambda: rig.watched.synced)
    found = rig.watched.seen(Key("ns", "test-sample"))
    assert found is not None
    assert (len(found.pods), len(found.stateful_sets)) == (len(seen.pods), len(seen.stateful_sets))
    assert rig.watched.ground.sets_on == {"n1": {"test-sample"}}
    assert rig.watched.seen(Key("ns", "other")) is None
    assert rig.watched.seen_roles(Key("ns", "llm")) is None


def by_selector(every: Answer, matching: Answer) -> Answer:
    def answer(exchange: Exchange) -> None:
        chosen = exchange.request.query.get("labelSelector") == "team=search"
        (matching if chosen else every)(exchange)

    return answer


def test_sets_that_match_are_shown_with_what_is_part_of_them(server: ApiServer, tmp_path: Path) -> None:
    """Which ones match the server says, and tells when another one begins to."""
    ds, alone, child = a_roles_set(a_role("decode", 1)), in_ns(a_set()), a_child("decode", 1, revision="r")
    feed = Feed()
    serve_nothing(server)
    for path, every, matching, told in (
        (NS.sets, [alone, child], [], feed),
        (NS.disaggregated, [ds], [ds], None),
    ):
        server.on("GET", path, by_selector(a_list(*every), a_list(*matching)), watch=False)
        server.on("GET", path, by_selector(a_watch(), a_watch(told)), watch=True)
    with watching(server, tmp_path, "team=search") as rig:
        rig.watched.start()
        until("all lists", lambda: rig.watched.synced)
        assert [[x.name for x in shown] for shown in rig.watched.shown] == [[child.name], ["llm"]]
        rig.touched.clear()
        labels = {"team": "search"}
        metadata = msgspec.structs.replace(alone.metadata, labels=labels, resource_version="11")
        feed.event("ADDED", document(msgspec.structs.replace(alone, metadata=metadata)))
        until("the other one to be shown", lambda: len(rig.watched.shown[0]) == 2)
        until("that to be told", lambda: LINES in rig.touched)


def test_without_a_selector_all_sets_are_shown(rig: Rig) -> None:
    serve_watched(rig.server, NS.sets, in_ns(a_set()))
    rig.watched.start()
    until("all lists", lambda: rig.watched.synced)
    assert [[x.name for x in shown] for shown in rig.watched.shown] == [["test-sample"], []]
