"""What may be done to a set, and what would be refused."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from support.cli import seen_of
from support.disaggregated import a_set as a_roles_set
from support.groups import a_set

from lws.api import constants as c
from lws.cli.dashboard.offers import offers_of_roles, offers_of_set
from lws.cli.observing import Seen
from lws.planning.disaggregated.history import MARKS

PAUSED = a_set(metadata={"annotations": {c.PAUSED_PARTITION_ANNOTATION: ""}})


def without_former(seen: Seen) -> Seen:
    return seen._replace(revisions=seen.revisions[1:])


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        (seen_of(a_set()), [("pause", True), ("restart", True), ("undo", True)]),
        (without_former(seen_of(a_set())), [("pause", True), ("restart", True), ("undo", False)]),
        (seen_of(PAUSED), [("resume", True), ("restart", False), ("undo", False)]),
    ],
    ids=["all", "nothing-to-go-back-to", "paused"],
)
def test_offers(seen: Seen, wanted: list[tuple[str, bool]]) -> None:
    assert [(x.action, x.enabled) for x in offers_of_set(seen)] == wanted


def test_an_undo_says_where_it_leads() -> None:
    seen = seen_of(a_set())
    former = seen.revisions[0].labels[c.REVISION_LABEL]
    assert f"revision 1 ({former})" in offers_of_set(seen)[-1].text


def test_what_cannot_be_done_says_why() -> None:
    assert {x.text for x in offers_of_set(seen_of(PAUSED)) if not x.enabled} == {
        "It is paused: resume it first."
    }


@pytest.mark.parametrize(("paused", "first"), [(False, "pause"), (True, "resume")])
def test_offers_of_a_disaggregated_set(paused: bool, first: str) -> None:
    found = offers_of_roles(a_roles_set(), [], MARKS, "k", paused=paused)
    assert [(x.action, x.enabled) for x in found] == [(first, True), ("restart", not paused), ("undo", False)]


def test_orphaned_revisions_of_another_name_are_not_gone_back_to() -> None:
    seen = seen_of(a_set())
    others = tuple(
        replace(x, metadata=replace(x.metadata, labels={**x.labels, c.NAME_LABEL: "other"}))
        for x in seen.revisions
    )
    assert not offers_of_set(seen._replace(revisions=others))[-1].enabled
