"""The manifests: what kustomize makes of them, and what the real API server says to it."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.cluster import Cluster
from support.manager import Manager
from support.manifests import (
    MANIFESTS,
    VARIANTS,
    WEBHOOKS,
    Document,
    apply,
    configuration_text,
    dry_run,
    kustomized,
    manager_away,
    only,
    pod_spec,
    rendered,
)
from support.waiting import until

from lws.config import read_configuration, validate
from lws.kube.client import Client
from lws.kube.connection import Connection, connect
from lws.kube.errors import Forbidden, InternalError
from lws.kube.resources import (
    CRDS,
    MUTATING_WEBHOOKS,
    NAMESPACES,
    PODS,
    SECRETS,
    VALIDATING_WEBHOOKS,
    Resource,
)
from lws.webhooks.certificates import Rotation, Secret

pytestmark = pytest.mark.integration


def named(variant: str, kind: str, name: str) -> Document:
    return only(rendered(variant), kind, name)


@pytest.fixture(scope="module")
def operator_namespace(cluster: Cluster) -> str:
    """The namespace of the manifests: nothing else of them outlives a test."""
    apply(cluster, [x for x in rendered("default") if x["kind"] == "Namespace"])
    return "lws-system"


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_object_is_accepted(cluster: Cluster, operator_namespace: str, variant: str) -> None:
    dry_run(cluster, rendered(variant))


def test_nothing_foreign_waits_for_the_manager(cluster: Cluster, manager: Manager, namespace: str) -> None:
    """With the webhooks registered and nobody behind them, only our own objects are held up."""
    foreign = pod_in(namespace, "foreign", {"app": "foreign", "leaderworkerset.sigs.k8s.io/group-index": "0"})
    ours = pod_in(namespace, "ours", {"leaderworkerset.sigs.k8s.io/name": "a"})
    with manager_away(cluster, manager):
        apply(cluster, [x for x in rendered("default") if x["kind"] in WEBHOOKS])
        until("the webhooks to be called", lambda: refused(cluster.client, ours))
        cluster.client.create(PODS, dict, foreign)
        patch = {"metadata": {"labels": {"changed": "yes"}}}
        cluster.client.merge_patch(PODS, dict, "foreign", patch, namespace=namespace)
        apply(cluster, foreign_workloads(namespace))
        until("pods of a foreign Deployment", lambda: len(cluster.client.list(PODS, dict, namespace)) == 3)
        assert refused(cluster.client, ours)


def pod_in(namespace: str, name: str, labels: dict[str, str]) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }


def foreign_workloads(namespace: str) -> list[Document]:
    """A Deployment and a StatefulSet of one pod each."""
    template = {key: value for key, value in pod_in(namespace, "", {"app": "b"}).items() if key == "spec"}
    spec = {
        "selector": {"matchLabels": {"app": "b"}},
        "template": {"metadata": {"labels": {"app": "b"}}, **template},
    }
    return [
        {
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": {"name": "b", "namespace": namespace},
            "spec": spec,
        }
        for kind in ("Deployment", "StatefulSet")
    ]


def refused(client: Client, pod: Document) -> bool:
    """Whether it cannot be created because a webhook does not answer."""
    try:
        client.create(PODS, dict, pod)
    except InternalError as error:
        return "failed calling webhook" in str(error)
    client.delete(PODS, dict, pod["metadata"]["name"], namespace=pod["metadata"]["namespace"], grace_period=0)
    return False


@pytest.mark.parametrize("variant", VARIANTS)
def test_objects_carry_the_labels_and_the_namespace_of_the_installation(variant: str) -> None:
    for document in rendered(variant):
        labels = document["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == labels["app.kubernetes.io/instance"] == "lws"
        assert document["metadata"].get("namespace", "lws-system") == "lws-system"


def test_no_package_manager_deletes_a_definition_and_with_it_all_workloads() -> None:
    definitions = [x for x in rendered("default") if x["kind"] == "CustomResourceDefinition"]
    assert len(definitions) == 3
    assert all(x["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"} for x in definitions)


def test_another_namespace_reaches_every_reference(tmp_path: Path) -> None:
    base = os.path.relpath(MANIFESTS / "default", tmp_path)
    (tmp_path / "kustomization.yaml").write_text(f"namespace: elsewhere\nresources: [{base}]\n")
    text = yaml.safe_dump_all(kustomized(tmp_path))
    assert "lws-system" not in text
    assert text.count("namespace: elsewhere") > 10


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_configuration_file_is_one_the_program_takes(variant: str, tmp_path: Path) -> None:
    file = tmp_path / "configuration.yaml"
    file.write_text(configuration_text(rendered(variant)))
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
    variants = ("default", "overlays/certmanager")
    volumes = {variant: pod_spec(rendered(variant))["volumes"] for variant in variants}
    sources = {
        variant: {source for x in found if x["name"] == "serving-certs" for source in x if source != "name"}
        for variant, found in volumes.items()
    }
    assert sources == {"default": {"emptyDir"}, "overlays/certmanager": {"secret"}}
    assert not [x for x in rendered("overlays/certmanager") if x["kind"] == "Secret"]


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
