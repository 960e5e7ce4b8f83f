"""The model of the API server does what the API server does, where our code or its faults depend on it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.apimodel.answers import Answer, request
from support.apimodel.collector import Collector
from support.apimodel.server import Server
from support.apimodel.store import Document

from lws.kube.client import APPLY, MERGE_PATCH, STRATEGIC_MERGE_PATCH

NAMESPACE = "/api/v1/namespaces/ns"


class Asked:
    """A server, asked over its wire."""

    def __init__(self) -> None:
        self.server = Server(lambda: 0.0)

    def ask(
        self, method: str, path: str, body: Document | None = None, kind: str = "", **query: str
    ) -> Answer:
        target = path + "?" + "&".join(f"{x}={y}" for x, y in query.items())
        data = None if body is None else msgspec.json.encode(body)
        return self.server.handle(request(method, target, data, {"Content-Type": kind}, "me"))

    def read(self, answer: Answer, status: int = 200) -> Document:
        assert answer.status == status, answer.body
        found: Document = msgspec.json.decode(answer.body)
        return found

    def feed(self, **query: str) -> Any:
        query.setdefault("resourceVersion", str(self.server.store.version))
        target = f"{NAMESPACE}/configmaps?watch=true&" + "&".join(f"{x}={y}" for x, y in query.items())
        return self.server.watch(request("GET", target, None, {}, "me"))


@pytest.fixture
def asked() -> Asked:
    return Asked()


def a_map(name: str = "m", **more: Any) -> Document:
    return {"metadata": {"name": name, "namespace": "ns", **more}, "data": {"a": "1"}}


def test_what_is_there_cannot_be_made_again(asked: Asked) -> None:
    made = asked.read(asked.ask("POST", f"{NAMESPACE}/configmaps", a_map()), 201)
    assert made["metadata"]["uid"]
    again = asked.read(asked.ask("POST", f"{NAMESPACE}/configmaps", a_map()), 409)
    assert again["reason"] == "AlreadyExists"


def test_a_patch_that_changes_nothing_is_no_write(asked: Asked) -> None:
    made = asked.read(asked.ask("POST", f"{NAMESPACE}/configmaps", a_map()), 201)
    same = asked.read(asked.ask("PATCH", f"{NAMESPACE}/configmaps/m", {"data": {"a": "1"}}, MERGE_PATCH))
    assert same["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


@pytest.mark.parametrize(
    ("metadata", "status"), [({"resourceVersion": "1"}, 409), ({"uid": "another"}, 422), ({}, 200)]
)
def test_patches_with_conditions(asked: Asked, metadata: Document, status: int) -> None:
    asked.ask("POST", f"{NAMESPACE}/configmaps", a_map())
    patch = {"metadata": metadata, "data": {"a": "2"}}
    assert asked.ask("PATCH", f"{NAMESPACE}/configmaps/m", patch, MERGE_PATCH).status == status


def test_a_deletion_is_of_one_incarnation(asked: Asked) -> None:
    asked.ask("POST", f"{NAMESPACE}/configmaps", a_map())
    options = {"preconditions": {"uid": "another"}}
    assert asked.ask("DELETE", f"{NAMESPACE}/configmaps/m", options).status == 409


def test_the_status_is_a_subresource(asked: Asked) -> None:
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "a"}]}}
    made = asked.read(asked.ask("POST", f"{NAMESPACE}/pods", {**pod, "status": {"phase": "Running"}}), 201)
    assert made["status"]["phase"] == "Pending"
    patch = {"metadata": {"labels": {"a": "b"}}, "status": {"phase": "Running"}}
    path = f"{NAMESPACE}/pods/p/status"
    after = asked.read(asked.ask("PATCH", path, patch, STRATEGIC_MERGE_PATCH))
    assert (after["status"]["phase"], after["metadata"].get("labels")) == ("Running", None)
    assert after["metadata"]["generation"] == 1


def test_what_an_apply_gives_up_goes_unless_somebody_else_wants_it(asked: Asked) -> None:
    def apply(labels: dict[str, str], manager: str) -> Document:
        query = {"fieldManager": manager, "force": "true"}
        path = f"{NAMESPACE}/configmaps/m"
        metadata = {"name": "m", "namespace": "ns", "labels": labels}
        answer = asked.ask("PATCH", path, {"metadata": metadata}, APPLY, **query)
        found: Document = asked.read(answer)["metadata"]["labels"]
        return found

    assert apply({"a": "1", "b": "1"}, "one") == {"a": "1", "b": "1"}
    assert apply({"b": "1"}, "two") == {"a": "1", "b": "1"}
    assert apply({"c": "1"}, "one") == {"b": "1", "c": "1"}


def test_a_watch_tells_what_enters_and_leaves_its_selection(asked: Asked) -> None:
    feed = asked.feed(labelSelector="a")
    asked.ask("POST", f"{NAMESPACE}/configmaps", a_map(labels={"a": "1"}))
    asked.ask("PATCH", f"{NAMESPACE}/configmaps/m", {"metadata": {"labels": {"a": None}}}, MERGE_PATCH)
    asked.ask("PATCH", f"{NAMESPACE}/configmaps/m", {"data": {"a": "3"}}, MERGE_PATCH)
    told = [msgspec.json.decode(line)["type"] for line in iter(feed.read, b"")]
    assert told == ["ADDED", "DELETED"]


def test_a_streamed_list_ends_with_its_bookmark(asked: Asked) -> None:
    asked.ask("POST", f"{NAMESPACE}/configmaps", a_map())
    feed = asked.feed(sendInitialEvents="true", resourceVersionMatch="NotOlderThan")
    told = [msgspec.json.decode(line) for line in iter(feed.read, b"")]
    assert [x["type"] for x in told] == ["ADDED", "BOOKMARK"]
    assert told[1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("wanted", "shown"), [("0", 0), ("first", 1), ("second", 2), ("", 2)])
def test_a_server_that_is_behind_shows_what_it_is_asked_for(
    asked: Asked, wanted: str, shown: int, *, streamed: bool
) -> None:
    """Not older than the version that is named, and the newest where none is; a stream goes on from there."""
    versions = {"0": "0", "": ""}
    for name in ("first", "second"):
        made = asked.read(asked.ask("POST", f"{NAMESPACE}/configmaps", a_map(name)), 201)
        versions[name] = made["metadata"]["resourceVersion"]
    asked.server.behind = 2
    version = versions[wanted]
    if streamed:
        query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        feed = asked.feed(resourceVersion=version, **query)
        told = [msgspec.json.decode(line)["type"] for line in iter(feed.read, b"")]
        assert told.index("BOOKMARK") == shown
        assert len(told) == 3
    else:
        found = asked.read(asked.ask("GET", f"{NAMESPACE}/configmaps", resourceVersion=version))
        assert len(found["items"]) == shown


def test_what_was_compacted_cannot_be_watched(asked: Asked) -> None:
    version = asked.server.store.version
    asked.ask("POST", f"{NAMESPACE}/configmaps", a_map())
    asked.server.store.compact()
    feed = asked.feed(resourceVersion=str(version))
    (told,) = [msgspec.json.decode(line) for line in iter(feed.read, None)]
    assert (told["type"], told["object"]["code"], told["object"]["reason"]) == ("ERROR", 410, "Expired")


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
def test_dependents_go_by_uid(asked: Asked, propagation: str) -> None:
    owner = asked.read(asked.ask("POST", f"{NAMESPACE}/configmaps", a_map("owner")), 201)
    reference = {"kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    reference |= {"controller": True, "blockOwnerDeletion": True}
    asked.ask("POST", f"{NAMESPACE}/configmaps", a_map("owned", ownerReferences=[reference]))
    left = asked.read(
        asked.ask("DELETE", f"{NAMESPACE}/configmaps/owner", {"propagationPolicy": propagation})
    )
    assert ("deletionTimestamp" in left.get("metadata", {})) == (propagation == "Foreground")
    collector = Collector(asked.server)
    while moves := list(collector.moves()):
        moves[0]()
    assert asked.server.store.all("ConfigMap") == []
