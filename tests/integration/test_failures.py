"""Pods that die: the group goes as a whole, once, and the other groups do not notice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from support.audit import AuditLog
from support.cluster import Cluster
from support.sets import LivePod, LiveSet, Sets, template
from support.waiting import steady
from support.wholeness import await_whole

from lws.api import constants as c

pytestmark = pytest.mark.integration

RESTART, START_DELAY, NOT_READY = "hollow.lws/restart", "hollow.lws/start-delay", "hollow.lws/not-ready"
NO_RESTART = {"restartPolicy": c.RESTART_NONE}


def worker_deleted(lws: LiveSet) -> None:
    lws.delete_pod(f"{lws.name}-0-1")


def worker_deleted_by_force(lws: LiveSet) -> None:
    """Nobody gets to see it with a deletionTimestamp."""
    lws.delete_pod(f"{lws.name}-0-2", grace_period=0)


def leader_deleted(lws: LiveSet) -> None:
    lws.delete_pod(f"{lws.name}-0")


def leader_deleted_by_force(lws: LiveSet) -> None:
    lws.delete_pod(f"{lws.name}-0", grace_period=0)


def worker_container_restarted(lws: LiveSet) -> None:
    lws.annotate_pod(f"{lws.name}-0-1", RESTART, "0s")


def leader_container_restarted(lws: LiveSet) -> None:
    lws.annotate_pod(f"{lws.name}-0", RESTART, "0s")


def all_workers_deleted(lws: LiveSet) -> None:
    """One incident, even if it has several victims."""
    for worker in (1, 2):
        lws.delete_pod(f"{lws.name}-0-{worker}")


# Each incident, and how often the controller itself must delete the leader for it.
INCIDENTS: dict[Callable[[LiveSet], None], int] = {
    worker_deleted: 1,
    worker_deleted_by_force: 1,
    all_workers_deleted: 1,
    worker_container_restarted: 1,
    leader_container_restarted: 1,
    leader_deleted: 0,
    leader_deleted_by_force: 0,
}


def test_any_death_recreates_its_group_once_and_no_other(sets: Sets, cluster: Cluster) -> None:
    """10.1 #19, E16: none of the group's old pods survives, and one incident costs one recreation."""
    several = {incident: sets.create(incident.__name__.replace("_", "-"), size=3) for incident in INCIDENTS}
    await_whole(*several.values())
    old = {lws: (lws.uids(0), lws.uids(1)) for lws in several.values()}
    log = AuditLog(cluster.audit_log)
    log.mark()
    for incident, lws in several.items():
        incident(lws)
    for lws in several.values():
        lws.await_replaced(old[lws][0], group=0)
    await_whole(*several.values())
    new = {lws: (lws.uids(0), old[lws][1]) for lws in several.values()}
    assert steady("the groups", lambda: {lws: (lws.uids(0), lws.uids(1)) for lws in several.values()}) == new
    deleted = Counter(x.name for x in log.requests() if (x.verb, x.resource) == ("delete", "pods"))
    assert {incident: deleted[f"{lws.name}-0"] for incident, lws in several.items()} == INCIDENTS
    assert deleted.total() == sum(INCIDENTS.values())


def test_the_event_names_the_pod_that_died(sets: Sets) -> None:
    """10.1 #19, #43."""
    lws = sets.create(replicas=1, size=3)
    await_whole(lws)
    lws.delete_pod(f"{lws.name}-0-1")
    note = f"Worker pod {lws.name}-0-1 failed, deleted leader pod {lws.name}-0 to recreate group 0"
    lws.until("the event", lambda: lws.notes(c.REASON_RECREATE_GROUP), lambda notes: notes == [note])


def test_without_a_restart_policy_only_the_dead_pod_comes_back(sets: Sets) -> None:
    """10.1 #18, K: policy None is plain StatefulSet behaviour."""
    lws = sets.create(size=3, **NO_RESTART)
    await_whole(lws)
    old = lws.uids()
    dead = {pod.uid for pod in lws.pods() if pod.name == f"{lws.name}-0-1"}
    lws.delete_pod(f"{lws.name}-0-1")
    lws.annotate_pod(f"{lws.name}-1-1", RESTART, "0s")
    lws.await_replaced(dead)
    await_whole(lws)
    assert lws.uids() & old == old - dead
    assert not lws.notes(c.REASON_RECREATE_GROUP)


def test_a_group_that_has_not_started_is_left_in_peace_by_the_after_start_policy(sets: Sets) -> None:
    """10.1 #21 and #22: a death while a pod is pending recreates nothing; one after the start does."""
    slow, policy = template("worker", start_delay="1h"), c.RESTART_RECREATE_GROUP_AFTER_START
    lws = sets.create(replicas=1, size=3, restartPolicy=policy, workerTemplate=slow)
    leader, first, _ = lws.until("three pods", lws.pods, lambda pods: len(pods) == 3)
    lws.delete_pod(first.name)
    lws.until("its successor", lws.pods, lambda pods: len(pods) == 3 and first.uid not in uids(pods))
    for worker in (1, 2):
        lws.annotate_pod(f"{leader.name}-{worker}", START_DELAY, None)
    await_whole(lws)
    assert leader.uid in lws.uids()
    lws.delete_pod(first.name)
    lws.until("the leader to be replaced", lws.uids, lambda seen: leader.uid not in seen)


def uids(pods: Sequence[LivePod]) -> set[str]:
    return {pod.uid for pod in pods}


def test_what_is_deleted_by_hand_comes_back(sets: Sets) -> None:
    """10.1 #8, #10, #12: worker StatefulSet, shared service, leader StatefulSet."""
    lws = sets.create(replicas=2, size=2)
    await_whole(lws)
    for path in lws.paths_of_children():
        lws.client.connection.request("DELETE", path)
    await_whole(lws)


def test_a_leader_that_becomes_ready_late_gets_its_workers_then(sets: Sets) -> None:
    """10.1 #45: LeaderReady, without and with readiness."""
    waits = template("leader", not_ready="true")
    lws = sets.create(replicas=2, size=2, startupPolicy=c.STARTUP_LEADER_READY, leaderTemplate=waits)
    lws.until("both leaders", lws.pods, lambda pods: len(pods) == 2)
    lws.annotate_pod(f"{lws.name}-0", NOT_READY, None)
    lws.until("a worker StatefulSet", lambda: names(lws), lambda seen: seen == [f"{lws.name}-0"])
    lws.annotate_pod(f"{lws.name}-1", NOT_READY, None)
    await_whole(lws)


def names(lws: LiveSet) -> list[str]:
    return sorted(x["metadata"]["name"] for x in lws.worker_sets())


def test_exclusive_groups_share_no_domain(sets: Sets) -> None:
    """10.1 #17 and 7.5: every pod of a group is in its leader's rack, and no two groups in the same."""
    rack = {"annotations": {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: "hollow.lws/rack"}}
    lws = sets.create(replicas=3, size=3, metadata=rack)
    await_whole(lws)
    racks = [{rack_of(x.document["spec"]["nodeName"]) for x in lws.group(i)} for i in range(3)]
    assert sorted(map(sorted, racks)) == [["0"], ["1"], ["2"]]


def rack_of(node: str) -> str:
    """Two nodes stand in each rack (hack/controlplane/README.md)."""
    return str(int(node.removeprefix("hollow-")) // 2)
