"""A process that starts with lists of different ages: what it cannot know yet, it does not decide."""

from __future__ import annotations

from msgspec.structs import replace
from support.child_world import World

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision, StatefulSet
from lws.controllers.catchingup import RETRY


def with_image(lws: LeaderWorkerSet) -> LeaderWorkerSet:
    template = {"spec": {"containers": [{"name": "leader", "image": "another"}]}}
    whole = replace(lws.spec.leader_worker_template, leader_template=template)
    return replace(lws, spec=replace(lws.spec, leader_worker_template=whole))


def test_a_key_whose_revision_has_served_is_not_taken_for_an_older_controllers() -> None:
    """The StatefulSet is seen as it was before a roll; the revision that it carried then has gone since."""
    world = World(replicas=0)
    world.settle(seconds=5.0)
    before = world.cluster.version
    world.edit(with_image)
    world.settle(seconds=5.0)
    [revision] = world.revisions
    since = world.cluster.version - before
    world.start(lambda kind: since if kind is StatefulSet else 0)
    world.process.reconcile(world.process.sets, world.set.key)
    assert world.revisions == [revision]
    world.settle(seconds=5.0)
    assert world.revisions == [revision]
    assert world.leader_set is not None
    assert world.leader_set.labels[c.REVISION_LABEL] == revision.labels[c.REVISION_LABEL]


def test_a_revision_that_the_cache_does_not_show_yet_is_not_made_from_a_set_that_is_older_still() -> None:
    """The StatefulSet is seen as after an edit, the set and its revisions as before it."""
    world = World(replicas=1)
    world.settle(seconds=5.0)
    before = world.cluster.version
    world.edit(with_image)
    world.settle(seconds=0.2)
    revisions, since = world.revisions, world.cluster.version - before
    assert len(revisions) == 2
    world.start(lambda kind: since if kind in (LeaderWorkerSet, ControllerRevision) else 0)
    result = world.process.reconcile(world.process.sets, world.set.key)
    assert world.revisions == revisions
    assert result.requeue_after == RETRY


def test_of_a_set_whose_end_was_not_heard_of_nothing_is_made_again() -> None:
    """What it had is collected, and is seen to go before the set is."""
    world = World(replicas=1)
    world.settle(seconds=5.0)
    lws = world.set
    assert world.leader_set is not None
    world.cluster.delete(lws, force=True)
    world.cluster.delete(world.leader_set, force=True)
    for informer in world.process.watched(StatefulSet):
        while informer.pending:
            informer.deliver()
    world.process.reconcile(world.process.sets, lws.key)
    assert world.leader_set is None


def test_a_watch_that_catches_up_during_the_look_is_what_the_pass_goes_by() -> None:
    """The set was read from the cache before the server was asked whether the cache is new enough."""
    world = World(replicas=2)
    world.settle(seconds=5.0)
    before = world.cluster.version
    world.edit(lambda lws: replace(lws, spec=replace(lws.spec, replicas=1)))
    world.settle(seconds=5.0)
    since = world.cluster.version - before
    world.start(lambda kind: since if kind is LeaderWorkerSet else 0)

    def catch_up() -> None:
        for informer in world.process.watched(LeaderWorkerSet):
            while informer.pending:
                informer.deliver()

    world.wire.strike = catch_up
    world.process.reconcile(world.process.sets, world.set.key)
    assert world.leader_set is not None
    assert world.leader_set.spec.replicas == 1
