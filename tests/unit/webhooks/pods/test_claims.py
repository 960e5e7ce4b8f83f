"""Claims that a group shares: what a pod gets for the annotation of its template (beyond.md, 3.3)."""

from __future__ import annotations

from typing import Any

import pytest
from support.admission import Document, a_leader_pod, a_worker_pod

from lws.api import constants as c
from lws.planning.claims import new_token
from lws.webhooks.errors import AdmissionError
from lws.webhooks.pods.mutation import mutate_pod

TOKEN = {c.GROUP_CLAIMS_TOKEN_ANNOTATION: "abcde"}
RACK: Document = {"name": "rack", "resourceClaimTemplateName": "rack-of-8"}
NIC: Document = {"name": "nic", "resourceClaimTemplateName": "nic"}
SHARED: Document = {"name": "rack", "resourceClaimName": "test-sample-1-rack-abcde"}


def leader(entries: str = "rack", **annotations: str) -> Document:
    shared = {c.GROUP_CLAIMS_ANNOTATION: entries}
    return a_leader_pod("test-sample-1", annotations=shared | annotations, resourceClaims=[NIC, RACK])


def worker(entries: str = "rack", *, claims: Any = None, **annotations: str) -> Document:
    shared = {c.GROUP_CLAIMS_ANNOTATION: entries}
    claims = [NIC, RACK] if claims is None else claims
    return a_worker_pod("test-sample-1-1", annotations=shared | annotations, resourceClaims=claims)


def claims_of(pod: Document) -> list[Document]:
    return list(mutate_pod(pod, "default", gang=None, uid="u")["spec"]["resourceClaims"])


def test_a_leader_draws_a_token_once() -> None:
    """Another request gives another one; a second look at the same pod keeps it."""
    once = mutate_pod(leader(), "default", gang=None, uid="one")
    token = once["metadata"]["annotations"][c.GROUP_CLAIMS_TOKEN_ANNOTATION]
    assert (token, len(token)) == (new_token("one"), 5)
    assert token != new_token("two")
    assert once["spec"]["resourceClaims"] == [
        NIC,
        {"name": "rack", "resourceClaimName": f"test-sample-1-rack-{token}"},
    ]
    assert mutate_pod(once, "default", gang=None, uid="two") == once


@pytest.mark.parametrize(
    ("pod", "wanted"),
    [
        pytest.param(worker(**TOKEN), [NIC, SHARED], id="the-leader-s-token"),
        pytest.param(worker(), [NIC, RACK], id="no-token"),
        pytest.param(worker(**TOKEN, claims=[SHARED]), [SHARED], id="seen-twice"),
        pytest.param(
            worker("rack, nic", **TOKEN),
            [{"name": "nic", "resourceClaimName": "test-sample-1-nic-abcde"}, SHARED],
            id="two",
        ),
        pytest.param(
            worker(**TOKEN, claims=[RACK, NIC, RACK]), [SHARED, NIC, RACK], id="the-first-of-a-name"
        ),
    ],
)
def test_workers_name_the_group_s_claim(pod: Document, wanted: list[Document]) -> None:
    assert claims_of(pod) == wanted


def test_without_the_annotation_there_is_a_claim_for_each_pod() -> None:
    pod = a_worker_pod(annotations=TOKEN, resourceClaims=[RACK])
    assert claims_of(pod) == [RACK]
    assert c.GROUP_CLAIMS_TOKEN_ANNOTATION not in mutate_pod(a_leader_pod(), "default", gang=None)["metadata"]


@pytest.mark.parametrize(
    ("pod", "told"),
    [
        pytest.param(worker("gpu", **TOKEN), 'names "gpu": must be an entry', id="no-such-entry"),
        pytest.param(worker(**TOKEN, claims=[]), 'names "rack": must be an entry', id="no-entries"),
        pytest.param(
            worker(**TOKEN, claims=[{"name": "rack", "resourceClaimName": "x"}]),
            r'spec\.resourceClaims\[0\]\.resourceClaimName is "x"',
            id="another-claim",
        ),
        pytest.param(worker("rack,nic,rack,nic,a", **TOKEN), "no more than 4 entries, not 5", id="five"),
        pytest.param(worker(**TOKEN, **{c.LEADER_NAME_ANNOTATION: ""}), "leader-name is missing", id="whose"),
    ],
)
def test_a_pod_that_cannot_share_is_denied(pod: Document, told: str) -> None:
    with pytest.raises(AdmissionError, match=told):
        claims_of(pod)
