"""Admission of sets that are updated in place: values, times without the policy, images that move."""

from __future__ import annotations

from typing import Any

import pytest
from support.admission import a_disaggregated_set, a_role, an_lws

from lws.api import constants as c
from lws.webhooks.disaggregatedsets import validate as validate_roles
from lws.webhooks.sets.validation import validate_create, validate_update
from lws.webhooks.sets.warnings import warn

PATH = "spec.rolloutStrategy.rollingUpdateConfiguration"
IN_PLACE = {"podUpdatePolicy": c.POD_UPDATE_IN_PLACE}


def texts(**members: Any) -> list[str]:
    return [str(x) for x in validate_create(an_lws(**members))]


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"podUpdatePolicy": c.POD_UPDATE_RECREATE},
        IN_PLACE,
        IN_PLACE | {"inPlaceUpdate": {}},
        IN_PLACE | {"inPlaceUpdate": {"gracePeriodSeconds": 3600, "deadlineSeconds": 30}},
    ],
)
def test_what_may_be(members: dict[str, Any]) -> None:
    assert texts(**members) == []


@pytest.mark.parametrize(
    ("members", "text"),
    [
        (
            {"podUpdatePolicy": "InPlaceOnly"},
            f'{PATH}.podUpdatePolicy: Invalid value: "InPlaceOnly": must be ReCreate or InPlaceIfPossible',
        ),
        (
            {"inPlaceUpdate": {}},
            f'{PATH}.inPlaceUpdate: Invalid value: "ReCreate": must not be set unless podUpdatePolicy is'
            " InPlaceIfPossible",
        ),
        (
            IN_PLACE | {"inPlaceUpdate": {"gracePeriodSeconds": 3601}},
            f"{PATH}.inPlaceUpdate.gracePeriodSeconds: Invalid value: 3601: must be from 0 to 3600",
        ),
        (
            IN_PLACE | {"inPlaceUpdate": {"deadlineSeconds": 29}},
            f"{PATH}.inPlaceUpdate.deadlineSeconds: Invalid value: 29: must be greater than or equal to 30",
        ),
    ],
)
def test_what_is_refused(members: dict[str, Any], text: str) -> None:
    assert texts(**members) == [text]


def test_an_update_answers_for_what_it_makes_worse() -> None:
    bad = an_lws(podUpdatePolicy="Odd")
    assert validate_update(an_lws(podUpdatePolicy="Odd", replicas=3), bad) == []
    assert validate_update(bad, an_lws()) != []


def test_roles_answer_with_their_path() -> None:
    role = a_role("prefill", pace={"podUpdatePolicy": "Odd", "maxUnavailable": 1})
    found = [str(x) for x in validate_roles(a_disaggregated_set(roles=[role, a_role("decode")]))]
    assert [x.split(":")[0] for x in found] == [f"spec.roles[0].{PATH}.podUpdatePolicy"]


@pytest.mark.parametrize(
    ("image", "warned"),
    [
        ("nginx", True),
        ("nginx:latest", True),
        ("host:5000/nginx", True),
        ("host:5000/nginx:1", False),
        ("nginx:1.27", False),
        ("nginx@sha256:0", False),
    ],
)
def test_images_that_move_are_warned_of(image: str, warned: bool) -> None:
    pods = {"spec": {"containers": [{"name": "a", "image": image}]}}
    members = {"leaderTemplate": pods, "workerTemplate": {"spec": {"containers": []}}}
    found = [x for x in warn(an_lws(**members, **IN_PLACE)) if "image" in x]
    assert [x.split(":")[0] for x in found] == [
        "spec.leaderWorkerTemplate.leaderTemplate.spec.containers[0].image"
    ] * warned
    assert all(len(x) <= 256 for x in found)
    assert [x for x in warn(an_lws(**members)) if "image" in x] == []
