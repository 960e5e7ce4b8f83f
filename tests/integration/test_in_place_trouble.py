"""Updates in place on a real cluster, and what comes in between: processes that end, kubelets that are away,
refusals, other edits, other controllers (beyond.md, 1.5).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from support.audit import AuditLog
from support.cluster import Cluster
from support.editing import edit
from support.image_sets import BAD, NEW, PULLED, SAME, await_image, create, images, nodes, restarts
from support.kubectl import Kubectl
from support.latewatch import late_watch_of_pods
from support.manager import Manager
from support.policies import policy
from support.scene import Scene
from support.sets import IMAGE, Document, LiveSet, Sets
from support.snapshots import snapshot
from support.wholeness import await_whole, problems

from hack.tools.run import apply_crds
from lws.api import constants as c
from lws.kube.client import Client
from lws.kube.errors import Invalid, NotFound
from lws.kube.resources import CRDS, NODES, PODS

pytestmark = pytest.mark.integration

CRD = "leaderworkersets.leaderworkerset.x-k8s.io"


def test_without_the_field_the_roll_is_as_ever(sets: Sets, manager: Manager, cluster: Cluster) -> None:
    """beyond.md, 1.5.2: no pod is patched, nothing carries a mark, and all are replaced."""
    lws = create(sets, replicas=2, size=2, podUpdatePolicy=None)
    log, before = AuditLog(cluster.audit_log), lws.uids()
    log.mark()
    lws.change(**images(NEW, NEW))
    lws.await_replaced(before)
    await_whole(lws)
    assert log.writes()["patch pods"] == 0
    objects = [*(x.document for x in lws.pods()), lws.leader_set(), *lws.worker_sets()]
    assert {c.IN_PLACE_ANNOTATION in x["metadata"].get("annotations", {}) for x in objects} == {False}
    assert {x["spec"]["updateStrategy"]["type"] for x in lws.worker_sets()} == {c.ROLLING_UPDATE}


def test_a_controller_that_is_killed_again_and_again(sets: Sets, manager: Manager, cluster: Cluster) -> None:
    """beyond.md, 1.5.11: after some write of pods each time; every pod is still there."""
    lws = create(sets, replicas=4, size=3)
    before, log = nodes(lws), AuditLog(cluster.audit_log)
    log.mark()
    lws.change(**images(PULLED, PULLED))
    for written in (1, 3, 6, 8, 10):
        lws.until("more pods", lambda: log.writes()["patch pods"], lambda seen, to=written: seen >= to)
        manager.kill()
        manager.start()
    await_whole(lws)
    assert nodes(lws) == before
    assert {(pod.image, restarts(pod)) for pod in lws.pods()} == {(PULLED, 1)}
    assert log.writes()["delete pods"] == 0


def test_a_statefulset_controller_that_hears_of_pods_late(sets: Sets, cluster: Cluster) -> None:
    """beyond.md, 1.5.11: by a second more than of StatefulSets; it replaces no pod, there and back."""
    lws = create(sets, replicas=4, size=3, maxUnavailable=2)
    before, log = nodes(lws), AuditLog(cluster.audit_log, "kube-controller-manager")
    with late_watch_of_pods(cluster, 1.0):
        log.mark()
        for image in (NEW, IMAGE):
            lws.change(**images(image, image))
            await_whole(lws)
            assert (nodes(lws), {pod.image for pod in lws.pods()}) == (before, {image})
    assert {(pod.image, restarts(pod)) for pod in lws.pods()} == {(IMAGE, 2)}
    assert log.writes()["update statefulsets/status"] > 0


@contextlib.contextmanager
def kubelets_away(client: Client) -> Iterator[None]:
    def say(value: str | None) -> None:
        for node in client.list(NODES, dict):
            patch = {"metadata": {"annotations": {"hollow.lws/dead": value}}}
            client.merge_patch(NODES, dict, node["metadata"]["name"], patch)

    say("true")
    try:
        yield
    finally:
        say(None)


@pytest.mark.parametrize("turn", range(4))
def test_there_and_back_while_no_kubelet_looks(sets: Sets, turn: int) -> None:
    """An image changes and changes back before a container was restarted: none has to be."""
    lws = create(sets, replicas=2, size=2)
    before = lws.uids()
    with kubelets_away(sets.client):
        lws.change(**images(NEW, NEW))
        lws.until(
            "a change", lambda: [x for x in lws.pods() if x.image == NEW], lambda seen: len(seen) > turn % 2
        )
        lws.change(**images())
        lws.until("it to be taken back", lambda: {x.image for x in lws.pods()}, lambda seen: seen == {IMAGE})
    lws.await_available()
    assert lws.uids() == before
    lws.change(**images(NEW, NEW))
    await_whole(lws)
    assert (lws.uids(), {x.image for x in lws.pods()}) == (before, {NEW})


def test_groups_that_nothing_recreates(sets: Sets) -> None:
    """beyond.md, 1.5.16 and 1.5.18, restartPolicy None: restarts before and after matter to nobody; a pod
    that somebody else changed makes its group go anew, and no other.
    """
    lws = create(sets, replicas=2, size=2, restartPolicy=c.RESTART_NONE)
    lws.annotate_pod(f"{lws.name}-0-1", "hollow.lws/restart", "0s")
    lws.until("its restart", lambda: sum(restarts(x) for x in lws.group(0)))
    patch = {"spec": {"containers": [{"name": "worker", "image": SAME}]}}
    lws.client.merge_patch(PODS, dict, f"{lws.name}-1-1", patch, namespace=lws.namespace, strategic=True)
    lws.until("its restart", lambda: sum(restarts(x) for x in lws.group(1)))
    await_whole(lws)
    kept, gone = lws.uids(0), lws.uids(1)
    lws.change(**images(NEW, NEW))
    lws.await_replaced(gone, group=1)
    await_whole(lws)
    assert lws.uids(0) == kept
    assert {pod.image for pod in lws.pods()} == {NEW}


def test_what_a_policy_refuses_is_done_anew(sets: Sets, namespace: str) -> None:
    """beyond.md, 1.4: pods that may not be changed are recreated, each group once, in the server's words."""
    lws = create(sets, replicas=2, size=2)
    before = lws.uids()
    refused = f"request.operation == 'UPDATE' && object.spec.containers.exists(c, c.image == '{NEW}')"
    with policy(sets.client, namespace, resource=PODS, refused=refused, code="Invalid"):
        lws.until("the policy", lambda: probe(lws), seconds=30)
        lws.change(**images(NEW, NEW))
        lws.await_replaced(before)
        await_whole(lws)
    notes = lws.until(
        "both events", lambda: lws.notes(c.REASON_IN_PLACE_FALLBACK), lambda seen: len(seen) == 2
    )
    assert all("image not allowed" in x for x in notes)
    assert {(x.image, restarts(x)) for x in lws.pods()} == {(NEW, 0)}


def probe(lws: LiveSet) -> bool:
    """Whether the policy is in effect, which takes a moment; nothing is changed."""
    [pod, *_] = lws.pods()
    containers = [{"name": pod.document["spec"]["containers"][0]["name"], "image": NEW}]
    patch = {"spec": {"containers": containers}}
    try:
        lws.client.merge_patch(
            PODS, dict, pod.name, patch, namespace=lws.namespace, strategic=True, dry_run=True
        )
    except Invalid:
        return True
    return False


def test_surge_partition_undo_and_restart(sets: Sets, cluster: Cluster, namespace: str) -> None:
    """beyond.md, 1.4, Interplay: the groups that are there stay through all but the restart."""
    lws = create(sets, replicas=3, size=2, maxSurge=1, maxUnavailable=0, partition=2)
    before = {index: lws.uids(index) for index in range(3)}
    lws.change(**images(NEW, NEW))
    lws.await_available()
    assert [x.image for x in lws.pods() if x.group < 3] == [IMAGE] * 4 + [NEW] * 2
    lws.change(partition=0)
    await_whole(lws)
    lws.change(**images())
    await_whole(lws)
    assert {index: lws.uids(index) for index in range(3)} == before
    Kubectl(cluster, namespace).lws("restart", lws.name)
    lws.await_replaced({uid for uids in before.values() for uid in uids})
    await_whole(lws)
    assert {(x.image, restarts(x)) for x in lws.pods()} == {(IMAGE, 0)}


@contextlib.contextmanager
def upstreams_crd(lws: LiveSet) -> Iterator[None]:
    """The CRD as upstream has it, as far as updates in place go: the field is pruned."""
    client = lws.client

    def prune(crd: dict[str, Any]) -> None:
        for version in crd["spec"]["versions"]:
            spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
            rolling = spec["rolloutStrategy"]["properties"]["rollingUpdateConfiguration"]["properties"]
            for name in ("podUpdatePolicy", "inPlaceUpdate"):
                rolling.pop(name, None)

    edit(client, CRDS, CRD, prune)
    try:
        yield
    finally:
        apply_crds(client)
        lws.until("updates in place again", lambda: rolls_in_place(lws))


def test_under_upstreams_crd_groups_are_recreated(sets: Sets) -> None:
    """beyond.md, 0: the field vanishes with the next write, and nothing restarts for that."""
    lws = create(sets, replicas=2, size=2)
    lws.change(**images(NEW, NEW))
    await_whole(lws)
    updated = lws.uids()
    with upstreams_crd(lws):
        lws.until("the field to go", lambda: pruned(lws))
        await_whole(lws)
        assert lws.uids() == updated
        lws.change(**images())
        lws.await_replaced(updated)
        await_whole(lws)


def test_under_upstreams_crd_what_is_under_way_is_finished(sets: Sets) -> None:
    """beyond.md, 0: the field vanishes in mid-roll; the groups that are left are recreated."""
    lws = create(sets, replicas=2, size=2)
    before = {index: lws.uids(index) for index in (0, 1)}
    lws.change(**images(BAD, BAD))
    await_image(lws, 1, BAD)
    with upstreams_crd(lws):
        lws.until("the field to go", lambda: pruned(lws))
        # The same number in other words: a generation that nobody can see with the field.
        lws.change(rolloutStrategy={"rollingUpdateConfiguration": {"maxUnavailable": "50%"}})
        lws.until("the controller to see that", lws.get, seen_by_the_controller)
        lws.until("the end", lambda: pull(lws) or problems(lws), lambda seen: not seen)
        assert lws.uids(1) == before[1]
        assert not lws.uids(0) & before[0]


def seen_by_the_controller(lws: Document) -> bool:
    return bool(lws["status"].get("observedGeneration") == lws["metadata"]["generation"])


def pull(lws: LiveSet) -> None:
    """From now on the image that could not be pulled can."""
    for pod in lws.pods():
        if pod.document["metadata"]["annotations"]["hollow.lws/images"] != "{}":
            with contextlib.suppress(NotFound):  # it went meanwhile
                lws.annotate_pod(pod.name, "hollow.lws/images", "{}")


def pruned(lws: LiveSet) -> bool:
    """Writes the set, as any client does, until its schema takes effect."""
    lws.annotate(touched="true")
    lws.annotate(touched=None)
    return "podUpdatePolicy" not in rolling_of(lws.get())


def rolls_in_place(lws: LiveSet) -> bool:
    """Whether another roll replaces no pod.

    A watch that began under the former schema goes on for a moment, and shows the set without the field.
    """
    before, present = lws.uids(), lws.pods()[0].image
    lws.change(podUpdatePolicy=c.POD_UPDATE_IN_PLACE, **(images() if present == NEW else images(NEW, NEW)))
    await_whole(lws)
    return lws.uids() == before


def rolling_of(lws: Document) -> Document:
    found: Document = lws["spec"]["rolloutStrategy"]["rollingUpdateConfiguration"]
    return found


def test_a_set_that_was_updated_in_place_changes_hands(scene: Scene, namespace: str) -> None:
    """beyond.md, 1.5.17: to another process of ours it is at rest, and so it is to upstream's passes; what
    upstream's rule for restarts would do is announced before.
    """
    scene.enter()
    lws = create(scene.sets, replicas=2, size=2)
    lws.change(**images(NEW, NEW))
    await_whole(lws)
    said = Kubectl(scene.cluster, namespace).lws("status", lws.name)
    assert "2 groups updated in place, which upstream would recreate at once" in " ".join(said.split())
    before = snapshot(lws)
    scene.leave()
    upstream = scene.upstream(lws)
    for _ in range(3):
        upstream.reconcile()
    assert (upstream.revisions_made, snapshot(lws)) == (0, before)
    scene.enter()
    await_whole(lws)
    assert snapshot(lws) == before
