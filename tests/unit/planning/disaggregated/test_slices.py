"""Slices that go, and children from before there were slices (sections 7 and 16, scenarios of 23.3, 23.4)."""

from __future__ import annotations

import pytest
from support.disaggregated import STRANGER, a_child, a_role, a_service, a_set, revision

from lws.api import disaggregation as d
from lws.objects import Key
from lws.planning.actions import Action, Delete, Record
from lws.planning.disaggregated.names import owned, slice_of
from lws.planning.disaggregated.slices import legacy_of_target, make_slices, plan_migration, plan_surplus

DS = a_set(a_role("prefill", 2), a_role("decode", 2))
REVISION = revision(DS)


def deleted(actions: list[Action]) -> list[str]:
    return [x.key.name for x in actions if isinstance(x, Delete)]


def said(actions: list[Action]) -> list[tuple[str, str]]:
    return [
        (y.reason, y.action)
        for x in actions
        if isinstance(x, Delete)
        for y in x.then
        if isinstance(y, Record)
    ]


def test_slices_above_the_wanted_go_whole() -> None:
    children = [a_child("prefill", 2, revision=REVISION, number=x) for x in (0, 1, None)]
    services = [a_service("prefill", revision=REVISION, number=x) for x in (0, 1, None)]
    actions = plan_surplus(DS, children, services)
    assert deleted(actions) == [f"llm-1-{REVISION}-prefill", f"llm-1-{REVISION}-prefill-prv"]
    assert said(actions) == [(d.REASON_LWS_DELETED, "Delete")]


def test_deletes_hold_for_the_very_object() -> None:
    [action] = plan_surplus(DS, [a_child("prefill", 2, revision=REVISION, number=1)], [])
    assert action == Delete(
        "LeaderWorkerSet",
        Key("ns", f"llm-1-{REVISION}-prefill"),
        f"uid-1-{REVISION}-prefill",
        then=action.then,  # type: ignore[union-attr]
    )


def test_one_slice_keeps_what_was_made_before_slices() -> None:
    legacy = a_child("prefill", 2, revision=REVISION, number=None)
    assert legacy_of_target(DS, REVISION, [legacy]) == []
    [slice_] = make_slices(DS, REVISION, [legacy])
    assert slice_.target == {"prefill": legacy}


@pytest.mark.parametrize(
    ("child", "migrates"),
    [
        pytest.param(a_child("prefill", 2, revision=REVISION, number=None), True, id="legacy"),
        pytest.param(a_child("prefill", 2, revision="0ld00000", number=None), False, id="legacy-of-a-former"),
        pytest.param(a_child("prefill", 2, revision=REVISION), False, id="slice-0"),
    ],
)
def test_what_migrates_when_slices_are_added(child: object, migrates: bool) -> None:
    two = a_set(a_role("prefill", 2), a_role("decode", 2), slices=2)
    assert legacy_of_target(two, REVISION, [child]) == ([child] if migrates else [])  # type: ignore[list-item]


def test_a_service_goes_before_its_legacy_child() -> None:
    legacy = a_child("prefill", 2, revision=REVISION, number=None)
    service = a_service("prefill", revision=REVISION, number=None)
    [(child, actions)] = plan_migration(DS, [legacy], [service])
    assert child == legacy
    assert deleted(actions) == [f"llm-{REVISION}-prefill-prv", f"llm-{REVISION}-prefill"]
    assert said(actions) == [(d.REASON_LWS_DELETED, "Migrate")]


@pytest.mark.parametrize(
    ("number", "belongs"), [(0, {0, 2}), (1, {1})], ids=["slice-0-has-the-unlabelled", "slice-1"]
)
def test_by_slice(number: int, belongs: set[int]) -> None:
    two = a_set(a_role("prefill", 2), a_role("decode", 2), slices=2)
    roles = ("prefill", "decode", "legacy")
    children = [
        a_child(role, 2, revision=REVISION, number=x) for role, x in zip(roles, (0, 1, None), strict=True)
    ]
    slice_ = make_slices(two, REVISION, children)[number]
    assert {roles.index(x) for x in slice_.target} == belongs


@pytest.mark.parametrize(
    ("label", "wanted"), [(None, 0), ("", 0), ("0", 0), ("1", 1), ("01", None), ("x", None), ("-1", None)]
)
def test_slice_of(label: str | None, wanted: int | None) -> None:
    child = a_child("prefill", 1, revision=REVISION, number=None)
    child.labels.update({} if label is None else {d.SLICE_LABEL: label})
    assert slice_of(child) == wanted


def test_labels_prove_nothing() -> None:
    """Q-10: upstream deletes services by label."""
    own, foreign = (
        a_service("prefill", revision="x", owner=x) for x in ({**STRANGER, "uid": DS.uid}, STRANGER)
    )
    assert owned(DS, [own, foreign]) == (own,)
