"""Whether a group is recreated as a whole now (reconcilers.md, 7.3; docs/decisions/010).

Level-triggered: the decision reads what is, so it does not matter which pod's event led here, or how many
were missed. What counts as a death is ``evidence``'s, how soon and how often is ``backoff``'s; what happens
to a group that stays may not live here.
"""

from __future__ import annotations

from typing import NamedTuple

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod
from lws.planning.actions import Action, Delete, GroupRecreated, Record, Requeue, StoreEntry
from lws.planning.events import failed_delete, normal, pod_reference, warning
from lws.planning.groups import group_of
from lws.planning.observed import Certainty, ObservedGroup, group_index
from lws.planning.recreation.backoff import Step, decide, stored_entry
from lws.planning.recreation.evidence import Cause, find_cause


class Restart(NamedTuple):
    """``recreating``: the group is on its way out, so nothing may be created for it.

    ``needs`` above the group's certainty: something is to be written, and what the decision rests on has to
    be read from the API server before; then plan again.
    """

    recreating: bool
    actions: tuple[Action, ...] = ()
    needs: Certainty = Certainty.CACHED


def plan_restart(group: ObservedGroup, *, now: float) -> Restart:
    """Delete the leader in the foreground when its incarnation of the group has died.

    Foreground, because worker StatefulSet, service and PodGroup block their owner's deletion: the old group
    is gone before its successor appears. A leader that is terminating already is not deleted again, which
    is what makes one incident cost one recreation. ``now``: seconds since 1970.
    """
    lws, own = group.lws, group_of(group)
    if lws is None or own is None:
        return Restart(False)
    cause = find_cause(group, lws, own)
    if cause is None:
        return Restart(False)
    if own.leader.deleting:
        return Restart(True)
    actions = _actions(lws, own.leader, cause, now=now)
    if group.certainty < cause.needs and any(not isinstance(x, Requeue) for x in actions):
        return Restart(True, needs=cause.needs)
    return Restart(True, actions)


def _actions(lws: LeaderWorkerSet, leader: Pod, cause: Cause, *, now: float) -> tuple[Action, ...]:
    """Store what is decided first; the pass that sees it stored does it."""
    index = group_index(leader)
    if index is None:  # no group of ours by its label: nothing can be stored of it
        return (_delete(lws, leader, cause),)
    stored = stored_entry(lws, leader)
    step, entry, wait = decide(stored, leader, counts=cause.counts, limit=lws.max_group_restarts, now=now)
    if entry != stored:
        tell: tuple[Record, ...] = ()
        if step == Step.WAIT:
            tell = (_backing_off(lws, leader, cause, restarts=entry.restarts, wait=wait),)
        elif step == Step.GIVE_UP:
            tell = (_given_up(lws, leader, cause, restarts=entry.restarts),)
        return (StoreEntry(lws, str(index), entry, leader.key, then=tell),)
    if step == Step.WAIT:
        return (Requeue(wait),)
    return (_delete(lws, leader, cause),) if step == Step.RECREATE else ()


def _delete(lws: LeaderWorkerSet, leader: Pod, cause: Cause) -> Delete:
    index = leader.labels.get(c.GROUP_INDEX_LABEL, "")
    done = f"deleted leader pod {leader.name} to recreate group {index}"
    note = f"{_what(cause, index)}, {done}"
    event = normal(lws, c.REASON_RECREATE_GROUP, "Delete", note, related=pod_reference(leader))
    then = (event, GroupRecreated(cause.name, lws.key))
    failed = failed_delete(lws, "leader pod", leader.name, leader=leader)
    return Delete("Pod", leader.key, leader.uid, propagation="Foreground", then=then, failed=failed)


def _backing_off(lws: LeaderWorkerSet, leader: Pod, cause: Cause, *, restarts: int, wait: float) -> Record:
    index = leader.labels.get(c.GROUP_INDEX_LABEL, "")
    note = (
        f"{_what(cause, index)}, recreating group {index} in {max(1.0, wait):.0f} seconds"
        f" (recreations in a row so far: {restarts})"
    )
    return warning(lws, c.REASON_RECREATE_BACK_OFF, "Delete", note, related=pod_reference(leader))


def _given_up(lws: LeaderWorkerSet, leader: Pod, cause: Cause, *, restarts: int) -> Record:
    index = leader.labels.get(c.GROUP_INDEX_LABEL, "")
    note = (
        f"{_what(cause, index)}, leaving group {index} as it is after {restarts} recreations in a row:"
        f" maxGroupRestarts is {lws.max_group_restarts}. To go on, delete pod {leader.name}, change the"
        " template, or raise maxGroupRestarts"
    )
    return warning(lws, c.REASON_MAX_RESTARTS_EXCEEDED, "Delete", note, related=pod_reference(leader))


def _what(cause: Cause, index: str) -> str:
    if cause.pod is None:
        return f"A worker pod of group {index} was replaced"
    return f"Worker pod {cause.pod.name} failed"
