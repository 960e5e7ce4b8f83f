"""A pod's state in one word, as ``kubectl get pods`` has it."""

from __future__ import annotations

from lws.api.workloads import ContainerStatus
from lws.cli.kinds import Pod


def pod_state(pod: Pod) -> str:
    """``Running``, ``Pending``, ``Terminating``, ``CrashLoopBackOff``, ``Init:ErrImagePull`` and so on."""
    if pod.deleting:
        return "Terminating"
    for status in pod.status.init_container_statuses:
        if (reason := waiting_reason(status)) and reason != "PodInitializing":
            return f"Init:{reason}"
    for status in pod.status.container_statuses:
        if reason := waiting_reason(status):
            return reason
    return pod.status.reason or pod.status.phase or "Unknown"


def waiting_reason(status: ContainerStatus) -> str:
    """Why a container is not running, or why it ended badly; empty when it runs or ended well."""
    state = status.state
    if state.waiting is not None:
        return state.waiting.reason
    if state.terminated is not None and state.terminated.exit_code:
        return state.terminated.reason or "Error"
    return ""
