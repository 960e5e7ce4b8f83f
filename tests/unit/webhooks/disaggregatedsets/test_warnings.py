"""What a DisaggregatedSet is warned of (disaggregatedset.md, 18; decision 180)."""

from __future__ import annotations

import pytest
from support.admission import Document, a_container, a_disaggregated_set, a_role

from lws.api import constants as c
from lws.webhooks.disaggregatedsets import warn


def serving(first: Document, name: str = "serving") -> Document:
    return a_disaggregated_set(name, roles=[first, a_role("decode", size=1)])


def tpu_template(*tpus: int | None) -> Document:
    return {"spec": {"containers": [a_container(f"c{x}", tpu=tpu) for x, tpu in enumerate(tpus)]}}


def test_inline_replicas_of_an_external_role_are_ignored_and_said_so_each_time() -> None:
    ds = serving(a_role("prefill", external=True, replicas=3))
    (text,) = warn(ds)
    assert text == (
        "spec.roles[0]: spec.replicas is ignored: 3 of role prefill has no effect, as it is External;"
        " scale the DisaggregatedSetRoleScaler serving-prefill"
    )
    assert warn(ds, ds) == (text,)


@pytest.mark.parametrize(
    "role",
    [
        a_role("prefill", replicas=3),
        a_role("prefill", external=True, replicas=1),
        a_role("prefill", pace={"maxSurge": 2, "maxUnavailable": 1}),
    ],
)
def test_nothing_is_said_of_what_is_meant(role: Document) -> None:
    assert warn(serving(role)) == ()


def test_a_name_without_room_for_a_million_groups_is_warned_of_once() -> None:
    ds = serving(a_role("prefill"), name="d" * 30)
    (text,) = warn(ds)
    assert text == (
        "spec.roles[0].name: the names of its LeaderWorkerSets have 49 characters: no more than 100 groups"
        " can have workers"
    )
    assert warn(ds, ds) == ()


def test_tpu_lists_that_cannot_agree_are_warned_of_with_the_role_s_path() -> None:
    role = a_role("prefill", leaderTemplate=tpu_template(4), workerTemplate=tpu_template(4, 4))
    (text,) = warn(serving(role), serving(a_role("prefill")))
    assert text.startswith("spec.roles[0].spec.leaderWorkerTemplate: the leader has 1 containers")
    assert warn(serving(role), serving(role)) == ()


@pytest.mark.parametrize("annotation", [c.REPLICA_NODE_SELECTOR_ANNOTATION, c.GROUP_CLAIMS_ANNOTATION])
def test_what_belongs_into_templates_is_warned_of_with_the_role_s_path(annotation: str) -> None:
    role = a_role("prefill", metadata={"annotations": {annotation: "rack"}})
    (text,) = warn(serving(role))
    assert text.startswith(f"spec.roles[0].metadata.annotations.{annotation}: has no effect there")


def test_images_that_would_be_updated_in_place_are_not_and_that_is_said_once() -> None:
    """beyond.md, 1.4: its LeaderWorkerSets never change their templates."""
    role = a_role("prefill", pace={"podUpdatePolicy": c.POD_UPDATE_IN_PLACE, "maxUnavailable": 1})
    (text,) = warn(serving(role))
    path = "spec.roles[0].spec.rolloutStrategy.rollingUpdateConfiguration.podUpdatePolicy"
    assert text.startswith(f"{path}: has no effect: ")
    assert len(text) <= 256
    assert warn(serving(role), serving(role)) == ()
    assert warn(serving(a_role("prefill", pace={"podUpdatePolicy": "ReCreate", "maxUnavailable": 1}))) == ()


def test_nothing_is_said_of_a_set_that_goes() -> None:
    ds = serving(a_role("prefill", external=True, replicas=3))
    ds["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert warn(ds, ds) == ()
