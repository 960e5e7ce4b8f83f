"""Waiting for the end of a rollout, as ``kubectl rollout status``: by a watch of the set, without polling."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import msgspec
from rich.text import Text

from lws.cli.session import CommandError, Session
from lws.kube.errors import Gone, TransportError
from lws.kube.resources import Resource
from lws.kube.selectors import equals
from lws.kube.watch import error_of, watch
from lws.objects import KubeObject, resource_version

_WATCH_SECONDS = 300
_RETRY_SECONDS = 1.0
_decode = msgspec.json.Decoder(KubeObject).decode


class Progress(Protocol):
    """How far a set is. ``done`` and ``failed`` end a wait."""

    message: str
    done: bool
    failed: bool


class Moment(NamedTuple):
    """A set as it was read, and what is said of it."""

    set: KubeObject
    view: Progress


class Subject(NamedTuple):
    """What is followed. ``called``: how a line names it, as ``leaderworkerset "vllm"``."""

    resource: Resource
    called: str
    look: Callable[[], Moment]


def run(session: Session, options: Any, subject: Subject, draw: Callable[[Any], Text]) -> int:
    """Once: always 0. With ``--watch``: 0 when done, 1 when it cannot be or the time is up."""
    if not options.watch:
        view = subject.look().view
        session.show(view, draw(view))
        return 0
    said = ""
    for view in changes(session, subject, timeout=options.timeout):
        if view.message != said:
            session.show_line(view, draw(view))
            said = view.message
        if view.done or view.failed:
            return 0 if view.done and not view.failed else 1
    raise CommandError(f"{subject.called}: timed out after {options.timeout:g}s: {said}")


def changes(
    session: Session, subject: Subject, *, timeout: float, clock: Callable[[], float] = time.monotonic
) -> Iterator[Progress]:
    """How far it is now, and after each change of the set, for ``timeout`` seconds (0: for ever).

    Raises CommandError when it is deleted.
    """
    end = clock() + timeout if timeout else float("inf")
    uid = ""
    while True:
        seen, view = subject.look()
        if uid not in ("", seen.uid):
            raise CommandError(f"{subject.called} was deleted and made anew")
        uid = seen.uid
        yield view
        left = end - clock()
        if left <= 0:
            return
        _await_change(session, subject, seen, seconds=min(_WATCH_SECONDS, left))


def _await_change(session: Session, subject: Subject, seen: KubeObject, *, seconds: float) -> None:
    """Return at the next change of the set, or after about so many seconds."""
    try:
        with watch(
            session.client.connection,
            subject.resource,
            namespace=seen.namespace,
            field_selector=equals("metadata.name", seen.name),
            resource_version=seen.metadata.resource_version,
            timeout_seconds=max(1, round(seconds)),
        ) as events:
            for event in events:
                if event.type == "ERROR":
                    raise error_of(event)
                if event.type == "DELETED":
                    raise CommandError(f"{subject.called} was deleted")
                if event.type != "BOOKMARK" and _newer(event.object, seen):
                    return
    except Gone:
        return
    except TransportError:
        time.sleep(_RETRY_SECONDS)  # then the set is read: that says whether the server is there


def _newer(text: msgspec.Raw, seen: KubeObject) -> bool:
    return resource_version(_decode(text)) > resource_version(seen)
