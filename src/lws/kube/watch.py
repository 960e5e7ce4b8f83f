"""A watch as events: lines cut from chunks, each decoded on its own.

No state of the cluster, no resuming, no backoff: that is the reflector's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType

import msgspec

from lws.kube.connection import Connection, Stream
from lws.kube.errors import ApiError, DecodeError, one_line, status_error
from lws.kube.resources import Resource
from lws.kube.shallow import decoded

GRACE = 30.0  # seconds of silence granted beyond the server's own end of the watch
# Seconds. Whoever has sent one bookmark sends one every minute, whether or not anything changed; a quarter is
# for a busy server, and to open the watch anew costs little. Behind a balancer TCP would never find out.
BOOKMARK_SILENCE = 75.0


class WatchEvent(msgspec.Struct, frozen=True):
    """One event. ``type``: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR; ``object`` is undecoded JSON."""

    type: str
    object: msgspec.Raw


_decode = msgspec.json.Decoder(WatchEvent).decode


def error_of(event: WatchEvent) -> ApiError:
    """The error an ERROR event stands for, as if it had been the answer (Gone: list anew)."""
    return status_error(event.object)


def split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Non-blank lines without their line end. Each byte is looked at once, whatever the chunking.

    A last line without its end is dropped: the connection died in it.
    """
    pending: list[bytes] = []
    for chunk in chunks:
        first, *rest = chunk.split(b"\n")
        pending.append(first)
        if not rest:
            continue
        for line in (b"".join(pending), *rest[:-1]):
            if line and not line.isspace():
                yield line
        pending = [rest[-1]]


class WatchStream:
    """An iterator of WatchEvents; context manager; ``close()`` from any thread ends it at once.

    It ends when the server ends the watch; raises TransportError when the connection breaks and DecodeError
    when a line is no event. ``silence``: seconds without a byte after which it counts as broken; ``marked``:
    by a bookmark the server promises others, one a minute.
    """

    def __init__(self, stream: Stream, what: str, silence: float, *, marked: bool = True) -> None:
        self.silence = silence
        self._marked = marked
        self._stream = stream
        self._what = what
        self._lines = split_lines(stream)

    def __enter__(self) -> WatchStream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stream.__exit__(kind, error, traceback)

    def __iter__(self) -> WatchStream:
        return self

    def __next__(self) -> WatchEvent:
        line = next(self._lines)
        try:
            event = decoded(_decode, line)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise DecodeError(f"watch of {self._what}: a line is no event: {one_line(str(error))}") from error
        if self._marked and event.type == "BOOKMARK" and self.silence > BOOKMARK_SILENCE:
            self.silence = BOOKMARK_SILENCE
            self._stream.limit(self.silence)
        return event

    def close(self) -> None:
        self._stream.close()


def watch(
    connection: Connection,
    resource: Resource,
    *,
    namespace: str = "",
    label_selector: str = "",
    field_selector: str = "",
    resource_version: str = "",
    timeout_seconds: int,
    silence: float | None = None,
    marked: bool = True,
    send_initial_events: bool = False,
    accept: str = "application/json",
) -> WatchStream:
    """Open a watch that the server ends after ``timeout_seconds``; bookmarks are always asked for.

    ``silence``: seconds without a byte after which the connection is lost, until the first bookmark; by
    default until half a minute after the server should have ended the watch. ``marked``: after one bookmark
    there must be one a minute; without, they promise nothing.

    ``send_initial_events``: the current objects first, as ADDED, up to a bookmark annotated
    ``k8s.io/initial-events-end`` (WatchList; servers without it answer Invalid or ignore it).
    Raises ApiError, TransportError and DecodeError at once when it does not open.
    """
    query = {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": str(timeout_seconds),
        "labelSelector": label_selector,
        "fieldSelector": field_selector,
        "resourceVersion": resource_version,
    }
    if send_initial_events:
        query |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
    path = resource.path(namespace)
    patience = timeout_seconds + GRACE if silence is None else silence
    stream = connection.stream(
        path,
        query={name: value for name, value in query.items() if value},
        read_timeout=patience,
        accept=accept,
    )
    return WatchStream(stream, path, patience, marked=marked)
