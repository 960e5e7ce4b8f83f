"""The exclusive pair of affinity terms (api.md, 5.8, 7.5)."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from lws.webhooks.pods.placement import add_exclusive_terms, has_exclusive_terms

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
TOPOLOGY = "topologyKey"


def side(*topology_keys: str) -> dict[str, Any]:
    return {REQUIRED: [{TOPOLOGY: key} for key in topology_keys]}


def added(affinity: dict[str, Any] | None) -> Any:
    return add_exclusive_terms(affinity, topology_key="rack", label="group", value="test-key")


PAIR = {
    "podAffinity": {
        REQUIRED: [
            {
                TOPOLOGY: "rack",
                "labelSelector": {
                    "matchExpressions": [{"key": "group", "operator": "In", "values": ["test-key"]}]
                },
            }
        ]
    },
    "podAntiAffinity": {
        REQUIRED: [
            {
                TOPOLOGY: "rack",
                "labelSelector": {
                    "matchExpressions": [
                        {"key": "group", "operator": "Exists"},
                        {"key": "group", "operator": "NotIn", "values": ["test-key"]},
                    ]
                },
            }
        ]
    },
}


@pytest.mark.parametrize(
    "affinity",
    [
        None,
        {},
        {"podAffinity": None, "podAntiAffinity": {}},
        {"podAffinity": {REQUIRED: None}, "podAntiAffinity": {REQUIRED: []}},
    ],
    ids=["none", "empty", "null-sides", "empty-lists"],
)
def test_a1_exactly_the_pair(affinity: dict[str, Any] | None) -> None:
    assert added(affinity) == PAIR


def test_a2_a_pair_on_the_topology_is_left_alone() -> None:
    affinity = {"podAffinity": side("rack"), "podAntiAffinity": side("zone", "rack")}
    assert added(affinity) is affinity


@pytest.mark.parametrize(
    ("affinity", "applied"),
    [
        pytest.param({"podAffinity": side("rack"), "podAntiAffinity": side("rack")}, True, id="A3"),
        pytest.param({"podAffinity": side("rack")}, False, id="A4-only-affinity"),
        pytest.param({"podAntiAffinity": side("rack")}, False, id="A4-only-anti-affinity"),
        pytest.param({"podAffinity": side("zone"), "podAntiAffinity": side("rack")}, False, id="A5"),
        pytest.param(
            {"podAffinity": {REQUIRED: [None]}, "podAntiAffinity": side("rack")}, False, id="null-term"
        ),
        pytest.param(None, False, id="none"),
    ],
)
def test_applied_check(affinity: dict[str, Any] | None, applied: bool) -> None:
    assert has_exclusive_terms(affinity, "rack") is applied


def test_users_terms_stay_and_come_first() -> None:
    affinity = {
        "nodeAffinity": {"x": 1},
        "podAffinity": {**side("zone"), "preferredDuringSchedulingIgnoredDuringExecution": []},
        "podAntiAffinity": side("rack"),
    }
    kept = copy.deepcopy(affinity)
    result = added(affinity)
    assert affinity == kept
    assert result["nodeAffinity"] is affinity["nodeAffinity"]
    assert result["podAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"] == []
    assert [x[TOPOLOGY] for x in result["podAffinity"][REQUIRED]] == ["zone", "rack"]
    assert [x[TOPOLOGY] for x in result["podAntiAffinity"][REQUIRED]] == ["rack", "rack"]
