"""A ResourceClaim for each group, by the annotation of docs/guides/group-claims.md (beyond.md, 3.4).

The devices are those of racks, and the scheduler is the real one: which nodes a claim allows is its doing.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.cluster import Cluster
from support.devices import Racks, claims_of, racks_of_nodes
from support.kubectl import Kubectl
from support.manager import Manager
from support.sets import Document, LiveSet, Sets, exists, template
from support.waiting import steady, until
from support.wholeness import await_whole

from lws.api import constants as c
from lws.controllers.resources import LEADERWORKERSETS
from lws.kube.resources import RESOURCE_CLAIMS

pytestmark = pytest.mark.integration

NEW = "docker.io/nginxinc/nginx-unprivileged:1.28"
TOKEN = c.GROUP_CLAIMS_TOKEN_ANNOTATION
STUCK = "hollow.lws/stuck-terminating"


@pytest.fixture
def racks(cluster: Cluster) -> Iterator[Racks]:
    """Two racks with one device each."""
    made = Racks(cluster.client, "one.lws.test")
    for rack in (0, 1):
        made.publish(rack)
    yield made
    made.clear()


@pytest.fixture
def many(cluster: Cluster) -> Iterator[Racks]:
    """Three racks with ten devices each."""
    made = Racks(cluster.client, "many.lws.test")
    for rack in (0, 1, 2):
        made.publish(rack, devices=10)
    yield made
    made.clear()


def sharing(role: str, image: str = "", *, entries: str | None = "rack") -> Document:
    """The pod template of that role, which shares a claim with its group, or has one for each pod."""
    document = template(role, image) if image else template(role)
    if entries:
        document["metadata"]["annotations"][c.GROUP_CLAIMS_ANNOTATION] = entries
    document["spec"]["resourceClaims"] = [{"name": "rack", "resourceClaimTemplateName": "rack"}]
    document["spec"]["containers"][0]["resources"] = {"claims": [{"name": "rack"}]}
    return document


def both(image: str = "", entries: str | None = "rack") -> dict[str, Document]:
    return {f"{x}Template": sharing(x, image, entries=entries) for x in ("leader", "worker")}


def names(lws: LiveSet) -> dict[int, str]:
    """By group: the claim that all its pods name that name one."""
    found: dict[int, set[str]] = {}
    for pod in lws.pods():
        for entry in pod.document["spec"].get("resourceClaims", ()):
            found.setdefault(pod.group, set()).add(entry["resourceClaimName"])
    assert all(len(x) == 1 for x in found.values()), found
    return {group: x.pop() for group, x in found.items()}


def racks_of(lws: LiveSet) -> dict[int, set[str]]:
    """By group: where its pods are."""
    racks, found = racks_of_nodes(lws.client), dict[int, set[str]]()
    for pod in lws.pods():
        found.setdefault(pod.group, set()).add(racks[pod.document["spec"]["nodeName"]])
    return found


def assert_shared(lws: LiveSet) -> None:
    """Every group is in one rack, and its claim is reserved for its pods and for no others."""
    assert all(len(x) == 1 for x in racks_of(lws).values())
    reserved = claims_of(lws.client, lws.namespace)
    for group, name in names(lws).items():
        assert name.startswith(f"{lws.name}-{group}-rack-")
        assert reserved[name] == lws.uids(group)


def stalled(lws: LiveSet) -> str:
    conditions = {x["type"]: x for x in lws.status.get("conditions", [])}
    found = conditions.get(c.STALLED, {})
    return str(found.get("message", "")) if found.get("status") == "True" else ""


def test_each_group_is_in_one_rack(sets: Sets, racks: Racks) -> None:
    """3.4, 1, 2, 4, 9, 11: as many groups as racks, one too many, recreated, rolled without room and with."""
    racks.template(sets.namespace)
    lws = sets.create("racks", replicas=2, **both())
    await_whole(lws)
    assert_shared(lws)
    assert len(set.union(*racks_of(lws).values())) == 2
    before, old = names(lws), lws.uids(0)
    lws.delete_pod("racks-0-1")
    lws.await_replaced(old, group=0)
    await_whole(lws)
    assert names(lws)[0] != before[0]
    until("the former claim to go", lambda: before[0] not in claims_of(lws.client, lws.namespace))
    assert_shared(lws)
    third = sets.create("third", replicas=1, **both())
    third.until("why it waits", lambda: stalled(third), lambda seen: "is not allocated" in seen)
    assert "WaitingForClaim" in str(third.status["conditions"])
    lws.scale(1)
    await_whole(lws, third)
    assert_shared(third)
    lws.change(maxSurge=1, maxUnavailable=0, **both(NEW))
    lws.until("why the roll waits", lambda: stalled(lws), lambda seen: "racks-1-rack-" in seen)
    racks.publish(2)
    await_whole(lws)
    assert_shared(lws)
    third.delete()
    until(
        "no claim but one",
        lambda: sorted(claims_of(lws.client, lws.namespace)),
        [*names(lws).values()].__eq__,
    )
    lws.delete("Foreground")
    until("no claim", lambda: not claims_of(lws.client, lws.namespace))


def test_many_groups(sets: Sets, many: Racks, cluster: Cluster, namespace: str) -> None:
    """3.4, 1, 3, 9 and 13: twenty of them; one claim for each pod without the annotation; workers alone."""
    many.template(namespace)
    several = sets.create("several", replicas=20, **both())
    plain = sets.create("plain", replicas=1, **both(entries=None))
    workers = sets.create(
        "workers", replicas=2, size=3, leaderTemplate=template("leader"), workerTemplate=sharing("worker")
    )
    await_whole(several, plain, workers)
    assert_shared(several)
    claims = claims_of(cluster.client, namespace)
    assert len([x for x in claims if x.startswith("plain-")]) == 2
    assert not [x for x in plain.pods() if TOKEN in x.document["metadata"]["annotations"]]
    racks = racks_of_nodes(cluster.client)
    for group in (0, 1):
        [leader, *others] = workers.group(group)
        assert "resourceClaims" not in leader.document["spec"]
        assert len({racks[x.document["spec"]["nodeName"]] for x in others}) == 1
        [name] = {x.document["spec"]["resourceClaims"][0]["resourceClaimName"] for x in others}
        assert claims[name] == {x.uid for x in others}
    kept, uids = set(names(workers).values()), workers.uids()
    workers.delete("Orphan")
    until("the set to go", lambda: not exists(cluster.client, LEADERWORKERSETS, "workers", namespace))
    left = steady(
        "claims and pods", lambda: (claims_of(cluster.client, namespace).keys() >= kept, workers.uids())
    )
    assert left == (True, uids)


def test_without_a_template_and_without_a_controller(
    sets: Sets, racks: Racks, manager: Manager, cluster: Cluster, namespace: str
) -> None:
    """3.4, 6 and 7: pods wait and are not restarted; claims that a crash left unmade are made once."""
    lws = sets.create("waits", replicas=2, **both())
    lws.until("pods", lambda: len(lws.pods()) == 4)
    lws.until("why", lambda: stalled(lws), lambda seen: "no ResourceClaimTemplate rack" in seen)
    lws.until(
        "the event",
        lambda: lws.notes(c.REASON_FAILED_CREATE),
        lambda notes: any("no ResourceClaimTemplate rack" in x for x in notes),
    )
    told = Kubectl(cluster, namespace).json("why", "waits")["causes"]
    assert [x for x in told if "no ResourceClaimTemplate rack" in x["message"]]
    before = lws.uids()
    manager.kill()
    racks.template(namespace)
    manager.start()
    await_whole(lws)
    assert lws.uids() == before
    assert_shared(lws)
    assert len(claims_of(cluster.client, namespace)) == 2
    assert sorted(claims_of(cluster.client, namespace)) == sorted(names(lws).values())


@pytest.mark.parametrize("propagation", ["Foreground", "Background"])
def test_pods_that_never_end_hold_no_next_group(
    sets: Sets, racks: Racks, cluster: Cluster, namespace: str, propagation: str
) -> None:
    """3.4, 5: as on a dead node. What comes after them has a new claim, and may be in the other rack; no
    deletion waits for a claim that waits for it.
    """
    racks.template(namespace)
    lws = sets.create("dies", replicas=1, **both())

    def kill() -> set[str]:
        """No kubelet ends the pods of now."""
        await_whole(lws)
        for pod in lws.pods():
            lws.annotate_pod(pod.name, STUCK, "true")
        return lws.uids()

    old, former = kill(), names(lws)[0]
    lws.delete_pod("dies-0")
    lws.until("the leader to be stuck", lambda: [x for x in lws.pods() if x.deleting])
    for name in ("dies-0", "dies-0-1"):
        lws.delete_pod(name, grace_period=0)
    lws.await_replaced(old)
    kill()
    assert names(lws)[0] != former
    lws.delete(propagation)

    def force() -> bool:
        for pod in lws.pods():
            if pod.deleting:
                lws.delete_pod(pod.name, grace_period=0)
        return not lws.children() and not exists(cluster.client, LEADERWORKERSETS, "dies", namespace)

    until("the set to go", force)
    until("its claims to go", lambda: not claims_of(cluster.client, namespace))


def test_a_name_that_is_taken_is_used(sets: Sets, racks: Racks, cluster: Cluster, namespace: str) -> None:
    """Somebody made the claim that the pods name by hand; nothing is written over it."""
    lws = sets.create("taken", replicas=1, size=1, leaderTemplate=None, workerTemplate=sharing("worker"))
    lws.until("the leader", lambda: len(lws.pods()) == 1)
    [name] = names(lws).values()
    request = {"name": "device", "exactly": {"deviceClassName": "one.lws.test"}}
    document = {"metadata": {"name": name}, "spec": {"devices": {"requests": [request]}}}
    made = cluster.client.create(RESOURCE_CLAIMS, dict, document, namespace=namespace)
    racks.template(namespace)
    await_whole(lws)
    found = steady("it", lambda: cluster.client.get(RESOURCE_CLAIMS, dict, name, namespace)["metadata"])
    assert (found["uid"], found.get("ownerReferences")) == (made["metadata"]["uid"], None)
