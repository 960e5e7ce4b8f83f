"""LeaderWorkerSets on a real cluster: made, changed, scaled, awaited, and looked at pod by pod.

``Sets`` makes them in one namespace and gives a ``LiveSet`` for each. Members of a spec are named as in
``support.admission.an_lws``: ``sets.create("a", replicas=3, size=2, maxSurge=1)``, ``a.change(size=3)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from lws.api import constants as c
from lws.controllers.resources import LEADERWORKERSETS
from lws.kube.client import Client
from lws.kube.errors import NotFound
from lws.kube.resources import CONTROLLER_REVISIONS, EVENTS, PODS, SERVICES, STATEFULSETS, Resource
from lws.kube.selectors import equals
from support.admission import an_lws, spec_patch
from support.editing import edit
from support.waiting import SECONDS, until

Document = dict[str, Any]
T = TypeVar("T")
NAME = "test-sample"
IMAGE = "docker.io/nginxinc/nginx-unprivileged:1.27"


def template(role: str, image: str = IMAGE, **faults: str) -> Document:
    """The pod template of ``leader`` or ``worker`` in the default object (reconcilers.md, 10.0).

    ``faults`` are the hollow kubelet's, with ``_`` for ``-``: ``start_delay="1s"``.
    """
    container: Document = {"name": role, "image": image}
    if role == "worker":
        container["ports"] = [{"containerPort": 8080, "protocol": "TCP"}]
    annotations = {f"hollow.lws/{name.replace('_', '-')}": value for name, value in faults.items()}
    return {"metadata": {"annotations": annotations}, "spec": {"containers": [container]}}


class LivePod(NamedTuple):
    """A pod of a set: what tests ask about it, and the whole document."""

    name: str
    uid: str
    group: int
    worker: int
    revision: str
    image: str
    ready: bool
    deleting: bool
    document: Document

    @property
    def owner_uid(self) -> str:
        return str(self.document["metadata"]["ownerReferences"][0]["uid"])

    @property
    def size(self) -> str:
        return str(self.document["metadata"]["annotations"][c.SIZE_ANNOTATION])


def live_pod(document: Document) -> LivePod:
    metadata, status = document["metadata"], document.get("status", {})
    return LivePod(
        metadata["name"],
        metadata["uid"],
        int(metadata["labels"][c.GROUP_INDEX_LABEL]),
        int(metadata["labels"][c.WORKER_INDEX_LABEL]),
        metadata["labels"][c.REVISION_LABEL],
        document["spec"]["containers"][0]["image"],
        any(x["type"] == "Ready" and x["status"] == "True" for x in status.get("conditions", [])),
        "deletionTimestamp" in metadata,
        document,
    )


class LiveSet:
    """One set on the server, by its name."""

    def __init__(self, client: Client, namespace: str, name: str) -> None:
        self.client, self.namespace, self.name = client, namespace, name
        self._ours = equals(c.NAME_LABEL, name)

    def __repr__(self) -> str:
        return f"{self.namespace}/{self.name}"

    # What there is.

    def get(self) -> Document:
        return self.client.get(LEADERWORKERSETS, dict, self.name, self.namespace)

    @property
    def status(self) -> Document:
        return dict(self.get().get("status", {}))

    def condition(self, type_: str) -> str:
        """``True``, ``False``, or empty while the controller has not yet spoken of the present spec."""
        return condition_of(self.get(), type_)

    def pods(self) -> list[LivePod]:
        """All pods by name, those on their way out included."""
        return sorted(map(live_pod, self._list(PODS)), key=lambda pod: pod.name)

    def group(self, index: int) -> list[LivePod]:
        return [pod for pod in self.pods() if pod.group == index]

    def uids(self, group: int | None = None) -> set[str]:
        """Of all pods, or of those of one group."""
        return {pod.uid for pod in self.pods() if group in (None, pod.group)}

    def leader_set(self) -> Document:
        return self.client.get(STATEFULSETS, dict, self.name, self.namespace)

    @property
    def partition(self) -> int:
        return int(self.leader_set()["spec"]["updateStrategy"]["rollingUpdate"]["partition"])

    def worker_sets(self) -> list[Document]:
        return [x for x in self._list(STATEFULSETS) if x["metadata"]["name"] != self.name]

    def services(self) -> list[Document]:
        return self._list(SERVICES)

    def revisions(self) -> list[Document]:
        """The set's own; the StatefulSets' carry its label, too."""
        owned = self._list(CONTROLLER_REVISIONS)
        return [x for x in owned if x["metadata"]["ownerReferences"][0]["kind"] == c.KIND]

    def children(self) -> list[str]:
        """Everything that carries the set's label, as ``Kind name``."""
        kinds = (STATEFULSETS, PODS, SERVICES, CONTROLLER_REVISIONS)
        return [f"{kind.kind} {x['metadata']['name']}" for kind in kinds for x in self._list(kind)]

    def paths_of_children(self) -> list[str]:
        """Where one worker StatefulSet, the services and the leader StatefulSet are, owners last."""
        found = [(STATEFULSETS, self.worker_sets()[0]), *((SERVICES, x) for x in self.services())]
        found.append((STATEFULSETS, self.leader_set()))
        return [kind.path(self.namespace, x["metadata"]["name"]) for kind, x in found]

    def notes(self, reason: str = "") -> list[str]:
        """The notes of the events about this set, of one reason or of all."""
        events = self.client.list(EVENTS, dict, self.namespace)
        return [
            str(x["note"])
            for x in events
            if x["regarding"].get("name") == self.name
            and x["regarding"].get("kind") == c.KIND
            and reason in ("", x["reason"])
        ]

    # What is done to it.

    def change(self, **members: Any) -> None:
        """Change members of the spec, through admission."""
        self.client.merge_patch(
            LEADERWORKERSETS, dict, self.name, spec_patch(**members), namespace=self.namespace
        )

    def change_template(self, **members: Any) -> None:
        """Change members of ``leaderWorkerTemplate`` that ``change`` has no word for."""
        self.change(leaderWorkerTemplate=members)

    def annotate(self, **annotations: str | None) -> None:
        patch = {"metadata": {"annotations": annotations}}
        self.client.merge_patch(LEADERWORKERSETS, dict, self.name, patch, namespace=self.namespace)

    def read_scale(self) -> Document:
        path = LEADERWORKERSETS.path(self.namespace, self.name, "scale")
        return dict(msgspec.json.decode(self.client.connection.request("GET", path)))

    def scale(self, replicas: int) -> None:
        """Write the scale subresource, as kubectl and the HPA do."""

        def scaled(scale: Document) -> None:
            scale["spec"]["replicas"] = replicas

        edit(self.client, LEADERWORKERSETS, self.name, scaled, namespace=self.namespace, subresource="scale")

    def delete(self, propagation: str = "Background") -> None:
        self.client.delete(
            LEADERWORKERSETS, dict, self.name, namespace=self.namespace, propagation=propagation
        )

    def delete_pod(self, name: str, *, grace_period: int | None = None) -> None:
        self.client.delete(PODS, dict, name, namespace=self.namespace, grace_period=grace_period)

    def annotate_pod(self, name: str, annotation: str, value: str | None) -> None:
        patch = {"metadata": {"annotations": {annotation: value}}}
        self.client.merge_patch(PODS, dict, name, patch, namespace=self.namespace)

    # What is awaited.

    def until(
        self, what: str, look: Callable[[], T], met: Callable[[T], object] = bool, *, seconds: float = SECONDS
    ) -> T:
        return until(f"{self}: {what}", look, met, seconds=seconds)

    def await_condition(self, type_: str, status: str = "True") -> Document:
        """The set, once the controller says so of its present spec."""
        return self.until(f"{type_}={status}", self.get, lambda seen: condition_of(seen, type_) == status)

    def await_available(self) -> Document:
        return self.await_condition("Available")

    def await_replaced(self, old: set[str], group: int | None = None) -> None:
        """Wait until no pod (of that group) is one of ``old`` and somebody is there in their place."""
        what = f"other pods than {sorted(old)}"
        self.until(what, lambda: self.uids(group), lambda seen: seen and not seen & old)

    def _list(self, resource: Resource) -> list[Document]:
        return self.client.list(resource, dict, self.namespace, label_selector=self._ours)


class Sets:
    """Makes sets in one namespace."""

    def __init__(self, client: Client, namespace: str) -> None:
        self.client, self.namespace = client, namespace

    def document(self, name: str = NAME, *, metadata: Document | None = None, **members: Any) -> Document:
        """The default object of reconcilers.md, 10.0, with members changed; None takes one away."""
        templates = {f"{role}Template": template(role) for role in ("leader", "worker")}
        named = {"name": name, "namespace": self.namespace, **(metadata or {})}
        return an_lws(metadata=named, **(templates | members))

    def create(self, name: str = NAME, **members: Any) -> LiveSet:
        return self.add(self.document(name, **members))

    def add(self, document: Document) -> LiveSet:
        """Create what a document says, in this namespace."""
        created: Document = self.client.create(LEADERWORKERSETS, dict, document, namespace=self.namespace)
        return self[created["metadata"]["name"]]

    def __getitem__(self, name: str) -> LiveSet:
        return LiveSet(self.client, self.namespace, name)

    def delete_all(self) -> None:
        self.client.connection.request("DELETE", LEADERWORKERSETS.path(self.namespace))


def condition_of(lws: Document, type_: str) -> str:
    generation = lws["metadata"]["generation"]
    status = lws.get("status", {})
    if status.get("observedGeneration") != generation:
        return ""
    for condition in status.get("conditions", []):
        if condition["type"] == type_ and condition.get("observedGeneration") == generation:
            return str(condition["status"])
    return ""


def await_available(sets: Sequence[LiveSet]) -> None:
    for one in sets:
        one.await_available()


def exists(client: Client, resource: Resource, name: str, namespace: str) -> bool:
    try:
        client.get(resource, dict, name, namespace)
    except NotFound:
        return False
    return True
