"""The documents the hollow kubelet writes: what a reader of them sees."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from hack.controlplane.hollow_nodes import (
    HollowNode,
    host_address,
    lease_document,
    node_document,
    node_names,
)
from hack.controlplane.hollow_pods import HollowPod, View, observed
from hack.controlplane.hollow_status import pod_address, status_patch

NOW = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)
SPEC = {
    "nodeName": "hollow-0",
    "containers": [{"name": "c"}, {"name": "d"}],
    "initContainers": [{"name": "i"}, {"name": "side", "restartPolicy": "Always"}],
}
RUNNING = View("Running", started=True, initialized=True, ready=True)
VIEWS = {
    "pending": View("Pending", started=True, initialized=False, ready=False),
    "ready": RUNNING,
    "restarted": RUNNING._replace(restarts=2),
    "crashing": RUNNING._replace(ready=False, backing_off=True, restarts=1),
    "failed": RUNNING._replace(phase="Failed", ready=False),
    "init-failing": View("Pending", True, False, False, backing_off=True, init_restarts=3),
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
    assert status_patch(pod(), RUNNING, host="h", now=NOW)["metadata"] == {"uid": "u1"}


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
        ("pending", ["running", "running"]),
        ("ready", ["terminated", "running"]),
        ("init-failing", ["waiting"] * 2),
    ],
)
def test_the_state_of_init_containers(view: str, states: list[str]) -> None:
    statuses = written(VIEWS[view])["initContainerStatuses"]
    assert [next(iter(entry["state"])) for entry in statuses] == states


def test_transition_times_change_with_the_status_alone() -> None:
    before = [
        {"type": "Initialized", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"},
        {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:00Z"},
    ]
    times = {
        entry["type"]: entry.get("lastTransitionTime")
        for entry in written(RUNNING, conditions=before)["conditions"]
    }
    assert times["Initialized"] is None  # a strategic merge keeps the one that is there
    assert times["Ready"] == "2026-01-02T03:04:05Z"


def test_the_start_time_stays() -> None:
    assert written(RUNNING, startTime="2026-01-01T00:00:00Z")["startTime"] == "2026-01-01T00:00:00Z"


def test_only_a_pod_that_ran_has_an_address() -> None:
    assert "podIP" not in written(VIEWS["pending"])
    assert ipaddress.ip_address(written(RUNNING)["podIP"]) in ipaddress.ip_network("10.128.0.0/9")


def test_addresses_differ_by_pod() -> None:
    assert len({pod_address(f"uid-{number}") for number in range(500)}) > 495


def test_nodes_spread_over_racks_and_zones() -> None:
    documents = [node_document(name, now=NOW) for name in node_names(8)]
    labels = [document["metadata"]["labels"] for document in documents]
    assert [label["kubernetes.io/hostname"] for label in labels] == node_names(8)
    assert [label["hollow.lws/rack"][-1] for label in labels] == list("00112233")
    assert [label["topology.kubernetes.io/zone"][-1] for label in labels] == list("00001111")


def test_a_new_node_is_ready_and_alive() -> None:
    node = msgspec.convert(node_document("hollow-0", now=NOW), HollowNode)
    assert node.ready
    assert not node.dead


def test_a_node_dies_by_annotation() -> None:
    document = node_document("hollow-0", now=NOW)
    document["metadata"]["annotations"] = {"hollow.lws/dead": "true"}
    assert msgspec.convert(document, HollowNode).dead


def test_hosts_have_addresses_of_their_own() -> None:
    addresses = [host_address(name) for name in node_names(1000)]
    assert len(set(map(ipaddress.ip_address, addresses))) == 1000


def test_a_lease_goes_with_its_node() -> None:
    lease = lease_document("hollow-0", owner_uid="n1", now=NOW)
    assert lease["metadata"]["ownerReferences"][0]["uid"] == "n1"
    assert lease["spec"]["renewTime"] == "2026-01-02T03:04:05.678900Z"
