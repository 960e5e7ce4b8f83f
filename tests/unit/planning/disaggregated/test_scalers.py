"""Scalers of External roles (section 15, scenarios of 23.5)."""

from __future__ import annotations

import msgspec
import pytest
from support.disaggregated import (
    OWNER,
    STRANGER,
    a_child,
    a_role,
    a_scaler,
    a_set,
    revision,
    selector,
)

from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSetRoleScaler
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.planning.actions import Create, Delete, PatchStatus, Problem, Record
from lws.planning.disaggregated.demand import Taken, wanted_of
from lws.planning.disaggregated.names import owned
from lws.planning.disaggregated.scalers import by_role, plan_scaler_status, plan_scalers, seed

DS = a_set(a_role("prefill", 5, external=True), a_role("decode", 2))
NOW = "2026-01-01T12:00:00Z"


def test_an_external_role_gets_a_scaler() -> None:
    [action] = plan_scalers(DS, [], [], {})
    assert isinstance(action, Create)
    assert action.document["metadata"] == {
        "name": "llm-prefill",
        "namespace": "ns",
        "labels": {d.NAME_LABEL: "llm", d.ROLE_LABEL: "prefill"},
        "ownerReferences": [{**OWNER, "blockOwnerDeletion": True}],
    }
    assert action.document["spec"] == {"replicas": 1}
    assert [x.reason for x in action.then] == [d.REASON_SCALER_CREATED]


def test_one_that_is_there_is_left_alone() -> None:
    assert plan_scalers(DS, [a_scaler("prefill", 0)], [], {}) == []


@pytest.mark.parametrize("role", ["decode", "vanished"])
def test_one_that_no_role_asks_for_goes(role: str) -> None:
    [action] = plan_scalers(DS, [a_scaler("prefill", 2), a_scaler(role, 2)], [], {})
    assert isinstance(action, Delete)
    assert action.uid == f"uid-scaler-{role}"
    assert [x.reason for x in action.then if isinstance(x, Record)] == [d.REASON_SCALER_DELETED]


def test_a_foreign_one_is_not_adopted() -> None:
    foreign = a_scaler("prefill", 4, owner=STRANGER)
    own = owned(DS, [foreign])
    [action] = plan_scalers(DS, own, [], {Taken(d.SCALER_KIND, "llm-prefill"): Problem("NameTaken", "")})
    assert isinstance(action, Record)
    assert (action.type, action.reason, action.action) == ("Warning", d.REASON_SCALER_CONFLICT, "Conflict")
    assert by_role(DS, own) == {}


def test_one_that_is_about_to_go_is_awaited() -> None:
    """It was deleted and something holds it, or it was the former set's: nobody need be warned yet."""
    passing = Problem("NameTaken", "", grace=30.0)
    assert plan_scalers(DS, [], [], {Taken(d.SCALER_KIND, "llm-prefill"): passing}) == []


SLICED = a_set(a_role("prefill", 5, external=True), a_role("decode", 2), slices=2)
PRESENT = revision(SLICED)


def of_revisions(**groups: tuple[int, int | None]) -> list[LeaderWorkerSet]:
    """A child each: its groups, and those it is noted to have had. ``new``: of the present revision."""
    return [
        a_child("prefill", have, revision=PRESENT if name == "new" else name, initial=first)
        for name, (have, first) in groups.items()
    ]


@pytest.mark.parametrize(
    ("children", "wanted"),
    [
        pytest.param([], 1, id="nothing"),
        pytest.param(of_revisions(new=(0, None)), 0, id="zero"),
        pytest.param([*of_revisions(new=(3, None)), a_child("decode", 9, revision=PRESENT)], 3, id="at-rest"),
        pytest.param(of_revisions(a=(4, None), new=(1, None)), 4, id="surge"),
        pytest.param(of_revisions(a=(1, 4), new=(4, None)), 4, id="nearly-rolled"),
        pytest.param(of_revisions(a=(1, 4), new=(2, None)), 3, id="without-surge"),
        pytest.param(of_revisions(a=(1, 1), new=(3, None)), 3, id="grows"),
        pytest.param(of_revisions(a=(2, 3), b=(1, 1)), 3, id="two-former"),
        pytest.param([a_child("prefill", 3, revision=PRESENT, number=x) for x in (0, 1, 2)], 6, id="slices"),
        pytest.param([a_child("prefill", 3, revision=PRESENT, number=None)], 3, id="legacy"),
    ],
)
def test_the_seed_is_what_there_is(children: list[LeaderWorkerSet], wanted: int) -> None:
    """Without what a rollout makes before others go, and without slices that go."""
    assert seed(SLICED, "prefill", children) == wanted


@pytest.mark.parametrize(
    ("role", "scaler", "wanted"),
    [
        pytest.param(a_role("prefill"), None, 1, id="static-unset"),
        pytest.param(a_role("prefill", 4), None, 4, id="static"),
        pytest.param(a_role("prefill", 4, external=True), a_scaler("prefill", 0), 0, id="external-0"),
        pytest.param(a_role("prefill", 4, external=True), a_scaler("prefill", 7), 7, id="external-7"),
        pytest.param(a_role("prefill", 4, external=True), None, 3, id="external-without-scaler"),
    ],
)
def test_target(role: dict[str, object], scaler: DisaggregatedSetRoleScaler | None, wanted: int) -> None:
    ds = a_set(role, a_role("decode", 2))
    [demand, _] = wanted_of(ds, "r", {} if scaler is None else {"prefill": scaler}).demands
    assert demand.in_slice(0, otherwise=3) == wanted


@pytest.mark.parametrize(
    ("total", "slices", "shares"),
    [(7, 3, [3, 2, 2]), (2, 3, [1, 1, 0]), (0, 2, [0, 0]), (6, 3, [2, 2, 2])],
)
def test_shares_of_slices_are_even(total: int, slices: int, shares: list[int]) -> None:
    ds = a_set(a_role("prefill", external=True), a_role("decode", 2), slices=slices)
    [demand, _] = wanted_of(ds, "r", {"prefill": a_scaler("prefill", total)}).demands
    assert [demand.in_slice(x, otherwise=9) for x in range(slices)] == shares


def test_status() -> None:
    children = [a_child("prefill", x, revision=r) for x, r in ((3, "r"), (1, "s"))]
    patch = plan_scaler_status(
        a_scaler("prefill", 4), DS, [*children, a_child("decode", 9, revision="r")], now=NOW
    )
    assert isinstance(patch, PatchStatus)
    assert patch.status["replicas"] == 4
    assert patch.status["selector"] == selector("prefill")
    assert patch.status["observedGeneration"] == 2
    [condition] = patch.status["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == ("Ready", "True", "Bound")
    assert condition["lastTransitionTime"] == NOW


def test_a_status_that_says_so_already_is_not_written() -> None:
    scaler, children = a_scaler("prefill", 4), [a_child("prefill", 4, revision="r")]
    patch = plan_scaler_status(scaler, DS, children, now=NOW)
    assert patch is not None
    written = a_scaler("prefill", 4, **patch.status)
    assert plan_scaler_status(written, DS, children, now="2026-01-02T00:00:00Z") is None
    more = plan_scaler_status(written, DS, [a_child("prefill", 5, revision="r")], now="2026-01-02T00:00:00Z")
    assert more is not None
    assert more.status["conditions"] == patch.status["conditions"]


def test_a_vanishing_one_does_not_count() -> None:
    scaler = a_scaler("prefill", 4)
    metadata = msgspec.structs.replace(scaler.metadata, deletion_timestamp=NOW)
    going = msgspec.structs.replace(scaler, metadata=metadata)
    assert by_role(DS, [going]) == {}
