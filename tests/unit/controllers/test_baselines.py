"""Where deaths begin to count outlives the process that knew it."""

from __future__ import annotations

import pytest
from support.child_world import GROUP, World
from support.cluster_model import restarted
from support.controller_model import Process

from lws.api import constants as c
from lws.api.workloads import Pod, StatefulSet
from lws.planning.recreation.evidence import parse_counts

MARK = c.RECREATE_AFTER_START_ANNOTATION
WORKER = GROUP._replace(name=f"{GROUP.name}-1")


def crashed(world: World, *keys: object) -> None:
    for pod in [x for x in world.cluster.all(Pod) if x.key in keys]:
        world.cluster.put(restarted(pod))


def another_process(world: World) -> None:
    world.process = Process(world.cluster, world.client, world.clock, lambda kind: 0)


def forming(world: World) -> str:
    """Group 0 is whole and has not started; its leader has restarted. The leader's UID."""
    for _ in range(500):
        if world.cluster.get(Pod, WORKER) is not None:
            break
        moves = [*world.process.deliveries(), *world.process.reconciles(), *world.cluster.moves()]
        moves[0]()
    crashed(world, GROUP)
    leader = world.cluster.get(Pod, GROUP)
    assert leader is not None
    return leader.uid


@pytest.mark.parametrize("down", [False, True], ids=["seen", "while-down"])
def test_the_annotation_goes_before_the_record_is_written(down: bool) -> None:
    world = World(metadata={"annotations": {MARK: "true"}})
    uid = forming(world)
    if not down:
        for move in world.process.deliveries():
            move()
    world.relabel({}, {})
    if not down:
        world.process.deliveries()[0]()
    another_process(world)
    world.settle(seconds=30.0)
    leader = world.cluster.get(Pod, GROUP)
    assert leader is not None
    assert leader.uid == uid, "what was before the start is no death"
    assert world.conditions == {c.AVAILABLE}
    assert parse_counts(world.set.status.groups["0"].restart_counts) == {"0": 1}
    another_process(world)
    world.settle(seconds=30.0)
    assert world.client.deleted == []
    crashed(world, WORKER)
    world.settle(seconds=30.0)
    assert world.client.deleted == [uid], "what came later is one"


def test_the_mark_goes_once_the_group_is_recorded() -> None:
    world = World(metadata={"annotations": {MARK: "true"}})
    world.settle(seconds=30.0)
    world.relabel({}, {})
    world.settle(seconds=30.0)
    workers = world.cluster.get(StatefulSet, GROUP)
    assert workers is not None
    assert MARK not in workers.annotations
