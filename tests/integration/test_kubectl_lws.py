"""``kubectl lws`` as users run it: the real kubectl, the plugin on its PATH, a real cluster."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from support.audit import AuditLog
from support.cluster import Cluster
from support.kubectl import Kubectl
from support.sets import Document, LiveSet, Sets, template
from support.waiting import steady, until
from support.wholeness import await_whole

from lws.api import constants as c

pytestmark = pytest.mark.integration

NEW, NEWER = "docker.io/nginxinc/nginx-unprivileged:1.28", "docker.io/nginxinc/nginx-unprivileged:1.29"
QUOTAS = "resourcequotas"


@pytest.fixture
def kubectl(cluster: Cluster, namespace: str) -> Kubectl:
    return Kubectl(cluster, namespace)


def worker(image: str, **faults: str) -> Document:
    return template("worker", image, **faults)


def causes(view: Document) -> dict[int | None, tuple[str, str]]:
    """Reason and pod by group; None: of the set as a whole."""
    return {x.get("group"): (x["reason"], x.get("pod", "")) for x in view["causes"]}


def keys(history: Document) -> dict[int, str]:
    return {x["revision"]: x["name"] for x in history["revisions"]}


def test_what_there_is(kubectl: Kubectl, sets: Sets, namespace: str) -> None:
    """tree by owners, as drawing and as a document; help; wide columns; one line for each mistake."""
    lws = sets.create("whole", replicas=2, size=3)
    await_whole(lws)
    view = kubectl.json("tree", "whole")
    pods = {pod.name: pod for pod in lws.pods()}
    assert [view[x] for x in ("namespace", "name", "replicas", "ready", "updated")] == [
        namespace,
        "whole",
        2,
        2,
        2,
    ]
    assert view["leaderStatefulSet"]["name"] == "whole"
    for group in view["groups"]:
        names = [x["name"] for x in group["workers"]]
        assert names == [f"whole-{group['index']}-{x}" for x in (1, 2)]
        assert group["workerStatefulSet"]["name"] == group["leader"]["name"] == f"whole-{group['index']}"
        for pod in (group["leader"], *group["workers"]):
            document = pods[pod["name"]].document
            assert (pod["node"], pod["revision"]) == (document["spec"]["nodeName"], view["revision"])
            assert (pod["ready"], pod["state"]) == (True, "Running")
    drawn = kubectl.lws("tree")
    assert all(f"pod/{name} " in drawn for name in pods)
    assert "\x1b" not in drawn
    assert all(word in kubectl.lws("--help") for word in ("tree", "why", "plan", "undo", "pause"))
    header, row = kubectl("get", "lws", "-o", "wide").splitlines()
    plain = kubectl("get", "lws").splitlines()[0].split()
    assert plain == ["NAME", "READY", "DESIRED", "UP-TO-DATE", "AGE"] == header.split()[:5]
    assert header.split()[5:] == ["SIZE", "PARTITION", "REVISION", "ROLLING-TO", "STATE", "STALLED", "FAILED"]
    assert row.split()[5:] == ["3", "0", view["revision"], "AllGroupsReady"]
    assert kubectl.lws("why", "absent", code=1).count("\n") == 1


def release(lws: LiveSet, group: int, *, not_of: str) -> None:
    """Let the worker of a group become ready, once it is of another revision than ``not_of``."""
    pods = lws.until(
        f"group {group} to be new", lambda: [x for x in lws.group(group) if x.worker and x.revision != not_of]
    )
    lws.annotate_pod(pods[0].name, "hollow.lws/not-ready", None)


def test_status_watches_a_roll_to_its_end(kubectl: Kubectl, sets: Sets) -> None:
    """It waits as long as the roll takes; time that is up is a failure."""
    lws = sets.create("rolling", replicas=2, size=2)
    await_whole(lws)
    first = revision(lws)
    lws.change(workerTemplate=worker(NEW, not_ready="true"))
    lws.await_condition(c.UPDATE_IN_PROGRESS)
    assert "timed out after 1s" in kubectl.lws("status", "rolling", "--watch", "--timeout", "1s", code=1)
    with kubectl.start("lws", "status", "rolling", "--watch") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith('leaderworkerset "rolling" waiting: ')
        for group in (1, 0):
            release(lws, group, not_of=first)
        said, _ = process.communicate(timeout=90)
    assert process.returncode == 0
    done = 'leaderworkerset "rolling" successfully rolled out: 2 groups updated and ready'
    assert said.splitlines()[-1] == done
    view = kubectl.json("status", "rolling")
    assert (view["done"], view["updated"], view["ready"], view["revision"]) == (True, 2, 2, revision(lws))


def revision(lws: LiveSet) -> str:
    return str(lws.leader_set()["metadata"]["labels"][c.REVISION_LABEL])


def test_history_and_undo(kubectl: Kubectl, sets: Sets) -> None:
    """Kept revisions are used again by their names; without the annotation there is nothing to go back to."""
    annotated = {"annotations": {c.HISTORY_LIMIT_ANNOTATION: "2"}}
    plain, kept = (
        sets.create("plain", replicas=1, size=2),
        sets.create("kept", replicas=1, size=2, metadata=annotated),
    )
    for lws in (plain, kept):
        lws.await_available()
        lws.change(workerTemplate=worker(NEW))
        lws.await_available()
    await_whole(plain)
    assert list(keys(kubectl.json("history", "plain"))) == [2]
    assert c.HISTORY_LIMIT_ANNOTATION in kubectl.lws("undo", "plain", code=1)
    before = keys(kubectl.json("history", "kept"))
    assert list(before) == [1, 2]
    pods = kept.uids()
    tried = kubectl.lws("undo", "kept", "--dry-run=server")
    assert tried.endswith("rolled back to revision 1 (server dry run)\n")
    assert keys(kubectl.json("history", "kept")) == before
    assert "rolled back to revision 1" in kubectl.lws("undo", "kept")
    kept.await_replaced(pods)
    kept.await_available()
    assert {pod.image for pod in kept.pods()}.isdisjoint({NEW})
    assert keys(kubectl.json("history", "kept")) == {2: before[2], 3: before[1]}
    kept.change(workerTemplate=worker(NEWER))
    kept.await_available()
    kubectl.lws("undo", "kept", "--to-revision", "2")
    kept.await_available()
    until("the number", lambda: keys(kubectl.json("history", "kept")).get(5), lambda seen: seen == before[2])
    kept.annotate(**{c.HISTORY_LIMIT_ANNOTATION: None})
    until("the history to go", lambda: len(kept.revisions()), lambda seen: seen == 1)


def test_a_named_group_is_recreated_once_and_no_other(kubectl: Kubectl, sets: Sets, cluster: Cluster) -> None:
    lws = sets.create("one-group", replicas=3, size=3)
    await_whole(lws)
    old = {group: lws.uids(group) for group in range(3)}
    log = AuditLog(cluster.audit_log)
    log.mark()
    kubectl.lws("restart", "one-group", "1")
    lws.await_replaced(old[1], group=1)
    await_whole(lws)
    new = lws.uids(1)
    assert steady("the pods", lambda: {group: lws.uids(group) for group in range(3)}) == {**old, 1: new}
    assert not new & old[1]
    deleted = Counter(x.name for x in log.requests() if (x.verb, x.resource) == ("delete", "pods"))
    assert deleted["one-group-1"] == 1
    assert {deleted[f"one-group-{x}"] for x in (0, 2)} == {0}
    assert "no group 7; groups: 0-2" in kubectl.lws("restart", "one-group", "7", code=1)


def test_pause_in_the_middle_of_a_roll_and_go_on(kubectl: Kubectl, sets: Sets) -> None:
    """Nothing is replaced while paused, a scale-up comes from the old template, and the partition returns."""
    lws = sets.create("paused", replicas=3, size=2, partition=1)
    await_whole(lws)
    first = revision(lws)
    lws.change(workerTemplate=worker(NEW, not_ready="true"))
    lws.until(
        "a group on the new template", lambda: [x for x in lws.group(2) if x.worker and x.revision != first]
    )
    kubectl.lws("pause", "paused")
    assert "already paused" in kubectl.lws("pause", "paused")
    release(lws, 2, not_of=first)
    lws.await_available()
    halted = kubectl.json("status", "paused")
    assert (halted["paused"], halted["done"], halted["updated"]) == (True, True, 1)
    lws.scale(4)
    lws.await_available()
    assert {pod.revision for pod in lws.group(0) + lws.group(1) + lws.group(3)} == {first}
    assert causes(kubectl.json("why", "paused"))[None][0] == "Paused"
    assert "is paused" in kubectl.lws("undo", "paused", code=1)
    assert "its partition is 1" in kubectl.lws("resume", "paused")
    for group in (3, 1):
        release(lws, group, not_of=first)
    kubectl.lws("status", "paused", "--watch", "--timeout", "60s")
    assert c.PAUSED_PARTITION_ANNOTATION not in lws.get()["metadata"].get("annotations", {})
    updated = {group: {pod.revision for pod in lws.group(group)} == {revision(lws)} for group in range(4)}
    assert updated == {0: False, 1: True, 2: True, 3: True}
    assert causes(kubectl.json("why", "paused")) == {None: ("Partition", "")}


def test_a_rolling_restart(kubectl: Kubectl, sets: Sets) -> None:
    lws = sets.create("again", replicas=2, size=2, maxUnavailable=2)
    await_whole(lws)
    old = lws.uids()
    kubectl.lws("restart", "again")
    lws.await_replaced(old)
    await_whole(lws)
    template_ = lws.get()["spec"]["leaderWorkerTemplate"]
    marks = {
        template_[x]["metadata"]["annotations"][c.RESTARTED_AT_ANNOTATION]
        for x in ("leaderTemplate", "workerTemplate")
    }
    assert len(marks) == 1


def test_why(kubectl: Kubectl, sets: Sets, cluster: Cluster, namespace: str) -> None:
    """Each way to be stuck is told from the others, by group and pod."""
    nowhere = worker(NEW)
    nowhere["spec"]["nodeSelector"] = {"disk": "tape"}
    sets.create(
        "crash", replicas=1, size=2, workerTemplate=worker(NEW, crash_loop="true"), restartPolicy="None"
    )
    sets.create("failed", replicas=1, size=2, workerTemplate=worker(NEW, restart="0s"), maxGroupRestarts=0)
    sets.create("nowhere", replicas=1, size=2, workerTemplate=nowhere)
    sets.create("unready", replicas=2, size=2, workerTemplate=worker(NEW, not_ready="true"))
    sets.create(
        "leader-first",
        replicas=1,
        size=2,
        startupPolicy=c.STARTUP_LEADER_READY,
        leaderTemplate=template("leader", not_ready="true"),
    )
    wanted: dict[str, dict[int | None, tuple[str, str]]] = {
        "crash": {0: ("CrashLoopBackOff", "crash-0-1")},
        "failed": {0: ("Failed", "failed-0")},
        "leader-first": {0: ("NotReady", "leader-first-0")},
        "nowhere": {0: ("Unschedulable", "nowhere-0-1")},
        "unready": {group: ("NotReady", f"unready-{group}-1") for group in (0, 1)},
    }

    def told() -> dict[str, Any]:
        return {x["name"]: causes(x) for x in kubectl.json("why")["items"]}

    until("every cause", told, lambda seen: seen == wanted)
    text = kubectl.lws("why", "nowhere")
    assert "didn't match Pod's node affinity/selector" in text
    assert "kubectl lws restart failed 0" in kubectl.lws("why", "failed")


def test_why_nothing_can_be_made(kubectl: Kubectl, sets: Sets, cluster: Cluster, namespace: str) -> None:
    """A quota stops the leaders of one set, and it is named with what to do."""
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "two"},
        "spec": {"hard": {"pods": "2"}},
    }
    kubectl("create", "-f", "-", stdin=json.dumps(quota))
    sets.create("too-many", replicas=3, size=1)
    view = until("the quota", lambda: kubectl.json("why", "too-many"), lambda seen: None in causes(seen))
    (cause,) = [x for x in view["causes"] if "group" not in x]
    assert cause["reason"] in ("FailedCreate", c.STALLED)  # once it has lasted
    assert "exceeded quota: two" in cause["message"]
    assert "ResourceQuota" in cause["advice"]


def manifest(lws: LiveSet, **members: Any) -> str:
    """What a user would apply: the live set's spec with members changed."""
    spec = {**lws.get()["spec"], **members}
    metadata = {"name": lws.name, "namespace": lws.namespace}
    return json.dumps({"apiVersion": c.API_VERSION, "kind": c.KIND, "metadata": metadata, "spec": spec})


def test_a_plan_comes_true(kubectl: Kubectl, sets: Sets) -> None:
    """Step by step: the groups that were named go, those of later steps stay until these are ready."""
    lws = sets.create("planned", replicas=3, size=2, maxUnavailable=2)
    await_whole(lws)
    old, first = {group: lws.uids(group) for group in range(3)}, revision(lws)
    numbers = kubectl.json("plan", "planned", "-f", "-", stdin=manifest(lws, replicas=4, maxGroupRestarts=3))
    assert (numbers["restartsPods"], numbers["fromRevision"], numbers["toRevision"]) == (False, first, first)
    assert [x["created"] for x in numbers["steps"]] == [[3]]
    changed = lws.get()["spec"]["leaderWorkerTemplate"] | {"workerTemplate": worker(NEW, not_ready="true")}
    edit = manifest(lws, leaderWorkerTemplate=changed)
    plan = kubectl.json("plan", "planned", "-f", "-", stdin=edit)
    assert {group: lws.uids(group) for group in range(3)} == old, "a plan changes nothing"
    assert [x["replaced"] for x in plan["steps"]] == [[2, 1], [0]]
    assert [x["ready"] for x in plan["steps"]] == [1, 2]
    kubectl("apply", "-f", "-", stdin=edit)
    waiting = {0, 1, 2}
    for step in plan["steps"]:
        waiting -= set(step["replaced"])
        for group in step["replaced"]:
            lws.await_replaced(old[group], group=group)
        assert {group: lws.uids(group) for group in waiting} == {group: old[group] for group in waiting}
        for group in step["replaced"]:
            release(lws, group, not_of=first)
    kubectl.lws("status", "planned", "--watch", "--timeout", "60s")
    assert plan["toRevision"] == revision(lws)


def test_a_plan_tells_what_the_statefulsets_are_refused_for(kubectl: Kubectl, sets: Sets) -> None:
    """Claim templates cannot change, and no StatefulSet takes a restart policy but Always."""
    lws = sets.create("refused", replicas=2, size=2)
    await_whole(lws)
    template = lws.get()["spec"]["leaderWorkerTemplate"]
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    never = {**template["workerTemplate"]["spec"], "restartPolicy": "Never"}
    for change, refused in (
        ({"volumeClaimTemplates": [claim]}, "the leader StatefulSet, so no group changes"),
        ({"workerTemplate": {"spec": never}}, "worker StatefulSets, new groups get none"),
    ):
        edit = manifest(lws, leaderWorkerTemplate=template | change)
        ended = kubectl.lws("plan", "refused", "-f", "-", stdin=edit, code=1)
        assert f"the API server refuses {refused}" in ended
