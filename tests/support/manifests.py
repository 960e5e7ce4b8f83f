"""What kustomize and Helm make of ``manifests``, comparable: without what only one of them says."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from hack.controlplane import binaries
from hack.tools.helm import binary
from lws.kube.errors import NotFound
from lws.kube.resources import MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS
from support.cluster import ROOT, Cluster
from support.manager import Manager

MANIFESTS = ROOT / "manifests"
CHART = MANIFESTS / "chart"
NAMESPACE = "lws-system"
# Each overlay, and the values with which the chart is the same.
VARIANTS: dict[str, tuple[str, ...]] = {
    "default": (),
    "overlays/certmanager": ("enableCertManager=true",),
    "overlays/prometheus": ("enablePrometheus=true",),
    "overlays/volcano": ("gangSchedulingManagement.schedulerProvider=volcano",),
    "overlays/hostnetwork": ("hostNetwork=true",),
}
FOREIGN = {"cert-manager.io", "monitoring.coreos.com"}  # groups whose CRDs are not ours to install
HELM_LABELS = {"helm.sh/chart", "app.kubernetes.io/version", "app.kubernetes.io/managed-by"}
WEBHOOKS = {x.kind: x for x in (MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS)}
Document = dict[str, Any]


@cache
def kubectl() -> str:
    return str(binaries.locate(say=print)["kubectl"])


@cache
def helm() -> str:
    return str(binary.locate(say=print))


@cache
def rendered(variant: str) -> tuple[Document, ...]:
    """What kustomize makes of a directory below ``manifests``."""
    return kustomized(MANIFESTS / variant)


def kustomized(directory: Path) -> tuple[Document, ...]:
    done = subprocess.run([kubectl(), "kustomize", directory], capture_output=True, text=True, check=True)
    return tuple(yaml.load_all(done.stdout, yaml.CSafeLoader))


@cache
def charted(
    *values: str, release: str = "lws", namespace: str = NAMESPACE, crds: bool = False
) -> tuple[Document, ...]:
    """What Helm makes of the chart with these values (``name=value``); ``crds``: and of its crds/."""
    done = template(*values, release=release, namespace=namespace, crds=crds)
    assert done.returncode == 0, done.stderr
    return tuple(x for x in yaml.load_all(done.stdout, yaml.CSafeLoader) if x)


def template(
    *values: str,
    release: str = "lws",
    namespace: str = NAMESPACE,
    chart: Path = CHART,
    crds: bool = False,
) -> subprocess.CompletedProcess[str]:
    """``helm template``."""
    words = ["template", release, str(chart), "--namespace", namespace, *setting(values)]
    words += ["--include-crds"] if crds else []
    return subprocess.run([helm(), *words], capture_output=True, text=True, check=False)


def setting(values: Iterable[str]) -> Iterator[str]:
    """``--set`` for each."""
    for value in values:
        yield from ("--set", value)


def comparable(documents: Iterable[Document]) -> dict[tuple[str, ...], Document]:
    """By ``identity``, without the differences that docs/decisions/071-chart.md decides on."""
    return {identity(x): _normal(x) for x in documents if x["kind"] != "Namespace"}


def identity(document: Document) -> tuple[str, ...]:
    metadata = document["metadata"]
    return document["apiVersion"], document["kind"], metadata.get("namespace", ""), metadata["name"]


def _normal(document: Document) -> Document:
    labels = document["metadata"].get("labels", {})
    metadata = document["metadata"] | {"labels": {k: v for k, v in labels.items() if k not in HELM_LABELS}}
    normal = document | {"metadata": metadata}
    if document["kind"] == "Deployment":
        normal["spec"] = _without_checksum(document["spec"])
    if document["kind"] == "ConfigMap":
        normal["data"] = {name: yaml.safe_load(text) for name, text in document["data"].items()}
    return normal


def _without_checksum(spec: Document) -> Document:
    metadata = spec["template"]["metadata"]
    annotations = {k: v for k, v in metadata["annotations"].items() if k != "checksum/config"}
    return spec | {"template": spec["template"] | {"metadata": metadata | {"annotations": annotations}}}


def only(documents: Iterable[Document], kind: str, name: str) -> Document:
    """The one of that kind and name."""
    found = [x for x in documents if x["kind"] == kind and x["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} x {kind} {name}"
    return found[0]


def configuration_text(documents: Iterable[Document], name: str = "lws-manager-config") -> str:
    """The configuration file that the manager is given."""
    return str(only(documents, "ConfigMap", name)["data"]["controller_manager_config.yaml"])


def pod_spec(documents: Iterable[Document], name: str = "lws-controller-manager") -> Document:
    spec: Document = only(documents, "Deployment", name)["spec"]["template"]["spec"]
    return spec


def apply(cluster: Cluster, documents: Iterable[Mapping[str, Any]], *flags: str) -> None:
    """Server-side apply, all of them in one request each; AssertionError with what the server says."""
    done = subprocess.run(
        [kubectl(), f"--kubeconfig={cluster.kubeconfig}", "apply", "--server-side", "-f", "-", *flags],
        input=yaml.dump_all([dict(x) for x in documents], Dumper=yaml.CSafeDumper),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def dry_run(cluster: Cluster, documents: Iterable[Document]) -> None:
    """Have the API server check every field of those whose kinds it knows, and keep nothing."""
    known = [beside(x) for x in documents if x["apiVersion"].partition("/")[0] not in FOREIGN]
    apply(cluster, known, "--dry-run=server", "--force-conflicts", "--validate=strict")


def beside(document: Document) -> Document:
    """Webhook configurations under another name: the suite's manager may have registered its own by URL."""
    if not document["kind"].endswith("WebhookConfiguration"):
        return document
    return {
        **document,
        "metadata": {**document["metadata"], "name": f"{document['metadata']['name']}-beside"},
    }


@contextlib.contextmanager
def manager_away(cluster: Cluster, manager: Manager) -> Iterator[None]:
    """Without the suite's manager and its webhook configurations, whose names the manifests have as well."""
    manager.stop()
    forget_webhooks(cluster)
    try:
        yield
    finally:
        forget_webhooks(cluster)
        manager.start()


def forget_webhooks(cluster: Cluster) -> None:
    for document in rendered("default"):
        if resource := WEBHOOKS.get(document["kind"]):
            with contextlib.suppress(NotFound):
                cluster.client.delete(resource, dict, document["metadata"]["name"])
