"""When the pods of a group are told to stop."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.groups import a_leader, a_set, a_worker, a_worker_set

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod
from lws.planning.actions import Delete, PatchMetadata, Requeue
from lws.planning.group import REVISION_RETRY, plan_group
from lws.planning.observed import ObservedGroup
from lws.planning.termination import FOREGROUND, ORPHAN, plan_mark, plan_stop, propagation

MARK = {c.TERMINATION_POLICY_ANNOTATION: c.TERMINATION_PARALLEL}
POLICIES = [None, c.TERMINATION_DEFAULT, c.TERMINATION_PARALLEL]
NOT_PARALLEL = POLICIES[:2]


def the_set(policy: str | None) -> LeaderWorkerSet:
    lws = a_set()
    return replace(lws, spec=replace(lws.spec, pod_termination_policy=policy))


def leader(*finalizers: str, grace: int | None = None, **traits: Any) -> Pod:
    pod = a_leader(0, deleting=grace is not None, **traits)
    return replace(
        pod,
        metadata=replace(pod.metadata, finalizers=finalizers, deletion_grace_period_seconds=grace),
    )


@pytest.mark.parametrize("policy", POLICIES)
def test_how_a_leader_is_replaced_in_a_roll(policy: str | None) -> None:
    assert propagation(the_set(policy)) == (
        "Foreground" if policy == c.TERMINATION_PARALLEL else "Background"
    )


@pytest.mark.parametrize(
    ("pod", "metadata"),
    [
        pytest.param(leader(), {"annotations": MARK, "finalizers": [FOREGROUND]}, id="new"),
        pytest.param(leader(FOREGROUND, annotations=MARK), None, id="marked"),
        pytest.param(
            leader("x", annotations=MARK), {"annotations": MARK, "finalizers": [FOREGROUND]}, id="half"
        ),
        pytest.param(leader(FOREGROUND), {"annotations": MARK, "finalizers": [FOREGROUND]}, id="others"),
        pytest.param(leader(annotations={c.SIZE_ANNOTATION: "1"}), None, id="no-workers"),
    ],
)
def test_leaders_of_parallel_sets_are_marked(pod: Pod, metadata: dict[str, Any] | None) -> None:
    wanted = () if metadata is None else (PatchMetadata("Pod", pod.key, pod.uid, metadata),)
    assert plan_mark(the_set(c.TERMINATION_PARALLEL), pod) == wanted


@pytest.mark.parametrize("policy", NOT_PARALLEL)
def test_what_we_put_on_comes_off_under_another_policy_and_nothing_else(policy: str | None) -> None:
    pod = leader(FOREGROUND, annotations=MARK)
    [patch] = plan_mark(the_set(policy), pod)
    assert patch.metadata == {
        "annotations": {c.TERMINATION_POLICY_ANNOTATION: None},
        "$deleteFromPrimitiveList/finalizers": [FOREGROUND],
    }
    assert plan_mark(the_set(policy), leader()) == ()
    assert plan_mark(the_set(policy), leader(FOREGROUND)) == (), "somebody else's"


@pytest.mark.parametrize("grace", [2, 30])
def test_a_deletion_in_the_background_is_asked_for_once_more(grace: int) -> None:
    pod = leader("x", grace=grace, annotations=MARK)
    workers = a_worker_set(pod)
    assert plan_stop(the_set(c.TERMINATION_PARALLEL), pod, [], [workers]) == (
        Delete("Pod", pod.key, pod.uid, propagation="Foreground", grace=grace - 1),
        Delete("StatefulSet", workers.key, workers.uid, propagation="Foreground"),
    )


@pytest.mark.parametrize("grace", [0, 1])
def test_without_a_second_to_lose_the_workers_are_deleted(grace: int) -> None:
    pod = leader(grace=grace)
    workers = a_worker_set(pod)
    assert plan_stop(the_set(c.TERMINATION_PARALLEL), pod, [], [workers]) == (
        Delete("StatefulSet", workers.key, workers.uid, propagation="Foreground"),
    )


@pytest.mark.parametrize("policy", [c.TERMINATION_PARALLEL, "gone", "going"])
def test_every_worker_that_runs_is_told_to_stop_with_its_leader(policy: str) -> None:
    """The garbage collector would, one step after the other; also of a set that is gone itself."""
    pod, other = leader(FOREGROUND, grace=30, annotations=MARK), a_leader(0, uid="former")
    stays, goes = a_worker(pod, 2), a_worker(pod, 1, deleting=True)
    foreign = a_worker(other, 3)
    lws = the_set(c.TERMINATION_PARALLEL)
    if policy == "going":
        lws = replace(lws, metadata=replace(lws.metadata, deletion_timestamp="2026-01-01T00:00:00Z"))
    workers = a_worker_set(pod)
    group = ObservedGroup(
        None if policy == "gone" else lws, pod, pods=(pod, stays, goes, foreign), worker_sets=(workers,)
    )
    assert plan_group(group, now=0.0) == [
        Delete("StatefulSet", workers.key, workers.uid, propagation="Foreground"),
        Delete("Pod", stays.key, stays.uid),
    ]


def test_without_the_set_and_its_mark_the_garbage_collector_stops_the_workers() -> None:
    pod = leader(FOREGROUND, grace=30)
    group = ObservedGroup(None, pod, pods=(pod, a_worker(pod, 1)), worker_sets=(a_worker_set(pod),))
    assert plan_group(group, now=0.0) == []


@pytest.mark.parametrize(
    ("policy", "pod", "former"),
    [
        *((policy, leader(grace=30), False) for policy in NOT_PARALLEL),
        (c.TERMINATION_PARALLEL, leader(), False),
        (c.TERMINATION_PARALLEL, leader(ORPHAN, grace=30), False),
        (c.TERMINATION_PARALLEL, leader(grace=30), True),
    ],
    ids=["absent", "default", "stays", "orphan", "workers-of-a-former-leader"],
)
def test_nothing_is_asked_for_otherwise(policy: str | None, pod: Pod, former: bool) -> None:
    owner = a_leader(0, uid="former") if former else pod
    workers = a_worker(owner, 1)
    assert plan_stop(the_set(policy), pod, [workers], [a_worker_set(owner)]) == ()
    assert plan_stop(the_set(policy), pod, [workers], []) == ()


@pytest.mark.parametrize("failed", [False, True])
def test_the_pass_over_a_group_does_so_whether_it_has_failed_or_not(failed: bool) -> None:
    pod = leader(grace=30, annotations=MARK)
    group = ObservedGroup(
        the_set(c.TERMINATION_PARALLEL),
        pod,
        pods=(pod, a_worker(pod, 1, deleting=failed)),
        worker_sets=(a_worker_set(pod),),
    )
    leads, *others = plan_group(group, now=0.0)
    assert isinstance(leads, Delete)
    assert (leads.uid, leads.grace) == (pod.uid, 29)
    assert [x.kind for x in others if isinstance(x, Delete)] == ["StatefulSet"] + ["Pod"] * (not failed)


def test_the_pass_over_a_group_marks_its_leader() -> None:
    pod = leader()
    group = ObservedGroup(
        the_set(c.TERMINATION_PARALLEL), pod, pods=(pod, a_worker(pod, 1)), worker_sets=(a_worker_set(pod),)
    )
    assert [x.uid for x in plan_group(group, now=0.0) if isinstance(x, PatchMetadata)] == [pod.uid]


@pytest.mark.parametrize("deleting", [False, True])
def test_workers_are_made_when_those_of_the_former_leader_have_gone(deleting: bool) -> None:
    lws, pod = a_set(), leader()
    old = a_worker(a_leader(0, uid="former"), 1, deleting=deleting)
    group = ObservedGroup(lws, pod, pods=(pod, old))
    looks_for_its_revision = Requeue(REVISION_RETRY)
    assert looks_for_its_revision not in plan_group(group, now=0.0)
    assert looks_for_its_revision in plan_group(replace(group, pods=(pod,)), now=0.0)
