"""When a group must be recreated as a whole (reconcilers.md, 7.3).

Level-triggered: the decision reads what is, so it does not matter which pod's event led here, or how many
were missed. What happens to a group that stays may not live here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod
from lws.planning.actions import Action, Delete, Record, reference
from lws.planning.observed import Incarnation, ObservedGroup, members, worker_set_of


class _Mode(Enum):
    """Whether an incident recreates the group: never, always, or only once the group has started."""

    NEVER = auto()
    ALWAYS = auto()
    AFTER_START = auto()


class Restart(NamedTuple):
    """``recreating``: the group is on its way out, so nothing may be created for it."""

    recreating: bool
    actions: tuple[Action, ...] = ()


def plan_restart(group: ObservedGroup) -> Restart:
    """Delete the leader in the foreground when a pod of its incarnation restarted or is being deleted.

    Foreground, because worker StatefulSet, service and PodGroup block their owner's deletion: the old group
    is gone before its successor appears. A leader that is terminating already is not deleted again, which
    is what makes one incident cost one recreation.
    """
    lws, leader = group.lws, group.leader
    if lws is None or leader is None:
        return Restart(False)
    mode = _mode(lws)
    pods = members(group)
    if mode == _Mode.NEVER or (mode == _Mode.AFTER_START and _pending(pods, lws.size)):
        return Restart(False)
    trigger = _trigger(group, leader, pods)
    if trigger is None:
        return Restart(False)
    if leader.deleting:
        return Restart(True)
    return Restart(True, (_delete(lws, leader, trigger),))


def incarnation(group: ObservedGroup) -> Incarnation | None:
    """The present incarnation, or None while the group is incomplete: a worker missing or terminating."""
    leader = group.leader
    sets = worker_set_of(leader, group.worker_sets) if leader is not None else None
    pods = members(group)
    if leader is None or sets is None or len(pods) != sets.spec.replicas + 1 or any(x.deleting for x in pods):
        return None
    uids = sorted(x.uid for x in pods if x.uid != leader.uid)
    return Incarnation(leader.uid, hashlib.sha256("\n".join(uids).encode()).hexdigest())


def container_restarted(pod: Pod) -> bool:
    """An init or main container restarted while the pod is Running or Pending.

    Failed pods do not count: the StatefulSet controller deletes them, and that deletion does.
    """
    status = pod.status
    return status.phase in ("Running", "Pending") and any(
        x.restart_count > 0 for x in (*status.init_container_statuses, *status.container_statuses)
    )


def _mode(lws: LeaderWorkerSet) -> _Mode:
    """The table of 7.3, from the live policy; the annotation counts by presence alone."""
    policy = lws.restart_policy
    if policy == c.RESTART_RECREATE_GROUP_AFTER_START:
        return _Mode.AFTER_START
    if policy != c.RESTART_RECREATE_GROUP:
        return _Mode.NEVER
    return _Mode.AFTER_START if c.RECREATE_AFTER_START_ANNOTATION in lws.annotations else _Mode.ALWAYS


def _pending(pods: Sequence[Pod], size: int) -> bool:
    """The group has not started: pods are missing (by live size; terminating ones count) or Pending."""
    return len(pods) != size or any(x.status.phase == "Pending" for x in pods)


def _trigger(group: ObservedGroup, leader: Pod, pods: Sequence[Pod]) -> Pod | None:
    """The first pod, by name, that asks for recreation.

    A pod of another revision than its leader's is being replaced anyway and asks for nothing. A complete
    group that is not the recorded one lost a pod while nobody looked; nobody knows which, so name the leader.
    """
    key = leader.labels.get(c.REVISION_LABEL)
    for pod in pods:
        if pod.labels.get(c.REVISION_LABEL) == key and (container_restarted(pod) or pod.deleting):
            return pod
    return leader if _replaced(group, leader) else None


def _replaced(group: ObservedGroup, leader: Pod) -> bool:
    recorded = group.recorded
    if recorded is None or recorded.leader_uid != leader.uid:
        return False
    now = incarnation(group)
    return now is not None and now != recorded


def _delete(lws: LeaderWorkerSet, leader: Pod, trigger: Pod) -> Delete:
    index = leader.labels.get(c.GROUP_INDEX_LABEL, "")
    event = Record(
        regarding=reference(c.API_VERSION, c.KIND, lws),
        type="Normal",
        reason=c.REASON_RECREATE_GROUP,
        action="Delete",
        note=f"Worker pod {trigger.name} failed, deleted leader pod {leader.name} to recreate group {index}",
        related=reference("v1", "Pod", leader),
    )
    return Delete("Pod", leader.key, leader.uid, propagation="Foreground", then=(event,))
