"""Waiting for the end of a rollout, as ``kubectl rollout status``: by a watch of the set, without polling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import msgspec
from rich.text import Text

from lws.cli.patience import AGAIN, Wait, pause_after, until
from lws.cli.session import CommandError, Session
from lws.kube.errors import DecodeError, KubeError
from lws.kube.resources import Resource
from lws.kube.selectors import equals
from lws.kube.shallow import decoded
from lws.kube.watch import error_of, watch
from lws.objects import KubeObject, resource_version

_WATCH_SECONDS = 300
_GRACE = 2.0  # seconds of silence beyond the end of the watch: a command does not outlive its --timeout
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
    for view in changes(session, subject, until(options.timeout)):
        if view.message != said:
            session.show_line(view, draw(view))
            said = view.message
        if view.done or view.failed:
            return 0 if view.done and not view.failed else 1
    raise CommandError(f"{subject.called}: timed out after {options.timeout:g}s: {said}")


def changes(session: Session, subject: Subject, wait: Wait) -> Iterator[Progress]:
    """How far it is now, and after each change of the set, for as long as ``wait`` lasts.

    Raises CommandError when it is deleted.
    """
    seen, view = subject.look()
    while True:
        yield view
        if not wait.left:
            return
        wait.pause(_await_change(session, subject, seen, seconds=min(_WATCH_SECONDS, wait.left)))
        uid = seen.uid
        seen, view = wait.read(subject.look)
        if seen.uid != uid:
            raise CommandError(f"{subject.called} was deleted and made anew")


def _await_change(session: Session, subject: Subject, seen: KubeObject, *, seconds: float) -> float:
    """Return at the next change of the set, or after about so many seconds, or when the watch fails.

    Then the set is to be read, after so many seconds as are returned: that says what is wrong.
    """
    try:
        with watch(
            session.client.connection,
            subject.resource,
            namespace=seen.namespace,
            field_selector=equals("metadata.name", seen.name),
            resource_version=seen.metadata.resource_version,
            timeout_seconds=max(1, round(seconds)),
            silence=seconds + _GRACE,
        ) as events:
            for event in events:
                if event.type == "ERROR":
                    raise error_of(event)
                if event.type == "DELETED":
                    raise CommandError(f"{subject.called} was deleted")
                if event.type != "BOOKMARK" and _newer(event.object, seen):
                    return 0.0
    except KubeError as error:
        return pause_after(error)
    return AGAIN  # a proxy may end every watch at once


def _newer(text: msgspec.Raw, seen: KubeObject) -> bool:
    try:
        return resource_version(decoded(_decode, text)) > resource_version(seen)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise DecodeError(f"an event holds no object: {error}") from error
