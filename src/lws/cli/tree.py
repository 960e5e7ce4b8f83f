"""``kubectl lws tree``: a set and everything that was made for it, owner by owner."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree

from lws.api import constants as c
from lws.api.workloads import StatefulSet
from lws.cli.drawing import QUIET, line, mark
from lws.cli.kinds import Pod
from lws.cli.observing import Group, Seen, groups_of, see
from lws.cli.podstates import pod_state
from lws.cli.session import Session
from lws.objects import KubeObject


class PodView(Struct, rename="camel"):
    name: str
    state: str
    ready: bool
    revision: str
    node: str
    restarts: int


class StatefulSetView(Struct, rename="camel", omit_defaults=True):
    """``partition`` is of the leader StatefulSet only."""

    name: str
    replicas: int
    available: int
    revision: str
    partition: int | None = None


class GroupView(Struct, rename="camel"):
    """``other_pods``: with the group's index, but not part of its present incarnation."""

    index: int
    ready: bool
    updated: bool
    leader: PodView | None
    worker_stateful_set: StatefulSetView | None
    workers: list[PodView]


class SetView(Struct, rename="camel"):
    """``revision``: the key of the present template."""

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


def describe(seen: Seen) -> SetView:
    """What the tree shows."""
    key, leader = seen.revision.key, seen.leader
    groups = groups_of(seen, key)
    return SetView(
        namespace=seen.lws.namespace,
        name=seen.lws.name,
        replicas=seen.lws.replicas,
        size=seen.lws.live_size,
        ready=sum(x.state.ready for x in groups),
        updated=sum(x.state.updated for x in groups),
        revision=key,
        leader_stateful_set=_stateful_set(leader, leading=True) if leader is not None else None,
        groups=[_group(x) for x in groups],
    )


def _group(group: Group) -> GroupView:
    workers = [_pod(x) for x in group.pods if group.leader is None or x.uid != group.leader.uid]
    return GroupView(
        group.index,
        group.state.ready,
        group.state.updated,
        _pod(group.leader) if group.leader is not None else None,
        _stateful_set(group.workers) if group.workers is not None else None,
        workers,
    )


def _pod(pod: Pod) -> PodView:
    return PodView(pod.name, pod_state(pod), pod.ready, _revision(pod), pod.spec.node_name, pod.restarts)


def _stateful_set(one: StatefulSet, *, leading: bool = False) -> StatefulSetView:
    partition = one.spec.update_strategy.rolling_update.partition if leading else None
    status = one.status
    return StatefulSetView(one.name, one.spec.replicas, status.available_replicas, _revision(one), partition)


def _revision(obj: KubeObject) -> str:
    return obj.labels.get(c.REVISION_LABEL, "")


def draw(view: SetView, *, namespaced: bool = False) -> RenderableType:
    """``namespaced``: name the namespace, too."""
    root = Tree(heading(view, namespaced=namespaced), guide_style=QUIET)
    grow(root, view)
    return root


def heading(view: SetView, *, namespaced: bool = False) -> Text:
    """The set itself."""
    where = f"{view.namespace}/" if namespaced else ""
    return line(
        Text(f"leaderworkerset/{where}{view.name}", style="bold"),
        mark(f"{view.ready}/{view.replicas} groups ready", good=view.ready >= view.replicas),
        mark(f"{view.updated}/{view.replicas} updated", good=view.updated >= view.replicas),
        f"revision {view.revision}",
    )


def grow(root: Tree, view: SetView) -> None:
    """What was made for the set, below it."""
    top = root
    if view.leader_stateful_set is not None:
        partition = view.leader_stateful_set.partition
        top = root.add(_drawn_set(view.leader_stateful_set, f"partition {partition}" if partition else ""))
    for group in view.groups:
        _draw_group(top, group, view.revision)


def _draw_group(top: Tree, group: GroupView, revision: str) -> None:
    branch = top.add(
        line(
            f"group {group.index}",
            mark("ready" if group.ready else "not ready", good=group.ready),
            "" if group.updated else mark("outdated", good=False),
        )
    )
    if group.leader is not None:
        branch = branch.add(_drawn_pod(group.leader, revision))
    if group.worker_stateful_set is not None:
        branch = branch.add(_drawn_set(group.worker_stateful_set))
    for worker in group.workers:
        branch.add(_drawn_pod(worker, revision))


def _drawn_set(view: StatefulSetView, more: str = "") -> Text:
    available = mark(f"{view.available}/{view.replicas} available", good=view.available == view.replicas)
    return line(f"statefulset/{view.name}", available, more)


def _drawn_pod(view: PodView, revision: str) -> Text:
    return line(
        f"pod/{view.name}",
        mark(view.state, good=view.ready),
        mark("ready" if view.ready else "not ready", good=view.ready),
        f"revision {view.revision}"
        if view.revision == revision
        else mark(f"revision {view.revision}", good=False),
        f"{view.restarts} restarts" if view.restarts else "",
        f"node {view.node}" if view.node else mark("no node", good=False),
    )


def run(session: Session, options: Any) -> int:
    """One LeaderWorkerSet."""
    view = describe(see(session, options.name))
    session.show(view, draw(view))
    return 0


def nothing(session: Session) -> Text:
    """What kubectl says of an empty list."""
    where = f"{session.namespace} namespace." if session.namespace else "any namespace."
    return Text(f"No leaderworkersets or disaggregatedsets found in {where}")
