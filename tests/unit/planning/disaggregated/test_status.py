"""Status and conditions (section 14, scenarios of 23.3)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.disaggregated import a_child, a_role, a_scaler, a_set, decoded, revision

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet, DisaggregatedSetRoleScaler
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.timestamps import epoch
from lws.objects import Condition
from lws.planning.actions import Document, Problem
from lws.planning.disaggregated.demand import wanted_of
from lws.planning.disaggregated.slices import make_slices
from lws.planning.disaggregated.status import READY, merged, plan_status

NOW, THEN = "2026-01-01T12:00:00Z", "2026-01-01T10:00:00Z"
DS = a_set(a_role("prefill", 2), a_role("decode", 2))


def status_of(
    ds: DisaggregatedSet,
    *children: LeaderWorkerSet,
    scalers: dict[str, DisaggregatedSetRoleScaler] | None = None,
    **options: Any,
) -> Document | None:
    slices = make_slices(ds, revision(ds), children)
    wanted = wanted_of(ds, revision(ds), scalers or {})
    patch = plan_status(wanted, children, slices=slices, at=epoch(NOW), **options)
    assert patch is None or patch.resource_version == "7"
    return None if patch is None else patch.status


def true(status: Document | None) -> set[str]:
    assert status is not None
    return {x["type"] for x in status["conditions"] if x["status"] == "True"}


def test_a_fresh_set() -> None:
    status = status_of(DS)
    assert status is not None
    zero = {"replicas": 0, "readyReplicas": 0, "updatedReplicas": 0}
    assert status["roleStatuses"] == [{"name": "prefill", **zero}, {"name": "decode", **zero}]
    assert status["observedGeneration"] == 3
    assert [x["type"] for x in status["conditions"]] == [d.PROGRESSING]
    assert true(status) == {d.PROGRESSING}


def test_all_ready() -> None:
    status = status_of(DS, *(a_child(x, 2, revision=revision(DS)) for x in ("prefill", "decode")))
    assert true(status) == {d.AVAILABLE}
    assert status is not None
    assert status["roleStatuses"][0] == {
        "name": "prefill",
        "replicas": 2,
        "readyReplicas": 2,
        "updatedReplicas": 2,
    }


@pytest.mark.parametrize("available", [True, False])
def test_ready_for_min_ready_seconds(available: bool) -> None:
    """It is available when its LeaderWorkerSets are, where a role asks for that."""
    said = Condition(c.AVAILABLE, "True" if available else "False")
    prefill, decode = (a_child(x, 2, revision=revision(DS)) for x in ("prefill", "decode"))
    asking = replace(
        prefill,
        spec=replace(prefill.spec, min_ready_seconds=20),
        status=replace(prefill.status, conditions=(said,)),
    )
    assert true(status_of(DS, asking, decode)) == {d.AVAILABLE if available else d.PROGRESSING}


def test_updated_are_those_of_this_revision_only() -> None:
    children = [a_child("prefill", 1, revision=x) for x in (revision(DS), "0ld00000")]
    status = status_of(DS, *children, a_child("decode", 2, revision=revision(DS)))
    assert status is not None
    assert status["roleStatuses"][0]["updatedReplicas"] == 1
    assert status["roleStatuses"][0]["replicas"] == 2
    assert true(status) == {d.PROGRESSING}


def test_one_role_is_not_there_yet() -> None:
    ds = a_set(a_role("prefill", 3), a_role("decode", 2))
    children = [a_child("prefill", 1, revision=revision(ds)), a_child("decode", 2, revision=revision(ds))]
    assert true(status_of(ds, *children)) == {d.PROGRESSING}


def test_all_at_0_is_available() -> None:
    assert true(status_of(a_set(a_role("prefill", 0), a_role("decode", 0)))) == {d.AVAILABLE}


def test_slices_multiply_static_roles_and_share_external_ones() -> None:
    ds = a_set(a_role("prefill", external=True), a_role("decode", 2), slices=2)
    sizes = (("prefill", 0, 2), ("prefill", 1, 1), ("decode", 0, 2), ("decode", 1, 2))
    children = [a_child(role, x, revision=revision(ds), number=k) for role, k, x in sizes]
    assert true(status_of(ds, *children, scalers={"prefill": a_scaler("prefill", 3)})) == {d.AVAILABLE}
    assert true(status_of(ds, *children, scalers={"prefill": a_scaler("prefill", 4)})) == {d.PROGRESSING}


def test_an_external_role_without_scaler_is_never_satisfied() -> None:
    ds = a_set(a_role("prefill", 0, external=True), a_role("decode", 0))
    assert true(status_of(ds)) == {d.PROGRESSING}


def test_a_removed_role_has_no_entry() -> None:
    status = status_of(DS, a_child("encode", 2, revision="0ld00000"))
    assert status is not None
    assert [x["name"] for x in status["roleStatuses"]] == ["prefill", "decode"]


def test_nothing_is_written_when_nothing_differs() -> None:
    children = [a_child(x, 2, revision=revision(DS)) for x in ("prefill", "decode")]
    first = status_of(DS, *children)
    assert first is not None
    written = a_set(a_role("prefill", 2), a_role("decode", 2), **first)
    assert status_of(written, *children) is None


@pytest.mark.parametrize("paused", [True, False])
@pytest.mark.parametrize("rolling", [True, False])
def test_a_pause_that_holds_a_rollout_is_told(paused: bool, rolling: bool) -> None:
    """One that holds nothing, of roles that are made or scaled, is not."""
    annotations = {d.PAUSED_ANNOTATION: d.PAUSED} if paused else {}
    ds = replace(DS, metadata=replace(DS.metadata, annotations=annotations))
    status = status_of(ds, a_child("prefill", 2, revision="0ld00000" if rolling else revision(DS)))
    assert status is not None
    (progressing,) = status["conditions"]
    held = paused and rolling
    assert progressing["reason"] == (d.REASON_PAUSED if held else d.REASON_ROLLOUT_IN_PROGRESS)
    assert ("paused" in progressing["message"]) == held


class TestMerging:
    def condition(self, type_: str, status: str, *, generation: int = 1, reason: str = "R") -> Condition:
        return Condition(type_, status, reason, "M", THEN, generation)

    def merge(self, *stored: Condition) -> tuple[Condition, ...]:
        return merged(stored, READY, generation=3, now=NOW)

    def test_a_generation_alone_keeps_the_time(self) -> None:
        [one] = self.merge(self.condition(d.AVAILABLE, "True"))
        assert (one.status, one.last_transition_time, one.observed_generation) == ("True", THEN, 3)
        assert (one.reason, one.message) == (d.REASON_ALL_ROLES_READY, "All roles are ready")

    def test_a_flip_moves_both_and_the_former_says_why(self) -> None:
        progressing, available = self.merge(self.condition(d.PROGRESSING, "True"))
        assert (progressing.status, progressing.last_transition_time) == ("False", NOW)
        assert (progressing.reason, progressing.message) == (available.reason, available.message)
        assert (available.status, available.last_transition_time) == ("True", NOW)

    def test_a_false_counterpart_catches_up_its_generation_only(self) -> None:
        progressing, _ = self.merge(
            self.condition(d.PROGRESSING, "False"), self.condition(d.AVAILABLE, "True")
        )
        assert progressing == self.condition(d.PROGRESSING, "False", generation=3)

    def test_one_that_was_false_turns_true(self) -> None:
        [one] = self.merge(self.condition(d.AVAILABLE, "False"))
        assert (one.status, one.last_transition_time) == ("True", NOW)

    def test_others_are_left_alone(self) -> None:
        other = self.condition("Custom", "True")
        assert self.merge(other)[0] == other


class TestStalled:
    """How the condition is put is ``planning.problems``'s; here, what is told."""

    def test_what_is_in_the_way_is_named(self) -> None:
        status = status_of(DS, problems=[Problem("Refused", "no quota")])
        assert status is not None
        stalled = status["conditions"][-1]
        assert (stalled["type"], stalled["status"], stalled["reason"]) == ("Stalled", "True", "Refused")
        assert "no quota" in stalled["message"]

    def test_it_turns_false_when_nothing_is_any_more(self) -> None:
        problems = [Problem("Refused", "no quota")]
        first = status_of(DS, problems=problems)
        assert first is not None
        stalled = decoded(a_document(first), DisaggregatedSet)
        assert status_of(stalled, problems=problems) is None
        after = status_of(stalled)
        assert after is not None
        assert after["conditions"][-1]["status"] == "False"


def a_document(status: Document) -> Document:
    metadata = {"name": "llm", "namespace": "ns", "uid": DS.uid, "generation": 3, "resourceVersion": "7"}
    roles = [a_role("prefill", 2), a_role("decode", 2)]
    return {"metadata": metadata, "spec": {"roles": roles}, "status": status}
