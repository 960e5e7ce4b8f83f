"""Defaults of a LeaderWorkerSet (api.md, 4.2, 7.1). D1 to D3, D7 and D8 are the schema's: no change here."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from support.admission import Document, an_lws

from lws.webhooks.jsonpatch import diff
from lws.webhooks.sets.defaulting import default_leaderworkerset

ROLLING_UPDATE = {"partition": 0, "maxUnavailable": 1, "maxSurge": 0}


def patch_of(document: Document) -> list[Document]:
    """What defaulting adds, after a look that the input is as it was."""
    kept = copy.deepcopy(document)
    defaulted = default_leaderworkerset(document)
    assert document == kept
    return diff(document, defaulted)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(an_lws(replicas=None), id="D1"),
        pytest.param(an_lws(size=None), id="D2"),
        pytest.param(an_lws(), id="D3"),
        pytest.param(an_lws(restartPolicy="None"), id="D5"),
        pytest.param(an_lws(startupPolicy=None), id="D7"),
        pytest.param(an_lws(startupPolicy="LeaderReady"), id="D8"),
        pytest.param(an_lws(partition=2, maxUnavailable=2, maxSurge=1), id="D11"),
        pytest.param(an_lws(maxSurge=None, partition=None), id="members-are-the-schemas"),
        pytest.param(an_lws(subgroups={"subGroupSize": 1}), id="subgroup-type-is-the-schemas"),
        pytest.param(an_lws(restartPolicy="wrong"), id="wrong-restart-policy"),
        pytest.param(an_lws(networkConfig={"subdomainPolicy": "wrong"}), id="wrong-subdomain-policy"),
        pytest.param(an_lws(networkConfig={"subdomainPolicy": ""}), id="empty-subdomain-policy"),
        pytest.param(an_lws(rolloutStrategy={"type": "wrong"}), id="wrong-type-gets-no-numbers"),
        pytest.param(an_lws(leaderTemplate=None), id="no-leader-template"),
    ],
)
def test_nothing_to_fill_in_is_the_same_object(document: Document) -> None:
    assert default_leaderworkerset(document) is document


@pytest.mark.parametrize(
    ("document", "path", "op", "value"),
    [
        pytest.param(
            an_lws(restartPolicy=""),
            "leaderWorkerTemplate/restartPolicy",
            "replace",
            "RecreateGroupOnPodRestart",
            id="D4",
        ),
        pytest.param(
            an_lws(restartPolicy=None),
            "leaderWorkerTemplate/restartPolicy",
            "add",
            "RecreateGroupOnPodRestart",
            id="D4-missing",
        ),
        pytest.param(
            an_lws(restartPolicy="Default"),
            "leaderWorkerTemplate/restartPolicy",
            "replace",
            "None",
            id="D6",
        ),
        pytest.param(
            an_lws(networkConfig=None), "networkConfig", "add", {"subdomainPolicy": "Shared"}, id="D9"
        ),
        pytest.param(
            an_lws(networkConfig={}), "networkConfig/subdomainPolicy", "add", "Shared", id="D9-empty"
        ),
        pytest.param(
            an_lws(networkConfig={"subdomainPolicy": None}),
            "networkConfig/subdomainPolicy",
            "replace",
            "Shared",
            id="V23",
        ),
        pytest.param(
            an_lws(rolloutStrategy=None),
            "rolloutStrategy",
            "add",
            {"type": "RollingUpdate", "rollingUpdateConfiguration": ROLLING_UPDATE},
            id="D10-missing",
        ),
        pytest.param(
            an_lws(rolloutStrategy={"type": "RollingUpdate"}),
            "rolloutStrategy/rollingUpdateConfiguration",
            "add",
            ROLLING_UPDATE,
            id="only-type",
        ),
        pytest.param(
            an_lws(rolloutStrategy={"type": "", "rollingUpdateConfiguration": {}}),
            "rolloutStrategy/type",
            "replace",
            "RollingUpdate",
            id="only-numbers",
        ),
        pytest.param(
            an_lws(workerTemplate={}),
            "leaderWorkerTemplate/workerTemplate/spec",
            "add",
            {},
            id="template-without-spec",
        ),
        pytest.param(
            an_lws(leaderTemplate={"spec": None}),
            "leaderWorkerTemplate/leaderTemplate/spec",
            "replace",
            {},
            id="template-with-null-spec",
        ),
    ],
)
def test_one_default(document: Document, path: str, op: str, value: Any) -> None:
    assert patch_of(document) == [{"op": op, "path": f"/spec/{path}", "value": value}]


def test_d10_empty_strategy() -> None:
    document = an_lws(rolloutStrategy={})
    strategy = default_leaderworkerset(document)["spec"]["rolloutStrategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdateConfiguration": ROLLING_UPDATE}


@pytest.mark.parametrize("document", [{}, {"spec": None}, {"spec": {"leaderWorkerTemplate": None}}])
def test_an_empty_object_gets_what_makes_the_schema_ask_for_the_rest(document: Document) -> None:
    assert default_leaderworkerset(document)["spec"] == {
        "leaderWorkerTemplate": {"restartPolicy": "RecreateGroupOnPodRestart"},
        "rolloutStrategy": {"type": "RollingUpdate", "rollingUpdateConfiguration": ROLLING_UPDATE},
        "networkConfig": {"subdomainPolicy": "Shared"},
    }


def test_unchanged_parts_are_shared() -> None:
    document = an_lws(networkConfig=None)
    defaulted = default_leaderworkerset(document)
    assert defaulted["metadata"] is document["metadata"]
    assert defaulted["spec"]["leaderWorkerTemplate"] is document["spec"]["leaderWorkerTemplate"]


@pytest.mark.parametrize(
    ("document", "member"),
    [
        (an_lws(replicas="2"), "replicas"),
        (an_lws(replicas=1.5), "replicas"),
        (an_lws(replicas=True), "replicas"),
        (an_lws(replicas=2**31), "replicas"),
        (an_lws(size=3_000_000_000), "size"),
        (an_lws(size=-(2**70)), "size"),
        (an_lws(subgroups={"subGroupSize": "2"}), "subGroupSize"),
        (an_lws(subgroups=[]), "subGroupPolicy"),
        (an_lws(partition="1"), "partition"),
        (an_lws(maxUnavailable=1.0), "maxUnavailable"),
        (an_lws(maxUnavailable=False), "maxUnavailable"),
        (an_lws(maxSurge={}), "maxSurge"),
        (an_lws(restartPolicy=1), "restartPolicy"),
        (an_lws(startupPolicy=[]), "startupPolicy"),
        (an_lws(workerTemplate=[]), "workerTemplate"),
        (an_lws(leaderWorkerTemplate="x"), "leaderWorkerTemplate"),
        (an_lws(metadata={"labels": {"a": 1}}), "labels"),
        (an_lws(metadata={"annotations": ["a"]}), "annotations"),
        (an_lws(metadata={"generation": "1"}), "generation"),
        (an_lws(metadata={"generation": 2**63}), "generation"),
        (an_lws(metadata={"ownerReferences": [{"controller": "true"}]}), "ownerReferences"),
        (an_lws(metadata={"finalizers": "a"}), "finalizers"),
    ],
)
def test_wrong_json_types_do_not_decode(document: Document, member: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=member):
        default_leaderworkerset(document)
