"""What ``kubectl lws why`` says of pods that wait for nodes or claims of their group."""

from __future__ import annotations

from typing import Any

import pytest
from support.cli import a_pod
from support.groups import NAMESPACE, a_leader

from lws.api import constants as c
from lws.api.workloads import Node
from lws.cli.kinds import Affinity, AffinityTerm, Pod, PodAffinity, PodSpec
from lws.cli.placing import advice_on_claims, advice_on_nodes, advice_on_volumes, asks_for_nodes
from lws.objects import ObjectMeta

KEYS = "example.com/group, example.com/rack"
SELECTOR = {"example.com/group": "test-sample-0", "example.com/rack": "test-sample-0", "disk": "ssd"}
WANTED = "example.com/group=test-sample-0 and example.com/rack=test-sample-0"


def waiting(keys: str = KEYS, *, node: str = "", selector: dict[str, str] = SELECTOR) -> Pod:
    leader = a_leader(annotations={c.REPLICA_NODE_SELECTOR_ANNOTATION: keys} if keys else {})
    pod = a_pod(leader)
    return Pod(metadata=pod.metadata, spec=PodSpec(node_name=node, node_selector=selector), status=pod.status)


def labelled(**values: str) -> list[Node]:
    return [Node(metadata=ObjectMeta(name="n1", labels={f"example.com/{x}": y for x, y in values.items()}))]


@pytest.mark.parametrize(
    ("pod", "nodes", "told"),
    [
        pytest.param(waiting(), [], f"no node has {WANTED}: ", id="no-node"),
        pytest.param(waiting(), labelled(group="test-sample-0"), f"no node has {WANTED}: ", id="one-of-two"),
        pytest.param(waiting(), labelled(group="test-sample-0", rack="test-sample-0"), "", id="there"),
        pytest.param(waiting(), None, f"see whether a node has {WANTED}", id="not-to-be-seen"),
        pytest.param(waiting(""), [], "", id="not-asked-for"),
        pytest.param(waiting(selector={}), [], "", id="admitted-by-upstream"),
        pytest.param(waiting(node="n1"), [], "", id="placed"),
    ],
)
def test_advice_on_nodes(pod: Pod, nodes: Any, told: str) -> None:
    said = advice_on_nodes(pod, nodes)
    assert said.startswith(told) if told else not said
    assert asks_for_nodes(pod) == (bool(told) or bool(nodes))


SHARED = {c.GROUP_CLAIMS_ANNOTATION: "rack, nic", c.GROUP_CLAIMS_TOKEN_ANNOTATION: "abcde"}
COMMAND = f"kubectl describe resourceclaim --namespace {NAMESPACE} "


@pytest.mark.parametrize(
    ("annotations", "node", "told"),
    [
        pytest.param(SHARED, "", f"{COMMAND}test-sample-0-rack-abcde test-sample-0-nic-abcde", id="leader"),
        pytest.param(
            SHARED | {c.LEADER_NAME_ANNOTATION: "l-0"},
            "",
            f"{COMMAND}l-0-rack-abcde l-0-nic-abcde",
            id="worker",
        ),
        pytest.param(SHARED, "n1", "", id="placed"),
        pytest.param({}, "", "", id="shares-none"),
    ],
)
def test_advice_on_claims(annotations: dict[str, str], node: str, told: str) -> None:
    assert advice_on_claims(a_pod(a_leader(annotations=annotations), node=node)) == told


EXCLUSIVE = {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: "example.com/rack"}


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        ([], "no node has the label example.com/rack, which exclusive placement goes by"),
        (labelled(group="x"), "no node has the label example.com/rack"),
        (labelled(rack="x"), ""),
        (None, "see whether nodes have the label example.com/rack"),
    ],
)
def test_the_label_that_exclusive_placement_goes_by(nodes: Any, told: str) -> None:
    pod = a_pod(a_leader(annotations=EXCLUSIVE), node="")
    said = advice_on_nodes(pod, nodes)
    assert said.startswith(told) if told else not said
    assert asks_for_nodes(pod)
    assert not asks_for_nodes(a_pod(a_leader(annotations=EXCLUSIVE), node="n1"))


def beside(label: str, annotations: dict[str, str]) -> Pod:
    """A pod without a node, which the webhook or a placement policy gave a required affinity by the label."""
    pod = a_pod(a_leader(annotations=annotations), node="")
    together = Affinity(pod_affinity=PodAffinity(required=(AffinityTerm(topology_key=label),)))
    return Pod(metadata=pod.metadata, spec=PodSpec(affinity=together), status=pod.status)


@pytest.mark.parametrize(
    ("pod", "nodes", "told"),
    [
        pytest.param(
            beside("example.com/rack", {c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION: "example.com/rack"}),
            [],
            "no node has the label example.com/rack, which exclusive placement goes by",
            id="subgroup",
        ),
        pytest.param(
            beside("example.com/zone", {c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION: "example.com/rack"}),
            labelled(zone="x"),
            "no node has the label example.com/rack",
            id="second-of-two",
        ),
        pytest.param(
            beside("example.com/rack", {}),
            labelled(zone="x"),
            "no node has the label example.com/rack, which its pod affinity goes by",
            id="placement-policy",
        ),
        pytest.param(beside("example.com/rack", {}), labelled(rack="x"), "", id="there"),
    ],
)
def test_every_label_that_pods_are_placed_together_by(pod: Pod, nodes: list[Node], told: str) -> None:
    said = advice_on_nodes(pod, nodes)
    assert said.startswith(told) if told else not said
    assert asks_for_nodes(pod)


def test_volumes_that_are_not_there() -> None:
    pod = a_pod(a_leader(), node="")
    said = advice_on_volumes(pod, "0/8 nodes: pod has unbound immediate PersistentVolumeClaims. not found")
    assert said.startswith(f"kubectl describe pvc --namespace {NAMESPACE}: ")
    assert not advice_on_volumes(pod, "0/8 nodes are available")
