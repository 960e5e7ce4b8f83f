"""The commands of the five components: pure functions of the settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from hack.controlplane.certs import SERVICE_ADDRESS
from hack.controlplane.layout import (
    APISERVER,
    COMPONENTS,
    CONTROLLER_MANAGER,
    ETCD,
    KUBELET,
    ROOT,
    SCHEDULER,
    ClusterError,
    Settings,
    kubeconfig,
)
from hack.controlplane.ports import ETCD_PEER

KUBELET_MODULE = "hack.controlplane.kubelet"
# The word by which a component is recognised among the first arguments of a command line.
PROGRAMS = {name: name for name in COMPONENTS} | {KUBELET: KUBELET_MODULE}

# One line a request: a watch is logged when it starts, anything else when it has been answered.
AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  verbs: [watch]
  omitStages: [ResponseComplete]
- level: Metadata
"""


class Component(msgspec.Struct, frozen=True):
    """One process: how it starts, which port it serves on (None: none) and where it tells its health."""

    name: str
    command: list[str]
    port: int | None = None
    health: str = ""

    @property
    def program(self) -> str:
        return PROGRAMS[self.name]


def components(settings: Settings) -> list[Component]:
    """All components in starting order. Raises ClusterError when ``extra`` names one that does not exist."""
    built = [
        _etcd(settings),
        _apiserver(settings),
        _controller_manager(settings),
        _scheduler(settings),
        _kubelet(settings),
    ]
    for name, _ in settings.extra:
        if name not in COMPONENTS:
            raise ClusterError(f"--arg {name}: no such component; there are {', '.join(COMPONENTS)}")
    return [
        msgspec.structs.replace(component, command=component.command + _extra(settings, component.name))
        for component in built
    ]


def environment(base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of every component: ours, without what would redirect it to another cluster."""
    kept = {
        name: value for name, value in base.items() if name != "KUBECONFIG" and not name.startswith("ETCD_")
    }
    return kept | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", "PYTHONUNBUFFERED": "1"}


def _extra(settings: Settings, name: str) -> list[str]:
    return [flag for component, flag in settings.extra if component == name]


def _command(settings: Settings, name: str, flags: Mapping[str, object]) -> list[str]:
    return [settings.binaries[name], *(f"--{flag}={value}" for flag, value in flags.items())]


def _etcd(settings: Settings) -> Component:
    client = f"http://127.0.0.1:{settings.ports[ETCD]}"
    peer = f"http://127.0.0.1:{settings.ports[ETCD_PEER]}"
    flags = {
        "name": "default",
        "data-dir": settings.path / "etcd",
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"default={peer}",
        "unsafe-no-fsync": "true",  # the data are worth nothing after `down`
        "log-level": "warn",
    }
    return Component(ETCD, _command(settings, ETCD, flags), settings.ports[ETCD], f"{client}/readyz")


def _apiserver(settings: Settings) -> Component:
    pki = settings.path / "pki"
    flags = {
        "etcd-servers": f"http://127.0.0.1:{settings.ports[ETCD]}",
        "bind-address": "127.0.0.1",
        "secure-port": settings.ports[APISERVER],
        # The Endpoints of the Service `kubernetes` may not hold a loopback address, and no pod calls it.
        "endpoint-reconciler-type": "none",
        "service-cluster-ip-range": f"{SERVICE_ADDRESS}/16",
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "allow-privileged": "true",
        "client-ca-file": pki / "ca.crt",
        "requestheader-client-ca-file": pki / "ca.crt",
        "requestheader-allowed-names": "front-proxy-client",  # no certificate has this name
        "requestheader-username-headers": "X-Remote-User",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "tls-cert-file": pki / "serving.crt",
        "tls-private-key-file": pki / "serving.key",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": pki / "service-account.pub",
        "service-account-signing-key-file": pki / "service-account.key",
        "kubelet-preferred-address-types": "ExternalIP",  # of hollow nodes, the loopback address
        "audit-policy-file": settings.path / "audit-policy.yaml",
        "audit-log-path": settings.path / "audit.log",
        "audit-log-maxsize": 0,  # no rotation: every line stays, in this one file
    }
    port = settings.ports[APISERVER]
    return Component(
        APISERVER, _command(settings, APISERVER, flags), port, f"https://127.0.0.1:{port}/readyz"
    )


def _serving(settings: Settings, name: str) -> dict[str, object]:
    """What kube-controller-manager and kube-scheduler share."""
    own = kubeconfig(settings.path, name)
    pki = settings.path / "pki"
    return {
        "kubeconfig": own,
        "authentication-kubeconfig": own,
        "authorization-kubeconfig": own,
        "bind-address": "127.0.0.1",
        "secure-port": settings.ports[name],
        "tls-cert-file": pki / "serving.crt",
        "tls-private-key-file": pki / "serving.key",
        "leader-elect": "false",  # one of each: no lease to wait for after a crash
    }


def _controller_manager(settings: Settings) -> Component:
    pki = settings.path / "pki"
    flags = _serving(settings, CONTROLLER_MANAGER) | {
        "use-service-account-credentials": "true",
        "service-account-private-key-file": pki / "service-account.key",
        "root-ca-file": pki / "ca.crt",
        "cluster-signing-cert-file": pki / "ca.crt",
        "cluster-signing-key-file": pki / "ca.key",
        "kube-api-qps": f"{settings.kcm_qps:g}",
        "kube-api-burst": max(1, round(settings.kcm_qps * 1.5)),  # the ratio of its own defaults, 20 and 30
    }
    port = settings.ports[CONTROLLER_MANAGER]
    command = _command(settings, CONTROLLER_MANAGER, flags)
    return Component(CONTROLLER_MANAGER, command, port, f"https://127.0.0.1:{port}/healthz")


def _scheduler(settings: Settings) -> Component:
    # Its defaults, 50 and 100, would be what a benchmark of hundreds of pods measures.
    flags = _serving(settings, SCHEDULER) | {"kube-api-qps": 1000, "kube-api-burst": 2000}
    port = settings.ports[SCHEDULER]
    return Component(
        SCHEDULER, _command(settings, SCHEDULER, flags), port, f"https://127.0.0.1:{port}/readyz"
    )


def _kubelet(settings: Settings) -> Component:
    flags: dict[str, object] = {
        "kubeconfig": kubeconfig(settings.path, KUBELET),
        "tls-cert-file": settings.path / "pki" / "serving.crt",
        "tls-private-key-file": settings.path / "pki" / "serving.key",
        "nodes": settings.nodes,
        "start-delay": settings.start_delay,
        "seed": settings.seed,
    }
    words = [f"--{flag}={value}" for flag, value in flags.items()]
    return Component(KUBELET, [str(Path(sys.executable)), "-m", KUBELET_MODULE, *words])
