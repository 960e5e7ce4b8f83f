"""DisaggregatedSets at the API server (disaggregatedset.md, 2, 3, 18, 23.6): what it stores and refuses."""

from __future__ import annotations

import json

import pytest
from support.admission import Document, a_disaggregated_set, a_role
from support.cluster import Cluster
from support.kubectl import Kubectl
from support.samples import try_out
from support.sets import Sets

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.kube.errors import KubeError

pytestmark = pytest.mark.integration


def serving(*roles: Document, **spec: object) -> Document:
    return a_disaggregated_set(roles=list(roles) or [a_role("prefill"), a_role("decode")], **spec)


def verdict(sets: Sets, document: Document) -> str:
    """What the API server has against it; nothing is stored."""
    try:
        try_out(sets.client, document, sets.namespace)
    except KubeError as error:
        return str(error)
    return ""


WITHOUT_SPEC: Document = {"name": "prefill"}
EVERY_MEMBER = serving(
    a_role("prefill", maxGroupRestarts=3, podTerminationPolicy="Parallel", metadata={"labels": {"q": "1"}}),
    a_role("decode", external=True),
    slices=2,
    placementPolicy={"type": "ExclusiveTopology", "topology": "rack"},
)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        pytest.param(serving(), "", id="sound"),
        pytest.param(EVERY_MEMBER, "", id="every member, ours included"),
        pytest.param(serving(a_role("p", replicas=0), a_role("d", replicas=0)), "", id="all at 0"),
        pytest.param(serving(a_role("p", replicas=0), a_role("d", external=True)), "", id="0 and External"),
        pytest.param(serving(a_role("p", replicas=0), a_role("d")), "all together", id="one at 0"),
        pytest.param(
            serving(a_role("p", replicas=0), a_role("d", replicas=None)), "all together", id="default 1"
        ),
        pytest.param(serving(WITHOUT_SPEC, a_role("d")), "no such key: spec", id="no spec"),
        pytest.param(serving(a_role("p"), a_role("p")), "duplicate entries for key", id="the same name"),
        pytest.param(serving(a_role("p")), "should have at least 2 items", id="one role"),
        pytest.param(serving(a_role("P"), a_role("d")), "should match", id="capital"),
        pytest.param(serving(slices=101), "less than or equal to 100", id="slices"),
        pytest.param(serving(placementPolicy={"type": "Exclusive"}), "Unsupported value", id="placement"),
        pytest.param(serving(a_role("p", replica=1), a_role("d")), "replica", id="unknown member"),
        pytest.param(
            serving(a_role("p", size=0), a_role("d")),
            "spec.roles[0].spec.leaderWorkerTemplate.size",
            id="child",
        ),
        pytest.param(serving(a_role("p", pace={"partition": 1}), a_role("d")), "partition", id="partition"),
        pytest.param(
            serving(
                a_role("p", metadata={"annotations": {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: "rack"}}),
                a_role("d"),
                placementPolicy={"type": "ExclusiveSlice", "topology": "rack"},
            ),
            c.EXCLUSIVE_TOPOLOGY_ANNOTATION,
            id="annotation and placement",
        ),
    ],
)
def test_what_is_stored_and_what_is_refused(sets: Sets, document: Document, words: str) -> None:
    found = verdict(sets, document)
    assert words in found
    assert bool(found) is bool(words)


def test_a_warning_reaches_who_applies(cluster: Cluster, sets: Sets) -> None:
    document = serving(a_role("prefill", external=True, replicas=3), a_role("decode"))
    document["metadata"].pop("namespace")
    kubectl = Kubectl(cluster, sets.namespace)
    words = ("create", "--dry-run=server", "--warnings-as-errors", "-f", "-")
    said = kubectl(*words, code=1, stdin=json.dumps(document))
    assert said.startswith("Warning: spec.roles[0]: spec.replicas is ignored: 3 of role prefill")


def test_a_scaler_is_scaled_by_its_subresource_and_shows_its_numbers(cluster: Cluster, sets: Sets) -> None:
    kubectl = Kubectl(cluster, sets.namespace)
    scaler = {"apiVersion": d.API_VERSION, "kind": d.SCALER_KIND, "metadata": {"name": "mine"}, "spec": {}}
    kubectl("create", "-f", "-", stdin=json.dumps(scaler))
    assert json.loads(kubectl("get", "dsrs", "mine", "-o", "json"))["spec"] == {"replicas": 0}
    kubectl("scale", "dsrs/mine", "--replicas=3")
    header, row = kubectl("get", "dsrs").splitlines()
    assert header.split() == ["NAME", "DESIRED", "CURRENT", "AGE"]
    assert row.split()[:2] == ["mine", "3"]
    path = f"/apis/{d.API_VERSION}/namespaces/{sets.namespace}/disaggregatedsetrolescalers/mine/scale"
    assert json.loads(kubectl("get", "--raw", path))["spec"] == {"replicas": 3}
