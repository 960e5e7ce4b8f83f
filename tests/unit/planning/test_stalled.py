"""The condition of a set that cannot go on until somebody changes something."""

from __future__ import annotations

import pytest

from lws.objects import Condition
from lws.planning.actions import Problem
from lws.planning.problems import NO_PROBLEMS, SetProblems
from lws.planning.stalled import with_stalled

OTHER = Condition("Available", "True", "AllGroupsReady", "", "t0", 1)
PROBLEM = Problem("LeaderStatefulSetRefused", "no")
REFUSED = Condition("Stalled", "True", "LeaderStatefulSetRefused", "no", "t1", 2)


def run(
    conditions: tuple[Condition, ...], problems: SetProblems, *, now: str = "t1"
) -> tuple[Condition, ...]:
    return with_stalled(conditions, problems, generation=2, now=now)


def own(*problems: Problem) -> SetProblems:
    return SetProblems(problems)


def test_sets_that_were_never_stalled_do_not_carry_it() -> None:
    assert run((OTHER,), NO_PROBLEMS) == (OTHER,)


def test_a_problem_is_shown_with_its_reason() -> None:
    assert run((OTHER,), own(PROBLEM)) == (OTHER, REFUSED)


def test_as_long_as_it_lasts_it_keeps_the_time_of_its_beginning() -> None:
    assert run((OTHER, REFUSED), own(PROBLEM), now="t9") == (OTHER, REFUSED)


def test_it_turns_false_once_nothing_is_known() -> None:
    (_, stalled) = run((OTHER, REFUSED), NO_PROBLEMS, now="t9")
    assert (stalled.status, stalled.reason, stalled.last_transition_time) == (
        "False",
        "NothingInTheWay",
        "t9",
    )


def refusal(name: str, words: str = "no roots") -> Problem:
    return Problem("Refused", f"refuses {name}: {name} has {words}", subject=name)


@pytest.mark.parametrize(
    ("problems", "message"),
    [
        pytest.param(
            [refusal("llm-a"), refusal("llm-b")],
            "refuses llm-a: llm-a has no roots; likewise llm-b",
            id="two-alike",
        ),
        pytest.param(
            [refusal(f"llm-{x}") for x in range(7)],
            "refuses llm-0: llm-0 has no roots; likewise llm-1, llm-2, llm-3 and 3 more",
            id="more-than-are-named",
        ),
        pytest.param(
            [refusal("x"), refusal("y", "no quota"), refusal("z")],
            "refuses x: x has no roots; likewise z; refuses y: y has no quota",
            id="another-between",
        ),
        pytest.param([PROBLEM, PROBLEM], "no", id="the-very-same"),
    ],
)
def test_what_several_objects_have_in_common_is_said_once(problems: list[Problem], message: str) -> None:
    """All roles of a set share what a policy refuses; the server quotes it at length for each."""
    (stalled,) = run((), own(*problems))
    assert stalled.message == message


@pytest.mark.parametrize("length", [10, 100_000])
def test_the_message_is_bounded(length: int) -> None:
    (stalled,) = run((), own(Problem("R", "x" * length)))
    assert len(stalled.message) <= 2100


@pytest.mark.parametrize(
    ("problems", "reason", "message"),
    [
        pytest.param(own(Problem("A", "a"), Problem("B", "b")), "A", "a; b", id="two of the set"),
        pytest.param(SetProblems((), {3: [Problem("A", "a")]}), "A", "group 3: a", id="one group"),
        pytest.param(
            SetProblems((Problem("B", "b"),), {1: [Problem("A", "a")]}), "B", "b; group 1: a", id="both"
        ),
        pytest.param(
            SetProblems((), {2: [Problem("A", "x-2")], 1: [Problem("A", "x-1")]}),
            "A",
            "groups 1, 2: x-1",
            id="one reason",
        ),
        pytest.param(
            SetProblems((), {x: [Problem("A", f"x-{x}")] for x in range(1000)}),
            "A",
            "groups 0, 1, 2 and others: x-0",
            id="a thousand groups",
        ),
        pytest.param(
            SetProblems((), {0: [Problem("A", "a"), Problem("B", "b")], 1: [Problem("B", "c")]}),
            "A",
            "group 0: a; groups 0, 1: b",
            id="two reasons",
        ),
        pytest.param(
            SetProblems((), {0: [Problem("A", "a"), Problem("A", "b")], 1: [Problem("A", "c")]}),
            "A",
            "groups 0, 1: a; b",
            id="two of one reason in one group",
        ),
    ],
)
def test_the_set_comes_first_then_its_groups_by_reason(
    problems: SetProblems, reason: str, message: str
) -> None:
    (stalled,) = run((), problems)
    assert (stalled.reason, stalled.message) == (reason, message)


def test_what_a_further_group_adds_is_not_written() -> None:
    """A message that named each would be written with each."""
    some = SetProblems((), {x: [Problem("A", f"x-{x}")] for x in range(5)})
    more = SetProblems((), {x: [Problem("A", f"x-{x}")] for x in range(50)})
    assert run(run((), some), more) == run((), some)
