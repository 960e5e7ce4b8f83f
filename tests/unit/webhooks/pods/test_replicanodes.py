"""A group's own nodes: what a pod gets for the annotations of its template (beyond.md, 2.2)."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from support.admission import Document, a_leader_pod, a_worker_pod

from lws.api import constants as c
from lws.webhooks.errors import AdmissionError
from lws.webhooks.pods.mutation import mutate_pod
from lws.webhooks.pods.replicanodes import MOST_KEYS, faults

SELECTOR, TOLERATION, VALUE = (
    c.REPLICA_NODE_SELECTOR_ANNOTATION,
    c.REPLICA_TOLERATION_ANNOTATION,
    c.REPLICA_VALUE_ANNOTATION,
)
KEY = "example.com/group"
LEADER_NAME = {c.LEADER_NAME_ANNOTATION: "test-sample-1"}


def toleration(value: str, **members: Any) -> Document:
    return {"key": KEY, "operator": "Equal", "value": value, **members}


def admitted(pod: Document, **spec: Any) -> Document:
    """The spec of the pod, seen twice by the webhook, with these members in it before."""
    pod = copy.deepcopy(pod)
    pod["spec"].update(spec)
    once = mutate_pod(pod, "default", gang=None)
    assert mutate_pod(once, "default", gang=None) == once
    return dict(once["spec"])


def leader(**annotations: str) -> Document:
    return a_leader_pod("test-sample-1", annotations=annotations)


def worker(**annotations: str) -> Document:
    return a_worker_pod("test-sample-1-1", annotations=LEADER_NAME | annotations)


@pytest.mark.parametrize("pod", [leader, worker], ids=["leader", "worker"])
@pytest.mark.parametrize(
    ("annotations", "selector", "tolerations"),
    [
        pytest.param({SELECTOR: KEY}, {KEY: "test-sample-1"}, None, id="selector"),
        pytest.param({SELECTOR: KEY, VALUE: "Leader"}, {KEY: "test-sample-1"}, None, id="said"),
        pytest.param({SELECTOR: KEY, VALUE: "GroupIndex"}, {KEY: "1"}, None, id="index"),
        pytest.param({SELECTOR: f"{KEY} , a"}, {KEY: "test-sample-1", "a": "test-sample-1"}, None, id="two"),
        pytest.param({TOLERATION: KEY}, None, [toleration("test-sample-1")], id="any-effect"),
        pytest.param(
            {TOLERATION: f"{KEY}:NoSchedule,{KEY}:NoExecute", VALUE: "GroupIndex"},
            None,
            [toleration("1", effect="NoSchedule"), toleration("1", effect="NoExecute")],
            id="two-effects",
        ),
        pytest.param(
            {SELECTOR: KEY, TOLERATION: f"{KEY}:NoSchedule"},
            {KEY: "test-sample-1"},
            [toleration("test-sample-1", effect="NoSchedule")],
            id="both",
        ),
        pytest.param({}, None, None, id="neither"),
    ],
)
def test_leader_and_workers_get_the_same(
    pod: Any, annotations: dict[str, str], selector: Document | None, tolerations: list[Document] | None
) -> None:
    spec = admitted(pod(**annotations))
    assert (spec.get("nodeSelector"), spec.get("tolerations")) == (selector, tolerations)


def test_what_the_pod_has_stays_and_comes_first() -> None:
    present = [{"key": "gpu", "operator": "Exists"}, toleration("test-sample-1", tolerationSeconds=9)]
    spec = admitted(
        worker(**{SELECTOR: KEY, TOLERATION: KEY}), nodeSelector={"disk": "ssd"}, tolerations=present
    )
    assert spec["nodeSelector"] == {"disk": "ssd", KEY: "test-sample-1"}
    assert spec["tolerations"] == [*present, toleration("test-sample-1")]


def test_an_equal_selector_of_somebody_else_is_no_conflict() -> None:
    """Exclusive placement by the same key takes workers to the very same nodes."""
    spec = admitted(worker(**{SELECTOR: KEY}), nodeSelector={KEY: "test-sample-1"})
    assert spec["nodeSelector"] == {KEY: "test-sample-1"}


@pytest.mark.parametrize(
    ("annotations", "told"),
    [
        pytest.param({SELECTOR: ""}, "replica-node-selector is .*must name a key", id="no-key"),
        pytest.param({SELECTOR: KEY, VALUE: "Node"}, "must be Leader or GroupIndex", id="value"),
        pytest.param({SELECTOR: KEY, c.LEADER_NAME_ANNOTATION: ""}, "leader-name is missing", id="no-leader"),
    ],
)
def test_a_pod_that_can_not_be_told_its_nodes_is_denied(annotations: dict[str, str], told: str) -> None:
    with pytest.raises(AdmissionError, match=told):
        mutate_pod(worker(**annotations), "default", gang=None)


def test_a_selector_of_somebody_else_is_denied_by_its_path() -> None:
    pod = leader(**{SELECTOR: KEY})
    pod["spec"]["nodeSelector"] = {KEY: "other"}
    with pytest.raises(AdmissionError, match=r"spec\.nodeSelector\[example\.com/group\] is \"other\""):
        mutate_pod(pod, "default", gang=None)


MANY = ",".join(f"k{x}" for x in range(MOST_KEYS + 1))


@pytest.mark.parametrize(
    ("annotations", "told"),
    [
        pytest.param({SELECTOR: ",".join(MANY.split(",")[:MOST_KEYS])}, "", id="as-many-as-may-be"),
        pytest.param({SELECTOR: "cloud.google.com/gke-placement-group"}, "", id="a-cloud-s"),
        pytest.param({SELECTOR: "example-kubernetes.io/a"}, "", id="another-domain"),
        pytest.param({TOLERATION: f"{KEY}:PreferNoSchedule"}, "", id="effect"),
        pytest.param({SELECTOR: MANY}, "no more than 8 keys, not 9", id="too-many"),
        pytest.param({SELECTOR: "a," * 9}, "no more than 8 keys, not 10", id="too-many-and-wrong"),
        pytest.param({SELECTOR: "a,,b"}, "must name a key", id="nothing-between"),
        pytest.param({SELECTOR: "a b"}, 'key "a b": name part must consist of', id="blank"),
        pytest.param({SELECTOR: "/a"}, "prefix part must not be empty", id="no-prefix"),
        pytest.param({SELECTOR: "a" * 64}, "must be no more than 63 bytes", id="long"),
        pytest.param({SELECTOR: "kubernetes.io/hostname"}, "must not be of the domain", id="kubernetes.io"),
        pytest.param({SELECTOR: "node.k8s.io/a"}, "must not be of the domain", id="k8s.io"),
        pytest.param({TOLERATION: "topology.kubernetes.io/zone"}, "must not be of the domain", id="taint"),
        pytest.param({SELECTOR: "a, a"}, 'must name "a" once only', id="twice"),
        pytest.param({TOLERATION: f"{KEY}:Never"}, 'effect "Never" of key', id="no-effect-of-that-name"),
        pytest.param({TOLERATION: ":NoSchedule"}, "must name a key", id="only-an-effect"),
        pytest.param({SELECTOR: "a", VALUE: "leader"}, "must be Leader or GroupIndex", id="value"),
        pytest.param({VALUE: "Leader"}, "must not be set without", id="value-of-nothing"),
    ],
)
def test_faults(annotations: dict[str, str], told: str) -> None:
    found = list(faults(annotations))
    assert [told in x.detail for x in found] == ([True] if told else [])
    assert all(x.value == annotations[x.annotation] for x in found)
