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
from lws.planning.actions import Document, PatchStatus, Problem, Record
from lws.planning.disaggregated.demand import wanted_of
from lws.planning.disaggregated.slices import make_slices
from lws.planning.disaggregated.status import READY, ROLLING, merged, plan_status
from lws.planning.progress import TEXT

NOW, THEN = "2026-01-01T12:00:00Z", "2026-01-01T10:00:00Z"
DS = a_set(a_role("prefill", 2), a_role("decode", 2))


REV, OLD = revision(DS), "0ld00000"
IMAGE, PLACE, UNREADY = "ImagePull", "Unschedulable", "NotReady"
WORDS = "1 of 2 groups ready; group 1: why"


def saying(
    role: str, reason: str, *, message: str = WORDS, late: bool = False, revision: str = REV
) -> LeaderWorkerSet:
    """A LeaderWorkerSet that tells of its second group."""
    said = {
        "type": c.PROGRESSING,
        "status": "False" if late else "True",
        "reason": c.REASON_DEADLINE_EXCEEDED if late else c.REASON_GROUPS_PROGRESSING,
        "message": message,
    }
    groups = {"1": {"phase": "Starting", "reason": reason, "since": THEN, "message": "why"}}
    return a_child(role, 2, ready=1, revision=revision, conditions=[said], groups=groups)


def planned(ds: DisaggregatedSet, *children: LeaderWorkerSet) -> PatchStatus:
    slices = make_slices(ds, revision(ds), children)
    patch = plan_status(wanted_of(ds, revision(ds), {}), children, slices=slices, at=epoch(NOW))
    assert patch is not None
    return patch


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
    """But for what kstatus reads."""
    assert status is not None
    return {x["type"] for x in status["conditions"] if x["status"] == "True"} - {c.RECONCILING}


def of_type(status: Document | None, type_: str) -> Document:
    assert status is not None
    return next(x for x in status["conditions"] if x["type"] == type_)


def test_a_fresh_set() -> None:
    status = status_of(DS)
    assert status is not None
    zero = {"replicas": 0, "readyReplicas": 0, "updatedReplicas": 0}
    assert status["roleStatuses"] == [{"name": "prefill", **zero}, {"name": "decode", **zero}]
    assert status["observedGeneration"] == 3
    assert [x["type"] for x in status["conditions"]] == [d.PROGRESSING, c.RECONCILING]
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
    progressing = of_type(status, d.PROGRESSING)
    held = paused and rolling
    assert progressing["reason"] == (d.REASON_PAUSED if held else d.REASON_ROLLOUT_IN_PROGRESS)
    assert ("paused" in progressing["message"]) == held


class TestHeld:
    """Decision 231: the condition has the words of the role that holds the set."""

    def held(self, *children: LeaderWorkerSet, **metadata: Any) -> Document:
        ds = replace(DS, metadata=replace(DS.metadata, **metadata))
        return of_type(status_of(ds, *children), d.PROGRESSING)

    def test_the_role_the_group_and_the_pod_are_named(self) -> None:
        prefill, decode = a_child("prefill", 2, revision=REV), saying("decode", IMAGE)
        progressing = self.held(prefill, decode)
        assert (progressing["status"], progressing["reason"]) == ("True", d.REASON_ROLLOUT_IN_PROGRESS)
        assert progressing["message"] == f"role decode of slice 0, LeaderWorkerSet {decode.name}: {WORDS}"

    @pytest.mark.parametrize("others", [[], ["prefill"]])
    def test_nothing_is_told_that_no_role_says(self, others: list[str]) -> None:
        """Of a set that is on its way, and of one whose words are about what it was."""
        children = [saying(x, IMAGE, message=TEXT) for x in others]
        assert self.held(*children)["message"] == ROLLING.message

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            pytest.param(saying("decode", IMAGE), saying("prefill", UNREADY), id="what-needs-somebody"),
            pytest.param(saying("decode", PLACE), saying("prefill", IMAGE), id="what-is-asked-first"),
            pytest.param(saying("decode", UNREADY), saying("prefill", IMAGE, revision=OLD), id="the-new"),
            pytest.param(saying("decode", IMAGE, late=True), saying("prefill", IMAGE), id="what-is-late"),
            pytest.param(saying("prefill", IMAGE), saying("decode", IMAGE), id="the-first-role"),
            pytest.param(saying("decode", IMAGE), saying("prefill", "OfAnotherVersion"), id="what-is-known"),
        ],
    )
    def test_of_several_one_is_told(self, first: LeaderWorkerSet, second: LeaderWorkerSet) -> None:
        for order in ((first, second), (second, first)):
            assert first.name in self.held(*order)["message"]

    def test_what_is_on_its_way_out_says_nothing(self) -> None:
        child = saying("decode", IMAGE, revision=OLD)
        going = replace(child, metadata=replace(child.metadata, deletion_timestamp=NOW))
        assert self.held(going)["message"] == ROLLING.message

    def test_a_paused_set_says_it_too(self) -> None:
        progressing = self.held(
            a_child("prefill", 2, revision=OLD),
            saying("decode", IMAGE),
            annotations={d.PAUSED_ANNOTATION: d.PAUSED},
        )
        assert progressing["reason"] == d.REASON_PAUSED
        assert progressing["message"].endswith(WORDS)

    def test_a_deadline_that_has_passed_is_told_once(self) -> None:
        child = saying("decode", IMAGE, late=True)
        patch = planned(DS, child)
        assert of_type(patch.status, d.PROGRESSING)["status"] == "False"
        assert of_type(patch.status, d.PROGRESSING)["reason"] == c.REASON_DEADLINE_EXCEEDED
        assert [(x.type, x.reason) for x in patch.then if isinstance(x, Record)] == [
            ("Warning", c.REASON_DEADLINE_EXCEEDED)
        ]
        late = decoded(a_document(patch.status), DisaggregatedSet)
        assert status_of(late, child) is None
        further = planned(late, child, a_child("prefill", 1, revision=REV))
        assert further.then == ()
        going_on = planned(late, saying("decode", UNREADY)).status
        assert of_type(going_on, d.PROGRESSING)["status"] == "True"
        done = planned(late, *(a_child(x, 2, revision=REV) for x in ("prefill", "decode"))).status
        assert of_type(done, d.PROGRESSING)["reason"] == d.REASON_ALL_ROLES_READY

    def test_a_former_role_that_is_late_is_drained_all_the_same(self) -> None:
        progressing = self.held(saying("decode", IMAGE, late=True, revision=OLD))
        assert progressing["status"] == "True"
        assert WORDS in progressing["message"]


def test_what_kstatus_reads() -> None:
    """At work, and then not: somebody is needed."""
    first = status_of(DS)
    assert of_type(first, c.RECONCILING)["status"] == "True"
    assert first is not None
    stored = decoded(a_document(first), DisaggregatedSet)
    problems = [Problem("Refused", "no quota")]
    assert of_type(status_of(stored, problems=problems), c.RECONCILING)["status"] == "False"


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
        stalled = of_type(status, c.STALLED)
        assert (stalled["type"], stalled["status"], stalled["reason"]) == ("Stalled", "True", "Refused")
        assert "no quota" in stalled["message"]

    def test_it_turns_false_when_nothing_is_any_more(self) -> None:
        problems = [Problem("Refused", "no quota")]
        first = status_of(DS, problems=problems)
        assert first is not None
        stalled = decoded(a_document(first), DisaggregatedSet)
        assert status_of(stalled, problems=problems) is None
        assert of_type(status_of(stalled), c.STALLED)["status"] == "False"

    @pytest.mark.parametrize("paused", [True, False])
    def test_former_children_need_nobody_unless_a_pause_keeps_them(self, paused: bool) -> None:
        """They are drained: who waits for a fix-forward must not be told that it has failed."""
        ds = replace(
            DS, metadata=replace(DS.metadata, annotations={d.PAUSED_ANNOTATION: str(paused).lower()})
        )
        said = {"type": c.STALLED, "status": "True", "reason": c.REASON_PODS_REFUSED, "message": "a quota"}
        children = [a_child("prefill", 2, revision=x, conditions=[said]) for x in (OLD, REV)]
        message = of_type(status_of(ds, *children), c.STALLED)["message"]
        assert (children[0].name in message, children[1].name in message) == (paused, True)


def a_document(status: Document) -> Document:
    metadata = {"name": "llm", "namespace": "ns", "uid": DS.uid, "generation": 3, "resourceVersion": "7"}
    roles = [a_role("prefill", 2), a_role("decode", 2)]
    return {"metadata": metadata, "spec": {"roles": roles}, "status": status}
