"""Watches: what of the log a stream has still to tell, as lines of bytes.

A stream tells one event at a time, when somebody reads it; how late that is, is the reader's business.
"""

from __future__ import annotations

import bisect
from collections import deque

import msgspec

from support.apimodel.answers import Refused, Request, expired, selection
from support.apimodel.store import Change, Document, Store

INITIAL_EVENTS_END = "k8s.io/initial-events-end"


def event(type_: str, body: bytes) -> bytes:
    return b'{"type":"' + type_.encode() + b'","object":' + body + b"}\n"


class WatchFeed:
    """One open watch. ``cut``: the server ends it; ``failed``: the connection breaks in the middle of a line.

    ``blind``: it has no news before this moves on (a lagging server, a network that holds events back).
    """

    def __init__(self, store: Store, request: Request, *, at: int | None = None) -> None:
        """``at``: the version of the list that it begins with, if it does; by default the newest."""
        assert request.where is not None
        at = store.version if at is None else at
        self._store, self._kind = store, request.where.kind
        self.resource = self._kind.plural
        self._selects = selection(request)
        self._waiting: deque[bytes] = deque()
        self.cut = self.failed = False
        self.blind = False
        asked = int(request.query.get("resourceVersion") or 0)
        if request.query.get("sendInitialEvents") == "true":
            self._begin_with_list(at)
            self._waiting.append(self._bookmark({INITIAL_EVENTS_END: "true"}, at))
            asked = at
        elif not asked:
            self._begin_with_list(at)
            asked = at
        elif asked > store.version:
            raise Refused(
                504, "Timeout", "Too large resource version", causes=[{"reason": "ResourceVersionTooLarge"}]
            )
        elif asked < store.compacted:  # as an event, because the watch itself is in order
            self._waiting.append(event("ERROR", expired().answer.body))
            self.cut = True
        log = store.log[self._kind]
        self._next = bisect.bisect_right(log, asked, key=lambda x: x.version)

    def _begin_with_list(self, version: int) -> None:
        for _, document in sorted(self._store.as_of(self._kind, version).items()):
            if self._selects(document):
                self._waiting.append(event("ADDED", self._store.encoded(document)))

    def _bookmark(self, annotations: dict[str, str], version: int) -> bytes:
        metadata = {"resourceVersion": str(version), "annotations": annotations}
        body = {"kind": self._kind.kind, "apiVersion": self._kind.api_version, "metadata": metadata}
        return event("BOOKMARK", msgspec.json.encode(body))

    def mark(self) -> None:
        """A bookmark, once everything up to now has been told."""
        if not self.pending and not self.blind:
            self._waiting.append(self._bookmark({}, self._store.version))

    @property
    def pending(self) -> bool:
        """Whether reading would give something now."""
        return bool(
            self.cut
            or self.failed
            or self._waiting
            or (not self.blind and self._next < len(self._store.log[self._kind]))
        )

    def garble(self) -> None:
        """The next line is none."""
        self._waiting.append(b"{\n")

    def forget(self) -> None:
        """The server has forgotten what this watch has not told yet, and says so."""
        log = self._store.log[self._kind]
        if self._next < len(log) and not self._waiting:
            self._next = len(log)
            self._waiting.append(event("ERROR", expired().answer.body))
            self.cut = True

    def read(self) -> bytes | None:
        """The next line; None: the end, empty: nothing that concerns this watch."""
        if self._waiting:
            return self._waiting.popleft()
        if self.cut:
            return None
        log = self._store.log[self._kind]
        while self._next < len(log) and not self.blind:
            change = log[self._next]
            self._next += 1
            line = self._line(change)
            if line:
                return line
        return b""

    def _line(self, change: Change) -> bytes:
        was = change.before is not None and self._selects(change.before)
        is_ = not change.gone and self._selects(change.document)
        if is_:
            return event("MODIFIED" if was else "ADDED", self._store.encoded(change.document))
        if was:
            return event("DELETED", msgspec.json.encode(_last(change)))
        return b""


def _last(change: Change) -> Document:
    """What a deletion shows: the state before, at the version at which it went from view."""
    assert change.before is not None
    version = {"resourceVersion": str(change.version)}
    return {**change.before, "metadata": {**change.before["metadata"], **version}}
