"""Names that complete a command line: what the kubeconfig and the cluster have.

Only what is needed for names is read, and nothing is drawn: this has to be quick.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.cli.reaching import kubeconfig_of, open_client
from lws.cli.values import Target, target
from lws.kube.client import Client
from lws.kube.errors import KubeError
from lws.kube.kubeconfig import names_in
from lws.kube.resources import CONTROLLER_REVISIONS, NAMESPACES, Resource
from lws.kube.selectors import absent, all_of, equals
from lws.objects import KubeObject

Candidate = tuple[str, str]

SETS: Final = Resource(c.GROUP, c.VERSION, "leaderworkersets", c.KIND)
ROLES: Final = Resource(d.GROUP, d.VERSION, "disaggregatedsets", d.KIND)
_MOST_GROUPS: Final = 200


def find(values: str, told: Any, typed: str) -> list[Candidate]:
    """Candidates of a kind, after the options and arguments that are ``told``. Raises KubeError."""
    if values in ("contexts", "clusters", "users"):
        paths = kubeconfig_of(told.kubeconfig, os.environ)
        return [(x, "") for x in names_in(paths, values)] if paths else []
    with open_client(told) as (client, namespace):
        cluster = _Cluster(client, namespace, told.rest, typed)
        return list(_FINDERS[values](cluster))


class _Cluster:
    """What is asked, of whom, and after which arguments."""

    def __init__(self, client: Client, namespace: str, given: list[str], typed: str) -> None:
        self.client, self.namespace, self.typed = client, namespace, typed
        self.target = target(given[0]) if given else Target("", "")
        self.given = given[1:]

    def set(self) -> tuple[str, Mapping[str, Any]]:
        """The kind of the set that is named, and the set. Raises KubeError where there is none."""
        if self.target.kind != d.KIND:
            try:
                return c.KIND, self.client.get(SETS, dict, self.target.name, self.namespace)
            except KubeError:
                if self.target.kind:
                    raise
        return d.KIND, self.client.get(ROLES, dict, self.target.name, self.namespace)


def _namespaces(cluster: _Cluster) -> Iterator[Candidate]:
    for x in cluster.client.list(NAMESPACES, KubeObject):
        yield x.name, ""


def _sets(cluster: _Cluster) -> Iterator[Candidate]:
    """As they may be typed: LeaderWorkerSets of roles only where their kind is typed, too."""
    kind, slash, _ = cluster.typed.rpartition("/")
    before = f"{kind}{slash}"
    known = target(f"{before}x").kind
    if known != d.KIND:
        for x in _listed(cluster, SETS):
            if slash or d.NAME_LABEL not in x.labels:
                yield f"{before}{x.name}", c.KIND
    if known != c.KIND:
        for x in _listed(cluster, ROLES):
            yield f"{before}{x.name}", d.KIND


def _listed(cluster: _Cluster, resource: Resource) -> list[KubeObject]:
    """Without those that the server does not have, or does not show."""
    try:
        return cluster.client.list(resource, KubeObject, cluster.namespace)
    except KubeError:
        return []


def _parts(cluster: _Cluster) -> Iterator[Candidate]:
    """Groups of a LeaderWorkerSet, or roles of a DisaggregatedSet, but for those that were named."""
    kind, found = cluster.set()
    if kind == c.KIND:
        replicas = found["spec"].get("replicas", 1)
        told = (found.get("status") or {}).get("groups") or {}
        names = {
            str(x): (told.get(str(x)) or {}).get("reason", "") for x in range(min(replicas, _MOST_GROUPS))
        }
    else:
        names = {x["name"]: "" for x in found["spec"]["roles"]}
    yield from ((name, reason) for name, reason in names.items() if name not in cluster.given)


def _roles(cluster: _Cluster) -> Iterator[Candidate]:
    kind, found = cluster.set()
    if kind == d.KIND:
        yield from ((x["name"], "") for x in found["spec"]["roles"])


def _revisions(cluster: _Cluster) -> Iterator[Candidate]:
    kind, _ = cluster.set()
    if kind == c.KIND:
        selector = all_of(equals(c.NAME_LABEL, cluster.target.name), absent(c.GROUP_INDEX_LABEL))
        label = c.REVISION_LABEL
    else:
        selector = all_of(equals(d.NAME_LABEL, cluster.target.name), absent(c.NAME_LABEL))
        label = d.REVISION_LABEL
    found = cluster.client.list(CONTROLLER_REVISIONS, dict, cluster.namespace, label_selector=selector)
    for x in sorted(found, key=lambda x: -x["revision"]):
        metadata = x["metadata"]
        if any(owner["kind"] == kind for owner in metadata.get("ownerReferences") or ()):
            key = (metadata.get("labels") or {}).get(label, "")
            yield str(x["revision"]), f"{key}, {metadata.get('creationTimestamp')}"


def _containers(cluster: _Cluster) -> Iterator[Candidate]:
    """Of both templates together, and of each."""
    kind, found = cluster.set()
    specs = [found["spec"]] if kind == c.KIND else [x.get("spec") or {} for x in found["spec"]["roles"]]
    images: dict[str, str] = {}
    for spec in specs:
        template = spec.get("leaderWorkerTemplate") or {}
        parts = {x: template.get(f"{x}Template") for x in ("leader", "worker")}
        for part, pod in parts.items():
            for container in ((pod or {}).get("spec") or {}).get("containers") or ():
                images.setdefault(f"{container['name']}=", container.get("image", ""))
                if all(parts.values()):
                    images[f"{part}/{container['name']}="] = container.get("image", "")
    yield from images.items()


_FINDERS: Final[Mapping[str, Callable[[_Cluster], Iterator[Candidate]]]] = {
    "namespaces": _namespaces,
    "sets": _sets,
    "parts": _parts,
    "roles": _roles,
    "revisions": _revisions,
    "containers": _containers,
}
