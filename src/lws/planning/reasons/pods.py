"""Why one pod is not ready, from its own status. What alternates by itself must come out the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lws.api import constants as c
from lws.api.timestamps import epoch
from lws.api.workloads import ContainerStatus, Pod, Terminated
from lws.planning.inplace.marks import mark_on
from lws.planning.observed import is_leader
from lws.planning.reasons.standing import Reason, Standing, standing

STUCK: Final = 30.0
"""Seconds after its grace period that a pod may take to go."""

IMAGE_REASONS: Final = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
_CREATING: Final = frozenset({"", "ContainerCreating", "PodInitializing"})
_CRASHING: Final = "CrashLoopBackOff"
# They alternate with the former, from the second time on.
_ENDED_AT_ONCE: Final = frozenset({"RunContainerError", "PostStartHookError"})


def pod_reason(pod: Pod, *, at: float) -> Standing | None:
    """None: it is ready. ``at``: seconds since 1970."""
    if pod.deleting:
        return _leaving(pod, at)
    if pod.ready:
        return None
    return (
        _unplaced(pod)
        or _ended(pod)
        or _waiting_container(pod)
        or _initializing(pod)
        or _crashing(pod)
        or _unready(pod)
    )


def due(pod: Pod, *, at: float) -> float | None:
    """Seconds until a pod on its way out counts as stuck; None when that does not lie ahead."""
    left = epoch(pod.metadata.deletion_timestamp or "") + STUCK - at if pod.deleting else 0.0
    return left if left > 0 else None


def _leaving(pod: Pod, at: float) -> Standing:
    if due(pod, at=at) is not None:
        return standing(Reason.REPLACING, f"pod {pod.name} is on its way out")
    where = f" on node {pod.spec.node_name}" if pod.spec.node_name else ""
    return standing(Reason.STUCK_TERMINATING, f"pod {pod.name}{where} should be gone by now")


def _unplaced(pod: Pod) -> Standing | None:
    if pod.spec.scheduling_gates and not pod.spec.node_name:
        names = ", ".join(x.name for x in pod.spec.scheduling_gates)
        return standing(Reason.SCHEDULING_GATED, f"pod {pod.name}: scheduling gates {names}")
    found = pod.condition("PodScheduled")
    if found is not None and found.status == "False":
        return standing(Reason.UNSCHEDULABLE, f"pod {pod.name}: {found.message or 'has no node'}")
    return None


def _ended(pod: Pod) -> Standing | None:
    """For good: a pod of a StatefulSet is replaced then."""
    if not pod.ended:
        return None
    text = pod.status.message or pod.status.reason or _codes(pod) or pod.status.phase
    return standing(Reason.CRASH_LOOP, f"pod {pod.name} has ended: {text}")


def _codes(pod: Pod) -> str:
    ended = ((x.name, x.state.terminated) for x in pod.status.container_statuses)
    return ", ".join(f"{name} with code {x.exit_code}" for name, x in ended if x is not None)


def _waiting_container(pod: Pod) -> Standing | None:
    """A container that cannot be made. Its image first: nothing else of it can be seen before."""
    for one in _all(pod):
        if _waits_for(one) in IMAGE_REASONS:
            what = f"container {one.name} cannot get its image {one.image}".rstrip()
            return standing(Reason.IMAGE_PULL, f"pod {pod.name}: {what}")
    for one in _all(pod):
        reason = _waits_for(one)
        ended = reason == _CRASHING or (reason in _ENDED_AT_ONCE and _last_end(pod, one) is not None)
        if reason not in _CREATING and not ended:
            text = one.state.waiting.message if one.state.waiting is not None else ""
            why = f"{reason}: {text}" if text else reason
            return standing(Reason.CREATE_CONTAINER, f"pod {pod.name}: container {one.name}: {why}")
    return None


def _initializing(pod: Pod) -> Standing | None:
    if not pod.status.init_container_statuses:
        return None
    found = pod.condition("Initialized")
    if found is None or found.status == "True":
        return None
    for one in pod.status.init_container_statuses:
        ended = one.state.terminated
        if (ended is None or ended.exit_code) and not one.ready:
            last = _last_end(pod, one)
            failed = (
                f", which ended with code {last.exit_code}" if last is not None and last.exit_code else ""
            )
            return standing(Reason.INITIALIZING, f"pod {pod.name}: init container {one.name}{failed}")
    return None


def _crashing(pod: Pod) -> Standing | None:
    """Once a container has ended and is not ready, whether it runs just now or waits."""
    for one in _all(pod):
        last = None if one.ready else _last_end(pod, one)
        if last is not None and last.exit_code:
            code = last.exit_code
            return standing(Reason.CRASH_LOOP, f"pod {pod.name}: container {one.name} ended with code {code}")
        if last is not None or _waits_for(one) == _CRASHING:
            return standing(Reason.CRASH_LOOP, f"pod {pod.name}: container {one.name} ends again and again")
    return None


def _unready(pod: Pod) -> Standing:
    """It runs, or is about to: then it is no more than a worker that is waited for, or a leader."""
    if pod.status.phase != "Running":
        reason = Reason.NOT_READY if is_leader(pod) else Reason.WAITING_FOR_WORKERS
        how = "is being started" if pod.spec.node_name else "has no node yet"  # nor has a scheduler said why
        return standing(reason, f"pod {pod.name} {how}")
    waiting = [x.name for x in _all(pod) if not x.ready]
    if waiting:
        return standing(Reason.NOT_READY, f"pod {pod.name}: containers {', '.join(waiting)} are not ready")
    gates = [x.condition_type for x in pod.spec.readiness_gates]
    closed = [x for x in gates if (found := pod.condition(x)) is None or found.status != "True"]
    if closed == [c.GROUP_READY_GATE]:
        return standing(Reason.WAITING_FOR_WORKERS, "the leader is ready, its workers are not")
    if closed:
        return standing(Reason.NOT_READY, f"pod {pod.name}: readiness gates {', '.join(closed)}")
    return standing(Reason.NOT_READY, f"pod {pod.name} is not ready")


def _last_end(pod: Pod, one: ContainerStatus) -> Terminated | None:
    """None where it has not ended, or was ended for its image to be changed in place."""
    last = one.state.terminated or one.last_state.terminated
    mark = mark_on(pod)
    before = (mark.containers or {}).get(one.name) if mark is not None else None
    return None if last is not None and before and last.container_id == before else last


def _all(pod: Pod) -> Iterator[ContainerStatus]:
    yield from pod.status.init_container_statuses
    yield from pod.status.container_statuses


def _waits_for(one: ContainerStatus) -> str:
    return one.state.waiting.reason if one.state.waiting is not None else ""
