"""Where deaths begin to count outlives the process that knew it."""

from __future__ import annotations

import pytest
from support.child_world import GROUP, World

from lws.api import constants as c
from lws.api.workloads import Pod, StatefulSet
from lws.objects import Key
from lws.planning.recreation.evidence import parse_counts

MARK = c.RECREATE_AFTER_START_ANNOTATION
WORKER = GROUP._replace(name=f"{GROUP.name}-1")


def crashed(world: World, *keys: object) -> None:
    for pod in [x for x in world.cluster.all(Pod) if x.key in keys]:
        world.cluster.restart(pod)


def forming(world: World) -> str:
    """Group 0 is whole and has not started; its leader has restarted. The leader's UID."""
    while world.cluster.get(Pod, WORKER) is None or not started(world, GROUP):
        moves = [*world.process.deliveries(), *world.process.reconciles(), *world.cluster.moves()]
        moves[0]()
    assert not started(world, WORKER)
    crashed(world, GROUP)
    leader = world.cluster.get(Pod, GROUP)
    assert leader is not None
    return leader.uid


def started(world: World, key: Key) -> bool:
    pod = world.cluster.get(Pod, key)
    return pod is not None and pod.status.phase == "Running"


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
    world.start()
    world.settle(seconds=30.0)
    leader = world.cluster.get(Pod, GROUP)
    assert leader is not None
    assert leader.uid == uid, "what was before the start is no death"
    assert world.conditions == {c.AVAILABLE}
    assert parse_counts(world.set.status.groups["0"].restart_counts) == {"0": 1}
    world.start()
    world.settle(seconds=30.0)
    assert world.wire.deleted == []
    crashed(world, WORKER)
    world.settle(seconds=30.0)
    assert world.wire.deleted == [uid], "what came later is one"


def test_the_mark_goes_once_the_group_is_recorded() -> None:
    world = World(metadata={"annotations": {MARK: "true"}})
    world.settle(seconds=30.0)
    world.relabel({}, {})
    world.settle(seconds=30.0)
    workers = world.cluster.get(StatefulSet, GROUP)
    assert workers is not None
    assert MARK not in workers.annotations
