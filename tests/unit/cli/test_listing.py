"""``list``: one word for each set, why, and the columns."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from support.apiserver import ApiServer, json_answer
from support.cli import conditions
from support.clichat import NS, document, serve_roles
from support.cliroles import seen_child, seen_roles
from support.disaggregated import a_role
from support.disaggregated import a_set as a_roles_set
from support.groups import a_set, unreadable_set

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.cli import listing

Run = Callable[..., int]
PAUSED = {c.PAUSED_PARTITION_ANNOTATION: ""}


def with_groups(lws: LeaderWorkerSet, **reasons: str) -> LeaderWorkerSet:
    """``reasons`` by group, as ``g0``."""
    groups = {
        name[1:]: {"phase": "Waiting", "reason": reason, "message": "m"} for name, reason in reasons.items()
    }
    status = {**msgspec.to_builtins(lws.status), "groups": groups}
    return replace(lws, status=msgspec.convert(status, type(lws.status)))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"restarts": 1, "restarting": True}, "Recreated"),
        ({"restarts": 2}, "Recreated"),
        ({"restarts": 2, "readyTime": "2026-01-01T00:00:00Z"}, ""),
        ({"restarts": 2, "readyTime": "2026-01-01T00:00:00Z", "restarting": True}, "Recreated"),
        ({"restarts": 2, "backoffUntil": "2026-01-01T00:00:20Z"}, "RestartBackOff"),
        ({"restarts": 2, "failed": True}, "MaxGroupRestartsExceeded"),
        ({"restarts": 2, "phase": "Starting", "reason": "CrashLoop"}, "CrashLoop"),
    ],
)
def test_a_crash_loop_has_a_reason_between_two_crashes(record: dict[str, Any], reason: str) -> None:
    """Of the record, before a reason has lasted long enough for the controller to tell it."""
    lws = conditions(a_set(status={"groups": {"0": {"leader": "l", **record}}}), Progressing="m")
    assert listing.listed(lws).reason == reason


def test_a_set_that_nobody_can_read_hides_no_other() -> None:
    bad = conditions(unreadable_set(name="bad"), Stalled="cpu: many")
    worse = conditions(a_roles_set(a_role("a", 1), slices=200), Stalled="spec.slices")
    view = listing.describe([seen_roles(worse)], [a_set(), bad])
    found = {x.name: (x.state, bool(x.images), x.message) for x in view.items}
    assert found == {
        "test-sample": ("Pending", True, ""),
        "bad": ("Stalled", False, "cpu: many"),
        "llm": ("Stalled", False, "spec.slices"),
    }


def paused(lws: LeaderWorkerSet) -> LeaderWorkerSet:
    return replace(lws, metadata=replace(lws.metadata, annotations=PAUSED))


@pytest.mark.parametrize(
    ("lws", "state", "reason"),
    [
        (a_set(), "Pending", ""),
        (conditions(a_set(), Available="all ready"), "Available", ""),
        (conditions(a_set(), Progressing="m"), "Progressing", ""),
        (
            with_groups(conditions(a_set(), Progressing="m"), g0="NotReady", g1="Unschedulable"),
            "Progressing",
            "Unschedulable",
        ),
        (
            with_groups(conditions(a_set(), Progressing="m", UpdateInProgress="m"), g1="Replacing"),
            "Updating",
            "Replacing",
        ),
        (conditions(a_set(), Stalled="refused", Progressing="m"), "Stalled", "Refused"),
        (conditions(a_set(), Failed="group 1"), "Failed", "Refused"),
        (paused(conditions(a_set(), Available="all ready")), "Paused", ""),
        (paused(conditions(a_set(), Stalled="m")), "Stalled", "Refused"),
    ],
)
def test_the_state_of_a_set(lws: LeaderWorkerSet, state: str, reason: str) -> None:
    changed = [
        replace(x, reason="Refused" if x.type in ("Stalled", "Failed") else "") for x in lws.status.conditions
    ]
    view = listing.listed(replace(lws, status=replace(lws.status, conditions=tuple(changed))))
    assert (view.state, view.reason) == (state, reason)


DS = conditions(a_roles_set(a_role("prefill", 2), a_role("decode", 1)), Progressing="waits")
SEEN = seen_roles(DS, seen_child(DS, "prefill", 2, down=(1,)), seen_child(DS, "decode", 1))
PLAIN = conditions(a_set(), Available="all ready")
ALONE = replace(PLAIN, metadata=replace(PLAIN.metadata, namespace="ns", name="alone"))


@pytest.fixture
def served(server: ApiServer) -> ApiServer:
    """A DisaggregatedSet with its two LeaderWorkerSets, and one that stands alone."""
    serve_roles(server, SEEN)
    server.on("GET", NS.sets, json_answer({"items": [document(x) for x in (*SEEN.children, ALONE)]}))
    return server


def test_the_table(served: ApiServer, run_in_ns: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_in_ns("list") == 0
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["NAME", "READY", "UP-TO-DATE", "SIZE", "STATUS", "REASON", "AGE"]
    assert first.split()[:5] == ["lws/alone", "0/2", "0", "2", "Available"]
    assert second.split() == ["ds/llm", "2/3", "3", "2", "roles", "Progressing"]


def test_the_wide_table(served: ApiServer, run_in_ns: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_in_ns("list", "-o", "wide") == 0
    header, _, second = capsys.readouterr().out.splitlines()
    assert header.split()[-3:] == ["REVISION", "IMAGES", "MESSAGE"]
    assert "prefill 1/2, decode 1/1" in second
    assert second.endswith("nginx:1.0   waits")


@pytest.mark.parametrize("words", [("list", "-o", "name"), ("list", "-o", "json")])
def test_documents(
    served: ApiServer, run_in_ns: Run, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert run_in_ns(*words) == 0
    out = capsys.readouterr().out
    if words[-1] == "name":
        assert out.splitlines() == [
            "leaderworkerset.leaderworkerset.x-k8s.io/alone",
            "disaggregatedset.disaggregatedset.x-k8s.io/llm",
        ]
        return
    alone, llm = json.loads(out)["items"]
    assert (alone["size"], llm["roles"]) == (2, {"prefill": "1/2", "decode": "1/1"})


def test_a_selector_is_for_sets_that_stand_alone_too(
    served: ApiServer, run_in_ns: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """All LeaderWorkerSets are read, as those of a DisaggregatedSet need not match; then those that do."""
    every = {"items": [document(x) for x in (*SEEN.children, ALONE)]}
    served.on("GET", NS.sets, json_answer(every), json_answer({"items": []}))
    assert run_in_ns("list", "-l", "team=search") == 0
    assert [x.split()[0] for x in capsys.readouterr().out.splitlines()[1:]] == ["ds/llm"]
    asked = [x.query.get("labelSelector") for x in served.requests if x.path == NS.sets]
    assert asked == [None, "team=search"]
    asked = [x.query.get("labelSelector") for x in served.requests if x.path == NS.disaggregated]
    assert asked == [None, "team=search"]
