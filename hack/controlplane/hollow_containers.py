"""What becomes of one container: pure functions of its spec, its status, and the seconds that passed.

A container that runs as its spec says is a function of the pod's age. One whose spec was changed (another
image, or a resize that asks for a restart) is killed, waits for its image, and starts anew; ``Change`` says
since when.
"""

from __future__ import annotations

from typing import NamedTuple

from hack.controlplane.hollow_faults import PLAIN, PULL_BACK_OFF, PULL_ERROR, Faults, Image, Images
from hack.controlplane.hollow_objects import (
    RESTARTS_CONTAINER,
    SIDECAR,
    Container,
    ContainerStatus,
    PodSpec,
    Resources,
)

CRASH_SECONDS = 1.0  # how long a crashing container lives
CRASH_BACKOFF = (1.0, 30.0)  # first and longest wait before its restart; doubled each time
PULL_ERROR_SECONDS = 1.0  # from ErrImagePull to ImagePullBackOff
RUNNING, COMPLETED, FAILED = "running", "completed", "failed"
BACK_OFF = "CrashLoopBackOff"
CREATING, INITIALIZING = "ContainerCreating", "PodInitializing"
STARTED = (RUNNING, COMPLETED, FAILED, BACK_OFF)  # states that only a started container has


class ContainerView(NamedTuple):
    """A container's status as far as it changes. ``state``: one of the words above, or a reason to wait."""

    name: str
    state: str
    ready: bool = False
    restarts: int = 0
    image: str = ""  # that runs, or ran last
    # Restarts that no annotation explains; None: it never started. It is a part of the containerID, so that
    # scheduled restarts go on counting where a changed image left off, whatever becomes of this process.
    offset: int | None = None
    resources: Resources | None = None  # what it runs with, where that was written down


class Change(NamedTuple):
    """A container is not, or was not when the kubelet saw it first, what its spec says."""

    since: float  # seconds
    running: bool  # there was something to kill
    restart: bool = True  # False: a resize that containers live through


class Pace(NamedTuple):
    """The clocks of one pod's containers in seconds, and what disturbs them."""

    running: float  # since its containers may run; negative: before
    ready_delay: float  # from a changed container's start to its readiness
    stop: float  # from the signal to the end
    never: bool  # the pod restarts nothing that ends
    faults: Faults
    images: Images

    def image(self, container: Container) -> Image:
        return self.images.get(container.image, PLAIN)


class Course(NamedTuple):
    state: str
    restarts: int  # scheduled so far
    serves: bool  # it is ready, once it has had its time
    again: float | None  # seconds until it changes


def spec_containers(spec: PodSpec) -> tuple[Container, ...]:
    """Those whose spec a running pod follows: sidecars and containers."""
    return tuple(entry for entry in spec.init_containers if entry.restart_policy == SIDECAR) + spec.containers


def observe(status: ContainerStatus) -> ContainerView:
    return ContainerView(
        status.name,
        _state_of(status),
        ready=status.ready,
        restarts=status.restart_count,
        image=status.image if status.container_id else "",
        offset=_offset_of(status.container_id),
        resources=status.resources,
    )


def _state_of(status: ContainerStatus) -> str:
    state = status.state
    if state.running is not None:
        return RUNNING
    if state.terminated is not None:
        return FAILED if state.terminated.exit_code else COMPLETED
    return state.waiting.reason if state.waiting is not None else ""


def _offset_of(container_id: str) -> int | None:
    tail = container_id.rpartition("-")[2]
    return int(tail) if container_id and tail.isdigit() else None


def outdated(container: Container, seen: ContainerView) -> bool:
    """Whether a container that once started is not what its spec says, or was killed for not being it."""
    return seen.offset is not None and (
        seen.image != container.image or _resized(container, seen) or seen.state not in STARTED
    )


def next_view(
    container: Container, seen: ContainerView, change: Change | None, pace: Pace
) -> tuple[ContainerView, float | None]:
    """What becomes of a container, and in how many seconds to look again (None: at the next event)."""
    behind, gap = outdated(container, seen), pace.faults.observe_gap
    if change is None or not (behind or change.restart):
        return _first_run(container, seen, pace)
    if change.since < gap:
        return seen, gap - change.since
    if not change.restart:
        return seen._replace(resources=container.resources), None
    killed = change.since - gap - (pace.stop if change.running else 0.0)
    if killed < 0:
        return seen, -killed
    ran = killed - pace.image(container).pull
    if behind:
        return _replacing(container, seen, ran, pace)
    return _changed_run(seen, ran, pace, pace.image(container))


def _first_run(container: Container, seen: ContainerView, pace: Pace) -> tuple[ContainerView, float | None]:
    image = pace.image(container)
    ran, blank = pace.running - image.pull, ContainerView(container.name, CREATING)
    if ran < 0 or (image.error and seen.offset is None):
        return blank._replace(state=_waiting(image, ran)), _again(image, ran)
    course = _course(ran, pace, image)
    made = blank._replace(image=container.image, offset=seen.offset or 0, resources=written(container))
    return _on_course(made, seen.restarts, course, ready=True), course.again


def _replacing(
    container: Container, seen: ContainerView, ran: float, pace: Pace
) -> tuple[ContainerView, float | None]:
    """The old one is to be dead, and the new one to have run for ``ran`` seconds (negative: not yet).

    Kill, pull and start are one sync, which writes its status before and is not asked in between: of an image
    that is there at once nobody hears that anything was down. A pull is shown, as a readiness probe would.
    """
    image = pace.image(container)
    if ran < 0 or image.error:
        return seen._replace(state=_waiting(image, ran), ready=False), _again(image, ran)
    restarts = seen.restarts + 1
    made = ContainerView(
        container.name,
        RUNNING,
        restarts=restarts,
        image=container.image,
        offset=restarts - _course(0.0, pace, image).restarts,  # what was asked for so far is behind it
        resources=written(container),
    )
    return _changed_run(made, 0.0, pace, image)


def _changed_run(
    seen: ContainerView, ran: float, pace: Pace, image: Image
) -> tuple[ContainerView, float | None]:
    course, left = _course(ran, pace, image), pace.ready_delay - ran
    later = [moment for moment in (course.again, left) if moment is not None and moment > 0]
    return _on_course(seen, seen.restarts, course, ready=left <= 0), min(later, default=None)


def _on_course(view: ContainerView, least: int, course: Course, *, ready: bool) -> ContainerView:
    """``least``: restarts that somebody else wrote stay."""
    restarts = max(least, (view.offset or 0) + course.restarts)
    return view._replace(state=course.state, restarts=restarts, ready=ready and course.serves)


def _course(ran: float, pace: Pace, image: Image) -> Course:
    """What annotations and image make of a container ``ran`` seconds after its start."""
    faults = pace.faults
    if faults.crash_loop or image.crash:
        crashes, again = crashes_until(ran)
        if crashes and pace.never:
            return Course(FAILED, 0, False, None)
        return Course(BACK_OFF if crashes else RUNNING, max(0, crashes - 1), False, again)
    due = sum(at <= pace.running for at in faults.restarts)
    if due and pace.never:
        return Course(FAILED, 0, False, None)
    later = min((at - pace.running for at in faults.restarts if at > pace.running), default=None)
    return Course(RUNNING, due, not faults.not_ready, later)


def _waiting(image: Image, ran: float) -> str:
    """Why a container waits ``ran`` seconds after its image was to be there."""
    if ran < 0 or not image.error:
        return CREATING
    return PULL_BACK_OFF if image.error == PULL_ERROR and ran >= PULL_ERROR_SECONDS else image.error


def _again(image: Image, ran: float) -> float | None:
    if ran < 0:
        return -ran
    return PULL_ERROR_SECONDS - ran if image.error == PULL_ERROR and ran < PULL_ERROR_SECONDS else None


def written(container: Container) -> Resources | None:
    """What a status says of resources: nothing where the spec says nothing."""
    return container.resources if container.resources != Resources() else None


def _resized(container: Container, seen: ContainerView) -> bool:
    return seen.resources is not None and seen.resources != container.resources


def must_restart(container: Container, seen: ContainerView) -> bool:
    """Whether an outdated container has to be killed for what its spec says now."""
    if seen.image != container.image or seen.state not in STARTED or seen.resources is None:
        return True
    policy = {
        entry.resource_name for entry in container.resize_policy if entry.restart_policy == RESTARTS_CONTAINER
    }
    return any(_quantities(container.resources, name) != _quantities(seen.resources, name) for name in policy)


def _quantities(resources: Resources, name: str) -> tuple[str | None, str | None]:
    return resources.requests.get(name), resources.limits.get(name)


def crashes_until(running: float) -> tuple[int, float]:
    """How often a crash-looping container has ended after so many seconds, and in how many it does next."""
    wait, longest = CRASH_BACKOFF
    crashes, moment = 0, CRASH_SECONDS
    while moment <= running:
        crashes += 1
        moment += wait + CRASH_SECONDS
        wait = min(2 * wait, longest)
    return crashes, moment - running
