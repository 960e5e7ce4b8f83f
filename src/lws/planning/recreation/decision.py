"""When a group must be recreated as a whole (reconcilers.md, 7.3; docs/decisions/010).

Level-triggered: the decision reads what is, so it does not matter which pod's event led here, or how many
were missed. How soon and how often is ``backoff``'s; what happens to a group that stays may not live here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from enum import Enum, auto
from typing import Final, NamedTuple

from lws.api import constants as c
from lws.api.leaderworkerset import GroupStatus, LeaderWorkerSet
from lws.api.workloads import Pod, StatefulSet
from lws.objects import controller_of
from lws.planning.actions import Action, Delete, GroupRecreated, Record, Requeue, StoreEntry, reference
from lws.planning.groups import Group, group_of
from lws.planning.observed import (
    Certainty,
    ObservedGroup,
    belongs_to,
    group_index,
    members,
    worker_set_of,
)
from lws.planning.recreation.backoff import Step, decide, decided, speaks_of, stored_entry


class _Mode(Enum):
    """Whether an incident recreates the group: never, always, or only once the group has started."""

    NEVER = auto()
    ALWAYS = auto()
    AFTER_START = auto()


class Restart(NamedTuple):
    """``recreating``: the group is on its way out, so nothing may be created for it.

    ``needs`` above the group's certainty: something is to be written, and what the decision rests on has to
    be read from the API server before; then plan again.
    """

    recreating: bool
    actions: tuple[Action, ...] = ()
    needs: Certainty = Certainty.CACHED


CONTAINER_RESTARTED: Final = "container_restarted"
POD_DELETED: Final = "pod_deleted"
POD_REPLACED: Final = "pod_replaced"
CAUSES: Final = (CONTAINER_RESTARTED, POD_DELETED, POD_REPLACED)
"""Why groups are recreated; replaced: nobody saw what became of the pod."""


class _Cause(NamedTuple):
    """Why a group is recreated. ``pod``: the one that failed; None when nobody saw which."""

    pod: Pod | None
    needs: Certainty

    @property
    def name(self) -> str:
        if self.pod is None:
            return POD_REPLACED
        return CONTAINER_RESTARTED if container_restarted(self.pod) else POD_DELETED


def plan_restart(group: ObservedGroup, *, now: float) -> Restart:
    """Delete the leader in the foreground when its incarnation of the group has died.

    Foreground, because worker StatefulSet, service and PodGroup block their owner's deletion: the old group
    is gone before its successor appears. A leader that is terminating already is not deleted again, which
    is what makes one incident cost one recreation. ``now``: seconds since 1970.
    """
    lws, leader = group.lws, group.leader
    if lws is None or leader is None:
        return Restart(False)
    cause = _cause(group, lws, leader)
    if cause is None:
        return Restart(False)
    if leader.deleting:
        return Restart(True)
    actions = _actions(lws, leader, cause, now=now)
    if group.certainty < cause.needs and any(not isinstance(x, Requeue) for x in actions):
        return Restart(True, needs=cause.needs)
    return Restart(True, actions)


def started(group: ObservedGroup) -> bool:
    """Whether deaths count from now on: at once, or with an after-start policy once no pod is pending."""
    own = group_of(group)
    if group.lws is None or own is None:
        return False
    mode = _mode(group.lws, own)
    return mode == _Mode.ALWAYS or (
        mode == _Mode.AFTER_START and not _pending(members(group), own.shape.size)
    )


def incarnation(group: ObservedGroup) -> str | None:
    """The digest of the workers' UIDs; None while the group is incomplete: a pod missing or terminating."""
    own = group_of(group)
    if own is None or own.leader.deleting or not own.complete:
        return None
    leader, sets = own.leader, own.workers
    workers = _workers(group, leader)
    count = sets.spec.replicas if sets is not None else 0
    if len(workers) != count or any(x.deleting for x in workers):
        return None
    return list(_digests(workers))[-1]


def container_restarted(pod: Pod) -> bool:
    """An init or main container restarted while the pod is Running or Pending.

    Failed pods do not count: the StatefulSet controller deletes them, and that deletion does.
    """
    status = pod.status
    return status.phase in ("Running", "Pending") and any(
        x.restart_count > 0 for x in (*status.init_container_statuses, *status.container_statuses)
    )


def _mode(lws: LeaderWorkerSet, own: Group) -> _Mode:
    """The table of 7.3, from the policy of the group's own revision; of the annotation presence counts."""
    policy = own.shape.restart_policy
    if policy == c.RESTART_RECREATE_GROUP_AFTER_START:
        return _Mode.AFTER_START
    if policy != c.RESTART_RECREATE_GROUP:
        return _Mode.NEVER
    return _Mode.AFTER_START if c.RECREATE_AFTER_START_ANNOTATION in lws.annotations else _Mode.ALWAYS


def _pending(pods: Sequence[Pod], size: int) -> bool:
    """The group has not started: pods are missing (terminating ones count) or Pending."""
    return len(pods) != size or any(x.status.phase == "Pending" for x in pods)


def _cause(group: ObservedGroup, lws: LeaderWorkerSet, leader: Pod) -> _Cause | None:
    """What asks for recreation: what was found before, what is seen, or what the record lacks.

    What is seen of a pod stays true of it however old the cache is. That a pod of the record is missing may
    be an old cache's mistake, so this has to be confirmed; and so has a leader before its entry takes the
    place of another one's, for that may be its successor's.
    """
    own = group_of(group)
    mode = _Mode.NEVER if own is None else _mode(lws, own)
    if own is None or mode == _Mode.NEVER:
        return None
    entry = stored_entry(lws, leader)
    mine = entry if entry is not None and speaks_of(entry, leader) else None
    failed = _failed_pod(group, leader, mode)
    if mine is not None and decided(mine):
        return _Cause(failed, Certainty.CACHED)
    if mode == _Mode.AFTER_START and _pending(members(group), own.shape.size):
        return None
    if failed is not None:
        return _Cause(failed, Certainty.CACHED if entry is None or mine is not None else Certainty.LEADER)
    if mine is not None and _replaced(group, leader, mine):
        return _Cause(None, Certainty.GROUP)
    return None


def _failed_pod(group: ObservedGroup, leader: Pod, mode: _Mode) -> Pod | None:
    """The first pod, by name, that was seen to restart or to go.

    A pod of another revision than its leader's is being replaced anyway and asks for nothing. What is gone
    may have gone before the group started, so it does not count where that matters.
    """
    lost = () if mode == _Mode.AFTER_START else group.lost
    sets = (*group.worker_sets, *(x for x in lost if isinstance(x, StatefulSet)))
    gone = (x for x in lost if isinstance(x, Pod))
    seen = (x for x in (leader, *group.pods) if container_restarted(x) or x.deleting)
    key = leader.labels.get(c.REVISION_LABEL)
    failed = [
        x
        for x in (*seen, *gone)
        if x.labels.get(c.REVISION_LABEL) == key and (x.uid == leader.uid or belongs_to(x, leader, sets))
    ]
    return min(failed, key=lambda pod: pod.name, default=None)


def _replaced(group: ObservedGroup, leader: Pod, entry: GroupStatus) -> bool:
    """The group as seen is not the recorded one: no first part of its workers is.

    Without its worker StatefulSet nothing can be told: that is created again first. More pods than were
    recorded are no death: somebody scaled the StatefulSet.
    """
    if not entry.workers or worker_set_of(leader, group.worker_sets) is None:
        return False
    if any(_unsettled(group, leader, x) for x in group.pods):
        return False
    return all(x != entry.workers for x in _digests(_workers(group, leader)))


def _unsettled(group: ObservedGroup, leader: Pod, pod: Pod) -> bool:
    """A worker by its name whose StatefulSet is gone: about to be adopted by the next, or to go, too."""
    if pod.deleting or not pod.name.removeprefix(f"{leader.name}-").isdigit():
        return False
    owner = controller_of(pod)
    if owner is None:
        return True
    known = any(x.uid == owner.uid for x in group.worker_sets)
    return owner.kind == "StatefulSet" and owner.name == leader.name and not known


def _workers(group: ObservedGroup, leader: Pod) -> list[Pod]:
    """The leader's workers, in the order of their ordinals."""
    found = [x for x in members(group) if x.uid != leader.uid]
    return sorted(found, key=lambda pod: (len(pod.name), pod.name))


def _digests(workers: Iterable[Pod]) -> Iterable[str]:
    """Of the first workers' UIDs: of none, of one, and so on up to all of them."""
    digest = hashlib.sha256()
    yield digest.hexdigest()[:16]
    for pod in workers:
        digest.update(pod.uid.encode() + b"\n")
        yield digest.hexdigest()[:16]


def _actions(lws: LeaderWorkerSet, leader: Pod, cause: _Cause, *, now: float) -> tuple[Action, ...]:
    """Store what is decided first; the pass that sees it stored does it."""
    index = group_index(leader)
    if index is None:  # no group of ours by its label: nothing can be stored of it
        return (_delete(lws, leader, cause),)
    stored = stored_entry(lws, leader)
    step, entry, wait = decide(stored, leader, limit=lws.max_group_restarts, now=now)
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


def _delete(lws: LeaderWorkerSet, leader: Pod, cause: _Cause) -> Delete:
    index = leader.labels.get(c.GROUP_INDEX_LABEL, "")
    done = f"deleted leader pod {leader.name} to recreate group {index}"
    event = _event(lws, leader, "Normal", c.REASON_RECREATE_GROUP, f"{_what(cause, index)}, {done}")
    then = (event, GroupRecreated(cause.name))
    return Delete("Pod", leader.key, leader.uid, propagation="Foreground", then=then)


def _backing_off(lws: LeaderWorkerSet, leader: Pod, cause: _Cause, *, restarts: int, wait: float) -> Record:
    index = leader.labels.get(c.GROUP_INDEX_LABEL, "")
    note = (
        f"{_what(cause, index)}, recreating group {index} in {max(1.0, wait):.0f} seconds"
        f" (recreations in a row so far: {restarts})"
    )
    return _event(lws, leader, "Warning", c.REASON_RECREATE_BACK_OFF, note)


def _given_up(lws: LeaderWorkerSet, leader: Pod, cause: _Cause, *, restarts: int) -> Record:
    index = leader.labels.get(c.GROUP_INDEX_LABEL, "")
    note = (
        f"{_what(cause, index)}, leaving group {index} as it is after {restarts} recreations in a row:"
        f" maxGroupRestarts is {lws.max_group_restarts}. To go on, delete pod {leader.name}, change the"
        " template, or raise maxGroupRestarts"
    )
    return _event(lws, leader, "Warning", c.REASON_MAX_RESTARTS_EXCEEDED, note)


def _what(cause: _Cause, index: str) -> str:
    if cause.pod is None:
        return f"A worker pod of group {index} was replaced"
    return f"Worker pod {cause.pod.name} failed"


def _event(lws: LeaderWorkerSet, leader: Pod, type_: str, reason: str, note: str) -> Record:
    return Record(
        regarding=reference(c.API_VERSION, c.KIND, lws),
        type=type_,
        reason=reason,
        action="Delete",
        note=note,
        related=reference("v1", "Pod", leader),
    )
