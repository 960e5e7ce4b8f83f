"""When the pods of a group are told to stop: each after its owner, or all at once (docs/decisions/111).

With ``Parallel`` leaders carry Kubernetes' own finalizer ``foregroundDeletion``. Whoever deletes such a
leader without saying how deletes it in the foreground: the garbage collector stops its workers beside it and
keeps its name taken until they are gone, with or without this controller. Who says "background", as kubectl
does, takes the finalizer off; for those the deletion is asked for once more. Whether a group is to be deleted
at all may not live here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod, StatefulSet
from lws.objects import controlled_by
from lws.planning.actions import Delete, PatchMetadata
from lws.planning.observed import worker_set_of

FOREGROUND: Final = "foregroundDeletion"
ORPHAN: Final = "orphan"


def propagation(lws: LeaderWorkerSet) -> str:
    """How a leader is deleted that is to be replaced though its group has not failed."""
    return "Foreground" if stops_at_once(lws) else "Background"


def stops_at_once(lws: LeaderWorkerSet) -> bool:
    return lws.spec.pod_termination_policy == c.TERMINATION_PARALLEL


def plan_mark(lws: LeaderWorkerSet, leader: Pod) -> tuple[PatchMetadata, ...]:
    """Put the finalizer on a leader with workers, or take off what was put there under another policy.

    The annotation says that the finalizer is ours. Nothing is patched for a set that never had the field.
    """
    marked = leader.annotations.get(c.TERMINATION_POLICY_ANNOTATION) == c.TERMINATION_PARALLEL
    if stops_at_once(lws):
        if leader.annotations.get(c.SIZE_ANNOTATION) == "1":
            return ()
        if marked and FOREGROUND in leader.metadata.finalizers:
            return ()
        mark = {
            "annotations": {c.TERMINATION_POLICY_ANNOTATION: c.TERMINATION_PARALLEL},
            "finalizers": [FOREGROUND],
        }
        return (PatchMetadata("Pod", leader.key, leader.uid, mark),)
    if not marked:
        return ()
    unmark = {
        "annotations": {c.TERMINATION_POLICY_ANNOTATION: None},
        "$deleteFromPrimitiveList/finalizers": [FOREGROUND],
    }
    return (PatchMetadata("Pod", leader.key, leader.uid, unmark),)


def plan_stop(
    lws: LeaderWorkerSet | None, leader: Pod, pods: Iterable[Pod], sets: Iterable[StatefulSet]
) -> tuple[Delete, ...]:
    """Of a leader that is told to stop, by whomever, stop the workers, too: here and now.

    The garbage collector does so by itself where the leader goes in the foreground, but step by step, and
    each may wait for a second and more. ``pods`` and ``sets``: the group's; ``lws``: None once the set is
    gone, when the leader's mark tells. The StatefulSet goes first, or else it would replace its pods.
    ``--cascade=orphan`` is a wish like any other.
    """
    if not leader.deleting or ORPHAN in leader.metadata.finalizers or not _stops_workers(lws, leader):
        return ()
    workers = worker_set_of(leader, sets)
    if workers is None:
        return ()
    stop: list[Delete] = [*_once_more(leader)]
    if not workers.deleting:
        stop.append(Delete("StatefulSet", workers.key, workers.uid, propagation="Foreground"))
    mine = (x for x in pods if not x.deleting and controlled_by(x, workers.uid))
    return (*stop, *(Delete("Pod", x.key, x.uid) for x in sorted(mine, key=lambda x: x.name)))


def _stops_workers(lws: LeaderWorkerSet | None, leader: Pod) -> bool:
    if lws is not None:
        return stops_at_once(lws)
    return leader.annotations.get(c.TERMINATION_POLICY_ANNOTATION) == c.TERMINATION_PARALLEL


def _once_more(leader: Pod) -> tuple[Delete, ...]:
    """Of a leader that somebody deletes in the background: its name is to stay taken until its workers are
    gone.

    The API server changes the kind of a deletion that has begun only together with a shorter grace period,
    so the leader loses a second of it. One that has no second to lose is soon gone.
    """
    grace = leader.metadata.deletion_grace_period_seconds or 0
    if FOREGROUND in leader.metadata.finalizers or grace <= 1:
        return ()
    return (Delete("Pod", leader.key, leader.uid, propagation="Foreground", grace=grace - 1),)
