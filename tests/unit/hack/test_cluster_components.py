"""The commands of the control plane's components."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hack.controlplane.components import AUDIT_POLICY, PROGRAMS, Component, components, environment
from hack.controlplane.layout import COMPONENTS, KUBELET, ClusterError, Settings
from hack.controlplane.ports import numbered
from hack.controlplane.processes import belongs

DIRECTORY = Path("/tmp/clusters/a")


def settings(**changes: object) -> Settings:
    binaries = {name: f"/cache/{name}" for name in COMPONENTS if name != KUBELET}
    values: dict[str, object] = {"directory": str(DIRECTORY), "ports": numbered(20000), "binaries": binaries}
    return Settings(**(values | changes))  # type: ignore[arg-type]


def component(name: str, **changes: object) -> Component:
    return next(entry for entry in components(settings(**changes)) if entry.name == name)


def flags(name: str, **changes: object) -> dict[str, str]:
    words = [word for word in component(name, **changes).command if word.startswith("--")]
    return dict(word[2:].split("=", 1) for word in words)  # type: ignore[misc]


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_is_recognised_by_its_command_line(name: str) -> None:
    command = component(name).command
    assert [other for other in COMPONENTS if belongs(command, PROGRAMS[other], DIRECTORY)] == [name]


@pytest.mark.parametrize("name", COMPONENTS)
@pytest.mark.parametrize("other", ["/tmp/clusters/ab", "/tmp/clusters/b", "/tmp/cluster"])
def test_a_component_is_not_taken_for_another_cluster_s(name: str, other: str) -> None:
    assert not belongs(component(name).command, PROGRAMS[name], Path(other))


def test_etcd_and_the_api_server_start_first() -> None:
    assert [entry.name for entry in components(settings())] == list(COMPONENTS)


@pytest.mark.parametrize(
    ("qps", "wanted"), [(20.0, ("20", "30")), (300.0, ("300", "450")), (0.5, ("0.5", "1"))]
)
def test_the_controller_manager_s_burst_follows_its_rate(qps: float, wanted: tuple[str, str]) -> None:
    found = flags("kube-controller-manager", kcm_qps=qps)
    assert (found["kube-api-qps"], found["kube-api-burst"]) == wanted


def test_every_request_is_logged_for_ever() -> None:
    found = flags("kube-apiserver")
    assert found["audit-log-path"] == f"{DIRECTORY}/audit.log"
    assert found["audit-log-maxsize"] == "0"  # no rotation
    policy = yaml.safe_load(AUDIT_POLICY)
    assert policy["omitStages"] == ["RequestReceived"]
    assert {rule["level"] for rule in policy["rules"]} == {"Metadata"}


@pytest.mark.parametrize(
    ("name", "flag", "value"),
    [
        ("kube-apiserver", "authorization-mode", "Node,RBAC"),
        ("kube-controller-manager", "use-service-account-credentials", "true"),
        ("etcd", "unsafe-no-fsync", "true"),
        ("kube-scheduler", "kube-api-burst", "2000"),
        ("hollow-kubelet", "nodes", "8"),
    ],
)
def test_what_makes_the_cluster_faithful(name: str, flag: str, value: str) -> None:
    assert flags(name)[flag] == value


def test_every_server_listens_on_loopback_and_its_own_port() -> None:
    listening = [component(name) for name in COMPONENTS if name != KUBELET]
    assert len({entry.port for entry in listening}) == len(listening)
    assert all(f"127.0.0.1:{entry.port}/" in entry.health for entry in listening)


def test_an_extra_flag_goes_last_to_its_component_alone() -> None:
    extra = [("kube-controller-manager", "--node-monitor-grace-period=8s")]
    last = {entry.name: entry.command[-1] for entry in components(settings(extra=extra))}
    assert [name for name, word in last.items() if word == extra[0][1]] == ["kube-controller-manager"]


def test_an_extra_flag_for_nobody_is_an_error() -> None:
    with pytest.raises(ClusterError, match="kube-proxy: no such component; there are etcd,"):
        components(settings(extra=[("kube-proxy", "--v=4")]))


def test_the_environment_points_at_no_other_cluster() -> None:
    found = environment({"KUBECONFIG": "/elsewhere", "ETCD_DATA_DIR": "/elsewhere", "PATH": "/bin"})
    assert found["PATH"] == "/bin"
    assert not {"KUBECONFIG", "ETCD_DATA_DIR"} & found.keys()
