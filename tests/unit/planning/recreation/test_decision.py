"""Group recreation: the policies (reconcilers.md, 7.3, 9 #4 and #5) and records."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.groups import KEY, a_leader, a_revision, a_set, a_worker, a_worker_set, owner_of

from lws.api import constants as c
from lws.api.workloads import ContainerStatus, Pod, PodStatus, StatefulSet
from lws.objects import OwnerReference
from lws.planning.actions import Delete, GroupRecreated, Record, Requeue, StoreEntry
from lws.planning.observed import Certainty, ObservedGroup
from lws.planning.recreation import decision as planner
from lws.planning.recreation.decision import POD_DELETED, Restart, container_restarted, incarnation, started

LEADER = a_leader(0, phase="Running")
ALWAYS = c.RESTART_RECREATE_GROUP
AFTER_START = c.RESTART_RECREATE_GROUP_AFTER_START
EXPERIMENT = {"annotations": {c.RECREATE_AFTER_START_ANNOTATION: "false"}}


NOW = 1767225600.0
AT = "2026-01-01T00:00:00Z"


def _group(
    *workers: Pod,
    leader: Pod = LEADER,
    size: int = 4,
    entry: dict[str, Any] | None = None,
    sets: tuple[StatefulSet, ...] | None = None,
    **kwargs: Any,
) -> ObservedGroup:
    """A group read from the server itself; ``entry``: what the status holds of it."""
    lws = a_set(replicas=1, size=size, status={"groups": {"0": entry}} if entry else None, **kwargs)
    if sets is None:
        sets = (a_worker_set(leader, replicas=size - 1),)
    pods = (leader, *workers)
    return ObservedGroup(
        lws, leader, pods=pods, worker_sets=sets, revisions=(a_revision(lws),), certainty=Certainty.GROUP
    )


def plan_restart(group: ObservedGroup, *, now: float = NOW) -> Restart:
    return planner.plan_restart(group, now=now)


def _entry(leader: Pod = LEADER, **members: Any) -> dict[str, Any]:
    return {"leader": leader.uid, "revision": KEY, **members}


def _recorded(*workers: Pod, leader: Pod = LEADER, **members: Any) -> dict[str, Any]:
    """The record of the group of these workers."""
    digest = incarnation(_group(*workers, leader=leader, size=len(workers) + 1))
    assert digest is not None
    return _entry(leader, workers=digest, **members)


def _intent(plan: Restart) -> StoreEntry:
    """What is to be stored; nothing is done beside it."""
    [action] = plan.actions
    assert isinstance(action, StoreEntry)
    assert (action.index, action.leader) == ("0", LEADER.key)
    return action


def _stored(plan: Restart) -> dict[str, Any]:
    entry: dict[str, Any] = msgspec.to_builtins(_intent(plan).entry)
    return entry


def _once_stored(group: ObservedGroup, plan: Restart) -> ObservedGroup:
    """The group as it is seen when the API server has accepted what was to be stored."""
    assert group.lws is not None
    status = replace(group.lws.status, groups={"0": _intent(plan).entry})
    return replace(group, lws=replace(group.lws, status=status))


def _workers(leader: Pod = LEADER, count: int = 3, **first: Any) -> list[Pod]:
    """Workers 1 to ``count``, of which the first has these traits."""
    return [a_worker(leader, 1, **first)] + [a_worker(leader, x) for x in range(2, count + 1)]


def _delete(group: ObservedGroup, *, now: float = NOW) -> Delete:
    """What a group that asks for recreation gets once that is stored, which needs no more than the cache."""
    plan = plan_restart(group, now=now)
    assert plan.recreating
    if not isinstance(plan.actions[0], Delete):
        group = _once_stored(group, plan)
        assert plan_restart(group, now=now) == plan_restart(
            replace(group, certainty=Certainty.CACHED), now=now
        )
        plan = plan_restart(group, now=now)
    [action] = plan.actions
    assert isinstance(action, Delete)
    return action


@pytest.mark.parametrize(
    ("workers", "entry", "cause"),
    [
        pytest.param(_workers(restarts=1), None, "container_restarted", id="container"),
        pytest.param(_workers(deleting=True), None, "pod_deleted", id="pod"),
        pytest.param(_workers(uid="new"), {"workers": "digest-of-others"}, "pod_replaced", id="nobody-saw"),
    ],
)
def test_a_recreation_is_counted_by_its_cause_with_the_delete(
    workers: list[Pod], entry: dict[str, str] | None, cause: str
) -> None:
    mine = {"leader": LEADER.uid, "revision": KEY, **entry} if entry else None
    delete = _delete(_group(*workers, entry=mine))
    assert [x for x in delete.then if isinstance(x, GroupRecreated)] == [GroupRecreated(cause)]


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
    action = _delete(_group(*_workers(deleting=True)))
    assert (action.kind, action.key, action.uid) == ("Pod", LEADER.key, LEADER.uid)
    assert action.propagation == "Foreground"
    [event, counted] = action.then
    assert counted == GroupRecreated(POD_DELETED)
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
    action = _delete(_group(*_workers(leader), leader=leader))
    assert action.then[0].note.startswith("Worker pod test-sample-0 failed, ")


def test_a_terminating_leader_is_not_deleted_again_but_the_group_counts_as_going() -> None:
    leader = a_leader(0, deleting=True)
    assert plan_restart(_group(*_workers(leader, deleting=True), leader=leader)) == Restart(True)


def test_the_first_trigger_by_name_is_named_whatever_the_order() -> None:
    two, three = a_worker(LEADER, 2, restarts=1), a_worker(LEADER, 3, deleting=True)
    action = _delete(_group(three, two, a_worker(LEADER, 1)))
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


class TestCertainty:
    """What is seen of a pod needs no proof; the leader does where the entry speaks of another; what is
    missing needs everything."""

    @pytest.mark.parametrize("certainty", list(Certainty))
    @pytest.mark.parametrize("entry", [None, _entry()], ids=["no-entry", "its-own-entry"])
    def test_of_what_is_seen(self, entry: dict[str, Any] | None, certainty: Certainty) -> None:
        plan = plan_restart(replace(_group(*_workers(deleting=True), entry=entry), certainty=certainty))
        assert (plan.recreating, plan.needs, bool(plan.actions)) == (True, Certainty.CACHED, True)

    @pytest.mark.parametrize("certainty", list(Certainty))
    @pytest.mark.parametrize(
        "other", [_entry(a_leader(uid="other")), _entry() | {"revision": "other"}], ids=["leader", "revision"]
    )
    def test_of_a_leader_in_whose_place_another_is_on_record(
        self, other: dict[str, Any], certainty: Certainty
    ) -> None:
        plan = plan_restart(replace(_group(*_workers(deleting=True), entry=other), certainty=certainty))
        assert plan.recreating
        assert (plan.needs, bool(plan.actions)) == (
            (Certainty.LEADER, False) if certainty == Certainty.CACHED else (Certainty.CACHED, True)
        )

    @pytest.mark.parametrize("certainty", list(Certainty))
    def test_of_what_is_missing(self, certainty: Certainty) -> None:
        group = _group(*_workers(count=2), entry=_recorded(*_workers()))
        plan = plan_restart(replace(group, certainty=certainty))
        assert plan.recreating
        assert (plan.needs, bool(plan.actions)) == (
            (Certainty.CACHED, True) if certainty == Certainty.GROUP else (Certainty.GROUP, False)
        )

    @pytest.mark.parametrize(
        ("entry", "limit", "actions"),
        [
            (_entry(restarts=1, backoffUntil="2026-01-01T00:00:05Z"), None, (Requeue(5.0),)),
            (_entry(restarts=1, failed=True), 1, ()),
        ],
        ids=["backing-off", "given-up"],
    )
    def test_of_a_cache_is_enough_to_wait(
        self, entry: dict[str, Any], limit: int | None, actions: tuple[Any, ...]
    ) -> None:
        group = _group(*_workers(restarts=1), entry=entry, limit=limit)
        assert plan_restart(replace(group, certainty=Certainty.CACHED)) == Restart(True, actions)


class TestLost:
    """Pods that the watch saw go, and nobody terminating."""

    @pytest.mark.parametrize(
        ("traits", "restart", "recreated"),
        [
            pytest.param({}, ALWAYS, True, id="of-this-leader"),
            pytest.param({}, AFTER_START, False, id="perhaps-before-the-start"),
            pytest.param({}, c.RESTART_NONE, False, id="policy-none"),
            pytest.param({"key": "other"}, ALWAYS, False, id="of-another-revision"),
            pytest.param(
                {"owner": owner_of(a_leader(0, uid="former"))}, ALWAYS, False, id="of-a-former-leader"
            ),
        ],
    )
    def test_counts(self, traits: dict[str, Any], restart: str, recreated: bool) -> None:
        group = _group(*_workers(), restart=restart)
        group = replace(group, lost=(a_worker(LEADER, 1, uid="gone", **traits),))
        assert plan_restart(group).recreating is recreated
        if recreated:
            assert _delete(group).then[0].note.startswith("Worker pod test-sample-0-1 failed, ")

    def test_a_lost_stateful_set_still_proves_whose_its_workers_were(self) -> None:
        """Deleted by hand, with its pods: another one was made for the same leader."""
        owner = OwnerReference("apps/v1", "StatefulSet", LEADER.name, "set-lost", controller=True)
        gone = a_worker(LEADER, 1, uid="gone", owner=owner)
        lost = a_worker_set(LEADER)
        lost = replace(lost, metadata=replace(lost.metadata, uid="set-lost"))
        group = _group(*_workers())
        assert not plan_restart(replace(group, lost=(gone,))).recreating
        assert plan_restart(replace(group, lost=(gone, lost))).recreating
        going = replace(group, pods=(*group.pods, a_worker(LEADER, 3, uid="x", owner=owner, deleting=True)))
        assert plan_restart(replace(going, lost=(lost,))).recreating
        assert not plan_restart(replace(going, lost=())).recreating


class TestIncarnation:
    def test_of_a_complete_group_is_stable_and_ignores_order(self) -> None:
        workers = _workers()
        assert incarnation(_group(*workers)) == incarnation(_group(*reversed(workers))) is not None

    @pytest.mark.parametrize(
        "group",
        [
            pytest.param(_group(*_workers(count=2)), id="short"),
            pytest.param(_group(*_workers(count=4)), id="one-too-many"),
            pytest.param(_group(*_workers(deleting=True)), id="a-worker-leaves"),
            pytest.param(
                _group(*_workers(a_leader(deleting=True)), leader=a_leader(deleting=True)),
                id="the-leader-leaves",
            ),
            pytest.param(_group(*_workers(), sets=()), id="without-its-stateful-set"),
            pytest.param(
                _group(*_workers(), sets=(a_worker_set(a_leader(0, uid="former"), replicas=3),)),
                id="stateful-set-of-a-former-leader",
            ),
        ],
    )
    def test_of_an_incomplete_group_is_none(self, group: ObservedGroup) -> None:
        assert incarnation(group) is None

    def test_of_a_leader_alone(self) -> None:
        assert incarnation(_group(size=1, sets=())) is not None

    def test_digest_is_short(self) -> None:
        assert len(incarnation(_group(*_workers())) or "") == 16

    @pytest.mark.parametrize(
        ("restart", "phase", "counts"),
        [
            (ALWAYS, "Pending", True),
            (AFTER_START, "Pending", False),
            (AFTER_START, "Running", True),
            (c.RESTART_NONE, "Running", False),
        ],
    )
    def test_started(self, restart: str, phase: str, counts: bool) -> None:
        assert started(_group(*_workers(phase=phase), restart=restart)) is counts


class TestReplaced:
    """Against the record, made of workers 1 to 3."""

    RECORD = _recorded(*_workers())

    @pytest.mark.parametrize(
        ("group", "recreated"),
        [
            pytest.param(_group(*_workers(), entry=RECORD), False, id="the-recorded-group"),
            pytest.param(_group(*_workers(uid="new"), entry=RECORD), True, id="one-replaced"),
            pytest.param(_group(*_workers(count=2), entry=RECORD), True, id="one-missing"),
            pytest.param(_group(entry=RECORD), True, id="all-missing"),
            pytest.param(_group(*_workers(count=5), entry=RECORD), False, id="scaled-up-by-hand"),
            pytest.param(
                _group(*_workers(count=5, uid="new"), entry=RECORD), True, id="scaled-up-and-one-replaced"
            ),
            pytest.param(
                _group(*_workers(count=12), entry=_recorded(*_workers(count=11))), False, id="ordinals"
            ),
            pytest.param(_group(entry=RECORD, sets=()), False, id="without-its-stateful-set-scenario-8"),
            pytest.param(
                _group(*_workers(a_leader(uid="x")), leader=a_leader(uid="x"), entry=RECORD),
                False,
                id="record-of-a-former-leader",
            ),
            pytest.param(
                _group(*_workers(count=2), entry={**RECORD, "revision": "other"}),
                False,
                id="record-of-another-revision-scenario-43",
            ),
            pytest.param(_group(*_workers(count=2), entry=_entry()), False, id="never-complete"),
            pytest.param(_group(*_workers(count=2)), False, id="no-record-as-upstream-leaves-it"),
            pytest.param(_group(*_workers(uid="new"), entry=RECORD, restart="None"), False, id="policy-none"),
            pytest.param(
                _group(*_workers(uid="new", phase="Pending"), entry=RECORD, restart=AFTER_START),
                False,
                id="after-start-while-pending",
            ),
            pytest.param(
                _group(*_workers(uid="new"), entry=RECORD, restart=AFTER_START), True, id="after-start-later"
            ),
        ],
    )
    def test_recreates(self, group: ObservedGroup, recreated: bool) -> None:
        assert group.leader is not None
        running = replace(group.leader, status=PodStatus("Running"))
        group = replace(group, leader=running, pods=(running, *group.pods[1:]))
        assert plan_restart(group).recreating is recreated

    def test_nobody_is_blamed_whom_nobody_saw(self) -> None:
        action = _delete(_group(*_workers(uid="new"), entry=self.RECORD))
        assert action.then[0].note == (
            "A worker pod of group 0 was replaced, deleted leader pod test-sample-0 to recreate group 0"
        )

    @pytest.mark.parametrize(
        ("owner", "deleting", "recreated"),
        [
            pytest.param(OwnerReference(), False, False, id="orphaned-and-soon-adopted"),
            pytest.param(
                OwnerReference("apps/v1", "StatefulSet", LEADER.name, "set-deleted", controller=True),
                False,
                False,
                id="its-stateful-set-deleted-it-will-follow",
            ),
            pytest.param(
                OwnerReference("apps/v1", "StatefulSet", LEADER.name, "set-deleted", controller=True),
                True,
                True,
                id="following",
            ),
            pytest.param(
                OwnerReference("apps/v1", "ReplicaSet", "other", "uid-other", controller=True),
                False,
                True,
                id="a-strangers",
            ),
        ],
    )
    def test_workers_whose_stateful_set_was_deleted(
        self, owner: OwnerReference, deleting: bool, recreated: bool
    ) -> None:
        workers = [a_worker(LEADER, x, owner=owner, deleting=deleting) for x in (1, 2, 3)]
        assert plan_restart(_group(*workers, entry=self.RECORD)).recreating is recreated


class TestStored:
    """What is written of a recreation, and when."""

    def test_the_first_is_counted_before_the_leader_is_deleted(self) -> None:
        plan = plan_restart(_group(*_workers(deleting=True), entry=_recorded(*_workers())))
        assert _stored(plan) == _recorded(*_workers(), restarts=1, lastRestartTime=AT, restarting=True)

    def test_nothing_is_left_of_a_former_leaders_entry(self) -> None:
        former = _entry(a_leader(uid="former"), workers="w", readyTime=AT, backoffUntil=AT, failed=True)
        plan = plan_restart(_group(*_workers(restarts=1), entry=former))
        assert _stored(plan) == _entry(restarts=1, lastRestartTime=AT, restarting=True)

    def test_one_that_was_counted_is_carried_out_though_its_evidence_is_gone(self) -> None:
        entry = _entry(restarts=1, lastRestartTime=AT, restarting=True)
        [action] = plan_restart(_group(*_workers(), entry=entry)).actions
        assert isinstance(action, Delete)

    def test_an_after_start_policy_does_not_stop_what_was_decided(self) -> None:
        entry = _entry(restarts=1, lastRestartTime=AT, restarting=True)
        group = _group(*_workers(phase="Pending"), entry=entry, restart=AFTER_START)
        assert _delete(group).uid == LEADER.uid

    def test_policy_none_does(self) -> None:
        entry = _entry(restarts=1, lastRestartTime=AT, restarting=True)
        assert plan_restart(_group(*_workers(), entry=entry, restart="None")) == Restart(False)

    def test_the_second_waits_and_says_so_once(self) -> None:
        entry = _recorded(*_workers(), restarts=1, lastRestartTime=AT)
        group = _group(*_workers(restarts=1), entry=entry)
        plan = plan_restart(group, now=NOW + 4)
        assert plan_restart(_once_stored(group, plan), now=NOW + 4).actions == (Requeue(6.0),)
        assert _stored(plan)["backoffUntil"] == "2026-01-01T00:00:10Z"
        [event] = _intent(plan).then
        assert isinstance(event, Record)
        assert (event.type, event.reason, event.action) == ("Warning", "RecreateGroupBackOff", "Delete")
        assert event.note == (
            "Worker pod test-sample-0-1 failed, recreating group 0 in 6 seconds"
            " (recreations in a row so far: 1)"
        )

    def test_when_the_time_has_come_it_is_recreated_whatever_is_seen(self) -> None:
        entry = _entry(restarts=1, lastRestartTime=AT, backoffUntil="2026-01-01T00:00:10Z")
        assert plan_restart(_group(*_workers(), entry=entry), now=NOW + 9).actions == (Requeue(1.0),)
        group = _group(*_workers(), entry=entry)
        plan = plan_restart(group, now=NOW + 10)
        assert _stored(plan) == _entry(restarts=2, lastRestartTime="2026-01-01T00:00:10Z", restarting=True)
        assert _delete(group, now=NOW + 10).uid == LEADER.uid

    def test_beyond_the_bound_the_group_is_left_and_says_how_to_go_on(self) -> None:
        entry = _entry(restarts=2, lastRestartTime=AT)
        group = _group(*_workers(restarts=1), entry=entry, limit=2)
        plan = plan_restart(group, now=NOW + 60)
        assert _stored(plan) == {**entry, "failed": True}
        assert plan_restart(_once_stored(group, plan), now=NOW + 60) == Restart(True)
        [event] = _intent(plan).then
        assert isinstance(event, Record)
        assert (event.type, event.reason, event.action) == ("Warning", "MaxGroupRestartsExceeded", "Delete")
        assert event.note == (
            "Worker pod test-sample-0-1 failed, leaving group 0 as it is after 2 recreations in a row:"
            " maxGroupRestarts is 2. To go on, delete pod test-sample-0, change the template, or raise"
            " maxGroupRestarts"
        )

    @pytest.mark.parametrize("limit", [None, 3], ids=["removed", "raised"])
    def test_a_new_bound_resumes_a_failed_group(self, limit: int | None) -> None:
        entry = _entry(restarts=2, lastRestartTime=AT, failed=True)
        group = _group(*_workers(), entry=entry, limit=limit)
        plan = plan_restart(group, now=NOW + 60)
        assert _stored(plan)["restarts"] == 3
        assert "failed" not in _stored(plan)
        assert _delete(group, now=NOW + 60).uid == LEADER.uid

    def test_a_leader_without_group_index_is_deleted_all_the_same(self) -> None:
        leader = a_leader("x", restarts=1, phase="Running")
        [action] = plan_restart(_group(leader=leader, size=1, sets=())).actions
        assert isinstance(action, Delete)
        assert isinstance(action.then[0], Record)


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
    entry = draw(
        st.fixed_dictionaries(
            {"leader": st.sampled_from([leader.uid, "former"]), "revision": st.sampled_from([KEY, "other"])},
            optional={
                "workers": st.sampled_from(["0123456789abcdef", _recorded(*_workers())["workers"]]),
                "restarts": st.integers(0, 4),
                "lastRestartTime": st.sampled_from(["2025-12-31T23:59:50Z", AT, "nonsense"]),
                "restarting": st.booleans(),
                "backoffUntil": st.sampled_from([AT, "2026-01-01T00:05:00Z", "2099-01-01T00:00:00Z"]),
                "failed": st.booleans(),
            },
        )
    )
    limit = draw(st.none() | st.integers(0, 3))
    size = draw(st.integers(1, 4))
    return _group(*workers, leader=leader, size=size, restart=policy, entry=entry, limit=limit)


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
    cached = plan_restart(replace(group, certainty=Certainty.CACHED))
    assert cached.recreating is plan.recreating
    assert cached.needs > Certainty.CACHED or cached == plan


@settings(max_examples=300, deadline=None)
@given(_groups())
def test_what_was_stored_is_not_stored_again(group: ObservedGroup) -> None:
    """Dying after the write and before the deletion neither loses nor repeats anything."""
    plan = plan_restart(group)
    if not any(isinstance(x, StoreEntry) for x in plan.actions):
        return
    again = plan_restart(_once_stored(group, plan))
    assert again.recreating
    assert not any(isinstance(x, StoreEntry) for x in again.actions)
