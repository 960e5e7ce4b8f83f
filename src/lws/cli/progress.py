"""``status`` with ``-o wide``, or with ``--watch`` on a terminal: its line, and below it the groups.

Elsewhere it says a line after the other, by a watch of the set alone (``following``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.text import Text

from lws.cli import status, tree
from lws.cli.following import Progress
from lws.cli.live import Source, follow, is_live
from lws.cli.observing import see
from lws.cli.outline import Node
from lws.cli.session import Session
from lws.cli.treedrawing import Drawing, root_of
from lws.cli.treeviews import describe


class Told(NamedTuple):
    """How far a set is, and its tree."""

    progress: Progress
    tree: Any


class Following(NamedTuple):
    """``line`` draws the progress, ``root`` the tree."""

    look: Callable[[], Told]
    line: Callable[[Any], Text]
    root: Callable[[Any, Drawing], Node]

    def draw(self, view: Told) -> RenderableType:
        drawing = Drawing(time.time(), compact=True, whole=False)
        return Lines(self.line(view.progress), Text(""), drawing.table([self.root(view.tree, drawing)]))

    def end(self, view: Told) -> int | None:
        """As ``following.run`` ends."""
        progress = view.progress
        if progress.done or progress.failed:
            return 0 if progress.done and not progress.failed else 1
        return None


def is_pictured(session: Session, options: Any) -> bool:
    """Whether the groups are to be seen, too: by ``-o wide``, or where they can change in place."""
    return is_live(session) if options.watch else session.output.format == "wide"


def show(session: Session, options: Any, picture: Following, sources: Sequence[Source]) -> int:
    """Once: always 0. With ``--watch`` until the end."""
    if options.watch:
        return follow(session, sources, picture, timeout=options.timeout)
    view = picture.look()
    session.show(view, picture.draw(view))
    return 0


def run(session: Session, options: Any) -> int:
    """One LeaderWorkerSet."""
    if not is_pictured(session, options):
        return status.run(session, options)

    def look() -> Told:
        seen = see(session, options.name)
        return Told(status.describe(seen), describe(seen, now=time.time()))

    picture = Following(look, status.draw_whole, root_of)
    return show(session, options, picture, tree.sources_of(options.name))
