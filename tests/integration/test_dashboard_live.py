"""``kubectl lws dashboard`` in a real browser, on a real control plane: changes are seen, orders are done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, expect
from support.accounts import token_of
from support.cluster import Cluster
from support.dashboards import PATIENCE, Dashboard, Seen, looking, looking_closely, running_dashboard
from support.manager import Manager
from support.namespaces import SERVICE_ACCOUNTS
from support.rolesets import LiveRoles, delete_all, role
from support.sets import Sets, template
from support.waiting import until
from support.wholeness import await_whole

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.kube.resources import NODES, Resource

pytestmark = pytest.mark.integration

NEW, NEWER = "docker.io/nginxinc/nginx-unprivileged:1.28", "docker.io/nginxinc/nginx-unprivileged:1.29"
RACK = "hollow.lws/rack"
RACKED = {"annotations": {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: RACK}}
KEEPING = {"annotations": {c.HISTORY_LIMIT_ANNOTATION: "3"}}
ROLES = Resource("rbac.authorization.k8s.io", "v1", "roles", "Role")
BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")


@pytest.fixture
def dashboard(cluster: Cluster, manager: Manager, namespace: str) -> Iterator[Dashboard]:
    with running_dashboard(str(cluster.kubeconfig), "--namespace", namespace) as dashboard:
        yield dashboard


@pytest.fixture
def seen(browser: Browser, dashboard: Dashboard) -> Iterator[Seen]:
    """The page, which must neither complain nor ask anybody else, whatever a test does with it."""
    with looking_closely(browser, dashboard.address) as seen:
        yield seen


def leader(sets: Any, index: int) -> str:
    return next((x.uid for x in sets.group(index) if x.worker == 0 and not x.deleting), "")


def test_sets_are_shown_and_change_by_themselves(seen: Seen, sets: Sets) -> None:
    one = sets.create("whole", replicas=2, size=2)
    expect(seen.page.locator("h2")).to_have_text("whole")
    expect(seen.page.locator(".tile.t-ok")).to_have_count(2)
    one.scale(4)
    expect(seen.page.locator(".tile.t-ok")).to_have_count(4)
    expect(seen.page.locator(".facts")).to_contain_text("4/4")
    seen.tab("Why")
    expect(seen.page.locator("#panel")).to_contain_text("Nothing is wrong")
    assert "ScalingReplicaSet" not in seen.tab("Events")
    expect(seen.page.locator("#panel")).to_contain_text("SuccessfulCreate")
    one.delete()
    expect(seen.page.locator(".message").first).to_contain_text("not there")
    seen.tab("Why")
    expect(seen.page.locator("#panel")).to_contain_text("not there")


def test_a_roll_is_told_step_by_step(seen: Seen, sets: Sets) -> None:
    one = sets.create("rolls", replicas=3, size=2)
    await_whole(one)
    expect(seen.page.locator(".tile.t-ok")).to_have_count(3)
    seen.tab("Steps")
    one.change(workerTemplate=template("worker", NEW, start_delay="1s"))
    until("the roll to end", lambda: seen.page.locator("#panel").inner_text(), lambda x: x.count("anew") >= 3)
    expect(seen.page.locator(".tile.t-ok")).to_have_count(3)
    steps = re.findall(r"rolls (\d) is made anew: (\w+) → (\w+)", seen.page.locator("#panel").inner_text())
    assert [x[0] for x in reversed(steps)] == ["2", "1", "0"]
    assert len({x[1:] for x in steps}) == 1


def test_groups_lie_on_the_racks_they_asked_for(seen: Seen, cluster: Cluster, sets: Sets) -> None:
    """One group more than there are racks: it has no place, and why is told."""
    racks = {x["metadata"]["labels"][RACK] for x in cluster.client.list(NODES, dict)}
    sets.create(
        "racked",
        replicas=len(racks) + 1,
        size=2,
        metadata=RACKED,
    )
    expect(seen.page.locator(".tile.t-ok")).to_have_count(len(racks))
    lanes = seen.page.locator(".lane")
    expect(lanes).to_have_count(len(racks) + 1)
    expect(lanes.first.locator("h4")).to_contain_text("No place yet")
    stuck = lanes.first.locator(".tile.t-bad")
    expect(stuck).to_contain_text("Unschedulable")
    for number in range(1, len(racks) + 1):
        expect(lanes.nth(number).locator(".tile")).to_have_count(1)
    stuck.click()
    expect(seen.page.locator("dialog.closer .reason")).to_contain_text("nodes are available")
    seen.page.keyboard.press("Escape")
    seen.page.get_by_role("button", name="index", exact=True).click()
    expect(lanes).to_have_count(1)
    seen.tab("Why")
    expect(seen.page.locator("#panel")).to_contain_text("Unschedulable")


def test_nothing_is_done_without_a_question_and_then_what_was_asked(seen: Seen, sets: Sets) -> None:
    one = sets.create("orders", replicas=2, size=2, metadata=KEEPING)
    await_whole(one)
    before, other = leader(one, 1), leader(one, 0)
    for answer in ("Cancel", "Restart group"):
        seen.tile("orders", 1).click()
        seen.page.get_by_role("button", name="Restart this group").click()
        seen.confirm(answer)
    expect(seen.told).to_contain_text("recreating group 1")
    until("group 1 to be another", lambda: leader(one, 1), lambda x: x not in ("", before))
    assert leader(one, 0) == other
    await_whole(one)

    seen.page.get_by_role("button", name="Pause").click()
    seen.confirm("Pause")
    expect(seen.page.get_by_role("button", name="Resume")).to_be_visible()
    assert c.PAUSED_PARTITION_ANNOTATION in one.get()["metadata"]["annotations"]
    expect(seen.page.get_by_role("button", name="Undo")).to_be_disabled()
    seen.page.get_by_role("button", name="Resume").click()
    seen.confirm("Resume")
    expect(seen.page.get_by_role("button", name="Pause")).to_be_visible()

    one.change(workerTemplate=template("worker", NEW))
    until("the new image", lambda: {x.image for x in one.pods() if x.worker}, lambda x: x == {NEW})
    one.await_available()
    expect(seen.page.get_by_role("button", name="Undo")).to_be_enabled()
    seen.page.get_by_role("button", name="Undo").click()
    expect(seen.page.locator("dialog.ask")).to_contain_text("goes back to revision")
    seen.confirm("Undo")
    expect(seen.told).to_contain_text("rolled back to revision")
    until("the former image", lambda: {x.image for x in one.pods() if x.worker}, lambda x: NEW not in x)


def test_a_disaggregated_set_by_its_roles(
    browser: Browser, cluster: Cluster, manager: Manager, namespace: str
) -> None:
    llm = LiveRoles(cluster.client, namespace)
    llm.create(role("prefill", 2, surge=1), role("decode", 1, surge=1)).await_available()
    before = {x["metadata"]["uid"] for x in llm.pods() if x["metadata"]["labels"][d.ROLE_LABEL] == "decode"}
    try:
        with (
            running_dashboard(str(cluster.kubeconfig), "ds/llm", "--namespace", namespace) as dashboard,
            looking(browser, dashboard.address) as seen,
        ):
            expect(seen.page.locator(".strand .label")).to_have_text(["slice 0, prefill", "slice 0, decode"])
            expect(seen.page.locator(".tile.t-ok")).to_have_count(3)
            expect(seen.page.locator("nav li")).to_have_count(1)  # its parts are shown in it
            seen.page.get_by_role("button", name="Restart decode").click()
            seen.confirm("Restart decode")
            expect(seen.told).to_contain_text("restarted")
            until("another pod", lambda: _uids(llm, "decode"), lambda x: x and not x & before)
            llm.await_available()
            seen.page.get_by_role("button", name="Pause").click()
            seen.confirm("Pause")
            expect(seen.page.get_by_role("button", name="Resume")).to_be_visible()
            expect(seen.page.get_by_role("button", name="Restart all")).to_be_disabled()
    finally:
        delete_all(cluster.client, namespace)


def _uids(llm: LiveRoles, role_name: str) -> set[str]:
    found = (x["metadata"] for x in llm.pods())
    return {x["uid"] for x in found if x["labels"][d.ROLE_LABEL] == role_name}


def test_an_api_server_that_restarts(seen: Seen, cluster: Cluster, sets: Sets) -> None:
    one = sets.create("server", replicas=1, size=1)
    expect(seen.page.locator(".tile.t-ok")).to_have_count(1)
    cluster.stop("kube-apiserver")
    try:
        expect(seen.page.locator(".live")).to_have_text("API server lost")
        expect(seen.page.locator(".tile")).to_have_count(1)  # what was seen last
    finally:
        cluster.start("kube-apiserver")
    expect(seen.page.locator(".live")).to_have_text("live", timeout=2 * PATIENCE)
    one.scale(2)
    expect(seen.page.locator(".tile")).to_have_count(2)


def test_what_may_not_be_seen_is_said_and_the_rest_is_shown(
    browser: Browser, cluster: Cluster, sets: Sets, tmp_path: Path
) -> None:
    one = sets.create("narrow", replicas=1, size=1)
    await_whole(one)
    config = _narrow_kubeconfig(cluster, one.namespace, tmp_path)
    with (
        running_dashboard(str(config), "--namespace", one.namespace) as dashboard,
        looking(browser, dashboard.address) as seen,
    ):
        expect(seen.page.locator(".tile.t-ok")).to_have_count(1)
        expect(seen.page.locator(".warnings")).to_contain_text("Not shown: nodes: ")
        expect(seen.page.locator(".warnings")).to_contain_text("Not shown: events: ")
        seen.page.get_by_role("button", name="Pause").click()
        seen.confirm("Pause")
        expect(seen.told).to_contain_text('cannot patch resource "leaderworkersets"')
    assert c.PAUSED_PARTITION_ANNOTATION not in one.get()["metadata"].get("annotations", {})


def _narrow_kubeconfig(cluster: Cluster, namespace: str, directory: Path) -> Path:
    """Of an account that may look at sets, pods and StatefulSets of its namespace, and at nothing else."""
    may = {
        "apiGroups": ["", "apps", c.GROUP],
        "resources": ["pods", "statefulsets", "controllerrevisions", "leaderworkersets"],
        "verbs": ["get", "list", "watch"],
    }
    subject = {"kind": "ServiceAccount", "name": "narrow", "namespace": namespace}
    role_ref = {"apiGroup": ROLES.group, "kind": "Role", "name": "narrow"}
    for resource, more in (
        (SERVICE_ACCOUNTS, {}),
        (ROLES, {"rules": [may]}),
        (BINDINGS, {"subjects": [subject], "roleRef": role_ref}),
    ):
        document: dict[str, Any] = {"metadata": {"name": "narrow", "namespace": namespace}, **more}
        cluster.client.create(resource, dict, document)
    config: dict[str, Any] = yaml.safe_load(cluster.kubeconfig.read_text())
    token = token_of(cluster.client, namespace, "narrow")
    config["users"] = [{"name": x["name"], "user": {"token": token}} for x in config["users"]]
    path = directory / "narrow"
    path.write_text(yaml.safe_dump(config))
    return path
