"""The documents the hollow kubelet writes: what a reader of them sees."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from hack.controlplane.hollow_containers import (
    BACK_OFF,
    COMPLETED,
    CREATING,
    FAILED,
    INITIALIZING,
    RUNNING,
    ContainerView,
)
from hack.controlplane.hollow_faults import Image
from hack.controlplane.hollow_nodes import (
    HollowNode,
    host_address,
    lease_document,
    node_document,
    node_names,
)
from hack.controlplane.hollow_objects import HollowPod
from hack.controlplane.hollow_pods import View, observed
from hack.controlplane.hollow_status import pod_address, status_patch

NOW = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)
SPEC = {
    "nodeName": "hollow-0",
    "containers": [{"name": "c"}, {"name": "d"}],
    "initContainers": [{"name": "i"}, {"name": "side", "restartPolicy": "Always"}],
}


def views(state: str, *names: str, restarts: int = 0) -> tuple[ContainerView, ...]:
    """Containers in one state."""
    started = state not in (CREATING, INITIALIZING)
    image, offset = ("app:1", 0) if started else ("", None)
    ready = state in (RUNNING, COMPLETED)
    return tuple(ContainerView(name, state, ready, restarts, image, offset) for name in names)


INITS = views(COMPLETED, "i") + views(RUNNING, "side")
LIVE = View("Running", 3, containers_ready=True, ready=True, containers=views(RUNNING, "c", "d"), inits=INITS)
DOWN = LIVE._replace(containers_ready=False, ready=False)
VIEWS = {
    "pending": View(
        "Pending",
        initialized=False,
        containers=views(INITIALIZING, "c", "d"),
        inits=views(CREATING, "i", "side"),
    ),
    "ready": LIVE,
    "gated": LIVE._replace(ready=False),
    "restarted": LIVE._replace(containers=views(RUNNING, "c", "d", restarts=2)),
    "crashing": DOWN._replace(containers=views(BACK_OFF, "c", "d", restarts=1)),
    "failed": DOWN._replace(phase="Failed", containers=views(FAILED, "c", "d")),
    "succeeded": DOWN._replace(phase="Succeeded"),
    "init-failing": View(
        "Pending",
        initialized=False,
        containers=views(INITIALIZING, "c", "d"),
        inits=views(BACK_OFF, "i", "side", restarts=3),
    ),
    "held": View("Pending", sandbox=False, containers=views(CREATING, "c", "d"), inits=INITS),
}


def pod(**status: Any) -> HollowPod:
    metadata = {"name": "p", "namespace": "default", "uid": "u1"}
    return msgspec.convert({"metadata": metadata, "spec": SPEC, "status": status}, HollowPod)


def written(view: View, **before: Any) -> dict[str, Any]:
    return status_patch(pod(**before), view, host="10.127.0.1", now=NOW)["status"]


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
def test_what_is_written_is_observed_as_what_was_wanted(view: View) -> None:
    assert observed(pod(**written(view))) == view


def test_a_patch_is_for_one_incarnation() -> None:
    assert status_patch(pod(), LIVE, host="h", now=NOW)["metadata"] == {"uid": "u1"}


@pytest.mark.parametrize(
    ("view", "states"),
    [("pending", "waiting"), ("ready", "running"), ("crashing", "waiting"), ("failed", "terminated")],
)
def test_the_state_of_containers(view: str, states: str) -> None:
    statuses = written(VIEWS[view])["containerStatuses"]
    assert [(entry["name"], *entry["state"]) for entry in statuses] == [("c", states), ("d", states)]


@pytest.mark.parametrize(
    ("view", "states"),
    [
        ("pending", ["waiting"] * 2),
        ("ready", ["terminated", "running"]),
        ("init-failing", ["waiting"] * 2),
    ],
)
def test_the_state_of_init_containers(view: str, states: list[str]) -> None:
    statuses = written(VIEWS[view])["initContainerStatuses"]
    assert [next(iter(entry["state"])) for entry in statuses] == states


def conditions(view: View) -> dict[str, tuple[str, str]]:
    return {entry["type"]: (entry["status"], entry["reason"]) for entry in written(view)["conditions"]}


def test_a_closed_gate_is_no_fault_of_the_containers() -> None:
    seen = conditions(VIEWS["gated"])
    assert seen["ContainersReady"] == ("True", "")
    assert seen["Ready"] == ("False", "ReadinessGatesNotReady")


@pytest.mark.parametrize(("view", "reason"), [("failed", "PodFailed"), ("succeeded", "PodCompleted")])
def test_a_pod_that_is_over_says_so_in_its_conditions(view: str, reason: str) -> None:
    assert conditions(VIEWS[view])["Ready"] == ("False", reason)


def test_the_seen_generation_is_written() -> None:
    assert written(LIVE)["observedGeneration"] == 3


def container(view: View, **before: Any) -> dict[str, Any]:
    return dict(written(view, **before)["containerStatuses"][0])


def test_every_start_has_another_id_and_every_container_its_own() -> None:
    first, again = written(LIVE)["containerStatuses"], written(VIEWS["restarted"])["containerStatuses"]
    assert len({entry["containerID"] for entry in first + again}) == 4


def test_a_container_that_goes_on_keeps_its_start_and_its_past() -> None:
    before = container(LIVE) | {"state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}
    before |= {"lastState": {"terminated": {"exitCode": 7}}}
    kept = container(LIVE, containerStatuses=[before])
    assert kept["state"] == before["state"]
    assert kept["lastState"] == before["lastState"]


@pytest.mark.parametrize(("state", "code"), [(BACK_OFF, 1), (CREATING, 143)], ids=["crashed", "killed"])
def test_a_container_that_ended_says_how(state: str, code: int) -> None:
    before = container(LIVE)
    ended = DOWN._replace(containers=(LIVE.containers[0]._replace(state=state, ready=False),))
    last = container(ended, containerStatuses=[before])["lastState"]["terminated"]
    assert (last["exitCode"], last["containerID"]) == (code, before["containerID"])


def test_images_are_told_by_their_digests() -> None:
    tables = {"app:1": Image(digest="sha256:" + "a" * 64)}
    own = container(LIVE)["imageID"]
    document = status_patch(pod(), LIVE, host="h", now=NOW, images=tables)["status"]
    named = document["containerStatuses"][0]["imageID"]
    assert named.endswith("@sha256:" + "a" * 64)
    assert own != named
    assert "sha256:" in own


def test_transition_times_change_with_the_status_alone() -> None:
    before = [
        {"type": "Initialized", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"},
        {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:00Z"},
    ]
    times = {
        entry["type"]: entry.get("lastTransitionTime")
        for entry in written(LIVE, conditions=before)["conditions"]
    }
    assert times["Initialized"] is None  # a strategic merge keeps the one that is there
    assert times["Ready"] == "2026-01-02T03:04:05Z"


def test_the_start_time_stays() -> None:
    assert written(LIVE, startTime="2026-01-01T00:00:00Z")["startTime"] == "2026-01-01T00:00:00Z"


def test_only_a_pod_that_ran_has_an_address() -> None:
    assert "podIP" not in written(VIEWS["pending"])
    assert ipaddress.ip_address(written(LIVE)["podIP"]) in ipaddress.ip_network("10.128.0.0/9")


def test_addresses_differ_by_pod() -> None:
    assert len({pod_address(f"uid-{number}") for number in range(500)}) > 495


def test_nodes_spread_over_racks_and_zones() -> None:
    documents = [node_document(name, now=NOW, port=1) for name in node_names(8)]
    labels = [document["metadata"]["labels"] for document in documents]
    assert [label["kubernetes.io/hostname"] for label in labels] == node_names(8)
    assert [label["hollow.lws/rack"][-1] for label in labels] == list("00112233")
    assert [label["topology.kubernetes.io/zone"][-1] for label in labels] == list("00001111")


def test_a_new_node_is_ready_and_alive() -> None:
    node = msgspec.convert(node_document("hollow-0", now=NOW, port=1), HollowNode)
    assert node.ready
    assert not node.dead


def test_a_node_dies_by_annotation() -> None:
    document = node_document("hollow-0", now=NOW, port=1)
    document["metadata"]["annotations"] = {"hollow.lws/dead": "true"}
    assert msgspec.convert(document, HollowNode).dead


def test_hosts_have_addresses_of_their_own() -> None:
    addresses = [host_address(name) for name in node_names(1000)]
    assert len(set(map(ipaddress.ip_address, addresses))) == 1000


def test_a_lease_goes_with_its_node() -> None:
    lease = lease_document("hollow-0", owner_uid="n1", now=NOW)
    assert lease["metadata"]["ownerReferences"][0]["uid"] == "n1"
    assert lease["spec"]["renewTime"] == "2026-01-02T03:04:05.678900Z"
