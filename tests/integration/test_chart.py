"""The Helm chart: the objects of the kustomize manifests, what values do, and what an uninstall leaves."""

from __future__ import annotations

import base64
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from support.cluster import Cluster
from support.manager import Manager
from support.manifests import (
    CHART,
    MANIFESTS,
    VARIANTS,
    Document,
    charted,
    comparable,
    configuration_text,
    dry_run,
    helm,
    identity,
    kubectl,
    kustomized,
    manager_away,
    only,
    pod_spec,
    rendered,
    template,
)
from support.namespaces import make_namespace
from support.pki import Authority
from support.sets import Sets, exists
from support.wholeness import await_whole

from lws.config import Configuration, read_configuration, validate
from lws.kube.resources import CRDS, MUTATING_WEBHOOKS, NAMESPACES, SECRETS, VALIDATING_WEBHOOKS, Resource

pytestmark = pytest.mark.integration

SECRET = "lws-webhook-server-cert"
CONFIGURATIONS = {
    MUTATING_WEBHOOKS: "lws-mutating-webhook-configuration",
    VALIDATING_WEBHOOKS: "lws-validating-webhook-configuration",
}
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
EVERYTHING = (
    "enablePrometheus=true",
    "enableCertManager=true",
    "gangSchedulingManagement.schedulerProvider=volcano",
    "imagePullSecrets[0].name=pull",
    "podAnnotations.a=b",
    "podLabels.c=d",
    "commonLabels.e=f",
    "serviceAccount.annotations.g=h",
    "nodeSelector.i=j",
    "tolerations[0].operator=Exists",
    "topologySpreadConstraints[0].maxSkew=1",
    "topologySpreadConstraints[0].topologyKey=zone",
    "topologySpreadConstraints[0].whenUnsatisfiable=ScheduleAnyway",
    "extraArgs[0]=--zap-devel=false",
    "extraEnv[0].name=K",
    "extraEnv[0].value=l",
    "image.manager.digest=sha256:" + "0" * 64,
    "service.type=NodePort",
    "logging.encoder=json",
)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_same_objects_as_kustomize(variant: str) -> None:
    ours, theirs = comparable(charted(*VARIANTS[variant], crds=True)), comparable(rendered(variant))
    assert ours.keys() == theirs.keys()
    for name, document in theirs.items():
        assert ours[name] == document, name


def test_two_components_together_are_the_same_as_well(tmp_path: Path) -> None:
    base = Path("../" * len(tmp_path.parts[1:]), *MANIFESTS.parts[1:])
    components = [str(base / x) for x in ("prometheus", "certmanager")]
    file = {"resources": [str(base / "default")], "components": components}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(file))
    ours = charted("enablePrometheus=true", "enableCertManager=true", crds=True)
    assert comparable(ours) == comparable(kustomized(tmp_path))


def test_every_object_carries_the_labels_of_its_release() -> None:
    for document in charted(*EVERYTHING):
        labels = document["metadata"]["labels"]
        assert labels["app.kubernetes.io/managed-by"] == "Helm", identity(document)
        assert labels["e"] == "f", identity(document)


@pytest.mark.parametrize(
    ("release", "full"), [("blue", "blue-lws"), ("my-lws", "my-lws"), ("lws-2", "lws-2")]
)
def test_another_release_elsewhere_refers_to_its_own_objects(release: str, full: str) -> None:
    documents = charted(*EVERYTHING, release=release, namespace="elsewhere")
    there = {(x["kind"], x["metadata"]["name"]) for x in documents}
    assert len(there) == len(documents)
    assert {x["metadata"].get("namespace", "elsewhere") for x in documents} == {"elsewhere"}
    for binding in (x for x in documents if x["kind"].endswith("Binding")):
        assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) in there
        for subject in binding["subjects"]:
            ours = ("ServiceAccount", f"{full}-controller-manager", "elsewhere")
            scraper = ("ServiceAccount", "prometheus-k8s", "monitoring")
            assert (subject["kind"], subject["name"], subject["namespace"]) in {ours, scraper}
    spec = pod_spec(documents, f"{full}-controller-manager")
    assert ("ServiceAccount", spec["serviceAccountName"]) in there
    volumes = {x["name"]: x for x in spec["volumes"]}
    assert ("ConfigMap", volumes["manager-config"]["configMap"]["name"]) in there
    text = yaml.safe_dump_all(documents)
    assert "lws-system" not in text
    assert not re.search(r"(?<![\w-])lws-(?:controller|manager|leader|proxy|metrics-reader|alerts)", text)


def test_names_that_a_drop_in_replacement_needs_are_fixed() -> None:
    """Operations 12.12, 5.2: the program, or upstream's, looks for these."""
    there = {identity(x)[1:] for x in charted(release="blue", namespace="elsewhere")}
    assert there >= {
        ("Secret", "elsewhere", "lws-webhook-server-cert"),
        ("Service", "elsewhere", "lws-webhook-service"),
        ("MutatingWebhookConfiguration", "", "lws-mutating-webhook-configuration"),
        ("ValidatingWebhookConfiguration", "", "lws-validating-webhook-configuration"),
    }


def configured(tmp_path: Path, *values: str) -> Configuration:
    file = tmp_path / "configuration.yaml"
    file.write_text(configuration_text(charted(*values)))
    configuration = read_configuration(file)
    validate(configuration)
    return configuration


def test_settings_reach_the_configuration_file(tmp_path: Path) -> None:
    configuration = configured(
        tmp_path,
        "config.clientConnection.qps=50",
        "config.clientConnection.burst=70",
        "config.leaderElection.leaseDuration=30s",
        "config.tls.minVersion=VersionTLS13",
        "gangSchedulingManagement.schedulerProvider=volcano",
        "enableCertManager=true",
    )
    assert configuration.client_connection.qps == 50
    assert configuration.client_connection.burst == 70
    assert configuration.leader_election.leader_elect
    assert (
        configuration.leader_election.lease_duration
        == configured(tmp_path).leader_election.lease_duration * 2
    )
    assert configuration.tls.min_version == "VersionTLS13"
    assert configuration.gang_scheduling_management is not None
    assert not configuration.internal_cert_management.enable


def test_a_port_reaches_everything_that_names_it(tmp_path: Path) -> None:
    values = ("service.port=1001", "metrics.port=1002", "health.port=1003")
    documents, configuration = charted(*values), configured(tmp_path, *values)
    assert configuration.webhook.port == 1001
    assert configuration.metrics.bind_address == ":1002"
    assert configuration.health.health_probe_bind_address == ":1003"
    container = pod_spec(documents)["containers"][0]
    assert [x["containerPort"] for x in container["ports"]] == [1001, 1002, 1003]
    probes = [container[x]["httpGet"]["port"] for x in ("startupProbe", "livenessProbe", "readinessProbe")]
    assert probes == [1003] * 3
    targets = {
        name: only(documents, "Service", name)["spec"]["ports"][0]["targetPort"]
        for name in ("lws-webhook-service", "lws-controller-manager-metrics-service")
    }
    assert list(targets.values()) == [1001, 1002]
    policy = only(documents, "NetworkPolicy", "lws-controller-manager")["spec"]
    assert [x["port"] for x in policy["ingress"][0]["ports"]] == [1001, 1002, 1003]


def test_a_changed_setting_replaces_the_pods() -> None:
    def checksum(*values: str) -> str:
        deployment = only(charted(*values), "Deployment", "lws-controller-manager")
        return str(deployment["spec"]["template"]["metadata"]["annotations"]["checksum/config"])

    assert checksum() != checksum("config.clientConnection.qps=50")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (("replicaCount=1",), "PodDisruptionBudget"),
        (("podDisruptionBudget.enabled=false",), "PodDisruptionBudget"),
        (("networkPolicy.enabled=false",), "NetworkPolicy"),
        (("resourceQuota.enabled=false",), "ResourceQuota"),
        (("priorityClassName=mine",), "ResourceQuota"),
    ],
    ids=str,
)
def test_what_can_be_left_out(values: tuple[str, ...], kind: str) -> None:
    left_out = {identity(x) for x in charted()} - {identity(x) for x in charted(*values)}
    assert [name[1] for name in left_out] == [kind]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("replicaCount=two", "'/replicaCount': got string, want integer"),
        ("replicaCount=-1", "'/replicaCount': minimum: got -1, want 0"),
        ("service.port=70000", "'/service/port': maximum: got 70,000, want 65,535"),
        ("logging.level=loud", "'/logging/level': 'loud' does not match pattern"),
        ("image.manager.pullPolicy=Sometimes", "'/image/manager/pullPolicy': value must be one of 'Always'"),
        ("image.manager.digest=latest", "'/image/manager/digest': 'latest' does not match pattern"),
        ("gangSchedulingManagement.schedulerProvider=kueue", "schedulerProvider': value must be 'volcano'"),
        ("enableDisaggregatedSet=true", "'/enableDisaggregatedSet': value must be false"),
        ("config.tls.minVersion=VersionTLS10", "'/config/tls/minVersion': value must be one of"),
        (
            "config.leaderElection.leaseDuration=15",
            "/leaseDuration': got number, want string",
        ),
        ("config.clientConnection.qps=0", "'/config/clientConnection/qps': exclusiveMinimum: got 0, want 0"),
        ("config.webhook.port=1", "'/config': additional properties 'webhook' not allowed"),
        ("replicas=3", "'': additional properties 'replicas' not allowed"),
        ("podLabels=x", "'/podLabels': got string, want object"),
    ],
    ids=lambda value: value.partition("=")[0],
)
def test_a_bad_value_is_named_in_one_line(value: str, said: str) -> None:
    done = template(value)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("- at ")]
    assert len(lines) == 1, done.stderr
    assert said in lines[0]


def test_an_older_kubernetes_is_refused() -> None:
    command = [helm(), "template", "lws", str(CHART), "--kube-version", "1.26.0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "chart requires kubeVersion: >=1.27.0-0" in done.stderr


def test_the_package_holds_everything(tmp_path: Path) -> None:
    subprocess.run([helm(), "package", CHART, "-d", tmp_path], capture_output=True, check=True)
    (package,) = tmp_path.iterdir()
    packaged, sources = (template(*EVERYTHING, crds=True, chart=x).stdout for x in (package, CHART))
    assert packaged == sources
    assert "kind: CustomResourceDefinition" in packaged


def test_the_chart_has_no_lint() -> None:
    subprocess.run([helm(), "lint", "--strict", CHART], capture_output=True, check=True)


@pytest.mark.parametrize("values", [*VARIANTS.values(), EVERYTHING], ids=[*VARIANTS, "everything"])
def test_every_object_is_accepted(cluster: Cluster, restricted: str, values: tuple[str, ...]) -> None:
    dry_run(cluster, charted(*values, namespace=restricted))


@pytest.fixture(scope="module")
def restricted(cluster: Cluster) -> str:
    """A namespace as that of the kustomize manifests: its pods must meet the strictest standard."""
    name = make_namespace(cluster.client)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
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
    def ready_replicas(self) -> int:
        name = f"{self.full}-controller-manager"
        deployment: Document = self.cluster.client.get(DEPLOYMENTS, dict, name, self.namespace)
        return int(deployment["status"]["readyReplicas"])

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
    cluster: Cluster, manager: Manager, sets: Sets, restricted: str, tmp_path: Path
) -> None:
    """Installed, changed and removed beside a running set: the set and its definition stay untouched."""
    lws, release = sets.create("a", replicas=2, size=2), Release(cluster, restricted)
    await_whole(lws)
    before = lws.uids(), lws.get()["metadata"]["uid"]
    with manager_away(cluster, manager):
        assert "rollout status" in release.helm("install", str(CHART), "--wait", "--timeout=2m")
        assert release.ready_replicas == 2
        authority = base64.b64encode(Authority(tmp_path).path.read_bytes()).decode()
        release.manage(authority)
        managed = release.as_managed()
        assert set(managed.values()) == {authority}
        release.helm("upgrade", str(CHART), "--wait", "--timeout=2m", "--set=replicaCount=3,logging.level=1")
        assert release.ready_replicas == 3
        assert release.as_managed() == managed
        manifest = release.helm("get manifest")
        assert release.left_of(manifest).count("\n") > 20
        release.helm("uninstall", "--wait")
        assert release.left_of(manifest) == ""
        assert exists(cluster.client, CRDS, "leaderworkersets.leaderworkerset.x-k8s.io", "")
        assert (lws.uids(), lws.get()["metadata"]["uid"]) == before
    await_whole(lws)
    assert (lws.uids(), lws.get()["metadata"]["uid"]) == before
