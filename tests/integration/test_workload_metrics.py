"""What the workload metrics say of things done to a real cluster (docs/guides/metrics.md)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from support.audit import AuditLog
from support.cluster import Cluster
from support.editing import edit
from support.manager import Manager
from support.sets import IMAGE, LivePod, LiveSet, Sets, template
from support.waiting import until
from support.wholeness import await_whole

from hack.tools.run import apply_crds
from lws.api.timestamps import epoch, instant
from lws.controllers.resources import LEADERWORKERSETS
from lws.kube.resources import CRDS
from lws.planning.rollout import OUTCOMES

pytestmark = pytest.mark.integration

NEW, OTHER = IMAGE.replace("1.27", "1.28"), IMAGE.replace("1.27", "1.29")
ROLLOUTS, STARTS = "lws_rollout_duration_seconds", "lws_group_ready_seconds"


def rollouts(manager: Manager) -> dict[str, float]:
    """How many have ended, by outcome."""
    return {outcome: manager.total(f"{ROLLOUTS}_count", outcome=outcome) for outcome in OUTCOMES}


def gained(manager: Manager, before: dict[str, float]) -> dict[str, float]:
    return {outcome: count - before[outcome] for outcome, count in rollouts(manager).items()}


def gauges(manager: Manager, lws: LiveSet) -> dict[str, float]:
    """Those of one set."""
    labels = {"namespace": lws.namespace, "name": lws.name}
    return {x.name: x.value for x in manager.metrics() if x.labels == labels}


def record_of(lws: LiveSet) -> dict[str, Any]:
    """Of the rollout that is going on, once there is one."""
    return lws.until("a rollout", lambda: lws.status.get("rollout", {}))


def available_since(lws: LiveSet) -> float:
    document = lws.await_available()
    [found] = [x for x in document["status"]["conditions"] if x["type"] == "Available"]
    return epoch(found["lastTransitionTime"])


def ready_since(pod: LivePod) -> float:
    conditions = pod.document["status"]["conditions"]
    return max(epoch(x["lastTransitionTime"]) for x in conditions if x["type"] == "Ready")


def test_a_rollout_is_one_sample_from_the_change_until_all_groups_are_ready(
    manager: Manager, sets: Sets
) -> None:
    lws = sets.create(replicas=2, size=2)
    await_whole(lws)
    assert "rollout" not in lws.status, "a creation is none"
    before, spent = rollouts(manager), manager.total(f"{ROLLOUTS}_sum")
    changed = time.time()
    lws.change(workerTemplate=template("worker", NEW, start_delay="3s"))
    record, seen = record_of(lws), time.time()
    assert gauges(manager, lws)["lws_rollout_in_progress"] == 1
    end = available_since(lws)
    assert gained(manager, before) == {"completed": 1, "superseded": 0, "rolled_back": 0}
    begun, seconds = instant(record["startTime"]), manager.total(f"{ROLLOUTS}_sum") - spent
    assert begun is not None
    assert changed - 0.001 <= begun <= seen
    assert end <= begun + seconds < end + 1, "conditions have whole seconds"
    assert begun + seconds >= max(map(ready_since, lws.pods()))
    assert "rollout" not in lws.status
    assert record["revision"] == lws.pods()[0].revision != record["from"]
    lws.scale(3)
    await_whole(lws)
    assert gained(manager, before)["completed"] == 1, "scaling is none"


def test_a_rollout_goes_on_when_the_controller_is_killed_in_the_middle(manager: Manager, sets: Sets) -> None:
    lws = sets.create(replicas=1, size=2)
    await_whole(lws)
    lws.change(workerTemplate=template("worker", NEW, start_delay="2s"))
    record = record_of(lws)
    manager.kill()
    manager.start()
    end = available_since(lws)
    assert rollouts(manager) == {"completed": 1, "superseded": 0, "rolled_back": 0}
    begun, seconds = instant(record["startTime"]), manager.total(f"{ROLLOUTS}_sum")
    assert begun is not None
    assert end <= begun + seconds < end + 1
    manager.kill()
    manager.start()
    until("the set's gauges", lambda: gauges(manager, lws))
    assert sum(rollouts(manager).values()) == 0, "what has ended is not measured again"


@pytest.fixture
def definition_without_records(cluster: Cluster, manager: Manager) -> Iterator[None]:
    """As the upstream project's: the API server drops what its schema lacks."""

    def prune(definition: dict[str, Any]) -> None:
        [version] = definition["spec"]["versions"]
        status = version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
        del status["rollout"], status["groups"]

    edit(cluster.client, CRDS, "leaderworkersets.leaderworkerset.x-k8s.io", prune)
    yield
    manager.kill()
    apply_crds(cluster.client)
    manager.start()


@pytest.mark.usefixtures("definition_without_records")
def test_under_a_definition_without_records_it_is_remembered(
    cluster: Cluster, manager: Manager, sets: Sets
) -> None:
    lws = sets.create(replicas=1, size=2)
    await_whole(lws)
    lws.until("the definition's effect", lambda: pruned(lws))
    before, audit = rollouts(manager), AuditLog(cluster.audit_log)
    audit.mark()
    lws.change(workerTemplate=template("worker", NEW, start_delay="3s"))
    until("a rollout", lambda: gauges(manager, lws).get("lws_rollout_in_progress"))
    lws.await_available()
    assert gained(manager, before) == {"completed": 1, "superseded": 0, "rolled_back": 0}
    assert gauges(manager, lws)["lws_rollout_in_progress"] == 0
    assert audit.writes()["patch leaderworkersets/status"] <= 5, "not written over and over"


def pruned(lws: LiveSet) -> bool:
    """Whether the API server drops such a record now."""
    record = {"status": {"rollout": {"revision": "none"}}}
    written = lws.client.merge_patch(
        LEADERWORKERSETS, dict, lws.name, record, namespace=lws.namespace, subresource="status"
    )
    return "rollout" not in written["status"]


def test_a_rollout_that_is_superseded_and_one_that_is_taken_back(manager: Manager, sets: Sets) -> None:
    lws = sets.create(replicas=1, size=1)
    await_whole(lws)
    before = rollouts(manager)
    first = template("leader", NEW, start_delay="1h")
    second = template("leader", OTHER, start_delay="1h")
    records: list[dict[str, Any]] = []
    for changed in (first, second, first):
        lws.change(leaderTemplate=changed, workerTemplate=changed)
        records.append(lws.until("a new one", lambda: record_of(lws), lambda seen: seen not in records))
    assert gained(manager, before) == {"completed": 0, "superseded": 1, "rolled_back": 1}
    assert [x["from"] for x in records[1:]] == [x["revision"] for x in records[:-1]]
    assert records[0]["revision"] == records[2]["revision"]


def test_groups_becoming_ready_and_being_recreated(manager: Manager, sets: Sets) -> None:
    counted, spent = manager.total(f"{STARTS}_count"), manager.total(f"{STARTS}_sum")
    lws = sets.create(replicas=2, size=2, workerTemplate=template("worker", start_delay="1s"))
    await_whole(lws)
    until("both groups", lambda: manager.total(f"{STARTS}_count") - counted, lambda seen: seen == 2)
    took = [
        max(map(ready_since, lws.group(x))) - epoch(lws.group(x)[0].document["metadata"]["creationTimestamp"])
        for x in (0, 1)
    ]
    assert sum(took) <= manager.total(f"{STARTS}_sum") - spent <= sum(took) + 2 * 3, (
        "whole seconds, and a watch"
    )

    recreated = manager.total("lws_group_recreations_total", cause="pod_deleted")
    old = lws.uids(1)
    lws.delete_pod(f"{lws.name}-1-1")
    lws.await_replaced(old, group=1)
    await_whole(lws)
    assert manager.total("lws_group_recreations_total", cause="pod_deleted") == recreated + 1
    until("the new group", lambda: manager.total(f"{STARTS}_count") - counted, lambda seen: seen == 3)

    manager.stop()
    manager.start()
    until("the set's gauges", lambda: gauges(manager, lws))
    assert manager.total(f"{STARTS}_count") == 0, "ready before this process came"


def test_gauges_come_and_go_with_their_set(manager: Manager, sets: Sets) -> None:
    lws = sets.create(replicas=2, size=2)
    await_whole(lws)
    wanted = {
        "lws_rollout_in_progress": 0,
        "lws_groups_desired": 2,
        "lws_groups_ready": 2,
        "lws_groups_updated": 2,
        "lws_groups_recreated": 0,
    }
    until("its gauges", lambda: gauges(manager, lws), lambda seen: seen == wanted)
    lws.delete()
    until("them to be gone", lambda: gauges(manager, lws), lambda seen: not seen)
