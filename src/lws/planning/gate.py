"""The readiness gate of leaders: one gets traffic only while its workers are whole (docs/decisions/201).

Who has a gate is decided when a leader is admitted, by the set's ``groupReadiness``; from then on the pod
says it, whatever becomes of the field. The leader's own containers are the kubelet's affair: it makes the pod
Ready once they are and this condition is True.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from lws.api import constants as c
from lws.api.timestamps import rfc3339
from lws.api.workloads import Pod
from lws.planning.actions import Action, PatchCondition, Requeue
from lws.planning.groups import Group
from lws.planning.observed import ObservedGroup
from lws.planning.recreation.record import whole_workers

DEBOUNCE: Final = 2.0
"""Seconds that a worker may be not ready before its leader gets no traffic; one that is gone has none."""

_WHOLE: Final = "All workers of the group are ready"


class Workers(Enum):
    """Of a group as far as its leader's traffic is concerned."""

    WHOLE = auto()
    UNREADY = auto()
    """All are there, and not all are ready."""
    BROKEN = auto()
    """One is missing, going, ended, or of another revision than the leader."""


def workers_state(group: ObservedGroup, own: Group) -> Workers:
    """Judged by the pods themselves: their StatefulSet learns later of what becomes of them."""
    workers = whole_workers(own, group.pods)
    if workers is None or any(x.ended for x in workers):
        return Workers.BROKEN
    return Workers.WHOLE if all(x.ready for x in workers) else Workers.UNREADY


def waits(group: ObservedGroup, own: Group) -> bool:
    """Whether the gate is open and workers are not ready: whoever asks has to tell since when."""
    return own.leader.gated and own.leader.gate_open and workers_state(group, own) is Workers.UNREADY


def plan_gate(group: ObservedGroup, own: Group, *, now: float) -> tuple[Action, ...]:
    """Open the gate of a whole group, and close that of another. ``now``: seconds since 1970.

    A condition that is missing keeps the pod from being Ready as one that is False does, so none is written
    before the first opening.
    """
    leader = own.leader
    if not leader.gated or leader.deleting:
        return ()
    state = workers_state(group, own)
    if state is Workers.WHOLE:
        return () if leader.gate_open else (_condition(leader, "True", c.REASON_GROUP_READY, _WHOLE, now),)
    if not leader.gate_open:
        return ()
    if state is Workers.UNREADY and group.unready_for < DEBOUNCE:
        return (Requeue(DEBOUNCE - group.unready_for),)
    gone = state is Workers.BROKEN
    message = f"A worker of the group is {'gone or going' if gone else 'not ready'}"
    return (_condition(leader, "False", c.REASON_WORKERS_NOT_READY, message, now),)


def close_gate(leader: Pod, *, now: float) -> tuple[Action, ...]:
    """Close the gate of a group that is to be recreated, before anything of it goes."""
    message = "The group has failed and is recreated as a whole, or left as it is"
    return _closed(leader, c.REASON_GROUP_FAILED, message, now)


def drain_gate(leader: Pod, *, now: float) -> tuple[Action, ...]:
    """Close the gate of a group that is updated in place, before anything of it restarts."""
    return _closed(leader, c.REASON_UPDATING_IN_PLACE, "The group is being updated in place", now)


def _closed(leader: Pod, reason: str, message: str, now: float) -> tuple[Action, ...]:
    if leader.deleting or not (leader.gated and leader.gate_open):
        return ()
    return (_condition(leader, "False", reason, message, now),)


def _condition(leader: Pod, status: str, reason: str, message: str, now: float) -> PatchCondition:
    condition = {
        "type": c.GROUP_READY_GATE,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": rfc3339(now),
    }
    return PatchCondition("Pod", leader.key, leader.uid, condition)
