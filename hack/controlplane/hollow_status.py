"""The status documents a hollow kubelet writes for a pod."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2s
from typing import Any

from hack.controlplane.hollow_pods import BACK_OFF, SIDECAR, Container, HollowPod, View

Document = dict[str, Any]
BACKING_OFF = {"waiting": {"reason": BACK_OFF, "message": "back-off restarting failed container"}}
CREATING = {"waiting": {"reason": "ContainerCreating"}}
INITIALIZING = {"waiting": {"reason": "PodInitializing"}}


def timestamp(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def status_patch(pod: HollowPod, view: View, *, host: str, now: datetime) -> Document:
    """A strategic merge patch for ``/status`` that another incarnation of the pod refuses, by its UID."""
    started = pod.status.start_time or timestamp(now)
    status: Document = {
        "phase": view.phase,
        "startTime": started,
        "hostIP": host,
        "hostIPs": [{"ip": host}],
        "conditions": _conditions(pod, view, timestamp(now)),
        "containerStatuses": _containers(pod.spec.containers, view, timestamp(now)),
    }
    if view.phase != "Pending":
        address = host if pod.spec.host_network else pod_address(pod.uid)
        status |= {"podIP": address, "podIPs": [{"ip": address}]}
    if pod.spec.init_containers:
        status["initContainerStatuses"] = _init_containers(pod, view, timestamp(now))
    return {"metadata": {"uid": pod.uid}, "status": status}


def pod_address(uid: str) -> str:
    """An address of 10.128.0.0/9, the same for the whole life of a pod."""
    number = int.from_bytes(blake2s(uid.encode(), digest_size=3).digest(), "big")
    return f"10.{128 + (number >> 16) % 128}.{number >> 8 & 255}.{number & 255}"


def _conditions(pod: HollowPod, view: View, now: str) -> list[Document]:
    reasons = {"ContainersNotReady": view.initialized, "ContainersNotInitialized": True}
    reason = next(name for name, applies in reasons.items() if applies)
    wanted = {
        "PodReadyToStartContainers": (True, ""),
        "Initialized": (view.initialized, "ContainersNotInitialized"),
        "Ready": (view.ready, reason),
        "ContainersReady": (view.ready, reason),
    }
    return [_condition(pod, type_, holds, why, now) for type_, (holds, why) in wanted.items()]


def _condition(pod: HollowPod, type_: str, holds: bool, why: str, now: str) -> Document:
    before = pod.status.condition(type_)
    status = str(holds)
    document = {"type": type_, "status": status, "reason": "" if holds else why}
    changed = before is None or before.status != status
    return document | ({"lastTransitionTime": now} if changed else {})


def _containers(containers: Sequence[Container], view: View, now: str) -> list[Document]:
    return [_status(container, view.restarts, view.ready, _state(view, now), now) for container in containers]


def _state(view: View, now: str) -> Document:
    if view.phase == "Pending":
        return CREATING if view.initialized else INITIALIZING
    if view.phase == "Failed":
        return _terminated(1, "Error", now)
    return BACKING_OFF if view.backing_off else {"running": {"startedAt": now}}


def _init_containers(pod: HollowPod, view: View, now: str) -> list[Document]:
    return [_init_status(container, view, now) for container in pod.spec.init_containers]


def _init_status(container: Container, view: View, now: str) -> Document:
    if not view.initialized:
        return _status(container, view.init_restarts, False, _failing_state(view, now), now)
    if container.restart_policy == SIDECAR:
        return _status(container, 0, True, {"running": {"startedAt": now}}, now)
    return _status(container, 0, True, _terminated(0, "Completed", now), now)


def _failing_state(view: View, now: str) -> Document:
    if view.phase == "Failed":
        return _terminated(1, "Error", now)
    return BACKING_OFF if view.backing_off else {"running": {"startedAt": now}}


def _status(container: Container, restarts: int, ready: bool, state: Document, now: str) -> Document:
    document = {
        "name": container.name,
        "image": container.image,
        "imageID": "",
        "ready": ready,
        "restartCount": restarts,
        "state": state,
        "started": "running" in state,
    }
    return document | ({"lastState": _terminated(1, "Error", now)} if restarts else {})


def _terminated(code: int, reason: str, now: str) -> Document:
    return {"terminated": {"exitCode": code, "reason": reason, "startedAt": now, "finishedAt": now}}
