"""What an object is, its name says (decision 171)."""

from __future__ import annotations

import pytest
from support.disaggregated import OWNER, a_child, a_scaler, a_service, decoded

from lws.api import disaggregation as d
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.objects import KubeObject
from lws.planning.actions import Document
from lws.planning.disaggregated.names import lost_labels

REVISION = "0123abcd"


def bare(name: str, owner: Document = OWNER) -> LeaderWorkerSet:
    """A child without labels."""
    found: LeaderWorkerSet = decoded(
        {
            "metadata": {"name": name, "namespace": "ns", "ownerReferences": [owner]},
            "spec": {"leaderWorkerTemplate": {}},
        },
        LeaderWorkerSet,
    )
    return found


@pytest.mark.parametrize(
    "obj",
    [
        a_child("prefill", 2, revision=REVISION),
        a_child("prefill", 2, revision=REVISION, number=99),
        a_child("prefill", 2, revision=REVISION, number=None),
        a_child("1-dead-beef", 2, revision="12345678", number=None),
        a_service("prefill", revision=REVISION),
        a_service("prefill-prv", revision=REVISION, number=None),
        a_scaler("0-0123abcd-prefill", 2),
    ],
    ids=lambda x: x.name,
)
def test_what_the_controller_makes_has_lost_nothing(obj: KubeObject) -> None:
    assert lost_labels(obj) == {}


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        pytest.param("llm-7-0123abcd-a-b", ("7", "0123abcd", "a-b"), id="slice"),
        pytest.param("llm-0123abcd-a", (None, "0123abcd", "a"), id="legacy"),
        pytest.param("llm-12345678-deadbeef-a", (None, "12345678", "deadbeef-a"), id="digits-only"),
    ],
)
def test_labels_follow_from_names(name: str, labels: tuple[str | None, str, str]) -> None:
    number, revision, role = labels
    wanted = {d.NAME_LABEL: "llm", d.REVISION_LABEL: revision, d.ROLE_LABEL: role}
    if number is not None:
        wanted |= {d.SLICE_LABEL: number, d.APP_LABEL: f"llm-{number}-{role}"}
    assert lost_labels(bare(name)) == wanted


@pytest.mark.parametrize(
    "name", ["llm-0-old-prefill", "llm", "other-0-0123abcd-a", "llm-0-0123abcd", "llm-07-0123abcd-a"]
)
def test_other_names_say_nothing(name: str) -> None:
    assert lost_labels(bare(name)) == {}


def test_a_name_says_nothing_of_what_no_set_controls() -> None:
    stranger = {**OWNER, "kind": "Other"}
    assert lost_labels(bare("llm-0-0123abcd-a", stranger)) == {}
