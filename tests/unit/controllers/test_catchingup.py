"""Whether the caches of a process are as new as the server was when it began with a set."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.cluster_model import Cluster
from support.controller_model import TYPES, LaggingInformer, ModelClient
from support.groups import a_leader, a_set, a_worker_set, owner_of
from support.in_place_world import Life, pods_of

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import StatefulSet
from lws.controllers.catchingup import CatchingUp
from lws.controllers.informers import Informers
from lws.objects import Key


class World:
    """A set with one group, and caches whose first lists are as old as asked for."""

    def __init__(self, lws: LeaderWorkerSet) -> None:
        self.cluster = Cluster()
        self.lws = self.cluster.create(lws)
        leader = self.cluster.create(a_leader(0))
        self.workers = self.cluster.create(a_worker_set(leader, owner=owner_of(leader)))
        self.reads: list[str] = []
        client: Any = ModelClient(self.cluster, lambda: self.reads.append(""))
        self.version = self.cluster.version
        self.informers = Informers(*(LaggingInformer(self.cluster, x, self.version) for x in TYPES.values()))
        self.caches = CatchingUp(self.informers, client)

    def list(self) -> None:
        for informer in self.informers:
            informer.list()

    def behind(self) -> bool:
        return self.caches.behind(self.lws.key)


def in_place() -> LeaderWorkerSet:
    return Life._set(template=pods_of("a", "a"))


def test_caches_that_are_as_new_are_asked_for_once() -> None:
    world = World(a_set())
    world.list()
    assert not world.behind()
    some = len(world.reads)
    world.cluster.put(world.lws)
    assert not world.behind()
    assert len(world.reads) == some


def test_a_set_of_before_an_edit_is_waited_for() -> None:
    world = World(a_set())
    world.cluster.put(world.lws)
    world.list()
    assert world.behind()
    assert not world.caches.known(world.lws.key)
    world.informers.sets.deliver()  # type: ignore[attr-defined]
    assert not world.behind()
    assert world.caches.known(world.lws.key)


def test_of_sets_that_are_updated_in_place_the_groups_count_too() -> None:
    for lws, late in ((a_set(), False), (in_place(), True)):
        world = World(lws)
        world.cluster.put(world.workers)
        world.list()
        assert world.behind() is late


def test_what_was_marked_counts_without_the_field() -> None:
    """A set that has gone back to recreating may still have a group under way."""
    world = World(a_set())
    note = {c.IN_PLACE_ANNOTATION: '{"to":"x"}'}
    world.cluster.put(replace(world.workers, metadata=replace(world.workers.metadata, annotations=note)))
    for informer in world.informers:
        informer._version += 1  # type: ignore[attr-defined]
    world.cluster.put(world.cluster.all(StatefulSet)[0])
    world.list()
    assert world.behind()


def test_what_went_meanwhile_is_not_waited_for_for_ever() -> None:
    """The caches may never show what the server showed: it is asked again."""
    world = World(in_place())
    other = replace(world.workers, metadata=replace(world.workers.metadata, name="test-sample-1"))
    made = world.cluster.create(other)
    world.list()
    assert world.behind()
    world.cluster.delete(made, force=True)
    assert not world.behind()


def test_a_set_that_is_gone_is_forgotten() -> None:
    world = World(a_set())
    world.list()
    assert not world.behind()
    world.caches.forget(world.lws.key)
    assert not world.caches.known(world.lws.key)
    assert not world.caches.behind(Key("default", "none"))
