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


def plan_stop(lws: LeaderWorkerSet, leader: Pod, sets: Iterable[StatefulSet]) -> tuple[Delete, ...]:
    """Of a leader that somebody deletes in the background, stop the workers, too.

    The API server changes the kind of a deletion that has begun only together with a shorter grace period,
    so the leader loses a second of it. One that has no second to lose is soon gone: then its worker
    StatefulSet is deleted. ``--cascade=orphan`` is a wish like any other.
    """
    finalizers = leader.metadata.finalizers
    if not stops_at_once(lws) or not leader.deleting or FOREGROUND in finalizers or ORPHAN in finalizers:
        return ()
    workers = worker_set_of(leader, sets)
    if workers is None or workers.deleting:
        return ()
    grace = leader.metadata.deletion_grace_period_seconds or 0
    if grace > 1:
        return (Delete("Pod", leader.key, leader.uid, propagation="Foreground", grace=grace - 1),)
    return (Delete("StatefulSet", workers.key, workers.uid, propagation="Foreground"),)
