"""DisaggregatedSets on a real cluster: made, changed and looked at child by child."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from hack.tools.run import CustomResourceDefinition, established
from lws.api import constants as c
from lws.api import disaggregation as d
from lws.controllers.resources import DISAGGREGATEDSETS, LEADERWORKERSETS, ROLE_SCALERS
from lws.kube.client import Client
from lws.kube.errors import NotFound
from lws.kube.resources import CRDS, EVENTS, PODS, SERVICES, Resource
from lws.kube.selectors import equals
from support.disaggregated import a_role
from support.sets import Document, condition_of
from support.waiting import SECONDS, until

T = TypeVar("T")
NAME = "llm"
KINDS = (DISAGGREGATEDSETS, ROLE_SCALERS)
NOT_READY = "hollow.lws/not-ready"


def role(name: str, replicas: int | None = None, *, not_ready: bool = False, **more: Any) -> Document:
    """As ``support.disaggregated.a_role``; ``not_ready``: its pods stay unready."""
    document = a_role(name, replicas, **more)
    if not_ready:
        template = document["spec"]["leaderWorkerTemplate"]["workerTemplate"]
        template["metadata"] = {"annotations": {NOT_READY: "true"}}
    return document


class LiveRoles:
    """One DisaggregatedSet on the server, by its name."""

    def __init__(self, client: Client, namespace: str, name: str = NAME) -> None:
        self.client, self.namespace, self.name = client, namespace, name
        self._ours = equals(d.NAME_LABEL, name)

    def __repr__(self) -> str:
        return f"{self.namespace}/{self.name}"

    def create(self, *roles: Document, slices: int = 1, **spec: Any) -> LiveRoles:
        document = {
            "apiVersion": d.API_VERSION,
            "kind": d.KIND,
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": {"slices": slices, "roles": list(roles), **spec},
        }
        self.client.create(DISAGGREGATEDSETS, dict, document, namespace=self.namespace)
        return self

    def change(self, *roles: Document, **spec: Any) -> None:
        """Put other roles, or other members of the spec."""
        patch = {"spec": spec | ({"roles": list(roles)} if roles else {})}
        self.client.merge_patch(DISAGGREGATEDSETS, dict, self.name, patch, namespace=self.namespace)

    def delete(self) -> None:
        self.client.delete(
            DISAGGREGATEDSETS, dict, self.name, namespace=self.namespace, propagation="Background"
        )

    # What there is.

    def get(self) -> Document:
        return self.client.get(DISAGGREGATEDSETS, dict, self.name, self.namespace)

    def condition(self, type_: str) -> Document:
        found = self.get().get("status", {}).get("conditions", [])
        return next((x for x in found if x["type"] == type_), {})

    def counts(self) -> dict[str, tuple[int, int, int]]:
        """By role: groups, ready ones, updated ones."""
        members = ("replicas", "readyReplicas", "updatedReplicas")
        roles = self.get().get("status", {}).get("roleStatuses", [])
        return {x["name"]: tuple(x[member] for member in members) for x in roles}  # type: ignore[misc]

    def children(self) -> list[Document]:
        return self._list(LEADERWORKERSETS)

    def sizes(self, revision: str = "") -> dict[str, int]:
        return sizes_of(self.children(), revision)

    def revisions(self) -> set[str]:
        return revisions_of(self.children())

    @property
    def revision(self) -> str:
        """The only one there is."""
        (only,) = self.revisions()
        return only

    def pods(self) -> list[Document]:
        return self._list(PODS)

    def services(self) -> list[Document]:
        return self._list(SERVICES)

    def scalers(self) -> list[Document]:
        return self._list(ROLE_SCALERS)

    def uids(self) -> dict[str, str]:
        """Of everything the set stands for, by kind and name."""
        found = [
            (resource.kind, x["metadata"])
            for resource in (LEADERWORKERSETS, PODS, SERVICES, ROLE_SCALERS)
            for x in self._list(resource)
        ]
        return {f"{kind} {metadata['name']}": metadata["uid"] for kind, metadata in found}

    def events(self, reason: str) -> list[str]:
        """The notes of all Events of this reason about the set."""
        found = self.client.list(EVENTS, dict, self.namespace)
        ours = (x for x in found if x["regarding"].get("name") == self.name and x["reason"] == reason)
        return [str(x["note"]) for x in ours]

    # What is awaited.

    def until(
        self, what: str, look: Callable[[], T], met: Callable[[T], object] = bool, *, seconds: float = SECONDS
    ) -> T:
        return until(f"{self}: {what}", look, met, seconds=seconds)

    def await_available(self) -> None:
        """Until the controller says so of the present spec, and nothing of a former revision is left."""
        self.until("Available", self.get, lambda seen: condition_of(seen, c.AVAILABLE) == "True")
        self.until("one revision", self.revisions, lambda seen: len(seen) == 1)

    def await_sizes(self, **sizes: int) -> None:
        """``s0_prefill=3``: of each slice's role; nothing else is there."""
        wanted = {name.removeprefix("s").replace("_", "-"): count for name, count in sizes.items()}
        self.until(f"sizes {wanted}", self.sizes, lambda seen: seen == wanted)

    def _list(self, resource: Resource) -> list[Document]:
        return self.client.list(resource, dict, self.namespace, label_selector=self._ours)


def sizes_of(children: Iterable[Document], revision: str = "") -> dict[str, int]:
    """Groups asked for by slice and role (``0-prefill``); of all revisions together, or of one."""
    sizes: dict[str, int] = {}
    for child in children:
        labels = child["metadata"]["labels"]
        if revision in ("", labels[d.REVISION_LABEL]):
            place = f"{labels[d.SLICE_LABEL]}-{labels[d.ROLE_LABEL]}"
            sizes[place] = sizes.get(place, 0) + child["spec"]["replicas"]
    return sizes


def revisions_of(children: Iterable[Document]) -> set[str]:
    return {x["metadata"]["labels"][d.REVISION_LABEL] for x in children}


def delete_all(client: Client, namespace: str) -> None:
    """All DisaggregatedSets of a namespace; where there is no CRD there are none."""
    try:
        client.connection.request("DELETE", DISAGGREGATEDSETS.path(namespace))
    except NotFound:
        return


def delete_crds(client: Client) -> None:
    """Both, with all objects there are; returns when the server does not serve them any more."""
    for resource in KINDS:
        client.delete(CRDS, dict, f"{resource.plural}.{resource.group}")
    for resource in KINDS:
        until(f"{resource.plural} to go", lambda resource=resource: not served(client, resource))  # type: ignore[misc]


def served(client: Client, resource: Resource) -> bool:
    try:
        client.list(resource, dict, "default")
        return established(client.get(CRDS, CustomResourceDefinition, f"{resource.plural}.{resource.group}"))
    except NotFound:
        return False
