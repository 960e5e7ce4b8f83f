"""The manifests: what kustomize makes of them, and what the real API server says to it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.cluster import ROOT, Cluster
from support.waiting import until

from hack.controlplane import binaries
from lws.config import read_configuration, validate
from lws.kube.client import Client
from lws.kube.connection import Connection, connect
from lws.kube.errors import Forbidden
from lws.kube.resources import CRDS, MUTATING_WEBHOOKS, NAMESPACES, SECRETS, VALIDATING_WEBHOOKS, Resource
from lws.webhooks.rotation import Rotation, Secret

pytestmark = pytest.mark.integration

MANIFESTS = ROOT / "manifests"
VARIANTS = ["default", "overlays/certmanager", "overlays/prometheus", "overlays/volcano"]
FOREIGN = {"cert-manager.io", "monitoring.coreos.com"}  # groups whose CRDs are not ours to install
Document = dict[str, Any]


@cache
def kubectl() -> str:
    return str(binaries.locate(say=print)["kubectl"])


@cache
def rendered(variant: str) -> tuple[Document, ...]:
    text = subprocess.run(
        [kubectl(), "kustomize", MANIFESTS / variant], capture_output=True, text=True, check=True
    ).stdout
    return tuple(yaml.load_all(text, yaml.CSafeLoader))


def named(variant: str, kind: str, name: str) -> Document:
    found = [x for x in rendered(variant) if x["kind"] == kind and x["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} x {kind} {name}"
    return found[0]


def pod_spec(variant: str) -> Document:
    spec: Document = named(variant, "Deployment", "lws-controller-manager")["spec"]["template"]["spec"]
    return spec


def apply(cluster: Cluster, documents: list[Document], *flags: str) -> None:
    subprocess.run(
        [kubectl(), f"--kubeconfig={cluster.kubeconfig}", "apply", "--server-side", "-f", "-", *flags],
        input=yaml.safe_dump_all(documents),
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.fixture(scope="module")
def operator_namespace(cluster: Cluster) -> str:
    """The namespace of the manifests: nothing else of them outlives a test."""
    apply(cluster, [x for x in rendered("default") if x["kind"] == "Namespace"])
    return "lws-system"


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_object_is_accepted(cluster: Cluster, operator_namespace: str, variant: str) -> None:
    known = [x for x in rendered(variant) if x["apiVersion"].partition("/")[0] not in FOREIGN]
    apply(cluster, [beside(x) for x in known], "--dry-run=server", "--force-conflicts", "--validate=strict")


def beside(document: Document) -> Document:
    """Webhook configurations under another name: the suite's manager may have registered its own by URL."""
    if not document["kind"].endswith("WebhookConfiguration"):
        return document
    return {
        **document,
        "metadata": {**document["metadata"], "name": f"{document['metadata']['name']}-beside"},
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_objects_carry_the_labels_and_the_namespace_of_the_installation(variant: str) -> None:
    for document in rendered(variant):
        labels = document["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == labels["app.kubernetes.io/instance"] == "lws"
        assert document["metadata"].get("namespace", "lws-system") == "lws-system"


def test_no_package_manager_deletes_the_definition_and_with_it_all_workloads() -> None:
    definitions = [x for x in rendered("default") if x["kind"] == "CustomResourceDefinition"]
    assert [x["metadata"]["annotations"] for x in definitions] == [{"helm.sh/resource-policy": "keep"}]


def test_another_namespace_reaches_every_reference(tmp_path: Path) -> None:
    base = os.path.relpath(MANIFESTS / "default", tmp_path)
    (tmp_path / "kustomization.yaml").write_text(f"namespace: elsewhere\nresources: [{base}]\n")
    text = subprocess.run(
        [kubectl(), "kustomize", tmp_path], capture_output=True, text=True, check=True
    ).stdout
    assert "lws-system" not in text
    assert text.count("namespace: elsewhere") > 10


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_configuration_file_is_one_the_program_takes(variant: str, tmp_path: Path) -> None:
    file = tmp_path / "configuration.yaml"
    data = named(variant, "ConfigMap", "lws-manager-config")["data"]
    file.write_text(data["controller_manager_config.yaml"])
    configuration = read_configuration(file)
    validate(configuration)
    assert configuration.internal_cert_management.enable is (variant != "overlays/certmanager")


@pytest.mark.parametrize("variant", VARIANTS)
def test_selectors_select_the_pods(variant: str) -> None:
    deployment = named(variant, "Deployment", "lws-controller-manager")["spec"]
    labels = deployment["template"]["metadata"]["labels"].items()
    selectors = [
        deployment["selector"]["matchLabels"],
        named(variant, "PodDisruptionBudget", "lws-controller-manager")["spec"]["selector"]["matchLabels"],
        named(variant, "NetworkPolicy", "lws-controller-manager")["spec"]["podSelector"]["matchLabels"],
        named(variant, "Service", "lws-webhook-service")["spec"]["selector"],
        named(variant, "Service", "lws-controller-manager-metrics-service")["spec"]["selector"],
    ]
    for selector in selectors:
        assert selector.items() <= labels
        assert len(selector) == 3, "as upstream's, which is immutable in the Deployment"


def test_certificates_are_mounted_from_where_they_come() -> None:
    sources = {
        variant: {x["name"]: x for x in pod_spec(variant)["volumes"]}["serving-certs"].keys() - {"name"}
        for variant in VARIANTS[:2]
    }
    assert sources == {"default": {"emptyDir"}, "overlays/certmanager": {"secret"}}
    assert not [x for x in rendered(VARIANTS[1]) if x["kind"] == "Secret"]


def test_nothing_may_be_done_to_secrets_or_configurations_but_to_our_own() -> None:
    roles = [x for x in rendered("default") if x["kind"] in {"Role", "ClusterRole"}]
    rules = [rule for role in roles for rule in role["rules"]]
    assert not [rule for rule in rules if "*" in rule["verbs"] + rule.get("resources", [])]
    guarded = {"secrets", "mutatingwebhookconfigurations", "validatingwebhookconfigurations"}
    ours = [rule for rule in rules if guarded & set(rule.get("resources", []))]
    assert len(ours) == 3
    assert all(rule["resourceNames"] for rule in ours)


@pytest.fixture
def manager_connection(cluster: Cluster, operator_namespace: str, tmp_path: Path) -> Iterator[Connection]:
    """Acts with the rights of the manager, which are those of the manifests and no other."""
    wanted = {"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "Secret"}
    apply(cluster, [x for x in rendered("default") if x["kind"] in wanted], "--force-conflicts")
    path = f"/api/v1/namespaces/{operator_namespace}/serviceaccounts/lws-controller-manager/token"
    answer = cluster.client.connection.request("POST", path, body=b'{"spec": {}}')
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"] = [
        {"name": user["name"], "user": {"token": json.loads(answer)["status"]["token"]}}
        for user in config["users"]
    ]
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    with contextlib.closing(connect(kubeconfig=str(file), user_agent="tests")) as connection:
        yield connection


def test_the_rights_are_enough_to_keep_certificates(
    cluster: Cluster, manager_connection: Connection, operator_namespace: str, tmp_path: Path
) -> None:
    secret = "lws-webhook-server-cert"
    rotation = Rotation(
        Client(manager_connection),
        namespace=operator_namespace,
        service="lws-webhook-service",
        secret=secret,
        directory=tmp_path / "certs",
    )
    rotation.start()
    try:
        until("the files", (tmp_path / "certs" / "tls.crt").exists)
        assert "orbidden" not in rotation.why_not_ready()
    finally:
        assert rotation.stop(30.0)
    data = cluster.client.get(SECRETS, Secret, secret, operator_namespace).data
    assert (data or {}).keys() == {"ca.crt", "ca.key", "tls.crt", "tls.key"}


@pytest.mark.parametrize(
    "resource",
    [SECRETS, MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS, NAMESPACES, CRDS],
    ids=lambda resource: resource.plural,
)
def test_the_rights_are_no_more_than_enough(manager_connection: Connection, resource: Resource) -> None:
    with pytest.raises(Forbidden):
        Client(manager_connection).list(resource, dict)
