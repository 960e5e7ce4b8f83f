"""The Helm chart: the objects of the kustomize manifests, what values do, and what an uninstall leaves."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from support.cluster import Cluster
from support.manifests import (
    CHART,
    MANIFESTS,
    VARIANTS,
    charted,
    comparable,
    configuration_text,
    dry_run,
    helm,
    identity,
    kustomized,
    only,
    pod_spec,
    rendered,
    template,
)

from lws.config import Configuration, read_configuration, validate

pytestmark = pytest.mark.integration

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


def test_without_disaggregated_sets_their_admission_and_roles_are_missing_and_nothing_else() -> None:
    ours, fewer = (comparable(charted(*x)) for x in ((), ("enableDisaggregatedSet=false",)))
    roles = {f"lws-disaggregatedset-{x}-role" for x in ("admin", "editor", "viewer")}
    assert {name[-1] for name in ours.keys() - fewer.keys()} == roles
    changed = {name for name in fewer if fewer[name] != ours[name]}
    [(*_, name)] = changed
    assert name == "lws-validating-webhook-configuration"
    [webhooks] = [fewer[x]["webhooks"] for x in changed]
    assert [x["name"] for x in webhooks] == ["vleaderworkerset.kb.io"]


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


def test_names_are_cut_where_the_longest_would_not_do() -> None:
    documents = charted(*EVERYTHING, release="1" * 53, namespace="n" * 63)
    names = [x["metadata"]["name"] for x in documents]
    assert max(map(len, names)) <= 63
    spec = only(documents, "Deployment", "1" * 28 + "-controller-manager")["spec"]
    assert spec["selector"]["matchLabels"]["app.kubernetes.io/instance"] == "1" * 53


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
        "config.metrics.maxSets=7",
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
    assert configuration.metrics.max_sets == 7
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
        ("replicaCount=0", "'/replicaCount': minimum: got 0, want 1"),
        ("hostNetwork=yes", "'/hostNetwork': got string, want boolean"),
        ("resources.limits.memory=lots", "'/resources/limits/memory': 'lots' does not match pattern"),
        ("resources.requests.cpu=-1", "'/resources/requests/cpu': minimum: got -1, want 0"),
        ("service.port=70000", "'/service/port': maximum: got 70,000, want 65,535"),
        ("logging.level=loud", "'/logging/level': 'loud' does not match pattern"),
        ("image.manager.pullPolicy=Sometimes", "'/image/manager/pullPolicy': value must be one of 'Always'"),
        ("image.manager.digest=latest", "'/image/manager/digest': 'latest' does not match pattern"),
        ("gangSchedulingManagement.schedulerProvider=kueue", "schedulerProvider': value must be 'volcano'"),
        ("enableDisaggregatedSet=yes", "'/enableDisaggregatedSet': got string, want boolean"),
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


@pytest.mark.parametrize("quantity", ["500m", "1.5", "128Mi", "1e3", "2", "+1Gi"])
def test_quantities_as_kubernetes_writes_them_are_taken(quantity: str) -> None:
    assert template(f"resources.limits.memory={quantity}").returncode == 0


@pytest.mark.parametrize("value", ["service.port=8443", "metrics.port=8081", "health.port=9443"])
def test_ports_that_collide_are_refused(value: str) -> None:
    done = template(value)
    assert done.returncode == 1
    assert "service.port, metrics.port and health.port must be three different ports" in done.stderr


def test_a_namespace_that_yaml_takes_for_a_number_is_refused() -> None:
    done = template(namespace="123")
    assert done.returncode == 1
    assert "namespace 123: must not be a number" in done.stderr


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
def test_every_object_is_accepted(cluster: Cluster, values: tuple[str, ...]) -> None:
    dry_run(cluster, charted(*values, namespace="default"))
