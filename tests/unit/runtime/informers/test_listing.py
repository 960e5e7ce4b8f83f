"""Lists: items cut out of the body whatever its layout, pages, and what is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.apiserver import ApiServer, cut_answer, json_answer, raw_answer, status_answer, write_kubeconfig
from support.things import PATH, THINGS, Thing, document, key, list_document, short, thing

from lws.kube.connection import Connection, connect
from lws.kube.errors import DecodeError, Gone, KubeError, NotFound, TransportError
from lws.kube.lists import PARTIAL_METADATA
from lws.kube.resources import PODS, Resource
from lws.runtime.informers.decoding import Decoder
from lws.runtime.informers.listing import Lister, Selection, Snapshot, _split


def items(body: bytes) -> tuple[list[Any], str]:
    """The items, and the list's version."""
    found = _split(body)
    return [json.loads(bytes(item)) for item in found.items or ()], found.metadata.resource_version


def compact(found: Any) -> bytes:
    return json.dumps(found, separators=(",", ":")).encode()


TRICKY = [
    {"metadata": {"name": "plain"}},
    {"metadata": {"name": "nested"}, "claims": [{"metadata": {}}, {"metadata": {}}, {"metadata": {}}]},
    {"metadata": {"name": "quoted"}, "text": 'a "},{"metadata" b }] \\ \u00e9 \u2028 \x7f'},
    {"kind": "Other", "metadata": {"name": "other first member"}},
    {},
    {"metadata": {"name": "last"}, "list": [{"a": 1}]},
]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("metadata_last", [True, False])
@pytest.mark.parametrize("first", range(len(TRICKY)))
def test_any_layout(indent: int | None, ascii_only: bool, metadata_last: bool, first: int) -> None:
    wanted = TRICKY[first:] + TRICKY[:first]
    meta = {"metadata": {"resourceVersion": "17"}}
    body = {"items": wanted, **meta} if metadata_last else {"kind": "L", **meta, "items": wanted}
    separators = (",", ":") if indent is None else None
    text = json.dumps(body, indent=indent, ensure_ascii=ascii_only, separators=separators)
    assert items(text.encode()) == (wanted, "17")


JSON = st.recursive(
    st.none() | st.integers() | st.sampled_from(['},{"metadata"', "}]", '"items":[', "\\", '"', "é\u2028"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["metadata", "items", "x"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(["metadata", "items", "a"]), JSON), max_size=6))
def test_any_items(wanted: list[Any]) -> None:
    body = compact({"metadata": {"resourceVersion": "1"}, "items": wanted})
    assert items(body) == (wanted, "1")


@pytest.mark.parametrize(
    "body", [b'{"metadata":{"resourceVersion":"3"},"items":%b}' % x for x in (b"[]", b"null")]
)
def test_empty(body: bytes) -> None:
    assert items(body) == ([], "3")


WHOLE = compact({"metadata": {"resourceVersion": "17"}, "items": TRICKY})


@pytest.mark.parametrize("length", [*range(60), len(WHOLE) // 2, len(WHOLE) - 2, len(WHOLE) - 1])
def test_cut_off(length: int) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of msgspec or json, with its own words
        items(WHOLE[:length])


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"items":[{"a":1}}', b'{"metadata":{},"items":[oops]}']
)
def test_no_list(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of msgspec or json, with its own words
        items(body)


class TestSelection:
    def test_path(self) -> None:
        assert Selection(PODS).path == "/api/v1/pods"
        assert Selection(PODS, "n").path == "/api/v1/namespaces/n/pods"

    def test_query(self) -> None:
        assert Selection(PODS).list_query() == {}
        assert Selection(PODS, "n", "a", "b=c").list_query() == {"labelSelector": "a", "fieldSelector": "b=c"}

    def test_partial_metadata_of_lists_has_a_name_of_its_own(self) -> None:
        selection = Selection(PODS, accept=PARTIAL_METADATA)
        assert selection.list_accept == "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
        assert Selection(PODS).list_accept == "application/json"

    @pytest.mark.parametrize(
        ("resource", "error", "text"),
        [
            pytest.param(PODS, Gone(410, "Gone", "too old"), "Gone (410): too old", id="anything else"),
            pytest.param(
                PODS,
                NotFound(404),
                "pods are not served; is this the address of an API server?",
                id="built in",
            ),
            pytest.param(
                Resource("example.com", "v1", "things", "Thing"),
                NotFound(404),
                "things.example.com is not served in version v1; "
                "apply the CustomResourceDefinition things.example.com",
                id="custom",
            ),
        ],
    )
    def test_a_failure_is_explained(self, resource: Resource, error: Exception, text: str) -> None:
        assert Selection(resource).explain(error) == text


class TestSnapshot:
    def test_collects(self) -> None:
        snapshot: Snapshot[Thing] = Snapshot()
        decoder = Decoder(Thing, resource="things")
        for obj in (thing("a", 1), thing("a", 2), thing("b", 3)):
            snapshot.add(compact(document(obj)), decoder)
        snapshot.add(compact({**document(thing("bad", 4)), "size": "large"}), decoder)
        snapshot.add(b"null", decoder)
        assert sorted(map(short, snapshot.objects.values())) == ["a@2", "b@3"]
        assert snapshot.unreadable == {key("bad")}
        snapshot.remove(compact(document(thing("a", 5))), decoder)
        snapshot.remove(compact({**document(thing("bad", 6)), "size": "large"}), decoder)
        snapshot.remove(b"null", decoder)
        assert list(snapshot.objects) == [key("b")]
        assert snapshot.unreadable == set()


@contextmanager
def connected(server: ApiServer, directory: Path) -> Iterator[Connection]:
    connection = connect(kubeconfig=write_kubeconfig(directory, server.url), user_agent="test")
    try:
        yield connection
    finally:
        connection.close()


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as server:
        yield server


@pytest.fixture
def lister(server: ApiServer, tmp_path: Path) -> Iterator[Lister[Thing]]:
    with connected(server, tmp_path) as connection:
        decoder = Decoder(Thing, resource="things")
        yield Lister(connection, Selection(THINGS, "", "colour"), decoder, holding=lambda _: nullcontext())


def queries(server: ApiServer) -> list[dict[str, str]]:
    return [request.query for request in server.requests]


@pytest.mark.parametrize("version", ["0", "55"])
def test_list_of_a_known_version_comes_whole(server: ApiServer, lister: Lister[Thing], version: str) -> None:
    server.on("GET", PATH, json_answer(list_document([thing("a", 1), thing("b", 2)], 60)))
    snapshot = lister.list(version)
    assert sorted(map(short, snapshot.objects.values())) == ["a@1", "b@2"]
    assert snapshot.version == "60"
    assert queries(server) == [{"resourceVersion": version, "labelSelector": "colour"}]


def test_newest_list_comes_in_pages(server: ApiServer, lister: Lister[Thing]) -> None:
    pages = [
        list_document([thing("a", 1)], 60, **{"continue": "token-1"}),
        list_document([thing("b", 2)], 60, **{"continue": "token-2"}),
        list_document([], 60),
    ]
    server.on("GET", PATH, *map(json_answer, pages))
    snapshot = lister.list("")
    assert sorted(map(short, snapshot.objects.values())) == ["a@1", "b@2"]
    assert snapshot.version == "60"
    assert queries(server) == [
        {"limit": "500", "labelSelector": "colour"},
        {"limit": "500", "labelSelector": "colour", "continue": "token-1"},
        {"limit": "500", "labelSelector": "colour", "continue": "token-2"},
    ]


def test_pages_that_expire_make_the_next_list_whole(server: ApiServer, lister: Lister[Thing]) -> None:
    first = json_answer(list_document([thing("a", 1)], 60, **{"continue": "token"}))
    server.on("GET", PATH, first, status_answer(410, "Expired"), json_answer(list_document([], 61)), first)
    with pytest.raises(Gone):
        lister.list("")
    assert lister.list("").version == "61"
    assert queries(server)[2] == {"labelSelector": "colour"}
    server.on("GET", PATH, json_answer(list_document([], 62)))
    lister.list("")
    assert queries(server)[3] == {"limit": "500", "labelSelector": "colour"}


@pytest.mark.parametrize(
    ("body", "promised", "error"),
    [
        pytest.param(WHOLE[:100], len(WHOLE), TransportError, id="the connection dies"),
        pytest.param(b"{}", 2, DecodeError, id="no list"),
        pytest.param(b'{"metadata":{"resourceVersion":"1"},"items":[{]}', 47, KubeError, id="broken"),
    ],
)
def test_bad_answers(
    server: ApiServer, lister: Lister[Thing], body: bytes, promised: int, error: type[KubeError]
) -> None:
    server.on("GET", PATH, cut_answer(body, promised=promised) if promised > len(body) else raw_answer(body))
    with pytest.raises(error):
        lister.list("0")
