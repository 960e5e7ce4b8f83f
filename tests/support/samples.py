"""The files of ``manifests/samples``, applied as a user would."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import yaml

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.kube.client import Client
from lws.kube.resources import Resource
from support.cluster import ROOT
from support.rolesets import LiveRoles
from support.sets import Document, LiveSet, Sets

SAMPLES = ROOT / "manifests" / "samples"


def load_sample(file: str) -> list[Document]:
    """Its documents."""
    return list(yaml.safe_load_all((SAMPLES / file).read_text()))


def apply_sample(
    sets: Sets, file: str, change: Callable[[Document], object] = lambda _document: None
) -> LiveSet:
    """Create everything in a sample file, in its order, the set after ``change`` was made to it; the set."""
    made: list[LiveSet] = []
    for document in load_sample(file):
        if document["kind"] == c.KIND:
            change(document)
            made.append(sets.add(document))
        else:
            resource = resource_of(sets.client, document)
            namespace = sets.namespace if resource.namespaced else ""
            sets.client.create(resource, dict, document, namespace=namespace)
    [lws] = made
    return lws


def apply_roles(
    place: LiveRoles, file: str, change: Callable[[Document], object] = lambda _document: None
) -> LiveRoles:
    """Create everything in a sample file in the namespace of ``place``, each document after ``change`` was
    made to it; the DisaggregatedSet.
    """
    documents = load_sample(file)
    for document in documents:
        change(document)
        resource = resource_of(place.client, document)
        place.client.create(resource, dict, document, namespace=place.namespace)
    [name] = [x["metadata"]["name"] for x in documents if x["kind"] == d.KIND]
    return LiveRoles(place.client, place.namespace, name)


def resource_of(client: Client, document: Document) -> Resource:
    """Where the API server keeps objects of this kind, by its own word; it must know the kind."""
    api_version, kind = document["apiVersion"], document["kind"]
    group, _, version = api_version.rpartition("/")
    served = client.connection.request("GET", f"/apis/{api_version}" if group else f"/api/{version}")
    [found] = [
        x for x in msgspec.json.decode(served)["resources"] if x["kind"] == kind and "/" not in x["name"]
    ]
    return Resource(group, version, found["name"], kind, namespaced=found["namespaced"])


def try_out(client: Client, document: Document, namespace: str) -> None:
    """Apply it as a dry run, in this namespace if in any: everything is checked, members that do not exist
    included; nothing is stored.
    """
    resource = resource_of(client, document)
    if resource.namespaced:
        document = document | {"metadata": document["metadata"] | {"namespace": namespace}}
    path = resource.path(namespace if resource.namespaced else "", document["metadata"]["name"])
    client.connection.request(
        "PATCH",
        path,
        query={"dryRun": "All", "fieldManager": "tests", "force": "true", "fieldValidation": "Strict"},
        body=msgspec.json.encode(document),
        content_type="application/apply-patch+yaml",
    )
