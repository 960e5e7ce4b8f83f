"""A group is what its own revision says, and what was done to it is no failure (docs/decisions/100, 101)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.sets import Document, LiveSet, Sets, template
from support.waiting import steady
from support.wholeness import await_whole

from lws.api import constants as c
from lws.kube.resources import PODS

pytestmark = pytest.mark.integration

RESTART = "hollow.lws/restart"
UNIQUE, SHARED = ({"subdomainPolicy": x} for x in (c.SUBDOMAIN_UNIQUE, c.SUBDOMAIN_SHARED))


def restart_counts(lws: LiveSet) -> dict[str, int]:
    """Of each pod's containers."""
    return {
        pod.name: sum(x["restartCount"] for x in pod.document["status"].get("containerStatuses", []))
        for pod in lws.pods()
    }


def ready_groups(lws: LiveSet) -> int:
    """Groups all of whose three pods are ready and stay."""
    pods = lws.pods()
    return sum(
        sum(pod.ready and not pod.deleting for pod in pods if pod.group == group) == 3 for group in range(4)
    )


def test_an_edit_of_the_restart_policy_is_a_roll_and_nothing_else(sets: Sets) -> None:
    """What happened under ``None`` is held against nobody: never more than maxUnavailable groups are down."""
    lws = sets.create(replicas=4, size=3, restartPolicy=c.RESTART_NONE)
    await_whole(lws)
    for group in range(4):
        lws.annotate_pod(f"{lws.name}-{group}-1", RESTART, "0s")
    lws.until("restarts", lambda: restart_counts(lws), lambda seen: sum(seen.values()) == 4)
    lws.until("all groups", lambda: ready_groups(lws), lambda seen: seen == 4)
    old = lws.uids()
    lws.change(restartPolicy=c.RESTART_RECREATE_GROUP)
    ready: list[int] = []

    def rolled() -> bool:
        ready.append(ready_groups(lws))
        return not lws.uids() & old

    lws.until("the end of the roll", rolled)
    await_whole(lws)
    assert min(ready) >= 3
    assert not lws.notes(c.REASON_RECREATE_GROUP)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({"size": 3}, {"size": 1}, id="size-shrinks-to-one"),
        pytest.param({"size": 3}, {"size": 2}, id="size-shrinks"),
        pytest.param({"networkConfig": UNIQUE}, {"networkConfig": SHARED}, id="subdomain-becomes-shared"),
        pytest.param({"networkConfig": SHARED}, {"networkConfig": UNIQUE}, id="subdomain-becomes-unique"),
    ],
)
def test_a_group_below_the_partition_comes_back_as_it_was(
    sets: Sets, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """Else it is never ready, and the roll waits for it as it waits for the roll."""
    lws = sets.create(replicas=2, **{"size": 3, **before})
    await_whole(lws)
    was = [(pod.name, pod.size) for pod in lws.group(0)]
    services = {x["metadata"]["name"] for x in lws.services()}
    lws.change(partition=1, **after)
    lws.until("group 1 on the new template", lambda: {x.revision for x in lws.group(1)}, _one_new(lws))
    old = lws.uids(0)
    lws.delete_pod(f"{lws.name}-0")
    lws.await_replaced(old, group=0)
    lws.until(
        "group 0 as it was",
        lambda: [(x.name, x.size) for x in lws.group(0) if x.ready and not x.deleting],
        lambda seen: seen == was,
    )
    wanted = {x for x in services if x in (lws.name, f"{lws.name}-0")}
    lws.until("its Service", lambda: {x["metadata"]["name"] for x in lws.services()}, wanted.issubset)
    lws.await_available()
    lws.change(partition=0)
    await_whole(lws)


def _one_new(lws: LiveSet) -> Any:
    [former] = {x.revision for x in lws.group(0)}
    return lambda seen: len(seen) == 1 and former not in seen


def evict(lws: LiveSet, name: str) -> None:
    """As ``kubectl drain`` does."""
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    path = PODS.path(lws.namespace, name, "eviction")
    lws.client.connection.request("POST", path, body=msgspec.json.encode(body))


def entry(lws: LiveSet) -> Document:
    found: Document = lws.status.get("groups", {}).get("0", {})
    return found


def test_evictions_recreate_a_group_without_end_and_are_never_held_against_it(sets: Sets) -> None:
    """A node pool is upgraded; maxGroupRestarts bounds failures."""
    lws = sets.create(replicas=1, size=3, maxGroupRestarts=1)
    for _ in range(3):
        await_whole(lws)
        old = lws.uids()
        evict(lws, f"{lws.name}-0-2")
        lws.await_replaced(old)
    await_whole(lws)
    assert entry(lws).get("restarts", 0) == 0
    assert lws.condition(c.FAILED) == "False"
    lws.annotate_pod(f"{lws.name}-0-1", RESTART, "0s")
    lws.until("a failure that counts", lambda: entry(lws).get("restarts"), lambda seen: seen == 1)


def test_restarts_from_before_the_start_are_never_held_against_a_group(sets: Sets) -> None:
    """The leader crashes until its workers are there, which is what the policy is for."""
    lws = sets.create(
        replicas=1,
        size=2,
        restartPolicy=c.RESTART_RECREATE_GROUP_AFTER_START,
        workerTemplate=template("worker", start_delay="6s"),
    )
    lws.until("the leader", lambda: [x for x in lws.pods() if x.ready and x.worker == 0])
    lws.until("its worker, to start yet", lws.pods, lambda seen: len(seen) == 2)
    old = lws.uids()
    lws.annotate_pod(f"{lws.name}-0", RESTART, "0s")
    lws.until("its restart", lambda: restart_counts(lws)[f"{lws.name}-0"])
    await_whole(lws)
    lws.until("its record", lambda: entry(lws).get("restartCounts"), lambda seen: seen == "0=1")
    assert steady("the group", lws.uids, window=3.0) == old
    lws.annotate_pod(f"{lws.name}-0-1", RESTART, "0s")
    lws.await_replaced(old)
    await_whole(lws)
