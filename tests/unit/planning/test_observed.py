"""Who belongs to whom: by UID along the owner chain."""

from __future__ import annotations

import pytest
from support.groups import NAME, a_leader, a_worker, a_worker_set, owner_of

from lws.api import constants as c
from lws.api.workloads import Pod
from lws.objects import ObjectMeta, OwnerReference
from lws.planning.observed import (
    ObservedGroup,
    belongs_to,
    group_index,
    is_leader,
    members,
    worker_set_of,
)

LEADER = a_leader(0)
FORMER = a_leader(0, uid="uid-former")


def _labelled(**labels: str) -> Pod:
    return Pod(metadata=ObjectMeta(labels={c.PREFIX + key.replace("_", "-"): v for key, v in labels.items()}))


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("0", 0),
        ("12", 12),
        ("-1", None),
        ("+1", None),
        ("1_0", None),
        (" 1", None),
        ("\u0661", None),
        ("x", None),
    ],
)
def test_group_index_is_plain_decimal_digits(text: str, index: int | None) -> None:
    assert group_index(_labelled(group_index=text)) == index


def test_absent_group_index_is_none() -> None:
    assert group_index(Pod()) is None


@pytest.mark.parametrize(("text", "leads"), [("0", True), ("00", False), ("1", False)])
def test_leader_has_worker_index_zero(text: str, leads: bool) -> None:
    assert is_leader(_labelled(worker_index=text)) is leads
    assert not is_leader(Pod())


@pytest.mark.parametrize(
    ("owner", "sets", "mine"),
    [
        pytest.param(owner_of(LEADER), [], True, id="leader-itself"),
        pytest.param(owner_of(FORMER), [], False, id="former-leader"),
        pytest.param(OwnerReference("v1", "Pod", "other", LEADER.uid, True), [], False, id="name-differs"),
        pytest.param(None, [a_worker_set(LEADER)], True, id="through-set"),
        pytest.param(None, [], False, id="set-not-seen"),
        pytest.param(None, [a_worker_set(FORMER)], False, id="set-of-another-uid"),
        pytest.param(None, [a_worker_set(LEADER, owner=owner_of(FORMER))], False, id="set-of-former-leader"),
        pytest.param(
            OwnerReference("apps/v1", "StatefulSet", NAME, "set-uid-former", True),
            [a_worker_set(FORMER), a_worker_set(LEADER)],
            False,
            id="stale-set-beside-the-current",
        ),
        pytest.param(
            OwnerReference("batch/v1", "Job", LEADER.name, f"set-{LEADER.uid}", True),
            [a_worker_set(LEADER)],
            False,
            id="other-kind",
        ),
        pytest.param(
            OwnerReference("apps/v1", "StatefulSet", LEADER.name, f"set-{LEADER.uid}"),
            [a_worker_set(LEADER)],
            False,
            id="owner-but-not-controller",
        ),
    ],
)
def test_belongs_to(owner: OwnerReference | None, sets: list, mine: bool) -> None:
    assert belongs_to(a_worker(LEADER, 1, owner=owner), LEADER, sets) is mine


def test_worker_set_of_needs_name_and_uid() -> None:
    own, stale = a_worker_set(LEADER), a_worker_set(FORMER)
    assert worker_set_of(LEADER, [a_worker_set(a_leader(1)), own]) is own
    assert worker_set_of(LEADER, [stale]) is None


def test_members_are_the_leader_and_its_workers_by_name() -> None:
    first, second = a_worker(LEADER, 1), a_worker(LEADER, 2)
    stranger = a_worker(LEADER, 3, owner=owner_of(FORMER))
    group = ObservedGroup(
        None, LEADER, pods=(second, stranger, LEADER, first), worker_sets=(a_worker_set(LEADER),)
    )
    assert members(group) == (LEADER, first, second)


def test_no_leader_no_members() -> None:
    assert members(ObservedGroup(None, None, pods=(a_worker(LEADER, 1, owner=owner_of(LEADER)),))) == ()
