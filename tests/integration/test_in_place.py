"""Updates in place on a real cluster: images change, pods stay (beyond.md, 1.4 and 1.5)."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from support.audit import AuditLog
from support.cluster import Cluster
from support.image_sets import BAD, NEW, PULLED, SAME, SLOW, create, images, nodes, restarts
from support.manager import Manager
from support.samples import apply_sample
from support.sets import IMAGE, Document, LivePod, LiveSet, Sets, live_pod
from support.snapshots import pods_since, version_of
from support.wholeness import await_whole

from lws.api import constants as c

pytestmark = pytest.mark.integration


def deleted(log: AuditLog, lws: LiveSet) -> list[str]:
    """Pods of the set that anybody has deleted since the log's mark."""
    found = (x.name for x in log.requests() if x.what == "delete pods")
    return [x for x in found if x.startswith(f"{lws.name}-")]


def test_images_change_and_pods_stay(sets: Sets, cluster: Cluster) -> None:
    """beyond.md, 1.5.1 and 1.5.14."""
    lws = create(sets, "stays", replicas=3, size=4)
    before, log = nodes(lws), AuditLog(cluster.audit_log, "")
    log.mark()
    lws.change(**images(NEW, NEW))
    lws.await_condition(c.UPDATE_IN_PROGRESS)
    await_whole(lws)
    assert nodes(lws) == before
    assert {(pod.image, restarts(pod)) for pod in lws.pods()} == {(NEW, 1)}
    assert (lws.status["updatedReplicas"], [x["revision"] for x in lws.revisions()], lws.partition) == (
        3,
        [2],
        0,
    )
    assert deleted(log, lws) == []
    assert {x["spec"]["updateStrategy"]["type"] for x in lws.worker_sets()} == {c.ROLLING_UPDATE}
    old = lws.uids(1)
    lws.delete_pod(f"{lws.name}-1")
    lws.await_replaced(old, group=1)
    await_whole(lws)
    assert {(pod.image, restarts(pod)) for pod in lws.group(1)} == {(NEW, 0)}


def test_only_what_changes_restarts(sets: Sets) -> None:
    """beyond.md, 1.5.4, 1.5.7 and 1.5.10: role by role, tags of one digest too; none recreated."""
    lws = create(sets, replicas=2, size=3)
    before = nodes(lws)
    lws.change(**images(worker=NEW))
    await_whole(lws)
    assert {(pod.worker > 0, restarts(pod)) for pod in lws.pods()} == {(False, 0), (True, 1)}
    lws.change(**images(SAME, NEW))
    await_whole(lws)
    assert {restarts(pod) for pod in lws.pods()} == {1}
    lws.change(**images(NEW, SAME))
    await_whole(lws)
    assert {restarts(pod) for pod in lws.pods()} == {2}
    assert nodes(lws) == before
    assert [x for x in lws.notes() if "recreat" in x] == []


def test_one_group_after_another(sets: Sets) -> None:
    """beyond.md, 1.5.3: with maxUnavailable 1 no two groups are down after any write of a pod."""
    lws = create(sets, replicas=3, size=2)
    before, version = lws.uids(), version_of(lws)
    pods = {pod.name: pod for pod in lws.pods()}
    lws.change(**images(PULLED, PULLED))
    await_whole(lws)
    order: list[int] = []
    for what, document in pods_since(lws, version):
        assert what == "MODIFIED"
        pod = live_pod(document)
        pods[pod.name] = pod
        down = groups_down(pods.values())
        assert len(down) <= 1
        order.extend(x for x in down if x not in order)
    assert (order, groups_down(pods.values()), lws.uids()) == ([2, 1, 0], set(), before)


def groups_down(pods: Iterable[LivePod]) -> set[int]:
    """Those of which some pod is not ready, or does not run what it is to run, or not what its group does."""
    wanted: dict[int, set[str]] = {}
    for pod in pods:
        wanted.setdefault(pod.group, set()).add(pod.image)
    return {x for x, found in wanted.items() if len(found) > 1} | {
        pod.group for pod in pods if not pod.ready or pod.image not in runs(pod)
    }


def runs(pod: LivePod) -> list[str]:
    return [str(x["image"]) for x in pod.document["status"]["containerStatuses"]]


def test_what_cannot_be_done_in_place_is_done_anew(sets: Sets) -> None:
    """beyond.md, 1.5.5 and 1.5.6: with one event that names the path."""
    lws = create(sets, replicas=2, size=2)
    before = lws.uids()
    changed = images(NEW, NEW)
    changed["workerTemplate"]["spec"]["containers"][0]["env"] = [{"name": "A", "value": "1"}]
    lws.change(**changed)
    lws.await_replaced(before)
    await_whole(lws)
    path = "spec.leaderWorkerTemplate.workerTemplate.spec.containers[0].env differs"
    notes = lws.until("the event", lambda: lws.notes(c.REASON_IN_PLACE_FALLBACK))
    assert (len(notes), [path in x for x in notes]) == (1, [True])
    before = lws.uids()
    for role in ("leaderTemplate", "workerTemplate"):
        changed[role]["metadata"]["annotations"][c.RESTARTED_AT_ANNOTATION] = "2026-11-30T00:00:00Z"
    lws.change(**changed)
    lws.await_replaced(before)
    await_whole(lws)


def test_a_bad_image_stops_the_roll_and_a_good_one_heals_it(sets: Sets) -> None:
    """beyond.md, 1.5.8: no other group is touched, and none is recreated."""
    lws = create(sets, replicas=3, size=2)
    before = lws.uids()
    lws.change(**images(BAD, BAD))
    lws.until("the bad image", lambda: waiting(lws, 2), lambda seen: seen == 2)
    assert {pod.image for pod in lws.pods() if pod.group < 2} == {IMAGE}
    lws.change(**images())
    lws.await_available()
    assert ({pod.image for pod in lws.pods()}, lws.uids()) == ({IMAGE}, before)


def test_a_bad_image_costs_one_recreation_at_the_deadline(sets: Sets) -> None:
    """beyond.md, 1.5.8 and 1.5.9: once the deadline is over, and of that group alone."""
    lws = create(sets, replicas=2, size=2, inPlaceUpdate={"deadlineSeconds": 30})
    before = {index: lws.uids(index) for index in (0, 1)}
    lws.change(**images(BAD, IMAGE))
    lws.await_replaced(before[1], group=1)
    notes = lws.until("the event", lambda: lws.notes(c.REASON_IN_PLACE_FALLBACK))
    assert ["did not run within 30 seconds" in x for x in notes] == [True]
    replaced = lws.until("the new pods", lambda: lws.uids(1), lambda seen: len(seen) == 2)
    lws.change(**images(NEW, NEW))
    await_whole(lws)
    assert (lws.uids(0), lws.uids(1)) == (before[0], replaced)


def test_a_crash_after_an_update_costs_one_recreation(sets: Sets) -> None:
    """beyond.md, 1.5.9: the restarts of the update are none, the one after it is."""
    lws = create(sets, replicas=2, size=3)
    lws.change(**images(NEW, NEW))
    await_whole(lws)
    untouched, old = lws.uids(0), lws.uids(1)
    recorded = lws.status["groups"]["1"]["restartCounts"]
    assert recorded == "0=1,1=1,2=1"
    lws.annotate_pod(f"{lws.name}-1-1", "hollow.lws/restart", "0s")
    lws.await_replaced(old, group=1)
    await_whole(lws)
    assert lws.uids(0) == untouched
    lws.until("the event", lambda: [x for x in lws.notes(c.REASON_RECREATE_GROUP) if "group 1" in x])


def test_a_worker_that_goes_meanwhile_costs_one_recreation(sets: Sets) -> None:
    """beyond.md, 1.5.12: of its group, on the new revision at once."""
    lws = create(sets, replicas=2, size=3)
    untouched, old = lws.uids(0), lws.uids(1)
    lws.change(**images(SLOW, SLOW))
    lws.until("the change of group 1", lambda: {x.image for x in lws.group(1)}, lambda seen: seen == {SLOW})
    lws.delete_pod(f"{lws.name}-1-2", grace_period=0)
    lws.await_replaced(old, group=1)
    assert {pod.image for pod in lws.group(1)} <= {SLOW}
    await_whole(lws)
    assert lws.uids(0) == untouched
    assert {pod.image for pod in lws.pods()} == {SLOW}


def test_the_partition_holds_groups_back(sets: Sets) -> None:
    """beyond.md, 1.5.13: those below it do not carry the new revision early."""
    lws = create(sets, replicas=4, size=2, partition=2)
    before = lws.uids()
    lws.change(**images(NEW, NEW))
    lws.await_available()
    assert [pod.image for pod in lws.pods()] == [IMAGE] * 4 + [NEW] * 4
    hashes = {pod.document["metadata"]["labels"][c.CONTROLLER_REVISION_LABEL] for pod in leaders(lws)[:2]}
    status = lws.leader_set()["status"]
    assert (hashes, status["updatedReplicas"]) == ({status["currentRevision"]}, 2)
    lws.change(partition=0)
    await_whole(lws)
    assert ({pod.image for pod in lws.pods()}, lws.uids()) == ({NEW}, before)


def test_a_leader_with_a_gate_is_drained_first(sets: Sets) -> None:
    """beyond.md, 1.4 and 1.5.15: its traffic ends, the grace passes, and then only images change; of a leader
    from before the gate nothing is waited for.
    """
    lws = create(sets, replicas=1, size=2)
    times = {"gracePeriodSeconds": 6}
    lws.change(groupReadiness=c.GROUP_READINESS_LEADER_GATE, inPlaceUpdate=times, **images(NEW, NEW))
    await_whole(lws)
    assert {restarts(pod) for pod in lws.pods()} == {1}
    old = lws.uids()
    lws.delete_pod(f"{lws.name}-0")
    lws.await_replaced(old)
    await_whole(lws)
    before = lws.uids()
    lws.change(**images())
    lws.until("the gate to close", lambda: gate(leaders(lws)[0]).get("reason") == c.REASON_UPDATING_IN_PLACE)
    assert {(pod.image, restarts(pod)) for pod in lws.pods()} == {(NEW, 0)}
    await_whole(lws)
    assert ({pod.image for pod in lws.pods()}, lws.uids()) == ({IMAGE}, before)
    assert gate(leaders(lws)[0])["status"] == "True"


def test_sidecars_and_plain_init_containers(sets: Sets) -> None:
    """beyond.md, 1.5.19: a sidecar's image changes in place, that of a plain init container does not."""
    lws = create(sets, replicas=1, size=2, **with_init(IMAGE, IMAGE))
    before = lws.uids()
    lws.change(**with_init(NEW, IMAGE))
    await_whole(lws)
    assert lws.uids() == before
    counts = [
        {x["name"]: x["restartCount"] for x in pod.document["status"]["initContainerStatuses"]}
        for pod in lws.pods()
    ]
    assert [x["sidecar"] for x in counts] == [1, 1]
    lws.change(**with_init(NEW, NEW))
    lws.await_replaced(before)
    await_whole(lws)


def test_groups_of_one_pod(sets: Sets) -> None:
    """A leader alone carries the marks itself; afterwards it is recreated for a crash, and only for that."""
    lws = create(sets, replicas=2, size=1, leaderTemplate=None)
    before = lws.uids()
    lws.change(workerTemplate=images(worker=NEW)["workerTemplate"])
    await_whole(lws)
    assert ({(pod.image, restarts(pod)) for pod in lws.pods()}, lws.uids()) == ({(NEW, 1)}, before)
    old = lws.uids(1)
    lws.annotate_pod(f"{lws.name}-1", "hollow.lws/restart", "0s")
    lws.await_replaced(old, group=1)
    await_whole(lws)
    assert lws.uids(0) <= before


def with_init(sidecar: str, plain: str) -> Document:
    """Both roles with init containers of these images."""
    members = images()
    for role in members.values():
        role["spec"]["initContainers"] = [
            {"name": "plain", "image": plain},
            {"name": "sidecar", "image": sidecar, "restartPolicy": "Always"},
        ]
    return members


def leaders(lws: LiveSet) -> list[LivePod]:
    return [pod for pod in lws.pods() if pod.worker == 0]


def gate(pod: LivePod) -> Document:
    found = pod.document["status"].get("conditions", [])
    return next((x for x in found if x["type"] == c.GROUP_READY_GATE), {})


def waiting(lws: LiveSet, group: int) -> int:
    """How many containers of the group wait for their image."""
    return sum(
        "waiting" in status["state"]
        for pod in lws.group(group)
        for status in pod.document["status"]["containerStatuses"]
    )


def test_the_guide(sets: Sets, manager: Manager) -> None:
    """docs/guides/in-place-updates.md."""
    lws = apply_sample(sets, "in-place-update.yaml")
    await_whole(lws)
    before = nodes(lws)
    patch = lws.get()["spec"]["leaderWorkerTemplate"]["workerTemplate"]
    patch["spec"]["containers"][0]["image"] = "nginxinc/nginx-unprivileged:1.28"
    lws.change(workerTemplate=patch)
    lws.await_condition(c.UPDATE_IN_PROGRESS)
    await_whole(lws)
    assert nodes(lws) == before
    assert {restarts(pod) for pod in lws.pods()} == {1}
