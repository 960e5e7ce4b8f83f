"""Why a pod is not ready, from its status alone."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.cli import READY, a_pod
from support.groups import a_leader

from lws.api.timestamps import epoch
from lws.cli.kinds import Pod
from lws.cli.podcauses import pod_cause
from lws.cli.podstates import pod_state

NOW = epoch("2026-01-01T01:00:00Z")


def running(*statuses: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"phase": "Running", "containerStatuses": list(statuses), **more}


def container(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "app", "state": state, **more}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def condition(type_: str, **more: str) -> dict[str, Any]:
    return {"conditions": [{"type": type_, "status": "False", **more}]}


CRASHED = container(
    waiting("CrashLoopBackOff", "back-off 10s\nrestarting"),
    restartCount=3,
    lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
)


@pytest.mark.parametrize(
    ("status", "state", "reason", "message"),
    [
        pytest.param(
            {"phase": "Pending", **condition("PodScheduled", reason="Unschedulable", message="0/3 nodes")},
            "Pending",
            "Unschedulable",
            "0/3 nodes",
            id="unschedulable",
        ),
        pytest.param(
            {"phase": "Pending", **condition("PodScheduled", reason="SchedulingGated")},
            "Pending",
            "SchedulingGated",
            "has no node",
            id="gated",
        ),
        pytest.param(
            running(container(waiting("ImagePullBackOff", "no such image"))),
            "ImagePullBackOff",
            "ImagePullBackOff",
            "container app: no such image",
            id="image",
        ),
        pytest.param(
            running(CRASHED),
            "CrashLoopBackOff",
            "CrashLoopBackOff",
            "container app: back-off 10s restarting, ended last with code 137 (OOMKilled), 3 restarts",
            id="crash-loop",
        ),
        pytest.param(
            {"phase": "Pending", "initContainerStatuses": [CRASHED]},
            "Init:CrashLoopBackOff",
            "CrashLoopBackOff",
            "init container app: back-off 10s restarting, ended last with code 137 (OOMKilled), 3 restarts",
            id="init",
        ),
        pytest.param(
            running(
                container({}, ready=False), **condition("Ready", message="containers with unready status")
            ),
            "Running",
            "NotReady",
            "containers with unready status",
            id="unready",
        ),
        pytest.param(
            running(container({}, ready=False, restartCount=1)),
            "Running",
            "NotReady",
            "not ready: app, 1 restart",
            id="unready-after-a-restart",
        ),
        pytest.param(
            {"phase": "Pending", "containerStatuses": [container(waiting("ContainerCreating"))]},
            "ContainerCreating",
            "Starting",
            "its containers are being started",
            id="starting",
        ),
        pytest.param(
            {"phase": "Failed", "reason": "Evicted", "message": "low on memory"},
            "Evicted",
            "Evicted",
            "low on memory",
            id="evicted",
        ),
        pytest.param(
            {"phase": "Failed", "containerStatuses": [container({"terminated": {"exitCode": 2}})]},
            "Error",
            "Failed",
            "the pod has ended: app with code 2",
            id="failed",
        ),
    ],
)
def test_what_a_status_says(status: dict[str, Any], state: str, reason: str, message: str) -> None:
    pod = a_pod(a_leader(), status=status)
    cause = pod_cause(pod, now=NOW)
    assert cause is not None
    assert (pod_state(pod), cause.reason, cause.message, cause.pod) == (state, reason, message, pod.name)


def test_a_ready_pod_has_nothing_to_say() -> None:
    pod = a_pod(a_leader(), status=READY)
    assert (pod_state(pod), pod_cause(pod, now=NOW)) == ("Running", None)


@pytest.mark.parametrize(
    ("scheduler", "message", "advised"),
    [
        ("", "waits for the scheduler", False),
        ("default-scheduler", "waits for the scheduler", False),
        ("volcano", "waits for the scheduler volcano, which its spec.schedulerName names", True),
    ],
)
def test_without_a_node_it_waits_for_its_scheduler(scheduler: str, message: str, advised: bool) -> None:
    pod = a_pod(a_leader(), status={"phase": "Pending"}, node="")
    pod = replace(pod, spec=replace(pod.spec, scheduler_name=scheduler))
    cause = pod_cause(pod, now=NOW)
    assert cause is not None
    assert (cause.reason, cause.message, bool(cause.advice)) == ("Scheduling", message, advised)


@pytest.mark.parametrize(
    ("deleted", "reason"),
    [("2026-01-01T00:59:30Z", "Terminating"), ("2026-01-01T00:50:00Z", "StuckTerminating")],
)
def test_a_pod_on_its_way_out(deleted: str, reason: str) -> None:
    pod = a_pod(a_leader(), status=READY)
    going: Pod = replace(pod, metadata=replace(pod.metadata, deletion_timestamp=deleted))
    cause = pod_cause(going, now=NOW)
    assert cause is not None
    assert (pod_state(going), cause.reason) == ("Terminating", reason)


def test_a_crash_loop_comes_with_the_command_that_shows_its_log() -> None:
    cause = pod_cause(a_pod(a_leader(), status=running(CRASHED)), now=NOW)
    assert cause is not None
    assert cause.advice == "kubectl logs --namespace default test-sample-0 --container app --previous"
