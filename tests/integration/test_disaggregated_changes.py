"""What users and machines change in the middle of a DisaggregatedSet's rollout, on the real control plane."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from support.audit import AuditLog
from support.cluster import Cluster
from support.devices import Racks, claims_of
from support.kubectl import Kubectl
from support.manager import Manager
from support.rolesets import NAME, LiveRoles, delete_all, role
from support.sets import Document
from support.waiting import until

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.kube.errors import NotFound
from lws.kube.resources import PODS

pytestmark = pytest.mark.integration

OLD, NEW, NEWEST = (f"registry.k8s.io/pause:3.{x}" for x in (8, 9, 10))
SLOW = {"hollow.lws/start-delay": "1s"}


@pytest.fixture
def llm(cluster: Cluster, manager: Manager, namespace: str) -> Iterator[LiveRoles]:
    """A set that the test makes; it is deleted afterwards."""
    yield LiveRoles(cluster.client, namespace)
    delete_all(cluster.client, namespace)


def roles(image: str, *names: str, replicas: int = 3, size: int = 1, **template: Any) -> list[Document]:
    """Groups that take a second to start, so that a rollout has a middle."""
    made = [role(x, replicas, image=image, size=size, surge=1) for x in names or ("prefill", "decode")]
    for one in made:
        document = one["spec"]["leaderWorkerTemplate"]
        document["workerTemplate"]["metadata"] = {"annotations": dict(SLOW)}
        document |= template
    return made


def begin(llm: LiveRoles, before: list[Document], after: list[Document], **spec: Any) -> str:
    """Make the set, change it, and return its former revision when the first old group is gone."""
    llm.create(*before, **spec).await_available()
    old = llm.revision
    whole = sum(llm.sizes().values())
    llm.change(*after)
    llm.until("the middle", lambda: sum(llm.sizes(old).values()), lambda seen: 0 < seen < whole)
    return old


def await_whole(llm: LiveRoles, image: str, pods: int, **sizes: int) -> None:
    """One revision of that image, as large as asked for, with nothing left of others."""
    llm.await_available()
    llm.await_sizes(**sizes)
    llm.until(f"{pods} pods", llm.pods, lambda seen: len(seen) == pods)
    assert {x["spec"]["containers"][0]["image"] for x in llm.pods()} == {image}
    services = {f"{x['metadata']['name']}-prv" for x in llm.children()}
    llm.until("services", llm.services, lambda seen: {x["metadata"]["name"] for x in seen} == services)
    assert "rollout" not in llm.get()["status"]


def test_slices_come_and_go(llm: LiveRoles) -> None:
    """New ones at once and at full size, of the new revision; surplus ones at once, in mid-roll or not."""
    old = begin(llm, roles(OLD), roles(NEW), slices=2)
    llm.change(slices=3)
    made = llm.until("a third", lambda: whole_slice(llm, "2"))
    assert {x["metadata"]["labels"][d.REVISION_LABEL] for x in made} == llm.revisions() - {old}
    llm.change(slices=1)
    await_whole(llm, NEW, 6, s0_prefill=3, s0_decode=3)


def whole_slice(llm: LiveRoles, number: str) -> list[Document]:
    """Its LeaderWorkerSets, once there are two."""
    mine = [x for x in llm.children() if x["metadata"]["labels"][d.SLICE_LABEL] == number]
    return mine if len(mine) == 2 else []


def test_deletion(llm: LiveRoles) -> None:
    """Nothing is made for a set that goes."""
    begin(llm, roles(OLD), roles(NEW))
    llm.delete()
    llm.until("everything to go", llm.uids, lambda seen: not seen)


CHANGES: dict[str, list[str]] = {
    "added": ["prefill", "decode", "proxy"],
    "removed": ["prefill", "decode"],
    "renamed": ["prefill", "writer", "encode"],
}


@pytest.mark.parametrize("change", CHANGES)
def test_other_roles(llm: LiveRoles, change: str) -> None:
    """A third generation, with roles that the others have not, or without some that they have."""
    names = ["prefill", "decode"] if change == "added" else ["prefill", "decode", "encode"]
    begin(llm, roles(OLD, *names), roles(NEW, *names))
    after = CHANGES[change]
    llm.change(*roles(NEWEST, *after))
    await_whole(llm, NEWEST, 3 * len(after), **{f"s0_{x}": 3 for x in after})


@pytest.mark.parametrize("policy", ["None", "RecreateGroupAfterStart", "RecreateGroupOnPodRestart"])
def test_pods_die(llm: LiveRoles, policy: str) -> None:
    """Leaders and workers of old and new groups, under each restart policy, with groups that end all at
    once.
    """
    before, after = (roles(x, size=2, restartPolicy=policy) for x in (OLD, NEW))
    for one in (*before, *after):
        one["spec"]["podTerminationPolicy"] = "Parallel"
    begin(llm, before, after)
    for image in (OLD, NEW):
        for index in ("0", "1"):
            until(f"a pod {index} of {image} to die", partial(dies, llm, image, index))
    await_whole(llm, NEW, 12, s0_prefill=3, s0_decode=3)


def dies(llm: LiveRoles, image: str, index: str) -> bool:
    """Whether the first pod with this image and index in its group was there to be deleted amid the roll."""
    found = [
        x["metadata"]["name"]
        for x in llm.pods()
        if x["spec"]["containers"][0]["image"] == image
        and x["metadata"]["labels"][c.WORKER_INDEX_LABEL] == index
    ]
    try:
        llm.client.delete(PODS, dict, found[0] if found else "none", namespace=llm.namespace)
    except NotFound:
        return False
    return True


@pytest.fixture
def racks(cluster: Cluster) -> Iterator[Racks]:
    """Three racks with ten devices each."""
    made = Racks(cluster.client, "roles.lws.test")
    for rack in (0, 1, 2):
        made.publish(rack, devices=10)
    yield made
    made.clear()


def test_a_claim_for_each_group_of_a_role(llm: LiveRoles, racks: Racks) -> None:
    """Decision 191: old and new groups have claims of their own, and those of groups that went go, too."""
    racks.template(llm.namespace)
    begin(llm, *(sharing(roles(x, size=2)) for x in (OLD, NEW)))
    await_whole(llm, NEW, 12, s0_prefill=3, s0_decode=3)
    groups: dict[str, set[str]] = {}
    for pod in llm.pods():
        labels = pod["metadata"]["labels"]
        if labels[d.ROLE_LABEL] == "decode":
            groups.setdefault(labels[c.GROUP_INDEX_LABEL], set()).add(pod["metadata"]["uid"])
    wanted = sorted(map(sorted, groups.values()))
    llm.until(
        "a claim for each group",
        lambda: sorted(map(sorted, claims_of(llm.client, llm.namespace).values())),
        lambda seen: seen == wanted,
    )


def sharing(made: list[Document]) -> list[Document]:
    """The pods of each group of the second role share a claim."""
    template = made[1]["spec"]["leaderWorkerTemplate"]["workerTemplate"]
    template["metadata"]["annotations"][c.GROUP_CLAIMS_ANNOTATION] = "rack"
    template["spec"]["resourceClaims"] = [{"name": "rack", "resourceClaimTemplateName": "rack"}]
    template["spec"]["containers"][0]["resources"] = {"claims": [{"name": "rack"}]}
    return made


def test_roles_that_ask_for_updates_in_place(llm: LiveRoles, cluster: Cluster) -> None:
    """beyond.md, 1.4: a rollout makes other pods, as ever, for its LeaderWorkerSets never change; a
    restart of a role makes other ones of that role alone, and a scale only more; no pod is ever changed.
    """
    kubectl = Kubectl(cluster, llm.namespace)
    before, after = (in_place(roles(x, replicas=2, size=2)) for x in (OLD, NEW))
    words = ("create", "--dry-run=server", "--warnings-as-errors", "-f", "-")
    assert "podUpdatePolicy: has no effect" in kubectl(*words, code=1, stdin=manifest(before))
    llm.create(*before).await_available()
    old, revision = pods_by_role(llm), llm.revision
    log = AuditLog(cluster.audit_log)
    log.mark()
    plan = kubectl.json("plan", llm.name, "-f", "-", stdin=manifest(after))
    assert (plan["restartsPods"], plan["fromRevision"]) == (True, revision)
    llm.change(*after)
    await_whole(llm, NEW, 8, s0_prefill=2, s0_decode=2)
    rolled = pods_by_role(llm)
    assert llm.revision == plan["toRevision"]
    assert not any(rolled[x] & old[x] for x in old)
    children = {x["metadata"]["uid"] for x in llm.children()}
    llm.change(*in_place(roles(NEW, replicas=3, size=2)))
    await_whole(llm, NEW, 12, s0_prefill=3, s0_decode=3)
    grown = pods_by_role(llm)
    assert all(rolled[x] < grown[x] for x in rolled)
    assert {x["metadata"]["uid"] for x in llm.children()} == children
    kubectl.lws("restart", llm.name, "decode")
    llm.until("other pods", lambda: pods_by_role(llm)["decode"], lambda seen: not seen & grown["decode"])
    await_whole(llm, NEW, 12, s0_prefill=3, s0_decode=3)
    assert pods_by_role(llm)["prefill"] == grown["prefill"]
    assert log.writes()["patch pods"] == 0


def in_place(made: list[Document]) -> list[Document]:
    for one in made:
        one["spec"]["rolloutStrategy"]["rollingUpdateConfiguration"]["podUpdatePolicy"] = (
            c.POD_UPDATE_IN_PLACE
        )
    return made


def manifest(made: list[Document]) -> str:
    metadata = {"name": NAME}
    return json.dumps(
        {"apiVersion": d.API_VERSION, "kind": d.KIND, "metadata": metadata, "spec": {"roles": made}}
    )


def pods_by_role(llm: LiveRoles) -> dict[str, set[str]]:
    """Their UIDs."""
    found: dict[str, set[str]] = {}
    for pod in llm.pods():
        found.setdefault(pod["metadata"]["labels"][d.ROLE_LABEL], set()).add(pod["metadata"]["uid"])
    return found
