"""Objects as documents, every change they went through, and what watches read of it.

A stored document is never changed, only replaced. No rule of any kind of object may live here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

Document = dict[str, Any]


class Kind(NamedTuple):
    """A resource as the API server serves it. ``status``: it is a subresource, so that other writes leave it;
    ``generation``: counted.
    """

    group: str
    version: str
    plural: str
    kind: str
    status: bool = False
    generation: bool = False
    namespaced: bool = True

    @property
    def custom(self) -> bool:
        """Whether it is defined by a CustomResourceDefinition."""
        return self.group.endswith(".x-k8s.io")

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


ADMISSION = "admissionregistration.k8s.io"
WIDE = {"generation": True, "namespaced": False}
KINDS: dict[tuple[str, str], Kind] = {
    (x.group, x.plural): x
    for x in (
        Kind("leaderworkerset.x-k8s.io", "v1", "leaderworkersets", "LeaderWorkerSet", True, True),
        Kind("disaggregatedset.x-k8s.io", "v1", "disaggregatedsets", "DisaggregatedSet", True, True),
        Kind(
            "disaggregatedset.x-k8s.io",
            "v1",
            "disaggregatedsetrolescalers",
            "DisaggregatedSetRoleScaler",
            True,
            True,
        ),
        Kind("apps", "v1", "statefulsets", "StatefulSet", True, True),
        Kind("apps", "v1", "controllerrevisions", "ControllerRevision"),
        Kind("", "v1", "pods", "Pod", True, True),
        Kind("", "v1", "services", "Service", True),
        Kind("", "v1", "nodes", "Node", True, namespaced=False),
        Kind("", "v1", "configmaps", "ConfigMap"),
        Kind("", "v1", "secrets", "Secret"),
        Kind(ADMISSION, "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", **WIDE),
        Kind(ADMISSION, "v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", **WIDE),
        Kind("", "v1", "events", "Event"),
        Kind("events.k8s.io", "v1", "events", "Event"),
        Kind("coordination.k8s.io", "v1", "leases", "Lease"),
        Kind("resource.k8s.io", "v1", "resourceclaims", "ResourceClaim", True),
        Kind("resource.k8s.io", "v1", "resourceclaimtemplates", "ResourceClaimTemplate"),
    )
}
BY_KIND: dict[str, Kind] = {x.kind: x for x in reversed(KINDS.values())}


class Where(NamedTuple):
    """Which object."""

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.kind} {self.namespace}/{self.name}"


class Change(NamedTuple):
    """One entry of a kind's log. ``before``: None for the first; ``gone``: ``document`` is the last state."""

    version: int
    where: Where
    document: Document
    before: Document | None
    gone: bool = False


class Store:
    """All objects, and the log of each kind. ``compacted``: changes up to this version are forgotten."""

    def __init__(self) -> None:
        self.version = self.compacted = 100
        self.objects: dict[Kind, dict[tuple[str, str], Document]] = {x: {} for x in KINDS.values()}
        self.log: dict[Kind, list[Change]] = {x: [] for x in KINDS.values()}
        self.by_uid: dict[str, Where] = {}
        self._bytes: dict[int, tuple[Document, bytes]] = {}  # by version

    def copy(self) -> Store:
        """The same objects and the same past; what happens from now on is each one's own."""
        other = Store()
        other.version, other.compacted = self.version, self.compacted
        other.objects = {kind: dict(x) for kind, x in self.objects.items()}
        other.log = {kind: list(x) for kind, x in self.log.items()}
        other.by_uid, other._bytes = dict(self.by_uid), dict(self._bytes)
        return other

    def find(self, where: Where) -> Document | None:
        return self.objects[where.kind].get((where.namespace, where.name))

    def all(self, kind: str) -> list[Document]:
        """Of a kind by its name, oldest first."""
        return list(self.objects[BY_KIND[kind]].values())

    def put(self, where: Where, document: Document) -> Document:
        """Store a new state; one that equals the present is none."""
        before = self.find(where)
        if before is not None and _content(before) == _content(document):
            return before
        self.version += 1
        metadata = {**document["metadata"], "resourceVersion": str(self.version)}
        stored = {**document, "metadata": metadata}
        self.objects[where.kind][where.namespace, where.name] = stored
        self.by_uid[metadata["uid"]] = where
        self._tell(Change(self.version, where, stored, before))
        return stored

    def remove(self, where: Where) -> Document:
        """The last state, at the version of the removal."""
        self.version += 1
        before = self.objects[where.kind].pop((where.namespace, where.name))
        last = {**before, "metadata": {**before["metadata"], "resourceVersion": str(self.version)}}
        del self.by_uid[before["metadata"]["uid"]]
        self._tell(Change(self.version, where, last, before, gone=True))
        return last

    def _tell(self, change: Change) -> None:
        self.log[change.where.kind].append(change)

    def changes(self) -> Iterator[Change]:
        """Of all kinds but those that are about others; in order within each kind."""
        for kind, log in self.log.items():
            if kind.kind not in ("Event", "Lease"):
                yield from log

    def as_of(self, kind: Kind, version: int) -> dict[tuple[str, str], Document]:
        """The objects of a kind as they were."""
        if version >= self.version:
            return self.objects[kind]
        found: dict[tuple[str, str], Document] = {}
        for change in self.log[kind]:
            if change.version > version:
                break
            key = (change.where.namespace, change.where.name)
            found[key] = change.document
            if change.gone:
                del found[key]
        return found

    def compact(self) -> None:
        """Forget what was before now: a watch that has not told it cannot go on."""
        self.compacted = self.version

    def encoded(self, document: Document) -> bytes:
        """As JSON, made once for each stored version."""
        version = int(document["metadata"]["resourceVersion"])
        known, found = self._bytes.get(version, (None, b""))
        if known is not document:
            found = msgspec.json.encode(document)
            self._bytes.setdefault(version, (document, found))
        return found

    def everything(self) -> Iterator[tuple[Where, Document]]:
        for kind, objects in self.objects.items():
            for (namespace, name), document in objects.items():
                yield Where(kind, namespace, name), document


def where_of(document: Document) -> Where:
    """Of a stored document."""
    metadata = document["metadata"]
    return Where(BY_KIND[document["kind"]], metadata.get("namespace", ""), metadata["name"])


def uid_of(document: Document) -> str:
    return str(document["metadata"]["uid"])


def changed(document: Document) -> Document:
    """A copy that may be changed."""
    copied: Document = msgspec.json.decode(msgspec.json.encode(document))
    return copied


def owner_of(document: Document) -> str:
    """The UID of the controller, or nothing."""
    owners = document["metadata"].get("ownerReferences", ())
    return next((str(x["uid"]) for x in owners if x.get("controller")), "")


def _content(document: Document) -> Document:
    metadata = {
        x: y for x, y in document["metadata"].items() if x not in ("resourceVersion", "managedFields")
    }
    managed = [
        {x: y for x, y in entry.items() if x != "time"}
        for entry in document["metadata"].get("managedFields", ())
    ]
    return {**document, "metadata": {**metadata, "managedFields": managed}}
