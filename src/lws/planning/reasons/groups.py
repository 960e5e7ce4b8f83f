"""Why one group is not ready: the first reason of the table that holds, of the leader before the workers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain, islice
from typing import Final, NamedTuple

from lws.api import constants as c
from lws.api.leaderworkerset import GroupStatus, LeaderWorkerSet
from lws.api.timestamps import epoch
from lws.api.workloads import Pod
from lws.planning.actions import Problem
from lws.planning.groups import Group, Groups
from lws.planning.observed import ObservedSet, is_leader
from lws.planning.problems import SetProblems
from lws.planning.reasons.pods import due, pod_reason
from lws.planning.reasons.standing import Reason, Standing, standing
from lws.planning.recreation.backoff import in_a_row, speaks_of

_OF_PROBLEM: Final = {
    c.REASON_PODS_REFUSED: Reason.FAILED_CREATE,
    c.REASON_WORKERS_REFUSED: Reason.FAILED_CREATE,
    c.REASON_WAITING_FOR_CLAIM: Reason.WAITING_FOR_CLAIM,
    c.REASON_GROUP_CLAIMS_UNSUPPORTED: Reason.WAITING_FOR_CLAIM,
}


_UNEVENTFUL: Final = frozenset({Reason.NOT_READY, Reason.WAITING_FOR_WORKERS})
_BETWEEN_CRASHES: Final = _UNEVENTFUL | {Reason.REPLACING}
"""What a group that crashes again and again has for a reason while it has not crashed yet again."""


class Waits(NamedTuple):
    """What a group's reason is read from.

    ``group``: None while there is no leader. ``pods``: all with the group's label. ``entry``: what the status
    holds of it. ``held``: a roll is not to update it now, and it is outdated. ``problems``: what is known to
    keep its pods from being made.
    """

    group: Group | None
    pods: Sequence[Pod] = ()
    entry: GroupStatus | None = None
    held: bool = False
    problems: Collection[Problem] = ()


def waiting_groups(
    observed: ObservedSet, groups: Groups, key: str, problems: SetProblems
) -> dict[int, Waits]:
    """The groups that are not ready, wanted ones and those of a surge, without their pods: the lowest in
    number, as many as a status has room for. ``key``: the current revision's.
    """
    lws, found = observed.lws, dict[int, Waits]()
    surge = sorted(x for x in groups.by_index if x >= lws.replicas)
    for index in islice(chain(range(lws.replicas), surge), c.MOST_STORED_GROUPS):
        group = groups.by_index.get(index)
        if group is not None and group.ready:
            continue
        held = group is not None and group.state(key).outdated and index < lws.partition
        about = problems.own if group is None else problems.groups.get(index, ())
        found[index] = Waits(group, (), lws.status.groups.get(str(index)), held, about)
    return found


def group_reason(lws: LeaderWorkerSet, waits: Waits, *, at: float) -> tuple[Standing, float | None]:
    """Why a group that is not ready is not, and the seconds until time alone may change that (None: never).

    ``at``: seconds since 1970.
    """
    of_pods = [x for x in (pod_reason(pod, at=at) for pod in _in_order(waits)) if x is not None]
    found = [*of_pods, *_of_group(lws, waits, of_pods, at=at)]
    told = min(found, key=lambda x: x.reason.rank, default=None) or _nothing_said(waits)
    if _updated_in_place(waits.group) and told.reason in _UNEVENTFUL:
        told = standing(Reason.IN_PLACE, f"is updated in place: {told.message}")
    elif told.reason in _BETWEEN_CRASHES and (row := in_a_row(waits.entry)):
        told = standing(told.reason, f"{told.message}, after {recreations(row)} in a row")
    times = (due(pod, at=at) for pod in waits.pods)
    return told, min((x for x in (*times, _down_for(waits.entry, at=at)) if x is not None), default=None)


def _updated_in_place(group: Group | None) -> bool:
    """Its containers restart because they are to, unless the update was given up."""
    return group is not None and group.mark is not None and not group.mark.anew


def _in_order(waits: Waits) -> list[Pod]:
    """The leader first."""
    return sorted(waits.pods, key=lambda pod: (not is_leader(pod), len(pod.name), pod.name))


def _of_group(
    lws: LeaderWorkerSet, waits: Waits, of_pods: Sequence[Standing], *, at: float
) -> list[Standing]:
    """What no single pod says."""
    group = waits.group
    if group is None:
        return _refused(waits)
    kept = _kept_down(group, waits.entry, of_pods, at=at)
    held = [standing(Reason.HELD, "is not updated now: below the partition, or paused")] if waits.held else []
    return [*kept, *held, *_without_workers(lws, group, of_pods), *_refused(waits)]


def _kept_down(
    group: Group, entry: GroupStatus | None, of_pods: Sequence[Standing], *, at: float
) -> list[Standing]:
    """It was found dead, and stays so for a while or for good; what its pods say of it stands with that."""
    if entry is None or not speaks_of(entry, group.leader):
        return []
    failing = next((f": {x.message}" for x in of_pods if not x.reason.on_its_way), "")
    if entry.failed:
        message = f"is left failed after maxGroupRestarts recreations in a row{failing}"
        return [standing(Reason.MAX_RESTARTS, message)]
    if entry.backoff_until and epoch(entry.backoff_until) > at:
        return [standing(Reason.RESTART_BACK_OFF, f"is recreated at {entry.backoff_until}{failing}")]
    return []


def _down_for(entry: GroupStatus | None, *, at: float) -> float | None:
    """Seconds until its recreation is due: one that does not come is not told as one to come."""
    left = epoch(entry.backoff_until) - at if entry is not None and entry.backoff_until else 0.0
    return left if left > 0 else None


def recreations(number: int) -> str:
    return f"{number} recreation{'' if number == 1 else 's'}"


def _without_workers(lws: LeaderWorkerSet, group: Group, of_pods: Sequence[Standing]) -> list[Standing]:
    """Its workers are made only once the leader is ready, or has a node."""
    if group.complete or group.leader.deleting:
        return []
    why = f": {of_pods[0].message}" if of_pods else ""
    if lws.startup_policy == c.STARTUP_LEADER_READY and not group.leader.serves:
        return [standing(Reason.WAITING_FOR_LEADER, f"workers are made once the leader is ready{why}")]
    if group.leader.annotations.get(c.EXCLUSIVE_TOPOLOGY_ANNOTATION) and not group.leader.spec.node_name:
        return [standing(Reason.WAITING_FOR_LEADER, f"workers are made once the leader has a node{why}")]
    return []


def _refused(waits: Waits) -> list[Standing]:
    """What is known to keep its pods from being made, or from being placed."""
    return [standing(_OF_PROBLEM[x.reason], x.message) for x in waits.problems if x.reason in _OF_PROBLEM]


def _nothing_said(waits: Waits) -> Standing:
    group = waits.group
    if group is None:
        return standing(Reason.NOT_READY, "has no leader pod yet")
    if group.leader.ready:
        return standing(Reason.WAITING_FOR_WORKERS, "the leader is ready, workers are being made")
    return standing(Reason.NOT_READY, "is about to be ready")
