"""The local control plane itself: its commands, what it leaves where, and its hollow kubelet."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.cluster import COMMAND, Cluster, command, eventually, running_cluster

from hack.controlplane import layout, processes
from hack.controlplane.layout import COMPONENTS
from lws.kube.errors import NotFound
from lws.kube.resources import NODES, PODS, STATEFULSETS

pytestmark = pytest.mark.integration

Document = dict[str, Any]


@pytest.fixture
def make_pod(cluster: Cluster) -> Iterator[Callable[..., Document]]:
    """Creates pods with faults; forces them away afterwards."""
    names: list[str] = []

    def make(name: str, faults: Mapping[str, str] | None = None, **spec: Any) -> Document:
        names.append(name)
        annotations = {f"hollow.lws/{fault}": value for fault, value in (faults or {}).items()}
        document = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", "annotations": annotations},
            "spec": {"containers": [{"name": "c", "image": "none"}], **spec},
        }
        return cluster.client.create(PODS, dict, document)

    yield make
    for name in names:
        delete_pod(cluster, name, grace_period=0)


def get_pod(cluster: Cluster, name: str) -> Document:
    return cluster.client.get(PODS, dict, name, "default")


def delete_pod(cluster: Cluster, name: str, grace_period: int | None = None) -> None:
    try:
        cluster.client.delete(PODS, dict, name, namespace="default", grace_period=grace_period)
    except NotFound:
        return


def gone(cluster: Cluster, name: str) -> bool:
    try:
        get_pod(cluster, name)
    except NotFound:
        return True
    return False


def ready(pod: Document) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)


def restarts(pod: Document) -> int:
    return int(pod.get("status", {}).get("containerStatuses", [{"restartCount": 0}])[0]["restartCount"])


def stateful_set(name: str, replicas: int) -> Document:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "serviceName": name,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "c", "image": "none"}]},
            },
        },
    }


def test_it_leaves_its_files_and_says_where(cluster: Cluster) -> None:
    names = {path.name for path in cluster.directory.iterdir()}
    assert {"kubeconfig", "audit.log"} <= names
    assert {f"{name}.{suffix}" for name in COMPONENTS for suffix in ("pid", "log")} <= names
    lines = command("status", cluster.directory).stdout.splitlines()
    assert [line.split()[0::2] for line in lines[1:]] == [[name, "up"] for name in COMPONENTS]


def test_a_stateful_set_becomes_ready_rolls_and_goes(cluster: Cluster) -> None:
    client = cluster.client
    client.apply(STATEFULSETS, dict, stateful_set("web", 6))

    def status() -> Document:
        return dict(client.get(STATEFULSETS, dict, "web", "default").get("status", {}))

    eventually(lambda: status().get("readyReplicas") == 6)
    template = {"metadata": {"annotations": {"generation": "two"}}}
    client.merge_patch(STATEFULSETS, dict, "web", {"spec": {"template": template}}, namespace="default")
    eventually(lambda: status().get("updatedReplicas") == 6 and status().get("readyReplicas") == 6)
    client.delete(STATEFULSETS, dict, "web", namespace="default", propagation="Background")
    eventually(lambda: not client.list(PODS, dict, "default", label_selector="app=web"))


def test_the_audit_log_has_one_line_a_request_watches_included(cluster: Cluster) -> None:
    lines = [json.loads(line) for line in cluster.audit_log.read_text().splitlines()]
    assert max(Counter(line["auditID"] for line in lines).values()) == 1
    assert {line["level"] for line in lines} == {"Metadata"}
    kinds = {line["verb"]: line["stage"] for line in lines}
    assert kinds["watch"] == "ResponseStarted"
    assert kinds["create"] == "ResponseComplete"


def test_a_pod_starts_after_its_delay(cluster: Cluster, make_pod: Callable[..., Document]) -> None:
    make_pod("slow", {"start-delay": "3s"})
    pending = eventually(
        lambda: get_pod(cluster, "slow")["status"].get("startTime") and get_pod(cluster, "slow")
    )
    assert not ready(pending)
    started = eventually(lambda: ready(get_pod(cluster, "slow")) and get_pod(cluster, "slow"))
    assert started["status"]["phase"] == "Running"
    assert started["status"]["podIP"]


@pytest.mark.parametrize(
    ("faults", "spec", "seen"),
    [
        ({"restart": "500ms"}, {}, lambda pod: ready(pod) and restarts(pod) == 1),
        ({"crash-loop": "true"}, {}, lambda pod: not ready(pod) and restarts(pod) == 1),
        ({"crash-loop": "true"}, {"restartPolicy": "Never"}, lambda pod: pod["status"]["phase"] == "Failed"),
        (
            {"init-failure": "true"},
            {"initContainers": [{"name": "i", "image": "none"}]},
            lambda pod: any(
                entry["restartCount"] for entry in pod["status"].get("initContainerStatuses", [])
            ),
        ),
    ],
    ids=["restart", "crash-loop", "failure", "init-failure"],
)
def test_pods_fail_as_their_annotations_say(
    cluster: Cluster,
    make_pod: Callable[..., Document],
    faults: Mapping[str, str],
    spec: Document,
    seen: Callable[[Document], bool],
) -> None:
    make_pod("faulty", faults, **spec)
    eventually(lambda: seen(get_pod(cluster, "faulty")))


def test_a_pod_stuck_terminating_stays_until_the_annotation_goes(
    cluster: Cluster, make_pod: Callable[..., Document]
) -> None:
    make_pod("stuck", {"stuck-terminating": "true"})
    make_pod("witness")
    eventually(lambda: ready(get_pod(cluster, "stuck")) and ready(get_pod(cluster, "witness")))
    for name in ("stuck", "witness"):
        delete_pod(cluster, name)
    eventually(lambda: gone(cluster, "witness"))
    assert get_pod(cluster, "stuck")["metadata"]["deletionTimestamp"]
    patch = {"metadata": {"annotations": {"hollow.lws/stuck-terminating": None}}}
    cluster.client.merge_patch(PODS, dict, "stuck", patch, namespace="default")
    eventually(lambda: gone(cluster, "stuck"))


def test_a_dead_node_does_nothing_until_it_is_back(
    cluster: Cluster, make_pod: Callable[..., Document]
) -> None:
    def set_dead(value: str | None) -> None:
        patch = {"metadata": {"annotations": {"hollow.lws/dead": value}}}
        cluster.client.merge_patch(NODES, dict, "hollow-3", patch)

    make_pod("there", nodeName="hollow-3")
    make_pod("elsewhere", nodeName="hollow-2")
    eventually(lambda: ready(get_pod(cluster, "there")) and ready(get_pod(cluster, "elsewhere")))
    set_dead("true")
    for name in ("there", "elsewhere"):
        delete_pod(cluster, name)
    eventually(lambda: gone(cluster, "elsewhere"))
    assert get_pod(cluster, "there")["metadata"]["deletionTimestamp"]
    set_dead(None)
    eventually(lambda: gone(cluster, "there"))


def test_a_component_can_be_stopped_and_started_again(
    cluster: Cluster, make_pod: Callable[..., Document]
) -> None:
    """The scheduler here; test_restart.py does it to the API server."""
    cluster.stop("kube-scheduler")
    assert command("status", cluster.directory, fails=True).stdout.count(" up ") == len(COMPONENTS) - 1
    make_pod("waits")
    make_pod("placed", nodeName="hollow-0")
    eventually(lambda: ready(get_pod(cluster, "placed")))
    assert "nodeName" not in get_pod(cluster, "waits")["spec"]
    cluster.start("kube-scheduler")
    eventually(lambda: ready(get_pod(cluster, "waits")))


def test_a_second_up_in_the_same_directory_is_refused(cluster: Cluster) -> None:
    said = command("up", cluster.directory, fails=True)
    assert said.stderr.count("\n") == 1
    assert f"a cluster is already running in {cluster.directory}" in said.stderr
    command("status", cluster.directory)


def test_a_port_in_use_names_its_owner(cluster: Cluster, tmp_path: Path) -> None:
    base = min(cluster.settings.ports.values())
    pid = processes.read_pid(cluster.directory, "kube-apiserver")
    said = command("up", tmp_path / "two", f"--port-base={base}", fails=True)
    assert f"port {base} (for kube-apiserver) is in use by pid {pid} (" in said.stderr
    assert not (tmp_path / "two").exists()


def test_a_failed_up_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b"
    said = command("up", directory, "--arg=kube-apiserver=--no-such-flag=1", fails=True)
    begun, failed = said.stderr.splitlines()
    assert begun.startswith("starting ")
    assert "kube-apiserver ended with code 1: Error: unknown flag: --no-such-flag" in failed
    assert list(tmp_path.iterdir()) == []
    assert processes.strays(directory, COMPONENTS) == []


def test_a_killed_up_is_cleared_by_down_beside_another_cluster(cluster: Cluster, tmp_path: Path) -> None:
    directory = tmp_path / "two"
    with subprocess.Popen([COMMAND, "up", "--dir", str(directory)], stdout=subprocess.PIPE) as starting:
        eventually(lambda: processes.read_pid(directory, "kube-apiserver"))
        starting.send_signal(signal.SIGKILL)
    assert processes.strays(directory, COMPONENTS)
    command("down", directory)
    assert processes.strays(directory, COMPONENTS) == []
    assert not directory.exists()
    command("down", directory)
    command("status", cluster.directory)


def test_down_leaves_nothing(tmp_path: Path) -> None:
    directory = tmp_path / "three"
    with running_cluster(directory, "--nodes=1") as cluster:
        pids = [processes.read_pid(directory, name) for name in COMPONENTS]
        assert {os.getsid(pid) for pid in pids if pid} == set(pids)  # each outlives the terminal
        assert layout.kubeconfig(directory) == cluster.kubeconfig
    assert list(tmp_path.iterdir()) == []
    assert [pid for pid in pids if pid and processes.command_line(pid)] == []
