"""Whether the caches of a process are as new as the server was when it began with a set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace
from support.apimodel.answers import Request
from support.child_world import GROUP
from support.child_world import World as ChildWorld
from support.groups import NAME, a_set
from support.in_place_world import in_place_set, pods_of
from support.stepwise.caches import SteppedInformer, stepped_informers

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import StatefulSet
from lws.controllers.catchingup import CatchingUp
from lws.controllers.firstlook import of_sets
from lws.kube.client import Client
from lws.kube.errors import Forbidden
from lws.objects import Key, KubeObject


class World:
    """A set with one group, and the caches of a process whose first lists are of that time."""

    def __init__(self, lws: LeaderWorkerSet) -> None:
        world = ChildWorld(lws=lws)
        world.settle(seconds=10.0)
        self.cluster, self.wire = world.cluster, world.wire
        self.lws, self.workers = world.set, self.find(StatefulSet, GROUP)
        self.version, self.key = self.cluster.version, world.set.key
        self.informers = stepped_informers(self.cluster.server)
        connection: Any = self.wire
        self.caches = CatchingUp(self.informers.sets, of_sets(self.informers, Client(connection)))

    def find(self, kind: type[Any], key: Key) -> Any:
        found = self.cluster.get(kind, key)
        assert found is not None
        return found

    @property
    def stepped(self) -> list[SteppedInformer[Any]]:
        return [*self.informers]  # type: ignore[list-item]

    def list(self) -> None:
        for informer in self.stepped:
            informer.list(behind=self.cluster.version - self.version)

    def annotate(self, obj: KubeObject, **annotations: str) -> None:
        """Somebody writes to it."""
        noted = {**obj.annotations, **annotations}
        self.cluster.put(replace(obj, metadata=replace(obj.metadata, annotations=noted)))

    def behind(self) -> bool:
        return self.caches.behind(self.key)


def in_place() -> LeaderWorkerSet:
    return in_place_set(replicas=1, template=pods_of("a", "a"))


def test_caches_that_are_as_new_are_asked_for_once() -> None:
    world = World(a_set(replicas=1))
    world.list()
    assert not world.behind()
    some = len(world.wire.asked)
    world.annotate(world.lws, a="b")
    assert not world.behind()
    assert len(world.wire.asked) == some


def test_a_set_of_before_an_edit_is_waited_for() -> None:
    world = World(a_set(replicas=1))
    world.annotate(world.lws, a="b")
    world.list()
    assert world.behind()
    assert not world.caches.known(world.lws.key)
    world.stepped[0].deliver()
    assert not world.behind()
    assert world.caches.known(world.lws.key)


def test_of_sets_that_are_updated_in_place_or_surge_the_groups_count_too() -> None:
    for lws, late in ((a_set(replicas=1), False), (in_place(), True), (a_set(replicas=1, max_surge=1), True)):
        world = World(lws)
        world.annotate(world.workers, a="b")
        world.list()
        assert world.behind() is late


def test_what_was_marked_counts_without_the_field() -> None:
    """A set that has gone back to recreating may still have a group under way."""
    world = World(a_set(replicas=1))
    world.annotate(world.workers, **{c.IN_PLACE_ANNOTATION: '{"to":"x"}'})
    world.version = world.cluster.version
    world.annotate(world.find(StatefulSet, GROUP), a="b")
    world.list()
    assert world.behind()


def test_what_went_meanwhile_is_not_waited_for_for_ever() -> None:
    """The caches may never show what the server showed: it is asked again."""
    world = World(in_place())
    document = world.cluster.document(StatefulSet, GROUP)
    labels = {**document["metadata"]["labels"], c.GROUP_INDEX_LABEL: "1"}
    metadata = {"name": f"{NAME}-1", "namespace": GROUP.namespace, "labels": labels}
    made = world.cluster.create({**document, "metadata": metadata})
    world.list()
    assert world.behind()
    world.cluster.delete(made)
    assert not world.behind()


def test_a_set_that_is_gone_is_forgotten() -> None:
    world = World(a_set(replicas=1))
    world.list()
    assert not world.behind()
    world.caches.forget(world.lws.key)
    assert not world.caches.known(world.lws.key)
    assert not world.caches.behind(Key("default", "none"))


def test_a_set_that_is_gone_costs_its_groups_nothing() -> None:
    """The garbage collector takes them after it; nothing is read for them, and nothing stays."""
    world = World(a_set(replicas=1))
    world.list()
    assert not world.behind()
    world.cluster.delete(world.lws, force=True)
    for informer in world.stepped:
        informer.list(behind=0)
    world.caches.forget(world.key)
    world.wire.accepted.clear()
    assert not world.behind()
    assert world.wire.accepted == []
    assert not world.caches.known(world.key)


def test_of_a_set_that_went_before_the_look_nothing_is_decided() -> None:
    """Its watch tells that it is gone, or that another has its name."""
    world = World(a_set(replicas=1))
    world.list()
    world.cluster.delete(world.lws, force=True)
    for _ in range(2):
        assert world.behind()
    world.list()
    while world.stepped[0].pending:
        world.stepped[0].deliver()
    assert not world.behind()
    assert not world.caches.known(world.key)


def another(world: World, name: str) -> Key:
    """One more set."""
    return world.cluster.create(a_set(replicas=1, metadata={"name": name, "uid": name})).key


def surveys(asked: Sequence[Request]) -> list[bool]:
    """Of each request, whether it was for all sets."""
    return [x.where is not None and not x.where.name for x in asked]


def test_one_survey_does_for_all_sets_that_the_cache_shows_as_they_are() -> None:
    """And for those that are made, or change, after it."""
    world = World(a_set(replicas=1))
    other = another(world, "other")
    world.version = world.cluster.version
    world.list()
    world.wire.asked.clear()
    assert not world.behind()
    assert not world.caches.behind(other)
    made = another(world, "made")
    world.stepped[0].deliver()
    assert not world.caches.behind(made)
    assert surveys(world.wire.asked) == [True]


def test_a_set_that_the_cache_showed_older_than_the_survey_is_read() -> None:
    """The watch was late then; that it has caught up since only the set itself can tell."""
    world = World(a_set(replicas=1))
    other = another(world, "other")
    world.annotate(world.lws, a="b")
    world.version = world.cluster.version - 1
    world.list()
    assert not world.caches.behind(other)
    world.stepped[0].deliver()
    world.wire.asked.clear()
    assert not world.behind()
    assert surveys(world.wire.asked) == [False]


def test_a_survey_that_fails_is_asked_for_again() -> None:
    world = World(a_set(replicas=1))
    world.list()
    world.wire.refuse = lambda asked: Forbidden(403) if surveys([asked]) == [True] else None
    for _ in range(2):
        with pytest.raises(Forbidden):
            world.behind()
    world.wire.refuse = lambda asked: None
    assert not world.behind()


def test_a_set_is_read_while_the_survey_is_on_its_way() -> None:
    """Nobody waits for another thread."""
    world = World(a_set(replicas=1))
    world.list()
    world.wire.asked.clear()
    found: list[bool] = []

    def meanwhile() -> None:
        world.wire.strike = lambda: None
        found.append(world.behind())

    world.wire.strike = meanwhile
    assert not world.behind()
    assert found == [False]
    assert surveys(world.wire.asked) == [True, False]
