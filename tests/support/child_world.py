"""A set and its controller on the model of a cluster, whose API server may refuse the controller's writes.

Nobody else acts but StatefulSet controller, kubelets and garbage collector; time is a test's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import StatefulSet
from lws.kube.errors import ApiError, api_error
from lws.kube.resources import Resource
from lws.objects import Condition, Key, KubeObject
from lws.runtime.clock import FakeClock
from support.cluster_model import Cluster
from support.controller_model import TYPES, ModelClient, Process
from support.groups import NAME, NAMESPACE, a_set

KEY = Key(NAMESPACE, NAME)
GROUP = Key(NAMESPACE, f"{NAME}-0")
QUOTA = "is forbidden: exceeded quota: small, requested: count/x=1, used: count/x=0, limited: count/x=0"

Refuse = Callable[[str, Mapping[str, Any]], ApiError | None]


def answer(status: int, message: str = QUOTA) -> ApiError:
    body = {"kind": "Status", "status": "Failure", "code": status, "message": message}
    return api_error(status, {}, msgspec.json.encode(body))


class World:
    """A set and its controller on the model of a cluster.

    ``refuse(kind, document)`` may refuse any write, and ``keep(kind, name)`` any deletion.
    """

    def __init__(self, cluster: Cluster | None = None, **members: Any) -> None:
        self.cluster, self.clock = cluster or Cluster(), FakeClock(1000.0)
        self.refuse: Refuse = lambda kind, document: None
        self.keep: Callable[[str, str], ApiError | None] = lambda kind, name: None
        self.sent: list[tuple[str, str]] = []
        self.asked_to_go: list[tuple[str, str]] = []
        self.users_keys: set[str] = set()
        self.maker = "manager"  # upstream's controller
        self.cluster.create(a_set(**members))
        self.client = Client(self)
        self.process = Process(self.cluster, self.client, self.clock, lambda kind: 0)

    def settle(self, *, seconds: float = 0.0) -> None:
        """Until nobody has anything to do, and then so many seconds."""
        for _ in range(300):
            moves = [*self.process.deliveries(), *self.process.reconciles(), *self.cluster.moves()]
            if moves:
                moves[0]()
                continue
            wait = self.process.next()
            if wait is None or (wait := wait - self.clock.monotonic()) > seconds:
                return
            self.clock.advance(max(wait, 0.0))
            seconds -= max(wait, 0.0)
        raise AssertionError("it never settles")

    def edit(self, change: Callable[[LeaderWorkerSet], LeaderWorkerSet]) -> None:
        lws = change(self.set)
        meta = replace(lws.metadata, generation=lws.metadata.generation + 1)
        self.cluster.put(replace(lws, metadata=meta))

    def relabel(self, labels: dict[str, str], annotations: dict[str, str] | None = None) -> None:
        """The user's edit of the set's metadata."""
        lws = self.set
        kept = annotations if annotations is not None else lws.annotations
        self.cluster.put(replace(lws, metadata=replace(lws.metadata, labels=labels, annotations=kept)))

    @property
    def set(self) -> LeaderWorkerSet:
        found = self.cluster.get(LeaderWorkerSet, KEY)
        assert found is not None
        return found

    @property
    def leader_set(self) -> StatefulSet | None:
        return self.cluster.get(StatefulSet, KEY)

    def condition(self, type_: str) -> Condition:
        return next((x for x in self.set.status.conditions if x.type == type_), Condition(type_))

    @property
    def conditions(self) -> set[str]:
        return {x.type for x in self.set.status.conditions if x.status == "True"}


class Client(ModelClient):
    """Asks the world before each write of a child."""

    def __init__(self, world: World) -> None:
        super().__init__(world.cluster, lambda: None)
        self._world = world

    def get(self, resource: Resource, type_: type[Any], name: str, namespace: str = "") -> Any:
        found = super().get(resource, type_, name, namespace)
        if type_ is dict or type_ in TYPES.values():
            return found
        document = {"metadata": {"uid": found.uid, "managedFields": self._managed(found)}}
        return msgspec.json.decode(msgspec.json.encode(document), type=type_)

    def _managed(self, found: KubeObject) -> list[dict[str, Any]]:
        """As if ``maker`` had created it, and a user set the world's ``users_keys`` since."""
        theirs = self._world.users_keys
        members = {"labels": found.labels, "annotations": found.annotations}
        created = {f"f:{x}": {f"f:{k}": {} for k in keys if k not in theirs} for x, keys in members.items()}
        edited = {f"f:{x}": {f"f:{k}": {} for k in keys if k in theirs} for x, keys in members.items()}
        spec = {"f:selector": {}, "f:serviceName": {}}
        return [
            {"manager": self._world.maker, "fieldsV1": {"f:metadata": {".": {}, **created}, "f:spec": spec}},
            {"manager": "kubectl-label", "fieldsV1": {"f:metadata": edited}},
        ]

    def create(self, resource: Resource, type_: type[Any], document: Mapping[str, Any]) -> Any:
        self._ask(resource, document)
        return super().create(resource, type_, document)

    def apply(self, resource: Resource, type_: type[Any], document: dict[str, Any]) -> Any:
        self._ask(resource, document)
        return super().apply(resource, type_, document)

    def merge_patch(
        self, resource: Resource, type_: type[Any], name: str, patch: Mapping[str, Any], **where: str
    ) -> Any:
        if "status" not in patch:
            self._ask(resource, patch)
        return super().merge_patch(resource, type_, name, patch, **where)

    def delete(self, resource: Resource, type_: type[Any], name: str, **options: Any) -> Any:
        self._world.asked_to_go.append((resource.kind, name))
        error = self._world.keep(resource.kind, name)
        if error is not None:
            raise error
        return super().delete(resource, type_, name, **options)

    def _ask(self, resource: Resource, document: Mapping[str, Any]) -> None:
        self._world.sent.append((resource.kind, document["metadata"]["name"]))
        error = self._world.refuse(resource.kind, document)
        if error is not None:
            raise error
