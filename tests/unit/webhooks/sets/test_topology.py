"""What the topologies of a set may be called (docs/decisions/252)."""

from __future__ import annotations

from typing import Any

import pytest
from support.admission import an_lws

from lws.api import constants as c
from lws.webhooks.sets.validation import validate_create, validate_update

GROUPS, SUBGROUPS = c.EXCLUSIVE_TOPOLOGY_ANNOTATION, c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION
IN_SUBGROUPS = {"size": 4, "subgroups": {"subGroupSize": 2}}
PATH = "metadata.annotations."


def placed(annotation: str, key: str | None, **members: Any) -> dict[str, Any]:
    return an_lws(metadata={"annotations": {annotation: key}}, **members)


@pytest.mark.parametrize("annotation", [GROUPS, SUBGROUPS])
@pytest.mark.parametrize(
    "key", ["rack", "cloud.google.com/gke-nodepool", "topology.example.com/Zone_1", "", None]
)
def test_a_label_s_key_is_allowed_and_an_empty_one_means_none(annotation: str, key: str | None) -> None:
    assert validate_create(placed(annotation, key, **IN_SUBGROUPS)) == []


@pytest.mark.parametrize("annotation", [GROUPS, SUBGROUPS])
@pytest.mark.parametrize(
    "key", ["bad key!", "-x", "a/b/c", " rack", "/rack", "rack/", "UPPER.com/rack", "a" * 64]
)
def test_what_can_be_no_label_s_key_is_refused(annotation: str, key: str) -> None:
    """Once it is stored, it locks nothing and may be mended; another one is refused."""
    stored = placed(annotation, key, **IN_SUBGROUPS)
    found = validate_create(stored)
    assert {(x.field, x.value) for x in found} == {(PATH + annotation, key)}
    assert all(x.detail.startswith("must be the key of a node label: ") for x in found)
    for edited in (
        stored,
        placed(annotation, key, **{**IN_SUBGROUPS, "replicas": 7}),
        placed(annotation, "rack", **IN_SUBGROUPS),
        an_lws(**IN_SUBGROUPS),
    ):
        assert validate_update(edited, stored) == []
    assert [x.value for x in validate_update(placed(annotation, "_", **IN_SUBGROUPS), stored)] == ["_"]
    assert validate_update(stored, an_lws(**IN_SUBGROUPS)) == found


def test_a_topology_of_subgroups_that_are_not_there_is_one_violation() -> None:
    assert [x.detail for x in validate_create(placed(SUBGROUPS, "-x"))] == [
        "must not be set without subGroupPolicy"
    ]
