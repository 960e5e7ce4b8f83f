"""How ``kubectl lws tree`` draws a LeaderWorkerSet: whole, or with groups that are alike in one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct
from rich.console import RenderableType
from rich.text import Text

from lws.cli.drawing import BAD, BUSY, GOOD, QUIET, age, line, mark, numbers
from lws.cli.outline import Cell, Node, outline
from lws.cli.states import STYLES
from lws.cli.treeviews import GroupView, PodView, SetView, StatefulSetView
from lws.cli.urgency import style_of

MANY: Final = 12
"""Groups that a screen has room for, with their pods."""
_ORDER: Final = (BAD, BUSY, QUIET, GOOD)
_LONG: Final = 100
"""Characters of what is said of a group; all of it is ``why``'s, and ``-o wide``'s."""


class Drawing(Struct, frozen=True):
    """How trees are drawn. ``now``: seconds since 1970. ``namespaced``: name the namespace, too.

    ``compact``: of more groups than a screen has lines for, those that are alike are one line. ``whole``:
    with StatefulSets and pods.
    """

    now: float
    namespaced: bool = False
    wide: bool = False
    compact: bool = False
    whole: bool = True

    def table(self, roots: list[Node]) -> RenderableType:
        headers = ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "INFO"]
        return outline([*headers[:-1], "REVISION", "NODE", "INFO"] if self.wide else headers, roots)

    def cells(
        self,
        ready: Cell = "",
        status: Cell = "",
        created: str = "",
        info: Cell = "",
        *,
        restarts: str = "",
        revision: str = "",
        node: str = "",
    ) -> list[Cell]:
        """Under the headers of ``table``."""
        more = [revision, node] if self.wide else []
        return [ready, status, restarts, age(created, self.now), *more, info]

    def name(self, kind: str, view: Any) -> Text:
        """Of a set itself."""
        where = f"{view.namespace}/" if self.namespaced else ""
        return Text(f"{kind.lower()}/{where}{view.name}", style="bold")


def share(ready: int, wanted: int) -> Text:
    """``3/4``, green when there are enough."""
    return mark(f"{ready}/{wanted}", good=ready >= wanted)


def revision_of(view: Any) -> str:
    """Of a view of either kind; it has none where nobody can read the set."""
    return f"revision {view.revision}" if view.revision else "cannot be read"


def root_of(view: SetView, drawing: Drawing, more: Cell = "") -> Node:
    """The set, and everything below it. ``more``: to be told of it beside its revision."""
    updated = "" if view.updated >= view.replicas else f"{view.updated}/{view.replicas} updated"
    info = line(Text(updated, style=BUSY), revision_of(view), more)
    status = Text(view.state, style=STYLES.get(view.state, style_of(view.state)))
    cells = drawing.cells(share(view.ready, view.replicas), status, view.created, info)
    return Node(drawing.name(view.kind, view), cells, _below(view, drawing))


def _below(view: SetView, drawing: Drawing) -> list[Node]:
    if drawing.compact and len(view.groups) > MANY:
        groups = [Node(called(x), group_cells(x[0], view, drawing)) for x in alike(view.groups)]
    else:
        groups = [_drawn_group(x, view, drawing) for x in view.groups]
    leader = view.leader_stateful_set
    if leader is None or not drawing.whole:
        return groups
    partition = f"partition {leader.partition}" if leader.partition else ""
    return [_drawn_set(leader, drawing, groups, partition)]


def alike(groups: Iterable[GroupView]) -> list[list[GroupView]]:
    """Groups about which the same is to be said, those first that need somebody."""
    found: dict[object, list[GroupView]] = {}
    for x in groups:
        found.setdefault((x.reason or x.ready, x.outdated), []).append(x)
    return sorted(found.values(), key=lambda x: (_ORDER.index(status_of(x[0])[1]), x[0].index))


def called(groups: Sequence[GroupView]) -> str:
    """``group 3``, ``groups 0-5, 7``."""
    return f"group{'s' if len(groups) > 1 else ''} {numbers(x.index for x in groups)}"


def status_of(group: GroupView) -> tuple[str, str]:
    """One word, and its style."""
    reason = group.reason or ("Ready" if group.ready else "NotReady")
    return reason, GOOD if reason == "Ready" else style_of(reason)


def _drawn_group(group: GroupView, view: SetView, drawing: Drawing) -> Node:
    if not drawing.whole:
        return Node(called([group]), group_cells(group, view, drawing))
    below = [_drawn_pod(x, view.revision, drawing) for x in group.workers]
    if group.worker_stateful_set is not None:
        below = [_drawn_set(group.worker_stateful_set, drawing, below)]
    if group.leader is not None:
        below = [_drawn_pod(group.leader, view.revision, drawing, below)]
    return Node(f"group {group.index}", group_cells(group, view, drawing), below)


def group_cells(group: GroupView, view: SetView, drawing: Drawing) -> list[Cell]:
    """What a group is about, in one line."""
    pods = group.pods
    reason, style = status_of(group)
    message = group.message
    if len(message) > _LONG and not drawing.wide:
        message = f"{message[: _LONG - 3].rstrip()}..."
    outdated = mark("outdated", good=False) if group.outdated else ""
    return drawing.cells(
        share(sum(x.ready for x in pods), max(view.size, len(pods))),
        Text(reason, style=style),
        group.leader.created if group.leader is not None else "",
        line(outdated, message),
        restarts=_number(sum(x.restarts for x in pods)),
    )


def _drawn_set(one: StatefulSetView, drawing: Drawing, below: list[Node], more: str = "") -> Node:
    cells = drawing.cells(share(one.available, one.replicas), "", one.created, more, revision=one.revision)
    return Node(f"statefulset/{one.name}", cells, below)


def _drawn_pod(pod: PodView, revision: str, drawing: Drawing, below: list[Node] | None = None) -> Node:
    ready = mark(f"{pod.ready_containers}/{pod.containers}", good=pod.ready) if pod.containers else ""
    differs = pod.revision != revision
    cells = drawing.cells(
        ready or share(int(pod.ready), 1),
        mark(pod.state, good=pod.ready),
        pod.created,
        line(
            mark(f"revision {pod.revision}", good=False) if differs and not drawing.wide else "",
            "" if pod.node or drawing.wide else mark("no node", good=False),
        ),
        restarts=str(pod.restarts),
        revision=pod.revision,
        node=pod.node or "<none>",
    )
    return Node(f"pod/{pod.name}", cells, below or ())


def _number(value: int) -> str:
    return str(value) if value else ""
