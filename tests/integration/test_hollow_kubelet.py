"""What the hollow kubelet does as real ones do, on a real control plane: images, gates, ends, and devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.cluster import Cluster, eventually
from support.kubectl import Kubectl

from hack.controlplane.hollow_devices import CLAIMS, DEVICE_CLASS, publish, withdraw
from hack.controlplane.hollow_server import SENTENCE
from lws.kube.errors import NotFound
from lws.kube.resources import NODES, PODS

pytestmark = pytest.mark.integration

Document = dict[str, Any]
GATE = "hollow.test/gate"


class Bed:
    """Makes pods in the default namespace, and looks at them."""

    def __init__(self, cluster: Cluster) -> None:
        self.client = cluster.client
        self.names: list[str] = []

    def make(self, name: str, faults: dict[str, str] | None = None, **members: Any) -> Document:
        self.names.append(name)
        annotations = {f"hollow.lws/{fault}": value for fault, value in (faults or {}).items()}
        container = {"name": "c", "image": "app:1"} | members.pop("container", {})
        document = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", "annotations": annotations},
            "spec": {"containers": [container], **members},
        }
        return self.client.create(PODS, dict, document)

    def get(self, name: str) -> Document:
        return self.client.get(PODS, dict, name, "default")

    def until(self, name: str, met: Callable[[Document], object]) -> Document:
        """The pod's status, once it is what is awaited."""
        return dict(eventually(lambda: (seen := self.get(name)["status"]) and met(seen) and seen))

    def patch(self, name: str, patch: Document, subresource: str = "") -> None:
        self.client.merge_patch(
            PODS, dict, name, patch, namespace="default", subresource=subresource, strategic=True
        )

    def set_image(self, name: str, image: str) -> None:
        self.patch(name, {"spec": {"containers": [{"name": "c", "image": image}]}})

    def clear(self) -> None:
        for name in self.names:
            try:
                self.client.delete(PODS, dict, name, namespace="default", grace_period=0)
            except NotFound:
                continue


@pytest.fixture
def bed(cluster: Cluster) -> Iterator[Bed]:
    made = Bed(cluster)
    yield made
    made.clear()


def holds(status: Document, type_: str = "Ready") -> bool:
    return any(entry["type"] == type_ and entry["status"] == "True" for entry in status.get("conditions", []))


def container(status: Document) -> Document:
    return dict(status["containerStatuses"][0])


def waits(reason: str) -> Callable[[Document], object]:
    return lambda status: any(
        entry["state"].get("waiting", {}).get("reason") == reason
        for entry in status.get("containerStatuses", [])
    )


@pytest.mark.parametrize(
    ("command", "code"),
    [
        pytest.param(["logs", "silent"], 0, id="logs"),
        pytest.param(["logs", "silent", "--follow"], 0, id="follow"),
        pytest.param(["exec", "silent", "--", "true"], 1, id="exec"),
        pytest.param(["attach", "silent"], 1, id="attach"),
        pytest.param(["port-forward", "silent", ":80"], 1, id="port-forward"),
    ],
)
def test_who_asks_for_what_containers_say_is_told_that_there_are_none(
    bed: Bed, cluster: Cluster, command: list[str], code: int
) -> None:
    bed.make("silent")
    bed.until("silent", lambda status: status.get("phase") == "Running")
    assert SENTENCE in Kubectl(cluster, "default")(*command, code=code)


def test_an_image_changes_in_place(bed: Bed) -> None:
    """beyond.md, 1.1: seen first, then killed, pulled and started anew; the pod stays."""
    tables = '{"app:2": {"pull": "300ms"}, "app:bad": {"error": "ErrImagePull"}}'
    made = bed.make("changing", {"observe-gap": "700ms", "images": tables})
    before = bed.until("changing", holds)
    assert before["observedGeneration"] == made["metadata"]["generation"]
    bed.set_image("changing", "app:2")
    seen = bed.until("changing", lambda status: status["observedGeneration"] > before["observedGeneration"])
    assert container(seen)["containerID"] == container(before)["containerID"]
    bed.until("changing", lambda status: not holds(status, "ContainersReady"))
    after = bed.until("changing", holds)
    assert (container(after)["image"], container(after)["restartCount"]) == ("app:2", 1)
    assert container(after)["containerID"] != container(before)["containerID"]
    assert bed.get("changing")["metadata"]["uid"] == made["metadata"]["uid"]
    bed.set_image("changing", "app:bad")
    bed.until("changing", waits("ImagePullBackOff"))
    bed.set_image("changing", "app:2")
    healed = bed.until("changing", holds)
    assert container(healed)["restartCount"] == 2


def test_a_node_s_table_of_images_is_for_all_its_pods(bed: Bed) -> None:
    def set_table(text: str | None) -> None:
        patch = {"metadata": {"annotations": {"hollow.lws/images": text}}}
        bed.client.merge_patch(NODES, dict, "hollow-5", patch)

    def unlucky() -> str:
        """A pod on the node, if its image cannot be had: nodes and pods reach the kubelet by two watches."""
        name = f"unlucky-{len(bed.names)}"
        bed.make(name, nodeName="hollow-5")
        status = bed.until(name, lambda status: holds(status) or waits("ImagePullBackOff")(status))
        return "" if holds(status) else name

    set_table('{"app:1": {"error": "ErrImagePull"}}')
    try:
        name = eventually(unlucky)
        bed.make("lucky", nodeName="hollow-4")
        bed.until("lucky", holds)
        bed.until(name, waits("ImagePullBackOff"))
    finally:  # others use the node, too
        set_table(None)
    bed.until(name, holds)


def test_a_gate_decides_over_ready_alone(bed: Bed) -> None:
    bed.make("gated", readinessGates=[{"conditionType": GATE}])
    closed = bed.until("gated", lambda status: holds(status, "ContainersReady"))
    assert not holds(closed)
    for value in ("True", "False"):
        gate = {"type": GATE, "status": value}
        bed.patch("gated", {"status": {"conditions": [gate]}}, "status")
        seen = bed.until("gated", lambda status, value=value: holds(status) == (value == "True"))
        assert holds(seen, "ContainersReady")


def test_a_pod_may_end_before_its_object_goes(bed: Bed) -> None:
    bed.make("ending", {"end-phase": "Failed"})
    bed.patch("ending", {"metadata": {"finalizers": ["hollow.test/held"]}})
    bed.until("ending", holds)
    bed.client.delete(PODS, dict, "ending", namespace="default")
    over = bed.until("ending", lambda status: status["phase"] == "Failed")
    assert not holds(over, "ContainersReady")
    bed.patch("ending", {"metadata": {"$deleteFromPrimitiveList/finalizers": ["hollow.test/held"]}})


def test_a_resize_restarts_a_container_where_its_policy_says_so(bed: Bed) -> None:
    resources = {"requests": {"memory": "64Mi"}}
    policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    bed.make("resized", container={"resources": resources, "resizePolicy": policy})
    bed.until("resized", holds)
    patch = {"name": "c", "resources": {"requests": {"memory": "128Mi"}}}
    bed.patch("resized", {"spec": {"containers": [patch]}}, "resize")
    after = bed.until("resized", lambda status: holds(status) and container(status)["restartCount"] == 1)
    assert container(after)["resources"] == patch["resources"]


@pytest.fixture
def racks(cluster: Cluster) -> Iterator[list[str]]:
    """One device in each of two racks."""
    names = ["rack-0", "rack-1"]
    publish(cluster.client, names, 1)
    yield names
    withdraw(cluster.client, names)


def test_pods_of_one_claim_run_in_the_rack_of_its_device(bed: Bed, racks: list[str]) -> None:
    """beyond.md, 3.1: allocated with the first pod, reserved for each."""
    request = {"name": "rack", "exactly": {"deviceClassName": DEVICE_CLASS}}
    claim = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {"name": "rack", "namespace": "default"},
        "spec": {"devices": {"requests": [request]}},
    }
    used = {"resourceClaims": [{"name": "rack", "resourceClaimName": "rack"}]}
    bed.make("unscheduled", nodeName="hollow-0", **used)
    held = bed.until("unscheduled", lambda status: status.get("startTime"))
    assert not holds(held, "PodReadyToStartContainers")
    bed.client.create(CLAIMS, dict, claim)
    for number in range(3):
        bed.make(f"member-{number}", container={"resources": {"claims": [{"name": "rack"}]}}, **used)
    for number in range(3):
        bed.until(f"member-{number}", holds)
    nodes = {bed.get(f"member-{number}")["spec"]["nodeName"] for number in range(3)}
    labels = [bed.client.get(NODES, dict, node)["metadata"]["labels"] for node in nodes]
    assert len({entry["hollow.lws/rack"] for entry in labels}) == 1
    assert labels[0]["hollow.lws/rack"] in racks
    bed.clear()
    bed.client.delete(CLAIMS, dict, "rack", namespace="default")
    eventually(lambda: not bed.client.list(CLAIMS, dict, "default"))
