"""What any Kubernetes object has: a key, labels, owner references, conditions.

Everything here is a frozen ``msgspec`` Struct that holds only the members this project reads; decoding
ignores all others. Nothing about LeaderWorkerSets may live here, and no I/O.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import Struct


class Key(NamedTuple):
    """Namespace and name of an object: what a workqueue carries. Cluster-scoped: namespace ``""``."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class OwnerReference(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """One entry of ``metadata.ownerReferences``; identity is ``uid``, never ``name``."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectReference(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """``core/v1 ObjectReference``, for the regarding and related members of an event."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    uid: str = ""


class ObjectMeta(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """The members of ``metadata`` that are read somewhere; managedFields are dropped while decoding."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()
    deletion_grace_period_seconds: int | None = None


class KubeObject(Struct, frozen=True, gc=False, rename="camel"):
    """Any object of which only the metadata matters; the base of every typed subset."""

    metadata: ObjectMeta = ObjectMeta()

    @property
    def key(self) -> Key:
        return Key(self.metadata.namespace, self.metadata.name)

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def namespace(self) -> str:
        return self.metadata.namespace

    @property
    def uid(self) -> str:
        return self.metadata.uid

    @property
    def labels(self) -> dict[str, str]:
        return self.metadata.labels

    @property
    def annotations(self) -> dict[str, str]:
        return self.metadata.annotations

    @property
    def deleting(self) -> bool:
        """True once a deletionTimestamp is set: the object is on its way out."""
        return self.metadata.deletion_timestamp is not None


ObjectT = TypeVar("ObjectT", bound=KubeObject)


class Condition(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """``metav1.Condition``. Times are RFC 3339 strings as the API server writes them."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: str = ""
    observed_generation: int = 0


def controller_of(obj: KubeObject) -> OwnerReference | None:
    """The owner reference with ``controller: true``, of which the API server allows one."""
    return next((ref for ref in obj.metadata.owner_references if ref.controller), None)


def controlled_by(obj: KubeObject, uid: str) -> bool:
    """Whether the controller owner of ``obj`` is the object with this UID."""
    owner = controller_of(obj)
    return owner is not None and owner.uid == uid


def version_number(text: str) -> int:
    """A ``resourceVersion`` as a number that grows with every write (KEP-5504); 0 when it is not one."""
    return int(text) if text.isdecimal() else 0


def resource_version(obj: KubeObject) -> int:
    """That of an object, as :func:`version_number` gives it."""
    return version_number(obj.metadata.resource_version)


def canonical_json(document: Any) -> bytes:
    """Compact JSON with sorted keys: equal documents give equal bytes."""
    return msgspec.json.encode(document, order="sorted")


def prepare_types() -> None:
    """Let msgspec work out every Struct that is defined by now; for the main thread, before it starts others.

    msgspec 0.22 does this when a type is first decoded, and two threads that do so at the same moment crash
    the process (docs/decisions/002). What is never decoded, because it cannot be, is passed over.
    """
    for type_ in set(_subclasses(Struct)):
        with suppress(TypeError):
            msgspec.json.Decoder(type_)


def _subclasses(type_: type[Any]) -> Iterator[type[Any]]:
    one: type[Any]
    for one in type_.__subclasses__():
        yield one
        yield from _subclasses(one)
