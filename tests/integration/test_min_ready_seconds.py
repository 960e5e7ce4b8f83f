"""Groups on probation: a roll goes on once they have been ready for minReadySeconds (beyond.md, 5.5.13)."""

from __future__ import annotations

import pytest
from support.cluster import Cluster
from support.kubectl import Kubectl
from support.manager import Manager
from support.samples import apply_sample
from support.sets import Document, LivePod, LiveSet, Sets, template
from support.waiting import steady
from support.wholeness import await_whole

from lws.api.timestamps import epoch

pytestmark = pytest.mark.integration

NEW = "docker.io/nginxinc/nginx-unprivileged:1.28"
NOT_READY = "hollow.lws/not-ready"


def ready_since(pod: LivePod) -> float:
    """By the node's clock, cut off to whole seconds."""
    conditions = {x["type"]: x for x in pod.document["status"]["conditions"]}
    return epoch(conditions["Ready"]["lastTransitionTime"])


def await_new(lws: LiveSet, group: int, size: int = 2) -> list[LivePod]:
    """The pods of a group, once all are on the new image and ready."""
    return lws.until(
        f"group {group} on the new image",
        lambda: [x for x in lws.group(group) if x.image == NEW and x.ready and not x.deleting],
        lambda seen: len(seen) == size,
    )


def await_ready(lws: LiveSet, groups: int) -> None:
    lws.until(f"{groups} ready", lambda: lws.status.get("readyReplicas"), lambda seen: seen == groups)


def entry(lws: LiveSet, group: int) -> Document:
    found: Document = lws.status.get("groups", {}).get(str(group), {})
    return found


def test_the_sample(sets: Sets, cluster: Cluster) -> None:
    """docs/guides/rollouts.md: 20 seconds from the readiness of one group to the deletion of the next."""
    lws = apply_sample(sets, "min-ready-seconds.yaml")
    await_ready(lws, 2)
    lws.await_condition("Progressing")
    lws.await_available()
    lws.change_template(workerTemplate={"spec": {"containers": [{"name": "nginx", "image": NEW}]}})
    former = lws.uids(0)
    first = await_new(lws, 1)
    uids = {x.uid for x in first}
    lws.until("its time", lambda: entry(lws, 1), lambda x: x.get("leader") in uids and "readySince" in x)
    assert lws.uids(0) == former
    causes = Kubectl(cluster, sets.namespace).json("why", lws.name)["causes"]
    assert [x["group"] for x in causes if x["reason"] == "MinReadySeconds"] == [1]
    [leader, _] = await_new(lws, 0)
    created = epoch(leader.document["metadata"]["creationTimestamp"])
    assert created - max(map(ready_since, first)) >= 20  # both cut off: a shorter time would be 19 at most
    await_whole(lws)


def test_a_group_that_fails_on_probation_holds_the_roll(sets: Sets, manager: Manager) -> None:
    """Whoever the controller is by then; once it is ready again, the time begins anew."""
    lws = sets.create(replicas=2, restartPolicy="None", minReadySeconds=6)
    lws.await_available()
    former = lws.uids(0)
    lws.change(leaderTemplate=template("leader", NEW), workerTemplate=template("worker", NEW))
    await_new(lws, 1)
    lws.annotate_pod(f"{lws.name}-1-1", NOT_READY, "true")
    await_ready(lws, 1)
    manager.kill()
    manager.start()
    assert steady("the other group", lambda: lws.uids(0), window=8.0) == former
    lws.annotate_pod(f"{lws.name}-1-1", NOT_READY, None)
    again = await_new(lws, 1)
    [leader, _] = await_new(lws, 0)
    created = epoch(leader.document["metadata"]["creationTimestamp"])
    assert created - max(map(ready_since, again)) >= 6
    await_whole(lws)
