"""The plan of a roll: within the budget at every step, and in the end everything that is due is replaced."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.cli import key_of, seen_of
from support.groups import a_set
from support.rolling_numbers import rolling_numbers
from support.rollout_world import World

from lws.cli.plan import PlanView, describe
from lws.planning.rollout import rollout_numbers


@st.composite
def numbers_with_partition(draw: st.DrawFn) -> dict[str, Any]:
    return {**draw(rolling_numbers(most=9)), "partition": draw(st.sampled_from((0, 0, 0, 1, 3, 9)))}


def plan(numbers: dict[str, Any], size: int = 2) -> PlanView:
    """Of an edit of the template of a healthy set, at rest on the former one."""
    former = a_set(**numbers, size=size, template={"restartPolicy": "None"})
    edited = a_set(**numbers, size=size)
    seen = seen_of(former)
    assert seen.revision.key == key_of(former) != key_of(edited)
    return describe(seen, edited, [])


@given(numbers=numbers_with_partition(), size=st.integers(1, 2))
@settings(max_examples=200, deadline=None)
def test_every_step_keeps_to_the_budget_and_all_that_is_due_is_replaced_once(
    numbers: dict[str, Any], size: int
) -> None:
    allowed = rollout_numbers(a_set(**numbers))
    view = plan(numbers, size)
    due = set(range(allowed.partition, allowed.replicas))
    replaced = [index for step in view.steps for index in step.replaced]
    assert sorted(replaced) == sorted(due)
    assert view.held_back == sorted(set(range(allowed.replicas)) - due)
    assert view.stuck == []
    assert replaced == sorted(replaced, reverse=True), "from the highest index down"
    for step in view.steps:
        assert step.ready >= allowed.replicas - allowed.max_unavailable
        assert len(step.replaced) <= allowed.max_unavailable + allowed.max_surge
        assert step.replicas <= allowed.ceiling
        assert step.partition >= allowed.partition
    budget = allowed.max_unavailable + allowed.max_surge
    if not allowed.max_surge:
        assert len(view.steps) == math.ceil(len(due) / budget)
    assert view.restarts_pods == bool(due)


@given(numbers=numbers_with_partition())
@settings(max_examples=60, deadline=None)
def test_the_plan_is_what_a_world_with_real_controllers_does(numbers: dict[str, Any]) -> None:
    """Round by round the same groups go, whether the StatefulSet controller has maxUnavailable or not."""
    assume(numbers["partition"] < numbers["replicas"])
    for gate in (False, True):
        world = World(**numbers, gate=gate)
        world.key = "b"
        rounds = []
        before = dict(world.groups)
        world.settle()
        while before != world.groups:
            gone = {i for i, x in before.items() if i not in world.groups or world.groups[i].uid != x.uid}
            rounds.append(
                (sorted(gone & world.groups.keys(), reverse=True), sorted(world.groups.keys() - before))
            )
            world.start(*world.starting)
            before = dict(world.groups)
            world.settle()
        assert [(x.replaced, x.created) for x in plan(numbers).steps] == rounds


@given(numbers=numbers_with_partition(), data=st.data())
@settings(max_examples=200, deadline=None)
def test_whatever_is_there_the_plan_ends_and_accounts_for_every_group(
    numbers: dict[str, Any], data: st.DataObject
) -> None:
    """In the middle of a roll, with groups down or missing: nothing healthy goes beyond the budget."""
    former = a_set(**numbers, template={"restartPolicy": "None"})
    edited = a_set(**numbers)
    allowed = rollout_numbers(edited)
    count = data.draw(st.integers(1, allowed.ceiling), label="groups")
    some = st.sets(st.integers(0, count - 1)).map(lambda x: tuple(sorted(x)))
    outdated, down, missing = (data.draw(some, label=x) for x in ("outdated", "down", "missing"))
    seen = seen_of(
        edited,
        former=former,
        outdated=outdated,
        down=down,
        missing=missing,
        partition=data.draw(st.integers(0, count), label="partition"),
        applied=data.draw(st.booleans(), label="applied"),
        replicas=count,
    )
    view = describe(seen, edited, [])
    serving = count - len({*down, *missing})
    replaced = {index for step in view.steps for index in step.replaced}
    kept = {*view.held_back, *view.stuck}
    assert not replaced & kept
    assert {x for x in outdated if x < allowed.replicas} - {*missing} <= replaced | kept
    for step in view.steps:
        # The StatefulSet controller alone may take one group more where fewer than allowed serve already.
        floor = min(serving, allowed.replicas - allowed.max_unavailable)
        assert step.ready >= floor - len(step.removed) - 1
        assert step.replicas <= max(allowed.ceiling, count)
    assert len(view.steps) <= 2 * allowed.ceiling + 2
