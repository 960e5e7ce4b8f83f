"""Rollouts of DisaggregatedSets, whatever happens on the way: floors, ceilings, whole generations, an end."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from support.disaggregated import a_role, a_scaler, a_set, revision
from support.disaggregated_world import World, is_broken

from lws.api import disaggregation as d
from lws.planning.actions import Document
from lws.planning.disaggregated.rollout import read_roll
from lws.planning.disaggregated.slices import Slice

ROLES = ("prefill", "decode", "proxy", "encode", "route")


class Shape(NamedTuple):
    """``paces``: (surge, unavailable) of each role, not both 0; None: none given."""

    sizes: tuple[int, ...]
    paces: tuple[tuple[int | str, int | str] | None, ...]

    def roles(self, image: str, names: tuple[str, ...] = ROLES) -> list[Document]:
        return [
            a_role(name, size, image=image, surge=pace and pace[0], unavailable=pace and pace[1])
            for name, size, pace in zip(names, self.sizes, self.paces, strict=False)
        ]


PACES = st.one_of(
    st.none(),
    st.tuples(st.integers(1, 3), st.integers(0, 3)),
    st.tuples(st.just(0), st.integers(1, 3)),
    st.sampled_from([("25%", "25%"), ("50%", 0), (0, "50%"), (0, "25%")]),
)


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    count = draw(st.integers(2, 5))
    sizes = tuple(draw(st.lists(st.integers(1, 7), min_size=count, max_size=count)))
    return Shape(sizes, tuple(draw(st.lists(PACES, min_size=count, max_size=count))))


@settings(deadline=None)
@given(shapes(), shapes(), st.data())
def test_one_rollout(first: Shape, second: Shape, data: st.DataObject) -> None:
    world = World(a_set(*first.roles("a")))
    world.settle()
    assert world.events == []
    world.ds = a_set(*second.roles("b"))
    for _ in range(400):
        world.make_ready(lambda missing: data.draw(st.integers(0, missing), label="ready"))
        world.run(world.plan())
        assert not [x for slice_ in world.slices() for x in slice_.former if is_broken(x)]
        assert all(in_ratio(world, x) for x in world.slices() if not all(y.drained for y in x.former))
        if world.events.count(d.REASON_ROLLING_UPDATE_COMPLETED):
            break
    world.settle()
    assert_at_rest(world, second)
    assert world.events.count(d.REASON_ROLLING_UPDATE_COMPLETED) == 1
    assert world.events.count(d.REASON_ROLLING_UPDATE_STARTED) == 1
    assert [x.rollout.outcome for x in world.measured] == ["completed"]
    assert world.measured[0].deviation <= 2


@settings(deadline=None)
@given(st.lists(st.tuples(shapes(), st.sampled_from("abc")), min_size=2, max_size=4), st.data())
def test_changes_and_deaths_on_the_way(changes: list[tuple[Shape, str]], data: st.DataObject) -> None:
    """Templates, sizes, paces, slices and roles change before a rollout has ended, back to earlier ones too;
    groups become ready and fall in any order; passes are cut off after any write, or see what was there
    before the last. From wherever that leads it ends, and what is told of rollouts is true: each is told to
    have ended once, and none after the last.
    """
    world = World(a_set(*changes[0][0].roles(changes[0][1])))
    world.settle()
    for shape, image in changes[1:]:
        world.ds = a_set(*shape.roles(image), slices=data.draw(st.integers(1, 2), label="slices"))
        seen = world.plan()
        for _ in range(data.draw(st.integers(0, 12), label="passes")):
            world.make_ready(lambda missing: data.draw(st.integers(0, missing), label="ready"))
            fallen = world.break_down(lambda ready: data.draw(st.integers(0, min(1, ready)), label="falls"))
            now, stale = world.plan(), data.draw(st.integers(0, 5), label="stale") == 0
            plan = seen if stale else now
            limit = data.draw(st.none() | st.integers(0, len(plan)), label="dies after")
            world.run(plan, limit, floors=not (stale and fallen))
            seen = now
    world.settle()
    assert_at_rest(world, changes[-1][0])
    told = [x.rollout.outcome for x in world.measured]
    assert (
        world.events.count(d.REASON_ROLLING_UPDATE_COMPLETED) == told.count("completed") <= len(changes) - 1
    )
    assert len(told) <= len(changes) - 1


@settings(deadline=None)
@given(shapes(), st.lists(st.integers(0, 6), min_size=1, max_size=4), st.integers(1, 3), st.data())
def test_an_autoscaler_that_interferes(
    shape: Shape, totals: list[int], slices: int, data: st.DataObject
) -> None:
    """The first role is scaled externally, over all slices, while all of them roll."""

    def a_world_set(image: str) -> Any:
        first, *others = shape.roles(image)
        return a_set({**first, "scaling": {"mode": "External"}}, *others, slices=slices)

    world = World(a_world_set("a"))
    world.scalers = {ROLES[0]: a_scaler(ROLES[0], totals[0])}
    world.settle()
    world.ds = a_world_set("b")
    for total in totals:
        world.scalers = {ROLES[0]: a_scaler(ROLES[0], total)}
        for _ in range(data.draw(st.integers(0, 5), label="passes")):
            world.make_ready(lambda missing: data.draw(st.integers(0, missing), label="ready"))
            world.run(world.plan())
    world.settle()
    of_role = [x.replicas for name, x in world.children.items() if name.endswith(ROLES[0])]
    assert sum(of_role) == totals[-1]
    assert max(of_role) - min(of_role) <= 1


def in_ratio(world: World, slice_: Slice) -> bool:
    """Whether the new groups of all roles are within one step of their own of one checkpoint of the ideal."""
    rollout = read_roll(world.wanted, slice_).rollout
    steps = rollout.batches
    return any(
        all(
            abs(have - -(-number * want // steps)) <= pace.batch
            for have, want, pace in zip(rollout.new, rollout.target, rollout.pace, strict=True)
        )
        for number in range(steps + 1)
    )


def assert_at_rest(world: World, shape: Shape) -> None:
    """Only the wanted is there, and nothing more is written."""
    now = revision(world.ds)
    wanted = {
        f"llm-{number}-{now}-{name}": size
        for number in range(world.ds.slices)
        for name, size in zip(ROLES, shape.sizes, strict=False)
    }
    mine = {name: x for name, x in world.counts().items() if int(name.split("-")[1]) < world.ds.slices}
    assert mine == wanted
    assert world.plan() == []
