"""The controller as it runs in a cluster: the manifests on a real control plane, with RBAC.

``manifests/overlays/volcano`` is ``manifests/default`` with gang scheduling, which asks for more rights.

No kubelet here runs containers, so the Deployment has no pods. Its replicas are processes of this host with
the Deployment's command line and configuration, the rights of its ServiceAccount, and a place in the
EndpointSlices of the webhook Service, through which the API server calls them. For that it must run with
``--enable-aggregator-routing`` (``FLAGS``): there is no kube-proxy either.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from lws.kube.errors import NotFound
from lws.kube.resources import LEASES, SECRETS, Resource
from lws.webhooks.certificates import Secret
from support.accounts import account_kubeconfig, run_kubectl, token_id, token_of
from support.audit import AuditLog
from support.cluster import ROOT, Cluster
from support.manager import Sample, http_get
from support.ports import free_port
from support.rights import NAMESPACE
from support.waiting import until

FLAGS = (
    "--arg=kube-apiserver=--enable-aggregator-routing=true",
    # An owner reference that blocks deletion asks for a right, as in some distributions. For up to ten
    # seconds after a CustomResourceDefinition comes, this refuses children of its kind.
    "--arg=kube-apiserver=--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
    # As before Kubernetes 1.32, so that lists come as lists.
    "--arg=kube-apiserver=--feature-gates=WatchList=false",
)
LEASE, SERVICE, SECRET = "b8b2488c.x-k8s.io", "lws-webhook-service", "lws-webhook-server-cert"
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
MANIFESTS = ROOT / "manifests" / "overlays" / "volcano"
Document = dict[str, Any]
Python = Callable[[Path, Path], list[str]]


def host_address() -> str:
    """An address of this host that an EndpointSlice may hold: none of the loopback. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            one.connect(("198.51.100.1", 9))  # reserved for documentation
        except OSError as error:
            pytest.skip(f"this host has no address but loopback, which EndpointSlices refuse: {error}")
        return str(one.getsockname()[0])


def this_python(_directory: Path, _kubeconfig: Path) -> list[str]:
    return [sys.executable]


class Installation:
    """The manifests, applied.

    ``replicas`` are those started so far, ended ones included; ``published`` those that are called.
    ``python``: what to run in place of this interpreter, for a replica's directory and its kubeconfig, which
    ``account`` writes with a token of its own.
    """

    def __init__(
        self,
        cluster: Cluster,
        directory: Path,
        *,
        python: Python = this_python,
        account: Callable[[Cluster, Path], Path] = account_kubeconfig,
    ) -> None:
        self.cluster, self.directory, self.python, self.account = cluster, directory, python, account
        self.address = host_address()
        self.documents = self._apply()
        self.token = token_of(cluster.client)
        self.replicas: list[Replica] = []
        self.published: tuple[Replica, ...] = ()

    @property
    def running(self) -> list[Replica]:
        return [x for x in self.replicas if x.running]

    @property
    def leader(self) -> Replica:
        """The one that says that it leads."""
        return until("one leader", lambda: [x for x in self.running if x.leads], lambda x: len(x) == 1)[0]

    @property
    def standby(self) -> Replica:
        leader = self.leader
        return next(x for x in self.running if x is not leader)

    @property
    def lease(self) -> Document:
        """The spec of the Lease; empty while there is none."""
        try:
            lease: Document = self.cluster.client.get(LEASES, dict, LEASE, NAMESPACE)
        except NotFound:
            return {}
        return dict(lease["spec"])

    @property
    def secret(self) -> dict[str, bytes]:
        return self.cluster.client.get(SECRETS, Secret, SECRET, NAMESPACE).data or {}

    def scale(self, count: int) -> None:
        """Start replicas until so many run, and let the API server find them."""
        fresh = []
        for _ in range(count - len(self.running)):
            fresh.append(Replica(self))
            self.replicas.append(fresh[-1])
            fresh[-1].start()
        for replica in fresh:
            until("readiness", replica.ready)
            self.publish(replica)

    def publish(self, replica: Replica) -> None:
        """What the endpoints controller does once a pod is ready."""
        document = {
            "apiVersion": ENDPOINT_SLICES.api_version,
            "kind": ENDPOINT_SLICES.kind,
            "metadata": {
                "name": replica.name,
                "namespace": NAMESPACE,
                "labels": {"kubernetes.io/service-name": SERVICE},
            },
            "addressType": "IPv4",
            "endpoints": [{"addresses": [self.address], "conditions": {"ready": True}}],
            "ports": [{"name": "", "protocol": "TCP", "port": replica.port}],
        }
        self.cluster.client.apply(ENDPOINT_SLICES, dict, document)
        self.published += (replica,)

    def withdraw(self, replica: Replica) -> None:
        """What it does when a pod is deleted, before the pod's own five seconds of preStop are over."""
        self.published = tuple(x for x in self.published if x is not replica)
        self.cluster.client.delete(ENDPOINT_SLICES, dict, replica.name, namespace=NAMESPACE)

    def close(self) -> None:
        for replica in self.running:
            replica.kill()

    def _apply(self) -> list[Document]:
        """Everything, with a Deployment of no pods."""
        text = run_kubectl(self.cluster, "kustomize", str(MANIFESTS))
        documents: list[Document] = list(yaml.load_all(text, yaml.CSafeLoader))
        self.deployment = next(x for x in documents if x["kind"] == "Deployment")
        command: Document = self.deployment["spec"]["template"]["spec"]["containers"][0]
        self.command: list[str] = [*command["command"], *command["args"]]
        self.deployment["spec"]["replicas"] = 0
        run_kubectl(
            self.cluster,
            "apply",
            "--server-side",
            "-f",
            "-",
            text=yaml.dump_all(documents, Dumper=yaml.CSafeDumper),
        )
        return documents

    def configuration(self) -> Document:
        """The file of the ConfigMap."""
        found = next(x for x in self.documents if x["kind"] == "ConfigMap")
        (text,) = found["data"].values()
        configuration: Document = yaml.safe_load(text)
        return configuration


class Replica:
    """One process: the Deployment's command line, on ports of this host, with directories of its own."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self.name = f"replica-{len(installation.replicas)}"
        self.port, self._metrics_port, self._health_port = (free_port() for _ in range(3))
        self._directory = Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir=installation.directory))
        self.kubeconfig = installation.account(installation.cluster, self._directory / "kubeconfig")
        self.log = self._directory / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def audit(self) -> AuditLog:
        """What reached the API server with the token of this replica, which no other has."""
        return AuditLog(self._installation.cluster.audit_log, token=token_id(self.kubeconfig))

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def leads(self) -> bool:
        """Whether it says so; one that is ending does not."""
        try:
            return self.total("leader_election_master_status") == 1
        except OSError:
            return False

    def start(self) -> None:
        file = self._directory / "config.yaml"
        file.write_text(yaml.safe_dump(self._configuration()))
        python, *rest = self._installation.command
        assert python == "python"
        words = [f"--config={file}" if x.startswith("--config=") else x for x in rest]
        environment = {
            "KUBECONFIG": str(self.kubeconfig),
            "TMPDIR": str(self._directory),
            "HOME": str(self._directory),
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),  # of the tree under test
        }
        with self.log.open("wb") as log:
            program = self._installation.python(self._directory, self.kubeconfig)
            self._process = subprocess.Popen([*program, *words], stderr=log, env=environment)

    def ready(self) -> bool:
        assert self.running, f"it ended: {self.tail()}"
        try:
            return http_get(f"http://127.0.0.1:{self._health_port}/readyz").status == 200
        except OSError:
            return False

    def certificate(self) -> str:
        """What it shows to whoever calls its webhooks, PEM."""
        return ssl.get_server_certificate((self._installation.address, self.port), timeout=10).strip()

    def greet(self, authority: bytes) -> None:
        """A handshake as the API server makes it, which trusts ``authority``, PEM. Raises OSError."""
        context = ssl.create_default_context(cadata=authority.decode())
        with (
            socket.create_connection((self._installation.address, self.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=f"{SERVICE}.{NAMESPACE}.svc"),
        ):
            pass

    def total(self, name: str, **labels: str) -> float:
        """The sum of all series of that name with these labels, scraped with the manager's own token."""
        url = f"https://127.0.0.1:{self._metrics_port}/metrics"
        bearer = {"Authorization": f"Bearer {self._installation.token}"}
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        request = urllib.request.Request(url, headers=bearer)
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            families = text_string_to_metric_families(answer.read().decode())
        samples = [Sample(x.name, x.labels, x.value) for family in families for x in family.samples]
        return float(sum(x.value for x in samples if x.name == name and labels.items() <= x.labels.items()))

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self) -> int:
        """Its exit code, once it ends."""
        assert self._process is not None
        return self._process.wait(60)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.wait()

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text().splitlines()[-lines:])

    def says(self, pattern: str) -> bool:
        """Whether its log has a line in which that is found."""
        return re.search(pattern, self.log.read_text()) is not None

    def _configuration(self) -> Document:
        return self._installation.configuration() | {
            "webhook": {"port": self.port, "certDir": str(self._directory / "serving-certs")},
            "metrics": {"bindAddress": f"127.0.0.1:{self._metrics_port}"},
            "health": {"healthProbeBindAddress": f"127.0.0.1:{self._health_port}"},
        }
