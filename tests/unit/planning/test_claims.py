"""The ResourceClaims of a group: which they are, when they are made, what is said of those waited for."""

from __future__ import annotations

import re
from typing import Any

import pytest
from msgspec.structs import replace
from support.groups import NAMESPACE, a_leader, a_revision, a_set, a_worker, a_worker_set, owner_of

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.resourceclaims import (
    Allocation,
    ClaimMetadata,
    ClaimStatus,
    ClaimTemplateSpec,
    ResourceClaim,
    ResourceClaimTemplate,
)
from lws.api.workloads import Pod, PodTemplate, StatefulSet, TemplateMeta, TokenOfTemplate
from lws.objects import ObjectMeta
from lws.planning.actions import Create, Problem, Record, Requeue
from lws.planning.claims import KIND, claim_document, new_token, plan_claims, wanted_claims, worker_token
from lws.planning.observed import ObservedClaim, WantedClaim
from lws.planning.revisions import template_of

TOKEN = "abcde"
RACK = {"name": "rack", "resourceClaimTemplateName": "rack-of-8"}
TEMPLATE = ResourceClaimTemplate(
    metadata=ObjectMeta(name="rack-of-8", namespace=NAMESPACE),
    spec=ClaimTemplateSpec(
        ClaimMetadata({"team": "a", c.NAME_LABEL: "no"}, {"note": "b"}), {"devices": {"requests": []}}
    ),
)


def pods(entries: str | None) -> dict[str, Any]:
    annotations = {} if entries is None else {c.GROUP_CLAIMS_ANNOTATION: entries}
    containers = [{"name": "app", "image": "nginx"}]
    return {
        "metadata": {"annotations": annotations},
        "spec": {"containers": containers, "resourceClaims": [RACK, {**RACK, "name": "nic"}]},
    }


def sharing(leader: str | None, workers: str | None, *, size: int = 3) -> LeaderWorkerSet:
    templates = {"leaderTemplate": pods(leader), "workerTemplate": pods(workers)}
    return a_set(size=size, template=templates)


def leading(entries: str | None = "rack", token: str = TOKEN) -> Pod:
    annotations = {} if entries is None else {c.GROUP_CLAIMS_ANNOTATION: entries}
    return a_leader(annotations=annotations | ({c.GROUP_CLAIMS_TOKEN_ANNOTATION: token} if token else {}))


def workers_of(leader: Pod, token: str) -> StatefulSet:
    found = a_worker_set(leader, replicas=2)
    template = PodTemplate(TemplateMeta(annotations=TokenOfTemplate(token)))
    return replace(found, spec=replace(found.spec, template=template))


def want(
    entry: str = "rack", token: str = TOKEN, *, leader: bool = True, workers: bool = True
) -> WantedClaim:
    return WantedClaim(entry, "rack-of-8", f"test-sample-0-{entry}-{token}", leader, workers)


DERIVED = new_token("uid-test-sample-0")


@pytest.mark.parametrize(
    ("lws", "leader", "workers", "wanted"),
    [
        pytest.param(sharing("rack", "rack"), leading(), None, [want()], id="both"),
        pytest.param(sharing("rack", "rack"), leading(), TOKEN, [want()], id="with-workers"),
        pytest.param(sharing("rack", "rack"), leading(), "", [want(workers=False)], id="workers-of-upstream"),
        pytest.param(sharing("rack", "rack"), leading(token=""), None, [], id="leader-of-upstream"),
        pytest.param(sharing("rack", None), leading(), None, [want(workers=False)], id="leader-only"),
        pytest.param(sharing("rack", "rack", size=1), leading(), None, [want(workers=False)], id="alone"),
        pytest.param(
            sharing(None, "rack"),
            leading(None, ""),
            None,
            [want(token=DERIVED, leader=False)],
            id="workers-only",
        ),
        pytest.param(
            sharing("rack", "rack,nic"),
            leading(),
            None,
            [want("nic", leader=False), want()],
            id="one-in-common",
        ),
        pytest.param(sharing(None, None), leading(None, ""), None, [], id="none"),
        pytest.param(sharing("gpu", None), leading("gpu"), None, [], id="no-such-entry"),
    ],
)
def test_what_a_group_shares(
    lws: LeaderWorkerSet, leader: Pod, workers: str | None, wanted: list[WantedClaim]
) -> None:
    found = None if workers is None else workers_of(leader, workers)
    assert list(wanted_claims(lws, leader, found, [a_revision(lws)])) == wanted
    assert wanted_claims(lws, leader, found, []) == ()


@pytest.mark.parametrize(
    ("workers", "leader", "token"),
    [
        pytest.param("rack", leading(), TOKEN, id="the-leader-s"),
        pytest.param("rack", leading(None, ""), DERIVED, id="of-a-leader-that-shares-none"),
        pytest.param("rack", leading(token=""), "", id="of-a-leader-of-upstream"),
        pytest.param(None, leading(), "", id="workers-share-none"),
    ],
)
def test_what_workers_are_told(workers: str | None, leader: Pod, token: str) -> None:
    assert worker_token(leader, template_of(sharing("rack", workers))) == token


def test_tokens_differ() -> None:
    assert len({new_token(str(x)) for x in range(1000)}) == 1000


LWS, LEADER = sharing("rack", "rack"), leading()


def a_claim(*, allocated: bool = False, owner: Any = None) -> ResourceClaim:
    references = () if owner is None else (owner,)
    return ResourceClaim(
        metadata=ObjectMeta(name=want().claim, namespace=NAMESPACE, uid="c", owner_references=references),
        status=ClaimStatus(Allocation() if allocated else None),
    )


def test_the_claim_is_the_template_s_and_the_leader_s() -> None:
    """Its leader's deletion must not wait for it: it waits for the leader."""
    document = claim_document(LWS, LEADER, want(), TEMPLATE)
    metadata = document["metadata"]
    assert metadata["ownerReferences"] == [
        {"apiVersion": "v1", "kind": "Pod", "name": LEADER.name, "uid": LEADER.uid, "controller": True}
    ]
    assert metadata["labels"] == {
        "team": "a",
        c.NAME_LABEL: "test-sample",
        c.GROUP_INDEX_LABEL: "0",
        c.REVISION_LABEL: "key-1",
    }
    assert (metadata["annotations"], document["spec"]) == ({"note": "b"}, TEMPLATE.spec.spec)


def test_a_missing_claim_is_made() -> None:
    [create] = plan_claims(LWS, LEADER, [], [ObservedClaim(want(), template=TEMPLATE)], known=True)
    assert isinstance(create, Create)
    assert (create.kind, create.document["metadata"]["name"]) == (KIND, "test-sample-0-rack-abcde")
    assert [x.reason for x in create.then] == [c.REASON_GROUP_CLAIM_CREATED]
    assert not create.essential, "pods wait for it without harm"


@pytest.mark.parametrize(
    ("observed", "known", "reason", "event"),
    [
        pytest.param(
            ObservedClaim(want()), True, c.REASON_WAITING_FOR_CLAIM, c.REASON_FAILED_CREATE, id="no-template"
        ),
        pytest.param(
            ObservedClaim(want(), refused="no right"),
            True,
            c.REASON_WAITING_FOR_CLAIM,
            c.REASON_FAILED_CREATE,
            id="template-refused",
        ),
        pytest.param(
            ObservedClaim(want(), a_claim()), True, c.REASON_NAME_TAKEN, c.REASON_FAILED_CREATE, id="foreign"
        ),
        pytest.param(
            ObservedClaim(want()),
            False,
            c.REASON_GROUP_CLAIMS_UNSUPPORTED,
            c.REASON_GROUP_CLAIMS_UNSUPPORTED,
            id="not-served",
        ),
    ],
)
def test_what_is_in_the_way_is_told_and_looked_at_again(
    observed: ObservedClaim, known: bool, reason: str, event: str
) -> None:
    other = replace(owner_of(LEADER), uid="other", name="other")
    if observed.found is not None:
        observed = observed._replace(found=a_claim(owner=other))
    problem, told, again = plan_claims(LWS, LEADER, [], [observed], known=known)
    assert isinstance(problem, Problem)
    assert isinstance(told, Record)
    assert isinstance(again, Requeue)
    assert (problem.reason, told.reason) == (reason, event)
    assert observed.refused in problem.message


PLACED = a_leader(node="n1")


@pytest.mark.parametrize(
    ("leader", "workers", "allocated", "told"),
    [
        pytest.param(LEADER, [], False, "pod test-sample-0 waits: .* is not allocated", id="not-allocated"),
        pytest.param(PLACED, [], True, "", id="placed"),
        pytest.param(
            PLACED, [1], True, "test-sample-0-1 waits: .* is allocated, and the nodes", id="elsewhere"
        ),
    ],
)
def test_pods_that_wait_say_so(leader: Pod, workers: list[int], allocated: bool, told: str) -> None:
    claim = a_claim(allocated=allocated, owner=owner_of(leader))
    found = [a_worker(leader, x, phase="Pending") for x in workers]
    problems = plan_claims(LWS, leader, found, [ObservedClaim(want(), claim)], known=True)
    assert len(problems) == bool(told)
    for problem in problems:
        assert isinstance(problem, Problem)
        assert (problem.reason, problem.grace > 0) == (c.REASON_WAITING_FOR_CLAIM, True)
        assert re.search(told, problem.message)
