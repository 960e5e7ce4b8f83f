"""Deletes that the API server refuses: told, tried again ever more rarely, and nothing else stands still."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from msgspec.structs import replace
from support.child_world import GROUP, KEY, World, answer

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod
from lws.controllers.deletions import Deletions
from lws.controllers.effects import Effects
from lws.controllers.refusals import FIRST, LONGEST
from lws.controllers.resources import KINDS
from lws.kube.errors import ApiError
from lws.planning.actions import Delete
from lws.runtime.clock import FakeClock

WORKER = GROUP._replace(name=f"{GROUP.name}-1")
POLICY = "admission webhook denied the request: pods of this namespace stay"


def keep_pods(world: World, status: int = 403) -> None:
    world.keep = lambda kind, name: answer(status, POLICY) if kind == "Pod" else None


def with_image(lws: LeaderWorkerSet) -> LeaderWorkerSet:
    leader = {"spec": {"containers": [{"name": "leader", "image": "example.com/other:2"}]}}
    template = replace(lws.spec.leader_worker_template, leader_template=leader)
    return replace(lws, spec=replace(lws.spec, leader_worker_template=template))


def fail_group_0(world: World) -> Pod:
    leader = world.cluster.get(Pod, GROUP)
    assert leader is not None
    world.cluster.restart(leader)
    return leader


@pytest.mark.parametrize("status", [400, 403, 422])
def test_a_group_that_may_not_be_recreated_is_told(status: int) -> None:
    world = World()
    world.settle(seconds=10.0)
    keep_pods(world, status)
    leader = fail_group_0(world)
    world.settle(seconds=FIRST)
    stalled = world.condition(c.STALLED)
    assert (stalled.status, stalled.reason) == ("True", "DeletionRefused")
    assert stalled.message == f"group 0: The API server refuses to delete Pod {GROUP.name}: {POLICY}"
    assert world.cluster.get(Pod, GROUP) is not None
    told = [x for x in world.process.recorder.events if x["reason"] == "FailedDelete"]
    assert told
    assert POLICY in told[0]["note"]
    assert told[0]["related"].uid == leader.uid


def test_it_is_asked_for_ever_more_rarely_and_done_when_it_may() -> None:
    world = World()
    world.settle(seconds=10.0)
    keep_pods(world)
    leader = fail_group_0(world)
    world.settle(seconds=1000.0)
    assert 20 <= len(world.asked_to_go) <= 70
    world.keep = lambda kind, name: None
    world.settle(seconds=LONGEST + 10.0)
    recreated = world.cluster.get(Pod, GROUP)
    assert recreated is not None
    assert recreated.uid != leader.uid
    assert world.conditions == {c.AVAILABLE}


def test_a_roll_whose_leaders_may_not_go_is_told_and_scaled_all_the_same() -> None:
    """It is no refusal of the template: the leader StatefulSet keeps the new one."""
    world = World()
    world.settle(seconds=10.0)
    keep_pods(world)
    world.edit(with_image)
    world.settle(seconds=FIRST)
    assert world.condition(c.STALLED).reason == "DeletionRefused"
    assert c.AVAILABLE not in world.conditions
    carried = world.leader_set
    assert carried is not None
    [newest] = [x for x in world.revisions if x.revision == 2]
    assert carried.labels[c.REVISION_LABEL] == newest.labels[c.REVISION_LABEL]
    world.edit(lambda lws: replace(lws, spec=replace(lws.spec, replicas=3)))
    world.settle(seconds=FIRST)
    assert world.cluster.get(Pod, GROUP._replace(name=f"{KEY.name}-2")) is not None


def test_a_revision_that_may_not_go_is_told_and_the_set_is_available() -> None:
    world = World()
    world.settle(seconds=10.0)
    world.keep = lambda kind, name: answer(403, POLICY) if kind == "ControllerRevision" else None
    world.edit(with_image)
    world.settle(seconds=30.0)
    stalled = world.condition(c.STALLED)
    assert (stalled.status, stalled.reason) == ("True", "DeletionRefused")
    assert c.AVAILABLE in world.conditions
    world.keep = lambda kind, name: None
    world.settle(seconds=LONGEST)
    assert world.condition(c.STALLED).status == "False"
    assert len(world.revisions) == 1


@pytest.mark.parametrize("error", [answer(401), answer(429), answer(500)], ids=["401", "429", "500"])
def test_what_is_no_verdict_is_a_pass_that_fails(error: ApiError) -> None:
    world = World()
    world.settle(seconds=10.0)
    world.keep = lambda kind, name: error if kind == "Pod" else None
    leader = fail_group_0(world)
    world.settle(seconds=LONGEST)
    assert world.condition(c.STALLED).reason == "ReconcileFailing"
    world.keep = lambda kind, name: None
    world.settle(seconds=LONGEST)
    recreated = world.cluster.get(Pod, GROUP)
    assert recreated is not None
    assert recreated.uid != leader.uid


def test_a_leader_that_kubectl_deletes_keeps_its_name_until_its_workers_are_gone() -> None:
    """In the background, which takes the finalizer off: it is deleted once more."""
    world = World(replicas=1)
    world.edit(
        lambda lws: replace(lws, spec=replace(lws.spec, pod_termination_policy=c.TERMINATION_PARALLEL))
    )
    world.settle(seconds=10.0)
    leader, worker = (world.cluster.get(Pod, x) for x in (GROUP, WORKER))
    assert leader is not None
    assert worker is not None
    world.cluster.delete(leader)
    while (now := world.cluster.get(Pod, WORKER)) is not None and now.uid == worker.uid:
        there = world.cluster.get(Pod, GROUP)
        assert there is not None
        assert there.uid == leader.uid
        moves = [*world.process.deliveries(), *world.process.reconciles(), *world.cluster.moves()]
        moves[0]()
    world.settle(seconds=10.0)
    assert world.conditions == {c.AVAILABLE}
    assert [world.cluster.get(Pod, GROUP) == leader, world.cluster.get(Pod, WORKER) == worker] == [False] * 2


@pytest.mark.parametrize(
    ("error", "times"),
    [
        (answer(404), 1),
        (answer(409, "Precondition failed: UID in precondition: a, UID in object meta: b"), 1),
        (answer(409, "the object has been modified"), 2),
    ],
    ids=["gone", "another", "busy"],
)
def test_what_is_gone_is_not_asked_for_again_though_the_cache_shows_it(error: ApiError, times: int) -> None:
    asked = []

    class Server:
        def delete(self, *_: object, **precondition: object) -> None:
            asked.append(precondition["uid"])
            raise error

    server: Any = Server()
    effects = Effects(mock.Mock(), lambda _: None)
    deletions = Deletions(server, kinds=KINDS, effects=effects, observe=lambda *_: None, clock=FakeClock())
    for _ in range(2):
        deletions.delete(Delete("Pod", GROUP, "a"))
    assert asked == ["a"] * times
