"""A cluster as a model: an API server's objects, StatefulSet controller, garbage collector and kubelets.

Small enough to be run ten thousand times, and explicit in what matters for groups: UIDs, owners, foreground
deletion, resourceVersions and the order of changes. Nothing happens by itself: ``moves`` gives what the
components could do next, and a test decides which of it happens, and when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple, TypeVar

from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.resourceclaims import ResourceClaim
from lws.api.workloads import (
    ContainerStatus,
    ControllerRevision,
    Pod,
    PodCondition,
    PodSpec,
    PodStatus,
    Service,
    StatefulSet,
)
from lws.objects import Key, KubeObject, ObjectMeta, OwnerReference, controller_of

KINDS: tuple[type[KubeObject], ...] = (
    LeaderWorkerSet,
    StatefulSet,
    Pod,
    ControllerRevision,
    Service,
    ResourceClaim,
)
T = TypeVar("T", bound=KubeObject)
Move = Callable[[], object]

PENDING = PodStatus("Pending")
RUNNING = PodStatus("Running", (PodCondition("Ready", "True"),), (ContainerStatus(0),))
DELETED = "2026-01-01T00:00:00Z"


class Change(NamedTuple):
    """One entry of a kind's history; ``gone``: the object's last state."""

    version: int
    obj: KubeObject
    gone: bool = False


class Cluster:
    """All objects of one namespace, and every change they went through."""

    def __init__(self) -> None:
        self.version = 0
        self.objects: dict[type[KubeObject], dict[Key, KubeObject]] = {kind: {} for kind in KINDS}
        self.history: dict[type[KubeObject], list[Change]] = {kind: [] for kind in KINDS}
        self.by_uid: dict[str, KubeObject] = {}
        self._uids = 0
        self._foreground: set[str] = set()  # objects that go once what they own has gone
        self._ended: set[str] = set()  # deleted pods whose containers have ended
        self._moves: list[Move] = []
        self._moves_at = (-1, 0, 0)

    def copy(self) -> Cluster:
        """The same state with a history of its own."""
        other = Cluster()
        other.version, other._uids = self.version, self._uids
        other.objects = {kind: dict(objects) for kind, objects in self.objects.items()}
        other.history = {kind: list(changes) for kind, changes in self.history.items()}
        other.by_uid = dict(self.by_uid)
        other._foreground, other._ended = set(self._foreground), set(self._ended)
        return other

    # What an API server does.

    def get(self, kind: type[T], key: Key) -> T | None:
        return self.objects[kind].get(key)  # type: ignore[return-value]

    def all(self, kind: type[T]) -> list[T]:
        return list(self.objects[kind].values())  # type: ignore[arg-type]

    def create(self, obj: T) -> T:
        self._uids += 1
        meta = replace(obj.metadata, uid=f"{type(obj).__name__}-{self._uids}", generation=1)
        return self.put(replace(obj, metadata=meta))

    def put(self, obj: T) -> T:
        """Store a new state."""
        self.version += 1
        obj = replace(obj, metadata=replace(obj.metadata, resource_version=str(self.version)))
        self.objects[type(obj)][obj.key] = obj
        self.by_uid[obj.uid] = obj
        self.history[type(obj)].append(Change(self.version, obj))
        return obj

    def delete(self, obj: T, *, foreground: bool = False, force: bool = False) -> T | None:
        """Mark for deletion, or remove at once; what is left."""
        if force or (not foreground and not isinstance(obj, Pod)):
            self._remove(obj)
            return None
        if foreground:
            self._foreground.add(obj.uid)
        return obj if obj.deleting else self.put(_deleted(obj))

    def _remove(self, obj: KubeObject) -> None:
        self.version += 1
        last = replace(obj, metadata=replace(obj.metadata, resource_version=str(self.version)))
        del self.objects[type(obj)][obj.key]
        del self.by_uid[obj.uid]
        self.history[type(obj)].append(Change(self.version, last, gone=True))
        self._foreground.discard(obj.uid)
        self._ended.discard(obj.uid)

    # What the other components do.

    def moves(self) -> list[Move]:
        """Everything that some component could do now."""
        state = (self.version, len(self._ended), len(self._foreground))
        if state != self._moves_at:
            self._moves_at = state
            self._moves = [*self._stateful_sets(), *self._kubelets(), *self._garbage_collector()]
        return self._moves

    def _stateful_sets(self) -> Iterator[Move]:
        pods = self.objects[Pod]
        for owner in self.all(StatefulSet):
            if owner.deleting:
                continue
            first, mine, ready = int(not is_leader_set(owner)), [], 0
            for ordinal in range(first, first + owner.spec.replicas):
                pod: Any = pods.get(Key(owner.namespace, f"{owner.name}-{ordinal}"))
                yield from self._keep(owner, ordinal, pod)
                if pod is not None and owner_uid(pod) == owner.uid:
                    mine.append(pod)
                    ready += pod.ready and not pod.deleting
            counted = (owner.status.replicas, owner.status.available_replicas)
            if (len(mine), ready) != counted or not owner.seen:
                status = replace(
                    owner.status,
                    replicas=len(mine),
                    available_replicas=ready,
                    current_revision=owner.status.current_revision or "a",
                    update_revision=owner.status.update_revision or "a",
                    observed_generation=owner.metadata.generation,
                )
                yield partial(self.put, replace(owner, status=status))

    def _keep(self, owner: StatefulSet, ordinal: int, pod: Pod | None) -> Iterator[Move]:
        """Create a missing pod, adopt an orphan, delete a failed one."""
        if pod is None:
            yield partial(self.create, new_pod(owner, ordinal))
        elif pod.deleting:
            return
        elif controller_of(pod) is None:
            adopted = replace(pod.metadata, owner_references=(_owned_by(owner),))
            yield partial(self.put, replace(pod, metadata=adopted))
        elif pod.status.phase == "Failed" and owner_uid(pod) == owner.uid:
            yield partial(self.delete, pod)

    def _kubelets(self) -> Iterator[Move]:
        for pod in self.all(Pod):
            if pod.deleting and pod.uid not in self._ended:
                yield partial(self._end, pod)
            elif not pod.deleting and pod.status.phase == "Pending":
                yield partial(self.put, replace(pod, status=RUNNING))

    def _end(self, pod: Pod) -> None:
        self._ended.add(pod.uid)
        if pod.uid not in self._foreground:
            self._remove(pod)

    def _garbage_collector(self) -> Iterator[Move]:
        owned = [(x, owner_uid(x)) for kind in (StatefulSet, Service, Pod) for x in self.all(kind)]
        for obj, owner in [*owned, *((x, owner_uid(x)) for x in self.all(ResourceClaim))]:
            if owner and owner not in self.by_uid and not obj.deleting:
                yield partial(self.delete, obj)
        for uid in self._foreground:
            dependents = [x for x, owner in owned if owner == uid]
            yield from (partial(self.delete, x, foreground=True) for x in dependents if not x.deleting)
            if not dependents:
                yield partial(self._release, self.by_uid[uid])

    def _release(self, obj: KubeObject) -> None:
        """Nothing it owns is left: a StatefulSet goes, a pod once its containers have ended."""
        self._foreground.discard(obj.uid)
        if obj.uid in self._ended or not isinstance(obj, Pod):
            self._remove(obj)


def owner_uid(obj: KubeObject) -> str:
    owner = controller_of(obj)
    return owner.uid if owner is not None else ""


def orphaned(obj: T) -> T:
    """Without owners, as after a deletion of the owner that orphans what it owns."""
    return replace(obj, metadata=replace(obj.metadata, owner_references=()))


def failed(pod: Pod) -> Pod:
    """Its containers ended for good."""
    return replace(pod, status=replace(pod.status, phase="Failed", conditions=()))


def restarted(pod: Pod) -> Pod:
    """One of its containers ended and runs again."""
    [status] = pod.status.container_statuses or (ContainerStatus(0),)
    count = ContainerStatus(status.restart_count + 1)
    return replace(pod, status=replace(RUNNING, container_statuses=(count,)))


def _deleted(obj: T) -> T:
    return replace(obj, metadata=replace(obj.metadata, deletion_timestamp=DELETED))


def is_leader_set(one: StatefulSet) -> bool:
    owner = controller_of(one)
    return owner.kind == c.KIND if owner is not None else c.GROUP_INDEX_LABEL not in one.labels


def _owned_by(owner: StatefulSet) -> OwnerReference:
    return OwnerReference("apps/v1", "StatefulSet", owner.name, owner.uid, controller=True)


def new_pod(owner: StatefulSet, ordinal: int) -> Pod:
    """As admission leaves it."""
    labels = {x: owner.labels[x] for x in (c.NAME_LABEL, c.REVISION_LABEL)}
    group = str(ordinal) if is_leader_set(owner) else owner.labels[c.GROUP_INDEX_LABEL]
    labels |= {c.GROUP_INDEX_LABEL: group, c.GROUP_KEY_LABEL: f"key-{group}"}
    labels[c.WORKER_INDEX_LABEL] = "0" if is_leader_set(owner) else str(ordinal)
    meta = ObjectMeta(
        name=f"{owner.name}-{ordinal}",
        namespace=owner.namespace,
        labels=labels,
        owner_references=(_owned_by(owner),),
    )
    return Pod(metadata=meta, spec=PodSpec(node_name="a-node"), status=PENDING)
