"""The condition of a set whose leader StatefulSet the API server refuses."""

from __future__ import annotations

import pytest

from lws.objects import Condition
from lws.planning.stalled import with_stalled

OTHER = Condition("Available", "True", "AllGroupsReady", "", "t0", 1)
REFUSED = Condition(
    "Stalled",
    "True",
    "LeaderStatefulSetRefused",
    "The API server refuses the leader StatefulSet: no",
    "t1",
    2,
)


def run(conditions: tuple[Condition, ...], refusal: str | None, *, now: str = "t1") -> tuple[Condition, ...]:
    return with_stalled(conditions, refusal, generation=2, now=now)


def test_sets_that_were_never_refused_do_not_carry_it() -> None:
    assert run((OTHER,), None) == (OTHER,)


def test_a_refusal_is_shown_with_its_reason() -> None:
    assert run((OTHER,), "no") == (OTHER, REFUSED)


def test_a_second_refusal_keeps_the_time_of_the_first() -> None:
    assert run((OTHER, REFUSED), "no", now="t9") == (OTHER, REFUSED)


def test_it_turns_false_once_the_apply_succeeds() -> None:
    (_, stalled) = run((OTHER, REFUSED), None, now="t9")
    assert (stalled.status, stalled.reason, stalled.last_transition_time) == (
        "False",
        "LeaderStatefulSetApplied",
        "t9",
    )


@pytest.mark.parametrize("length", [10, 100_000])
def test_the_message_is_bounded(length: int) -> None:
    (stalled,) = run((), "x" * length)
    assert len(stalled.message) <= 2100
