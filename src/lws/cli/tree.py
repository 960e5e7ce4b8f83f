"""``kubectl lws tree``: a set and all that was made for it, owner by owner, with what each is about."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import Struct
from rich.console import RenderableType
from rich.text import Text

from lws.api import constants as c
from lws.api.workloads import StatefulSet
from lws.cli.causes import group_causes
from lws.cli.drawing import BUSY, GOOD, age, line, mark
from lws.cli.kinds import Pod, reference
from lws.cli.observing import Group, Seen, groups_of, see
from lws.cli.outline import Cell, Node, outline
from lws.cli.pause import is_paused
from lws.cli.podcauses import Cause
from lws.cli.podstates import pod_state
from lws.cli.session import Session
from lws.cli.states import STYLES, state_of
from lws.cli.urgency import style_of
from lws.objects import KubeObject

_LONG: Final = 100
"""Characters of what is said of a group; all of it is ``why``'s, and ``-o wide``'s."""


class PodView(Struct, rename="camel"):
    """``containers``: those that have a status; ``ready_containers``: of these."""

    name: str
    state: str
    ready: bool
    revision: str
    node: str
    restarts: int
    created: str = ""
    containers: int = 0
    ready_containers: int = 0


class StatefulSetView(Struct, rename="camel", omit_defaults=True):
    """``partition`` is of the leader StatefulSet only."""

    name: str
    replicas: int
    available: int
    revision: str
    partition: int | None = None
    created: str = ""


class GroupView(Struct, rename="camel"):
    """``outdated``: a part of it was made from another template. ``reason`` and ``message``: the first thing
    that keeps it from being ready.
    """

    index: int
    ready: bool
    updated: bool
    leader: PodView | None
    worker_stateful_set: StatefulSetView | None
    workers: list[PodView]
    outdated: bool = False
    reason: str = ""
    message: str = ""

    @property
    def pods(self) -> list[PodView]:
        return [*([self.leader] if self.leader is not None else []), *self.workers]


class SetView(Struct, rename="camel"):
    """``revision``: the key of the present template. ``state``: in one word."""

    namespace: str
    name: str
    replicas: int
    size: int
    ready: int
    updated: int
    revision: str
    leader_stateful_set: StatefulSetView | None
    groups: list[GroupView]
    kind: str = c.KIND
    created: str = ""
    state: str = ""

    @property
    def names(self) -> list[str]:
        """Of all that is shown."""
        return [reference(self.kind, self.name), *parts_of(self)]


def parts_of(view: SetView) -> Iterator[str]:
    """What was made for the set, as kubectl names it."""
    if view.leader_stateful_set is not None:
        yield f"statefulset.apps/{view.leader_stateful_set.name}"
    for group in view.groups:
        if group.worker_stateful_set is not None:
            yield f"statefulset.apps/{group.worker_stateful_set.name}"
        yield from (f"pod/{x.name}" for x in group.pods)


def describe(seen: Seen, *, now: float) -> SetView:
    """What the tree shows. ``now``: seconds since 1970."""
    key, leader = seen.revision.key, seen.leader
    groups = groups_of(seen, key)
    causes = {x.group: x for x in group_causes(seen, {}, now=now)}
    return SetView(
        namespace=seen.lws.namespace,
        name=seen.lws.name,
        replicas=seen.lws.replicas,
        size=seen.lws.live_size,
        ready=sum(x.state.ready for x in groups),
        updated=sum(x.state.updated for x in groups),
        revision=key,
        leader_stateful_set=_stateful_set(leader, leading=True) if leader is not None else None,
        groups=[_group(x, key, causes) for x in groups],
        created=seen.lws.metadata.creation_timestamp or "",
        state=state_of(seen.lws, paused=is_paused(seen.lws))[0],
    )


def _group(group: Group, key: str, causes: Mapping[int | None, Cause]) -> GroupView:
    workers = [_pod(x) for x in group.pods if group.leader is None or x.uid != group.leader.uid]
    cause = causes.get(group.index)
    of_worker = cause is not None and cause.pod and (group.leader is None or cause.pod != group.leader.name)
    return GroupView(
        group.index,
        group.state.ready,
        group.state.updated,
        _pod(group.leader) if group.leader is not None else None,
        _stateful_set(group.workers) if group.workers is not None else None,
        workers,
        outdated=group.outdated(key),
        reason=cause.reason if cause is not None else "",
        message="" if cause is None else f"{cause.pod}: {cause.message}" if of_worker else cause.message,
    )


def _pod(pod: Pod) -> PodView:
    statuses = pod.status.container_statuses
    return PodView(
        pod.name,
        pod_state(pod),
        pod.ready,
        _revision(pod),
        pod.spec.node_name,
        pod.restarts,
        pod.metadata.creation_timestamp or "",
        len(statuses),
        sum(x.ready for x in statuses),
    )


def _stateful_set(one: StatefulSet, *, leading: bool = False) -> StatefulSetView:
    partition = one.spec.update_strategy.rolling_update.partition if leading else None
    return StatefulSetView(
        one.name,
        one.spec.replicas,
        one.status.available_replicas,
        _revision(one),
        partition,
        one.metadata.creation_timestamp or "",
    )


def _revision(obj: KubeObject) -> str:
    return obj.labels.get(c.REVISION_LABEL, "")


class Drawing(Struct, frozen=True):
    """How trees are drawn. ``now``: seconds since 1970. ``namespaced``: name the namespace, too."""

    now: float
    namespaced: bool = False
    wide: bool = False

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


def root_of(view: SetView, drawing: Drawing, more: Cell = "") -> Node:
    """The set, and everything below it. ``more``: to be told of it beside its revision."""
    updated = "" if view.updated >= view.replicas else f"{view.updated}/{view.replicas} updated"
    info = line(Text(updated, style=BUSY), f"revision {view.revision}", more)
    status = Text(view.state, style=STYLES.get(view.state, style_of(view.state)))
    cells = drawing.cells(share(view.ready, view.replicas), status, view.created, info)
    return Node(drawing.name(view.kind, view), cells, _below(view, drawing))


def _below(view: SetView, drawing: Drawing) -> list[Node]:
    groups = [_drawn_group(x, view, drawing) for x in view.groups]
    leader = view.leader_stateful_set
    if leader is None:
        return groups
    partition = f"partition {leader.partition}" if leader.partition else ""
    return [_drawn_set(leader, drawing, groups, partition)]


def _drawn_group(group: GroupView, view: SetView, drawing: Drawing) -> Node:
    below = [_drawn_pod(x, view.revision, drawing) for x in group.workers]
    if group.worker_stateful_set is not None:
        below = [_drawn_set(group.worker_stateful_set, drawing, below)]
    if group.leader is not None:
        below = [_drawn_pod(group.leader, view.revision, drawing, below)]
    return Node(f"group {group.index}", group_cells(group, view, drawing), below)


def group_cells(group: GroupView, view: SetView, drawing: Drawing) -> list[Cell]:
    """What a group is about, in one line."""
    pods = group.pods
    reason = group.reason or ("Ready" if group.ready else "NotReady")
    style = GOOD if reason == "Ready" else style_of(reason)
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


def drawing_for(session: Session) -> Drawing:
    return Drawing(time.time(), not session.namespace, session.output.format == "wide")


def run(session: Session, options: Any) -> int:
    """One LeaderWorkerSet."""
    view, drawing = describe(see(session, options.name), now=time.time()), drawing_for(session)
    session.show(view, drawing.table([root_of(view, drawing)]))
    return 0


def nothing(session: Session) -> Text:
    """What kubectl says of an empty list."""
    where = f"{session.namespace} namespace." if session.namespace else "any namespace."
    return Text(f"No leaderworkersets or disaggregatedsets found in {where}")
