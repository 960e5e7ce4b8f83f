"""The real reconcilers over the model of a cluster: their caches lag, their calls fail, their process dies.

Only what surrounds them is made up: the client, the informers' feeds and the queues. What they do with them
is the code that runs in production, from event handlers to the executor.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from random import Random
from typing import Any

import msgspec
from msgspec.structs import replace

from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.resourceclaims import ClaimTemplateSpec, ResourceClaim, ResourceClaimTemplate
from lws.api.workloads import ControllerRevision, Pod, Service, StatefulSet
from lws.controllers.informers import INDEXES, Informers
from lws.controllers.wiring import make_reconcilers
from lws.kube.errors import AlreadyExists, ApiError, Conflict, NotFound, TransportError
from lws.kube.resources import Resource
from lws.objects import Key, KubeObject
from lws.planning.observed import ObservedClaim, WantedClaim
from lws.runtime.clock import FakeClock
from lws.runtime.informers import Indexer
from support.apimodel.answers import holds
from support.apimodel.patching import merge_patch, strategic_merge
from support.cluster_model import Cluster, Move

RETRY = 10.0
"""Seconds until a pass that the API server failed is made again; the real queue's times grow up to that."""

TYPES: dict[str, type[KubeObject]] = {
    "leaderworkersets": LeaderWorkerSet,
    "statefulsets": StatefulSet,
    "pods": Pod,
    "controllerrevisions": ControllerRevision,
    "services": Service,
}
STORED = TYPES | {"resourceclaims": ResourceClaim}
CLAIM_TEMPLATE = ResourceClaimTemplate(spec=ClaimTemplateSpec(spec={"devices": {}}))


class Crash(BaseException):
    """The process dies here."""


class ModelClient:
    """``lws.kube.client.Client`` over the model. ``trouble`` is called before and after every call."""

    def __init__(self, cluster: Cluster, trouble: Callable[[], None], *, drops_groups: bool = False) -> None:
        self._cluster = cluster
        self._trouble = trouble
        self._drops_groups = drops_groups
        self.patched: list[tuple[str, dict[str, Any]]] = []  # name and patch of an object itself
        self.deleted: list[str] = []  # uids, each when its deletion began
        self.records: list[str] = []  # uids of the leaders whose incarnation a set's pass recorded
        self._applied: dict[Key, dict[str, Any]] = {}
        self.documents: dict[str, dict[str, Any]] = {}  # by uid, as they were sent last

    def get(self, resource: Resource, type_: type[Any], name: str, namespace: str = "") -> Any:
        self._trouble()
        found = self._find(resource, Key(namespace, name))
        self._trouble()
        return self._document(found) if type_ is dict else found

    def _document(self, found: Any) -> dict[str, Any]:
        """As it was applied last, with what was edited since of a StatefulSet."""
        document = copy.deepcopy(self._applied.get(found.key, {}))
        document["metadata"] = {**document.get("metadata", {}), "uid": found.uid}
        if isinstance(found, StatefulSet) and "spec" in document:
            document["metadata"] |= {"labels": dict(found.labels), "annotations": dict(found.annotations)}
            document["spec"]["replicas"] = found.spec.replicas
            rolling = found.spec.update_strategy.rolling_update
            document["spec"]["updateStrategy"]["rollingUpdate"]["partition"] = rolling.partition
        return document

    def list(
        self, _resource: Resource, type_: type[Any], _namespace: str, *, label_selector: str
    ) -> list[Any]:
        self._trouble()
        requirements = label_selector.split(",")
        return [x for x in self._cluster.all(type_) if all(holds(each, x.labels) for each in requirements)]

    def create(self, resource: Resource, type_: type[Any], document: Mapping[str, Any]) -> Any:
        self._trouble()
        obj = msgspec.convert(document, type_)
        if self._cluster.get(STORED[resource.plural], obj.key) is not None:
            raise AlreadyExists(409)
        made = self._cluster.create(obj)
        self.documents[made.uid] = dict(document)
        self._trouble()
        return made

    def apply(self, _resource: Resource, type_: type[Any], document: dict[str, Any]) -> Any:
        self._trouble()
        wanted = msgspec.convert(document, type_)
        stored = self._cluster.get(type_, wanted.key)
        self._applied[wanted.key] = document
        if stored is None:
            made = self._cluster.create(wanted)
        else:
            kept = {"uid": stored.uid, "generation": stored.metadata.generation + 1}
            made = replace(wanted, metadata=replace(wanted.metadata, **kept), status=stored.status)
            made = self._cluster.put(made)
        self.documents[made.uid] = document
        self._trouble()
        return made

    def merge_patch(
        self, resource: Resource, _type: type[Any], name: str, patch: Mapping[str, Any], **where: str
    ) -> Any:
        self._trouble()
        stored = self._find(resource, Key(where["namespace"], name))
        about = patch.get("metadata", {})
        version = about.get("resourceVersion", "")
        if (
            version not in ("", stored.metadata.resource_version)
            or about.get("uid", stored.uid) != stored.uid
        ):
            raise Conflict(409)
        if "status" not in patch:
            return self._patch(stored, patch, strategic=bool(where.get("strategic")))
        self.records += [
            x["leader"] for x in patch["status"].get("groups", {}).values() if version and x and "leader" in x
        ]
        merged = merge_patch(msgspec.to_builtins(stored.status), patch["status"])
        if self._drops_groups:
            merged.pop("groups", None)
        status = msgspec.convert(merged, type(stored.status))
        written = self._cluster.put(replace(stored, status=status)) if status != stored.status else stored
        self._trouble()
        return written

    def _patch(self, stored: Any, patch: Mapping[str, Any], *, strategic: bool) -> Any:
        """A merge patch on the object itself."""
        if patch["metadata"]["uid"] != stored.uid:
            raise Conflict(409)
        self.patched.append((stored.name, dict(patch)))
        merge = strategic_merge if strategic else merge_patch
        merged = merge(msgspec.json.decode(msgspec.json.encode(stored)), patch)
        wanted = msgspec.json.decode(msgspec.json.encode(merged), type=type(stored))
        if strategic and getattr(wanted, "spec", None) != getattr(stored, "spec", None):
            generation = stored.metadata.generation + 1
            wanted = replace(wanted, metadata=replace(wanted.metadata, generation=generation))
        written = self._cluster.put(wanted) if wanted != stored else stored
        self._trouble()
        return written

    def delete(
        self,
        resource: Resource,
        _type: type[Any],
        name: str,
        *,
        namespace: str,
        uid: str,
        propagation: str,
        grace_period: int | None = None,
    ) -> Any:
        self._trouble()
        found = self._find(resource, Key(namespace, name))
        if found.uid != uid:
            raise Conflict(409)
        if not found.deleting:
            self.deleted.append(uid)
        left = self._cluster.delete(found, foreground=propagation == "Foreground")
        self._trouble()
        return left

    def _find(self, resource: Resource, key: Key) -> Any:
        found = self._cluster.get(STORED[resource.plural], key)
        if found is None:
            raise NotFound(404)
        return found


class LaggingInformer:
    """An informer whose watch brings a change when it is told to; begins with a list as old as wanted."""

    def __init__(self, cluster: Cluster, kind: type[KubeObject], version: int) -> None:
        self.indexer: Indexer[Any] = Indexer(INDEXES.get(kind, {}))
        self._history = cluster.history[kind]
        self._version = version
        self._next = 0
        self._handlers: list[Any] = []

    def get(self, key: Key) -> Any:
        return self.indexer.get(key)

    def by_index(self, name: str, value: Any) -> list[Any]:
        return self.indexer.by_index(name, value)

    def observe_write(self, obj: Any) -> None:
        self.indexer.put(obj)

    def add_handler(self, handler: Any) -> None:
        self._handlers.append(handler)

    def list(self) -> None:
        """The first list: what was there at the version."""
        found: dict[Key, KubeObject] = {}
        while self.pending and self._history[self._next].version <= self._version:
            change = self._history[self._next]
            found[change.obj.key] = change.obj
            if change.gone:
                del found[change.obj.key]
            self._next += 1
        for obj in self.indexer.replace(found.values(), resource_version=self._version).added:
            for handler in self._handlers:
                handler.on_add(obj, initial=True)

    @property
    def pending(self) -> bool:
        return self._next < len(self._history)

    def relist(self) -> None:
        """The watch was lost: all that is there now, without the changes on the way."""
        found: dict[Key, KubeObject] = {}
        for change in self._history:
            found[change.obj.key] = change.obj
            if change.gone:
                del found[change.obj.key]
        self._next = len(self._history)
        version = max((x.version for x in self._history), default=0)
        changes = self.indexer.replace(found.values(), resource_version=version)
        for handler in self._handlers:
            for obj in changes.deleted:
                handler.on_delete(obj)
            for obj in changes.added:
                handler.on_add(obj, initial=False)
            for old, new in changes.updated:
                handler.on_update(old, new)

    def deliver(self) -> None:
        """The next change."""
        change = self._history[self._next]
        self._next += 1
        old = self.indexer.receive_deletion(change.obj) if change.gone else self.indexer.receive(change.obj)
        for handler in self._handlers:
            if change.gone:
                handler.on_delete(change.obj)
            elif old is None:
                handler.on_add(change.obj, initial=False)
            else:
                handler.on_update(old, change.obj)


class ModelClaims:
    """``lws.controllers.claims.GroupClaims`` over the model, where every ResourceClaimTemplate is there."""

    known = True

    def __init__(self, informer: LaggingInformer) -> None:
        self.informer = informer

    def observe(self, namespace: str, wanted: Iterable[WantedClaim]) -> tuple[ObservedClaim, ...]:
        return tuple(
            ObservedClaim(x, self.informer.get(Key(namespace, x.claim)), CLAIM_TEMPLATE) for x in wanted
        )


class ModelQueue:
    """Keys that are due now, and keys that will be."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._due: dict[Key, float] = {}

    def add(self, item: Key, *, priority: int = 0, after: float = 0.0) -> None:
        at = self._clock.monotonic() + after
        self._due[item] = min(at, self._due.get(item, at))

    def ready(self) -> list[Key]:
        now = self._clock.monotonic()
        return [item for item, at in self._due.items() if at <= now]

    def next(self) -> float | None:
        """When the first key is due."""
        return min(self._due.values(), default=None)

    def take(self, item: Key) -> None:
        del self._due[item]


class Events:
    """Takes events and keeps them."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def event(self, **event: Any) -> None:
        self.events.append(event)


class Process:
    """One life of the controller. ``lag(kind)``: how many versions the first list of a kind is behind."""

    def __init__(
        self, cluster: Cluster, client: ModelClient, clock: FakeClock, lag: Callable[[type[KubeObject]], int]
    ) -> None:
        self._clock = clock
        self.informers = Informers(
            *(LaggingInformer(cluster, kind, max(0, cluster.version - lag(kind))) for kind in TYPES.values())
        )
        self.sets, self.pods, self.commits = (ModelQueue(clock) for _ in range(3))
        self.recorder = Events()
        of_claims = LaggingInformer(cluster, ResourceClaim, max(0, cluster.version - lag(ResourceClaim)))
        self._watched: list[Any] = [*self.informers, of_claims]
        made: Any = client
        claims: Any = ModelClaims(of_claims)
        reconcilers = make_reconcilers(
            self.informers,
            self.sets,
            self.pods,
            self.commits,
            client=made,
            recorder=self.recorder,
            clock=clock,
            claims=claims,
        )
        queues = (self.sets, self.pods, self.commits)
        self._reconcilers = dict(zip(queues, reconcilers, strict=True))
        for informer in self._watched:
            informer.list()

    def deliveries(self) -> list[Move]:
        return [x.deliver for x in self._watched if x.pending]

    def reconciles(self) -> list[Move]:
        """A pass for each key that is due; an error puts the key back."""
        return [move for queue in self._reconcilers for move in self.passes(queue)]

    def passes(self, queue: ModelQueue) -> list[Move]:
        """The same for the keys of one queue."""
        reconcile = self._reconcilers[queue]
        return [partial(self._pass, queue, reconcile, key) for key in queue.ready()]

    def next(self) -> float | None:
        times = [x for queue in self._reconcilers if (x := queue.next()) is not None]
        return min(times, default=None)

    def _pass(self, queue: ModelQueue, reconcile: Callable[[Key], Any], key: Key) -> None:
        queue.take(key)
        try:
            result = reconcile(key)
        except (Conflict, TransportError):
            queue.add(key)
            return
        except ApiError:
            queue.add(key, after=RETRY)
            return
        if result.requeue_after is not None:
            queue.add(key, after=result.requeue_after)


def trouble(random: Random, *, crash: float, fail: float) -> Callable[[], None]:
    """Dies or loses a call or its answer, with these chances."""

    def strike() -> None:
        chance = random.random()
        if chance < crash:
            raise Crash
        if chance < crash + fail:
            raise TransportError("lost")

    return strike
