"""What the hollow kubelet does for a pod, as a function of its age and its faults."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from hack.controlplane.durations import Delay
from hack.controlplane.hollow_pods import (
    BACK_OFF,
    ContainerState,
    ContainerStatus,
    Faults,
    HollowPod,
    Plan,
    View,
    Waiting,
    crashes_until,
    faults_of,
    observed,
    plan,
)

NOW = Delay(0.0)
PENDING = View("Pending", started=True, initialized=True, ready=False)
READY = View("Running", started=True, initialized=True, ready=True)


def pod(annotations: dict[str, str] | None = None, **document: object) -> HollowPod:
    metadata = {"name": "p", "namespace": "default", "uid": "u", "annotations": annotations or {}}
    metadata |= document.pop("metadata", {})  # type: ignore[arg-type]
    spec: object = {"nodeName": "hollow-0", "containers": [{"name": "c"}]}
    spec |= document.pop("spec", {})  # type: ignore[operator]
    return msgspec.convert({"metadata": metadata, "spec": spec, **document}, HollowPod)


def decide(target: HollowPod, *, age: float = 0.0, dying: float = 0.0, seed: int = 0) -> Plan:
    return plan(target, faults_of(target, NOW), age=age, dying=dying, seed=seed)


WITH_INIT = {"initContainers": [{"name": "i"}]}
NEVER = {"restartPolicy": "Never"}


@pytest.mark.parametrize(
    ("annotations", "spec", "age", "wanted"),
    [
        ({}, {}, 0.0, Plan(READY)),
        ({"start-delay": "5s"}, {}, 1.0, Plan(PENDING, again=4.0)),
        ({"start-delay": "5s"}, WITH_INIT, 1.0, Plan(PENDING._replace(initialized=False), again=4.0)),
        ({"start-delay": "5s"}, {}, 5.0, Plan(READY)),
        ({"restart": "10s"}, {}, 4.0, Plan(READY, again=6.0)),
        ({"restart": "10s"}, {}, 10.0, Plan(READY._replace(restarts=1))),
        ({"restart": "3s, 10s"}, {}, 4.0, Plan(READY._replace(restarts=1), again=6.0)),
        ({"restart": "10s", "start-delay": "5s"}, {}, 12.0, Plan(READY, again=3.0)),
        ({"restart": "1s"}, NEVER, 2.0, Plan(READY._replace(phase="Failed", ready=False))),
        ({"crash-loop": "true"}, {}, 0.0, Plan(READY._replace(ready=False), again=1.0)),
        ({"crash-loop": "true"}, {}, 1.0, Plan(READY._replace(ready=False, backing_off=True), again=2.0)),
        (
            {"crash-loop": "true"},
            {},
            3.5,
            Plan(READY._replace(ready=False, backing_off=True, restarts=1), again=2.5),
        ),
        ({"crash-loop": "true"}, NEVER, 1.0, Plan(READY._replace(phase="Failed", ready=False))),
        ({"init-failure": "true"}, WITH_INIT, 0.0, Plan(PENDING._replace(initialized=False), again=1.0)),
        (
            {"init-failure": "true"},
            WITH_INIT,
            3.0,
            Plan(PENDING._replace(initialized=False, backing_off=True, init_restarts=1), again=3.0),
        ),
        (
            {"init-failure": "true"},
            WITH_INIT | NEVER,
            1.0,
            Plan(PENDING._replace(phase="Failed", initialized=False)),
        ),
        ({"not-ready": "true"}, {}, 0.0, Plan(READY._replace(ready=False))),
        ({"stuck-terminating": "true"}, {}, 0.0, Plan(READY)),
        ({}, {"readinessGates": [{"conditionType": "x/y"}]}, 0.0, Plan(READY._replace(ready=False))),
    ],
)
def test_a_living_pod(annotations: dict[str, str], spec: dict[str, object], age: float, wanted: Plan) -> None:
    target = pod({f"hollow.lws/{name}": value for name, value in annotations.items()}, spec=spec)
    assert decide(target, age=age) == wanted


def conditions(*types: str) -> list[dict[str, str]]:
    return [{"type": type_, "status": "True"} for type_ in types]


RUNNING = {
    "phase": "Running",
    "startTime": "2026-01-01T00:00:00Z",
    "conditions": conditions("Initialized", "Ready"),
    "containerStatuses": [{"name": "c", "restartCount": 0}],
}


def test_what_holds_already_is_not_written_again() -> None:
    assert observed(pod(status=RUNNING)) == READY
    assert decide(pod(status=RUNNING), age=100.0) == Plan()


def test_restarts_somebody_else_wrote_are_kept() -> None:
    status = RUNNING | {"containerStatuses": [{"name": "c", "restartCount": 3}]}
    assert decide(pod(status=status)) == Plan()


def test_an_open_readiness_gate_lets_the_pod_become_ready() -> None:
    spec = {"readinessGates": [{"conditionType": "x/y"}]}
    status = {"phase": "Running", "conditions": conditions("x/y")}
    assert decide(pod(spec=spec, status=status)).status == READY


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
def test_an_annotation_that_cannot_be_read_names_its_pod(name: str) -> None:
    with pytest.raises(
        ValueError, match=r"pod default/p: annotation hollow\.lws/.*'later' is not a duration"
    ):
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


def test_backing_off_is_read_from_either_kind_of_container() -> None:
    waiting = ContainerStatus("i", state=ContainerState(Waiting(BACK_OFF)))
    status = msgspec.structs.replace(pod().status, init_container_statuses=(waiting,))
    assert observed(msgspec.structs.replace(pod(), status=status)).backing_off
