"""Rolls at full speed: what must hold however deletions, pods, watches and StatefulSet syncs interleave."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.groups import a_set
from support.rolling_numbers import rolling_numbers
from support.rollout_world import World

from lws.planning.rollout import RolloutNumbers, rollout_numbers


def resolved(numbers: dict[str, Any]) -> RolloutNumbers:
    return rollout_numbers(a_set(**numbers))


def move(world: World, data: st.DataObject) -> None:
    """One of the parts of the world does what it may do now."""
    moves = [world.reconcile, world.sync, world.look_at_leader_set]
    moves += [lambda i=i: world.look(i) for i in sorted({*world.groups, *world.seen})]
    moves += [lambda i=i: world.gone(i) for i in world.leaving]
    moves += [lambda i=i: world.start(i) for i in world.starting]
    moves += [lambda i=i: world.ripen(i) for i in world.ripening]
    moves[data.draw(st.integers(0, len(moves) - 1))]()


@given(numbers=rolling_numbers(), gate=st.booleans(), windows=st.booleans(), data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_healthy_roll(numbers: dict[str, Any], gate: bool, windows: bool, data: st.DataObject) -> None:
    """Never are too few groups available, never are there too many, the partition sinks, each goes down once.

    With ``windows``, a group that is ready is not available at once.
    """
    world = World(**numbers, gate=gate, windows=windows)
    allowed = resolved(numbers)
    world.key = "b"
    world.reconcile()
    partition = allowed.replicas
    for _ in range(data.draw(st.integers(0, 120))):
        move(world, data)
        assert world.available >= allowed.replicas - allowed.max_unavailable
        assert len(world.groups) <= allowed.ceiling
        assert world.leader_set.partition <= partition
        assert max(world.torn_down.values(), default=0) <= 1
        partition = world.leader_set.partition
    world.rounds()
    assert world.rolled
    assert [world.torn_down[i] for i in range(allowed.replicas)] == [1] * allowed.replicas
    assert max(world.torn_down.values()) == 1


@given(numbers=rolling_numbers(most=12))
@settings(max_examples=150, deadline=None)
def test_a_roll_is_as_fast_as_the_numbers_allow(numbers: dict[str, Any]) -> None:
    """Gate or no gate: with groups that start equally fast, a round replaces a whole budget of them."""
    allowed = resolved(numbers)
    budget = allowed.max_unavailable + allowed.max_surge
    rounds = []
    for gate in (False, True):
        world = World(**numbers, gate=gate)
        world.key = "b"
        rounds.append(world.rounds())
        assert world.rolled
    assert rounds[0] == rounds[1]
    assert rounds[0] <= math.ceil(allowed.ceiling / budget)
    if not allowed.max_surge:
        assert rounds[0] == math.ceil(allowed.replicas / budget)


class AnyRoll(RuleBasedStateMachine):
    """Users edit, groups break and vanish, watches are late; our own deletions stay within the budget."""

    @initialize(numbers=rolling_numbers(most=5), gate=st.booleans(), windows=st.booleans())
    def begin(self, numbers: dict[str, Any], gate: bool, windows: bool) -> None:
        self.edits = 0
        self.replaced: dict[int, int] = {}
        self.world = World(
            **numbers,
            gate=gate,
            windows=windows,
            on_replace=self.check_replacement,
            on_create=self.check_creation,
        )

    def check_replacement(self, ordinal: int) -> None:
        """What may be deleted: of another template, in the window, and not one of those that must stay.

        A group that broke a moment ago, so that the watch has not told yet, counts for what it seemed to be.
        """
        world, allowed = self.world, rollout_numbers(self.world.lws)
        event("a group is replaced")
        assert world.groups[ordinal].key != world.key
        assert ordinal >= max(world.leader_set.partition, world.partition)
        assert world.leader_set.observed_generation == world.leader_set.generation
        self.replaced[ordinal] = self.edits
        if not world.seen[ordinal].serving:
            return
        unseen = sum(
            x.available and not (i in world.groups and world.groups[i].available)
            for i, x in world.seen.items()
        )
        assert world.available - 1 + unseen >= allowed.replicas - allowed.max_unavailable

    def check_creation(self, ordinal: int, key: str) -> None:
        """What we delete comes back updated, unless the user changed something meanwhile."""
        if self.replaced.pop(ordinal, None) == self.edits:
            assert key == self.world.key

    @rule(key=st.sampled_from("abc"))
    def change_template(self, key: str) -> None:
        self.world.key = key
        self.edits += 1

    @rule(numbers=rolling_numbers(most=5), partition=st.sampled_from((0, 0, 0, 1, 2, 6)))
    def change_numbers(self, numbers: dict[str, Any], partition: int) -> None:
        for name, value in {**numbers, "partition": partition}.items():
            setattr(self.world, name, value)
        self.edits += 1

    @rule(data=st.data(), steps=st.integers(1, 8))
    def go_on(self, data: st.DataObject, steps: int) -> None:
        for _ in range(steps):
            self.step(data)

    def step(self, data: st.DataObject) -> None:
        world = self.world
        before, raised = world.leader_set, world.leader_set.key != world.key
        move(world, data)
        assert raised or world.leader_set.partition <= max(before.partition, world.partition)

    @rule(data=st.data(), breaks=st.booleans())
    def open_the_window(self, data: st.DataObject, breaks: bool) -> None:
        """A roll begins, and a group may break between the pass that moved the partition and the next."""
        world = self.world
        world.key = {"a": "b", "b": "c", "c": "a"}[world.key]
        self.edits += 1
        world.replacing = False
        for _ in range(2):
            world.look_at_all()
            world.reconcile()
            world.sync()
        world.replacing = True
        if breaks and world.groups:
            self.break_one(data, "fail")
        world.look_at_all()
        world.reconcile()

    @rule()
    def everybody_but_the_nodes_goes_on(self) -> None:
        self.world.settle()

    @rule()
    def a_pass_leaves_nothing_for_the_next(self) -> None:
        """Planning is idempotent: the own deletions are remembered, so no second pass deletes more."""
        self.world.reconcile()
        assert self.world.plan() == self.world.plan()
        left = {x.uid for x in self.world.plan()}
        assert not left & {x.uid for x in self.world.groups.values()}

    @precondition(lambda self: self.world.groups)
    @rule(data=st.data(), what=st.sampled_from(("fail", "tear_down", "gone")))
    def break_one(self, data: st.DataObject, what: str) -> None:
        getattr(self.world, what)(data.draw(st.sampled_from(sorted(self.world.groups))))

    @invariant()
    def never_too_many(self) -> None:
        leader_set = self.world.leader_set
        if leader_set.observed_generation == leader_set.generation:
            kept = [i for i, x in self.world.groups.items() if not x.deleting]
            assert len(kept) <= leader_set.replicas

    def teardown(self) -> None:
        """The faults are over: the roll ends, and what is left is what a new set would be."""
        if not hasattr(self, "world"):
            return
        world = self.world
        world.partition = 0
        world.rounds()
        assert world.rolled
        fresh = World(world.replicas, world.max_unavailable, world.max_surge, key=world.key)
        assert shape(world) == shape(fresh)


def shape(world: World) -> object:
    """All that distinguishes two sets at rest, but for identities."""
    one = world.leader_set
    spec = (one.key, one.partition, one.replicas, one.max_unavailable, one.annotation)
    return spec, {i: (x.key, x.serving) for i, x in world.groups.items()}


AnyRoll.TestCase.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)
TestAnyRoll = AnyRoll.TestCase
