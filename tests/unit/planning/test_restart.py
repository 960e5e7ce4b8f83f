"""Group recreation: the policy table of reconcilers.md 7.3, and its invariants 4 and 5 of section 9."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.groups import KEY, a_leader, a_set, a_worker, a_worker_set, owner_of

from lws.api import constants as c
from lws.api.workloads import ContainerStatus, Pod, PodStatus
from lws.planning.actions import Delete
from lws.planning.observed import ObservedGroup
from lws.planning.restart import Restart, container_restarted, incarnation, plan_restart

LEADER = a_leader(0, phase="Running")
ALWAYS = c.RESTART_RECREATE_GROUP
AFTER_START = c.RESTART_RECREATE_GROUP_AFTER_START
EXPERIMENT = {"annotations": {c.RECREATE_AFTER_START_ANNOTATION: "false"}}


def _group(*workers: Pod, leader: Pod = LEADER, size: int = 4, **kwargs: Any) -> ObservedGroup:
    lws = a_set(replicas=1, size=size, **kwargs)
    sets = (a_worker_set(leader, replicas=size - 1),)
    return ObservedGroup(lws, leader, pods=(leader, *workers), worker_sets=sets)


def _workers(leader: Pod = LEADER, count: int = 3, **first: Any) -> list[Pod]:
    """Workers 1 to ``count``, of which the first has these traits."""
    return [a_worker(leader, 1, **first)] + [a_worker(leader, x) for x in range(2, count + 1)]


def _delete(plan: Restart) -> Delete:
    assert plan.recreating
    [action] = plan.actions
    assert isinstance(action, Delete)
    return action


@pytest.mark.parametrize(
    ("restart", "metadata", "pending", "recreated"),
    [
        pytest.param(c.RESTART_NONE, None, False, False, id="none-scenario-18"),
        pytest.param(c.RESTART_DEFAULT, None, False, False, id="deprecated-default"),
        pytest.param(ALWAYS, None, True, True, id="always-though-pending-scenario-19"),
        pytest.param(ALWAYS, EXPERIMENT, True, False, id="annotation-pending-scenario-20"),
        pytest.param(ALWAYS, EXPERIMENT, False, True, id="annotation-started"),
        pytest.param(AFTER_START, None, True, False, id="after-start-pending-scenario-21"),
        pytest.param(AFTER_START, None, False, True, id="after-start-scenario-22"),
        pytest.param("", None, True, True, id="unset-reads-as-always"),
    ],
)
def test_policy(restart: str, metadata: dict[str, Any] | None, pending: bool, recreated: bool) -> None:
    workers = [
        *_workers(count=2, deleting=True),
        a_worker(LEADER, 3, phase="Pending" if pending else "Running"),
    ]
    plan = plan_restart(_group(*workers, restart=restart, metadata=metadata))
    assert plan.recreating is recreated
    assert bool(plan.actions) is recreated


def test_the_leader_is_deleted_with_uid_and_in_the_foreground_and_the_event_names_the_trigger() -> None:
    action = _delete(plan_restart(_group(*_workers(deleting=True))))
    assert (action.kind, action.key, action.uid) == ("Pod", LEADER.key, LEADER.uid)
    assert action.propagation == "Foreground"
    [event] = action.then
    assert (event.type, event.reason, event.action) == ("Normal", "RecreateGroup", "Delete")
    assert event.note == (
        "Worker pod test-sample-0-1 failed, deleted leader pod test-sample-0 to recreate group 0"
    )
    assert event.regarding.kind == c.KIND
    assert event.related is not None
    assert event.related.uid == LEADER.uid


@pytest.mark.parametrize(
    ("traits", "trigger"),
    [
        pytest.param({"restarts": 1}, True, id="restarted-running"),
        pytest.param({"restarts": 1, "phase": "Pending"}, True, id="restarted-pending"),
        pytest.param({"restarts": 1, "phase": "Failed"}, False, id="failed-waits-for-its-deletion"),
        pytest.param({"restarts": 1, "phase": "Succeeded"}, False, id="succeeded"),
        pytest.param({"deleting": True, "phase": "Failed"}, True, id="failed-being-deleted"),
        pytest.param({"deleting": True, "key": "other"}, False, id="other-revision-scenario-43"),
        pytest.param({"deleting": True, "owner": owner_of(LEADER)}, True, id="owned-by-leader-directly"),
        pytest.param(
            {"deleting": True, "owner": owner_of(a_leader(0, uid="former"))}, False, id="of-former-leader"
        ),
        pytest.param({}, False, id="healthy"),
    ],
)
def test_what_triggers(traits: dict[str, Any], trigger: bool) -> None:
    assert plan_restart(_group(*_workers(**traits))).recreating is trigger


@pytest.mark.parametrize("trait", [{"restarts": 1}, {"restarts": 3, "phase": "Running"}])
def test_the_leader_itself_triggers(trait: dict[str, Any]) -> None:
    leader = a_leader(0, **trait)
    action = _delete(plan_restart(_group(*_workers(leader), leader=leader)))
    assert action.then[0].note.startswith("Worker pod test-sample-0 failed, ")


def test_a_terminating_leader_is_not_deleted_again_but_the_group_counts_as_going() -> None:
    leader = a_leader(0, deleting=True)
    assert plan_restart(_group(*_workers(leader, deleting=True), leader=leader)) == Restart(True)


def test_the_first_trigger_by_name_is_named_whatever_the_order() -> None:
    two, three = a_worker(LEADER, 2, restarts=1), a_worker(LEADER, 3, deleting=True)
    action = _delete(plan_restart(_group(three, two, a_worker(LEADER, 1))))
    assert "Worker pod test-sample-0-2 " in action.then[0].note


@pytest.mark.parametrize("count", [2, 4], ids=["one-missing", "one-too-many"])
def test_after_start_waits_for_exactly_the_live_size(count: int) -> None:
    group = _group(*_workers(count=count, restarts=1), restart=AFTER_START)
    assert plan_restart(group) == Restart(False)


def test_after_start_does_not_count_pods_of_a_former_incarnation() -> None:
    stale = a_worker(LEADER, 9, uid="stale", phase="Pending", owner=owner_of(a_leader(0, uid="former")))
    assert plan_restart(_group(*_workers(restarts=1), stale, restart=AFTER_START)).recreating


def test_nothing_without_set_or_leader() -> None:
    worker = a_worker(LEADER, 1, deleting=True)
    assert plan_restart(ObservedGroup(a_set(), None, pods=(worker,))) == Restart(False)
    assert plan_restart(ObservedGroup(None, LEADER, pods=(LEADER, worker))) == Restart(False)


@pytest.mark.parametrize(
    ("phase", "init", "main", "restarted"),
    [
        ("Running", 1, 0, True),
        ("Running", 0, 1, True),
        ("Pending", 1, 0, True),
        ("Failed", 1, 1, False),
        ("Running", 0, 0, False),
        ("", 1, 0, False),
    ],
)
def test_container_restarted(phase: str, init: int, main: int, restarted: bool) -> None:
    status = PodStatus(
        phase=phase,
        init_container_statuses=(ContainerStatus(0), ContainerStatus(init)),
        container_statuses=(ContainerStatus(main),),
    )
    assert container_restarted(Pod(status=status)) is restarted


class TestIncarnation:
    def test_of_a_complete_group_is_stable_and_ignores_order(self) -> None:
        workers = _workers()
        assert incarnation(_group(*workers)) == incarnation(_group(*reversed(workers))) is not None

    @pytest.mark.parametrize(
        "workers", [_workers(count=2), _workers(deleting=True)], ids=["short", "leaving"]
    )
    def test_of_an_incomplete_group_is_none(self, workers: list[Pod]) -> None:
        assert incarnation(_group(*workers)) is None

    def test_a_worker_replaced_unseen_recreates_the_group(self) -> None:
        recorded = incarnation(_group(*_workers()))
        group = replace(_group(*_workers(uid="replacement")), recorded=recorded)
        assert "Worker pod test-sample-0 failed" in _delete(plan_restart(group)).then[0].note

    def test_the_recorded_group_and_one_still_incomplete_stay(self) -> None:
        recorded = incarnation(_group(*_workers()))
        assert plan_restart(replace(_group(*_workers()), recorded=recorded)) == Restart(False)
        assert plan_restart(replace(_group(*_workers(count=2)), recorded=recorded)) == Restart(False)

    def test_the_record_of_a_former_leader_says_nothing(self) -> None:
        former = a_leader(0, uid="former")
        recorded = incarnation(_group(*_workers(former), leader=former))
        assert recorded is not None
        assert plan_restart(replace(_group(*_workers()), recorded=recorded)) == Restart(False)


@st.composite
def _groups(draw: st.DrawFn) -> ObservedGroup:
    leader = a_leader(0, phase="Running", restarts=draw(st.integers(0, 1)), deleting=draw(st.booleans()))
    owners = [None, owner_of(leader), owner_of(a_leader(0, uid="former"))]
    workers = [
        a_worker(
            leader,
            index,
            key=draw(st.sampled_from([KEY, "other"])),
            owner=draw(st.sampled_from(owners)),
            phase=draw(st.sampled_from(["Pending", "Running", "Failed"])),
            restarts=draw(st.integers(0, 1)),
            deleting=draw(st.booleans()),
        )
        for index in range(1, draw(st.integers(1, 4)))
    ]
    policy = draw(st.sampled_from([ALWAYS, AFTER_START, c.RESTART_NONE]))
    return _group(*workers, leader=leader, size=draw(st.integers(1, 4)), restart=policy)


@settings(max_examples=300, deadline=None)
@given(_groups(), st.randoms(use_true_random=False))
def test_any_group_is_deleted_by_its_present_leader_at_most_once_in_any_order(
    group: ObservedGroup, random: Any
) -> None:
    plan = plan_restart(group)
    pods = list(group.pods)
    random.shuffle(pods)
    assert plan_restart(replace(group, pods=tuple(pods))) == plan
    assert group.leader is not None
    assert {x.uid for x in plan.actions if isinstance(x, Delete)} <= {group.leader.uid}
    assert not (plan.actions and group.leader.deleting)
    assert plan.recreating or not plan.actions
