"""DisaggregatedSets whose groups do not get ready, on the real control plane."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from support.cluster import Cluster
from support.manager import Manager
from support.rolesets import NOT_READY, LiveRoles, delete_all, role
from support.sets import Document
from support.waiting import steady

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.timestamps import epoch
from lws.kube.resources import PODS

pytestmark = pytest.mark.integration

OLD, NEW, BAD = "app:old", "app:new", "app:bad"
PULL_ERROR = {"hollow.lws/images": json.dumps({BAD: {"error": "ErrImagePull"}})}


@pytest.fixture
def llm(cluster: Cluster, manager: Manager, namespace: str) -> Iterator[LiveRoles]:
    """A set that the test makes; it is deleted afterwards."""
    yield LiveRoles(cluster.client, namespace)
    delete_all(cluster.client, namespace)


def pair(image: str, decode: str = "", replicas: int = 2, **spec: object) -> list[Document]:
    """Two roles. ``decode``: another image for the second. ``spec``: more members of its spec."""
    roles = [
        role(name, replicas, image=x, surge=1)
        for name, x in (("prefill", image), ("decode", decode or image))
    ]
    roles[1]["spec"]["leaderWorkerTemplate"]["workerTemplate"]["metadata"] = {"annotations": PULL_ERROR}
    roles[1]["spec"] |= spec
    return roles


def of_role(llm: LiveRoles, name: str, image: str) -> list[Document]:
    """Its pods with this image, the oldest first."""
    pods = [
        x
        for x in llm.pods()
        if x["metadata"]["labels"][d.ROLE_LABEL] == name and x["spec"]["containers"][0]["image"] == image
    ]
    return sorted(pods, key=lambda x: str(x["metadata"]["creationTimestamp"]))


def ready_since(pod: Document) -> float | None:
    """By the node's clock, cut off to whole seconds; None while it is not."""
    found = (x for x in pod["status"].get("conditions", []) if (x["type"], x["status"]) == ("Ready", "True"))
    return next((epoch(x["lastTransitionTime"]) for x in found), None)


def test_the_role_that_holds_a_rollout_is_named(llm: LiveRoles) -> None:
    """Decision 231: an image of one role cannot be pulled, its deadline passes, and it is fixed forward."""
    llm.create(*pair(OLD)).await_available()
    old, before = llm.revision, llm.uids()
    llm.change(*pair(NEW, decode=BAD, progressDeadlineSeconds=30))
    told = llm.until(
        "what holds it", lambda: llm.condition(d.PROGRESSING), lambda x: "ImagePull" in x["message"]
    )
    assert (told["status"], told["reason"]) == ("True", d.REASON_ROLLOUT_IN_PROGRESS)
    [new] = llm.revisions() - {old}
    assert told["message"].startswith(f"role decode of slice 0, LeaderWorkerSet llm-0-{new}-decode: ")
    assert f"pod llm-0-{new}-decode-0: " in told["message"]
    late = llm.until("its deadline", lambda: llm.condition(d.PROGRESSING), lambda x: x["status"] == "False")
    assert late["reason"] == c.REASON_DEADLINE_EXCEEDED
    assert "No progress within 30 s" in late["message"]
    assert llm.condition(c.STALLED)["reason"] == d.REASON_CHILD_STALLED
    assert llm.until("an event", lambda: llm.events(c.REASON_DEADLINE_EXCEEDED)) == [late["message"]]
    assert llm.sizes(old) == {"0-prefill": 2, "0-decode": 2}
    assert before.items() <= llm.uids().items()
    llm.change(*pair(NEW))
    llm.await_available()
    assert llm.condition(d.PROGRESSING)["reason"] == d.REASON_ALL_ROLES_READY
    assert llm.condition(c.STALLED)["status"] == "False"


def test_a_role_on_probation_holds_all_roles(llm: LiveRoles) -> None:
    """minReadySeconds of one role: neither is drained before its new group has been ready for so long, and a
    group that fails within that time begins anew.
    """
    seconds = 6
    llm.create(*pair(OLD, minReadySeconds=seconds)).await_available()
    old = llm.revision
    changed = pair(NEW, minReadySeconds=seconds)
    changed[1]["spec"]["leaderWorkerTemplate"]["restartPolicy"] = "None"
    llm.change(*changed)
    [first] = llm.until(
        "a new group", lambda: of_role(llm, "decode", NEW), lambda seen: seen and ready_since(seen[0])
    )
    mark(llm, first, "true")
    llm.until("it to fail", lambda: of_role(llm, "decode", NEW), lambda seen: ready_since(seen[0]) is None)
    assert steady("the old", lambda: llm.sizes(old), window=seconds + 2.0) == {"0-prefill": 2, "0-decode": 2}
    mark(llm, first, None)
    llm.await_available()
    for name in ("prefill", "decode"):
        _, second = of_role(llm, name, NEW)
        since = next(x for x in map(ready_since, of_role(llm, "decode", NEW)) if x is not None)
        assert epoch(second["metadata"]["creationTimestamp"]) - since >= seconds, name
    last = max(x for x in map(ready_since, of_role(llm, "decode", NEW)) if x is not None)
    available = next(x for x in llm.get()["status"]["conditions"] if x["type"] == c.AVAILABLE)
    assert epoch(available["lastTransitionTime"]) - last >= seconds


def mark(llm: LiveRoles, pod: Document, not_ready: str | None) -> None:
    patch = {"metadata": {"annotations": {NOT_READY: not_ready}}}
    llm.client.merge_patch(PODS, dict, pod["metadata"]["name"], patch, namespace=llm.namespace)
