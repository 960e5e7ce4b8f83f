"""The metrics of the program ``lws-manager``: over TLS, for those whom the API server lets.

It is a standby here: somebody else holds the lease, so it leaves the sets of other tests alone.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.accounts import token_of
from support.cluster import ROOT, Cluster
from support.manager import Answer
from support.namespaces import SERVICE_ACCOUNTS, make_namespace
from support.pages import blocks
from support.ports import free_port
from support.prometheus import rules_file, running_prometheus
from support.promql import JOB, RULES
from support.waiting import until

from lws.kube.resources import LEASES, Resource

pytestmark = pytest.mark.integration

LEASE = "b8b2488c.x-k8s.io"
RBAC = "rbac.authorization.k8s.io"
ROLES = Resource(RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False)
BINDINGS = Resource(RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False)


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> str:
    """Where the lease is, and two who ask: ``reader``, who may, and ``stranger``, who may not."""
    name = make_namespace(cluster.client)
    for account in ("reader", "stranger"):
        document = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}}
        cluster.client.create(SERVICE_ACCOUNTS, dict, document, namespace=name)
    lease = {
        "holderIdentity": "a test",
        "leaseDurationSeconds": 3600,
        "renewTime": "2100-01-01T00:00:00.000000Z",
    }
    document = {
        "apiVersion": LEASES.api_version,
        "kind": LEASES.kind,
        "metadata": {"name": LEASE},
        "spec": lease,
    }
    cluster.client.create(LEASES, dict, document, namespace=name)
    return name


@pytest.fixture(scope="module")
def reader_role(cluster: Cluster, namespace: str) -> Iterator[None]:
    """The rules of ``lws-metrics-reader``, under a name of this test's own."""
    roles = yaml.safe_load_all((ROOT / "manifests" / "rbac" / "metrics-roles.yaml").read_text())
    rules = next(x["rules"] for x in roles if x["metadata"]["name"] == "lws-metrics-reader")
    of_rbac = {"apiVersion": f"{RBAC}/v1", "metadata": {"name": namespace}}
    cluster.client.create(ROLES, dict, {**of_rbac, "kind": "ClusterRole", "rules": rules})
    subject = {"kind": "ServiceAccount", "name": "reader", "namespace": namespace}
    role = {"apiGroup": RBAC, "kind": "ClusterRole", "name": namespace}
    binding = {**of_rbac, "kind": "ClusterRoleBinding", "roleRef": role, "subjects": [subject]}
    cluster.client.create(BINDINGS, dict, binding)
    yield
    for resource in (BINDINGS, ROLES):
        cluster.client.delete(resource, dict, namespace)


@pytest.fixture(scope="module")
def url(
    cluster: Cluster, namespace: str, reader_role: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Of the metrics of a running program."""
    directory = tmp_path_factory.mktemp("program")
    configuration = {
        "metrics": {"bindAddress": f"127.0.0.1:{free_port()}"},
        "health": {"healthProbeBindAddress": "0"},
        "leaderElection": {"resourceNamespace": namespace},
    }
    file, log = directory / "config.yaml", directory / "log"
    file.write_text(json.dumps(configuration))
    command = [sys.executable, "-m", "lws", f"--config={file}", f"--kubeconfig={cluster.kubeconfig}"]
    environment = {**os.environ, "ENABLE_WEBHOOKS": "false", "TMPDIR": str(directory)}
    with log.open("wb") as out, subprocess.Popen(command, stderr=out, env=environment) as program:
        try:
            yield "https://" + until("it to serve metrics", lambda: address(program, log)) + "/metrics"
        finally:
            program.terminate()


def address(program: subprocess.Popen[bytes], log: Path) -> str:
    """Where it says that it serves metrics; empty until then."""
    assert program.poll() is None, f"it ended: {log.read_text()}"
    said = re.search(r'Serving metrics server.*"bindAddress":"([^"]+)"', log.read_text())
    return said[1] if said else ""


def get(url: str, token: str) -> Answer:
    """Its certificate is its own; whoever scrapes it is told not to look."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return Answer(answer.status, answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read().decode())


def test_whom_the_api_server_lets_sees_them(cluster: Cluster, namespace: str, url: str) -> None:
    """10.2 E17."""
    answer = get(url, token_of(cluster.client, namespace, "reader"))
    assert answer.status == 200
    assert "controller_runtime_webhook_requests_total" in answer.body


def test_the_guide_s_own_scrape_configuration_works(
    cluster: Cluster, namespace: str, url: str, tmp_path: Path
) -> None:
    """As it is in the page; only how targets are discovered, and where the token is, is this test's."""
    block = next(x.text for x in blocks(ROOT / "docs/guides/monitoring.md") if "scrape_configs" in x.text)
    configuration = yaml.safe_load(block)
    (job,) = configuration["scrape_configs"]
    (tmp_path / "token").write_text(token_of(cluster.client, namespace, "reader"))
    job["authorization"]["credentials_file"] = str(tmp_path / "token")
    del job["kubernetes_sd_configs"]
    found = {"__meta_kubernetes_service_name": JOB}
    other = {"__meta_kubernetes_service_name": "lws-webhook-service"}
    target = url.removeprefix("https://").removesuffix("/metrics")
    job["static_configs"] = [
        {"targets": [target], "labels": found},
        {"targets": ["127.0.0.1:1"], "labels": other},
    ]
    job["scrape_interval"] = "500ms"
    configuration["global"] = {"evaluation_interval": "500ms"}
    configuration["rule_files"] = [str(rules_file(RULES, tmp_path))]
    with running_prometheus(tmp_path, configuration) as prometheus:
        until("a scrape", lambda: prometheus.query("up == 1"))
        assert [(x["health"], x["lastError"]) for x in prometheus.targets()] == [("up", "")]
        until("the rules", lambda: {x["health"] for x in prometheus.rules()}, lambda seen: seen == {"ok"})
        until(
            "no alert, which one from before the first scrape becomes with the next look",
            lambda: prometheus.query('ALERTS{alertname="LWSDown"}'),
            lambda seen: not seen,
        )
        assert prometheus.query(f'rest_client_requests_total{{job="{JOB}"}}')


def test_nobody_else_does(cluster: Cluster, namespace: str, url: str) -> None:
    assert get(url, token_of(cluster.client, namespace, "stranger")).status == 403
    assert get(url, "").status == 401
