"""Status: counting, conditions, the event on change (reconcilers.md, 5; api.md, 2 and 7.7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.groups import KEY, a_leader, a_leader_set, a_revision, a_set, a_worker, a_worker_set, owner_of

from lws.api import constants as c
from lws.api.leaderworkerset import GroupStatus, LeaderWorkerSet, RolloutStatus
from lws.api.workloads import Pod, StatefulSet
from lws.objects import Condition
from lws.planning.actions import PatchStatus
from lws.planning.groups import groups_of, make_groups
from lws.planning.observed import ObservedSet
from lws.planning.status import (
    StatusPlan,
    Tally,
    due_conditions,
    merge_conditions,
    plan_status,
    tally_groups,
    with_failed,
)

NOW = "2026-02-03T04:05:06Z"
AT = 1770091506.25
BEFORE = "2026-01-01T00:00:00Z"
A, P, U = c.AVAILABLE, c.PROGRESSING, c.UPDATE_IN_PROGRESS
TEXTS = {
    A: ("AllGroupsReady", "All replicas are ready"),
    P: ("GroupsProgressing", "Replicas are progressing"),
    U: ("GroupsUpdating", "Rolling Upgrade is in progress"),
}


def _condition(type_: str, status: str = "True", *, generation: int = 1, at: str = BEFORE) -> Condition:
    reason, message = TEXTS[type_]
    return Condition(type_, status, reason, message, at, generation)


def _group(index: int, state: str) -> tuple[Pod, StatefulSet | None]:
    """A group by one letter: o old ready, x old, N new ready, n new, - new without worker StatefulSet."""
    key = "old" if state in "ox" else KEY
    leader = a_leader(index, key=key, ready=state in "oN-")
    if state == "-":
        return leader, None
    return leader, a_worker_set(leader, key=key, broken=state in "xn")


def _observe(lws: LeaderWorkerSet, states: str) -> ObservedSet:
    groups = [_group(index, state) for index, state in enumerate(states)]
    sets = tuple(workers for _, workers in groups if workers is not None)
    leaders = tuple(leader for leader, _ in groups)
    return ObservedSet(lws, revisions=(a_revision(lws),), leaders=leaders, worker_sets=sets)


def tallied(observed: ObservedSet) -> Tally:
    return tally_groups(observed.lws, groups_of(observed), KEY)


def status_plan(observed: ObservedSet, key: str, leader: StatefulSet | None, **kwargs: Any) -> StatusPlan:
    return plan_status(observed, groups_of(observed), key, leader, **kwargs)


def _patch(observed: ObservedSet, leader: StatefulSet | None = None) -> PatchStatus:
    patch = status_plan(observed, KEY, leader or a_leader_set(), now=NOW, at=AT).patch
    assert patch is not None
    return patch


def _statuses(observed: ObservedSet) -> dict[str, str]:
    conditions = merge_conditions(
        observed.lws.status.conditions,
        due_conditions(tallied(observed), observed.lws.replicas),
        generation=observed.lws.metadata.generation,
        now=NOW,
    )
    return {x.type: x.status for x in conditions}


def _stored(conditions: Sequence[Condition], **kwargs: Any) -> LeaderWorkerSet:
    lws = a_set(**kwargs)
    return replace(lws, status=replace(lws.status, conditions=tuple(conditions)))


class TestTally:
    @pytest.mark.parametrize(
        ("states", "partition", "tally"),
        [
            pytest.param("", 0, Tally(), id="no-leader-yet"),
            pytest.param("--", 0, Tally(), id="created-without-workers-scenario-24"),
            pytest.param("NN", 0, Tally(2, 2, 2, 2, 2, 2), id="all-done"),
            pytest.param("on", 0, Tally(1, 1, 1, 2, 1, 0), id="ready-old-and-unready-new"),
            pytest.param("oN", 1, Tally(2, 1, 2, 1, 1, 1), id="below-the-partition-not-due"),
            pytest.param("oo", 5, Tally(2, 0, 2, 0, 0, 0), id="partition-beyond-replicas"),
            pytest.param("NxNo", 0, Tally(3, 2, 1, 2, 1, 1), id="surge-only-in-the-first-two"),
        ],
    )
    def test_two_groups_wanted(self, states: str, partition: int, tally: Tally) -> None:
        assert tallied(_observe(a_set(partition=partition), states)) == tally

    def test_size_one_needs_no_worker_set(self) -> None:
        assert tallied(_observe(a_set(size=1), "--")) == Tally(2, 2, 2, 2, 2, 2)

    @pytest.mark.parametrize("index", ["x", "-1", "", "1.0"])
    def test_a_bad_group_index_is_passed_over(self, index: str) -> None:
        bad = a_leader(index, ready=True)
        observed = _observe(a_set(size=1), "N")
        assert tallied(replace(observed, leaders=(bad, *observed.leaders))).ready == 1

    def test_worker_set_of_a_former_leader_does_not_count(self) -> None:
        leader = a_leader(0, ready=True)
        stale = a_worker_set(leader, owner=owner_of(a_leader(0, uid="former")))
        assert tallied(ObservedSet(a_set(), leaders=(leader,), worker_sets=(stale,))) == Tally()

    @pytest.mark.parametrize(
        ("available", "broken", "ready"),
        [(3, False, 1), (2, False, 0), (3, True, 0), (2, True, 0)],
        ids=["ready", "short", "revisions-differ", "both"],
    )
    def test_worker_set_readiness(self, available: int, broken: bool, ready: int) -> None:
        leader = a_leader(0, ready=True)
        workers = a_worker_set(leader, replicas=3, available=available, broken=broken)
        observed = ObservedSet(a_set(size=4), leaders=(leader,), worker_sets=(workers,))
        assert tallied(observed).ready == ready

    def test_worker_set_of_another_revision_is_not_updated(self) -> None:
        leader = a_leader(0, ready=True)
        observed = ObservedSet(a_set(), leaders=(leader,), worker_sets=(a_worker_set(leader, key="old"),))
        assert tallied(observed) == Tally(ready=1, wanted_available=1, due=1)


class TestConditions:
    @pytest.mark.parametrize(
        ("states", "options", "due"),
        [
            pytest.param("", {}, (P,), id="at-birth-scenarios-7-and-16"),
            pytest.param("----", {"replicas": 4, "max_surge": 2}, (P,), id="no-update-at-birth-scenario-24"),
            pytest.param("NN", {}, (A,), id="available-scenario-15"),
            pytest.param("NN", {"replicas": 3}, (P,), id="scale-up-scenario-16"),
            pytest.param("", {"replicas": 0}, (A,), id="no-replicas-wanted"),
            pytest.param("oooo", {"replicas": 4}, (U, P), id="template-changed-scenario-27"),
            pytest.param("Nnnn", {"replicas": 4}, (P,), id="all-new-some-starting"),
            pytest.param("NNNNN", {"replicas": 4}, (A,), id="surge-left-over-scenario-40"),
            pytest.param("NNNNo", {"replicas": 4}, (A,), id="old-surge-is-not-due"),
            pytest.param("ooooNN", {"replicas": 6, "partition": 4}, (A,), id="partition-scenario-50"),
            pytest.param("oooooN", {"replicas": 6, "partition": 4}, (U, P), id="partition-scenario-50-half"),
            pytest.param("oox", {"replicas": 3, "partition": 3}, (P,), id="partition-covers-all-one-down"),
            pytest.param("ooo", {"replicas": 3, "partition": 9}, (A,), id="partition-beyond-all-ready"),
        ],
    )
    def test_due(self, states: str, options: dict[str, Any], due: tuple[str, ...]) -> None:
        lws = a_set(**options)
        assert due_conditions(tallied(_observe(lws, states)), lws.replicas) == due

    @pytest.mark.parametrize(
        ("states", "fresh", "due"),
        [
            pytest.param("NN", (1,), (P,), id="one-is-ready-just-now"),
            pytest.param("NNN", (2,), (A,), id="surge-does-not-count"),
            pytest.param("No", (0,), (U, P), id="in-a-roll"),
        ],
    )
    def test_available_after_min_ready_seconds(
        self, states: str, fresh: tuple[int, ...], due: tuple[str, ...]
    ) -> None:
        lws = a_set()
        groups = groups_of(_observe(lws, states))
        judged = make_groups(lws, (replace(x, stable=x.index not in fresh) for x in groups.all))
        tally = tally_groups(lws, judged, KEY)
        assert due_conditions(tally, lws.replicas) == due
        assert tally.ready == len(states)
        assert tally.due_updated_ready == sum(states[i] == "N" for i in (0, 1) if i not in fresh)

    def test_both_due_conditions_come_in_one_pass_and_available_goes(self) -> None:
        lws = _stored([_condition(A), _condition(P, "False")])
        assert _statuses(_observe(lws, "oo")) == {A: "False", P: "True", U: "True"}

    def test_update_in_progress_stays_until_available(self) -> None:
        lws = _stored([_condition(U), _condition(P), _condition(A, "False")])
        assert _statuses(_observe(lws, "Nn")) == {U: "True", P: "True", A: "False"}
        assert _statuses(_observe(lws, "NN")) == {U: "False", P: "False", A: "True"}

    @pytest.mark.parametrize(("first", "second"), [(A, P), (P, A), (A, U), (U, A)])
    def test_exclusive_pairs(self, first: str, second: str) -> None:
        merged = merge_conditions((_condition(first),), (second,), generation=1, now=NOW)
        assert [x.status for x in merged] == ["False", "True"]

    @pytest.mark.parametrize(("first", "second"), [(P, U), (U, P)])
    def test_pairs_that_go_together(self, first: str, second: str) -> None:
        merged = merge_conditions((_condition(first),), (second,), generation=1, now=NOW)
        assert merged == (_condition(first), _condition(second, at=NOW))

    def test_a_false_condition_keeps_reason_and_message(self) -> None:
        merged = merge_conditions((_condition(A),), (P,), generation=3, now=NOW)
        assert merged[0] == _condition(A, "False", generation=3, at=NOW)

    @pytest.mark.parametrize(
        ("stored", "changed"),
        [
            pytest.param([_condition(P, "False")], True, id="other-status"),
            pytest.param([_condition(A, "False"), _condition(P)], False, id="already-so"),
            pytest.param([_condition(A, "False")], True, id="absent"),
            pytest.param([], True, id="empty-list-scenario-25"),
            pytest.param([_condition(P, generation=0)], True, id="newer-generation"),
            pytest.param([_condition(P), _condition(A, "False", generation=0)], True, id="another-is-behind"),
            pytest.param([_condition(P), _condition(A)], True, id="contradiction-is-resolved"),
        ],
    )
    def test_merging_progressing(self, stored: list[Condition], changed: bool) -> None:
        merged = merge_conditions(tuple(stored), (P,), generation=1, now=NOW)
        assert (merged != tuple(stored)) is changed
        assert {x.observed_generation for x in merged} == {1}

    def test_a_mere_generation_moves_the_time_of_the_due_condition_only(self) -> None:
        merged = merge_conditions((_condition(A), _condition(P, "False")), (A,), generation=2, now=NOW)
        assert merged == (_condition(A, generation=2, at=NOW), _condition(P, "False", generation=2))

    def test_conditions_of_others_are_kept(self) -> None:
        other = Condition("Paused", "True", "Wanted", "by hand", BEFORE, 1)
        assert other in merge_conditions((other,), (A,), generation=1, now=NOW)


class TestPlan:
    @pytest.mark.parametrize(
        ("states", "there", "last"),
        [
            pytest.param("NN", 2, True, id="at-rest"),
            pytest.param("Nn", 2, False, id="one-unready"),
            pytest.param("NN", 3, False, id="one-too-many"),
            pytest.param("oN", 2, False, id="one-old"),
        ],
    )
    def test_the_last_numbers_are_told_from_others(self, states: str, there: int, last: bool) -> None:
        patch = _patch(_observe(a_set(replicas=2), states), a_leader_set(status_replicas=there))
        assert patch.last is last

    def test_a_fresh_set(self) -> None:
        patch = _patch(_observe(a_set(), ""), a_leader_set(status_replicas=0))
        assert (patch.kind, patch.key, patch.resource_version) == (c.KIND, a_set().key, "7")
        prefix = "leaderworkerset.sigs.k8s.io/"
        assert patch.status == {
            "conditions": [
                {
                    "type": "Progressing",
                    "status": "True",
                    "reason": "GroupsProgressing",
                    "message": "Replicas are progressing",
                    "lastTransitionTime": NOW,
                    "observedGeneration": 1,
                },
                {
                    "type": "Reconciling",
                    "status": "True",
                    "reason": "GroupsProgressing",
                    "message": "Groups start or roll",
                    "lastTransitionTime": NOW,
                    "observedGeneration": 1,
                },
            ],
            "readyReplicas": 0,
            "updatedReplicas": 0,
            "hpaPodSelector": f"{prefix}name=test-sample,{prefix}worker-index=0",
            "observedGeneration": 1,
        }

    @pytest.mark.parametrize(
        ("states", "replicas", "reason", "note"),
        [
            ("", 2, "GroupsProgressing", "Replicas are progressing, with 0 groups ready of total 2 groups"),
            ("NN", 2, "AllGroupsReady", "All replicas are ready, with 2 groups ready of total 2 groups"),
            ("NN", 3, "GroupsProgressing", "Replicas are progressing, with 2 groups ready of total 3 groups"),
            (
                "oo",
                2,
                "GroupsUpdating",
                "Rolling Upgrade is in progress, with 2 groups ready of total 2 groups",
            ),
            (
                "oooN",
                2,
                "GroupsUpdating",
                "Rolling Upgrade is in progress, with 4 groups ready of total 2 groups",
            ),
            (
                "N",
                0,
                "AllGroupsReady",
                "All replicas are ready: none is wanted, and 1 group is still to go",
            ),
        ],
        ids=["scenario-23", "scenario-26", "scenario-16", "scenario-49", "surge-counts-as-ready", "draining"],
    )
    def test_the_event_has_the_reason_of_the_first_due_condition(
        self, states: str, replicas: int, reason: str, note: str
    ) -> None:
        [event] = _patch(_observe(a_set(replicas=replicas), states)).then
        assert (event.type, event.reason, event.action, event.note) == ("Normal", reason, "Update", note)
        assert (event.regarding.kind, event.related) == (c.KIND, None)

    def test_only_members_that_differ_are_sent_and_without_conditions_no_event(self) -> None:
        conditions = [_condition(P)]
        lws = _stored(conditions, status={"hpaPodSelector": "mine", "observedGeneration": 1, "replicas": 2})
        patch = _patch(_observe(lws, "-"), a_leader_set(status_replicas=3))
        assert {k: x for k, x in patch.status.items() if k != "conditions"} == {"replicas": 3}
        assert patch.then == ()

    def test_counters_return_to_zero(self) -> None:
        lws = _stored([_condition(P)], status={"readyReplicas": 2, "updatedReplicas": 1, "replicas": 2})
        status = _patch(_observe(lws, ""), a_leader_set(status_replicas=0)).status
        assert {k: status[k] for k in status if k.endswith("eplicas")} == {
            "readyReplicas": 0,
            "updatedReplicas": 0,
            "replicas": 0,
        }

    def test_a_leader_set_not_seen_yet_is_no_error(self) -> None:
        plan = status_plan(_observe(a_set(), ""), KEY, None, now=NOW, at=AT)
        assert plan.patch is not None
        assert "replicas" not in plan.patch.status

    @pytest.mark.parametrize(
        ("states", "options", "done"),
        [
            ("NN", {}, True),
            ("NNo", {}, True),
            ("Nn", {}, False),
            ("No", {}, False),
            ("N", {}, False),
            ("oN", {"partition": 1}, False),
            ("NN", {"partition": 1}, False),
            ("", {"replicas": 0}, True),
        ],
    )
    def test_update_done(self, states: str, options: dict[str, Any], done: bool) -> None:
        assert (
            status_plan(_observe(a_set(**options), states), KEY, a_leader_set(), now=NOW, at=AT).update_done
            is done
        )


class TestFailed:
    """The condition of sets that bound their restarts."""

    @pytest.mark.parametrize(
        ("stored", "limit", "status"),
        [
            pytest.param([], None, None, id="not-used"),
            pytest.param([], 2, "False", id="used"),
            pytest.param([Condition("Failed", "True", "R", "m", BEFORE, 1)], None, "False", id="was-used"),
        ],
    )
    def test_when_nothing_failed(
        self, stored: list[Condition], limit: int | None, status: str | None
    ) -> None:
        lws = _stored(stored, limit=limit)
        conditions = with_failed(lws.status.conditions, lws, [], now=NOW)
        found = [x for x in conditions if x.type == "Failed"]
        assert [x.status for x in found] == ([status] if status else [])
        assert all(
            (x.reason, x.message) == ("WithinMaxGroupRestarts", "No group is left failed") for x in found
        )

    @pytest.mark.parametrize(
        ("failed", "named"),
        [([0], "0"), ([0, 3], "0, 3"), (list(range(23)), ", ".join(map(str, range(20))) + " and 3 more")],
        ids=["one", "two", "many"],
    )
    def test_names_the_groups(self, failed: list[int], named: str) -> None:
        [condition] = with_failed((), a_set(limit=2), failed, now=NOW)
        assert (condition.status, condition.reason) == ("True", "MaxGroupRestartsExceeded")
        assert condition.message == f"Left failed after maxGroupRestarts recreations in a row: groups {named}"

    def test_the_time_is_that_of_the_turn(self) -> None:
        lws = a_set(limit=2)
        first = with_failed((), lws, [1], now=BEFORE)
        [second] = with_failed(first, lws, [1, 2], now=NOW)
        assert (second.last_transition_time, second.message[-4:]) == (BEFORE, "1, 2")
        [third] = with_failed((second,), lws, [], now=NOW)
        assert third.last_transition_time == NOW

    def test_is_in_the_patch_without_an_event_of_its_own(self) -> None:
        lws = _stored([_condition(P), _condition(A, "False")], limit=1)
        leader = a_leader(0)
        entry = GroupStatus(leader=leader.uid, revision=KEY, restarts=1, failed=True)
        lws = replace(lws, status=replace(lws.status, groups={"0": entry}))
        patch = _patch(ObservedSet(lws, leaders=(leader,)))
        assert [x["type"] for x in patch.status["conditions"]] == [P, A, "Failed", "Reconciling"]
        assert patch.status["conditions"][2]["status"] == "True"
        assert patch.then == ()


class TestRecords:
    def test_ride_along(self) -> None:
        leader = a_leader(0)
        observed = ObservedSet(
            a_set(),
            revisions=(a_revision(a_set()),),
            leaders=(leader,),
            worker_sets=(a_worker_set(leader),),
            members=(leader, a_worker(leader, 1)),
        )
        plan = status_plan(observed, KEY, a_leader_set(), now=NOW, at=AT)
        assert plan.patch is not None
        assert plan.patch.status["groups"]["0"]["leader"] == leader.uid
        assert "conditions" in plan.patch.status
        assert plan.replacing == ()

    def test_alone_they_are_no_last_numbers(self) -> None:
        leader, lws = a_leader(0), a_set(replicas=1)
        members, sets = (leader, a_worker(leader, 1)), (a_worker_set(leader),)
        observed = ObservedSet(
            lws, revisions=(a_revision(lws),), leaders=(leader,), worker_sets=sets, members=members
        )
        whole = _patch(observed, a_leader_set(status_replicas=1))
        counted = _written(lws, replace(whole, status={**whole.status, "groups": {}}))
        patch = _patch(replace(observed, lws=counted), a_leader_set(status_replicas=1))
        assert (set(patch.status), patch.patient, patch.last) == ({"groups"}, True, False)

    def test_of_a_former_leader_is_replaced_with_care(self) -> None:
        leader = a_leader(0)
        lws = a_set(status={"groups": {"0": {"leader": "former", "revision": KEY, "workers": "w"}}})
        members = (leader, a_worker(leader, 1))
        sets = (a_worker_set(leader),)
        observed = ObservedSet(
            lws, revisions=(a_revision(lws),), leaders=(leader,), worker_sets=sets, members=members
        )
        assert status_plan(observed, KEY, a_leader_set(), now=NOW, at=AT).replacing == (leader,)

    def test_the_time_of_being_ready_needs_a_ready_group(self) -> None:
        for state, ready in (("N", True), ("n", False), ("-", False)):
            entry = {"leader": a_leader(0).uid, "revision": KEY, "workers": "w", "restarts": 1}
            observed = _observe(a_set(status={"groups": {"0": entry}}), state)
            assert ("groups" in _patch(observed).status) is ready


def _written(lws: LeaderWorkerSet, patch: PatchStatus) -> LeaderWorkerSet:
    """The set as the server stores it after the patch."""
    sent = dict(patch.status)
    conditions = sent.pop("conditions", None)
    names = {
        "readyReplicas": "ready_replicas",
        "updatedReplicas": "updated_replicas",
        "hpaPodSelector": "hpa_pod_selector",
        "observedGeneration": "observed_generation",
    }
    if (rollout := sent.get("rollout")) is not None:
        sent["rollout"] = msgspec.convert(rollout, RolloutStatus)
    status = replace(lws.status, **{names.get(k, k): v for k, v in sent.items()})
    if conditions is not None:
        stored = tuple(
            Condition(x["type"], x["status"], x["reason"], x["message"], x["lastTransitionTime"],
                      x["observedGeneration"])
            for x in conditions
        )  # fmt: skip
        status = replace(status, conditions=stored)
    return replace(lws, status=status)


_CONDITIONS = st.lists(
    st.builds(
        _condition,
        st.sampled_from([A, P, U]),
        st.sampled_from(["True", "False", "Unknown"]),
        generation=st.integers(0, 2),
    ),
    unique_by=lambda x: x.type,
)


@settings(max_examples=300, deadline=None)
@given(_CONDITIONS, st.text("oxNn-", max_size=5), st.integers(0, 4), st.integers(0, 4))
def test_one_pass_settles_it(conditions: list[Condition], states: str, replicas: int, partition: int) -> None:
    observed = _observe(_stored(conditions, replicas=replicas, partition=partition), states)
    plan = status_plan(observed, KEY, a_leader_set(), now=NOW, at=AT)
    assert plan.patch is not None  # the stored selector is empty
    after = replace(observed, lws=_written(observed.lws, plan.patch))
    assert status_plan(after, KEY, a_leader_set(), now="later", at=AT).patch is None
    true = {x.type for x in after.lws.status.conditions if x.status == "True"}
    assert A not in true or not true & {P, U}
    assert true & {A, P}
    assert {x.type for x in conditions} <= {x.type for x in after.lws.status.conditions}
