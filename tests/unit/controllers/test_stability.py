"""minReadySeconds on the model of a cluster: when a roll goes on, across passes and processes."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.child_world import KEY, World
from support.groups import NAME

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod, PodCondition, StatefulSet
from lws.objects import Key

SECONDS = 20


def with_image(lws: LeaderWorkerSet, image: str = "another") -> LeaderWorkerSet:
    template = {"spec": {"containers": [{"name": "leader", "image": image}]}}
    whole = replace(lws.spec.leader_worker_template, leader_template=template)
    return replace(lws, spec=replace(lws.spec, leader_worker_template=whole))


def asking(lws: LeaderWorkerSet, seconds: int | None = SECONDS) -> LeaderWorkerSet:
    return replace(lws, spec=replace(lws.spec, min_ready_seconds=seconds))


def a_world(**members: Any) -> World:
    world = World(**{"replicas": 3, "min_ready": SECONDS, "restart": c.RESTART_NONE, **members})
    spend(world, 1)
    return world


def updated(world: World) -> int:
    """Groups that the roll has reached."""
    key = world.leader_set and world.leader_set.labels[c.REVISION_LABEL]
    return sum(x.labels[c.REVISION_LABEL] == key for x in leaders(world))


def leaders(world: World) -> list[Pod]:
    return [x for x in world.cluster.all(Pod) if x.labels[c.WORKER_INDEX_LABEL] == "0"]


def leader(world: World, index: int) -> Pod:
    found = world.cluster.get(Pod, Key(KEY.namespace, f"{NAME}-{index}"))
    assert found is not None
    return found


def spend(world: World, seconds: float) -> None:
    """So much time passes, and everybody does what there is to do."""
    ends = world.clock.monotonic() + seconds
    world.settle(seconds=seconds)
    world.cluster.advance(ends - world.clock.monotonic())
    world.settle()


def break_down(world: World, index: int) -> None:
    """Its leader is not ready any more, and stays so."""
    pod = leader(world, index)
    world.cluster.nodes.stuck = lambda document: document["metadata"]["name"] == pod.name
    conditions = tuple(
        PodCondition("Ready", "False") if x.type == "Ready" else x for x in pod.status.conditions
    )
    world.cluster.put(replace(pod, status=replace(pod.status, conditions=conditions)))


def come_back(world: World) -> None:
    world.cluster.nodes.stuck = lambda _: False
    world.cluster.advance(0.0)


def rolling(**members: Any) -> World:
    """The highest of three groups is updated, and ready for a moment."""
    world = a_world(**members)
    spend(world, SECONDS + 5)
    assert c.AVAILABLE in world.conditions
    world.edit(with_image)
    spend(world, 2)
    assert (updated(world), world.set.status.ready_replicas) == (1, 3)
    return world


def test_a_set_is_available_after_that_long() -> None:
    world = a_world()
    spend(world, SECONDS - 1)
    assert (world.set.status.ready_replicas, c.AVAILABLE in world.conditions) == (3, False)
    spend(world, 2)
    assert c.AVAILABLE in world.conditions


def test_a_roll_goes_on_after_that_long_and_no_sooner() -> None:
    world = rolling()
    for done in (1, 2):
        spend(world, SECONDS - 3)
        assert updated(world) == done
        spend(world, 3)
        assert updated(world) == done + 1
    assert c.AVAILABLE not in world.conditions
    spend(world, SECONDS)
    assert c.AVAILABLE in world.conditions
    assert world.set.status.rollout is None


def test_without_it_nothing_waits_and_nothing_is_recorded() -> None:
    world = a_world(min_ready=None)
    assert c.AVAILABLE in world.conditions
    world.edit(with_image)
    spend(world, 5)
    assert updated(world) == 3
    assert world.set.status.groups == {}


def test_a_group_that_fails_meanwhile_stops_the_roll() -> None:
    world = rolling()
    break_down(world, 2)
    spend(world, 10 * SECONDS)
    assert updated(world) == 1


@pytest.mark.parametrize("restarted", [False, True], ids=["same-process", "new-process"])
def test_the_time_begins_anew_when_it_is_ready_again(restarted: bool) -> None:
    """Even where the status was not written in between."""
    world = rolling()
    spend(world, SECONDS - 5)
    break_down(world, 2)
    spend(world, 5 if restarted else 0.5)
    come_back(world)
    if restarted:
        world.start()
    spend(world, SECONDS - 2)
    assert updated(world) == 1
    spend(world, 5)
    assert updated(world) == 2


def test_a_new_process_goes_on_where_the_former_was() -> None:
    world = rolling()
    spend(world, SECONDS - 5)
    world.start()
    spend(world, 5)
    assert updated(world) == 2


def test_a_new_process_finds_nothing_to_write() -> None:
    world = a_world(restart=c.RESTART_RECREATE_GROUP)
    spend(world, SECONDS + 5)
    before = world.cluster.version
    world.start()
    spend(world, SECONDS)
    assert world.cluster.version == before
    assert c.AVAILABLE in world.conditions


def test_a_live_set_that_begins_to_ask_stays_available() -> None:
    """What has served all along has done so for long enough; what comes afterwards has not."""
    world = a_world(min_ready=None)
    world.cluster.advance(SECONDS)
    world.edit(asking)
    spend(world, 2)
    assert c.AVAILABLE in world.conditions
    world.cluster.delete(leader(world, 1))
    spend(world, 5)
    assert (world.set.status.ready_replicas, c.AVAILABLE in world.conditions) == (3, False)
    spend(world, SECONDS)
    assert c.AVAILABLE in world.conditions
    world.edit(lambda lws: asking(lws, None))
    spend(world, 2)
    assert not [x for x in world.set.status.groups.values() if x.ready_since]


def test_pods_and_stateful_sets_know_nothing_of_it() -> None:
    shapes = []
    for seconds in (None, SECONDS):
        world = a_world(min_ready=seconds)
        found = [world.cluster.document(StatefulSet, x.key) for x in world.cluster.all(StatefulSet)]
        metadata = [x["metadata"] for x in found]
        shapes.append(
            [(x["spec"], y["labels"], y.get("annotations")) for x, y in zip(found, metadata, strict=True)]
        )
    assert shapes[0] == shapes[1]
