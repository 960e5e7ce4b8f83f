"""``kubectl lws dashboard``: begins to watch and to serve, says where, and waits for Ctrl-C.

Nothing is left running however it ends: every thread is a daemon, and stopped before.
"""

from __future__ import annotations

import logging
import os
import sys
import time
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from msgspec import Struct
from rich.text import Text

from lws.cli.dashboard.access import NAMES, Access
from lws.cli.dashboard.acting import carry_out
from lws.cli.dashboard.board import Board
from lws.cli.dashboard.pages import Pages
from lws.cli.dashboard.painting import About, Painter
from lws.cli.dashboard.watching import Watched, topic
from lws.cli.kinds import DISAGGREGATEDSETS, LEADERWORKERSETS
from lws.cli.session import CommandError, Session, is_of_unknown_kind, not_installed
from lws.kube.errors import ApiError, Forbidden, NotFound
from lws.kube.resources import Resource
from lws.objects import Key, prepare_types
from lws.runtime import logs
from lws.runtime.serving import HttpServer, Limits
from lws.runtime.serving.server import BindError
from lws.version import VERSION

THREADS: Final = 4
SYNC: Final = 10.0
"""Seconds to wait for the first lists; the page says what is still missing."""
LIMITS: Final = Limits(connections=64, body=16 * 1024)


class Opened(Struct, rename="camel"):
    """Where the page is. ``address`` is good for one browser."""

    address: str


def run(session: Session, options: Any, kind: str = "") -> int:
    """Serve until Ctrl-C. ``kind``: of the set that is named, empty where none is."""
    logs.configure(format="console", level="error")
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    roles = _check(session)
    where = f"#{topic(kind, Key(session.namespace, options.name))}" if kind else ""
    try:
        with _serving(session, options, roles=roles) as (access, alive):
            address = access.address + where
            session.show(Opened(address), _said(address))
            sys.stdout.flush()
            if not options.no_browser and _has_screen(os.environ):
                webbrowser.open(address)
            while all(x.alive for x in alive):
                time.sleep(1)
    except KeyboardInterrupt:
        return 0
    except BindError as error:
        raise CommandError(f"{error}; choose another --port, or none for a free one") from error
    raise CommandError("a part of the dashboard has ended; the reason stands above")


def _has_screen(environment: Mapping[str, str]) -> bool:
    """Whether a browser would have a window of its own, and not this terminal."""
    return sys.platform == "darwin" or bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def _said(address: str) -> Text:
    return Text(f"{address}\n").append(
        "Open this address in a browser on this machine, once; Ctrl-C ends it.", style="dim"
    )


def _check(session: Session) -> bool:
    """Whether there are DisaggregatedSets. Raises when nothing could be shown at all."""
    refusals = [_refusal(session, x) for x in (LEADERWORKERSETS, DISAGGREGATEDSETS)]
    if isinstance(refusals[0], NotFound) and is_of_unknown_kind(refusals[0]):
        raise CommandError(not_installed(LEADERWORKERSETS)) from refusals[0]
    if refusals[0] is not None and refusals[1] is not None:
        raise refusals[0]
    return not isinstance(refusals[1], NotFound)


def _refusal(session: Session, resource: Resource) -> ApiError | None:
    """Why there is no list of it; None: there is."""
    try:
        session.client.list(resource, dict, session.namespace, label_selector=session.selector)
    except (NotFound, Forbidden) as error:
        return error
    return None


@contextmanager
def _serving(session: Session, options: Any, *, roles: bool) -> Iterator[tuple[Access, tuple[Any, ...]]]:
    """The page, and what must be alive for it."""
    board, access = Board(), Access()
    painter = Painter(board, About(session.client.connection.host, session.namespace, VERSION, False, [], ""))
    watched = Watched(
        session.client.connection, session.namespace, painter.touch, roles=roles, selector=session.selector
    )
    prepare_types()
    pages = Pages(access, board, painter, lambda order: carry_out(session, order))
    server = HttpServer(
        pages, host=NAMES[0], port=options.port, threads=THREADS, name="dashboard", limits=LIMITS, drain=1.0
    )
    server.start()
    try:
        access.port = server.port
        watched.start()
        watched.wait(SYNC)
        painter.start(watched)
        yield access, (server, painter, watched)
    finally:
        server.stop()
        painter.stop()
        watched.stop()
