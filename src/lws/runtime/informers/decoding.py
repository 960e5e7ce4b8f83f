"""From the server's bytes to small frozen objects, one object at a time.

One object that is not of the expected shape must not stop the others: it is counted, logged once, and told
by its metadata alone. No requests may be made here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, Protocol

import msgspec
from msgspec import Raw

from lws.objects import Key, KubeObject, ObjectT
from lws.runtime import logs
from lws.runtime.informers.interning import Interner

MAX_REPORTED = 1000  # unreadable objects remembered as logged

Data = bytes | memoryview | Raw
_log = logs.get_logger("informer")
_decode_metadata = msgspec.json.Decoder(KubeObject).decode


class InformerMetrics(Protocol):
    """Where reflectors and informers count."""

    def count(self, resource: str, what: str) -> None:
        """``what``: list, watch, failure, unreadable or handler_failure. ``resource``: its plural."""


class NoMetrics:
    """Counts nothing."""

    def count(self, resource: str, what: str) -> None: ...


class Decoded(NamedTuple, Generic[ObjectT]):
    """``object`` is None when unreadable; then ``identity`` holds the metadata, if those are readable."""

    object: ObjectT | None
    identity: KubeObject | None


class Decoder(Generic[ObjectT]):
    """Decodes objects of one type straight into their frozen subset, transforms them, shares equal parts.

    ``transform`` gets each new object before anybody else and gives the one to keep.
    """

    def __init__(
        self,
        type_: type[ObjectT],
        *,
        resource: str,
        transform: Callable[[ObjectT], ObjectT] | None = None,
        metrics: InformerMetrics | None = None,
    ) -> None:
        self._decode = msgspec.json.Decoder(type_).decode
        self._resource = resource
        self._transform = transform
        self._metrics = metrics or NoMetrics()
        self._share = Interner(type_).share
        self._reported: dict[Key | None, None] = {}

    def decode(self, data: Data) -> Decoded[ObjectT]:
        """Never raises, whatever the data are and the transform does."""
        try:
            obj = self.admit(self._decode(data))
        except Exception as error:  # noqa: BLE001 - a broken object or transform: all others must go on
            identity = _identity(data)
            self.report(identity, error)
            return Decoded(None, identity)
        if not obj.metadata.name:
            self.report(None, ValueError("an object without a name"))
            return Decoded(None, None)
        return Decoded(obj, obj)

    def admit(self, obj: ObjectT) -> ObjectT:
        """Transform and share an object decoded elsewhere: the answer of a write."""
        return self._share(obj if self._transform is None else self._transform(obj))

    def report(self, identity: KubeObject | None, error: Exception) -> None:
        """Count an object that had to be skipped, and log it if it is new."""
        self._metrics.count(self._resource, "unreadable")
        key = identity.key if identity else None
        if key in self._reported:
            return
        if len(self._reported) >= MAX_REPORTED:
            del self._reported[next(iter(self._reported))]
        self._reported[key] = None
        cause = f"{type(error).__name__}: {logs.one_line(error)}"
        _log.error("object skipped", resource=self._resource, object=key, error=cause)


def read_metadata(data: Data) -> KubeObject:
    """Any object, of which only the metadata are looked at. Raises ValueError for what is none."""
    return _decode_metadata(data)


def _identity(data: Data) -> KubeObject | None:
    try:
        found = read_metadata(data)
    except ValueError:
        return None
    return found if found.metadata.name else None
