"""``kubectl lws tree``: a set and all that was made for it, owner by owner, with what each is about."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec.structs import replace
from rich.console import RenderableType
from rich.text import Text

from lws.api import constants as c
from lws.cli.kinds import LEADERWORKERSETS
from lws.cli.live import Source, follow
from lws.cli.observing import see
from lws.cli.outline import Node
from lws.cli.session import Session
from lws.cli.treedrawing import Drawing, root_of
from lws.cli.treeviews import SetView, describe
from lws.kube.resources import PODS, STATEFULSETS
from lws.kube.selectors import equals


def drawing_for(session: Session) -> Drawing:
    return Drawing(time.time(), not session.namespace, session.output.format == "wide")


class Following(NamedTuple):
    """Trees that are drawn anew. ``look``: the views; ``root``: of one."""

    session: Session
    views: Callable[[], list[Any]]
    root: Callable[[Any, Drawing], Node]

    def look(self) -> list[Any]:
        return self.views()

    def draw(self, view: list[Any]) -> RenderableType:
        drawing = replace(drawing_for(self.session), compact=True)
        roots = [self.root(x, drawing) for x in view]
        return drawing.table(roots) if roots else nothing(self.session)

    def end(self, view: list[Any]) -> int | None:
        return None


def sources_of(name: str) -> list[Source]:
    """What changes with a LeaderWorkerSet."""
    ours = equals(c.NAME_LABEL, name)
    return [
        Source(LEADERWORKERSETS, field_selector=equals("metadata.name", name)),
        Source(STATEFULSETS, ours),
        Source(PODS, ours),
    ]


def run(session: Session, options: Any) -> int:
    """One LeaderWorkerSet."""

    def look() -> SetView:
        return describe(see(session, options.name), now=time.time())

    if options.watch:
        following = Following(session, lambda: [look()], root_of)
        return follow(session, sources_of(options.name), following, timeout=options.timeout)
    view, drawing = look(), drawing_for(session)
    session.show(view, drawing.table([root_of(view, drawing)]))
    return 0


def nothing(session: Session) -> Text:
    """What kubectl says of an empty list."""
    where = f"{session.namespace} namespace." if session.namespace else "any namespace."
    return Text(f"No leaderworkersets or disaggregatedsets found in {where}")
