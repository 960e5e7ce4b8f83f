"""Events about a LeaderWorkerSet, which users find by the set, and by the pod that they are related to.

Only how an event is put together; which one is due, and with what words, is said where it is decided.
"""

from __future__ import annotations

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod
from lws.objects import ObjectReference
from lws.planning.actions import Record, reference


def normal(
    lws: LeaderWorkerSet, reason: str, action: str, note: str, *, related: ObjectReference | None = None
) -> Record:
    """That something was done. ``action``: ``Create``, ``Update`` or ``Delete``."""
    return Record(reference(c.API_VERSION, c.KIND, lws), "Normal", reason, action, note, related)


def warning(
    lws: LeaderWorkerSet, reason: str, action: str, note: str, *, related: ObjectReference | None = None
) -> Record:
    """That something could not be done, or that users may have to act."""
    return Record(reference(c.API_VERSION, c.KIND, lws), "Warning", reason, action, note, related)


def failed_delete(lws: LeaderWorkerSet, kind: str, name: str, *, leader: Pod | None = None) -> Record:
    """The warning of a delete that fails. ``leader``: of the group that it is about."""
    related = pod_reference(leader) if leader is not None else None
    return warning(lws, c.REASON_FAILED_DELETE, "Delete", f"Failed to delete {kind} {name}", related=related)


def pod_reference(pod: Pod) -> ObjectReference:
    """For an event that a pod is related to."""
    return reference("v1", "Pod", pod)
