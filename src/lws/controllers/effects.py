"""What follows once the API server has answered: events for users, numbers for the metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from msgspec.structs import replace

from lws.kube.errors import ApiError, KubeError
from lws.objects import Key, ObjectReference
from lws.planning.actions import Effect, Measurement, Record
from lws.runtime import logs

_log = logs.get_logger("controllers")


class Recorder(Protocol):
    """The one method of :class:`EventRecorder` that is used here."""

    def event(
        self,
        *,
        regarding: ObjectReference,
        related: ObjectReference | None = None,
        type_: str,
        reason: str,
        action: str,
        note: str,
    ) -> None: ...


class Effects:
    """Tells the recorder of events and ``measure`` of everything else."""

    def __init__(self, recorder: Recorder, measure: Callable[[Measurement], None]) -> None:
        self._recorder = recorder
        self._measure = measure

    def follow(self, effects: Iterable[Effect]) -> None:
        """What an action that was accepted brings with it."""
        for effect in effects:
            if isinstance(effect, Record):
                self.record(effect)
            else:
                self._measure(effect)

    def done(self, deed: str, kind: str, key: Key, effects: Sequence[Effect]) -> None:
        """What follows ``deed``, done to an object. The log has one line for it: its event's, or its own."""
        if not any(isinstance(x, Record) for x in effects):
            _log.info(deed, kind=kind, object=str(key))
        self.follow(effects)

    def record(self, record: Record) -> None:
        """One event, and one line of the log: an event lives for an hour."""
        about = record.related or record.regarding
        tell = _log.warning if record.type == "Warning" else _log.info
        tell(record.note, kind=about.kind, object=f"{about.namespace}/{about.name}", reason=record.reason)
        self._recorder.event(
            regarding=record.regarding,
            related=record.related,
            type_=record.type,
            reason=record.reason,
            action=record.action,
            note=record.note,
        )

    def failed(self, record: Record | None, error: KubeError) -> None:
        """The event of an action that failed, with what the server said."""
        self.tell(record, error.message if isinstance(error, ApiError) else str(error))

    def tell(self, record: Record | None, text: str) -> None:
        """The event, if there is to be one, with ``text`` after its note."""
        if record is not None:
            self.record(replace(record, note=f"{record.note}: {text}"))
