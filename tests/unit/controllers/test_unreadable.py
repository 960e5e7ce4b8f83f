"""Stored objects that no rule can read: no pass ends without a status, and it says which field it is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from support.child_world import GROUP, World
from support.groups import NAME, NAMESPACE, a_set

from lws.api import constants as c
from lws.api.workloads import Pod, Service, StatefulSet
from lws.controllers import leaderworkerset as module
from lws.objects import Key

TEMPLATE = "spec.leaderWorkerTemplate"
ROLLING = "spec.rolloutStrategy.rollingUpdateConfiguration"
LARGE = 2**31


def pod_template(**spec: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "worker", "image": "nginx", **spec}]}}


def nested(depth: int) -> Any:
    return {"x": nested(depth - 1)} if depth else {}


SPECS = [
    pytest.param({"max_unavailable": "abc"}, f"{ROLLING}.maxUnavailable", id="no-number"),
    pytest.param({"max_unavailable": -1}, f"{ROLLING}.maxUnavailable", id="negative"),
    pytest.param({"max_unavailable": LARGE}, f"{ROLLING}.maxUnavailable", id="large"),
    pytest.param({"max_unavailable": "9" * 5000 + "%"}, f"{ROLLING}.maxUnavailable", id="endless"),
    pytest.param({"max_surge": "-10%"}, f"{ROLLING}.maxSurge", id="negative-share"),
    pytest.param({"max_surge": 2**70}, f"{ROLLING}.maxSurge", id="larger"),
    pytest.param({"partition": -1}, f"{ROLLING}.partition", id="partition"),
    pytest.param({"replicas": -1}, "spec.replicas", id="replicas"),
    pytest.param({"size": 0}, f"{TEMPLATE}.size", id="empty"),
    pytest.param({"size": -3}, f"{TEMPLATE}.size", id="size"),
    pytest.param({"template": {"workerTemplate": []}}, f"{TEMPLATE}.workerTemplate", id="list"),
    pytest.param({"template": {"leaderTemplate": "x"}}, f"{TEMPLATE}.leaderTemplate", id="text"),
    pytest.param(
        {"template": {"workerTemplate": {"spec": {"containers": "x"}}}},
        f"{TEMPLATE}.workerTemplate.spec.containers",
        id="containers",
    ),
    pytest.param(
        {"template": {"workerTemplate": pod_template(resources={"limits": {"cpu": "much"}})}},
        f"{TEMPLATE}.workerTemplate.spec.containers[0].resources.limits",
        id="quantity",
    ),
    pytest.param(
        {"template": {"volumeClaimTemplates": [3]}}, f"{TEMPLATE}.volumeClaimTemplates[0]", id="claim"
    ),
    pytest.param(
        {"template": {"workerTemplate": {"metadata": {"managedFields": [{"fieldsV1": nested(600)}]}}}},
        TEMPLATE,
        id="deep",
    ),
]


def told(world: World) -> set[tuple[str, str]]:
    return {(x["type_"], x["reason"]) for x in world.process.recorder.events}


def agreed(world: World) -> None:
    """The status is of what is there, and speaks of the stored generation."""
    status, found = world.set.status, world.cluster.get(StatefulSet, Key(NAMESPACE, NAME))
    assert status.observed_generation == world.set.metadata.generation
    assert status.replicas == (found.status.replicas if found is not None else 0)


@pytest.mark.parametrize(("members", "field"), SPECS)
def test_from_the_start(members: dict[str, Any], field: str) -> None:
    world = World(stored=True, **members)
    world.settle(seconds=20.0)
    stalled = world.condition(c.STALLED)
    assert (stalled.status, stalled.reason) == ("True", c.REASON_INVALID_SPEC)
    assert stalled.message.startswith(field)
    assert world.conditions == {c.PROGRESSING, c.STALLED}
    assert ("Warning", c.REASON_INVALID_SPEC) in told(world)
    agreed(world)
    assert world.cluster.get(Service, Key(NAMESPACE, NAME)) is not None
    assert world.process.next() is not None  # and it is looked at again


@pytest.mark.parametrize(("members", "field"), SPECS)
def test_of_a_set_at_work(members: dict[str, Any], field: str) -> None:
    """Its groups are kept; readable again, it goes on as if nothing had been."""
    world, other = World(stored=True), a_set(**members).spec
    world.settle(seconds=20.0)
    good = world.set.spec
    world.edit(lambda x: replace(x, spec=other))
    world.settle(seconds=20.0)
    assert world.condition(c.STALLED).message.startswith(field)
    agreed(world)
    assert world.set.status.ready_replicas == 2
    leader = world.cluster.get(Pod, GROUP)
    assert leader is not None
    world.edit(lambda x: replace(x, spec=good))
    world.settle(seconds=20.0)
    assert world.conditions == {c.AVAILABLE}
    again = world.cluster.get(Pod, GROUP)
    assert again is not None
    assert again.uid == leader.uid


@pytest.mark.parametrize("index", ["²", "9" * 5000, "-1", "x", ""])
def test_entries_of_a_status_that_are_no_groups(index: str) -> None:
    world = World(status={"groups": {index: {"leader": "u", "restartCounts": "²=1,0=" + "9" * 5000}}})
    world.settle(seconds=20.0)
    assert world.conditions == {c.AVAILABLE}


@pytest.mark.parametrize("size", ["9" * 5000, "²", "-1", ""])
def test_a_leader_whose_annotations_were_edited_and_whose_revision_is_gone(size: str) -> None:
    world = World()
    world.settle(seconds=20.0)
    leader = world.cluster.get(Pod, GROUP)
    assert leader is not None
    annotations = {**leader.annotations, c.SIZE_ANNOTATION: size}
    labels = {**leader.labels, c.REVISION_LABEL: "gone"}
    world.cluster.put(
        replace(leader, metadata=replace(leader.metadata, annotations=annotations, labels=labels))
    )
    world.edit(lambda x: replace(x, spec=replace(x.spec, replicas=3)))
    world.settle(seconds=20.0)
    agreed(world)


@pytest.mark.parametrize(
    "data",
    [
        b"null",
        b"[]",
        b"{}",
        b'{"spec":null}',
        b'{"spec":{}}',
        b'{"spec":{"leaderWorkerTemplate":null}}',
        b'{"spec":{"leaderWorkerTemplate":{}}}',
        b'{"spec":{"leaderWorkerTemplate":{"size":"x"}}}',
        b'{"spec":{"leaderWorkerTemplate":{"size":0},"networkConfig":null}}',
        b'{"spec":{"leaderWorkerTemplate":{"workerTemplate":[]}}}',
        b'{"spec":{"leaderWorkerTemplate":{"subGroupPolicy":{"subGroupSize":"x"}}}}',
        b'{"spec":{"leaderWorkerTemplate":{"volumeClaimTemplates":[null]}}}',
        b'{"spec":{"leaderWorkerTemplate":{"workerTemplate":' + b'{"x":' * 3000 + b"1" + b"}" * 3003,
    ],
)
def test_revisions_that_somebody_has_written_to(data: bytes) -> None:
    world = World()
    world.settle(seconds=20.0)
    for one in world.revisions:
        world.cluster.plant(one, data=msgspec.Raw(data))
    workers = world.cluster.get(StatefulSet, GROUP)
    assert workers is not None
    world.cluster.delete(workers)
    world.edit(lambda x: replace(x, spec=replace(x.spec, replicas=3)))
    world.settle(seconds=20.0)
    agreed(world)


def test_an_error_of_our_own_comes_after_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **_members: Any) -> Any:
        raise KeyError("x")

    world = World(status={"readyReplicas": 7})
    monkeypatch.setattr(module, "plan_leader", broken)
    with pytest.raises(KeyError, match="x"):
        world.settle(seconds=20.0)
    agreed(world)
    assert world.set.status.ready_replicas == 0
