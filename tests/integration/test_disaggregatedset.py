"""DisaggregatedSets on the real control plane: made, scaled, rolled, reverted, taken over, in the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.audit import AuditLog
from support.cluster import Cluster
from support.kubectl import Kubectl
from support.manager import Manager
from support.rolesets import LiveRoles, delete_all, delete_crds, role
from support.sets import Document, Sets
from support.waiting import steady
from support.wholeness import await_whole

from hack.tools.run import apply_crds
from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet
from lws.controllers.resources import DISAGGREGATEDSETS, LEADERWORKERSETS
from lws.kube.resources import SERVICES
from lws.planning.disaggregated.revision import revision_of

pytestmark = pytest.mark.integration

OLD, NEW = "registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.10"


@pytest.fixture
def llm(cluster: Cluster, manager: Manager, namespace: str) -> Iterator[LiveRoles]:
    """A set that the test makes; it is deleted afterwards."""
    yield LiveRoles(cluster.client, namespace)
    delete_all(cluster.client, namespace)


def three(image: str = OLD, prefill: int = 2) -> list[Document]:
    """Roles of two groups each, in their order; ``prefill``: groups of the first."""
    counts = {"prefill": prefill, "decode": 2, "proxy": 1}
    return [role(name, count, image=image, surge=1) for name, count in counts.items()]


def two(image: str = OLD, *, not_ready: bool = False) -> list[Document]:
    return [role(x, 2, image=image, surge=1, not_ready=not_ready) for x in ("prefill", "decode")]


def images(llm: LiveRoles) -> set[str]:
    return {x["spec"]["containers"][0]["image"] for x in llm.pods()}


def test_three_roles_in_two_slices(llm: LiveRoles, cluster: Cluster) -> None:
    """Every role has its LeaderWorkerSet and its service in every slice; at rest nothing is written."""
    llm.create(*three(), slices=2).await_available()
    revision = llm.revision
    names = {f"llm-{number}-{revision}-{x}" for number in (0, 1) for x in ("prefill", "decode", "proxy")}
    assert {x["metadata"]["name"] for x in llm.children()} == names
    assert llm.sizes() == {
        f"{x}-{y}": n for x in (0, 1) for y, n in [("prefill", 2), ("decode", 2), ("proxy", 1)]
    }
    owner = llm.get()["metadata"]["uid"]
    assert {x["metadata"]["ownerReferences"][0]["uid"] for x in (*llm.children(), *llm.services())} == {owner}
    assert llm.counts() == {"prefill": (4, 4, 4), "decode": (4, 4, 4), "proxy": (2, 2, 2)}
    services = llm.until("services", llm.services, lambda seen: len(seen) == 6)
    assert {x["metadata"]["name"] for x in services} == {f"{name}-prv" for name in names}
    assert {x["spec"]["clusterIP"] for x in services} == {"None"}
    assert len(llm.pods()) == 10
    assert not llm.scalers()
    steady("the set", llm.uids)
    log = AuditLog(cluster.audit_log)
    log.mark()
    steady("the set at rest", llm.get, window=3.0)
    assert not log.writes()


def test_more_sets_at_once_than_there_are_workers(cluster: Cluster, llm: LiveRoles) -> None:
    """None waits for others: a pass that has nothing more to do gives its worker back."""
    sets = [LiveRoles(cluster.client, llm.namespace, f"llm-{x}") for x in range(8)]
    for one in sets:
        one.create(*(role(x, 1, image=OLD, size=1) for x in ("prefill", "decode")))
    for one in sets:
        one.await_available()


def test_all_roles_roll_together(llm: LiveRoles) -> None:
    """Slices too: each tells once that it began, the set once that all have ended, and the old ones' services
    go.
    """
    llm.create(*three(), slices=2).await_available()
    old = llm.revision
    llm.change(*three(NEW))
    llm.until("another revision", llm.revisions, lambda seen: seen - {old})
    llm.await_available()
    assert llm.revision != old
    assert images(llm) == {NEW}
    assert llm.counts() == {"prefill": (4, 4, 4), "decode": (4, 4, 4), "proxy": (2, 2, 2)}
    llm.until("services of the new", llm.services, lambda seen: len(seen) == 6)
    completed = llm.until("the end", lambda: llm.events(d.REASON_ROLLING_UPDATE_COMPLETED))
    assert completed == [f"Rolling update to revision {llm.revision} completed"]
    assert "rollout" not in llm.get()["status"]
    assert len(llm.events(d.REASON_ROLLING_UPDATE_STARTED)) == 2


def test_scaling_is_no_rollout(llm: LiveRoles) -> None:
    """Replicas of a static role, and slices; what stays is not touched."""
    llm.create(*three()).await_available()
    before, revision = llm.uids(), llm.revision
    llm.change(*three(prefill=3), slices=2)
    llm.await_sizes(s0_prefill=3, s0_decode=2, s0_proxy=1, s1_prefill=3, s1_decode=2, s1_proxy=1)
    llm.await_available()
    assert llm.revision == revision
    assert before.items() <= llm.uids().items()
    llm.change(*three(prefill=1), slices=1)
    llm.await_sizes(s0_prefill=1, s0_decode=2, s0_proxy=1)
    llm.await_available()
    llm.until("pods of the second slice to go", llm.pods, lambda seen: len(seen) == 4)


def test_a_role_is_scaled_by_kubectl_over_two_slices(
    llm: LiveRoles, cluster: Cluster, namespace: str
) -> None:
    """The scaler holds the total; the lower slice has the odd one. A static role has no scaler any more."""
    kubectl = Kubectl(cluster, namespace)
    external = [role("prefill", external=True, image=OLD), role("decode", 1, image=OLD)]
    llm.create(*external, slices=2)
    llm.until("its scaler", llm.scalers)
    kubectl("scale", "disaggregatedsetrolescalers/llm-prefill", "--replicas=5")
    llm.await_sizes(s0_prefill=3, s1_prefill=2, s0_decode=1, s1_decode=1)
    llm.await_available()
    (scaler,) = llm.until("5 observed", llm.scalers, lambda seen: seen[0]["status"]["replicas"] == 5)
    selector = scaler["status"]["selector"]
    assert len(kubectl("get", "pods", "-l", selector, "-o", "name").split()) == 5
    llm.change(role("prefill", 2, image=OLD), role("decode", 1, image=OLD))
    llm.until("its scaler to go", llm.scalers, lambda seen: not seen)
    llm.await_sizes(s0_prefill=2, s1_prefill=2, s0_decode=1, s1_decode=1)


def test_a_roll_that_hangs_is_reverted(llm: LiveRoles) -> None:
    """New groups never get ready: the old ones all serve on, and are the same pods after the revert."""
    llm.create(*two()).await_available()
    old, before = llm.revision, llm.uids()
    llm.change(*two(NEW, not_ready=True))
    llm.until("new pods", lambda: images(llm), lambda seen: NEW in seen)
    assert llm.sizes(old) == {"0-prefill": 2, "0-decode": 2}
    llm.change(*two())
    llm.until("the old revision alone", llm.revisions, lambda seen: seen == {old})
    llm.await_available()
    llm.until("the pods of before", llm.uids, lambda seen: seen == before)


def test_deletion_takes_everything_along(llm: LiveRoles) -> None:
    llm.create(role("prefill", external=True, image=OLD), role("decode", 1, image=OLD), slices=2)
    llm.await_available()
    llm.until("a scaler", llm.scalers)
    llm.delete()
    llm.until("everything to go", llm.uids, lambda seen: not seen)


def test_somebody_elses_set_under_our_name_is_named_and_left_alone(llm: LiveRoles, sets: Sets) -> None:
    """The other slice goes on; when the name is free the first does, too."""
    roles = two()
    name = f"llm-0-{predicted(llm, roles)}-decode"
    foreign = sets.create(name, size=1, leaderTemplate=None)
    await_whole(foreign)
    before = foreign.get()
    llm.create(*roles, slices=2)
    seen = llm.until("Stalled", lambda: llm.condition(c.STALLED), lambda seen: seen.get("status") == "True")
    assert name in seen["message"]
    assert seen["reason"] == c.REASON_NAME_TAKEN
    llm.until(
        "the other slice", llm.sizes, lambda seen: {"1-prefill": 2, "1-decode": 2}.items() <= seen.items()
    )
    assert foreign.get() == before
    foreign.delete()
    llm.await_available()
    assert llm.sizes() == {f"{x}-{y}": 2 for x in (0, 1) for y in ("prefill", "decode")}


def labels(llm: LiveRoles) -> dict[str, dict[str, str]]:
    """Of all children and services that bear the set's name in their labels, by name."""
    return {x["metadata"]["name"]: x["metadata"]["labels"] for x in (*llm.children(), *llm.services())}


def relabel(llm: LiveRoles, name: str, **members: Any) -> None:
    resource = SERVICES if name.endswith("-prv") else LEADERWORKERSETS
    llm.client.merge_patch(resource, dict, name, {"metadata": members}, namespace=llm.namespace)


@pytest.mark.parametrize(
    "edit",
    [
        {d.SLICE_LABEL: "9"},
        {d.REVISION_LABEL: None},
        {d.ROLE_LABEL: "other"},
        {d.NAME_LABEL: "other"},
        {d.APP_LABEL: None},
    ],
    ids=["slice", "revision", "role", "set", "app"],
)
def test_labels_that_somebody_edits_are_put_back(
    llm: LiveRoles, cluster: Cluster, edit: dict[str, str | None]
) -> None:
    """Decision 171: no pod is touched, and afterwards nothing is written."""
    llm.create(*two(), slices=2).await_available()
    llm.until("services", llm.services, lambda seen: len(seen) == 4)
    before, made = steady("the set", llm.uids), labels(llm)
    for name in made:
        relabel(llm, name, labels=edit)
    llm.until("labels as before", lambda: labels(llm), lambda seen: seen == made)
    llm.await_available()
    log = AuditLog(cluster.audit_log)
    log.mark()
    steady("the set at rest", llm.get, window=3.0)
    assert not log.writes()
    assert llm.uids() == before


def test_a_child_that_something_holds_is_awaited(llm: LiveRoles, cluster: Cluster) -> None:
    """Nothing is asked for in its place before it is gone."""
    llm.create(*two()).await_available()
    name = f"llm-0-{llm.revision}-decode"
    (held,) = [x for x in llm.children() if x["metadata"]["name"] == name]
    relabel(llm, name, finalizers=["example.com/held"])
    log = AuditLog(cluster.audit_log)
    log.mark()
    llm.client.delete(LEADERWORKERSETS, dict, name, namespace=llm.namespace)
    steady("the set", llm.get, window=3.0)
    assert not [x for x in log.requests() if x.what == "create leaderworkersets"]
    relabel(llm, name, finalizers=None)
    llm.until("another one", llm.children, lambda seen: held["metadata"]["uid"] not in str(seen))
    llm.await_sizes(s0_prefill=2, s0_decode=2)
    llm.await_available()


def predicted(llm: LiveRoles, roles: list[Document]) -> str:
    """The revision that these roles get, with what the API server defaults: of another set that had them."""
    twin = LiveRoles(llm.client, llm.namespace, "twin").create(*roles)
    stored = llm.client.get(DISAGGREGATEDSETS, DisaggregatedSet, twin.name, twin.namespace)
    twin.delete()
    twin.until("the twin to go", twin.uids, lambda seen: not seen)
    return revision_of(stored.spec.roles)


def test_the_controller_is_killed_in_mid_roll(llm: LiveRoles, manager: Manager) -> None:
    """The next process goes on where it stands; nothing is made twice."""
    llm.create(*two(), slices=2).await_available()
    old = llm.revision
    llm.change(*two(NEW))
    llm.until("new groups", lambda: images(llm), lambda seen: NEW in seen)
    manager.kill()
    assert old in llm.revisions(), "it was over before it was interrupted"
    manager.start()
    llm.await_available()
    assert llm.revision != old
    assert images(llm) == {NEW}
    assert llm.sizes() == {f"{x}-{y}": 2 for x in (0, 1) for y in ("prefill", "decode")}


def test_without_the_definitions_until_they_come(
    cluster: Cluster, one_manager: Manager, namespace: str, tmp_path: Path
) -> None:
    """One warning says what is missing, LeaderWorkerSets work; nobody restarts anything afterwards."""
    if one_manager.running:
        one_manager.stop()
    llm, lws = LiveRoles(cluster.client, namespace), Sets(cluster.client, namespace)
    apply_crds(cluster.client)
    delete_crds(cluster.client)
    try:
        with Manager(cluster, tmp_path, "--skip-crds") as manager:
            manager.start()
            await_whole(lws.create())
            missing = "disaggregatedsets.disaggregatedset.x-k8s.io is not served"
            [told] = [x for x in manager.log.read_text().splitlines() if missing in x]
            assert "DisaggregatedSets are off" in told
            apply_crds(cluster.client)
            llm.create(*two()).await_available()
            llm.delete()
            llm.until("everything to go", llm.uids, lambda seen: not seen)
    finally:
        apply_crds(cluster.client)
