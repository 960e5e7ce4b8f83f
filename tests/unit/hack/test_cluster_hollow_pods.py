"""What the hollow kubelet does for a pod, as a function of its age and its faults."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from hack.controlplane.durations import Delay
from hack.controlplane.hollow_containers import (
    BACK_OFF,
    CREATING,
    FAILED,
    INITIALIZING,
    RUNNING,
    ContainerView,
    crashes_until,
)
from hack.controlplane.hollow_faults import Faults, faults_of
from hack.controlplane.hollow_objects import HollowPod
from hack.controlplane.hollow_pods import Look, Plan, View, observed, plan

NOW = Delay(0.0)


def view(state: str = RUNNING, restarts: int = 0, *, init: str = "", init_restarts: int = 0) -> View:
    """Of a pod with the container ``c``, and where ``init`` is a state, the init container ``i``."""
    phase = {CREATING: "Pending", INITIALIZING: "Pending", FAILED: "Failed"}.get(state, "Running")
    started = phase != "Pending"
    main = ContainerView("c", state, state == RUNNING, restarts, "app:1" * started, 0 if started else None)
    inits = (ContainerView("i", init, restarts=init_restarts, image="init:1", offset=0),) if init else ()
    ready = state == RUNNING and not init
    return View(
        phase, initialized=not init, containers_ready=ready, ready=ready, containers=(main,), inits=inits
    )


READY, PENDING = view(), view(CREATING)


def unready(restarts: int = 0) -> View:
    """A pod whose container runs and does not serve."""
    seen = view(restarts=restarts)
    main = seen.containers[0]._replace(ready=False)
    return seen._replace(containers_ready=False, ready=False, containers=(main,))


def pod(annotations: dict[str, str] | None = None, **document: object) -> HollowPod:
    metadata = {"name": "p", "namespace": "default", "uid": "u", "annotations": annotations or {}}
    metadata |= document.pop("metadata", {})  # type: ignore[arg-type]
    spec: object = {"nodeName": "hollow-0", "containers": [{"name": "c", "image": "app:1"}]}
    spec |= document.pop("spec", {})  # type: ignore[operator]
    return msgspec.convert({"metadata": metadata, "spec": spec, **document}, HollowPod)


def decide(target: HollowPod, *, age: float = 0.0, dying: float = 0.0, seed: int = 0) -> Plan:
    return plan(target, faults_of(target, NOW), Look(age, dying, seed))


WITH_INIT = {"initContainers": [{"name": "i", "image": "init:1"}]}
NEVER = {"restartPolicy": "Never"}
GATED = {"readinessGates": [{"conditionType": "x/y"}]}


@pytest.mark.parametrize(
    ("annotations", "spec", "age", "wanted"),
    [
        ({}, {}, 0.0, Plan(READY)),
        ({"start-delay": "5s"}, {}, 1.0, Plan(PENDING, again=4.0)),
        ({"start-delay": "5s"}, WITH_INIT, 1.0, Plan(view(INITIALIZING, init=RUNNING), again=4.0)),
        ({"start-delay": "5s"}, {}, 5.0, Plan(READY)),
        ({"restart": "10s"}, {}, 4.0, Plan(READY, again=6.0)),
        ({"restart": "10s"}, {}, 10.0, Plan(view(restarts=1))),
        ({"restart": "3s, 10s"}, {}, 4.0, Plan(view(restarts=1), again=6.0)),
        ({"restart": "10s", "start-delay": "5s"}, {}, 12.0, Plan(READY, again=3.0)),
        ({"restart": "1s"}, NEVER, 2.0, Plan(view(FAILED))),
        ({"crash-loop": "true"}, {}, 0.0, Plan(unready(), again=1.0)),
        ({"crash-loop": "true"}, {}, 1.0, Plan(view(BACK_OFF), again=2.0)),
        ({"crash-loop": "true"}, {}, 3.5, Plan(view(BACK_OFF, 1), again=2.5)),
        ({"crash-loop": "true"}, NEVER, 1.0, Plan(view(FAILED))),
        ({"init-failure": "true"}, WITH_INIT, 0.0, Plan(view(INITIALIZING, init=RUNNING), again=1.0)),
        (
            {"init-failure": "true"},
            WITH_INIT,
            3.0,
            Plan(view(INITIALIZING, init=BACK_OFF, init_restarts=1), again=3.0),
        ),
        ({"init-failure": "true"}, WITH_INIT | NEVER, 1.0, Plan(view(FAILED, init=FAILED))),
        ({"not-ready": "true"}, {}, 0.0, Plan(unready())),
        ({"stuck-terminating": "true"}, {}, 0.0, Plan(READY)),
        ({}, GATED, 0.0, Plan(READY._replace(ready=False))),
    ],
)
def test_a_living_pod(annotations: dict[str, str], spec: dict[str, object], age: float, wanted: Plan) -> None:
    target = pod({f"hollow.lws/{name}": value for name, value in annotations.items()}, spec=spec)
    assert decide(target, age=age) == wanted


def conditions(*types: str) -> list[dict[str, str]]:
    return [{"type": type_, "status": "True"} for type_ in types]


def container(restarts: int = 0, **members: object) -> dict[str, object]:
    """The status of the container ``c``, running."""
    return {
        "name": "c",
        "image": "app:1",
        "containerID": f"hollow://x-{restarts}-0",
        "ready": True,
        "restartCount": restarts,
        "state": {"running": {}},
    } | members


LIVE = {
    "phase": "Running",
    "startTime": "2026-01-01T00:00:00Z",
    "conditions": conditions("PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready"),
    "containerStatuses": [container()],
}


def test_what_holds_already_is_not_written_again() -> None:
    assert observed(pod(status=LIVE)) == READY
    assert decide(pod(status=LIVE), age=100.0) == Plan()


def test_restarts_somebody_else_wrote_are_kept() -> None:
    assert decide(pod(status=LIVE | {"containerStatuses": [container(3)]})) == Plan()


def test_an_open_readiness_gate_lets_the_pod_become_ready() -> None:
    status = {"phase": "Running", "conditions": conditions("x/y")}
    assert decide(pod(spec=GATED, status=status)).status == READY


def test_a_condition_without_its_time_is_read() -> None:
    """Whoever patches a gate's condition may leave it out, and the API server then writes null."""
    gate = {"type": "x/y", "status": "True", "lastTransitionTime": None}
    status = LIVE | {"conditions": [*LIVE["conditions"], gate]}  # type: ignore[misc]
    assert decide(pod(spec=GATED, status=status)) == Plan()


def test_a_gate_that_closes_takes_ready_alone_away() -> None:
    decided = decide(pod(spec=GATED, status=LIVE)).status
    assert decided == READY._replace(ready=False)
    assert decided is not None
    assert decided.containers_ready


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_a_pod_that_is_over_is_left_alone(phase: str) -> None:
    assert decide(pod(status={"phase": phase})) == Plan()


DELETED = {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 30}


@pytest.mark.parametrize(
    ("annotations", "metadata", "dying", "wanted"),
    [
        ({}, {}, 0.0, Plan(end=True)),
        ({"stop-delay": "3s"}, {}, 1.0, Plan(again=2.0)),
        ({"stop-delay": "3s"}, {}, 3.0, Plan(end=True)),
        ({"stuck-terminating": "true"}, {}, 9.0, Plan()),
        ({}, {"deletionGracePeriodSeconds": 0}, 9.0, Plan()),
        ({"crash-loop": "true"}, {}, 0.0, Plan(end=True)),
    ],
    ids=["at-once", "later", "late-enough", "stuck", "held-by-a-finalizer", "crashing"],
)
def test_a_deleted_pod(
    annotations: dict[str, str], metadata: dict[str, object], dying: float, wanted: Plan
) -> None:
    marked = {f"hollow.lws/{name}": value for name, value in annotations.items()}
    assert decide(pod(marked, metadata=DELETED | metadata), dying=dying) == wanted


@pytest.mark.parametrize(("phase", "state"), [("Succeeded", "completed"), ("Failed", FAILED)])
def test_a_deleted_pod_may_say_how_it_ended_before_it_goes(phase: str, state: str) -> None:
    target = pod({"hollow.lws/end-phase": phase}, metadata=DELETED, status=LIVE)
    first = decide(target)
    assert first.status is not None
    assert not first.end
    assert (first.status.phase, first.status.containers[0].state) == (phase, state)
    assert not first.status.containers_ready
    assert decide(pod({"hollow.lws/end-phase": phase}, metadata=DELETED, status={"phase": phase})).end


def test_the_phase_of_the_end_may_be_every_pod_s_and_one_may_differ() -> None:
    assert faults_of(pod(), NOW, "Failed").end_phase == "Failed"
    assert faults_of(pod({"hollow.lws/end-phase": ""}), NOW, "Failed").end_phase == ""
    with pytest.raises(ValueError, match="'Gone' is not a phase"):
        faults_of(pod({"hollow.lws/end-phase": "Gone"}), NOW)


def test_a_pod_whose_claims_are_not_its_own_does_not_start() -> None:
    target = pod()
    held = plan(target, faults_of(target, NOW), Look(9.0, held=True))
    assert held == Plan(PENDING._replace(sandbox=False), again=0.2)


def test_a_deleted_pod_that_failed_is_ended_too() -> None:
    assert decide(pod(metadata=DELETED, status={"phase": "Failed"})).end


def test_a_drawn_delay_differs_by_pod_and_seed_and_repeats() -> None:
    annotations = {"hollow.lws/start-delay": "exp(1h)"}
    pods = [pod(annotations, metadata={"uid": uid}) for uid in "abc"]
    draws = [decide(entry, seed=seed).again for entry in pods for seed in (1, 2)]
    assert len(set(draws)) == len(draws)
    assert draws == [decide(entry, seed=seed).again for entry in pods for seed in (1, 2)]


def test_a_pod_s_own_delay_beats_the_default() -> None:
    assert faults_of(pod(), Delay(7.0)).start_delay == Delay(7.0)
    assert faults_of(pod({"hollow.lws/start-delay": "0s"}), Delay(7.0)).start_delay == NOW


@pytest.mark.parametrize("name", ["start-delay", "restart", "stop-delay"])
def test_an_annotation_that_cannot_be_read_names_it(name: str) -> None:
    with pytest.raises(ValueError, match=r"annotation hollow\.lws/.*'later' is not a duration"):
        faults_of(pod({f"hollow.lws/{name}": "later"}), NOW)


def test_annotations_of_others_are_no_faults() -> None:
    assert faults_of(pod({"crash-loop": "true", "hollow.lws/crash-loop": "false"}), NOW) == Faults(NOW)


def test_crashes_come_slower_and_slower_up_to_a_bound() -> None:
    moments: list[float] = []
    moment = 0.0
    for _ in range(9):
        moment += crashes_until(moment)[1]
        moments.append(moment)
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert gaps == [2.0, 3.0, 5.0, 9.0, 17.0, 31.0, 31.0, 31.0]
    assert [crashes_until(moment)[0] for moment in moments] == list(range(1, 10))
