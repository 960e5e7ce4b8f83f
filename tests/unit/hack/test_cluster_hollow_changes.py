"""A pod whose spec changes while it runs: its life with the hollow kubelet, status by written status."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from hack.controlplane.durations import Delay
from hack.controlplane.hollow_ages import Ages
from hack.controlplane.hollow_faults import faults_of, images_of
from hack.controlplane.hollow_objects import HollowPod
from hack.controlplane.hollow_pods import Look, plan
from hack.controlplane.hollow_status import status_patch

START = datetime(2026, 1, 1, tzinfo=UTC)
LIMIT = 400  # looks: a kubelet that never comes to rest is a fault

Document = dict[str, Any]


class Life:
    """One pod and its kubelet; time passes as the kubelet asks for its next look."""

    def __init__(self, *, sidecar: str = "", **spec: Any) -> None:
        inits = [{"name": "i", "image": "init:1"}]
        if sidecar:
            inits.append({"name": "side", "image": sidecar, "restartPolicy": "Always"})
        containers = [{"name": "c", "image": "app:1"}, {"name": "d", "image": "other:1"}]
        self.spec: Document = {
            "nodeName": "hollow-0",
            "containers": containers,
            "initContainers": inits,
        } | spec
        self.annotations: dict[str, str] = {}
        self.generation, self.seconds = 1, 100.0
        self.status: Document = {}
        self.written: list[tuple[float, Document]] = []
        self.kubelet = self.new_kubelet()

    def new_kubelet(self) -> Ages:
        ages = Ages(now=lambda: START + timedelta(seconds=self.seconds), monotonic=lambda: self.seconds)
        ages.on_add(self.pod(), initial=bool(self.status))
        self.kubelet = ages
        return ages

    def pod(self) -> HollowPod:
        metadata = {
            "name": "p",
            "namespace": "default",
            "uid": "u",
            "generation": self.generation,
            "annotations": {f"hollow.lws/{name}": value for name, value in self.annotations.items()},
        }
        return msgspec.convert({"metadata": metadata, "spec": self.spec, "status": self.status}, HollowPod)

    def change(self, name: str = "c", **members: Any) -> None:
        """Somebody patches a container: its image, or its resources."""
        for entry in self.spec["containers"] + self.spec["initContainers"]:
            if entry["name"] == name:
                entry.update(members)
        self.generation += 1

    def live(self, seconds: float = 0.0) -> None:
        """Let the kubelet work until nothing is left to do, or for so long."""
        end = self.seconds + seconds if seconds else float("inf")
        for _ in range(LIMIT):
            again = self._look()
            if again is None or self.seconds + again > end:
                self.seconds = end if seconds else self.seconds
                return
            self.seconds += again
        raise AssertionError("the kubelet never comes to rest")

    def _look(self) -> float | None:
        pod = self.pod()
        images = images_of(pod.annotations)
        look = Look(self.kubelet.age(pod), 0.0, 0, self.kubelet.changes(pod), images)
        step = plan(pod, faults_of(pod, Delay(0.0)), look)
        if step.status is None:
            return step.again
        now = START + timedelta(seconds=self.seconds)
        self._merge(status_patch(pod, step.status, host="h", now=now, images=images)["status"])
        return 0.0  # the watch brings what was written

    def _merge(self, status: Document) -> None:
        before = {entry["type"]: entry for entry in self.status.get("conditions", [])}
        merged = [before.get(entry["type"], {}) | entry for entry in status["conditions"]]
        self.status = self.status | status | {"conditions": merged}
        self.written.append((self.seconds, self.status))

    def container(self, name: str = "c", status: Document | None = None) -> Document:
        shown = status or self.status
        entries = shown["containerStatuses"] + shown["initContainerStatuses"]
        return next(dict(entry) for entry in entries if entry["name"] == name)

    def holds(self, type_: str) -> bool:
        return any(
            entry["type"] == type_ and entry["status"] == "True" for entry in self.status["conditions"]
        )

    def since(self, moment: float) -> list[tuple[float, str, bool]]:
        """What was written after ``moment``: seconds later, the state of ``c``, whether the pod was ready."""
        return [
            (round(at - moment, 3), word(self.container("c", status)), ready(status))
            for at, status in self.written
            if at >= moment
        ]


def word(container: Document) -> str:
    """``running``, ``terminated``, or why it waits."""
    state: Document = container["state"]
    return str(state["waiting"]["reason"]) if "waiting" in state else next(iter(state))


def holds(status: Document, type_: str) -> bool:
    return any(entry["type"] == type_ and entry["status"] == "True" for entry in status["conditions"])


def ready(status: Document) -> bool:
    return holds(status, "Ready")


def running(**spec: Any) -> Life:
    """A pod that runs, its history forgotten."""
    life = Life(**spec)
    life.live()
    assert ready(life.status)
    assert len(life.written) == 1
    life.written.clear()
    life.seconds += 50.0
    return life


def test_a_changed_image_is_seen_killed_and_started_anew() -> None:
    """One sync of a kubelet, which writes nothing from before the kill to the start."""
    life = running()
    before, other = life.container(), life.container("d")
    life.change(image="app:2")
    life.live()
    assert life.since(150.0) == [
        (0.0, "running", True),
        (0.03, "running", True),
    ]
    assert [status["observedGeneration"] for _, status in life.written] == [2, 2]
    after = life.container()
    assert (after["image"], after["restartCount"]) == ("app:2", 1)
    assert after["containerID"] != before["containerID"]
    assert after["imageID"] != before["imageID"]
    ended = after["lastState"]["terminated"]
    assert (ended["containerID"], ended["exitCode"]) == (before["containerID"], 143)
    assert life.container("d") == other


def test_kill_pull_and_readiness_take_their_time() -> None:
    life = running()
    life.annotations = {
        "stop-delay": "3s",
        "observe-gap": "2s",
        "start-delay": "7s",
        "images": '{"app:2": {"pull": "4s"}}',
    }
    life.change(image="app:2")
    life.live()
    assert life.since(150.0) == [
        (0.0, "running", True),
        (5.0, "ContainerCreating", False),
        (9.0, "running", False),
        (16.0, "running", True),
    ]


def test_no_container_outlives_its_grace() -> None:
    life = running(terminationGracePeriodSeconds=1)
    life.annotations = {"stop-delay": "30s", "observe-gap": "1s"}
    life.change(image="app:2")
    life.live()
    assert [at for at, *_ in life.since(150.0)][:2] == [0.0, 2.0]


def test_an_image_that_cannot_be_pulled_waits_and_heals_both_ways() -> None:
    life = running()
    life.annotations = {"images": '{"app:bad": {"error": "ErrImagePull"}}'}
    before = life.container()
    life.change(image="app:bad")
    life.live()
    assert [state for _, state, _ in life.since(150.0)] == [
        "running",
        "ErrImagePull",
        "ImagePullBackOff",
    ]
    stuck = life.container()
    assert (stuck["restartCount"], stuck["image"]) == (0, "app:1")
    assert stuck["containerID"] == before["containerID"]
    life.change(image="app:1")
    life.live()
    healed = life.container()
    assert (healed["image"], healed["restartCount"], ready(life.status)) == ("app:1", 1, True)
    life.change(image="app:bad")
    life.live()
    life.annotations = {}
    life.live()
    assert (life.container()["image"], ready(life.status)) == ("app:bad", True)


def test_a_crashing_image_backs_off_and_another_starts_at_once() -> None:
    life = running()
    life.annotations = {"images": '{"app:bad": {"crash": true}}'}
    life.change(image="app:bad")
    life.live(10.0)
    assert word(life.container()) == "CrashLoopBackOff"
    assert life.container()["restartCount"] == 3  # one for the image, two crashes after it
    assert word(life.container("d")) == "running"
    moment = life.seconds
    life.change(image="app:2")
    life.live()
    assert (life.container()["restartCount"], ready(life.status)) == (4, True)
    assert life.seconds - moment < 0.1


def test_a_pod_that_restarts_nothing_restarts_for_an_image() -> None:
    life = running(restartPolicy="Never")
    life.change(image="app:2")
    life.live()
    assert (life.container()["restartCount"], ready(life.status)) == (1, True)


def test_a_restart_that_was_asked_for_comes_on_top() -> None:
    life = running()
    life.annotations = {"restart": "10s, 100s"}
    life.live(1.0)
    assert life.container()["restartCount"] == 1
    life.change(image="app:2")
    life.live(1.0)
    assert life.container()["restartCount"] == 2
    life.live(60.0)
    assert life.container()["restartCount"] == 3
    life.new_kubelet()
    life.live()
    assert life.container()["restartCount"] == 3


def test_two_tags_of_one_digest_have_one_image_id_and_two_starts() -> None:
    life = running()
    digest = "sha256:" + "b" * 64
    life.annotations = {"images": f'{{"app:2": {{"digest": "{digest}"}}, "app:3": {{"digest": "{digest}"}}}}'}
    seen = []
    for image in ("app:2", "app:3"):
        life.change(image=image)
        life.live()
        seen.append(life.container())
    assert seen[0]["imageID"] == seen[1]["imageID"]
    assert seen[0]["containerID"] != seen[1]["containerID"]


def test_a_change_taken_back_in_time_changes_nothing() -> None:
    life = running()
    life.annotations = {"observe-gap": "5s"}
    before = life.container()
    life.change(image="app:2")
    life.live(1.0)
    life.change(image="app:1")
    life.live(20.0)
    assert life.container() == before
    assert life.status["observedGeneration"] == 3


def test_a_kubelet_that_restarts_goes_on() -> None:
    life = running()
    life.annotations = {"images": '{"app:2": {"pull": "9s"}}'}
    life.change(image="app:2")
    life.live(5.0)
    assert word(life.container()) == "ContainerCreating"
    life.new_kubelet()
    life.live()
    assert (life.container()["restartCount"], ready(life.status)) == (1, True)


def test_a_sidecar_restarts_and_a_plain_init_container_does_not() -> None:
    life = running(sidecar="side:1")
    life.change("side", image="side:2")
    life.live()
    assert (life.container("side")["image"], life.container("side")["restartCount"]) == ("side:2", 1)
    assert life.container()["restartCount"] == 0
    assert [ready(status) for _, status in life.written] == [True, True]
    life.written.clear()
    life.change("i", image="init:2")
    life.live()
    assert (life.container("i")["image"], life.container("i")["restartCount"]) == ("init:1", 0)
    assert [(ready(status), status["observedGeneration"]) for _, status in life.written] == [(True, 3)]


def test_images_hold_up_a_first_start_too() -> None:
    life = Life()
    life.annotations = {"images": '{"init:1": {"pull": "3s"}, "app:1": {"pull": "2s"}}'}
    life.live()
    shown = [(at, word(life.container("c", status)), status["phase"]) for at, status in life.written]
    assert shown == [
        (100.0, "PodInitializing", "Pending"),
        (103.0, "ContainerCreating", "Pending"),
        (105.0, "running", "Running"),
    ]


def test_an_init_image_that_cannot_be_pulled_holds_the_pod() -> None:
    life = Life()
    life.annotations = {"images": '{"init:1": {"error": "InvalidImageName"}}'}
    life.live()
    assert (word(life.container("i")), life.status["phase"]) == ("InvalidImageName", "Pending")
    assert not holds(life.status, "Initialized")


RESIZES = {"cpu": "NotRequired", "memory": "RestartContainer"}
POLICY = [{"resourceName": name, "restartPolicy": policy} for name, policy in RESIZES.items()]


@pytest.mark.parametrize(("resource", "restarts"), [("cpu", 0), ("memory", 1)])
def test_a_resize_restarts_where_its_policy_says_so(resource: str, restarts: int) -> None:
    wanted = {"requests": {"cpu": "1", "memory": "1Gi"}}
    containers = [{"name": "c", "image": "app:1", "resources": wanted, "resizePolicy": POLICY}]
    life = running(containers=containers)
    life.annotations = {"start-delay": "5s"}
    resized = {"requests": wanted["requests"] | {resource: "2"}}
    life.change(resources=resized)
    life.live()
    assert life.container()["resources"] == resized
    assert (life.container()["restartCount"], ready(life.status)) == (restarts, True)
    ended = life.container().get("lastState", {}).get("terminated", {})
    assert ended.get("exitCode") == (143 if restarts else None)
    assert all(ready(status) for _, status in life.written) == (not restarts)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "annotation hollow.lws/images: "),
        ('{"a": {"pull": "soon"}}', "'soon' is not a duration"),
        ('{"a": {"crush": true}}', "unknown field `crush`"),
    ],
)
def test_a_table_of_images_that_cannot_be_read_says_what(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        images_of({"hollow.lws/images": text})


def test_a_pod_s_table_comes_before_its_node_s() -> None:
    node = {"hollow.lws/images": '{"a": {"crash": true}, "b": {"pull": "1s"}}'}
    pod = {"hollow.lws/images": '{"a": {"pull": "2s"}}'}
    tables = images_of(node, pod)
    assert (tables["a"].crash, tables["a"].pull, tables["b"].pull) == (False, 2.0, 1.0)
