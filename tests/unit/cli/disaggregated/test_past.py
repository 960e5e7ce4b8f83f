"""``history`` and ``undo`` of DisaggregatedSets: former templates, and the former revision with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from support.apiserver import ApiServer, json_answer
from support.clichat import LLM, NS, document, sent, serve_roles
from support.cliroles import kept_of, seen_child, seen_roles
from support.disaggregated import a_role, a_set, revision

from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet
from lws.api.workloads import ControllerRevision
from lws.cli.disaggregated.history import changes
from lws.cli.disaggregated.undo import restored

Run = Callable[..., int]
Captured = pytest.CaptureFixture[str]
LIMIT = "leaderworkerset.sigs.k8s.io/revision-history-limit"


def two(image: str, prefill: int = 2) -> DisaggregatedSet:
    ds = a_set(a_role("prefill", prefill, image=image, surge=1), a_role("decode", 1, image=image, surge=1))
    return replace(ds, metadata=replace(ds.metadata, annotations={LIMIT: "5"}))


NOW, BEFORE = two("b", prefill=4), two("a")
REVISIONS = kept_of(BEFORE, NOW)


def serve(server: ApiServer, revisions: list[ControllerRevision] = REVISIONS) -> None:
    serve_roles(server, seen_roles(NOW, seen_child(NOW, "prefill", 4), seen_child(NOW, "decode", 1)))
    server.on("GET", NS.revisions, json_answer({"items": [document(x) for x in revisions]}))


def test_history(server: ApiServer, run_in_ns: Run, capsys: Captured) -> None:
    serve(server)
    assert run_in_ns("history", "ds/llm") == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["REVISION", "KEY", "CURRENT", "GROUPS", "IMAGES", "AGE", "CHANGE"]
    assert [" ".join(x.split()) for x in rows] == [
        f"1 {revision(BEFORE)} 0 prefill: a; decode: a",
        f"2 {revision(NOW)} yes 5 prefill: b; decode: b prefill: image a -> b; decode: image a -> b",
    ]
    (listed,) = [x.query["labelSelector"] for x in server.requests if x.path == NS.revisions]
    assert listed == f"{d.NAME_LABEL}=llm,!leaderworkerset.sigs.k8s.io/name"
    assert run_in_ns("history", "ds/llm", "--revision", "1", "-o", "json") == 0
    view = json.loads(capsys.readouterr().out)
    assert (view["key"], [x["name"] for x in view["roles"]]) == (revision(BEFORE), ["prefill", "decode"])


def test_a_revision_that_nobody_can_read_hides_no_other(
    server: ApiServer, run_in_ns: Run, capsys: Captured
) -> None:
    serve(server, [replace(REVISIONS[0], data=msgspec.Raw(b'"?"')), REVISIONS[1]])
    assert run_in_ns("history", "ds/llm", "-o", "json") == 0
    found = json.loads(capsys.readouterr().out)["revisions"]
    assert [(x["images"], x["change"]) for x in found] == [
        ({}, "cannot be read"),
        ({"prefill": ["b"], "decode": ["b"]}, ""),
    ]


@pytest.mark.parametrize(
    ("new", "told"),
    [
        ([("prefill", "b"), ("decode", "a")], "prefill: image a -> b"),
        ([("prefill", "a"), ("decode", "a"), ("encode", "a")], "encode added"),
        ([("prefill", "b"), ("encode", "a")], "prefill: image a -> b; encode added; decode removed"),
        ([("decode", "a"), ("prefill", "a")], "order of the roles"),
    ],
)
def test_what_changed_from_one_revision_to_the_next(new: list[tuple[str, str]], told: str) -> None:
    def templates(roles: list[tuple[str, str]]) -> dict[str, Any]:
        return {name: a_role(name, image=image)["spec"]["leaderWorkerTemplate"] for name, image in roles}

    assert changes(templates([("prefill", "a"), ("decode", "a")]), templates(new)) == told


def test_undo_puts_the_templates_back_and_nothing_else(
    server: ApiServer, run_in_ns: Run, capsys: Captured
) -> None:
    """No number of a revision either: while the set has not changed, the controller would number it again."""
    serve(server)
    server.on("PATCH", LLM, json_answer(document(NOW)))
    assert run_in_ns("undo", "llm") == 0
    assert capsys.readouterr().out.endswith("/llm rolled back to revision 1\n")
    assert [x.path for x in server.requests if x.method == "PATCH"] == [LLM]
    (patch,) = sent(server, "PATCH", LLM)
    assert patch["metadata"] == {"resourceVersion": "7"}
    after = a_set(*patch["spec"]["roles"])
    assert revision(after) == revision(BEFORE)
    assert [x.read_spec().replicas for x in after.spec.roles] == [4, 1]


def test_roles_go_back_as_they_stood() -> None:
    """In their order; one that was removed comes back whole, one that was added goes."""
    stored: list[Any] = [a_role("x", 3), a_role("prefill", 1, image="a"), a_role("decode", 1)]
    present: list[Any] = [
        a_role("decode", 7, image="b", surge=2),
        a_role("prefill", 8, image="b"),
        a_role("y", 1),
    ]
    found = restored(present, stored)
    assert found[0] == stored[0]
    assert [x["name"] for x in found] == ["x", "prefill", "decode"]
    assert found[2]["spec"] == {
        **present[0]["spec"],
        "leaderWorkerTemplate": stored[2]["spec"]["leaderWorkerTemplate"],
    }
    assert revision(a_set(*found)) == revision(a_set(*stored))


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["undo", "ds/llm", "--to-revision", "9"], "llm has no revision 9; revisions: 1, 2"),
        (["history", "ds/llm", "--revision", "9"], "llm has no revision 9; revisions: 1, 2"),
    ],
)
def test_a_revision_that_is_not_there(
    server: ApiServer, run_in_ns: Run, capsys: Captured, words: list[str], problem: str
) -> None:
    serve(server)
    assert run_in_ns(*words) == 1
    assert capsys.readouterr().err == f"error: {problem}\n"


def test_undo_without_a_past(server: ApiServer, run_in_ns: Run, capsys: Captured) -> None:
    serve(server, [])
    assert run_in_ns("undo", "ds/llm") == 1
    assert LIMIT in capsys.readouterr().err
    assert run_in_ns("history", "ds/llm", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out)["revisions"] == []


def test_undo_to_what_is_there_already_writes_nothing(
    server: ApiServer, run_in_ns: Run, capsys: Captured
) -> None:
    serve(server)
    assert run_in_ns("undo", "ds/llm", "--to-revision", "2") == 0
    assert "skipped undo: its template is that of revision 2" in capsys.readouterr().out
    assert not [x for x in server.requests if x.method == "PATCH"]
