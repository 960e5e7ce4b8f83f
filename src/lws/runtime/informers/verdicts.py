"""What answers and events mean for a reflector: pure judgements of one error or one event. No state here."""

from __future__ import annotations

from lws.kube.errors import ApiError, Gone, TooManyRequests, TransportError
from lws.kube.watch import WatchEvent, error_of
from lws.objects import KubeObject
from lws.runtime.informers.decoding import read_metadata

INITIAL_EVENTS_END = "k8s.io/initial-events-end"


class Interrupted(Exception):  # noqa: N818 - the watch was
    """A watch that ended in a way that calls for a pause, though no request failed."""


def refusal(error: Exception) -> bool:
    """Whether a parameter was turned down (Invalid from servers without WatchList), as it will be again."""
    return isinstance(error, ApiError) and error.status in (400, 405, 406, 415, 422)


def passing(error: Exception) -> bool:
    """Whether the moment was bad rather than the request: the same again may well succeed."""
    return isinstance(error, Gone | TooManyRequests | TransportError)


def unanswered(error: Exception) -> bool:
    """Whether there is no server, or no way to it: it may be back at any time."""
    return isinstance(error, TransportError) and not (error.permanent or error.silent)


def too_large(error: Exception) -> bool:
    """The server is behind the version asked for; if it was restored from a backup, for good."""
    if not isinstance(error, ApiError):
        return False
    causes = error.details.get("causes") or []
    named = any(cause.get("reason") == "ResourceVersionTooLarge" for cause in causes)
    return named or "Too large resource version" in error.message


def mark(bookmark: WatchEvent) -> KubeObject:
    """What a bookmark says; nothing, when it is unreadable."""
    try:
        return read_metadata(bookmark.object)
    except ValueError:
        return KubeObject()


def failure(event: WatchEvent) -> Exception:
    """The exception that an ERROR event, or one of no known type, stands for."""
    if event.type == "ERROR":
        return error_of(event)
    return Interrupted(f"a watch event of unknown type {event.type[:40]!r}")


def ends_list(event: WatchEvent) -> bool:
    """Whether it is the bookmark at the end of a streamed list."""
    return event.type == "BOOKMARK" and mark(event).annotations.get(INITIAL_EVENTS_END) == "true"
