"""Passes whose writes are refused: the status is written all the same, and what can be done is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace
from support.apimodel.answers import Request
from support.apimodel.store import Document
from support.child_world import GROUP, KEY, QUOTA, Refuse, World, answer
from support.groups import NAME, NAMESPACE, a_set
from support.stepwise.process import RETRY

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod, Service, StatefulSet
from lws.controllers.problems import ProblemMemory, part_of_life
from lws.controllers.refusals import FIRST, LONGEST, RefusalMemory
from lws.kube.errors import ApiError, Conflict, NotFound, TransportError, Unavailable
from lws.objects import Key, KubeObject, controlled_by
from lws.planning.problems import FAILING_GRACE, SetProblems
from lws.planning.revisions import template_of
from lws.runtime.clock import FakeClock
from lws.runtime.queue.persistence import QUICK, SOON


def of_kind(*kinds: str, status: int = 403) -> Refuse:
    return lambda kind, document: answer(status) if kind in kinds else None


def named(name: str) -> Refuse:
    return lambda kind, document: answer(403) if document["metadata"]["name"] == name else None


def bad_image(kind: str, document: Mapping[str, Any]) -> ApiError | None:
    """A policy against StatefulSets with an image that ends in ``bad``."""
    text = str(document.get("spec", {}))
    return answer(403, "image not allowed") if kind == "StatefulSet" and "bad" in text else None


def with_image(image: str) -> Callable[[LeaderWorkerSet], LeaderWorkerSet]:
    def change(lws: LeaderWorkerSet) -> LeaderWorkerSet:
        leader = {"spec": {"containers": [{"name": "leader", "image": image}]}}
        template = replace(lws.spec.leader_worker_template, leader_template=leader)
        return replace(lws, spec=replace(lws.spec, leader_worker_template=template))

    return change


def with_replicas(count: int) -> Callable[[LeaderWorkerSet], LeaderWorkerSet]:
    return lambda lws: replace(lws, spec=replace(lws.spec, replicas=count))


class TestNewSet:
    @pytest.mark.parametrize("status", [400, 403, 405, 413, 422])
    def test_a_refusal_is_a_condition_beside_progressing(self, status: int) -> None:
        world = World()
        world.refuse = of_kind("StatefulSet", status=status)
        world.settle()
        assert world.conditions == {c.PROGRESSING, c.STALLED}
        stalled = world.condition(c.STALLED)
        assert (stalled.reason, QUOTA in stalled.message) == ("LeaderStatefulSetRefused", True)
        assert world.set.status.observed_generation == world.set.metadata.generation

    @pytest.mark.parametrize(
        ("kind", "reason"), [("ControllerRevision", "RevisionRefused"), ("Service", "ServiceRefused")]
    )
    def test_whatever_the_child(self, kind: str, reason: str) -> None:
        world = World()
        world.refuse = of_kind(kind)
        world.settle()
        assert world.condition(c.STALLED).reason == reason
        assert c.AVAILABLE not in world.conditions

    def test_without_its_revision_no_leader_set_is_made(self) -> None:
        """Its pods would look for it in vain."""
        world = World()
        world.refuse = of_kind("ControllerRevision")
        world.settle()
        assert world.leader_set is None
        assert world.cluster.get(Service, KEY) is not None, "what does not depend on it is made"

    def test_without_its_service_the_groups_are_made_and_counted(self) -> None:
        world = World()
        world.refuse = of_kind("Service")
        world.settle(seconds=4.0)
        assert world.set.status.ready_replicas == 2
        assert world.conditions == {c.PROGRESSING, c.STALLED}

    def test_it_goes_on_by_itself_once_it_may(self) -> None:
        world = World()
        world.refuse = of_kind("StatefulSet", "Service")
        world.settle(seconds=60.0)
        world.refuse = of_kind()
        world.settle(seconds=LONGEST)
        assert world.conditions == {c.AVAILABLE}
        assert world.condition(c.STALLED).status == "False"


class TestEdit:
    def rolled(self) -> World:
        world = World()
        world.settle(seconds=10.0)
        assert world.conditions == {c.AVAILABLE}
        world.refuse = bad_image
        return world

    def test_a_refused_template_is_told_and_nothing_else_stands_still(self) -> None:
        world = self.rolled()
        world.edit(with_image("example.com/server:bad"))
        world.settle()
        assert world.set.status.observed_generation == world.set.metadata.generation
        assert c.STALLED in world.conditions
        assert c.AVAILABLE not in world.conditions
        assert "image not allowed" in world.condition(c.STALLED).message

    def test_it_is_scaled_with_the_template_that_was_accepted(self) -> None:
        world = self.rolled()
        accepted = world.leader_set
        world.edit(with_image("example.com/server:bad"))
        world.settle(seconds=3.0)
        world.edit(with_replicas(5))
        world.settle(seconds=10.0)
        leader_set = world.leader_set
        assert accepted is not None
        assert leader_set is not None
        assert leader_set.spec.replicas == 5
        assert leader_set.labels[c.REVISION_LABEL] == accepted.labels[c.REVISION_LABEL]
        assert world.set.status.ready_replicas == 5
        assert c.AVAILABLE not in world.conditions

    def test_one_that_cannot_even_be_recorded_is_not_applied(self) -> None:
        world = self.rolled()
        world.refuse = of_kind("ControllerRevision")
        world.edit(with_image("example.com/server:2"))
        world.edit(with_replicas(3))
        world.settle(seconds=10.0)
        leader_set = world.leader_set
        assert leader_set is not None
        assert leader_set.spec.replicas == 3
        assert leader_set.labels[c.REVISION_LABEL] != template_of(world.set).key
        assert world.condition(c.STALLED).reason == "RevisionRefused"

    def test_scaled_to_nothing_the_accepted_revision_is_kept(self) -> None:
        """The leader StatefulSet carries it still."""
        world = self.rolled()
        world.edit(with_image("example.com/server:bad"))
        world.edit(with_replicas(0))
        world.settle(seconds=10.0)
        keys = {x.labels[c.REVISION_LABEL] for x in world.revisions}
        assert world.leader_set is not None
        assert world.leader_set.labels[c.REVISION_LABEL] in keys

    def test_taking_it_back_ends_it(self) -> None:
        world = self.rolled()
        world.edit(with_image("example.com/server:bad"))
        world.settle(seconds=3.0)
        world.edit(with_image("nginx"))
        world.settle(seconds=3.0)
        assert world.conditions == {c.AVAILABLE}

    def test_metadata_that_is_refused_leaves_the_set_available(self) -> None:
        """Groups and template are as wanted."""
        world = self.rolled()
        world.refuse = of_kind("StatefulSet")
        lws = world.set
        world.cluster.put(replace(lws, metadata=replace(lws.metadata, labels={"team": "a"})))
        world.settle()
        assert world.conditions == {c.AVAILABLE, c.STALLED}

    @pytest.mark.parametrize(
        "error", [Unavailable(503, "ServiceUnavailable", "down"), Conflict(409, "Conflict", "other")]
    )
    def test_what_is_no_refusal_is_a_failure_after_which_the_status_is_written(self, error: ApiError) -> None:
        world = self.rolled()
        world.refuse = lambda kind, document: error if kind == "StatefulSet" else None
        world.edit(with_replicas(3))
        for deliver in world.process.deliveries():
            deliver()
        with pytest.raises(type(error)):
            world.process.reconcile(world.process.sets, KEY)
        assert world.set.status.observed_generation == world.set.metadata.generation
        assert c.STALLED not in world.conditions


class TestGroup:
    def test_refused_workers_are_told_by_their_set(self) -> None:
        world = World()
        world.refuse = named(GROUP.name)
        world.settle(seconds=4.0)
        stalled = world.condition(c.STALLED)
        assert (stalled.status, stalled.reason) == ("True", "WorkerStatefulSetRefused")
        assert stalled.message.startswith(f"group 0: The API server refuses StatefulSet {GROUP.name}: ")
        assert world.set.status.ready_replicas == 1
        world.refuse = of_kind()
        world.settle(seconds=LONGEST)
        assert world.conditions == {c.AVAILABLE}

    def test_a_refused_service_does_not_keep_workers_from_being_made(self) -> None:
        world = World(subdomain=c.SUBDOMAIN_UNIQUE)
        world.refuse = of_kind("Service")
        world.settle(seconds=4.0)
        assert world.set.status.ready_replicas == 2
        assert world.conditions == {c.PROGRESSING, c.STALLED}
        assert world.condition(c.STALLED).message.startswith("groups 0, 1: The API server refuses Service ")

    def test_what_is_known_of_a_group_goes_with_it(self) -> None:
        world = World()
        world.refuse = named(f"{NAME}-1")
        world.settle(seconds=4.0)
        assert c.STALLED in world.conditions
        world.edit(with_replicas(1))
        world.settle(seconds=4.0)
        assert world.cluster.get(Pod, Key(NAMESPACE, f"{NAME}-1")) is None
        assert world.conditions == {c.AVAILABLE}


class TestLastingFailure:
    """A webhook that is down answers 500 to whatever is asked: nobody refuses, and nothing is made."""

    WORDS = 'Internal error occurred: failed calling webhook "pods.policy": context deadline exceeded'

    def failing(self, *kinds: str) -> World:
        world = World(subdomain=c.SUBDOMAIN_UNIQUE)
        world.refuse = lambda kind, document: answer(500, self.WORDS) if kind in kinds else None
        return world

    @pytest.mark.parametrize("kind", ["ControllerRevision", "StatefulSet", "Service"])
    def test_it_is_told_once_it_has_lasted_and_ends_with_it(self, kind: str) -> None:
        world = self.failing(kind)
        world.settle(seconds=FAILING_GRACE - 5.0)
        assert c.STALLED not in world.conditions
        world.settle(seconds=3 * RETRY)
        stalled = world.condition(c.STALLED)
        assert (stalled.status, stalled.reason) == ("True", c.REASON_RECONCILE_FAILING)
        assert self.WORDS in stalled.message
        world.refuse = of_kind()
        world.settle(seconds=3 * RETRY)
        assert world.conditions == {c.AVAILABLE}

    def test_it_takes_nothing_from_what_was_known_before(self) -> None:
        world = World()
        world.refuse = of_kind("StatefulSet")
        world.settle(seconds=1.0)
        assert world.condition(c.STALLED).reason == c.REASON_LEADER_REFUSED
        world.refuse = lambda kind, document: answer(500, self.WORDS)
        world.settle(seconds=FAILING_GRACE + 3 * RETRY)
        told = world.condition(c.STALLED).message
        assert QUOTA in told
        assert self.WORDS in told

    def test_it_is_told_in_time_however_long_the_next_try_waits(self) -> None:
        woken: list[tuple[Key, float]] = []
        memory = ProblemMemory(FakeClock(), lambda key, after: woken.append((key, after)))
        for port in range(3):  # the words differ with each try
            memory.set_failed(KEY, "uid", TransportError(f"127.0.0.1:{port} was closed"))
        assert woken == [(KEY, FAILING_GRACE)]

    def test_what_the_leader_set_carries_is_kept_while_the_next_revision_cannot_be_stored(self) -> None:
        """Without any group the roll is over at once: the carried revision was deleted, the next one never
        carried, and the new template stored under the old key.
        """
        world = World(replicas=0)
        world.settle(seconds=5.0)
        [carried] = world.revisions
        world.refuse = lambda kind, document: (
            answer(500, self.WORDS) if kind == "ControllerRevision" else None
        )
        world.edit(with_image("example.com/server:2"))
        world.settle(seconds=3.0)
        assert world.revisions == [carried]
        world.refuse = of_kind()
        world.settle(seconds=3 * RETRY)
        assert world.leader_set is not None
        assert world.leader_set.labels[c.REVISION_LABEL] == template_of(world.set).key
        assert [x.labels[c.REVISION_LABEL] for x in world.revisions] == [template_of(world.set).key]

    def test_a_status_is_not_written_with_every_try(self) -> None:
        world = self.failing("Service")
        world.settle(seconds=FAILING_GRACE + 3 * RETRY)
        before = world.set.metadata.resource_version
        world.settle(seconds=10 * RETRY)
        assert world.set.metadata.resource_version == before

    def test_a_kind_that_is_not_there_is_told_an_object_that_went_meanwhile_is_not(self) -> None:
        kind = NotFound(404, "NotFound", "404 page not found")
        one = NotFound(404, "NotFound", 'leaderworkersets "llm" not found', {"name": "llm"})
        assert (part_of_life(kind), part_of_life(one)) == (False, True)

    def test_who_wrote_first_a_namespace_that_goes_and_no_server_at_all_are_part_of_life(self) -> None:
        going = answer(403, "because it is being terminated")
        going.details["causes"] = [{"reason": "NamespaceTerminating"}]
        gone = TransportError("no connection", refused=True)
        for error in (Conflict(409, "Conflict", "other"), going, gone):
            woken: list[Key] = []
            memory = ProblemMemory(FakeClock(), lambda key, _: woken.append(key))  # noqa: B023
            memory.group_failed(KEY, "uid", 0, error)
            assert (woken, memory.known(KEY, ["uid"])) == ([], (SetProblems([], {}), None))

    def test_a_defect_is_told_as_well(self) -> None:
        clock, woken = FakeClock(), list[Key]()
        memory = ProblemMemory(clock, lambda key, _: woken.append(key))
        memory.group_failed(KEY, "uid", 3, KeyError("x\ny"))
        clock.advance(FAILING_GRACE)
        found, _ = memory.known(KEY, ["uid"])
        assert "KeyError: 'x\\ny'" in found.groups[3][0].message
        assert woken == [KEY]


class TestOneRefusal:
    def test_the_same_document_is_not_sent_with_every_pass(self) -> None:
        world = World()
        world.refuse = of_kind("StatefulSet")
        world.settle()
        tried = len(world.sent)
        for _ in range(20):
            world.process.sets.add(KEY)
            world.settle()
        assert len(world.sent) == tried

    def test_it_waits_longer_each_time_and_never_longer_than_the_bound(self) -> None:
        clock = FakeClock()
        memory, document = RefusalMemory(clock), {"metadata": {"name": "x"}}
        waits = []
        for _ in range(100):
            waits.append(memory.left(memory.note("Service", KEY, document, answer(403))))
            clock.advance(waits[-1])
            assert memory.standing("Service", KEY, document) is None
        assert 0.8 * SOON <= waits[0] <= SOON
        assert all(earlier < 1.3 * later for earlier, later in pairwise(waits))
        assert 0.8 * LONGEST <= waits[-1] <= LONGEST

    def test_of_many_that_are_refused_together_most_wait_longer(self) -> None:
        memory = RefusalMemory(FakeClock())
        keys = [Key(NAMESPACE, str(number)) for number in range(100)]
        waits = [memory.left(memory.note("Service", key, {}, answer(403))) for key in keys]
        assert sum(x <= SOON for x in waits) == QUICK
        assert min(waits[QUICK:]) >= 0.8 * FIRST

    def test_one_that_is_accepted_has_two_others_tried_and_each_of_them_two(self) -> None:
        """What a quota refused of many groups is made soon after it is raised, with few tries in vain."""
        woken: list[Key] = []
        memory = RefusalMemory(FakeClock(), wake=woken.append)
        keys = [Key(NAMESPACE, str(number)) for number in range(6)]
        for key in keys:
            memory.note("StatefulSet", key, {"a": 1}, answer(403))
        memory.taken("StatefulSet", GROUP, {"a": 1})
        memory.taken("StatefulSet", keys[0], {"a": 2})
        assert woken == [], "neither had been refused"
        memory.taken("StatefulSet", keys[0], {"a": 1})
        assert woken == keys[1:3]
        assert [memory.standing("StatefulSet", x, {"a": 1}) is None for x in keys[:4]] == [True] * 3 + [False]
        memory.note("StatefulSet", keys[1], {"a": 1}, answer(403))
        memory.taken("StatefulSet", keys[2], {"a": 1})
        assert woken[2:] == keys[3:5], "who was refused again is the last to be woken again"

    def test_another_document_is_sent_at_once(self) -> None:
        memory = RefusalMemory(FakeClock())
        memory.note("Service", KEY, {"a": 1}, answer(403))
        assert memory.standing("Service", KEY, {"a": 1}) is not None
        assert memory.standing("Service", KEY, {"a": 2}) is None
        assert memory.standing("Service", GROUP, {"a": 1}) is None

    def test_what_was_tried_in_its_place_does_not_make_it_forgotten(self) -> None:
        memory = RefusalMemory(FakeClock())
        memory.note("StatefulSet", KEY, {"a": 1}, answer(403))
        memory.taken("StatefulSet", KEY, {"a": 2})
        assert memory.standing("StatefulSet", KEY, {"a": 1}) is not None
        memory.taken("StatefulSet", KEY, {"a": 1})
        assert memory.standing("StatefulSet", KEY, {"a": 1}) is None

    def test_a_user_who_edits_for_ever_fills_nothing(self) -> None:
        memory = RefusalMemory(FakeClock())
        for number in range(100):
            memory.note("StatefulSet", KEY, {"a": number}, answer(403))
        known = [x for x in range(100) if memory.standing("StatefulSet", KEY, {"a": x}) is not None]
        assert known == [96, 97, 98, 99]


def foreign(kind: type[KubeObject], key: Key, *, spec: Document | None = None, **metadata: Any) -> Document:
    """Somebody else's, as a document."""
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    stateful = {"replicas": 0, "selector": {"matchLabels": {"app": "x"}}, "template": template}
    return {
        "kind": kind.__name__,
        "metadata": {"name": key.name, "namespace": key.namespace, **metadata},
        "spec": spec or (stateful if kind is StatefulSet else {}),
    }


class TestNameTaken:
    """An object that bears a name we need and that no watch of ours shows, for want of labels."""

    @pytest.mark.parametrize(
        ("kind", "key"),
        [(Service, KEY), (StatefulSet, KEY), (StatefulSet, GROUP)],
        ids=["service", "leader-set", "worker-set"],
    )
    def test_it_is_told_left_alone_and_made_when_the_name_is_free(self, kind: type[Any], key: Key) -> None:
        world = World()
        theirs = world.cluster.create(foreign(kind, key))
        world.settle(seconds=60.0)
        stalled = world.condition(c.STALLED)
        assert (stalled.status, stalled.reason) == ("True", "NameTaken")
        assert f"{kind.__name__} {key.name} exists and is not this" in stalled.message
        assert c.AVAILABLE not in world.conditions
        found = world.cluster.get(kind, key)
        assert (found.spec, found.labels) == (theirs.spec, {}), "untouched"
        assert found.metadata.owner_references == ()
        world.cluster.delete(theirs, force=True)
        world.settle(seconds=60.0)
        assert world.conditions == {c.AVAILABLE}

    def test_a_groups_service_too(self) -> None:
        world = World(subdomain=c.SUBDOMAIN_UNIQUE)
        theirs = world.cluster.create(foreign(Service, GROUP, spec={"selector": {"a": "b"}}))
        world.settle(seconds=60.0)
        assert world.condition(c.STALLED).message.startswith(f"group 0: Service {GROUP.name} exists")
        assert world.cluster.get(Service, GROUP) == theirs
        world.cluster.delete(theirs, force=True)
        world.settle(seconds=60.0)
        assert world.conditions == {c.AVAILABLE}

    def test_the_leader_set_of_another_set_is_not_taken_for_workers(self) -> None:
        """The set ``api-0`` beside the set ``api``."""
        world = World()
        other = world.cluster.create(a_set(replicas=0, metadata={"name": GROUP.name}))
        owner = {"apiVersion": c.API_VERSION, "kind": c.KIND, "name": GROUP.name, "uid": other.uid}
        made = foreign(
            StatefulSet,
            GROUP,
            labels={c.NAME_LABEL: GROUP.name},
            ownerReferences=[{**owner, "controller": True}],
        )
        theirs = world.cluster.create(made)
        world.settle(seconds=30.0)
        stalled = world.condition(c.STALLED)
        assert stalled.message.startswith(f"group 0: StatefulSet {GROUP.name} exists and is not this group's")
        found = world.cluster.get(StatefulSet, GROUP)
        assert found is not None
        assert (found.uid, controlled_by(found, other.uid)) == (theirs.uid, True)

    def test_what_gave_no_answer_twice_is_looked_at_again(self) -> None:
        """It exists on the create, is gone on the look: nobody's event would bring the next pass."""
        world = World()
        refused = iter([answer(409)])
        world.refuse = lambda kind, document: next(refused, None) if kind == "Service" else None
        world.settle(seconds=30.0)
        assert world.conditions == {c.AVAILABLE}


def test_a_leader_set_without_its_label_is_found_by_name() -> None:
    """No watch shows it; a pass that took the set for new would begin anew at partition 0."""
    world = World(replicas=4, partition=3)
    world.settle(seconds=20.0)
    leader_set = world.leader_set
    assert leader_set is not None
    labels = {k: v for k, v in leader_set.labels.items() if k != c.NAME_LABEL}
    world.cluster.put(replace(leader_set, metadata=replace(leader_set.metadata, labels=labels)))
    world.settle(seconds=5.0)
    found = world.leader_set
    assert found is not None
    assert found.labels[c.NAME_LABEL] == NAME
    assert found.spec.update_strategy.rolling_update.partition == 3
    assert not any(pod.deleting for pod in world.cluster.all(Pod))


TOPOLOGY = "example.com/rack"


class TestNodesThatMayNotBeRead:
    @staticmethod
    def may_not(world: World) -> None:
        children = world.wire.refuse

        def refuse(asked: Request) -> ApiError | None:
            nodes = asked.where is not None and asked.where.kind.kind == "Node"
            return answer(403, "no right to read nodes") if nodes else children(asked)

        world.wire.refuse = refuse

    def test_a_failed_group_is_recreated_all_the_same_and_its_workers_wait(self) -> None:
        world = World(metadata={"annotations": {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: TOPOLOGY}}, replicas=1)
        node = {"kind": "Node", "metadata": {"name": "a-node", "labels": {TOPOLOGY: "r1"}}, "spec": {}}
        world.cluster.create(node)
        world.settle(seconds=20.0)
        assert world.conditions == {c.AVAILABLE}
        leader, allowed = world.cluster.get(Pod, GROUP), world.wire.refuse
        assert leader is not None
        self.may_not(world)
        world.start()
        world.settle(seconds=20.0)
        assert world.conditions == {c.AVAILABLE}, "a group that is whole needs no node"
        world.cluster.restart(leader)
        world.settle(seconds=60.0)
        assert world.wire.deleted == [leader.uid]
        stalled = world.condition(c.STALLED)
        assert (stalled.status, stalled.reason) == ("True", c.REASON_NODE_MISSING)
        assert "no right to read nodes" in stalled.message
        world.wire.refuse = allowed
        world.settle(seconds=20.0)
        assert world.conditions == {c.AVAILABLE}


class TestPodsThatWereNotAdmitted:
    """Made while the webhook for pods was not registered, or edited since: what they lack is told."""

    @staticmethod
    def change_labels(world: World, name: str, **labels: str | None) -> Pod:
        pod = world.cluster.get(Pod, Key(NAMESPACE, name))
        assert pod is not None
        changed: dict[str, Any] = {**pod.labels, **{getattr(c, x): y for x, y in labels.items()}}
        kept = {x: y for x, y in changed.items() if y is not None}
        return world.cluster.put(replace(pod, metadata=replace(pod.metadata, labels=kept)))

    @pytest.mark.parametrize(
        ("name", "labels"),
        [
            (f"{NAME}-0", {"GROUP_INDEX_LABEL": None, "GROUP_KEY_LABEL": None}),
            (f"{NAME}-0", {"GROUP_KEY_LABEL": None}),
            (f"{NAME}-0", {"GROUP_INDEX_LABEL": "7"}),
            (f"{NAME}-0-1", {"WORKER_INDEX_LABEL": None}),
            (f"{NAME}-0-1", {"WORKER_INDEX_LABEL": "7"}),
        ],
    )
    def test_it_stalls_its_set_until_it_is_made_anew(self, name: str, labels: dict[str, str | None]) -> None:
        world = World(restart=c.RESTART_NONE)
        world.settle()
        before = world.cluster.all(StatefulSet)
        pod = self.change_labels(world, name, **labels)
        world.settle(seconds=3.0)
        stalled = world.condition(c.STALLED)
        assert (stalled.status, stalled.reason) == ("True", c.REASON_POD_NOT_ADMITTED)
        assert f"Pod {name} " in stalled.message
        assert c.AVAILABLE not in world.conditions
        assert [x.labels for x in world.cluster.all(StatefulSet)] == [x.labels for x in before]
        world.cluster.delete(pod, force=True)
        world.settle(seconds=3.0)
        assert world.conditions == {c.AVAILABLE}

    def test_no_workers_are_made_for_a_leader_that_does_not_know_its_group(self) -> None:
        world = World(replicas=1, startup=c.STARTUP_LEADER_READY)
        world.refuse = named(GROUP.name)
        world.settle(seconds=1.0)
        self.change_labels(world, GROUP.name, GROUP_INDEX_LABEL=None)
        world.refuse = of_kind()
        world.settle(seconds=LONGEST)
        assert world.cluster.get(StatefulSet, GROUP) is None


def test_what_was_refused_long_ago_is_forgotten() -> None:
    clock = FakeClock()
    memory = RefusalMemory(clock)
    memory.note("Service", KEY, {}, answer(403))
    clock.advance(2 * LONGEST)
    assert not memory._objects
    assert not memory._waiting
