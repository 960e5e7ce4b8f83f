"""The line of each set, from what it says of itself."""

from __future__ import annotations

from typing import Any

import pytest
from support.cli import conditions
from support.disaggregated import a_role
from support.disaggregated import a_set as a_roles_set
from support.groups import a_set

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.cli.dashboard.overview import line_of_roles, line_of_set

PAUSED = {"annotations": {c.PAUSED_PARTITION_ANNOTATION: ""}}
LEAVING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


def in_groups(*reasons: str) -> LeaderWorkerSet:
    return a_set(status={"groups": {str(n): {"phase": "P", "reason": x} for n, x in enumerate(reasons)}})


@pytest.mark.parametrize(
    ("lws", "wanted"),
    [
        (a_set(), ("busy", "progressing")),
        (conditions(a_set(), Available="m"), ("ok", "available")),
        (conditions(a_set(metadata=PAUSED), Available="m"), ("still", "paused")),
        (conditions(a_set(), Stalled="m", Available="m"), ("bad", "stalled")),
        (conditions(a_set(), Failed="m"), ("bad", "failed")),
        (a_set(metadata=LEAVING), ("busy", "being deleted")),
        (in_groups("NotReady", "Held"), ("busy", "progressing")),
        (in_groups("CrashLoop", "Unschedulable", "NotReady"), ("bad", "Unschedulable")),
    ],
    ids=["on-its-way", "available", "paused", "stalled", "failed", "deleted", "patience", "the-worst-group"],
)
def test_how_a_set_is(lws: LeaderWorkerSet, wanted: tuple[str, str]) -> None:
    line = line_of_set(lws)
    assert (line.tone, line.note) == wanted


def test_numbers_are_of_wanted_groups() -> None:
    status: dict[str, Any] = {"readyReplicas": 4, "updatedReplicas": 1}
    line = line_of_set(a_set(replicas=3, status=status))
    assert (line.ready, line.updated, line.wanted) == (3, 1, 3)


def test_a_part_of_another_set_says_so() -> None:
    owner = {"apiVersion": d.API_VERSION, "kind": d.KIND, "name": "llm", "uid": "u", "controller": True}
    assert line_of_set(a_set(metadata={"ownerReferences": [owner]})).owner == "llm"
    assert line_of_set(a_set(metadata={"ownerReferences": [owner | {"kind": "Other"}]})).owner == ""


def test_a_disaggregated_set_adds_its_roles_up() -> None:
    roles = [
        {"name": "prefill", "replicas": 2, "readyReplicas": 2, "updatedReplicas": 1},
        {"name": "decode", "replicas": 3, "readyReplicas": 1, "updatedReplicas": 3},
    ]
    line = line_of_roles(a_roles_set(roleStatuses=roles))
    assert (line.kind, line.ready, line.updated, line.wanted) == (d.KIND, 3, 4, 5)
    assert (line.tone, line.note) == ("busy", "progressing")


def test_a_disaggregated_set_that_rolls_wants_no_more_than_its_spec() -> None:
    """A role above its size stands in for none that is below; one with a scaler has the size that it has."""
    spec = [a_role("prefill", 2), a_role("decode", 2), a_role("proxy", external=True)]
    roles = [
        {"name": "prefill", "replicas": 3, "readyReplicas": 3, "updatedReplicas": 1},
        {"name": "decode", "replicas": 2, "readyReplicas": 1, "updatedReplicas": 1},
        {"name": "proxy", "replicas": 4, "readyReplicas": 4, "updatedReplicas": 4},
    ]
    line = line_of_roles(a_roles_set(*spec, roleStatuses=roles))
    assert (line.ready, line.updated, line.wanted) == (7, 6, 8)
    assert line_of_roles(a_roles_set(*spec)).wanted == 4
