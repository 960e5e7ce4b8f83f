"""What the plugin asks an API server about DisaggregatedSets, and which kind a name means."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from msgspec.structs import replace
from support.apiserver import ApiServer, Feed, json_answer, status_answer
from support.cli import conditions, seen_of
from support.clichat import LLM, NS, document, not_found, serve_roles
from support.cliroles import seen_child, seen_roles
from support.disaggregated import a_role, a_set
from support.groups import a_set as a_plain_set
from support.groups import unreadable_set

from lws.cli import patience
from lws.cli.disaggregated.observing import SeenRoles
from lws.cli.observing import Seen
from lws.objects import KubeObject

Run = Callable[..., int]
Captured = pytest.CaptureFixture[str]
DS = a_set(a_role("prefill", 2), a_role("decode", 1))
WHOLE = seen_roles(
    conditions(DS, Available="all ready"), seen_child(DS, "prefill", 2), seen_child(DS, "decode", 1)
)


def at(seen: SeenRoles, version: str) -> SeenRoles:
    return seen._replace(ds=replace(seen.ds, metadata=replace(seen.ds.metadata, resource_version=version)))


def serve_plain(server: ApiServer, lws: Any) -> None:
    """A LeaderWorkerSet of the same name, of which nothing was made."""
    server.on("GET", f"{NS.sets}/llm", json_answer(document(lws)))


@pytest.mark.parametrize("name", ["llm", "ds/llm"])
def test_a_name_that_only_a_disaggregatedset_has(
    server: ApiServer, run_in_ns: Run, capsys: Captured, name: str
) -> None:
    serve_roles(server, WHOLE)
    assert run_in_ns("status", name) == 0
    out, err = capsys.readouterr()
    assert out == 'disaggregatedset "llm" successfully rolled out: 2 roles, 3 groups updated and ready\n'
    assert err == ""


@pytest.mark.parametrize(
    ("name", "kind", "noted"),
    [
        ("llm", "LeaderWorkerSet", True),
        ("lws/llm", "LeaderWorkerSet", False),
        ("ds/llm", "DisaggregatedSet", False),
    ],
)
def test_a_name_that_both_kinds_have(
    server: ApiServer, run_in_ns: Run, capsys: Captured, name: str, kind: str, *, noted: bool
) -> None:
    serve_roles(server, WHOLE)
    serve_plain(server, a_plain_set(metadata={"name": "llm"}))
    assert run_in_ns("tree", name, "-o", "json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["kind"] == kind
    assert (err == "note: lws/llm is meant; there is a disaggregatedset, too: write ds/llm\n") == noted
    assert bool(err) == noted


def test_a_name_that_nothing_has(server: ApiServer, run_in_ns: Run, capsys: Captured) -> None:
    for path in (f"{NS.sets}/llm", LLM):
        server.on("GET", path, not_found("llm"))
    assert run_in_ns("why", "llm") == 1
    assert capsys.readouterr().err == (
        "error: no leaderworkersets or disaggregatedsets 'llm' found in namespace 'ns'\n"
    )


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (not_found("llm"), "disaggregatedsets 'llm' not found in namespace 'ns'"),
        (
            status_answer(404, reason="NotFound", message="404 page not found"),
            "this cluster has no DisaggregatedSets (disaggregatedsets.disaggregatedset.x-k8s.io): install the"
            " controller, or choose another --context",
        ),
    ],
    ids=["no-such-set", "no-such-kind"],
)
def test_what_is_missing_is_named(
    server: ApiServer, run_in_ns: Run, capsys: Captured, answer: Any, problem: str
) -> None:
    server.on("GET", LLM, answer)
    assert run_in_ns("why", "ds/llm") == 1
    assert capsys.readouterr().err == f"error: {problem}\n"


def test_a_document_in_yaml(server: ApiServer, run_in_ns: Run, capsys: Captured) -> None:
    serve_roles(server, WHOLE)
    assert run_in_ns("tree", "ds/llm", "-o", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert run_in_ns("tree", "ds/llm", "-o", "yaml") == 0
    assert yaml.safe_load(capsys.readouterr().out) == document


@pytest.mark.parametrize("arguments", [["why", "llm"], ["tree"], ["history", "llm"]], ids=" ".join)
def test_a_cluster_without_the_controller(
    server: ApiServer, run_in_ns: Run, capsys: Captured, arguments: list[str]
) -> None:
    """The first thing a newcomer does in the wrong context."""
    assert run_in_ns(*arguments) == 1
    assert capsys.readouterr().err == (
        "error: this cluster has no LeaderWorkerSets (leaderworkersets.leaderworkerset.x-k8s.io): install the"
        " controller, or choose another --context\n"
    )


@pytest.mark.parametrize("command", ["tree", "why"])
def test_all_sets_of_both_kinds(server: ApiServer, run_in_ns: Run, capsys: Captured, command: str) -> None:
    """LeaderWorkerSets that are part of a DisaggregatedSet are shown in it only."""
    plain = seen_of(a_plain_set(metadata={"namespace": "ns"}))
    serve_roles(server, WHOLE)
    items: list[KubeObject] = [plain.lws, *WHOLE.children]
    server.on("GET", NS.sets, json_answer({"items": [document(x) for x in items]}))
    assert run_in_ns(command, "-o", "json") == 0
    views = json.loads(capsys.readouterr().out)["items"]
    assert [(x["kind"], x["name"]) for x in views] == [
        ("DisaggregatedSet", "llm"),
        ("LeaderWorkerSet", "test-sample"),
    ]


@pytest.mark.parametrize("code", [403, 404], ids=["not-allowed-to", "no-crd"])
def test_without_disaggregatedsets_all_is_as_before(
    server: ApiServer, run_in_ns: Run, capsys: Captured, code: int
) -> None:
    serve_roles(server, WHOLE)
    server.on("GET", NS.disaggregated, status_answer(code))
    assert run_in_ns("tree", "-o", "json") == 0
    views = json.loads(capsys.readouterr().out)["items"]
    assert sorted(x["name"] for x in views) == sorted(x.name for x in WHOLE.children)
    assert not [x for x in server.requests if x.path == NS.scalers]


def test_status_waits_by_a_watch_of_the_set(server: ApiServer, run_in_ns: Run, capsys: Captured) -> None:
    rolling = at(WHOLE._replace(ds=conditions(DS, Progressing="rolling")), "7")
    done = at(WHOLE, "9")
    serve_roles(server, rolling, done)
    feed = Feed()
    feed.event("MODIFIED", document(done.ds))
    server.on("GET", NS.disaggregated, feed, watch=True)
    assert run_in_ns("status", "ds/llm", "--watch") == 0
    assert capsys.readouterr().out.splitlines() == [
        'disaggregatedset "llm" waiting: prefill 2 of 2 updated, 2 ready; decode 1 of 1 updated, 1 ready',
        'disaggregatedset "llm" successfully rolled out: 2 roles, 3 groups updated and ready',
    ]
    (watched,) = [x.query for x in server.requests if x.watch]
    assert (watched["fieldSelector"], watched["resourceVersion"]) == ("metadata.name=llm", "7")


def test_status_of_a_set_that_is_stalled_ends(server: ApiServer, run_in_ns: Run) -> None:
    serve_roles(server, WHOLE._replace(ds=conditions(DS, Stalled="in the way")))
    assert run_in_ns("status", "ds/llm", "--watch") == 1


def test_status_with_its_groups(server: ApiServer, run_in_ns: Run, capsys: Captured) -> None:
    serve_roles(server, WHOLE)
    assert run_in_ns("status", "ds/llm", "-o", "wide") == 0
    lines = [" ".join(x.split()) for x in capsys.readouterr().out.splitlines()]
    assert lines[0] == 'disaggregatedset "llm" successfully rolled out: 2 roles, 3 groups updated and ready'
    assert [x for x in lines if "group " in x] == [
        "│ ├── group 0 1/1 Ready",
        "│ └── group 1 1/1 Ready",
        "└── group 0 1/1 Ready",
    ]
    assert not [x for x in lines if "pod/" in x or "statefulset/" in x]


def test_trees_of_all_sets_are_drawn_anew(
    server: ApiServer, run_in_ns: Run, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sets of both kinds and pods are watched; a right that is taken away, and not given back, ends it."""
    monkeypatch.setattr(patience, "PATIENCE", 0.2)
    monkeypatch.setattr(patience, "REFUSED", 0.1)
    serve_roles(server, WHOLE)
    feeds = {path: Feed() for path in (NS.disaggregated, NS.sets, NS.pods)}
    for path, feed in feeds.items():
        server.on("GET", path, feed, watch=True)

    def take_away() -> None:
        for path in feeds:
            server.wait_for(1, "GET", path, watch=True)
        server.wait_for(1, "GET", NS.scalers)  # the last that is read for a picture
        server.on("GET", NS.sets, status_answer(403, reason="Forbidden", message="not any more"), watch=False)
        feeds[NS.pods].event("DELETED", {"metadata": {"name": "x"}})

    threading.Thread(target=take_away, daemon=True).start()
    assert run_in_ns("tree", "--watch") == 1
    out, err = capsys.readouterr()
    assert out.count("disaggregatedset/llm") == 1
    assert err == "error: the API server refuses: not any more\n"
    for feed in feeds.values():
        feed.end()


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("tree", [("llm", "Stalled"), ("bad", "Stalled"), ("good", "Available")]),
        ("list", [("bad", "Stalled"), ("good", "Available"), ("llm", "Stalled")]),
        (
            "why",
            [
                ("llm", "cannot be read"),
                ("bad", "cannot be read"),
                ("good", "0 of 2 groups ready, 0 updated"),
            ],
        ),
    ],
)
def test_a_set_that_nobody_can_read_hides_no_other(
    server: ApiServer, run_in_ns: Run, capsys: Captured, command: str, told: list[tuple[str, str]]
) -> None:
    bad = conditions(unreadable_set(name="bad", namespace="ns"), Stalled="cpu: many")
    good = conditions(a_plain_set(metadata={"name": "good", "namespace": "ns"}), Available="ready")
    ds = conditions(a_set(a_role("a", 1), slices=200), Stalled="spec.slices")
    serve_roles(server, SeenRoles(ds, (Seen(bad), Seen(good))))
    assert run_in_ns(command, "-o", "json") == 0
    views = json.loads(capsys.readouterr().out)["items"]
    assert [(x["name"], x["summary" if command == "why" else "state"]) for x in views] == told
    assert run_in_ns(command) == 0
    if command == "why":
        assert [x["causes"][0]["message"] for x in views[:2]] == ["spec.slices", "cpu: many"]
