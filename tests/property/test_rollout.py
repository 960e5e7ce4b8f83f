"""What must hold however a rollout is interleaved with what the cluster does."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from support.rolling_numbers import rolling_numbers
from support.rolling_set import RollingSet

from lws.planning.groups import GroupState
from lws.planning.rollout import next_partition, rollout_numbers


def finish(roll: RollingSet) -> None:
    """The cluster is fair from now on: every group becomes ready, every pass is made."""
    for _ in range(60):
        roll.act()
        roll.start(*roll.groups)
        roll.reconcile()
    roll.act()


@given(numbers=rolling_numbers(most=6, count=8), data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_healthy_roll(numbers: dict[str, Any], data: st.DataObject) -> None:
    """From all ready to all ready and updated: never too few ready, never too many, partition only down."""
    roll = RollingSet(**numbers, size=1)
    allowed = rollout_numbers(roll.lws)
    roll.key = "b"
    partition = roll.reconcile().partition
    for _ in range(200):
        starting = [i for i, x in roll.groups.items() if not x.ready]
        step = data.draw(st.sampled_from(["reconcile", "act", *starting]))
        if step == "reconcile":
            roll.reconcile()
        elif step == "act":
            roll.act()
        else:
            roll.start(step)
        ready = sum(x.ready for x in roll.groups.values())
        assert ready >= allowed.replicas - allowed.max_unavailable
        assert len(roll.groups) <= allowed.ceiling
        assert roll.applied.partition <= partition
        partition = roll.applied.partition
        if roll.row() == "N" * allowed.replicas and not partition:
            return
    finish(roll)
    assert (roll.applied.partition, roll.row()) == (0, "N" * allowed.replicas)


class AnyRoll(RuleBasedStateMachine):
    """Users edit, groups break, passes come when they come; whatever happened, the roll ends."""

    @initialize(numbers=rolling_numbers(most=6, count=8), size=st.integers(1, 2))
    def start(self, numbers: dict[str, Any], size: int) -> None:
        self.roll = RollingSet(**numbers, size=size)
        self.raised = False

    @rule(key=st.sampled_from("abc"))
    def change_template(self, key: str) -> None:
        self.roll.key = key

    @rule(numbers=rolling_numbers(most=6, count=8))
    def change_numbers(self, numbers: dict[str, Any]) -> None:
        for name, value in numbers.items():
            setattr(self.roll, name, value)

    @rule(partition=st.integers(0, 7))
    def change_partition(self, partition: int) -> None:
        self.roll.partition = partition

    @rule()
    def reconcile(self) -> None:
        one, groups = self.roll.applied, self.roll.groups
        before, changed, existing = one.partition, one.key != self.roll.key, one.replicas
        due = range(self.roll.partition, self.roll.replicas)
        rolling = any(i in groups and groups[i].key != self.roll.key for i in due)
        planned = self.roll.reconcile()
        assert rolling or planned.replicas <= max(self.roll.replicas, existing)
        assert planned.partition >= self.roll.partition
        assert changed or planned.partition <= max(before, self.roll.partition)
        assert self.roll.replicas <= planned.replicas <= rollout_numbers(self.roll.lws).ceiling

    @rule()
    def act(self) -> None:
        self.roll.act()

    @precondition(lambda self: self.roll.groups)
    @rule(data=st.data(), ready=st.booleans())
    def turn(self, data: st.DataObject, ready: bool) -> None:
        ordinal = data.draw(st.sampled_from(sorted(self.roll.groups)))
        (self.roll.start if ready else self.roll.fail)(ordinal)

    @precondition(lambda self: self.roll.groups)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        self.roll.lose(data.draw(st.sampled_from(sorted(self.roll.groups))))

    @rule()
    def writes_stop(self) -> None:
        """While no group becomes ready or breaks, a few passes get as far as it goes, and then rest."""
        for _ in range(8):
            self.roll.reconcile()
            self.roll.act()
        assert self.roll.rollout() == (self.roll.applied.partition, self.roll.applied.replicas)

    def teardown(self) -> None:
        if not hasattr(self, "roll"):
            return
        self.roll.partition = 0
        finish(self.roll)
        assert (self.roll.applied.partition, self.roll.row()) == (0, "N" * self.roll.replicas)
        assert self.roll.rollout() == (0, self.roll.replicas)


AnyRoll.TestCase.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)
TestAnyRoll = AnyRoll.TestCase

states = st.lists(st.builds(GroupState, ready=st.booleans(), updated=st.booleans()), max_size=12)


@given(states=states, step=st.integers(0, 12), partition=st.integers(0, 12))
def test_next_partition_stays_inside_its_window(states: list[GroupState], step: int, partition: int) -> None:
    """Never above the partition it had; never so low that more than ``step`` groups could be down at once."""
    moved = next_partition(states, step=step, partition=partition)
    tail = len(states)
    while tail and states[tail - 1].done:
        tail -= 1
    assert moved <= partition
    assert moved >= min(partition, max(0, tail - step))
