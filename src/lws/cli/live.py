"""A picture that is drawn anew whenever something changes: on a terminal in place, else one after another.

Watches only tell that something has changed; what is drawn is read whole each time, and not more often than
that takes. What is in the picture is the caller's.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from lws.cli.patience import AGAIN, pause_after, until
from lws.cli.session import CommandError, Session, make_console
from lws.kube.errors import DecodeError, KubeError, TransportError
from lws.kube.resources import Resource
from lws.kube.shallow import decoded
from lws.kube.watch import error_of, watch

TICK: Final = 5.0
"""Seconds after which ages are drawn anew, though nothing has changed."""
CALM: Final = 0.5
"""Seconds between two pictures at least: what changes together is read together."""
_WATCH_SECONDS: Final = 300


class Source(NamedTuple):
    """Objects whose changes matter."""

    resource: Resource
    label_selector: str = ""
    field_selector: str = ""


class Picture(Protocol):
    """What is followed: ``look`` reads it, ``draw`` says how that looks by now."""

    def look(self) -> Any: ...

    def draw(self, view: Any) -> RenderableType: ...

    def end(self, view: Any) -> int | None:
        """The exit code, where there is nothing more to wait for."""


def is_live(session: Session) -> bool:
    """Whether a picture would be drawn in place: somebody looks, and wants no documents."""
    return session.output.format in ("", "wide") and sys.stdout.isatty()


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _List(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


_decode_list = msgspec.json.Decoder(_List).decode


def follow(session: Session, sources: Sequence[Source], picture: Picture, *, timeout: float = 0.0) -> int:
    """Until there is an end to it, or for ``timeout`` seconds (0: for ever), which is no success."""
    wait, changed = until(timeout), threading.Event()
    for source in sources:
        threading.Thread(target=_tell, args=(session, source, changed), daemon=True).start()
    read = picture.look  # the first time nothing is borne: a mistake shows at once
    with _showing(session) as show:
        while True:
            began = time.monotonic()
            view = read()
            read = partial(wait.read, picture.look)
            calm = max(CALM, 2 * (time.monotonic() - began))
            show(view, picture.draw(view))
            if (code := picture.end(view)) is not None:
                return code
            while not changed.wait(min(TICK, wait.left)):
                if not wait.left:
                    raise CommandError(f"timed out after {timeout:g}s")
                show(view, picture.draw(view))
            wait.pause(calm)
            changed.clear()


def _tell(session: Session, source: Source, changed: threading.Event) -> None:
    """Set ``changed`` with each change, for as long as the connection is open.

    Also when the watch has failed: who looks then is told why, or sees changes without it.
    """
    while True:
        pause = AGAIN  # a proxy may end every watch at once
        try:
            _tell_once(session, source, changed)
        except KubeError as error:
            if isinstance(error, TransportError) and error.permanent:
                return changed.set()
            pause = pause_after(error)
        time.sleep(pause)
        changed.set()


def _tell_once(session: Session, source: Source, changed: threading.Event) -> None:
    path = source.resource.path(session.namespace)
    selectors = {"labelSelector": source.label_selector, "fieldSelector": source.field_selector}
    query = {name: x for name, x in selectors.items() if x} | {"limit": "1"}
    version = _version_of(session.client.connection.request("GET", path, query=query))
    changed.set()  # what was drawn may have been read before
    with watch(
        session.client.connection,
        source.resource,
        namespace=session.namespace,
        label_selector=source.label_selector,
        field_selector=source.field_selector,
        resource_version=version,
        timeout_seconds=_WATCH_SECONDS,
    ) as events:
        for event in events:
            if event.type == "ERROR":
                raise error_of(event)
            if event.type != "BOOKMARK":
                changed.set()


def _version_of(answer: bytes) -> str:
    try:
        return decoded(_decode_list, answer).metadata.resource_version
    except (msgspec.DecodeError, UnicodeError) as error:
        raise DecodeError(f"an answer is no list: {error}") from error


Show = Callable[[Any, RenderableType], None]


@contextmanager
def _showing(session: Session) -> Iterator[Show]:
    if is_live(session):
        console = Console(markup=False, emoji=False, highlight=False)
        with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
            yield lambda _, drawn: live.update(
                cropped(drawn, console.width, console.height - 1), refresh=True
            )
        return
    said = [""]

    def show(view: Any, drawn: RenderableType) -> None:
        """What looks like the last one is left out."""
        text = msgspec.json.encode(view).decode()
        if text != said[0]:
            if said[0] and session.output.format in ("", "wide"):
                session.output.console.file.write("\n")
            session.show_line(view, drawn)
            said[0] = text

    yield show


def cropped(drawn: RenderableType, width: int, height: int) -> Text:
    """Lines are cut and never folded, and what does not fit the screen is counted."""
    console = make_console()
    with console.capture() as captured:
        console.print(drawn)
    lines = list(Text.from_ansi(captured.get()).split("\n", allow_blank=False))
    for x in lines:
        x.rstrip()
        x.truncate(width, overflow="ellipsis")
    if len(lines) > height:
        lines[height - 1 :] = [Text(f"... {len(lines) - height + 1} more lines", style="dim")]
    return Text("\n").join(lines)
