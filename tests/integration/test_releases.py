"""Releases of the Helm chart on a real cluster: in place of others, changed, removed; and what they leave."""

from __future__ import annotations

import base64
import copy
import subprocess
from pathlib import Path

import pytest
import yaml
from support.cluster import Cluster
from support.manager import Manager
from support.manifests import (
    CHART,
    WEBHOOKS,
    Document,
    apply,
    charted,
    helm,
    kubectl,
    manager_away,
    only,
)
from support.namespaces import make_namespace
from support.pki import Authority
from support.sets import Sets, exists
from support.wholeness import await_whole

from lws.kube.resources import CRDS, MUTATING_WEBHOOKS, NAMESPACES, SECRETS, VALIDATING_WEBHOOKS, Resource

pytestmark = pytest.mark.integration

MANIFESTS = Path(__file__).resolve().parents[2] / "manifests"
SECRET = "lws-webhook-server-cert"
CONFIGURATIONS = {
    MUTATING_WEBHOOKS: "lws-mutating-webhook-configuration",
    VALIDATING_WEBHOOKS: "lws-validating-webhook-configuration",
}
MANAGED = (
    "ca.crt",
    "mleaderworkerset.kb.io",
    "mpod.kb.io",
    "vleaderworkerset.kb.io",
    "vdisaggregatedset.kb.io",
)
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")


@pytest.fixture(scope="module")
def guarded(cluster: Cluster) -> str:
    """A namespace with the pod security labels of the kustomize manifests."""
    name = make_namespace(cluster.client)
    labels = yaml.safe_load((MANIFESTS / "default" / "namespace.yaml").read_text())["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "baseline"
    cluster.client.merge_patch(NAMESPACES, dict, name, {"metadata": {"labels": labels}})
    return name


class Release:
    """One of the chart; its name keeps its roles apart from those that the suite's manager may use."""

    name, full = "charted", "charted-lws"

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace

    def helm(self, word: str, *words: str) -> str:
        """What ``helm`` prints about the release."""
        access = [f"--kubeconfig={self.cluster.kubeconfig}", f"--namespace={self.namespace}"]
        command = [helm(), *word.split(), self.name, *words, *access]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def deployment(self) -> Document:
        name = f"{self.full}-controller-manager"
        found: Document = self.cluster.client.get(DEPLOYMENTS, dict, name, self.namespace)
        return found

    @property
    def ready_replicas(self) -> int:
        return int(self.deployment["status"]["readyReplicas"])

    @property
    def volumes(self) -> list[str]:
        return [x["name"] for x in self.deployment["spec"]["template"]["spec"]["volumes"]]

    def as_managed(self) -> dict[str, str]:
        """What a manager puts into objects of the release: a Secret's data, and trust into configurations."""
        secret: Document = self.cluster.client.get(SECRETS, dict, SECRET, self.namespace)
        bundles = {
            webhook["name"]: webhook["clientConfig"].get("caBundle", "")
            for resource, name in CONFIGURATIONS.items()
            for webhook in self.cluster.client.get(resource, dict, name)["webhooks"]
        }
        return {**secret.get("data", {}), **bundles}

    def manage(self, authority: str) -> None:
        """Put what a manager would; ``authority``: a certificate as base64."""
        client = self.cluster.client
        client.merge_patch(SECRETS, dict, SECRET, {"data": {"ca.crt": authority}}, namespace=self.namespace)
        for resource, name in CONFIGURATIONS.items():
            webhooks = client.get(resource, dict, name)["webhooks"]
            for webhook in webhooks:
                webhook["clientConfig"]["caBundle"] = authority
            client.merge_patch(resource, dict, name, {"webhooks": webhooks})

    def left_of(self, manifest: str) -> str:
        """Those objects of a manifest that exist."""
        words = [kubectl(), f"--kubeconfig={self.cluster.kubeconfig}", "get", "--ignore-not-found", "-f", "-"]
        done = subprocess.run(words, input=manifest, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


def test_workloads_outlive_the_release(
    cluster: Cluster, manager: Manager, sets: Sets, guarded: str, tmp_path: Path
) -> None:
    """Upstream's chart, ours in its place, back and forth, removed beside a set: it stays untouched."""
    lws, release = sets.create("a", replicas=2, size=2), Release(cluster, guarded)
    await_whole(lws)
    before = lws.uids(), lws.get()["metadata"]["uid"]
    authority = base64.b64encode(Authority(tmp_path).path.read_bytes()).decode()
    with manager_away(cluster, manager):
        upstream = str(upstream_chart(tmp_path / "upstream", guarded))
        release.helm("install", upstream)
        release.manage(authority)
        assert "rollout status" in release.helm("upgrade", str(CHART), "--wait", "--timeout=2m")
        assert release.ready_replicas == 2
        assert release.volumes == ["serving-certs", "manager-config"]
        release.helm("upgrade", upstream, "--wait", "--timeout=2m")  # the way back
        assert release.ready_replicas == 1
        release.helm("upgrade", str(CHART), "--wait", "--timeout=2m", "--set=replicaCount=3,logging.level=1")
        assert release.ready_replicas == 3
        assert release.as_managed() == dict.fromkeys(MANAGED, authority)
        manifest = release.helm("get manifest")
        assert release.left_of(manifest).count("\n") > 20
        release.helm("uninstall", "--wait")
        assert release.left_of(manifest) == ""
        assert exists(cluster.client, CRDS, "leaderworkersets.leaderworkerset.x-k8s.io", "")
        assert (lws.uids(), lws.get()["metadata"]["uid"]) == before
    await_whole(lws)
    assert (lws.uids(), lws.get()["metadata"]["uid"]) == before


def upstream_chart(directory: Path, namespace: str) -> Path:
    """A chart that makes what upstream's does where that differs (operations 4.3, 5.2)."""
    documents = copy.deepcopy(charted(release=Release.name, namespace=namespace))
    wanted = {"Deployment", "Secret", "Service", "ServiceAccount", "ConfigMap", *WEBHOOKS}
    chosen = [x for x in documents if x["kind"] in wanted]
    deployment = only(chosen, "Deployment", f"{Release.full}-controller-manager")["spec"]
    deployment["replicas"] = 1
    spec = deployment["template"]["spec"]
    del spec["securityContext"]["seccompProfile"]  # without which no pod is `restricted`
    spec["volumes"][0] = {"name": "cert", "secret": {"secretName": SECRET, "defaultMode": 420}}
    container = spec["containers"][0]
    container["command"] = ["/manager"]
    container["volumeMounts"][0] |= {"name": "cert", "readOnly": True}
    (directory / "templates").mkdir(parents=True)
    (directory / "Chart.yaml").write_text("apiVersion: v2\nname: lws\nversion: 0.10.0\n")
    (directory / "templates" / "all.yaml").write_text(yaml.safe_dump_all(chosen))
    return directory


def test_objects_of_kustomize_can_be_taken_over(
    cluster: Cluster, manager: Manager, guarded: str, tmp_path: Path
) -> None:
    release = Release(cluster, guarded)
    authority = base64.b64encode(Authority(tmp_path).path.read_bytes()).decode()
    with manager_away(cluster, manager):
        apply(cluster, charted("replicaCount=1", release=release.name, namespace=guarded))
        release.manage(authority)
        release.helm("install", str(CHART), "--take-ownership", "--set=replicaCount=1")
        assert release.as_managed() == dict.fromkeys(MANAGED, authority)
        release.helm("uninstall", "--wait")
