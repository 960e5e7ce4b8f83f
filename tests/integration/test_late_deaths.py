"""Deaths that are noticed late, and groups that fail again and again (docs/decisions/010, 011)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from support.audit import AuditLog
from support.cluster import Cluster
from support.editing import edit
from support.manager import Manager
from support.namespaces import make_namespace
from support.samples import apply_sample
from support.sets import Document, LiveSet, Sets
from support.waiting import steady
from support.wholeness import await_whole

from lws.api import constants as c
from lws.kube.client import Client
from lws.kube.resources import MUTATING_WEBHOOKS, PODS
from lws.kube.selectors import all_of, equals
from lws.objects import KubeObject

pytestmark = pytest.mark.integration

RESTART = "hollow.lws/restart"


def entry(lws: LiveSet, group: int = 0) -> Document:
    found: Document = lws.status.get("groups", {}).get(str(group), {})
    return found


def uids(lws: LiveSet, group: int) -> set[str]:
    """Also of pods that were not admitted by us, and lack what admission adds."""
    selector = all_of(equals(c.NAME_LABEL, lws.name), equals(c.GROUP_INDEX_LABEL, str(group)))
    return {pod.uid for pod in lws.client.list(PODS, KubeObject, lws.namespace, label_selector=selector)}


def await_recorded(lws: LiveSet) -> None:
    """Until the present pods of every group are in the status."""
    lws.until(
        "records",
        lambda: {(pod.uid, entry(lws, pod.group).get("leader")) for pod in lws.pods() if pod.worker == 0},
        lambda seen: bool(seen) and all(uid == leader for uid, leader in seen),
    )


def admit_without_us(client: Client) -> None:
    """As if another replica of the controller answered for this one; the next start of it undoes this."""

    def ignore(configuration: dict[str, Any]) -> None:
        for webhook in configuration["webhooks"]:
            webhook["failurePolicy"] = "Ignore"

    for configuration in client.list(MUTATING_WEBHOOKS, dict):
        edit(client, MUTATING_WEBHOOKS, configuration["metadata"]["name"], ignore)


def test_deaths_while_the_controller_is_down_cost_one_recreation_each(
    sets: Sets, cluster: Cluster, manager: Manager
) -> None:
    """A worker replaced unseen, several of them, a container restarted; one group unharmed."""
    lws = sets.create(replicas=4, size=3)
    await_whole(lws)
    await_recorded(lws)
    old = {group: lws.uids(group) for group in range(4)}
    manager.kill()
    admit_without_us(cluster.client)
    for name in ("0-1", "1-1", "1-2"):
        lws.delete_pod(f"{lws.name}-{name}", grace_period=0)
    lws.annotate_pod(f"{lws.name}-2-2", RESTART, "0s")
    for group, dead in ((0, 1), (1, 2)):
        mixed = lws.until("successors", lambda x=group: uids(lws, x), lambda seen: len(seen) == 3)
        assert len(mixed - old[group]) == dead
    log = AuditLog(cluster.audit_log)
    log.mark()
    manager.start()
    for group in range(3):
        lws.until(
            "other pods", lambda x=group: uids(lws, x), lambda seen, x=group: seen and not seen & old[x]
        )
    await_whole(lws)
    new = {group: lws.uids(group) for group in range(4)}
    assert new[3] == old[3]
    assert steady("the groups", lambda: {group: lws.uids(group) for group in range(4)}) == new
    deleted = Counter(x.name for x in log.requests() if (x.verb, x.resource) == ("delete", "pods"))
    assert deleted == {f"{lws.name}-{group}": 1 for group in range(3)}


FORTY = 40


def kill_one_worker_of_each(lws: LiveSet) -> None:
    """Another one from group to group."""
    for group in range(FORTY):
        lws.delete_pod(f"{lws.name}-{group}-{1 + group % 3}", grace_period=0)


def all_uids(lws: LiveSet) -> set[str]:
    """As ``uids``, of all groups."""
    selector = equals(c.NAME_LABEL, lws.name)
    return {pod.uid for pod in lws.client.list(PODS, KubeObject, lws.namespace, label_selector=selector)}


@pytest.fixture(scope="module")
def forty(cluster: Cluster, one_manager: Manager) -> Iterator[LiveSet]:
    """Whole whenever a test begins and ends."""
    one_manager.ensure_running()
    sets = Sets(cluster.client, make_namespace(cluster.client))
    yield sets.create(replicas=FORTY, size=4)
    sets.delete_all()


@pytest.mark.parametrize("controller", ["up", "down", "down until all were replaced"])
def test_forty_groups_of_forty_come_back_whole(
    forty: LiveSet, cluster: Cluster, manager: Manager, controller: str
) -> None:
    """One worker dies in each: upstream made 37 whole with the controller up, and none with it down."""
    lws = forty
    await_whole(lws)
    await_recorded(lws)
    old = lws.uids()
    log = AuditLog(cluster.audit_log)
    log.mark()
    if controller != "up":
        manager.kill()
    if controller == "down until all were replaced":
        admit_without_us(cluster.client)
    kill_one_worker_of_each(lws)
    if controller == "down until all were replaced":
        lws.until("successors", lambda: len(all_uids(lws) - old), lambda count: count == FORTY)
    manager.ensure_running()
    lws.until("no pod of before", lambda: len(all_uids(lws) & old), lambda left: not left)
    await_whole(lws)
    new = lws.uids()
    assert steady("the pods", lws.uids) == new
    deleted = Counter(x.name for x in log.requests() if (x.verb, x.resource) == ("delete", "pods"))
    assert deleted == {f"{lws.name}-{group}": 1 for group in range(FORTY)}


def test_the_sample_backs_off_gives_up_and_resumes(sets: Sets) -> None:
    """docs/guides/failure-handling.md, with a lower bound."""
    lws = apply_sample(
        sets, "restart-policy.yaml", lambda document: document["spec"].update(maxGroupRestarts=2)
    )
    await_whole(lws)
    assert lws.condition(c.FAILED) == "False"
    others = lws.uids(1)
    worker = f"{lws.name}-0-1"
    for restarts in (1, 2):
        group = lws.uids(0)
        lws.annotate_pod(worker, RESTART, "0s")
        lws.until(
            "another recreation", lambda: entry(lws).get("restarts"), lambda seen, n=restarts: seen == n
        )
        lws.await_replaced(group, group=0)
        await_whole(lws)
    assert any("recreations in a row so far: 1" in x for x in lws.notes(c.REASON_RECREATE_BACK_OFF))
    group = lws.uids(0)
    lws.annotate_pod(worker, RESTART, "0s")
    lws.await_condition(c.FAILED)
    assert entry(lws)["failed"] is True
    assert steady("the failed group", lambda: lws.uids(0)) == group
    [note] = lws.notes(c.REASON_MAX_RESTARTS_EXCEEDED)
    assert note.startswith(
        f"Worker pod {worker} failed, leaving group 0 as it is after 2 recreations in a row"
    )
    lws.delete_pod(f"{lws.name}-0")
    lws.await_condition(c.FAILED, "False")
    lws.await_replaced(group, group=0)
    await_whole(lws)
    assert lws.uids(1) == others
    assert "failed" not in entry(lws)
