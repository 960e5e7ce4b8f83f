"""What the hollow kubelet does for one pod: pure functions of the pod, its age and its faults.

A pod has no containers here; what it would look like is a function of the seconds since the kubelet first saw
it. Nothing that talks to the API server or reads a clock may live here.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from hack.controlplane.durations import Delay, parse_delay, parse_duration
from lws.objects import Condition, KubeObject, ObjectMeta

PREFIX = "hollow.lws/"
CRASH_SECONDS = 1.0  # how long a crashing container lives
CRASH_BACKOFF = (1.0, 30.0)  # first and longest wait before its restart; doubled each time
BACK_OFF = "CrashLoopBackOff"
TERMINAL = ("Succeeded", "Failed")
SIDECAR = "Always"


class Metadata(ObjectMeta, frozen=True, gc=False, rename="camel", omit_defaults=True):
    deletion_grace_period_seconds: int | None = None


class Container(Struct, frozen=True, gc=False, rename="camel"):
    name: str
    image: str = ""
    restart_policy: str = ""


class ReadinessGate(Struct, frozen=True, gc=False, rename="camel"):
    condition_type: str


class PodSpec(Struct, frozen=True, gc=False, rename="camel"):
    node_name: str = ""
    restart_policy: str = "Always"
    host_network: bool = False
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    readiness_gates: tuple[ReadinessGate, ...] = ()


class Waiting(Struct, frozen=True, gc=False, rename="camel"):
    reason: str = ""


class ContainerState(Struct, frozen=True, gc=False, rename="camel"):
    waiting: Waiting | None = None


class ContainerStatus(Struct, frozen=True, gc=False, rename="camel"):
    name: str
    restart_count: int = 0
    state: ContainerState = ContainerState()

    @property
    def backing_off(self) -> bool:
        return self.state.waiting is not None and self.state.waiting.reason == BACK_OFF


class PodStatus(Struct, frozen=True, gc=False, rename="camel"):
    phase: str = "Pending"
    start_time: str | None = None
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()

    def condition(self, type_: str) -> Condition | None:
        return next((entry for entry in self.conditions if entry.type == type_), None)

    def holds(self, type_: str) -> bool:
        found = self.condition(type_)
        return found is not None and found.status == "True"


class HollowPod(KubeObject, frozen=True, gc=False, rename="camel"):
    """The members of a pod that a kubelet without containers reads."""

    metadata: Metadata = Metadata()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class Faults(NamedTuple):
    """What shall go wrong with a pod, from its annotations with the prefix ``hollow.lws/``."""

    start_delay: Delay
    restarts: tuple[float, ...] = ()  # seconds after the start
    crash_loop: bool = False
    init_failure: bool = False
    not_ready: bool = False
    stop_delay: float = 0.0
    stuck_terminating: bool = False


class View(NamedTuple):
    """A pod's status as far as it changes: what is observed and what is wanted compare as two of these."""

    phase: str
    started: bool
    initialized: bool
    ready: bool
    backing_off: bool = False
    restarts: int = 0
    init_restarts: int = 0


class Plan(NamedTuple):
    """What to do now, and in how many seconds to look again (None: at the next event)."""

    status: View | None = None
    end: bool = False
    again: float | None = None


def faults_of(pod: HollowPod, default_delay: Delay) -> Faults:
    """The faults a pod asks for. Raises ValueError naming the annotation that cannot be read."""

    def text(name: str) -> str:
        return pod.annotations.get(PREFIX + name, "")

    try:
        return Faults(
            start_delay=parse_delay(text("start-delay")) if text("start-delay") else default_delay,
            restarts=tuple(parse_duration(part.strip()) for part in text("restart").split(",") if part),
            crash_loop=text("crash-loop") == "true",
            init_failure=text("init-failure") == "true",
            not_ready=text("not-ready") == "true",
            stop_delay=parse_duration(text("stop-delay")) if text("stop-delay") else 0.0,
            stuck_terminating=text("stuck-terminating") == "true",
        )
    except ValueError as error:
        raise ValueError(f"pod {pod.key}: annotation {PREFIX}*: {error}") from error


def plan(pod: HollowPod, faults: Faults, *, age: float, dying: float, seed: int) -> Plan:
    """What a kubelet does for ``pod``.

    ``age`` and ``dying`` are the seconds since the kubelet first saw the pod, and saw it deleted.
    """
    if pod.deleting:
        return _plan_end(pod, faults, dying)
    if pod.status.phase in TERMINAL:
        return Plan()
    delay = faults.start_delay.sample(f"{seed}/{pod.key}/{pod.uid}")
    wanted, again = _wanted(pod, faults, age - delay)
    return Plan(status=wanted if wanted != observed(pod) else None, again=again)


def observed(pod: HollowPod) -> View:
    status = pod.status
    return View(
        phase=status.phase or "Pending",
        started=status.start_time is not None,
        initialized=status.holds("Initialized"),
        ready=status.holds("Ready"),
        backing_off=any(
            entry.backing_off for entry in status.container_statuses + status.init_container_statuses
        ),
        restarts=_most_restarts(status.container_statuses),
        init_restarts=_most_restarts(status.init_container_statuses),
    )


def _plan_end(pod: HollowPod, faults: Faults, dying: float) -> Plan:
    if faults.stuck_terminating or pod.metadata.deletion_grace_period_seconds == 0:
        return Plan()  # a grace period of 0: already ended, and a finalizer holds the object
    left = faults.stop_delay - dying
    return Plan(again=left) if left > 0 else Plan(end=True)


def _wanted(pod: HollowPod, faults: Faults, running: float) -> tuple[View, float | None]:
    """The status ``running`` seconds after the start (negative: before it), and when it changes next."""
    blank = View("Pending", started=True, initialized=not pod.spec.init_containers, ready=False)
    if running < 0:
        return blank, -running
    if faults.init_failure:
        return _failing_init(pod, blank, running)
    up = blank._replace(phase="Running", initialized=True)
    if faults.crash_loop:
        return _crashing(pod, up, running)
    due = [at for at in faults.restarts if at <= running]
    if due and pod.spec.restart_policy == "Never":
        return up._replace(phase="Failed"), None
    later = min((at - running for at in faults.restarts if at > running), default=None)
    restarts = max(len(due), _most_restarts(pod.status.container_statuses))
    return up._replace(ready=not faults.not_ready and _gates_open(pod), restarts=restarts), later


def _failing_init(pod: HollowPod, blank: View, running: float) -> tuple[View, float | None]:
    crashes, again = crashes_until(running)
    if crashes and pod.spec.restart_policy == "Never":
        return blank._replace(phase="Failed", initialized=False), None
    restarts = max(0, crashes - 1)
    return blank._replace(initialized=False, backing_off=crashes > 0, init_restarts=restarts), again


def _crashing(pod: HollowPod, up: View, running: float) -> tuple[View, float | None]:
    crashes, again = crashes_until(running)
    if crashes and pod.spec.restart_policy == "Never":
        return up._replace(phase="Failed"), None
    return up._replace(backing_off=crashes > 0, restarts=max(0, crashes - 1)), again


def crashes_until(running: float) -> tuple[int, float]:
    """How often a crash-looping container has ended after so many seconds, and in how many it does next."""
    wait, longest = CRASH_BACKOFF
    crashes, moment = 0, CRASH_SECONDS
    while moment <= running:
        crashes += 1
        moment += wait + CRASH_SECONDS
        wait = min(2 * wait, longest)
    return crashes, moment - running


def _gates_open(pod: HollowPod) -> bool:
    return all(pod.status.holds(gate.condition_type) for gate in pod.spec.readiness_gates)


def _most_restarts(statuses: tuple[ContainerStatus, ...]) -> int:
    return max((status.restart_count for status in statuses), default=0)
