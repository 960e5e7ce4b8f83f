"""What a cluster refuses, and names that are taken: the set says so, and goes on with the rest."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from support.cluster import Cluster
from support.kubectl import Kubectl
from support.policies import policy
from support.quotas import QUOTAS, quota
from support.sets import Document, LiveSet, Sets, template
from support.waiting import SECONDS, steady, until
from support.wholeness import await_whole

from lws.api import constants as c
from lws.controllers.informers import OWN_REVISIONS
from lws.controllers.resources import LEADERWORKERSETS
from lws.kube.errors import ApiError, NotFound
from lws.kube.resources import CONTROLLER_REVISIONS, PODS, SERVICES, STATEFULSETS, Resource

pytestmark = pytest.mark.integration

BAD_TEMPLATE = "object.spec.template.spec.containers.exists(c, c.image.endsWith('bad'))"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@pytest.fixture
def kubectl(cluster: Cluster, namespace: str) -> Kubectl:
    return Kubectl(cluster, namespace)


def condition(lws: LiveSet, type_: str) -> Document:
    found: Document = next((x for x in lws.status.get("conditions", []) if x["type"] == type_), {})
    return found


def await_stalled(lws: LiveSet, *words: str) -> Document:
    def said() -> Document:
        return condition(lws, c.STALLED)

    def wanted(seen: Document) -> bool:
        return seen.get("status") == "True" and all(x in seen["message"] for x in words)

    return lws.until(f"Stalled with {words}", said, wanted)


@pytest.mark.parametrize("code", ["Forbidden", "Invalid"])
def test_a_template_that_a_policy_refuses(sets: Sets, namespace: str, code: str) -> None:
    """lws#851, #807: told in the API server's words; the set is scaled all the same."""
    lws = sets.create(replicas=2, size=2)
    await_whole(lws)
    before = lws.uids()
    with policy(sets.client, namespace, resource=STATEFULSETS, refused=BAD_TEMPLATE, code=code):
        refused_in_effect(sets, namespace)
        lws.change(leaderTemplate=template("leader", "example.com/server:bad"))
        await_stalled(lws, "The API server refuses the leader StatefulSet", "image not allowed")
        document = lws.get()
        assert document["status"]["observedGeneration"] == document["metadata"]["generation"]
        assert condition(lws, c.AVAILABLE)["status"] == "False"
        lws.change(replicas=3)
        lws.until("three groups ready", lambda: lws.status.get("readyReplicas"), lambda seen: seen == 3)
        assert before <= lws.uids()
        lws.change(leaderTemplate=template("leader"))
        await_whole(lws)
        assert condition(lws, c.STALLED)["status"] == "False"


def refused_in_effect(sets: Sets, namespace: str) -> None:
    """Policies take a moment to reach the API server's own cache."""
    pod = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "bad"}]}}
    spec = {"replicas": 0, "serviceName": "x", "selector": {"matchLabels": {"a": "b"}}, "template": pod}
    metadata = {"name": "probe", "namespace": namespace}
    probe = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": spec}

    def refused() -> bool:
        try:
            sets.client.create(STATEFULSETS, dict, probe)
        except ApiError as error:
            return error.refused
        sets.client.delete(STATEFULSETS, dict, "probe", namespace=namespace)
        return False

    until("the policy to be in force", refused, bool)


def test_a_new_set_whose_stateful_sets_a_quota_refuses(sets: Sets, namespace: str) -> None:
    """It has a status from the first pass on, and goes on by itself once it may."""
    quota(sets.client, namespace, {"count/statefulsets.apps": "0"})
    lws = sets.create(replicas=1, size=2)
    stalled = await_stalled(lws, "exceeded quota")
    assert stalled["reason"] == "LeaderStatefulSetRefused"
    assert condition(lws, c.PROGRESSING)["status"] == "True"
    assert lws.status["observedGeneration"] == 1
    sets.client.delete(QUOTAS, dict, "some", namespace=namespace)
    await_whole(lws)


def test_workers_that_a_quota_refuses_are_told_by_their_set(sets: Sets, namespace: str) -> None:
    quota(sets.client, namespace, {"count/statefulsets.apps": "2"})
    lws = sets.create(replicas=2, size=2)
    stalled = await_stalled(lws, "group ", "The API server refuses StatefulSet", "exceeded quota")
    assert stalled["reason"] == "WorkerStatefulSetRefused"
    sets.client.delete(QUOTAS, dict, "some", namespace=namespace)
    await_whole(lws)


def test_a_set_whose_service_a_quota_refuses_counts_its_groups(sets: Sets, namespace: str) -> None:
    quota(sets.client, namespace, {"services": "0"})
    lws = sets.create(replicas=1, size=2)
    assert await_stalled(lws, "exceeded quota")["reason"] == "ServiceRefused"
    lws.until("the group to be counted", lambda: lws.status.get("readyReplicas"), lambda seen: seen == 1)


@pytest.mark.parametrize("policy_of", ["Shared", "UniquePerReplica"])
def test_a_service_of_somebody_else(sets: Sets, namespace: str, kubectl: Kubectl, policy_of: str) -> None:
    """ai-dynamo/dynamo#9612: named, untouched, made when the name is free."""
    name = "api" if policy_of == "Shared" else "api-0"
    theirs = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"app": "frontend"}, "ports": [{"port": 80}]},
    }
    before = sets.client.create(SERVICES, dict, theirs)
    lws = sets.create("api", replicas=1, size=2, networkConfig={"subdomainPolicy": policy_of})
    stalled = await_stalled(lws, f"Service {name} exists and is not this", "not headless", "not select")
    assert stalled["reason"] == "NameTaken"
    lws.until(
        "the event",
        lambda: lws.notes("FailedCreate"),
        lambda notes: any(f"Service {name} exists" in x for x in notes),
    )
    assert f"Service {name} exists" in kubectl.lws("why", "api")
    seen = sets.client.get(SERVICES, dict, name, namespace)
    assert seen["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    sets.client.delete(SERVICES, dict, name, namespace=namespace)

    def headless() -> bool:
        with contextlib.suppress(NotFound):
            made = sets.client.get(SERVICES, dict, name, namespace)
            return bool(made["spec"].get("clusterIP") == "None")
        return False

    until("the headless one", headless, bool, seconds=2 * SECONDS)
    await_whole(lws)


def test_a_set_that_is_named_like_a_group_of_another(sets: Sets) -> None:
    """``api-0`` beside ``api``: neither takes the other's StatefulSet."""
    other = sets.create("api-0", replicas=1, size=2)
    await_whole(other)
    lws = sets.create("api", replicas=1, size=2)
    await_stalled(lws, "group 0: StatefulSet api-0 exists and is not this group's")
    await_whole(other)
    assert steady("the other's pods", other.uids)


def test_metadata_follows_and_no_pod_is_replaced(sets: Sets) -> None:
    """lws#895, #657."""
    metadata = {
        "labels": {"team": "red", "cost": "a"},
        "annotations": {"example.com/note": "one", LAST_APPLIED: "{}"},
    }
    lws = sets.create(replicas=2, size=2, metadata=metadata)
    await_whole(lws)
    before = lws.uids()
    for one in (lws.leader_set(), *lws.worker_sets()):
        assert LAST_APPLIED not in one["metadata"].get("annotations", {})
    assert lws.leader_set()["metadata"]["labels"][c.ROLE_LABEL] == "leader"
    assert {x["metadata"]["labels"][c.ROLE_LABEL] for x in lws.worker_sets()} == {"worker"}
    assert not any(c.ROLE_LABEL in x.document["metadata"]["labels"] for x in lws.pods())
    by_hand = {"metadata": {"labels": {"mine": "x"}}}
    lws.client.merge_patch(STATEFULSETS, dict, f"{lws.name}-0", by_hand, namespace=lws.namespace)
    edit = {
        "metadata": {"labels": {"team": "blue", "cost": None}, "annotations": {"example.com/note": "two"}}
    }
    lws.client.merge_patch(LEADERWORKERSETS, dict, lws.name, edit, namespace=lws.namespace)

    def followed() -> bool:
        return all(
            (x["metadata"]["labels"].get("team"), x["metadata"]["labels"].get("cost")) == ("blue", None)
            and x["metadata"]["annotations"]["example.com/note"] == "two"
            for x in (lws.leader_set(), *lws.worker_sets())
        )

    lws.until("all StatefulSets to follow", followed)
    assert (
        lws.client.get(STATEFULSETS, dict, f"{lws.name}-0", lws.namespace)["metadata"]["labels"]["mine"]
        == "x"
    )
    assert steady("the pods", lws.uids) == before


def test_what_was_edited_by_hand_is_put_back(sets: Sets) -> None:
    lws = sets.create(replicas=1, size=3, restartPolicy="None")
    await_whole(lws)
    workers = f"{lws.name}-0"
    unlabelled = {"metadata": {"labels": {c.NAME_LABEL: None}}}
    for resource, name, patch in (
        (SERVICES, lws.name, {"spec": {"selector": {"app": "x", c.NAME_LABEL: None}}}),
        (SERVICES, lws.name, {"spec": {"publishNotReadyAddresses": False}}),
        (SERVICES, lws.name, unlabelled),
        (STATEFULSETS, workers, {"spec": {"replicas": 1}}),
        (STATEFULSETS, workers, unlabelled),
        (STATEFULSETS, lws.name, unlabelled),
    ):
        wanted = owned(lws.client.get(resource, dict, name, lws.namespace))
        edited = owned(lws.client.merge_patch(resource, dict, name, patch, namespace=lws.namespace))
        assert edited != wanted
        lws.until(
            f"{name} without {patch}",
            lambda: owned(lws.client.get(resource, dict, name, lws.namespace)),  # noqa: B023
            wanted.__eq__,
        )
    await_whole(lws)


def owned(document: Document) -> Any:
    spec = document["spec"]
    members = ("selector", "publishNotReadyAddresses", "replicas")
    return (document["metadata"].get("labels"), {x: spec.get(x) for x in members})


def _strip(sets: Sets, resource: Resource, name: str, namespace: str) -> str:
    """Take its owner away, as a user or a backup tool may; its UID."""
    patch = {"metadata": {"ownerReferences": None}}
    written = sets.client.merge_patch(resource, dict, name, patch, namespace=namespace)
    uid: str = written["metadata"]["uid"]
    return uid


def test_children_that_lose_their_owner_get_it_back(sets: Sets, namespace: str) -> None:
    lws = sets.create("mine", replicas=1, size=2, networkConfig={"subdomainPolicy": "UniquePerReplica"})
    await_whole(lws)
    pods = {x.uid for x in lws.pods()}
    [revision] = sets.client.list(
        CONTROLLER_REVISIONS, dict, namespace, label_selector=f"{c.NAME_LABEL}=mine,{OWN_REVISIONS}"
    )[:1]
    children = (
        (STATEFULSETS, "mine"),
        (STATEFULSETS, "mine-0"),
        (SERVICES, "mine-0"),
        (CONTROLLER_REVISIONS, revision["metadata"]["name"]),
    )
    for resource, name in children:
        uid = _strip(sets, resource, name, namespace)

        def owner(resource: Resource = resource, name: str = name, uid: str = uid) -> str:
            found = sets.client.get(resource, dict, name, namespace)["metadata"]
            assert found["uid"] == uid
            return "".join(x["kind"] for x in found.get("ownerReferences", ()))

        until(f"the owner of {resource.plural} {name}", owner, bool)
    assert {x.uid for x in lws.pods()} == pods


def test_workers_whose_pods_a_quota_refuses(sets: Sets, namespace: str, kubectl: Kubectl) -> None:
    """Refused to the StatefulSet controller, which only writes events; told within seconds, by the watch."""
    quota(sets.client, namespace, {"pods": "1"})
    lws = sets.create("small", replicas=1, size=2)
    stalled = await_stalled(lws, "group 0: The API server refuses Pod small-0-1", "exceeded quota")
    assert stalled["reason"] == "PodsRefused"
    lws.until("the event", lambda: [x for x in lws.notes("FailedCreate") if "exceeded quota" in x])
    assert "exceeded quota" in kubectl.lws("why", "small")
    sets.client.delete(QUOTAS, dict, "some", namespace=namespace)
    # The StatefulSet controller tries ever more rarely by itself; a change of its StatefulSet wakes it.
    sets.client.merge_patch(
        STATEFULSETS, dict, "small-0", {"metadata": {"annotations": {"a": "b"}}}, namespace=namespace
    )
    await_whole(lws)
    lws.until("the end of it", lambda: condition(lws, c.STALLED)["status"], lambda seen: seen == "False")


def test_leaders_whose_pods_a_quota_refuses(sets: Sets, namespace: str) -> None:
    quota(sets.client, namespace, {"pods": "0"})
    lws = sets.create(replicas=2, size=2)
    stalled = await_stalled(lws, "The API server refuses Pod", "exceeded quota")
    assert stalled["reason"] == "PodsRefused"
    assert lws.status["observedGeneration"] == 1


def test_a_pod_of_somebody_that_has_a_needed_name(sets: Sets, namespace: str) -> None:
    """Nobody says so: the StatefulSet controller fails in silence."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "mine-0-1", "namespace": namespace},
        "spec": {"containers": [{"name": "c", "image": "example.com/x:1"}]},
    }
    theirs = sets.client.create(PODS, dict, pod)
    lws = sets.create("mine", replicas=1, size=2)
    stalled = await_stalled(lws, "group 0: Pod mine-0-1 exists and is not this group's: it has no owner")
    assert stalled["reason"] == "NameTaken"
    found = sets.client.get(PODS, dict, "mine-0-1", namespace)
    assert found["metadata"]["uid"] == theirs["metadata"]["uid"]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("mine-1", c.NAME_LABEL),
        ("mine-1", c.WORKER_INDEX_LABEL),
        ("mine-1-1", c.NAME_LABEL),
        ("mine-1-1", c.GROUP_INDEX_LABEL),
    ],
)
def test_a_pod_that_its_stateful_set_let_go(sets: Sets, namespace: str, name: str, label: str) -> None:
    """Decision 251: the label is not put back, but told; put back by hand, the pod is adopted."""
    lws = sets.create("mine", replicas=2, size=2, restartPolicy=c.RESTART_NONE)
    await_whole(lws)
    before = lws.uids()
    value = sets.client.get(PODS, dict, name, namespace)["metadata"]["labels"][label]
    relabel(sets, namespace, name, label, None)
    stalled = await_stalled(lws, f"Pod {name} exists and is not this", "has no owner", f"{label}={value}")
    assert stalled["reason"] == "NameTaken"
    assert label not in sets.client.get(PODS, dict, name, namespace)["metadata"]["labels"]
    relabel(sets, namespace, name, label, value)
    until(
        "its adoption",
        lambda: sets.client.get(PODS, dict, name, namespace)["metadata"].get("ownerReferences"),
    )
    await_whole(lws)
    assert lws.uids() == before
    lws.until("the end of it", lambda: condition(lws, c.STALLED)["status"], lambda seen: seen == "False")


def relabel(sets: Sets, namespace: str, name: str, label: str, value: str | None) -> None:
    patch = {"metadata": {"labels": {label: value}}}
    sets.client.merge_patch(PODS, dict, name, patch, namespace=namespace)
