"""Traffic only to whole groups: the readiness gate of leaders (beyond.md, 5.4 and 5.5)."""

from __future__ import annotations

from collections import Counter

import pytest
from support.audit import AuditLog
from support.cluster import Cluster
from support.manager import Manager
from support.samples import apply_sample
from support.sets import Document, LivePod, LiveSet, Sets, template
from support.waiting import steady
from support.wholeness import await_whole

from lws.api import constants as c
from lws.kube.resources import SERVICES, Resource
from lws.kube.selectors import equals

pytestmark = pytest.mark.integration

SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
NOT_READY = "hollow.lws/not-ready"
GATED = {"groupReadiness": c.GROUP_READINESS_LEADER_GATE}


def expose(lws: LiveSet) -> None:
    """A Service of the set's leaders, as users make one."""
    selector = {c.NAME_LABEL: lws.name, c.WORKER_INDEX_LABEL: "0"}
    document = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"{lws.name}-front"},
        "spec": {"selector": selector, "ports": [{"port": 80}]},
    }
    lws.client.create(SERVICES, dict, document, namespace=lws.namespace)


def serving(lws: LiveSet) -> dict[str, str]:
    """The leaders that the Service sends requests to: their UIDs by name."""
    selector = equals("kubernetes.io/service-name", f"{lws.name}-front")
    slices = lws.client.list(SLICES, dict, lws.namespace, label_selector=selector)
    endpoints = [entry for one in slices for entry in one.get("endpoints") or ()]
    return {x["targetRef"]["name"]: x["targetRef"]["uid"] for x in endpoints if x["conditions"]["ready"]}


def await_serving(lws: LiveSet, *groups: int) -> None:
    wanted = {f"{lws.name}-{group}" for group in groups}
    lws.until(
        f"traffic to groups {groups} alone",
        lambda: serving(lws),
        lambda seen: set(seen) == wanted,
    )


def gates(pod: LivePod) -> int:
    found = pod.document["spec"].get("readinessGates", [])
    return sum(x["conditionType"] == c.GROUP_READY_GATE for x in found)


def condition(pod: LivePod, type_: str) -> Document:
    found = pod.document["status"].get("conditions", [])
    return next((x for x in found if x["type"] == type_), {})


def leader(lws: LiveSet, group: int = 0) -> LivePod:
    """Of a group, once it is there."""
    found = lws.until("its leader", lambda: [pod for pod in lws.group(group) if pod.worker == 0])
    return found[0]


def await_containers(lws: LiveSet) -> LivePod:
    """The first leader, once its own containers are ready."""

    def met(pod: LivePod) -> bool:
        return bool(condition(pod, "ContainersReady").get("status") == "True")

    return lws.until("the leader's containers", lambda: leader(lws), met)


def openings(log: AuditLog) -> Counter[str]:
    """Writes of ours to pods' statuses since the log's mark, by pod."""
    return Counter(x.name for x in log.requests() if x.what == "patch pods/status")


def test_a_leader_serves_with_its_workers(sets: Sets, cluster: Cluster) -> None:
    """beyond.md, 5.5.9 and 5.5.10, restartPolicy None: not before them, and not while one is gone."""
    log = AuditLog(cluster.audit_log)
    log.mark()
    unready = template("worker", not_ready="true")
    lws = sets.create(replicas=2, size=3, restartPolicy="None", workerTemplate=unready, **GATED)
    expose(lws)
    half = await_containers(lws)
    assert not half.ready
    assert gates(half) == 1
    workers = [pod for pod in lws.until("six pods", lws.pods, lambda x: len(x) == 6) if pod.worker]
    assert not any(map(gates, workers))
    for pod in workers:
        assert f"{lws.name}-{pod.group}" not in serving(lws)
        lws.annotate_pod(pod.name, NOT_READY, None)
    await_serving(lws, 0, 1)
    lws.await_available()
    assert openings(log) == {f"{lws.name}-{group}": 1 for group in range(2)}
    lws.annotate_pod(f"{lws.name}-0-1", NOT_READY, "true")
    await_serving(lws, 1)
    assert condition(leader(lws), c.GROUP_READY_GATE)["reason"] == c.REASON_WORKERS_NOT_READY
    lws.annotate_pod(f"{lws.name}-0-1", NOT_READY, None)
    await_serving(lws, 0, 1)
    before = leader(lws, 1).uid
    lws.annotate_pod(f"{lws.name}-1-2", "hollow.lws/stop-delay", "3s")
    lws.delete_pod(f"{lws.name}-1-2")
    await_serving(lws, 0)
    successor = lws.until("its successor", lambda: lws.group(1), lambda seen: len(seen) == 3)
    for pod in successor:
        if pod.worker == 2:
            lws.annotate_pod(pod.name, NOT_READY, None)
    lws.until("all", lambda: lws.group(1), lambda seen: len(seen) == 3 and not any(x.deleting for x in seen))
    lws.annotate_pod(f"{lws.name}-1-2", NOT_READY, None)
    await_serving(lws, 0, 1)
    assert leader(lws, 1).uid == before


def test_a_leader_leaves_before_its_failed_group_goes(sets: Sets, cluster: Cluster) -> None:
    """beyond.md, 5.5.10, the policy that recreates: the gate is closed first, then the leader deleted."""
    lws = sets.create(replicas=1, size=2, **GATED)
    expose(lws)
    await_whole(lws)
    await_serving(lws, 0)
    old = lws.uids()
    log = AuditLog(cluster.audit_log)
    log.mark()
    lws.annotate_pod(f"{lws.name}-0-1", "hollow.lws/restart", "0s")
    lws.await_replaced(old)
    await_serving(lws, 0)
    name = f"{lws.name}-0"
    mine = [(x.verb, x.subresource) for x in log.requests() if x.resource == "pods" and x.name == name]
    first = mine.index(("delete", ""))
    assert ("patch", "status") in mine[:first]


def test_leader_ready_and_the_gate_do_not_wait_for_each_other(sets: Sets) -> None:
    """beyond.md, 5.5.11."""
    lws = sets.create(replicas=1, size=2, startupPolicy=c.STARTUP_LEADER_READY, **GATED)
    lws.await_available()
    assert gates(leader(lws)) == 1


def test_opting_in_and_out_restarts_nothing(sets: Sets) -> None:
    """beyond.md, 5.5.12: leaders made from then on carry the gate; one that has it is served for good."""
    lws = sets.create(replicas=2, size=2, restartPolicy="None")
    expose(lws)
    lws.await_available()
    before = lws.uids()
    lws.change(**GATED)
    lws.await_available()
    assert steady("the pods", lws.uids) == before
    old = leader(lws, 1).uid
    lws.delete_pod(f"{lws.name}-1")
    lws.await_replaced({old}, group=1)
    lws.await_available()
    await_serving(lws, 0, 1)
    assert [gates(leader(lws, group)) for group in range(2)] == [0, 1]
    lws.change(groupReadiness=None)
    lws.await_available()
    lws.annotate_pod(f"{lws.name}-1-1", NOT_READY, "true")
    await_serving(lws, 0)
    lws.annotate_pod(f"{lws.name}-1-1", NOT_READY, None)
    await_serving(lws, 0, 1)


def test_a_leader_alone_gets_no_gate_until_it_has_workers(sets: Sets) -> None:
    """beyond.md, 5.5.14: with the roll that brings them."""
    lws = sets.create(replicas=2, size=1, partition=1, **GATED)
    lws.await_available()
    assert [gates(leader(lws, group)) for group in range(2)] == [0, 0]
    old = leader(lws, 1).uid
    lws.change(size=2)
    lws.await_replaced({old}, group=1)
    lws.until("both ready", lambda: lws.status.get("readyReplicas"), lambda seen: seen == 2)
    assert [gates(leader(lws, group)) for group in range(2)] == [0, 1]


def test_without_a_controller_what_is_open_stays_open(sets: Sets, manager: Manager) -> None:
    """beyond.md, 5.5.15: as under another controller; the present one looks again when it is back."""
    lws = sets.create(replicas=1, size=2, restartPolicy="None", **GATED)
    expose(lws)
    lws.await_available()
    await_serving(lws, 0)
    manager.kill()
    lws.annotate_pod(f"{lws.name}-0-1", NOT_READY, "true")
    lws.until("the worker", lambda: lws.group(0), lambda seen: not seen[1].ready)
    assert steady("traffic", lambda: serving(lws), window=2.5) == {f"{lws.name}-0": leader(lws).uid}
    manager.start()
    await_serving(lws)
    lws.annotate_pod(f"{lws.name}-0-1", NOT_READY, None)
    await_serving(lws, 0)


def test_the_sample(sets: Sets) -> None:
    """docs/guides/group-readiness.md."""
    lws = apply_sample(sets, "group-readiness.yaml")
    lws.await_available()
    await_serving(lws, 0, 1)
