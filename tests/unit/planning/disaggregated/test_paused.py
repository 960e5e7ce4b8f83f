"""A set that is paused (decision 181): its rollout stands where it is, and what is lost is made again."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.disaggregated import a_role, a_set, revision
from support.disaggregated_world import World

from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet
from lws.planning.disaggregated.names import revision_of_child


def two(prefill: int, decode: int, image: str = "a", *, paused: bool = False) -> DisaggregatedSet:
    sizes = {"prefill": prefill, "decode": decode}
    ds = a_set(*(a_role(name, size, image=image, surge=1) for name, size in sizes.items()))
    annotations = {d.PAUSED_ANNOTATION: d.PAUSED} if paused else {}
    return replace(ds, metadata=replace(ds.metadata, annotations=annotations))


def world_of(ds: DisaggregatedSet) -> World:
    world = World(ds)
    world.settle()
    return world


def test_in_the_middle_nothing_moves_and_what_is_lost_comes_back_as_large() -> None:
    world = world_of(two(4, 4))
    world.ds = two(4, 4, "b")
    for _ in range(4):
        world.make_ready()
        world.run(world.plan())
    world.ds = two(4, 4, "b", paused=True)
    world.make_ready()
    stands = world.counts()
    assert len(stands) == 4
    assert world.plan() == []
    lost = next(x for x in world.children.values() if revision_of_child(x) == revision(world.ds))
    del world.children[lost.name]
    world.settle()
    assert world.counts() == stands
    world.ds = two(4, 4, "b")
    world.settle()
    assert list(world.counts().values()) == [4, 4]


def test_before_the_first_step_what_runs_is_scaled() -> None:
    world = world_of(two(4, 4))
    former = revision(world.ds)
    world.ds = two(6, 3, "b", paused=True)
    world.settle()
    assert world.counts() == {f"llm-0-{former}-decode": 3, f"llm-0-{former}-prefill": 6}


def test_of_two_former_revisions_neither_is_scaled() -> None:
    world = world_of(two(4, 4))
    world.ds = two(4, 4, "b")
    for _ in range(3):
        world.make_ready()
        world.run(world.plan())
    before = world.counts()
    world.ds = two(6, 6, "c", paused=True)
    world.settle()
    assert world.counts() == before


def test_without_a_rollout_a_pause_holds_nothing() -> None:
    world = world_of(two(2, 2, paused=True))
    assert list(world.counts().values()) == [2, 2]
    world.ds = two(3, 1, paused=True)
    world.settle()
    assert sorted(world.counts().values()) == [1, 3]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 15))
def test_whenever_it_is_paused_nothing_moves_and_then_it_ends(prefill: int, decode: int, passes: int) -> None:
    world = world_of(two(prefill, decode))
    world.ds = two(prefill, decode, "b")
    for _ in range(passes):
        world.run(world.plan())
        world.make_ready()
    before = {name: size for name, size in world.counts().items() if size}
    world.ds = two(prefill, decode, "b", paused=True)
    world.settle()
    assert {name: size for name, size in world.counts().items() if size} == before
    world.ds = two(prefill, decode, "b")
    world.settle()
    now = revision(world.ds)
    assert world.counts() == {f"llm-0-{now}-decode": decode, f"llm-0-{now}-prefill": prefill}
