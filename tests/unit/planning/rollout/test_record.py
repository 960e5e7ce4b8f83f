"""When a rollout begins and ends (docs/guides/metrics.md)."""

from __future__ import annotations

from typing import Any

import pytest
from support.groups import a_leader, a_leader_set, a_set, a_worker_set

from lws.api.leaderworkerset import RolloutStatus
from lws.api.timestamps import micro_time
from lws.planning.actions import PatchStatus, RolloutEnded
from lws.planning.groups import groups_of
from lws.planning.observed import ObservedSet
from lws.planning.rollout.record import RolloutPlan, plan_rollout_record
from lws.planning.status import plan_status, tally_groups

START, NOW = 1_770_000_000.25, 1_770_000_090.75
RUNNING = RolloutStatus("b", "a", micro_time(START), 2)


def observe(groups: str, *, record: RolloutStatus | None = None, **options: Any) -> ObservedSet:
    """Groups 0 and up by their revisions: capitals are ready, ``-`` is missing."""
    options.setdefault("replicas", len(groups))
    status = {"rollout": document(record)} if record else None
    lws = a_set(metadata={"generation": 3}, status=status, **options)
    leaders = [a_leader(i, key=x.lower(), ready=x.isupper()) for i, x in enumerate(groups) if x != "-"]
    sets = [
        a_worker_set(pod, key=pod.labels["leaderworkerset.sigs.k8s.io/template-revision-hash"])
        for pod in leaders
    ]
    return ObservedSet(lws, leaders=tuple(leaders), worker_sets=tuple(sets))


def document(record: RolloutStatus) -> dict[str, Any]:
    return {
        "revision": record.revision,
        "from": record.former,
        "startTime": record.start_time,
        "generation": record.generation,
    }


def plan(groups: str, key: str, record: RolloutStatus | None = None, **options: Any) -> RolloutPlan:
    observed = observe(groups, record=record, **options)
    return plan_rollout_record(observed, tally_groups(observed.lws, groups_of(observed), key), key, at=NOW)


def begun(revision: str, former: str) -> RolloutStatus:
    return RolloutStatus(revision, former, micro_time(NOW), 3)


@pytest.mark.parametrize(
    ("groups", "options", "record"),
    [
        pytest.param("AAAA", {}, begun("b", "a"), id="template-changed"),
        pytest.param("AAAB", {}, begun("b", "a"), id="found-by-another-process"),
        pytest.param("ACAC", {}, begun("b", "c"), id="of-equals-the-highest"),
        pytest.param("AACA", {}, begun("b", "a"), id="most-groups"),
        pytest.param("CAAB", {"partition": 1}, begun("b", "a"), id="only-groups-that-may-be-updated"),
        pytest.param("AABB", {"partition": 2}, None, id="nothing-at-or-above-the-partition"),
        pytest.param("AAAA", {"partition": 4}, None, id="held-back-altogether"),
        pytest.param("BBA", {"replicas": 2}, None, id="only-surge-is-outdated"),
        pytest.param("----", {}, None, id="created-and-nothing-there-yet"),
        pytest.param("B-b-", {}, None, id="being-created"),
        pytest.param("BBbb", {}, None, id="scaled-up"),
        pytest.param("BBBB", {}, None, id="at-rest"),
        pytest.param("bbBB", {}, None, id="groups-down"),
        pytest.param("AA", {"replicas": 0}, None, id="scaled-to-none"),
    ],
)
def test_where_none_is_going(groups: str, options: dict[str, Any], record: RolloutStatus | None) -> None:
    assert plan(groups, "b", **options) == RolloutPlan(record)


@pytest.mark.parametrize(
    ("groups", "options"),
    [
        pytest.param("AAAB", {}, id="outdated"),
        pytest.param("BBBb", {}, id="not-ready"),
        pytest.param("B-BB", {}, id="missing"),
        pytest.param("BBBB", {"replicas": 5}, id="scaled-up-meanwhile"),
        pytest.param("AAAb", {"partition": 3}, id="the-one-due-not-ready"),
        pytest.param("AABB", {"partition": 4}, id="held-up-by-a-partition-above-all"),
    ],
)
def test_it_goes_on(groups: str, options: dict[str, Any]) -> None:
    assert plan(groups, "b", RUNNING, **options) == RolloutPlan(RUNNING)


@pytest.mark.parametrize(
    ("groups", "options"),
    [
        pytest.param("BBBB", {}, id="all"),
        pytest.param("AABB", {"partition": 2}, id="all-at-or-above-the-partition"),
        pytest.param("abBB", {"partition": 2}, id="others-do-not-count"),
        pytest.param("BBb", {"replicas": 2}, id="surge-does-not-count"),
        pytest.param("BBA", {"replicas": 2}, id="what-is-scaled-away-does-not-count"),
        pytest.param("AA", {"replicas": 0}, id="scaled-to-none"),
    ],
)
def test_it_is_completed(groups: str, options: dict[str, Any]) -> None:
    assert plan(groups, "b", RUNNING, **options) == RolloutPlan(None, RolloutEnded("completed", 90.5))


@pytest.mark.parametrize(
    ("groups", "key", "outcome", "record"),
    [
        pytest.param("AAAB", "c", "superseded", begun("c", "b"), id="superseded"),
        pytest.param("AAAB", "a", "rolled_back", begun("a", "b"), id="rolled-back"),
        pytest.param("AAAA", "a", "rolled_back", None, id="rolled-back-before-anything-happened"),
        pytest.param("AAA-", "a", "rolled_back", begun("a", "b"), id="rolled-back-with-a-group-down"),
    ],
)
def test_the_template_changes_again(
    groups: str, key: str, outcome: str, record: RolloutStatus | None
) -> None:
    assert plan(groups, key, RUNNING) == RolloutPlan(record, RolloutEnded(outcome, 90.5))


@pytest.mark.parametrize(
    ("start", "ended"),
    [
        pytest.param(micro_time(NOW + 5), RolloutEnded("completed", 0.0), id="by-a-clock-ahead-of-ours"),
        pytest.param("2026-02-02T02:40:00Z", RolloutEnded("completed", 90.75), id="whole-seconds"),
        pytest.param("yesterday", None, id="no-time"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_a_start_that_others_wrote(start: str, ended: RolloutEnded | None) -> None:
    assert plan("BB", "b", RolloutStatus("b", "a", start, 2)) == RolloutPlan(None, ended)


def patch_of(observed: ObservedSet) -> PatchStatus:
    leader_set = a_leader_set()
    patch = plan_status(
        observed, groups_of(observed), "b", leader_set, now="2026-02-02T02:41:30Z", at=NOW
    ).patch
    assert patch is not None
    return patch


def test_the_start_rides_with_the_condition_that_says_so() -> None:
    patch = patch_of(observe("AA"))
    assert patch.status["rollout"] == document(begun("b", "a"))
    assert "UpdateInProgress" in [x["type"] for x in patch.status["conditions"]]
    assert not [x for x in patch.then if isinstance(x, RolloutEnded)]


def test_the_end_removes_the_record_and_is_measured_with_the_write_that_does() -> None:
    patch = patch_of(observe("BB", record=RUNNING))
    assert patch.status["rollout"] is None
    assert patch.then[-1] == RolloutEnded("completed", 90.5)
    assert patch.resource_version == "7"
