"""The controller goes away and comes back: nothing is written for it, nothing is lost, nothing is doubled."""

from __future__ import annotations

from collections import Counter

import pytest
from support.audit import AuditLog
from support.cluster import Cluster
from support.manager import CONTROLLERS, Manager
from support.sets import LiveSet, Sets, template
from support.waiting import steady, until
from support.wholeness import await_whole

from lws.api import constants as c
from lws.kube.errors import ApiError
from lws.kube.resources import MUTATING_WEBHOOKS, NODES

pytestmark = pytest.mark.integration

RECONCILES = "controller_runtime_reconcile_total"
RACK = {"annotations": {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: "hollow.lws/rack"}}
UNIQUE = {"subdomainPolicy": "UniquePerReplica"}


def await_settled(manager: Manager, *, sets: int, groups: int) -> None:
    """Wait until every key was reconciled, the queues are empty, and for a second nothing is done."""
    wanted = dict(zip(CONTROLLERS, (sets, groups), strict=True))

    def done() -> dict[str, float]:
        return {name: manager.total(RECONCILES, controller=name) for name in CONTROLLERS}

    def idle() -> bool:
        return manager.total("workqueue_depth") == manager.total("controller_runtime_active_workers") == 0

    until("every key to be reconciled", done, lambda seen: all(seen[x] >= wanted[x] for x in wanted))
    steady("the controllers", lambda: (idle(), done()))
    until("the queues to be empty", idle)


def many_kinds(sets: Sets) -> list[LiveSet]:
    """Sets of every kind whose children differ, whole."""
    exclusive = sets.create("exclusive", replicas=2, metadata=RACK)
    await_whole(exclusive)  # before others take a place in every rack
    several = [
        exclusive,
        sets.create("plain", replicas=2),
        sets.create("one-pod-groups", replicas=2, size=1),
        sets.create("nothing", replicas=0),
        sets.create("own-subdomains", replicas=2, networkConfig=UNIQUE),
        sets.create("leader-first", replicas=2, startupPolicy=c.STARTUP_LEADER_READY),
        sets.create("canary", replicas=3, partition=2),
    ]
    await_whole(*several)
    return several


def test_a_restart_with_nothing_changed_writes_nothing(
    sets: Sets, manager: Manager, cluster: Cluster
) -> None:
    """Sets of every kind, one of them in the middle of a canary; upstream writes one apply for each."""
    several = many_kinds(sets)
    several[-1].change(workerTemplate=template("worker", "another"))
    several[-1].await_available()
    assert manager.stop() == 0
    log = AuditLog(cluster.audit_log)
    log.mark()
    manager.start()
    await_settled(manager, sets=len(several), groups=sum(len(x.worker_sets()) for x in several) + 2)
    assert log.writes() == Counter()
    assert manager.total("controller_runtime_reconcile_errors_total") == 0
    read = Counter(x.name for x in log.requests() if x.what == "get statefulsets")
    assert read == Counter(x.name for x in several), "one read for each set tells that nothing is to be done"


def test_killed_again_and_again_while_sets_are_made(sets: Sets, manager: Manager) -> None:
    """It may die between any two writes; whoever comes next goes on, and makes nothing twice."""
    slow = template("worker", start_delay="3s")
    several = [sets.create(f"k{x}", replicas=2, size=2, workerTemplate=slow) for x in range(4)]
    for wanted in (1, 5):
        until("StatefulSets", lambda: count(several), lambda seen, wanted=wanted: seen >= wanted)  # type: ignore[misc]
        manager.kill()
        assert any(x.condition(c.AVAILABLE) != "True" for x in several), "it was too late to disturb anything"
        manager.start()
    await_whole(*several)


def count(several: list[LiveSet]) -> int:
    """How many worker StatefulSets there are."""
    return sum(len(x.worker_sets()) for x in several)


def test_a_roll_goes_on_after_a_kill(sets: Sets, manager: Manager) -> None:
    lws = sets.create(replicas=3, size=2)
    await_whole(lws)
    lws.change(workerTemplate=template("worker", "another", start_delay="2s"))
    lws.until("the roll to begin", lambda: "another" in {pod.image for pod in lws.pods()})
    manager.kill()
    assert lws.condition(c.AVAILABLE) != "True"
    manager.start()
    await_whole(lws)
    assert {pod.image for pod in lws.pods() if pod.worker} == {"another"}


def test_a_death_while_nobody_looked_recreates_the_group(sets: Sets, manager: Manager) -> None:
    """One incident costs one recreation, whenever it is noticed."""
    several = [sets.create(f"d{x}", replicas=2, size=2) for x in range(3)]
    await_whole(*several)
    old = [(lws.uids(0), lws.uids(1)) for lws in several]
    manager.kill()
    for lws in several:
        lws.delete_pod(f"{lws.name}-0-1")
    for lws in several:
        lws.until("the pod to be gone", lambda lws=lws: len(lws.group(0)) == 1)  # type: ignore[misc]
    manager.start()
    for lws, (dead, others) in zip(several, old, strict=True):
        lws.await_replaced(dead, group=0)
        await_whole(lws)
        assert lws.uids(1) == others


def test_the_next_start_takes_the_webhooks_over(sets: Sets, manager: Manager) -> None:
    """While it is down sets are refused and not admitted unchecked; then its new address is registered."""
    before = registered(manager, sets)
    assert manager.stop() == 0
    with pytest.raises(ApiError, match="mleaderworkerset"):
        sets.create("early")
    manager.start()
    after = registered(manager, sets)
    assert before.isdisjoint(after)
    await_whole(sets.create("late", replicas=1))


def registered(manager: Manager, sets: Sets) -> set[str]:
    """Where the API server calls; all of it must be the manager's address."""
    configuration = sets.client.get(MUTATING_WEBHOOKS, dict, "lws-mutating-webhook-configuration")
    urls = {webhook["clientConfig"]["url"] for webhook in configuration["webhooks"]}
    assert all(url.startswith(manager.webhook_url) for url in urls)
    return urls


def test_it_outlives_a_restart_of_the_api_server(sets: Sets, manager: Manager, cluster: Cluster) -> None:
    """Watches resume by themselves; what changed meanwhile is seen, and nothing is recreated."""
    lws = sets.create(replicas=1, size=2)
    await_whole(lws)
    old = lws.uids()
    cluster.stop("kube-apiserver")
    cluster.start("kube-apiserver")
    until("the API server to serve", lambda: len(cluster.client.list(NODES, dict)) == 6)
    lws.change(replicas=2)
    await_whole(lws)
    assert old <= lws.uids()
    assert manager.running
    assert manager.health().status == 200
