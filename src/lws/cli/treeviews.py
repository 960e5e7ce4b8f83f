"""What ``kubectl lws tree`` shows of a LeaderWorkerSet: the set and all that was made for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from lws.api import constants as c
from lws.api.workloads import StatefulSet
from lws.cli.causes import group_causes
from lws.cli.kinds import Pod, reference
from lws.cli.observing import Group, Seen, groups_of, tally_of
from lws.cli.pause import is_paused
from lws.cli.podcauses import Cause
from lws.cli.podstates import pod_state
from lws.cli.session import CommandError
from lws.cli.states import state_of
from lws.objects import KubeObject


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
    """``revision``: the key of the present template. ``state``: in one word. ``ready``: all that serve, surge
    too; ``updated``: of the wanted groups.
    """

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
    tally = tally_of(seen, groups)
    causes = {x.group: x for x in group_causes(seen, {}, now=now)}
    return SetView(
        namespace=seen.lws.namespace,
        name=seen.lws.name,
        replicas=seen.lws.replicas,
        size=seen.lws.live_size,
        ready=tally.serving,
        updated=tally.updated,
        revision=key,
        leader_stateful_set=_stateful_set(leader, leading=True) if leader is not None else None,
        groups=[_group(x, key, causes) for x in groups],
        created=seen.lws.metadata.creation_timestamp or "",
        state=state_of(seen.lws, paused=is_paused(seen.lws))[0],
    )


def describe_anyway(seen: Seen, *, now: float) -> SetView:
    """As ``describe``; of a set whose template nobody can read what it says itself, without its groups."""
    try:
        return describe(seen, now=now)
    except CommandError:
        lws, leader = seen.lws, seen.leader
    return SetView(
        namespace=lws.namespace,
        name=lws.name,
        replicas=lws.replicas,
        size=lws.live_size,
        ready=lws.status.ready_replicas,
        updated=lws.status.updated_replicas,
        revision="",
        leader_stateful_set=_stateful_set(leader, leading=True) if leader is not None else None,
        groups=[],
        created=lws.metadata.creation_timestamp or "",
        state=state_of(lws, paused=is_paused(lws))[0],
    )


def _group(group: Group, key: str, causes: Mapping[int | None, Cause]) -> GroupView:
    workers = [pod_view(x) for x in group.pods if group.leader is None or x.uid != group.leader.uid]
    cause = causes.get(group.index)
    of_worker = cause is not None and cause.pod and (group.leader is None or cause.pod != group.leader.name)
    return GroupView(
        group.index,
        group.state.ready,
        group.state.updated,
        pod_view(group.leader) if group.leader is not None else None,
        _stateful_set(group.workers) if group.workers is not None else None,
        workers,
        outdated=group.outdated(key),
        reason=cause.reason if cause is not None else "",
        message="" if cause is None else f"{cause.pod}: {cause.message}" if of_worker else cause.message,
    )


def pod_view(pod: Pod) -> PodView:
    """A pod as it says itself."""
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
