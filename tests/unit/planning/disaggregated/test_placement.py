"""Where slices may stand (section 17, scenarios of 23.4 and 23.5)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.disaggregated import a_role, a_set, revision

from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet, PlacementPolicy
from lws.planning.disaggregated.children import lws_document
from lws.planning.disaggregated.placement import placed

TOPOLOGY = "cloud/rack"
TEMPLATE: dict[str, Any] = {"spec": {"containers": []}}
MINE = {"key": d.NAME_LABEL, "operator": "In", "values": ["llm"]}
LABELLED = {"key": d.SLICE_LABEL, "operator": "Exists"}
OTHERS = [
    {"key": d.NAME_LABEL, "operator": "Exists"},
    {"key": d.NAME_LABEL, "operator": "NotIn", "values": ["llm"]},
    LABELLED,
]


def with_policy(type_: str | None, topology: str = TOPOLOGY) -> DisaggregatedSet:
    ds = a_set(a_role("prefill", 2), a_role("decode", 2))
    policy = None if type_ is None else PlacementPolicy(type_, topology)
    return replace(ds, spec=replace(ds.spec, placement_policy=policy))


def slice_is(operator: str, number: int) -> dict[str, Any]:
    return {"key": d.SLICE_LABEL, "operator": operator, "values": [str(number)]}


def expressions(template: dict[str, Any], member: str) -> list[list[dict[str, Any]]]:
    terms = template["spec"]["affinity"][member]["requiredDuringSchedulingIgnoredDuringExecution"]
    return [x["labelSelector"]["matchExpressions"] for x in terms if x["topologyKey"] == TOPOLOGY]


@pytest.mark.parametrize(
    ("type_", "topology"),
    [
        pytest.param(None, TOPOLOGY, id="no-policy"),
        pytest.param("None", TOPOLOGY, id="none"),
        pytest.param("ExclusiveSlice", "", id="no-topology"),
    ],
)
def test_no_affinity(type_: str | None, topology: str) -> None:
    assert placed(with_policy(type_, topology), 1, TEMPLATE) == TEMPLATE


@pytest.mark.parametrize(
    ("type_", "number", "apart"),
    [
        pytest.param("ExclusiveSlice", 1, [[MINE, slice_is("NotIn", 1)]], id="slice-1"),
        pytest.param("ExclusiveSlice", 0, [[MINE, LABELLED, slice_is("NotIn", 0)]], id="slice-0"),
        pytest.param(
            "ExclusiveTopology", 0, [[MINE, LABELLED, slice_is("NotIn", 0)], OTHERS], id="topology-slice-0"
        ),
        pytest.param("ExclusiveTopology", 1, [[MINE, slice_is("NotIn", 1)], OTHERS], id="topology-slice-1"),
    ],
)
def test_terms(type_: str, number: int, apart: list[Any]) -> None:
    template = placed(with_policy(type_), number, TEMPLATE)
    assert expressions(template, "podAffinity") == [[MINE, slice_is("In", number)]]
    assert expressions(template, "podAntiAffinity") == apart
    assert TEMPLATE == {"spec": {"containers": []}}


def test_the_users_terms_come_first_and_nothing_of_theirs_is_changed() -> None:
    own = {"topologyKey": "zone"}
    given = {
        "spec": {
            "affinity": {
                "nodeAffinity": {"a": 1},
                "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [own]},
            }
        }
    }
    affinity = placed(with_policy("ExclusiveSlice"), 1, given)["spec"]["affinity"]
    terms = affinity["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert (terms[0], len(terms)) == (own, 2)
    assert affinity["nodeAffinity"] == {"a": 1}
    assert given["spec"]["affinity"]["podAffinity"] == {
        "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]
    }


def test_both_templates_of_a_child_are_placed() -> None:
    role = a_role("prefill", 2)
    role["spec"]["leaderWorkerTemplate"]["leaderTemplate"] = TEMPLATE
    ds = a_set(role, a_role("decode", 2))
    ds = replace(ds, spec=replace(ds.spec, placement_policy=PlacementPolicy("ExclusiveTopology", TOPOLOGY)))
    document = lws_document(ds, ds.spec.roles[0], index=1, revision=revision(ds), replicas=2, target=2)
    for member in ("leaderTemplate", "workerTemplate"):
        template = document["spec"]["leaderWorkerTemplate"][member]
        assert len(expressions(template, "podAntiAffinity")) == 2


def test_labels_of_the_system_win_and_the_users_are_kept() -> None:
    role = a_role("prefill", 2) | {
        "metadata": {"labels": {"app": "mine", "kueue.x-k8s.io/queue-name": "q"}, "annotations": {"a": "b"}}
    }
    ds = a_set(role, a_role("decode", 2))
    metadata = lws_document(ds, ds.spec.roles[0], index=0, revision="r", replicas=2, target=2)["metadata"]
    assert metadata["labels"]["app"] == "llm-0-prefill"
    assert metadata["labels"]["kueue.x-k8s.io/queue-name"] == "q"
    assert metadata["annotations"] == {"a": "b"}
