"""A change of controllers under DisaggregatedSets: taken over and given back, at rest and in mid-rollout.

Upstream is ``support.upstream_roles``: its writes, pass by pass, for the sets and for their LeaderWorkerSets.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest
from support.audit import AuditLog
from support.rolesets import LiveRoles, role
from support.scene import Scene
from support.sets import Document, condition_of
from support.upstream_roles import UpstreamRoles
from support.waiting import steady, until

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.kube.client import Client
from lws.kube.resources import PODS

pytestmark = pytest.mark.integration

OLD, NEW = "registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.10"
NOT_READY = "hollow.lws/not-ready"


class Snapshot(NamedTuple):
    """What a change of controllers must leave alone, by kind and name."""

    generation: int
    uids: dict[str, str]
    specs: dict[str, int]
    baselines: dict[str, str | None]
    restarts: int


def snapshot(llm: LiveRoles) -> Snapshot:
    """``specs``: generations of what the set made; ``baselines``: what a rollout remembers."""
    children = llm.children()
    metadata = [x["metadata"] for x in (*children, *llm.scalers())]
    containers = [y for x in llm.pods() for y in x["status"].get("containerStatuses", [])]
    return Snapshot(
        llm.get()["metadata"]["generation"],
        llm.uids(),
        {x["name"]: x["generation"] for x in metadata},
        {x["metadata"]["name"]: baseline(x) for x in children},
        sum(x["restartCount"] for x in containers),
    )


def baseline(child: Document) -> str | None:
    found: str | None = child["metadata"].get("annotations", {}).get(d.INITIAL_REPLICAS_ANNOTATION)
    return found


def pairs(*, external: bool = False) -> list[Document]:
    """Two roles of groups of two pods."""
    prefill = role("prefill", None if external else 2, image=OLD, size=2, external=external)
    return [prefill, role("decode", 1, image=OLD, size=2)]


def roles(image: str, *, not_ready: bool = False) -> list[Document]:
    """Two of four and two groups of one pod, which roll with surge."""
    sizes = {"prefill": 4, "decode": 2}
    return [role(x, count, image=image, surge=1, not_ready=not_ready) for x, count in sizes.items()]


def rest_by(upstream: UpstreamRoles, llm: LiveRoles) -> None:
    """Let upstream work until all is ready on the present revision, and has its services."""

    def look() -> bool:
        upstream.reconcile()
        there = condition_of(llm.get(), c.AVAILABLE) == "True" and len(llm.revisions()) == 1
        return there and len(llm.services()) == len(llm.children())

    until(f"{llm} to rest", look)


def await_seen(llm: LiveRoles) -> None:
    """Our manager has looked at every group: records of groups of several pods are what upstream has not."""

    def look() -> list[str]:
        return [x["metadata"]["name"] for x in llm.children() if len(records(x)) < x["spec"]["replicas"]]

    llm.until("records", look, lambda seen: not seen)


def records(child: Document) -> Document:
    return dict(child.get("status", {}).get("groups", {}))


def pods_of(llm: LiveRoles, revision: str) -> dict[str, str]:
    """UIDs by name."""
    found = [x["metadata"] for x in llm.pods() if x["metadata"]["labels"][d.REVISION_LABEL] == revision]
    return {x["name"]: x["uid"] for x in found}


def own(llm: LiveRoles, revision: str) -> dict[str, str]:
    """UIDs of a revision's LeaderWorkerSets."""
    found = [x["metadata"] for x in llm.children() if x["metadata"]["labels"][d.REVISION_LABEL] == revision]
    return {x["name"]: x["uid"] for x in found}


def let_start(client: Client, llm: LiveRoles) -> None:
    """Let the pods get ready that were told not to."""
    for pod in llm.pods():
        if pod["metadata"].get("annotations", {}).get(NOT_READY) == "true":
            patch = {"metadata": {"annotations": {NOT_READY: "false"}}}
            client.merge_patch(PODS, dict, pod["metadata"]["name"], patch, namespace=llm.namespace)


def test_at_rest_nothing_is_made_or_changed(scene: Scene) -> None:
    """There and back again: two slices, a role with a scaler, and a set from before there were slices, made
    by upstream. Ours writes each status once at most; upstream makes nothing when it comes back.
    """
    slices, external, old = scene.roles("slices"), scene.roles("external"), scene.roles("old")
    slices.create(*pairs(), slices=2)
    external.create(*pairs(external=True))
    old.create(*pairs())
    sets = [slices, external, old]
    hands = [scene.upstream_of(x, sliceless=x is old) for x in sets]
    for upstream, llm in zip(hands, sets, strict=True):
        rest_by(upstream, llm)
    before = [snapshot(x) for x in sets]
    log = AuditLog(scene.cluster.audit_log)
    log.mark()
    scene.enter()
    for llm in sets:
        await_seen(llm)
    steady("what is written", log.writes, window=2.0)
    assert [snapshot(x) for x in sets] == before
    groups = sum(len(x.children()) for x in sets)
    written = {what: count for what, count in log.writes().items() if not what.endswith(" statefulsets")}
    assert written.pop("patch leaderworkersets/status") == groups, "records of ours"
    assert set(written) <= {
        "patch disaggregatedsets/status",
        "patch disaggregatedsetrolescalers/status",
    }
    assert max(written.values(), default=0) <= len(sets)
    scene.leave()
    for upstream in hands:
        upstream.made.clear()
        for _ in range(2):
            upstream.reconcile()
        assert not upstream.made
    assert [snapshot(x) for x in sets] == before


def test_a_rollout_is_taken_over_where_it_stands(scene: Scene) -> None:
    """Upstream has moved a part of both roles; what is new stays, and ours ends what it began."""
    llm = scene.roles("rolling").create(*roles(OLD))
    upstream = scene.upstream_of(llm)
    rest_by(upstream, llm)
    old = llm.revision
    llm.change(*roles(NEW))
    new = middle_by(upstream, llm, old)
    pods, kept = pods_of(llm, new), own(llm, new)
    scene.enter()
    llm.await_available()
    assert own(llm, llm.revision) == kept, "no LeaderWorkerSet was made anew"
    assert pods.items() <= pods_of(llm, new).items()
    assert llm.sizes() == {"0-prefill": 4, "0-decode": 2}
    completed = llm.until("the end", lambda: llm.events(d.REASON_ROLLING_UPDATE_COMPLETED))
    assert len(completed) == 1
    assert not llm.events(d.REASON_ROLLING_UPDATE_STARTED), "it was not begun anew"


def middle_by(upstream: UpstreamRoles, llm: LiveRoles, old: str) -> str:
    """Let upstream roll until new groups serve and old ones are left of both roles; the new revision."""

    def look() -> set[str]:
        upstream.reconcile()
        sizes = llm.sizes(old)
        assert sizes.get("0-prefill"), "it was over before it was interrupted"
        moved = sizes["0-prefill"] < 4 and all(sizes.values())
        return llm.revisions() - {old} if moved else set()

    [new] = until(f"{llm} to be in the middle", look)
    return new


def test_a_rollout_is_given_back_where_it_stands(scene: Scene) -> None:
    """Upstream changes nothing while new groups start, and finishes the rollout with the same objects."""
    scene.enter()
    llm = scene.roles("rolling").create(*roles(OLD))
    llm.await_available()
    old = llm.revision
    llm.change(*roles(NEW, not_ready=True))
    [new] = llm.until("another revision", lambda: llm.revisions() - {old})
    llm.until("new pods", lambda: pods_of(llm, new))
    steady("the rollout", lambda: snapshot(llm))
    scene.leave()
    before, pods, kept = snapshot(llm), pods_of(llm, new), own(llm, new)
    assert {name: baseline for name, baseline in before.baselines.items() if old in name} == {
        f"rolling-0-{old}-prefill": "4",
        f"rolling-0-{old}-decode": "2",
    }
    upstream = scene.upstream_of(llm)
    for _ in range(2):
        upstream.reconcile()
    assert snapshot(llm) == before

    def finish() -> bool:
        let_start(scene.cluster.client, llm)
        upstream.reconcile()
        return condition_of(llm.get(), c.AVAILABLE) == "True" and len(llm.revisions()) == 1

    until("upstream to finish the rollout", finish)
    assert own(llm, new) == kept
    assert pods.items() <= pods_of(llm, new).items()
    assert {x for x in upstream.made if not x.endswith("-prv")} == set()
