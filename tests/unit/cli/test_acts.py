"""``restart``, ``pause`` and ``resume`` of all sets that match."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from support.apiserver import ApiServer, drop_answer, json_answer, status_answer
from support.cli import seen_of
from support.clichat import LLM, NS, document, serve_roles, serve_set
from support.cliroles import seen_child, seen_roles
from support.disaggregated import a_role
from support.disaggregated import a_set as a_roles_set
from support.groups import a_set

from lws.api import constants as c
from lws.cli.pause import HELD

Run = Callable[..., int]
Captured = pytest.CaptureFixture[str]
DS = a_roles_set(a_role("prefill", 2), a_role("decode", 1))
ROLES = seen_roles(DS, seen_child(DS, "prefill", 2), seen_child(DS, "decode", 1))
LWS, LLM_REFERENCE = (
    "leaderworkerset.leaderworkerset.x-k8s.io",
    "disaggregatedset.disaggregatedset.x-k8s.io/llm",
)


def alone(name: str, *, paused: bool = False) -> Any:
    """A LeaderWorkerSet that is part of nothing."""
    annotations = {c.PAUSED_PARTITION_ANNOTATION: "0"} if paused else {}
    metadata = {"namespace": "ns", "name": name, "uid": name, "annotations": annotations}
    return seen_of(a_set(partition=HELD if paused else 0, metadata=metadata))


@pytest.fixture
def served(server: ApiServer) -> ApiServer:
    """A DisaggregatedSet with its LeaderWorkerSets, and two that stand alone, the last of which is paused."""
    serve_roles(server, ROLES)
    server.on("PATCH", LLM, json_answer(document(DS)))
    sets = [alone("zeta", paused=True), alone("alpha")]
    for seen in sets:
        serve_set(server, seen)
        server.on("PATCH", f"{NS.sets}/{seen.lws.name}", json_answer(document(seen.lws)))
    listed = [x.lws for x in sets] + list(ROLES.children)
    server.on("GET", NS.sets, json_answer({"items": [document(x) for x in listed]}))
    return server


def written(server: ApiServer) -> list[str]:
    return [x.path for x in server.requests if x.method != "GET"]


def test_each_set_that_list_shows(served: ApiServer, run_in_ns: Run, capsys: Captured) -> None:
    """In its order; of a DisaggregatedSet's own LeaderWorkerSets none."""
    assert run_in_ns("pause", "-l", "team=search") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{LWS}/alpha paused",
        f"{LLM_REFERENCE} paused",
        f"{LWS}/zeta already paused",
    ]
    assert written(served) == [f"{NS.sets}/alpha", LLM]
    asked = [x.query.get("labelSelector") for x in served.requests if x.path == NS.disaggregated]
    assert asked == [None, "team=search"]


def test_what_belongs_to_a_set_that_does_not_match_is_left_alone(
    served: ApiServer, run_in_ns: Run, capsys: Captured
) -> None:
    """It has the label, by its role's metadata, and its DisaggregatedSet has not (decision 247)."""
    every = {"items": [document(x) for x in (*ROLES.children, alone("alpha").lws)]}
    served.on("GET", NS.sets, json_answer(every))
    served.on("GET", NS.disaggregated, json_answer({"items": [document(DS)]}), json_answer({"items": []}))
    for action in ("pause", "restart"):
        assert run_in_ns(action, "-l", "team=search") == 0
        served.on("GET", NS.disaggregated, json_answer({"items": [document(DS)]}), json_answer({"items": []}))
    assert capsys.readouterr().out.splitlines() == [f"{LWS}/alpha paused", f"{LWS}/alpha restarted"]
    assert written(served) == [f"{NS.sets}/alpha"] * 2


def test_one_that_fails_stops_no_other(served: ApiServer, run_in_ns: Run, capsys: Captured) -> None:
    served.on("PATCH", f"{NS.sets}/alpha", status_answer(403, "Forbidden", message="you may not patch alpha"))
    assert run_in_ns("restart", "-l", "team=search") == 1
    out, err = capsys.readouterr()
    assert out == f"{LLM_REFERENCE} restarted: all roles roll out together\n"
    assert err.splitlines() == [
        "error: lws/alpha: the API server refuses: you may not patch alpha",
        "error: lws/zeta: zeta is paused: run 'kubectl lws resume zeta' first",
    ]


def test_without_a_server_none_is_done(served: ApiServer, run_in_ns: Run, capsys: Captured) -> None:
    served.on("PATCH", f"{NS.sets}/alpha", drop_answer())
    assert run_in_ns("pause", "-l", "team=search") == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert LLM not in written(served)


@pytest.mark.parametrize("command", ["list", "tree", "why", "pause"])
def test_a_selector_that_is_none(server: ApiServer, run_in_ns: Run, capsys: Captured, command: str) -> None:
    """Only the server knows; the line says which argument it means, and the command line is wrong."""
    wrong = status_answer(400, "BadRequest", message="unable to parse requirement: found '=='")
    for path in NS:
        server.on("GET", path, wrong)
    server.on("GET", NS.sets, json_answer({"items": []}), wrong)
    assert run_in_ns(command, "-l", "a==b==c") == 2
    line = f"argument -l: unable to parse requirement: found '=='; see 'kubectl lws {command} --help'"
    assert capsys.readouterr().err == f"error: {line}\n"


def test_documents_are_one_list(served: ApiServer, run_in_ns: Run, capsys: Captured) -> None:
    assert run_in_ns("resume", "-l", "team=search", "--dry-run=client", "-o", "json") == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert [(x["name"], x["changed"], x["dryRun"]) for x in items] == [
        ("alpha", False, "client"),
        ("llm", False, "client"),
        ("zeta", True, "client"),
    ]
    assert written(served) == []


def test_names_are_for_scripts(served: ApiServer, run_in_ns: Run, capsys: Captured) -> None:
    assert run_in_ns("pause", "-l", "team=search", "-o", "name") == 0
    assert capsys.readouterr().out.splitlines() == [f"{LWS}/alpha", LLM_REFERENCE, f"{LWS}/zeta"]


def test_nothing_is_found(server: ApiServer, run: Run, capsys: Captured) -> None:
    nothing = json_answer({"items": []})
    for path in (NS.sets, NS.disaggregated, *map(everywhere, (NS.sets, NS.disaggregated))):
        server.on("GET", path, nothing)
    assert run("restart", "-l", "team=other", "-n", "ns") == 0
    assert capsys.readouterr().out == "No leaderworkersets or disaggregatedsets found in ns namespace.\n"
    assert run("restart", "-A") == 0
    assert capsys.readouterr().out == "No leaderworkersets or disaggregatedsets found in any namespace.\n"
    assert run("restart", "-A", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out) == {"items": []}


def everywhere(path: str) -> str:
    return path.replace("/namespaces/ns", "")


def test_sets_of_all_namespaces_are_told_with_theirs(server: ApiServer, run: Run, capsys: Captured) -> None:
    """Each is written where it is."""
    one = alone("same")
    other = one._replace(lws=replace(one.lws, metadata=replace(one.lws.metadata, namespace="default")))
    for seen, code in ((one, 200), (other, 409)):
        serve_set(server, seen)
        path = f"{NS.sets}/same".replace("/ns/", f"/{seen.lws.namespace}/")
        answer = json_answer(document(seen.lws)) if code == 200 else status_answer(code, "Conflict")
        server.on("PATCH", path, answer)
    server.on("GET", everywhere(NS.sets), json_answer({"items": [document(x.lws) for x in (one, other)]}))
    assert run("pause", "-A") == 1
    out, err = capsys.readouterr()
    assert out == f"{LWS}/ns/same paused\n"
    assert err.startswith("error: lws/default/same: same: somebody else changed it 5 times")
