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
from lws.api.workloads import ContainerStatus, Pod, PodCondition, PodStatus, StatefulSet
from lws.objects import OwnerReference
from lws.planning.actions import Delete, GroupRecreated, Record, Requeue, StoreEntry
from lws.planning.groups import group_of
from lws.planning.observed import Certainty, Incidents, ObservedGroup
from lws.planning.recreation import decision as planner
from lws.planning.recreation.decision import Restart
from lws.planning.recreation.evidence import POD_DELETED, deaths_count, digests
from lws.planning.recreation.record import whole_workers

LEADER = a_leader(0, phase="Running")
SET_KEY = a_set().key
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


def incarnation(group: ObservedGroup) -> str | None:
    """The digest that the record of this group would have."""
    own = group_of(group)
    assert own is not None
    workers = whole_workers(own, group.pods)
    return None if workers is None else list(digests(workers))[-1]


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
    assert [x for x in delete.then if isinstance(x, GroupRecreated)] == [GroupRecreated(cause, SET_KEY)]


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
    """``pending``: the group has not started yet, so the watch took down nothing that counts after it."""
    workers = [
        *_workers(count=2, deleting=True),
        a_worker(LEADER, 3, phase="Pending" if pending else "Running"),
    ]
    entry = None if pending else _recorded(*_workers())
    plan = plan_restart(_group(*workers, entry=entry, restart=restart, metadata=metadata))
    assert plan.recreating is recreated
    assert bool(plan.actions) is recreated


def test_the_leader_is_deleted_with_uid_and_in_the_foreground_and_the_event_names_the_trigger() -> None:
    action = _delete(_group(*_workers(deleting=True)))
    assert (action.kind, action.key, action.uid) == ("Pod", LEADER.key, LEADER.uid)
    assert action.propagation == "Foreground"
    [event, counted] = action.then
    assert counted == GroupRecreated(POD_DELETED, SET_KEY)
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
def test_containers_that_restart(phase: str, init: int, main: int, restarted: bool) -> None:
    status = PodStatus(
        phase=phase,
        init_container_statuses=(ContainerStatus(0), ContainerStatus(init)),
        container_statuses=(ContainerStatus(main),),
    )
    group = _group(replace(a_worker(LEADER, 1), status=status))
    assert plan_restart(group).recreating is restarted


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
            pytest.param({}, AFTER_START, True, id="judged-when-it-went"),
            pytest.param({}, c.RESTART_NONE, False, id="policy-none"),
            pytest.param({"key": "other"}, ALWAYS, False, id="of-another-revision"),
            pytest.param(
                {"owner": owner_of(a_leader(0, uid="former"))}, ALWAYS, False, id="of-a-former-leader"
            ),
        ],
    )
    def test_counts(self, traits: dict[str, Any], restart: str, recreated: bool) -> None:
        group = _group(*_workers(), restart=restart)
        lost = (a_worker(LEADER, 1, uid="gone", **traits),)
        group = replace(group, incidents=Incidents(lost=lost))
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
        assert not plan_restart(replace(group, incidents=Incidents(lost=(gone,)))).recreating
        assert plan_restart(replace(group, incidents=Incidents(lost=(gone, lost)))).recreating
        going = replace(group, pods=(*group.pods, a_worker(LEADER, 3, uid="x", owner=owner, deleting=True)))
        assert plan_restart(replace(going, incidents=Incidents(lost=(lost,)))).recreating
        assert not plan_restart(replace(going, incidents=Incidents(lost=()))).recreating


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

    def test_of_a_mix_of_revisions_is_none(self) -> None:
        """What is of the other revision is being replaced; its end would look like a death."""
        assert incarnation(_group(*_workers(key="other"))) is None

    @pytest.mark.parametrize(
        ("restart", "first", "counts"),
        [
            (ALWAYS, {"phase": "Pending"}, True),
            (AFTER_START, {"phase": "Pending"}, False),
            (AFTER_START, {"phase": "Running"}, True),
            (AFTER_START, {"deleting": True}, False),
            (c.RESTART_NONE, {"phase": "Running"}, False),
        ],
    )
    def test_whether_deaths_count_by_then(self, restart: str, first: dict[str, Any], counts: bool) -> None:
        group = _group(*_workers(**first), restart=restart)
        own = group_of(group)
        assert group.lws is not None
        assert own is not None
        assert deaths_count(group.lws, own, group.pods) is counts

    def test_deaths_count_once_the_group_was_whole_though_a_pod_is_pending_again(self) -> None:
        group = _group(*_workers(phase="Pending"), entry=_recorded(*_workers()), restart=AFTER_START)
        own = group_of(group)
        assert group.lws is not None
        assert own is not None
        assert deaths_count(group.lws, own, group.pods)


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
                True,
                id="after-start-though-its-successor-is-pending",
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
        plan = plan_restart(_group(*_workers(restarts=1), entry=_recorded(*_workers())))
        assert _stored(plan) == _recorded(*_workers(), restarts=1, lastRestartTime=AT, restarting=True)

    @pytest.mark.parametrize(
        "plan",
        [
            plan_restart(_group(*_workers(deleting=True), entry=_recorded(*_workers()), limit=0)),
            plan_restart(_group(*_workers(uid="new"), entry=_recorded(*_workers()), limit=0)),
        ],
        ids=["deleted", "replaced"],
    )
    def test_what_was_done_to_it_is_intended_first_and_not_counted(self, plan: Restart) -> None:
        """Whoever dies in between finds the intent; a bound of failures does not hold it up."""
        assert _stored(plan) == _recorded(*_workers(), restarting=True)

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


class TestPolicyOfItsOwnRevision:
    """What is live now was not asked for when the group was made."""

    @pytest.mark.parametrize("live", [ALWAYS, AFTER_START])
    def test_what_happened_under_none_is_no_death(self, live: str) -> None:
        lws = a_set(replicas=1, size=4, restart=live)
        former = a_revision(a_set(replicas=1, size=4, restart=c.RESTART_NONE))
        for workers in (_workers(restarts=3), _workers(deleting=True)):
            group = replace(_group(*workers), lws=lws, revisions=(former,))
            gone = replace(group, incidents=Incidents(lost=(a_worker(LEADER, 1, uid="gone"),)))
            assert plan_restart(group) == plan_restart(gone) == Restart(False)

    def test_it_goes_on_though_the_live_policy_is_none(self) -> None:
        group = _group(*_workers(restarts=1))
        assert plan_restart(replace(group, lws=a_set(replicas=1, size=4, restart="None"))).recreating

    def test_without_its_revision_nothing_is_torn_down(self) -> None:
        group = replace(_group(*_workers(restarts=1)), revisions=())
        assert plan_restart(group) == Restart(False)

    @pytest.mark.parametrize(("size", "counts"), [(4, True), (3, False), (5, False)])
    def test_a_group_has_started_when_it_is_as_large_as_its_own_revision_says(
        self, size: int, counts: bool
    ) -> None:
        group = _group(*_workers(), size=size, restart=AFTER_START)
        own = group_of(group)
        assert own is not None
        for live in (3, 4, 5):
            assert deaths_count(a_set(size=live, restart=AFTER_START), own, group.pods) is counts


class TestBaseline:
    """Restart counts say nothing by themselves: they are measured from where the policy began to apply."""

    @pytest.mark.parametrize(
        ("counts", "recreated"),
        [("0=2,2=1", False), ("0=2", True), ("0=1,2=1", True), ("", True), ("0=2,2=7", False), ("2=x", True)],
    )
    def test_only_what_came_later_counts(self, counts: str, recreated: bool) -> None:
        leader = a_leader(0, phase="Running", restarts=2)
        workers = [a_worker(leader, 1), a_worker(leader, 2, restarts=1)]
        entry = _recorded(*workers, leader=leader, restartCounts=counts)
        for policy in (AFTER_START, ALWAYS):
            group = _group(*workers, leader=leader, size=3, entry=entry, restart=policy)
            assert plan_restart(group).recreating is recreated

    def test_without_a_record_an_after_start_group_has_none(self) -> None:
        """The leader crashed until its workers were there, as the policy is for."""
        group = _group(*_workers(restarts=2), restart=AFTER_START)
        assert plan_restart(group) == Restart(False)
        seen = Incidents(restarted=frozenset({"uid-test-sample-0-1"}))
        assert plan_restart(replace(group, incidents=seen)).recreating

    def test_taking_the_experimental_annotation_away_makes_no_deaths_of_what_was_before(self) -> None:
        """It is in no revision: the group's policy changes under way."""
        workers = _workers(restarts=2)
        group = _group(*workers, entry=_recorded(*workers, restartCounts="1=2"))
        assert plan_restart(group) == Restart(False)
        excused = Incidents(excused_restarts={"uid-test-sample-0-1": 2})
        assert plan_restart(replace(_group(*workers), incidents=excused)) == Restart(False)

    @pytest.mark.parametrize("marked", [False, True])
    def test_a_group_that_was_made_under_that_annotation_has_none_for_the_next_process(
        self, marked: bool
    ) -> None:
        """Nobody remembers what was before its start; its worker StatefulSet says that it did not count."""
        workers = _workers(restarts=2)
        made = a_worker_set(LEADER, replicas=3)
        annotations = {c.RECREATE_AFTER_START_ANNOTATION: "true"} if marked else {}
        made = replace(made, metadata=replace(made.metadata, annotations=annotations))
        group = _group(*workers, sets=(made,))
        assert plan_restart(group).recreating is not marked
        seen = Incidents(restarted=frozenset({"uid-test-sample-0-1"}))
        assert plan_restart(replace(group, incidents=seen)).recreating
        recorded = replace(
            group, lws=a_set(replicas=1, size=4, status={"groups": {"0": _recorded(*workers)}})
        )
        assert plan_restart(recorded).recreating, "its record is the baseline, marked or not"

    def test_a_relabelled_leader_has_none_until_it_is_recorded_again(self) -> None:
        leader = a_leader(0, phase="Running", restarts=1)
        group = _group(*_workers(leader), leader=leader, entry=_entry(leader, revision="old"))
        assert plan_restart(group) == Restart(False)

    @pytest.mark.parametrize(
        "status",
        [
            PodStatus("Running", (PodCondition("PodResizeInProgress", "True"),), (ContainerStatus(1),)),
            PodStatus("Running", (), (ContainerStatus(1),), resize="InProgress"),
        ],
        ids=["condition", "before-1.33"],
    )
    def test_a_pod_that_is_being_resized_may_restart(self, status: PodStatus) -> None:
        pod = replace(a_worker(LEADER, 1), status=status)
        group = _group(pod, *_workers()[1:], entry=_recorded(*_workers()))
        assert plan_restart(group) == Restart(False)
        done = replace(pod, status=replace(status, conditions=(), resize=""))
        group = _group(done, *_workers()[1:], entry=_recorded(*_workers()))
        assert plan_restart(group).recreating
        excused = Incidents(excused_restarts={pod.uid: 1})
        assert plan_restart(replace(group, incidents=excused)) == Restart(False)


class TestBeforeTheStart:
    """Of an after-start group that is not recorded yet, only the watch knows what came first."""

    GROUP = _group(*_workers(deleting=True), restart=AFTER_START)

    def test_what_nobody_saw_begin_is_no_death(self) -> None:
        assert plan_restart(self.GROUP) == Restart(False)
        unjudged = Incidents(unjudged=(a_worker(LEADER, 1),))
        assert plan_restart(replace(self.GROUP, incidents=unjudged)) == Restart(False)
        assert plan_restart(replace(_group(*_workers()), incidents=unjudged)).recreating, "always"

    def test_a_deletion_that_began_before_it_is_none_after_it(self) -> None:
        """Its grace period may outlast the start of the others, and the record's write."""
        before = Incidents(excused_deletions=frozenset({"uid-test-sample-0-1"}))
        for restart in (AFTER_START, ALWAYS):
            group = _group(*_workers(deleting=True), restart=restart)
            assert plan_restart(replace(group, incidents=before)) == Restart(False)

    def test_one_that_began_after_it_is_one_though_the_successor_is_pending(self) -> None:
        """An evicted pod whose successor finds no room: the verdict is the same as if that were running."""
        gone = a_worker(LEADER, 1, uid="gone")
        for phase in ("Pending", "Running"):
            group = _group(*_workers(phase=phase), restart=AFTER_START)
            assert plan_restart(replace(group, incidents=Incidents(lost=(gone,)))).recreating


def test_a_pod_that_failed_is_waited_for_until_it_is_deleted() -> None:
    failed = a_worker(LEADER, 1, phase="Failed")
    group = replace(_group(failed, *_workers()[1:]), incidents=Incidents(lost=(failed,)))
    assert plan_restart(group) == Restart(False)
    going = _group(a_worker(LEADER, 1, phase="Failed", deleting=True), *_workers()[1:])
    assert plan_restart(replace(going, incidents=group.incidents)).recreating


class TestCauses:
    """What a group has done itself counts against maxGroupRestarts; what was done to it does not."""

    DISRUPTED = PodCondition("DisruptionTarget", "True")

    @pytest.mark.parametrize(
        ("lost", "restarts", "cause", "counts"),
        [
            ({"phase": "Failed"}, 0, "pod_failed", True),
            ({"phase": "Running"}, 0, "pod_deleted", False),
            ({"phase": "Running", "disrupted": True}, 0, "pod_disrupted", False),
            ({"phase": "Failed", "disrupted": True}, 0, "pod_disrupted", False),
            ({"phase": "Running", "disrupted": True}, 1, "pod_disrupted", False),
            ({"phase": "Running"}, 1, "pod_deleted", False),
            ({"phase": "Failed"}, 1, "pod_failed", True),
            (None, 1, "container_restarted", True),
        ],
    )
    def test_of_what_went_and_of_what_its_neighbours_did_then(
        self, lost: dict[str, Any] | None, restarts: int, cause: str, counts: bool
    ) -> None:
        traits = dict(lost or {})
        disrupted = traits.pop("disrupted", False)
        gone = a_worker(LEADER, 1, uid="gone", **traits)
        if disrupted:
            gone = replace(gone, status=replace(gone.status, conditions=(self.DISRUPTED,)))
        group = _group(a_worker(LEADER, 1), a_worker(LEADER, 2, restarts=restarts), a_worker(LEADER, 3))
        group = replace(group, incidents=Incidents(lost=(gone,) if lost is not None else ()))
        plan = plan_restart(group)
        assert [x for x in _delete(group).then if isinstance(x, GroupRecreated)] == [
            GroupRecreated(cause, SET_KEY)
        ]
        assert ("restarts" in _stored(plan)) is counts
