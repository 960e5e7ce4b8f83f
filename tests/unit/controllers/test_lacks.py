"""Groups whose pods nobody makes: told by their set, without asking for what a watch brings."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.child_world import GROUP, KEY, World
from support.groups import a_leader, a_worker, a_worker_set

from lws.api import constants as c
from lws.api.workloads import Pod
from lws.controllers.lacks import FIRST, LONGEST, MissingPods
from lws.controllers.outcomes import FOREIGN_RETRY
from lws.objects import Key, OwnerReference
from lws.runtime.clock import FakeClock

WORKER = GROUP._replace(name=f"{GROUP.name}-1")
OWNER = OwnerReference("apps/v1", "ReplicaSet", "web", "uid-web", controller=True)


def theirs(world: World, key: Key) -> Pod:
    """A pod of this name, whose owner the garbage collector finds."""
    web = {"kind": "Service", "metadata": {"name": "web", "namespace": key.namespace}, "spec": {}}
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "controller": True}
    owner["uid"] = world.cluster.create(web).uid
    named = {"name": key.name, "namespace": key.namespace, "ownerReferences": [owner]}
    spec = {"containers": [{"name": "c", "image": "x"}]}
    return world.cluster.create({"kind": "Pod", "metadata": named, "spec": spec})


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize(
    ("key", "group"),
    [(GROUP, ""), (WORKER, "group 0: ")],
    ids=["leader", "worker"],
)
def test_a_pod_of_somebody_that_has_a_needed_name(key: Key, group: str, labelled: bool) -> None:
    """Even one that bears the set's labels, a copy of its manifest for instance."""
    world = World()
    pod = theirs(world, key)
    if labelled:
        labels = {c.NAME_LABEL: KEY.name, c.WORKER_INDEX_LABEL: "7"}
        world.cluster.put(replace(pod, metadata=replace(pod.metadata, labels=labels)))
    world.settle(seconds=FIRST + 1.0)
    stalled = world.condition(c.STALLED)
    assert (stalled.status, stalled.reason) == ("True", "NameTaken")
    assert stalled.message == (
        f"{group}Pod {key.name} exists and is not this group's: it belongs to ReplicaSet web"
    )
    assert c.AVAILABLE not in world.conditions
    found = world.cluster.get(Pod, key)
    assert found is not None
    assert found.metadata.owner_references == pod.metadata.owner_references
    world.cluster.delete(found, force=True)
    world.settle(seconds=FOREIGN_RETRY + 5.0)
    assert world.conditions == {c.AVAILABLE}
    assert world.condition(c.STALLED).status == "False"


LOST = [
    *((GROUP, x) for x in (c.NAME_LABEL, c.WORKER_INDEX_LABEL)),
    *((WORKER, x) for x in (c.NAME_LABEL, c.GROUP_INDEX_LABEL, c.GROUP_KEY_LABEL)),
]


@pytest.mark.parametrize("policy", [c.RESTART_NONE, c.RESTART_RECREATE_GROUP])
@pytest.mark.parametrize(("key", "label"), LOST)
def test_a_pod_that_lost_what_its_stateful_set_knows_it_by(key: Key, label: str, policy: str) -> None:
    """It is let go, and no other of its name can be made: decision 251."""
    world = World(restart=policy)
    world.settle()
    pod = world.cluster.get(Pod, key)
    assert pod is not None
    kept = {x: y for x, y in pod.labels.items() if x != label}
    pod = world.cluster.put(replace(pod, metadata=replace(pod.metadata, labels=kept)))
    world.settle(seconds=2 * FIRST + 1.0)
    stalled = world.condition(c.STALLED)
    assert (stalled.status, stalled.reason) == ("True", "NameTaken")
    assert f"Pod {key.name} exists and is not this group's: it has no owner" in stalled.message
    assert f"has lost the label {label}=" in stalled.message
    assert c.AVAILABLE not in world.conditions
    writes = len(world.sent)
    world.settle(seconds=3 * FOREIGN_RETRY)
    assert len(world.sent) == writes, "nothing is written while a user is waited for"
    world.cluster.delete(pod, force=True)
    world.settle(seconds=FOREIGN_RETRY + 5.0)
    assert world.conditions == {c.AVAILABLE}


class Server:
    """Of pods, by name; counts the reads."""

    def __init__(self) -> None:
        self.pods: dict[str, Pod] = {}
        self.reads = 0

    def pod(self, key: Key) -> Pod | None:
        self.reads += 1
        return self.pods.get(key.name)


class TestLooks:
    LEADER = a_leader(0)
    WORKERS = replace(
        a_worker_set(LEADER),
        spec=replace(
            a_worker_set(LEADER).spec,
            replicas=2,
            ordinals=replace(a_worker_set(LEADER).spec.ordinals, start=1),
        ),
    )

    def made(self) -> tuple[MissingPods, Server, FakeClock]:
        server, clock = Server(), FakeClock(1000.0)
        live: Any = server
        return MissingPods(live, None, clock), server, clock

    def test_pods_that_come_are_not_asked_for(self) -> None:
        missing, server, clock = self.made()
        lack = missing.of(self.WORKERS, [])
        assert lack is not None
        assert lack.again == FIRST
        clock.advance(FIRST - 1.0)
        first = a_worker(self.LEADER, 1)
        assert missing.of(self.WORKERS, [first]) is not None, "the second is another one: its time begins"
        clock.advance(FIRST - 1.0)
        assert missing.of(self.WORKERS, [first, a_worker(self.LEADER, 2)]) is None
        assert server.reads == 0

    def test_looks_become_ever_rarer(self) -> None:
        missing, server, clock = self.made()
        waited = 0.0
        while waited < 3600.0:
            lack = missing.of(self.WORKERS, [])
            assert lack is not None
            assert 0.0 < lack.again <= LONGEST
            clock.advance(lack.again)
            waited += lack.again
        assert 10 <= server.reads <= 20

    def test_passes_in_between_ask_nothing(self) -> None:
        missing, server, clock = self.made()
        for _ in range(100):
            missing.of(self.WORKERS, [])
            clock.advance(FIRST / 50)
        assert server.reads == 1

    def test_nothing_is_asked_before_the_statefulset_controller_had_its_turn(self) -> None:
        """However long a busy control plane takes; then the first look comes as late as it always does."""
        missing, server, clock = self.made()
        unseen = replace(self.WORKERS, metadata=replace(self.WORKERS.metadata, generation=1))
        for _ in range(100):
            lack = missing.of(unseen, [])
            assert lack is not None
            assert 0.0 < lack.again <= FIRST
            clock.advance(lack.again)
        assert server.reads == 0
        missing.of(self.WORKERS, [])
        assert server.reads == 1

    @pytest.mark.parametrize("how", ["own", "going"])
    def test_its_own_that_the_cache_lacks_and_what_is_going_are_waited_for(self, how: str) -> None:
        missing, server, clock = self.made()
        pod = a_worker(self.LEADER, 1, deleting=how == "going")
        if how == "going":
            pod = replace(pod, metadata=replace(pod.metadata, owner_references=(OWNER,)))
        server.pods[pod.name] = pod
        missing.of(self.WORKERS, [])
        clock.advance(FIRST)
        lack = missing.of(self.WORKERS, [])
        assert lack is not None
        assert lack.found is None
        assert server.reads == 1

    def test_a_stateful_set_on_its_way_out_lacks_nothing(self) -> None:
        missing, _, _ = self.made()
        going = replace(
            self.WORKERS,
            metadata=replace(self.WORKERS.metadata, deletion_timestamp="2026-01-01T00:00:00Z"),
        )
        assert missing.of(going, []) is None
