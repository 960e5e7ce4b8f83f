"""Why one pod is not ready, from its own status. Nothing about sets may live here."""

from __future__ import annotations

from msgspec import Struct

from lws.api.timestamps import epoch
from lws.api.workloads import ContainerStatus
from lws.cli.drawing import count
from lws.cli.kinds import Pod
from lws.cli.podstates import waiting_reason
from lws.planning.reasons.pods import IMAGE_REASONS

_NORMAL = ("ContainerCreating", "PodInitializing", "Completed")
_LONG = 60.0
"""Seconds after its grace period that a pod may take to go before that is worth a word."""


class Cause(Struct, rename="camel", omit_defaults=True):
    """``group`` and ``pod``: whom it is about, if not the set. ``advice``: what a person may do.

    Of a DisaggregatedSet: ``slice`` and ``role``, and the LeaderWorkerSet ``set`` where there is one.
    """

    reason: str
    message: str
    group: int | None = None
    pod: str = ""
    advice: str = ""
    slice: int | None = None
    role: str = ""
    set: str = ""


def pod_cause(pod: Pod, *, now: float) -> Cause | None:
    """What keeps the pod from being ready; None when it is. ``now``: seconds since 1970."""
    if pod.deleting:
        return _leaving(pod, now=now)
    if pod.ready:
        return None
    if (scheduling := _scheduling(pod)) is not None:
        return scheduling
    if pod.status.phase in ("Failed", "Succeeded"):
        reason = pod.status.reason or pod.status.phase
        return Cause(reason, _text(pod.status.message) or f"the pod has ended: {_ended(pod)}", pod=pod.name)
    for kind, statuses in (
        ("init container", pod.status.init_container_statuses),
        ("container", pod.status.container_statuses),
    ):
        for status in statuses:
            if (cause := _container(pod, kind, status)) is not None:
                return cause
    return _unready(pod)


def _leaving(pod: Pod, *, now: float) -> Cause:
    over = now - epoch(pod.metadata.deletion_timestamp or "")
    if over > _LONG:
        message = f"should have been gone {over:.0f}s ago"
        advice = f"see whether its node {pod.spec.node_name or ''} is alive, and what finalizers it has"
        return Cause("StuckTerminating", message, pod=pod.name, advice=advice)
    return Cause("Terminating", "is on its way out", pod=pod.name)


def _scheduling(pod: Pod) -> Cause | None:
    found = pod.condition("PodScheduled")
    if found is not None and found.status == "False":
        return Cause(found.reason or "Unschedulable", _text(found.message) or "has no node", pod=pod.name)
    if not pod.spec.node_name:
        return _unseen(pod)
    return None


def _unseen(pod: Pod) -> Cause:
    """No scheduler has looked at it yet; of another one than Kubernetes' nobody knows whether it is there."""
    name = pod.spec.scheduler_name
    if name in ("", "default-scheduler"):
        return Cause("Scheduling", "waits for the scheduler", pod=pod.name)
    message = f"waits for the scheduler {name}, which its spec.schedulerName names"
    advice = f"see whether {name} runs in this cluster; without it, take schedulerName out of both templates"
    return Cause("Scheduling", message, pod=pod.name, advice=advice)


def _container(pod: Pod, kind: str, status: ContainerStatus) -> Cause | None:
    reason = waiting_reason(status)
    if not reason or reason in _NORMAL:
        return None
    state, ended = status.state, status.last_state.terminated or status.state.terminated
    text = _text(state.waiting.message) if state.waiting is not None else ""
    parts = [f"{kind} {status.name}" + (f": {text}" if text else "")]
    if ended is not None:
        parts.append(
            f"ended last with code {ended.exit_code}" + (f" ({ended.reason})" if ended.reason else "")
        )
    if status.restart_count:
        parts.append(f"{count(status.restart_count, 'restart')}")
    advice = ""
    if reason in IMAGE_REASONS:
        advice = "check the image's name and the pull secrets"
    elif reason == "CrashLoopBackOff":
        advice = f"kubectl logs --namespace {pod.namespace} {pod.name} --container {status.name} --previous"
    return Cause(reason, ", ".join(parts), pod=pod.name, advice=advice)


def _unready(pod: Pod) -> Cause:
    """It runs, or is about to, and is not ready."""
    statuses = pod.status.container_statuses
    if pod.status.phase == "Running":
        waiting = [x.name for x in statuses if not x.ready]
        found = pod.condition("Ready")
        message = _text(found.message) if found is not None else ""
        if not message:
            message = f"not ready: {', '.join(waiting)}" if waiting else "runs, and is not ready"
        restarts = f", {count(pod.restarts, 'restart')}" if pod.restarts else ""
        return Cause("NotReady", message + restarts, pod=pod.name)
    return Cause("Starting", "its containers are being started", pod=pod.name)


def _ended(pod: Pod) -> str:
    ended = [x for x in pod.status.container_statuses if x.state.terminated is not None]
    codes = [f"{x.name} with code {x.state.terminated.exit_code}" for x in ended if x.state.terminated]
    return ", ".join(codes) or pod.status.phase


def _text(message: str) -> str:
    """One line."""
    return " ".join(message.split())
