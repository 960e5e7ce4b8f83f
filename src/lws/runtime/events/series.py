"""Which events become which API writes: repeats are counted, look-alikes told in one. No I/O, no threads.

Two rules keep a busy controller from flooding the API server (runtime.md, B3):

- *Equal* events (regarding, related, type, reason, action, note) form a series: one object whose count is
  written when the series starts and every 30 minutes, and once more when it has been quiet for 6.
- *Similar* events (equal but for the object they relate to, and its name in the note) that come in one
  batch: up to two are written as they are; three or more become one, whose note names the others' objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from cachetools import TTLCache

from lws.objects import ObjectReference

NOTE_LIMIT = 1024  # bytes; the API server refuses more
NAME_LIMIT = 253
FINISH_AFTER = 360.0  # seconds of quiet that end a series
REFRESH_AFTER = 1800.0  # seconds between two writes of a running one
MEMORY = 4096  # events remembered as possible repeats
AS_THEY_ARE = 2  # similar events in one batch that are not folded


class Sighting(NamedTuple):
    """One call to the recorder."""

    regarding: ObjectReference
    related: ObjectReference | None
    type: str
    reason: str
    action: str
    note: str
    time: datetime

    @property
    def equal_key(self) -> tuple[Any, ...]:
        return self[:-1]

    @property
    def similar_key(self) -> tuple[Any, ...]:
        name = self.related.name if self.related is not None else ""
        shape = tuple("" if word == name else word for word in self.note.split(" "))
        return self.regarding, self.type, self.reason, self.action, shape


@dataclass(eq=False, slots=True)
class Series:
    """One Event object: ``first`` as told, seen ``count`` times, ``written`` of which the server knows."""

    first: Sighting
    name: str
    count: int
    last: datetime
    written: int = 0
    refreshed_at: float | None = None

    @property
    def namespace(self) -> str:
        """The regarding object's; the API server wants events of cluster-scoped ones in ``default``."""
        return self.first.regarding.namespace or "default"

    def series(self) -> dict[str, Any]:
        return {"count": self.count, "lastObservedTime": micro_time(self.last)}

    def document(self, controller: str, instance: str) -> dict[str, Any]:
        """The ``events.k8s.io/v1`` Event."""
        event = self.first
        document: dict[str, Any] = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "eventTime": micro_time(event.time),
            "reportingController": controller,
            "reportingInstance": instance,
            "type": event.type,
            "reason": event.reason,
            "action": event.action,
            "note": event.note,
            "regarding": msgspec.to_builtins(event.regarding),
        }
        if event.related is not None:
            document["related"] = msgspec.to_builtins(event.related)
        if self.count > 1:  # the API server refuses a series of one
            document["series"] = self.series()
        return document


class Folder:
    """Remembers what was told. ``monotonic`` gives seconds, ``token`` a fresh hexadecimal text for names."""

    def __init__(self, monotonic: Callable[[], float], token: Callable[[], str]) -> None:
        self._monotonic = monotonic
        self._token = token
        self._known: TTLCache[tuple[Any, ...], Series] = TTLCache(MEMORY, FINISH_AFTER, timer=monotonic)

    def fold(self, batch: Iterable[Sighting]) -> list[Series]:
        """What is to be written now: ``written`` 0 means as a new object, else its series."""
        ended = self._ended()
        repeated: dict[int, Series] = {}
        fresh: dict[tuple[Any, ...], list[Sighting]] = {}
        for sighting in batch:
            series = self._known.get(sighting.equal_key)
            if series is None:
                fresh.setdefault(sighting.equal_key, []).append(sighting)
            else:
                self._count(series, sighting)
                repeated[id(series)] = series
        due = [series for series in repeated.values() if self._due(series)]
        return self._marked([*ended, *due, *self._begin(fresh)])

    def finish(self) -> list[Series]:
        """All that the server does not know yet; everything is forgotten."""
        ended = (series for _, series in self._known.expire() or ())
        # Each is asked for by itself: between the keys and the values its six minutes may end.
        kept = [self._known.get(key) for key in list(self._known)]
        open_series = {id(series): series for series in (*ended, *kept) if series is not None}
        self._known.clear()
        return [series for series in open_series.values() if series.count > series.written > 0]

    def _ended(self) -> list[Series]:
        quiet = {id(series): series for _, series in self._known.expire() or ()}
        return [series for series in quiet.values() if series.count > series.written > 0]

    def _count(self, series: Series, sighting: Sighting) -> None:
        series.count += 1
        series.last = sighting.time
        self._known[sighting.equal_key] = series  # the 6 minutes begin anew

    def _due(self, series: Series) -> bool:
        return series.refreshed_at is None or self._monotonic() - series.refreshed_at >= REFRESH_AFTER

    def _marked(self, due: list[Series]) -> list[Series]:
        for series in due:
            if series.count > 1:
                series.refreshed_at = self._monotonic()
        return due

    def _begin(self, fresh: Mapping[tuple[Any, ...], list[Sighting]]) -> Iterator[Series]:
        similar: dict[tuple[Any, ...], list[list[Sighting]]] = {}
        for equal in fresh.values():
            similar.setdefault(equal[0].similar_key, []).append(equal)
        for kinds in similar.values():
            if len(kinds) <= AS_THEY_ARE:
                yield from (self._new(equal[0], equal) for equal in kinds)
            else:
                yield self._new(_told_in_one(kinds), [one for equal in kinds for one in equal])

    def _new(self, first: Sighting, sightings: Sequence[Sighting]) -> Series:
        """Remembered under each event it stands for, so that a repeat of any counts here."""
        series = Series(first, self._name(first), len(sightings), sightings[-1].time)
        for sighting in sightings:
            self._known[sighting.equal_key] = series
        return series

    def _name(self, sighting: Sighting) -> str:
        token = self._token()
        stem = sighting.regarding.name[: NAME_LIMIT - 1 - len(token)].rstrip("-.")
        return f"{stem}.{token}"


def _told_in_one(kinds: Sequence[Sequence[Sighting]]) -> Sighting:
    first, *others = [equal[0] for equal in kinds]
    names = ", ".join(other.related.name for other in others if other.related is not None)
    note = f"{first.note}, and {len(others)} more" + (f": {names}" if names else "")
    return first._replace(note=cut(note))


def cut(note: str) -> str:
    """``note`` in at most 1024 bytes of UTF-8; one that was cut ends in three dots."""
    encoded = note.encode("utf-8", "replace")
    if len(encoded) <= NOTE_LIMIT:
        return encoded.decode()
    return encoded[: NOTE_LIMIT - 3].decode("utf-8", "ignore") + "..."


def micro_time(moment: datetime) -> str:
    """``metav1.MicroTime``: RFC 3339, UTC, always six digits after the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
