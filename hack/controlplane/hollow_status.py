"""The status documents a hollow kubelet writes for a pod."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2s
from typing import Any, NamedTuple

import msgspec

from hack.controlplane.hollow_containers import BACK_OFF, COMPLETED, FAILED, RUNNING, ContainerView
from hack.controlplane.hollow_faults import PLAIN, Images, own_digest
from hack.controlplane.hollow_objects import Container, ContainerStatus, HollowPod, PodCondition
from hack.controlplane.hollow_pods import View, closed_gates

Document = dict[str, Any]
MESSAGES = {BACK_OFF: "back-off restarting failed container"}
CRASHED, KILLED = 1, 143  # exit codes


class _Surroundings(NamedTuple):
    uid: str
    now: str
    images: Images


def timestamp(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def status_patch(
    pod: HollowPod, view: View, *, host: str, now: datetime, images: Images | None = None
) -> Document:
    """A strategic merge patch for ``/status`` that another incarnation of the pod refuses, by its UID."""
    around = _Surroundings(pod.uid, timestamp(now), images or {})
    status: Document = {
        "phase": view.phase,
        "startTime": pod.status.start_time or around.now,
        "hostIP": host,
        "hostIPs": [{"ip": host}],
        "conditions": _conditions(pod, view, around.now),
        "containerStatuses": _statuses(
            pod.spec.containers, view.containers, pod.status.container_statuses, around
        ),
    }
    if view.generation:
        status["observedGeneration"] = view.generation
    if view.phase != "Pending":
        address = host if pod.spec.host_network else pod_address(pod.uid)
        status |= {"podIP": address, "podIPs": [{"ip": address}]}
    if pod.spec.init_containers:
        status["initContainerStatuses"] = _statuses(
            pod.spec.init_containers, view.inits, pod.status.init_container_statuses, around
        )
    return {"metadata": {"uid": pod.uid}, "status": status}


def pod_address(uid: str) -> str:
    """An address of 10.128.0.0/9, the same for the whole life of a pod."""
    number = int.from_bytes(blake2s(uid.encode(), digest_size=3).digest(), "big")
    return f"10.{128 + (number >> 16) % 128}.{number >> 8 & 255}.{number & 255}"


def container_id(uid: str, view: ContainerView) -> str:
    """Another with every start; ends in the view's offset, which is read again from there."""
    if view.offset is None:
        return ""
    digest = blake2s(f"{uid}/{view.name}".encode(), digest_size=8).hexdigest()
    return f"hollow://{digest}-{view.restarts}-{view.offset}"


def _conditions(pod: HollowPod, view: View, now: str) -> list[Document]:
    over = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(view.phase)
    reason = over or ("ContainersNotReady" if view.initialized else "ContainersNotInitialized")
    gates = ("", "") if view.ready or not view.containers_ready else _gates(pod)
    wanted = (
        _condition("PodReadyToStartContainers", view.sandbox),
        _condition("Initialized", view.initialized, "ContainersNotInitialized"),
        _condition("Ready", view.ready, gates[0] or reason, gates[1]),
        _condition("ContainersReady", view.containers_ready, reason),
    )
    return [_timed(entry, pod.status.condition(entry["type"]), now) for entry in wanted]


def _gates(pod: HollowPod) -> tuple[str, str]:
    closed = ", ".join(f'"{gate}"' for gate in closed_gates(pod))
    return "ReadinessGatesNotReady", f"the condition of readiness gate {closed} is not True"


def _condition(type_: str, holds: bool, why: str = "", message: str = "") -> Document:
    return {"type": type_, "status": str(holds), "reason": "" if holds else why, "message": message}


def _timed(entry: Document, before: PodCondition | None, now: str) -> Document:
    """The condition with the moment of its change, where there was one; a merge keeps the others'."""
    changed = before is None or before.status != entry["status"]
    return entry | ({"lastTransitionTime": now} if changed else {})


def _statuses(
    spec: Sequence[Container],
    views: Sequence[ContainerView],
    seen: Sequence[ContainerStatus],
    around: _Surroundings,
) -> list[Document]:
    images = {entry.name: entry.image for entry in spec}
    before = {entry.name: entry for entry in seen}
    return [
        _status(view, images.get(view.name, ""), before.get(view.name) or ContainerStatus(view.name), around)
        for view in views
    ]


def _status(view: ContainerView, wanted: str, before: ContainerStatus, around: _Surroundings) -> Document:
    own = container_id(around.uid, view)
    document: Document = {
        "name": view.name,
        "image": view.image or wanted,
        "imageID": _image_id(view.image, around.images) if own else "",
        "ready": view.ready,
        "restartCount": view.restarts,
        "state": _state(view, own, before, around.now),
        "started": view.state == RUNNING,
    }
    if own:
        document["containerID"] = own
    if view.resources is not None:
        document["resources"] = msgspec.to_builtins(view.resources)
    last = _last_state(view, own, before, around.now)
    return document | ({"lastState": last} if last else {})


def _image_id(image: str, images: Images) -> str:
    """Two tags of one digest have the same."""
    return f"hollow.lws/image@{images.get(image, PLAIN).digest or own_digest(image)}"


def _state(view: ContainerView, own: str, before: ContainerStatus, now: str) -> Document:
    if view.state == RUNNING:
        running = before.state.running if before.container_id == own else None
        return {"running": {"startedAt": running.started_at if running is not None else now}}
    if view.state == COMPLETED:
        return _terminated(0, "Completed", now, own)
    if view.state == FAILED:
        return _terminated(CRASHED, "Error", now, own)
    message = MESSAGES.get(view.state)
    return {"waiting": {"reason": view.state} | ({"message": message} if message else {})}


def _last_state(view: ContainerView, own: str, before: ContainerStatus, now: str) -> Document:
    """How the container ended that ran before this one, or before this wait."""
    ran = before.state.running is not None and bool(before.container_id)
    if (
        ran
        and view.state not in (COMPLETED, FAILED)
        and (view.state != RUNNING or before.container_id != own)
    ):
        as_before = (view.image, view.resources) == (before.image, before.resources)
        crashed = view.state == BACK_OFF or (view.state == RUNNING and as_before)
        return _terminated(CRASHED if crashed else KILLED, "Error", now, before.container_id)
    if before.last_state:
        return before.last_state
    return _terminated(CRASHED, "Error", now, own) if view.restarts else {}


def _terminated(code: int, reason: str, now: str, container: str) -> Document:
    ended = {"exitCode": code, "reason": reason, "startedAt": now, "finishedAt": now}
    return {"terminated": ended | ({"containerID": container} if container else {})}
