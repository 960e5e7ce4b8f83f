"""``kubectl lws`` on DisaggregatedSets, as users run it: the real kubectl, the plugin, a real cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from support.cluster import Cluster
from support.kubectl import Kubectl
from support.manager import Manager
from support.rolesets import LiveRoles, delete_all, role
from support.sets import Document
from support.waiting import steady

from lws.api import constants as c
from lws.api import disaggregation as d

pytestmark = pytest.mark.integration

OLD, NEW = "registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.10"


@pytest.fixture
def kubectl(cluster: Cluster, namespace: str) -> Kubectl:
    return Kubectl(cluster, namespace)


@pytest.fixture
def llm(cluster: Cluster, manager: Manager, namespace: str) -> Iterator[LiveRoles]:
    yield LiveRoles(cluster.client, namespace)
    delete_all(cluster.client, namespace)


def two(image: str = OLD, *, not_ready: bool = False) -> list[Document]:
    sizes = {"prefill": 2, "decode": 1}
    return [role(x, n, image=image, surge=1, not_ready=not_ready) for x, n in sizes.items()]


def manifest(*roles: Document) -> str:
    metadata = {"name": "llm"}
    document = {"apiVersion": d.API_VERSION, "kind": d.KIND, "metadata": metadata, "spec": {"roles": roles}}
    return json.dumps(document)


def pods_of(llm: LiveRoles, name: str) -> dict[str, str]:
    """UIDs of one role's pods by name."""
    found = (x["metadata"] for x in llm.pods())
    return {x["name"]: x["uid"] for x in found if x["labels"][d.ROLE_LABEL] == name}


def test_looking_and_planning(llm: LiveRoles, kubectl: Kubectl) -> None:
    """What there is; a plan asks the real server, and what then happens is what it said."""
    llm.create(*two()).await_available()
    view = kubectl.json("tree", "llm")
    assert view["kind"] == d.KIND
    assert [(x["name"], x["ready"], x["updated"]) for x in view["slices"][0]["roles"]] == [
        ("prefill", 2, 2),
        ("decode", 1, 1),
    ]
    drawn = kubectl.lws("tree")
    assert all(f"pod/{x['metadata']['name']} " in drawn for x in llm.pods())
    assert drawn.count("leaderworkerset/") == 2
    assert kubectl.json("why", "ds/llm")["ready"]
    plan = kubectl.json("plan", "llm", "-f", "-", stdin=manifest(*two(NEW)))
    assert (plan["restartsPods"], plan["refused"], plan["fromRevision"]) == (True, [], llm.revision)
    assert llm.sizes() == {"0-prefill": 2, "0-decode": 1}, "it was tried only"
    llm.change(*two(NEW))
    said = kubectl.lws("status", "ds/llm", "--watch", "--timeout", "90s").splitlines()
    assert said[-1].endswith("successfully rolled out: 2 roles, 3 groups updated and ready")
    llm.await_available()
    assert llm.revision == plan["toRevision"]


def test_what_holds_a_rollout_and_a_pause(llm: LiveRoles, kubectl: Kubectl) -> None:
    """Paused before it begins, then let go; a new group that does not get ready is named."""
    llm.create(*two()).await_available()
    old = llm.revision
    assert kubectl.lws("pause", "ds/llm").endswith("/llm paused\n")
    llm.change(*two(NEW, not_ready=True))
    llm.until(
        "the pause to be all that it waits for",
        lambda: {x["reason"] for x in kubectl.json("why", "ds/llm")["causes"]},
        lambda seen: seen == {"Paused"},
    )
    llm.until(
        "a table that shows it",
        lambda: kubectl("get", "disaggregatedset", "llm", "-o", "wide").splitlines(),
        lambda lines: (
            lines[0].split()[6:8] == ["PAUSED", "WHY"] and lines[1].split()[1:3] == ["False", "True"]
        ),
    )
    assert kubectl("get", "disaggregatedset", "llm", "-o", "wide").splitlines()[1].split()[-1] == "true"
    (progressing,) = [x for x in llm.get()["status"]["conditions"] if x["type"] == "Progressing"]
    assert progressing["reason"] == "Paused"
    steady("a paused set", llm.uids)
    assert llm.revisions() == {old}
    kubectl.lws("resume", "ds/llm")
    held = llm.until(
        "a group that holds the rollout",
        lambda: kubectl.json("why", "ds/llm")["causes"],
        lambda seen: {"HoldsRollout", "NotReady"} <= {x["reason"] for x in seen},
    )
    (pod,) = {x["pod"] for x in held if x["reason"] == "NotReady" and x["role"] == "prefill"}
    assert pod in pods_of(llm, "prefill")
    assert "is rolling out" in kubectl.lws("restart", "llm", "decode", code=1)


def test_one_role_is_restarted(llm: LiveRoles, kubectl: Kubectl) -> None:
    """Its pods are other ones, those of the other role are the same, and so is the revision."""
    llm.create(*two()).await_available()
    revision, before, others = llm.revision, pods_of(llm, "decode"), pods_of(llm, "prefill")
    kubectl.lws("restart", "llm", "decode")
    llm.until(
        "another pod",
        lambda: pods_of(llm, "decode"),
        lambda seen: len(seen) == 1 and not set(seen.values()) & set(before.values()),
    )
    llm.await_available()
    assert llm.revision == revision
    assert pods_of(llm, "prefill") == others


def test_history_and_undo(llm: LiveRoles, kubectl: Kubectl) -> None:
    """The former revision is there again, under its former hash; without the annotation nothing is kept."""
    llm.create(*two()).await_available()
    old = llm.revision
    assert kubectl.json("history", "llm")["revisions"] == []
    kubectl("annotate", "disaggregatedset", "llm", f"{c.HISTORY_LIMIT_ANNOTATION}=3")
    llm.until("a history", lambda: keys(kubectl), lambda seen: seen == [old])
    llm.change(*two(NEW))
    llm.until("the other templates", lambda: keys(kubectl), lambda seen: len(seen) == 2 and seen[0] == old)
    llm.await_available()
    new, before = llm.revision, kept(kubectl)
    assert kubectl.lws("undo", "ds/llm").endswith("/llm rolled back to revision 1\n")
    llm.until("the former revision alone", llm.revisions, lambda seen: seen == {old})
    llm.await_available()
    assert keys(kubectl) == [new, old]
    assert kept(kubectl) == {2: before[2], 3: before[1]}, "the next number, and nothing else is new"
    llm.change(*two(NEW))
    llm.until("the number", lambda: kept(kubectl).get(4), lambda seen: seen == before[2])
    llm.await_available()
    kubectl("annotate", "disaggregatedset", "llm", f"{c.HISTORY_LIMIT_ANNOTATION}-")
    llm.until("the history to go", lambda: keys(kubectl), lambda seen: not seen)


def kept(kubectl: Kubectl) -> dict[int, tuple[str, str]]:
    """Name and time of creation by number."""
    return {x["revision"]: (x["name"], x["created"]) for x in kubectl.json("history", "llm")["revisions"]}


def keys(kubectl: Kubectl) -> list[str]:
    """Of the revisions that are kept, the oldest first."""
    return [x["key"] for x in kubectl.json("history", "llm")["revisions"]]
