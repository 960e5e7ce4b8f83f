"""What ``pause``, ``resume`` and ``restart`` do to a DisaggregatedSet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from support.apiserver import ApiServer, json_answer, status_answer
from support.cli import conditions
from support.clichat import LLM, NS, document, not_found, sent, serve_roles
from support.cliroles import seen_child, seen_roles
from support.disaggregated import a_role, a_set, revision

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet
from lws.cli.disaggregated import plan, status, tree, why
from lws.cli.disaggregated.pause import pausing, resuming
from lws.cli.disaggregated.restart import children_of
from lws.cli.session import CommandError

Run = Callable[..., int]
Captured = pytest.CaptureFixture[str]
DS = a_set(a_role("prefill", 2, surge=1), a_role("decode", 1, surge=1))
NEW = a_set(a_role("prefill", 2, image="b", surge=1), a_role("decode", 1, image="b", surge=1))
SEEN = seen_roles(DS, seen_child(DS, "prefill", 2), seen_child(DS, "decode", 1))


def paused(ds: DisaggregatedSet, value: str = "true") -> DisaggregatedSet:
    return replace(ds, metadata=replace(ds.metadata, annotations={d.PAUSED_ANNOTATION: value}))


def note(value: str | None) -> Any:
    return {"metadata": {"annotations": {d.PAUSED_ANNOTATION: value}}}


@pytest.mark.parametrize(
    ("decide", "ds", "wanted"),
    [
        pytest.param(pausing, DS, note("true"), id="pause"),
        pytest.param(pausing, paused(DS), None, id="pause-twice"),
        pytest.param(pausing, paused(DS, "no"), note("true"), id="pause-what-says-no"),
        pytest.param(resuming, paused(DS), note(None), id="resume"),
        pytest.param(resuming, DS, None, id="resume-what-runs"),
    ],
)
def test_pausing_and_resuming(decide: Callable[[Any], Any], ds: DisaggregatedSet, wanted: Any) -> None:
    assert decide(seen_roles(ds))[0] == wanted


def test_a_pause_is_for_the_very_state_that_was_seen(
    server: ApiServer, run_in_ns: Run, capsys: Captured
) -> None:
    newer = replace(DS, metadata=replace(DS.metadata, resource_version="9"))
    serve_roles(server, seen_roles(DS), seen_roles(newer))
    server.on("PATCH", LLM, status_answer(409, "Conflict"), json_answer(document(DS)))
    assert run_in_ns("pause", "ds/llm") == 0
    assert [x["metadata"]["resourceVersion"] for x in sent(server, "PATCH", LLM)] == ["7", "9"]
    assert capsys.readouterr().out == "disaggregatedset.disaggregatedset.x-k8s.io/llm paused\n"


def test_a_paused_rollout_is_told() -> None:
    held = seen_roles(
        conditions(paused(NEW), Progressing="rolling"),
        seen_child(DS, "prefill", 2),
        seen_child(DS, "decode", 1),
    )
    assert status.describe(held).message.startswith("paused: prefill 0 of 2 updated, 2 ready")
    assert not status.describe(held).done
    assert (tree.describe(held, now=0.0).paused, tree.describe(held, now=0.0).state) == (True, "Paused")
    assert [(x.reason, x.slice) for x in why.describe(held, {}, now=0.0).causes] == [("Paused", 0)]
    view = plan.describe(held, paused(NEW), [], None)
    assert not view.restarts_pods
    assert view.notes == ["the set is paused: nothing is replaced until 'kubectl lws resume ds/llm'"]


def test_one_role_is_restarted_in_its_leaderworkersets_only(
    server: ApiServer, run_in_ns: Run, capsys: Captured
) -> None:
    """The set's own templates stay, so its revision does, and other roles are not touched."""
    serve_roles(server, SEEN)
    child = f"{NS.sets}/llm-0-{revision(DS)}-prefill"
    server.on("GET", child, json_answer(document(SEEN.sets[0].lws)))
    server.on("PATCH", child, json_answer(document(SEEN.sets[0].lws)))
    assert run_in_ns("restart", "llm", "prefill") == 0
    (patch,) = [x.json() for x in server.requests if x.method == "PATCH"]
    template = patch["spec"]["leaderWorkerTemplate"]["workerTemplate"]
    assert list(template["metadata"]["annotations"]) == [c.RESTARTED_AT_ANNOTATION]
    assert "the groups of role prefill roll at their own pace" in capsys.readouterr().out


def test_all_roles_are_restarted_by_a_rollout(server: ApiServer, run_in_ns: Run) -> None:
    """What the mark is put into keeps all its members, those that nobody here knows, too."""
    serve_roles(server, SEEN)
    live = document(DS)
    live["spec"]["roles"][0]["spec"]["newer"] = {"than": "this"}
    server.on("GET", LLM, json_answer(live))
    server.on("PATCH", LLM, json_answer(live))
    assert run_in_ns("restart", "ds/llm") == 0
    (patch,) = sent(server, "PATCH", LLM)
    for before, after in zip(live["spec"]["roles"], patch["spec"]["roles"], strict=True):
        metadata = after["spec"]["leaderWorkerTemplate"]["workerTemplate"].pop("metadata")
        assert list(metadata["annotations"]) == [c.RESTARTED_AT_ANNOTATION]
        assert after == before


@pytest.mark.parametrize(
    ("seen", "roles", "problem"),
    [
        pytest.param(SEEN, ["proxy"], "llm has no role 'proxy'; roles: prefill, decode", id="no-such-role"),
        pytest.param(
            seen_roles(paused(DS)), ["decode"], "llm is paused: run 'kubectl lws resume ds/llm'", id="paused"
        ),
        pytest.param(seen_roles(DS), ["decode"], "no LeaderWorkerSet of role decode yet", id="not-made"),
        pytest.param(
            seen_roles(NEW, *SEEN.sets, seen_child(NEW, "prefill", 1)),
            ["prefill"],
            "is rolling out",
            id="rolling",
        ),
    ],
)
def test_a_role_that_cannot_be_restarted(seen: Any, roles: list[str], problem: str) -> None:
    with pytest.raises(CommandError, match=problem):
        children_of(seen, roles)


def test_a_set_that_is_not_there(server: ApiServer, run_in_ns: Run, capsys: Captured) -> None:
    server.on("GET", LLM, not_found("llm"))
    assert run_in_ns("restart", "ds/llm") == 1
    assert capsys.readouterr().err == "error: disaggregatedsets 'llm' not found in namespace 'ns'\n"


def test_a_group_has_a_number(server: ApiServer, run: Run, capsys: Captured) -> None:
    """The command line is wrong, though that shows only with the kind of the set."""
    assert run("restart", "lws/x", "one") == 2
    told = capsys.readouterr().err
    assert told == "error: 'one' is no index of a group; see 'kubectl lws restart --help'\n"
