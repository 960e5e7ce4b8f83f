"""What the hollow kubelet does for one pod: pure functions of the pod, its age and its faults.

A pod has no containers here; what it would look like is a function of the seconds since the kubelet first saw
it, and since its spec was changed. Nothing that talks to the API server or reads a clock may live here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from hack.controlplane.hollow_containers import (
    BACK_OFF,
    COMPLETED,
    CREATING,
    FAILED,
    INITIALIZING,
    RUNNING,
    Change,
    ContainerView,
    Pace,
    crashes_until,
    next_view,
    observe,
)
from hack.controlplane.hollow_faults import PLAIN, Faults, Images
from hack.controlplane.hollow_objects import SIDECAR, Container, ContainerStatus, HollowPod

TERMINAL = ("Succeeded", "Failed")
AT_ONCE = 0.001  # seconds
CLAIM_SECONDS = 0.2  # between looks at claims that are not the pod's yet
Views = tuple[ContainerView, ...]


class View(NamedTuple):
    """A pod's status as far as it changes: what is observed and what is wanted compare as two of these."""

    phase: str
    generation: int = 0  # status.observedGeneration
    sandbox: bool = True
    initialized: bool = True
    containers_ready: bool = False
    ready: bool = False
    containers: Views = ()
    inits: Views = ()


class Look(NamedTuple):
    """What the kubelet knows of a pod besides the object; seconds since it saw it, and saw it deleted."""

    age: float = 0.0
    dying: float = 0.0
    seed: int = 0
    changes: Mapping[str, Change] = MappingProxyType({})  # by container
    images: Images = MappingProxyType({})
    held: bool = False  # a claim is not allocated and reserved for the pod yet


class Plan(NamedTuple):
    """What to do now, and in how many seconds to look again (None: at the next event)."""

    status: View | None = None
    end: bool = False
    again: float | None = None


def plan(pod: HollowPod, faults: Faults, look: Look) -> Plan:
    """What a kubelet does for ``pod``."""
    if pod.deleting:
        return _plan_end(pod, faults, look.dying)
    if pod.status.phase in TERMINAL:
        return Plan()
    wanted, again = _Progress(pod, faults, look).view()
    return Plan(status=wanted if wanted != observed(pod) else None, again=again)


def observed(pod: HollowPod) -> View:
    status = pod.status
    return View(
        phase=status.phase or "Pending",
        generation=status.observed_generation,
        sandbox=status.holds("PodReadyToStartContainers"),
        initialized=status.holds("Initialized"),
        containers_ready=status.holds("ContainersReady"),
        ready=status.holds("Ready"),
        containers=tuple(map(observe, status.container_statuses)),
        inits=tuple(map(observe, status.init_container_statuses)),
    )


def closed_gates(pod: HollowPod) -> list[str]:
    """The readiness gates whose condition is not True."""
    gates = (gate.condition_type for gate in pod.spec.readiness_gates)
    return [gate for gate in gates if not pod.status.holds(gate)]


def _plan_end(pod: HollowPod, faults: Faults, dying: float) -> Plan:
    if faults.stuck_terminating or pod.metadata.deletion_grace_period_seconds == 0:
        return Plan()  # a grace period of 0: already ended, and a finalizer holds the object
    left = faults.stop_delay - dying
    if left > 0:
        return Plan(again=left)
    if faults.end_phase and pod.status.phase not in TERMINAL:
        return Plan(status=_ended(pod, faults.end_phase), again=AT_ONCE)
    return Plan(end=True)


def _ended(pod: HollowPod, phase: str) -> View:
    """All that is over when a kubelet has ended a pod, before its object goes."""
    state = COMPLETED if phase == "Succeeded" else FAILED
    seen = observed(pod)
    over = [
        tuple(
            view if view.state in (COMPLETED, FAILED) else view._replace(state=state, ready=False)
            for view in views
        )
        for views in (seen.containers, seen.inits)
    ]
    return seen._replace(
        phase=phase,
        generation=pod.metadata.generation,
        containers_ready=False,
        ready=False,
        containers=over[0],
        inits=over[1],
    )


class _Progress:
    """One look at a living pod: its containers' next views, and the earliest moment to look again."""

    def __init__(self, pod: HollowPod, faults: Faults, look: Look) -> None:
        self._pod, self._faults, self._look = pod, faults, look
        self._delay = faults.start_delay.sample(f"{look.seed}/{pod.key}/{pod.uid}")
        self._moments: list[float] = []
        self._seen = {
            entry.name: entry for entry in pod.status.container_statuses + pod.status.init_container_statuses
        }

    def view(self) -> tuple[View, float | None]:
        view = self._view()
        return view, min(self._moments, default=None)

    def _view(self) -> View:
        pulling, error = self._init_images()
        running = self._look.age - self._delay - pulling
        if any(entry.container_id for entry in self._pod.status.container_statuses):
            running = max(running, 0.0)  # what started once does not wait for its start again
        if self._look.held:
            self._moments.append(CLAIM_SECONDS)
            return self._pending(sandbox=False, state=CREATING)
        if self._faults.init_failure and running >= 0:
            return self._failing_init(running)
        if running < 0 or error:
            if running < 0:
                self._moments.append(-running)
            return self._pending(state=error or RUNNING)
        return self._up(running)

    def _init_images(self) -> tuple[float, str]:
        """How long the images of init containers take; why one cannot be had, until they have run."""
        inits = self._pod.spec.init_containers
        if not (inits and self._look.images):
            return 0.0, ""
        images = [self._look.images.get(entry.image, PLAIN) for entry in inits]
        errors = (
            [] if self._pod.status.holds("Initialized") else [image.error for image in images if image.error]
        )
        return max(image.pull for image in images), next(iter(errors), "")

    def _pending(self, *, state: str, sandbox: bool = True) -> View:
        inits = self._pod.spec.init_containers
        waiting = INITIALIZING if inits else CREATING
        return View(
            "Pending",
            generation=self._pod.metadata.generation,
            sandbox=sandbox,
            initialized=not inits,
            containers=tuple(ContainerView(entry.name, waiting) for entry in self._pod.spec.containers),
            inits=tuple(_init(entry, state, 0) for entry in inits),
        )

    def _failing_init(self, running: float) -> View:
        crashes, again = crashes_until(running)
        if crashes and self._pod.spec.restart_policy == "Never":
            view = self._pending(state=FAILED)
            return view._replace(
                phase="Failed",
                initialized=False,
                containers=tuple(_init(entry, FAILED, 0) for entry in self._pod.spec.containers),
            )
        self._moments.append(again)
        restarts = max(0, crashes - 1)
        inits = tuple(
            _init(entry, BACK_OFF if crashes else RUNNING, restarts)
            for entry in self._pod.spec.init_containers
        )
        return self._pending(state=RUNNING)._replace(initialized=False, inits=inits)

    def _up(self, running: float) -> View:
        """The view of a pod whose init containers are done."""
        spec = self._pod.spec
        pace = Pace(
            running,
            ready_delay=self._delay,
            stop=min(self._faults.stop_delay, spec.termination_grace_period_seconds),
            never=spec.restart_policy == "Never",
            faults=self._faults,
            images=self._look.images,
        )
        containers = tuple(self._next(entry, pace) for entry in spec.containers)
        inits = tuple(self._next_init(entry, pace) for entry in spec.init_containers)
        ready = all(entry.ready for entry in containers + inits)
        return View(
            _phase(containers),
            generation=self._pod.metadata.generation,
            containers_ready=ready,
            ready=ready and not closed_gates(self._pod),
            containers=containers,
            inits=inits,
        )

    def _next(self, container: Container, pace: Pace) -> ContainerView:
        seen = observe(self._seen.get(container.name) or ContainerStatus(container.name))
        change = self._look.changes.get(container.name)
        view, again = next_view(container, seen, change, pace)
        if again is not None:
            self._moments.append(again)
        return view

    def _next_init(self, container: Container, pace: Pace) -> ContainerView:
        """Sidecars follow their spec and know no faults; another init container never runs again."""
        if container.restart_policy == SIDECAR:
            calm = Faults(self._faults.start_delay, observe_gap=self._faults.observe_gap)
            return self._next(container, pace._replace(never=False, faults=calm))
        before = self._seen.get(container.name)
        image = before.image if before is not None and before.container_id else container.image
        return ContainerView(container.name, COMPLETED, ready=True, image=image, offset=0)


def _init(container: Container, state: str, restarts: int) -> ContainerView:
    started = state in (RUNNING, BACK_OFF, FAILED)
    image, offset = (container.image, 0) if started else ("", None)
    return ContainerView(container.name, state, restarts=restarts, image=image, offset=offset)


def _phase(containers: Views) -> str:
    if any(entry.offset is None for entry in containers):
        return "Pending"
    return "Failed" if all(entry.state == FAILED for entry in containers) else "Running"
