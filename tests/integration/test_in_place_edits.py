"""Updates in place on a real cluster, and what users do in the middle of one (beyond.md, 1.4, Interplay)."""

from __future__ import annotations

from collections import Counter

import pytest
from support.audit import WRITES, AuditLog
from support.cluster import Cluster
from support.image_sets import BAD, CRASHING, NEW, SAME, SLOW, await_image, begin, create, images, restarts
from support.kubectl import Kubectl
from support.sets import IMAGE, Document, LiveSet, Sets
from support.snapshots import made_since, version_of
from support.waiting import steady
from support.wholeness import await_whole

from lws.api import constants as c
from lws.api.timestamps import epoch
from lws.kube.resources import PODS, STATEFULSETS

pytestmark = pytest.mark.integration


def test_edits_in_a_row_and_back(sets: Sets, cluster: Cluster, namespace: str) -> None:
    """Each before the one before it is done; no pod is ever replaced."""
    kept = {"annotations": {c.HISTORY_LIMIT_ANNOTATION: "3"}}
    lws = create(sets, replicas=3, size=2, metadata=kept)
    before, kubectl = lws.uids(), Kubectl(cluster, namespace)
    begin(lws, 2)
    lws.change(**images(SAME, NEW))
    await_image(lws, 2, SAME)
    kubectl.lws("undo", lws.name)
    await_image(lws, 2, SLOW)
    lws.change(**images(IMAGE, NEW))
    lws.await_available()
    assert lws.uids() == before
    assert {(pod.image, pod.worker) for pod in lws.pods()} == {(IMAGE, 0), (NEW, 1)}


def test_another_field_in_mid_roll(sets: Sets) -> None:
    """Then every group goes anew, each pod once, those that were under way too."""
    lws = create(sets, replicas=3, size=2)
    version, before = version_of(lws), lws.uids()
    begin(lws, 2)
    changed = images(NEW, NEW)
    changed["workerTemplate"]["spec"]["containers"][0]["env"] = [{"name": "A", "value": "1"}]
    lws.change(**changed)
    lws.await_replaced(before)
    await_whole(lws)
    assert made_since(lws, version) == Counter(pod.name for pod in lws.pods())


def test_a_pause_in_mid_roll(sets: Sets, cluster: Cluster, namespace: str) -> None:
    """What is under way is finished, nothing else begins; resumed, the rest follows."""
    lws, kubectl = create(sets, replicas=3, size=2), Kubectl(cluster, namespace)
    before = lws.uids()
    lws.change(**images(BAD, BAD))
    await_image(lws, 2, BAD)
    kubectl.lws("pause", lws.name)
    for pod in lws.group(2):
        lws.annotate_pod(pod.name, "hollow.lws/images", "{}")  # now it can be pulled
    lws.until("group 2", lambda: lws.status.get("updatedReplicas"), lambda seen: seen == 1)
    lws.until("all ready", lambda: lws.status.get("readyReplicas"), lambda seen: seen == 3)
    found = steady("the images", lambda: [pod.image for pod in lws.pods()], window=2.0)
    assert found == [IMAGE] * 4 + [BAD] * 2
    kubectl.lws("resume", lws.name)
    await_image(lws, 1, BAD)
    lws.change(**images(NEW, NEW))
    await_whole(lws)
    assert (lws.uids(), {pod.image for pod in lws.pods()}) == (before, {NEW})


def test_other_sizes_in_mid_roll(sets: Sets) -> None:
    """New groups come from the new template, those that go go, and the others stay."""
    lws = create(sets, replicas=3, size=2)
    before = {index: lws.uids(index) for index in range(3)}
    begin(lws, 2)
    lws.scale(5)
    await_image(lws, 1, SLOW)
    lws.scale(2)
    await_whole(lws)
    assert {index: lws.uids(index) for index in range(2)} == {0: before[0], 1: before[1]}
    lws.change(**images(NEW, SLOW))
    await_image(lws, 1, NEW)
    lws.scale(4)
    await_whole(lws)
    assert {index: lws.uids(index) for index in range(2)} == {0: before[0], 1: before[1]}
    assert {(pod.group, restarts(pod)) for pod in lws.pods() if pod.group > 1} == {(2, 0), (3, 0)}


@pytest.mark.parametrize("policy", [c.RESTART_RECREATE_GROUP, c.RESTART_RECREATE_GROUP_AFTER_START])
def test_a_leader_is_deleted_meanwhile(sets: Sets, policy: str) -> None:
    """Its group comes again on the new template, the others stay. Who is quick enough makes the leader of the
    former template at first, as the partition says until it moves.
    """
    lws = create(sets, replicas=2, size=3, restartPolicy=policy)
    version, kept, old = version_of(lws), lws.uids(0), lws.uids(1)
    begin(lws, 1)
    lws.delete_pod(f"{lws.name}-1")
    lws.await_replaced(old, group=1)
    await_whole(lws)
    assert (lws.uids(0), {pod.image for pod in lws.pods()}) == (kept, {SLOW})
    made = made_since(lws, version)
    assert (made.keys(), max(made.values()) <= 2) == ({pod.name for pod in lws.group(1)}, True)


def test_a_crash_of_another_container_meanwhile(sets: Sets) -> None:
    """beyond.md, 1.5.9: while a group waits for its image, a container that stays crashes: no recreation."""
    lws = create(sets, replicas=2, size=2, **with_helper(IMAGE))
    before = lws.uids()
    lws.change(**with_helper(BAD))
    await_waiting(lws, f"{lws.name}-1-1")
    lws.annotate_pod(f"{lws.name}-1-1", "hollow.lws/restart", "0s")
    lws.until("the crash", lambda: helper(lws, f"{lws.name}-1-1")["restartCount"])
    lws.change(**with_helper(NEW))
    await_whole(lws)
    assert lws.uids() == before
    assert lws.notes(c.REASON_RECREATE_GROUP) == []


def test_an_image_that_crashes_is_borne_and_another_heals(sets: Sets) -> None:
    """beyond.md, 1.5.8 and 1.5.9: however often it restarts meanwhile, no group is recreated for it."""
    lws = create(sets, replicas=2, size=2)
    before = lws.uids()
    lws.change(**images(IMAGE, CRASHING))
    lws.until("crashes", lambda: sum(restarts(x) for x in lws.group(1)), lambda seen: seen > 2)
    assert {pod.image for pod in lws.group(0)} == {IMAGE}
    lws.change(**images(IMAGE, NEW))
    await_whole(lws)
    assert (lws.uids(), lws.notes(c.REASON_RECREATE_GROUP)) == (before, [])


def with_helper(image: str) -> Document:
    members = images(IMAGE, image)
    members["workerTemplate"]["spec"]["containers"].append({"name": "helper", "image": IMAGE})
    return members


def helper(lws: LiveSet, pod: str) -> Document:
    return container(lws, pod, "helper")


def container(lws: LiveSet, pod: str, name: str) -> Document:
    statuses = lws.client.get(PODS, dict, pod, lws.namespace)["status"]["containerStatuses"]
    return next(x for x in statuses if x["name"] == name)


def await_waiting(lws: LiveSet, pod: str) -> None:
    def look() -> str:
        return str(container(lws, pod, "worker")["state"].get("waiting", {}).get("reason"))

    lws.until("the image that is not there", look, "ImagePullBackOff".__eq__)


def test_a_pod_that_somebody_changes_meanwhile(sets: Sets) -> None:
    """It does not run what it should, whoever wrote that: its group goes anew, and no other."""
    lws = create(sets, replicas=2, size=2)
    kept, old = lws.uids(0), lws.uids(1)
    begin(lws, 1)
    patch = {"spec": {"containers": [{"name": "worker", "image": SAME}]}}
    lws.client.merge_patch(PODS, dict, f"{lws.name}-1-1", patch, namespace=lws.namespace, strategic=True)
    lws.await_replaced(old, group=1)
    await_whole(lws)
    assert (lws.uids(0), {pod.image for pod in lws.pods()}) == (kept, {SLOW})


def test_labels_change_with_an_image(sets: Sets) -> None:
    """beyond.md, 1.4: one comes, one changes and one goes; without an image the group is recreated."""
    lws = create(sets, replicas=2, size=2, **labelled(IMAGE, version="1", old="x"))
    before = lws.uids()
    lws.change(**labelled(NEW, version="2", old=None, new="y"))
    await_whole(lws)
    assert lws.uids() == before
    found = [pod.document["metadata"]["labels"] for pod in lws.pods()]
    assert [(x["version"], x["new"], "old" in x) for x in found] == [("2", "y", False)] * 4
    lws.change(**labelled(NEW, version="3"))
    lws.await_replaced(before)
    await_whole(lws)


def labelled(image: str, **labels: str | None) -> Document:
    members = images(image, image)
    for role in members.values():
        role["metadata"]["labels"] = labels
    return members


def test_to_nothing_and_back_in_mid_roll(sets: Sets) -> None:
    """What comes then is of the new template, and in place from there."""
    lws = create(sets, replicas=2, size=2)
    old = lws.uids()
    begin(lws, 1)
    lws.scale(0)
    lws.until("no pods", lambda: not lws.pods())
    lws.scale(2)
    await_whole(lws)
    assert {pod.image for pod in lws.pods()} == {SLOW}
    before = lws.uids()
    assert not before & old
    lws.change(**images(NEW, NEW))
    await_whole(lws)
    assert (lws.uids(), {pod.image for pod in lws.pods()}) == (before, {NEW})


@pytest.mark.parametrize("policy", [c.RESTART_NONE, c.RESTART_RECREATE_GROUP])
def test_a_worker_stateful_set_is_deleted_meanwhile(sets: Sets, policy: str) -> None:
    """The mark goes with it; the group ends whole and new all the same, and the other stays."""
    lws = create(sets, replicas=2, size=3, restartPolicy=policy)
    kept, workers = lws.uids(0), {x.uid for x in lws.group(1) if x.worker}
    begin(lws, 1)
    lws.client.delete(STATEFULSETS, dict, f"{lws.name}-1", namespace=lws.namespace, propagation="Background")
    lws.await_replaced(workers, group=1)
    await_whole(lws)
    assert (lws.uids(0), {pod.image for pod in lws.pods()}) == (kept, {SLOW})


def test_deletion_in_mid_roll(sets: Sets) -> None:
    """Nothing is left, and nothing is made for a set that goes."""
    lws = create(sets, replicas=2, size=2)
    begin(lws, 1)
    lws.delete("Foreground")
    lws.until("everything to go", lambda: not lws.children())


@pytest.mark.parametrize("gate", [c.GROUP_READINESS_LEADER_GATE, None])
def test_groups_on_probation(sets: Sets, gate: str | None) -> None:
    """minReadySeconds, and a leader that is awaited: between the last start of one group's containers and the
    first of the next are six seconds, with a gate and where no kubelet says that anything was down.
    """
    lws = create(
        sets,
        replicas=2,
        size=2,
        minReadySeconds=6,
        groupReadiness=gate,
        startupPolicy=c.STARTUP_LEADER_READY,
    )
    before = lws.uids()
    lws.change(**images(NEW, NEW))
    await_whole(lws)
    assert lws.uids() == before
    started = {pod.name: epoch(running_since(pod.document)) for pod in lws.pods()}
    first = max(started[f"{lws.name}-1"], started[f"{lws.name}-1-1"])
    second = min(started[f"{lws.name}-0"], started[f"{lws.name}-0-1"])
    assert second - first >= 5  # both cut off to seconds


def running_since(pod: Document) -> str:
    return str(pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"])


def test_what_a_group_costs(sets: Sets, cluster: Cluster) -> None:
    """beyond.md, 1.5.20: no more than size + 6 writes to objects of a group, and none to a pod's status."""
    lws, log = create(sets, "costs", replicas=12, size=3, maxUnavailable=4), AuditLog(cluster.audit_log)
    before = lws.uids()
    log.mark()
    lws.change(**images(NEW, NEW))
    await_whole(lws)
    assert lws.uids() == before
    wrote: Counter[int] = Counter()
    for request in log.requests():
        about, found = request.name.partition("costs-")[::2]
        if request.resource in ("pods", "statefulsets") and request.verb in WRITES and not about and found:
            assert request.subresource == ""
            wrote[int(found.partition("-")[0])] += 1
    assert set(wrote) == set(range(12))
    assert max(wrote.values()) <= 9
    assert log.writes()["patch pods/status"] == 0
