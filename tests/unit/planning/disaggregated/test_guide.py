"""The rollouts that docs/guides/disaggregated-rollouts.md draws are those that the planner makes."""

from __future__ import annotations

import re

import pytest
from support.disaggregated import a_role, a_set
from support.disaggregated_world import World
from support.pages import GUIDES, blocks
from support.samples import load_sample

from lws.planning.actions import Action
from lws.planning.disaggregated.names import revision_of_child, role_of

ROLES = ("prefill", "decode")
LINE = re.compile(r"^ *\d+ +(\d+) +(\d+) +(\d+) +(\d+)", re.MULTILINE)
State = tuple[int, ...]


def drawn() -> list[list[State]]:
    """Old and new groups of both roles, step by step, of each drawing."""
    page = next(x for x in GUIDES if x.name == "disaggregated-rollouts.md")
    found = [LINE.findall(x.text) for x in blocks(page)]
    return [[tuple(map(int, row)) for row in rows] for rows in found if rows]


def made(sizes: dict[str, int], **pace: dict[str, int]) -> list[State]:
    """The states of a rollout in which everything is ready at once."""
    world = World(a_set(*(a_role(x, sizes[x], image="a", **pace[x]) for x in ROLES)))
    world.settle()
    world.ds = a_set(*(a_role(x, sizes[x], image="b", **pace[x]) for x in ROLES))
    world.run(world.plan())
    states = [state(world)]
    while actions := ready_and_planned(world):
        world.run(actions)
        if state(world) != states[-1]:
            states.append(state(world))
    return states


def ready_and_planned(world: World) -> list[Action]:
    world.make_ready()
    return world.plan()


def state(world: World) -> State:
    new = world.wanted.revision
    return tuple(
        sum(
            x.replicas
            for x in world.children.values()
            if role_of(x) == role and (revision_of_child(x) == new) is updated
        )
        for updated in (False, True)
        for role in ROLES
    )


def of_the_sample() -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """Sizes and paces."""
    [ds] = load_sample("disaggregated-rollout.yaml")
    specs = {x["name"]: x["spec"] for x in ds["spec"]["roles"]}
    rolling = {name: x["rolloutStrategy"]["rollingUpdateConfiguration"] for name, x in specs.items()}
    pace = {name: {"surge": x["maxSurge"], "unavailable": x["maxUnavailable"]} for name, x in rolling.items()}
    return {name: x["replicas"] for name, x in specs.items()}, pace


def test_there_are_two_drawings() -> None:
    assert len(drawn()) == 2


@pytest.mark.parametrize("number", [0, 1])
def test_a_drawing_is_what_happens(number: int) -> None:
    """With the sample's surge, and without any."""
    sizes, pace = of_the_sample()
    if number == 1:
        pace = {x: {"surge": 0, "unavailable": 1} for x in ROLES}
    assert made(sizes, **pace) == drawn()[number]
