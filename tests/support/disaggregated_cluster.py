"""An API server in memory for one DisaggregatedSet reconciler; its informers are never behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet
from lws.controllers.disaggregatedset import DisaggregatedSetReconciler, RoleInformers
from lws.controllers.disaggregatedwiring import make_role_reconciler
from lws.controllers.indexes import EDITABLE
from lws.controllers.resources import KINDS
from lws.controllers.workloadmetrics import WorkloadMetrics
from lws.kube.errors import AlreadyExists, Conflict, KubeError, NotFound
from lws.kube.resources import Resource
from lws.objects import Key
from lws.planning.actions import Document
from lws.runtime.clock import FakeClock
from lws.runtime.controller import Result
from lws.runtime.metrics import Metrics
from support.apimodel.patching import merge_patch
from support.disaggregated import a_set, decoded


class Server:
    """``writes``: verb, kind and name of each accepted write. ``refuse``: raises for what is not to be."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Document] = {}
        self.writes: list[str] = []
        self.events: list[str] = []
        self.refuse: Callable[[str, str], None] = lambda verb, name: None
        self._version = 100

    def event(self, *, reason: str, **_: Any) -> None:
        self.events.append(reason)

    def put(self, kind: str, document: Document) -> Document:
        """As somebody else, or a watch, would see it stored."""
        self._version += 1
        stored = msgspec.json.decode(msgspec.json.encode(document))
        stored["metadata"]["resourceVersion"] = str(self._version)
        stored["metadata"].setdefault("uid", f"uid-{self._version}")
        stored["metadata"].setdefault("creationTimestamp", f"{self._version:09}")
        self.objects[kind, stored["metadata"]["name"]] = stored
        return stored

    def create(self, resource: Resource, type_: type[Any], document: Document) -> Any:
        name = document["metadata"]["name"]
        self._accept("create", resource.kind, name)
        if (resource.kind, name) in self.objects:
            raise AlreadyExists(409)
        return decoded(self.put(resource.kind, document), type_)

    def get(self, resource: Resource, type_: type[Any], name: str, namespace: str = "") -> Any:
        if (resource.kind, name) not in self.objects:
            raise NotFound(404)
        return decoded(self.objects[resource.kind, name], type_)

    def list(
        self, resource: Resource, type_: type[Any], namespace: str = "", *, label_selector: str
    ) -> list[Any]:
        """Those whose label has this value; no other selector is known here."""
        label, _, value = label_selector.partition("=")
        mine = [x for (kind, _), x in sorted(self.objects.items()) if kind == resource.kind]
        return [decoded(x, type_) for x in mine if x["metadata"].get("labels", {}).get(label) == value]

    def replace(self, resource: Resource, type_: type[Any], document: Document, *, subresource: str) -> Any:
        """Of the status only."""
        self._accept(subresource, resource.kind, document["metadata"]["name"])
        stored = self.objects[resource.kind, document["metadata"]["name"]]
        return decoded(self.put(resource.kind, stored | {"status": document["status"]}), type_)

    def merge_patch(
        self, resource: Resource, type_: type[Any], name: str, patch: Mapping[str, Any], **_: str
    ) -> Any:
        stored = self.objects.get((resource.kind, name))
        if stored is None:
            raise NotFound(404)
        asked = patch.get("metadata", {}).get("resourceVersion")
        if asked not in (None, stored["metadata"]["resourceVersion"]):
            raise Conflict(409)
        self._accept("status" if "status" in patch else "patch", resource.kind, name)
        return decoded(self.put(resource.kind, merge_patch(stored, patch)), type_)

    def delete(self, resource: Resource, type_: type[Any], name: str, *, uid: str = "", **_: str) -> None:
        stored = self.objects.get((resource.kind, name))
        if stored is None or uid not in ("", stored["metadata"]["uid"]):
            raise NotFound(404)
        self._accept("delete", resource.kind, name)
        del self.objects[resource.kind, name]

    def _accept(self, verb: str, kind: str, name: str) -> None:
        self.refuse(verb, name)
        self.writes.append(f"{verb} {kind} {name}")


class View:
    """An informer of one kind that is never behind; ``has_synced`` may be set."""

    def __init__(self, server: Server, kind: str) -> None:
        self._server, self.kind = server, kind
        self.has_synced = True
        self.indexer = self
        self.handlers: list[Any] = []

    def list(self) -> list[Any]:
        return [
            decoded(x, KINDS[kind].type) for (kind, _), x in self._server.objects.items() if kind == self.kind
        ]

    def get(self, key: Key) -> Any:
        stored = self._server.objects.get((self.kind, key.name))
        return None if stored is None else decoded(stored, KINDS[self.kind].type)

    def by_index(self, name: str, value: Key) -> list[Any]:
        return [x for x in self.list() if value in EDITABLE[name](x)]

    def observe_write(self, _: Any) -> None: ...

    def add_handler(self, handler: Any) -> None:
        self.handlers.append(handler)


class Cluster:
    """One set ``llm`` and its reconciler. ``queued``: keys that handlers of the informers asked for."""

    def __init__(self, *roles: Document, slices: int | None = None) -> None:
        self.server = Server()
        self.queued: list[Key] = []
        self.awakened: list[bool] = []
        self.clock, self.metrics = FakeClock(), Metrics()
        self.measures = WorkloadMetrics(self.metrics)
        self.measures.start()
        self.views = [
            View(self.server, x)
            for x in (d.KIND, d.SCALER_KIND, "LeaderWorkerSet", "Service", "ControllerRevision")
        ]
        made: Any = self.server
        self.reconciler: DisaggregatedSetReconciler = make_role_reconciler(
            RoleInformers(*self.views),  # type: ignore[arg-type]
            queue=self,
            client=made,
            recorder=self.server,
            clock=self.clock,
            awaken=lambda: self.awakened.append(True),
            measures=self.measures,
        )
        self.edit(*roles, slices=slices)

    def add(self, item: Key, *, priority: int = 0, after: float = 0.0) -> None:
        """Nothing is looked at but when a test says so."""
        self.queued.append(item)

    def edit(self, *roles: Document, slices: int | None = None, **metadata: str) -> None:
        """Put the set with this spec; its status stays."""
        ds = msgspec.to_builtins(a_set(*[], slices=slices))
        stored = self.server.objects.get((d.KIND, "llm"), ds)
        spec = {"roles": list(roles)} | ({} if slices is None else {"slices": slices})
        self.server.put(d.KIND, stored | {"spec": spec, "metadata": {**stored["metadata"], **metadata}})

    def reconcile(self) -> Result:
        return self.reconciler.reconcile(Key("ns", "llm"))

    def make_ready(self) -> None:
        """All groups of all children are ready."""
        for (kind, name), stored in list(self.server.objects.items()):
            count = stored.get("spec", {}).get("replicas", 1)
            status = {"replicas": count, "readyReplicas": count, "updatedReplicas": count}
            if kind == "LeaderWorkerSet" and stored.get("status") != status:
                self.server.put(kind, self.server.objects[kind, name] | {"status": status})

    def settle(self, passes: int = 60) -> None:
        """Pass after pass until one writes nothing, which then asks for none at once; errors are as others'
        passes would meet them.
        """
        for _ in range(passes):
            self.make_ready()
            before = len(self.server.writes)
            try:
                result = self.reconcile()
            except KubeError:
                continue
            if len(self.server.writes) == before:
                assert result.requeue_after is None or result.requeue_after >= 1.0, f"it spins: {result}"
                assert not result.requeue
                return
        raise AssertionError(f"still writing: {self.server.writes[-5:]}")

    def names(self, kind: str) -> list[str]:
        return sorted(name for of, name in self.server.objects if of == kind)

    def sizes(self) -> dict[str, int]:
        return {
            x: self.server.objects["LeaderWorkerSet", x]["spec"]["replicas"]
            for x in self.names("LeaderWorkerSet")
        }

    def ds(self) -> DisaggregatedSet:
        return decoded(self.server.objects[d.KIND, "llm"], DisaggregatedSet)  # type: ignore[no-any-return]
