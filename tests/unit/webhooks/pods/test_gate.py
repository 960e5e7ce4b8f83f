"""Who gets the readiness gate when it is admitted (beyond.md, 5.4)."""

from __future__ import annotations

import copy
from collections.abc import Callable

import msgspec
import pytest
from support.admission import Document, a_leader_pod, a_worker_pod

from lws.api import constants as c
from lws.webhooks.admission import AdmissionRequest, AdmissionResponse
from lws.webhooks.errors import NotKnownError
from lws.webhooks.handlers import pod_mutator
from lws.webhooks.pods import mutate_pod

GATE = {"conditionType": c.GROUP_READY_GATE}
OTHER = {"conditionType": "example.com/load-balancer"}
ASKED: list[tuple[str, str]] = []


def wanted(namespace: str, name: str) -> bool:
    ASKED.append((namespace, name))
    return True


def gates(pod: Document, gates_leaders: Callable[[str, str], bool] = wanted) -> list[Document] | None:
    """Of the admitted pod; None where it has no such member."""
    before = copy.deepcopy(pod)
    spec = mutate_pod(pod, "team", gang=None, gates_leaders=gates_leaders)["spec"]
    assert pod == before
    found: list[Document] | None = spec.get("readinessGates")
    return found


@pytest.mark.parametrize(
    ("present", "after"),
    [
        (None, [GATE]),
        ([], [GATE]),
        ([OTHER], [OTHER, GATE]),
        ([GATE, OTHER], [GATE, OTHER]),
    ],
)
def test_a_leader_with_workers_gets_it_once(present: list[Document] | None, after: list[Document]) -> None:
    spec = {} if present is None else {"readinessGates": present}
    assert gates(a_leader_pod(**spec)) == after


def test_the_set_is_asked_for_by_the_pod_s_namespace_and_label() -> None:
    ASKED.clear()
    gates(a_leader_pod())
    assert ASKED == [("default", "test-sample")]


@pytest.mark.parametrize("pod", [a_worker_pod(), a_leader_pod(size="1")], ids=["worker", "alone"])
def test_others_get_none_and_nobody_is_asked(pod: Document) -> None:
    ASKED.clear()
    assert gates(pod) is None
    assert ASKED == []


def test_without_the_field_not_one_byte_differs() -> None:
    pod = a_leader_pod()
    plain = mutate_pod(pod, "team", gang=None)
    assert mutate_pod(pod, "team", gang=None, gates_leaders=lambda *_: False) == plain
    assert "readinessGates" not in plain["spec"]


def test_a_set_that_cannot_be_asked_for_is_tried_again() -> None:
    """No leader comes in without the gate that its set may want."""

    def unknown(_namespace: str, _name: str) -> bool:
        raise NotKnownError("cannot read LeaderWorkerSet default/test-sample: no answer")

    document = {"uid": "1", "operation": "CREATE", "namespace": "default", "object": a_leader_pod()}
    request = msgspec.json.decode(msgspec.json.encode(document), type=AdmissionRequest)
    answer: AdmissionResponse = pod_mutator(None, unknown)(request)
    assert not answer.allowed
    assert answer.code == 500
    assert "cannot read LeaderWorkerSet default/test-sample" in answer.message
