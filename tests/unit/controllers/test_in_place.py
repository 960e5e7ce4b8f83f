"""What becomes of groups that are updated in place when things go wrong (beyond.md, 1.4 and 1.5)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace
from support.apimodel.nodes import BAD
from support.in_place_world import Life, pods_of
from support.stepwise.cluster import where_of

from lws.api import constants as c
from lws.api.workloads import Pod, StatefulSet
from lws.kube.errors import Invalid
from lws.planning.inplace.marks import mark_on

OLD, NEW = pods_of("a", "a", "a"), pods_of("b", "b", "a")
SHAPE: dict[str, Any] = {"replicas": 3, "size": 3}


def life(**spec: Any) -> Life:
    return Life(**({"seed": 1, "template": OLD} | SHAPE | spec))


def group(world: Life, index: int) -> set[str]:
    return {x.uid for x in world.pods if x.labels[c.GROUP_INDEX_LABEL] == str(index)}


def pod(world: Life, name: str) -> Pod:
    return next(x for x in world.pods if x.name == f"test-sample-{name}")


def reasons(world: Life, reason: str) -> list[str]:
    assert world.process is not None
    return [x["note"] for x in world.process.recorder.events if x["reason"] == reason]


def test_a_group_takes_few_writes() -> None:
    """beyond.md, 1.5.20: two to its StatefulSet, one to each pod, and none to a pod's status."""
    world = life()
    world.wire.accepted.clear()
    world.edit(**SHAPE, template=NEW)
    world.settle()
    world.assert_whole()
    kinds = Counter((name, "template" in patch.get("spec", {})) for name, patch in world.wire.patched)
    assert {kinds[f"test-sample-{i}", True] for i in range(3)} == {1}
    assert {kinds[f"test-sample-{i}", False] for i in range(3)} == {
        2
    }  # the leader; its StatefulSet is settled
    assert {kinds[f"test-sample-{i}-{j}", False] for i in range(3) for j in (1, 2)} == {1}
    assert len(reasons(world, c.REASON_UPDATED_IN_PLACE)) == 3


def test_without_the_field_nothing_is_marked() -> None:
    """beyond.md, 1.5.2: no patch at all, and every pod is another one."""
    world = life(policy=c.POD_UPDATE_RECREATE)
    before = set(world.uids())
    world.wire.accepted.clear()
    world.edit(**SHAPE, template=NEW, policy=c.POD_UPDATE_RECREATE)
    world.settle()
    world.assert_whole()
    assert not before & set(world.uids())
    assert world.wire.patched == []


def test_at_the_deadline_one_group_is_recreated() -> None:
    """beyond.md, 1.5.8: it comes back with the bad image, the others stay, and the roll stands."""
    world = life()
    before = {i: group(world, i) for i in range(3)}
    world.edit(**SHAPE, template=pods_of(BAD, "a", "a"))
    world.settle()
    assert (group(world, 0), group(world, 1)) == (before[0], before[1])
    assert not group(world, 2) & before[2]
    assert len(reasons(world, c.REASON_IN_PLACE_FALLBACK)) == 1
    after = group(world, 2)
    world.edit(**SHAPE, template=NEW)
    world.settle()
    world.assert_whole()
    assert group(world, 2) == after


def test_the_former_image_heals_a_group_before_the_deadline() -> None:
    world = life()
    before = world.uids()
    world.edit(**SHAPE, template=pods_of(BAD, "a", "a"))
    while not any(world.waits(x) for x in world.pods):
        assert world.step()
    world.edit(**SHAPE, template=OLD)
    world.settle()
    world.assert_whole()
    assert world.uids() == before


@pytest.mark.parametrize("size", [1, 3])
def test_a_crash_counts_after_an_update_and_not_in_it(size: int) -> None:
    """beyond.md, 1.5.9: exactly one recreation, of that group."""
    shape = SHAPE | {"size": size}
    world = life(**shape)
    before = world.uids()
    world.edit(**shape, template=NEW)
    while not (changed := [x for x in world.pods if x.restarts]):
        assert world.step()
    world.cluster.restart(changed[0])
    world.settle()
    world.assert_whole()
    assert world.uids() == before
    kept = group(world, 0) | group(world, 1)
    old = group(world, 2)
    world.cluster.restart(pod(world, "2"))
    world.settle()
    world.assert_whole()
    assert (group(world, 0) | group(world, 1), group(world, 2) & old) == (kept, set())
    assert len(reasons(world, c.REASON_RECREATE_GROUP)) == 1


def test_a_process_that_starts_later_takes_no_restart_of_an_update_for_a_failure() -> None:
    world = life()
    before = world.uids()
    world.edit(**SHAPE, template=NEW)
    world.settle()
    lws = world.lws
    world.cluster.put(replace(lws, status=replace(lws.status, groups={})))
    world.start()
    world.settle()
    world.assert_whole()
    assert world.uids() == before
    assert {x.restart_counts for x in world.lws.status.groups.values()} == {"0=1,1=1,2=1"}


@pytest.mark.parametrize("restart", [c.RESTART_NONE, c.RESTART_RECREATE_GROUP])
def test_a_worker_that_goes_meanwhile(restart: str) -> None:
    """beyond.md, 1.5.12 and 1.5.16: its group goes once, or the worker comes again from the new template."""
    shape = SHAPE | {"restart": restart}
    world = life(**shape)
    before = {i: group(world, i) for i in range(3)}
    world.edit(**shape, template=NEW)
    while pod(world, "2-1").labels[c.REVISION_LABEL] == pod(world, "1-1").labels[c.REVISION_LABEL]:
        assert world.step()
    world.cluster.delete(pod(world, "2-1"), force=True)
    world.settle()
    world.assert_whole()
    kept = {i: len(group(world, i) & before[i]) for i in range(3)}
    assert kept == {0: 3, 1: 3, 2: 2 if restart == c.RESTART_NONE else 0}
    torn_down = [uid for uid in world.wire.deleted if uid in before[2]]
    assert len(torn_down) <= 1


@pytest.mark.parametrize("seed", range(6))
def test_a_statefulset_controller_that_is_late_by_rolls_and_their_undoing_replaces_nothing(seed: int) -> None:
    """It hears of labels when nothing else can happen, and of those in between when it may act on them."""
    shape = SHAPE | {"max_unavailable": 2, "restart": c.RESTART_NONE}
    world = Life(seed, late=True, template=OLD, **shape)
    before = world.uids()
    for template in (NEW, pods_of("c", "c", "a"), NEW, OLD):
        world.edit(**shape, template=template)
        world.go_on(40)
    world.settle()
    world.assert_whole()
    assert (world.uids(), world.deleted_by_sets) == (before, [])


def test_what_was_wanted_in_between_is_remembered_until_it_is_started() -> None:
    """A late kubelet may start it yet, and report it with the generation of the last change."""
    world = life()
    world.edit(**SHAPE, template=NEW)
    world.cluster.nodes.away = True
    while pod(world, "2").spec.containers[0].image != "b":
        assert world.step()
    world.edit(**SHAPE, template=OLD)
    while pod(world, "2").spec.containers[0].image != "a":
        assert world.step()
    mark = mark_on(pod(world, "2"))
    assert mark is not None
    assert (mark.ran, mark.passed) == ({"c0": "a"}, {"c0": ["b"]})
    world.cluster.nodes.away = False
    before = world.uids()
    world.settle()
    world.assert_whole()
    assert world.uids() == before


def test_a_group_that_falls_back_out_of_order_is_woken_and_asks_for_nothing_until_then() -> None:
    """Group 2 holds the partition: what waits for that is looked at again when it moves, or at a deadline."""
    shape = SHAPE | {"max_unavailable": 2}
    world = life(**shape)
    before = {i: group(world, i) for i in range(3)}
    world.edit(**shape, template=NEW)
    while pod(world, "1").labels[c.REVISION_LABEL] == pod(world, "0").labels[c.REVISION_LABEL]:
        assert world.step()
    world.cluster.nodes.away = True
    world.cluster.delete(pod(world, "1-1"), force=True)
    assert world.process is not None
    began = world.clock.monotonic()
    while world.cluster.moves() or world.process.deliveries() or world.process.reconciles():
        assert world.step()
    while (due := world.process.next()) is not None and due < began + 500:
        assert world.step()
    told = world.clock.monotonic() - began  # that pods do not end, after a minute
    assert (due is None, told < 90) == (False, True)
    assert len(reasons(world, c.REASON_IN_PLACE_FALLBACK)) == 1
    world.cluster.nodes.away = False
    world.settle()
    world.assert_whole()
    assert {i: bool(group(world, i) & before[i]) for i in range(3)} == {0: True, 1: False, 2: True}


def test_a_pod_that_somebody_changed_has_its_group_recreated() -> None:
    """beyond.md, 1.5.18: that one, and the others stay."""
    shape = SHAPE | {"restart": c.RESTART_NONE}
    world = life(**shape)
    before = {i: group(world, i) for i in range(3)}
    one = pod(world, "1-2")
    mine = {"spec": {"containers": [{"name": "c0", "image": "mine"}]}}
    world.cluster.server.patch(where_of(Pod, one.key), mine, "user", strategic=True)
    world.edit(**shape, template=NEW)
    world.settle()
    world.assert_whole()
    assert {i: len(group(world, i) & before[i]) for i in range(3)} == {0: 3, 1: 0, 2: 3}
    [note] = reasons(world, c.REASON_IN_PLACE_FALLBACK)
    assert "the image of container c0 of pod test-sample-1-2 is not its template's" in note


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("restart", [c.RESTART_NONE, c.RESTART_RECREATE_GROUP])
def test_a_pod_that_somebody_changes_meanwhile_has_its_group_recreated(restart: str, size: int) -> None:
    """Its restarts are excused, so nothing else would ever put right what it runs."""
    shape = SHAPE | {"restart": restart, "size": size}
    world = life(**shape)
    before = {i: group(world, i) for i in range(3)}
    world.edit(**shape, template=NEW)
    while pod(world, "2").spec.containers[0].image != "b":
        assert world.step()
    mine = {"spec": {"containers": [{"name": "c0", "image": "mine"}]}}
    world.cluster.server.patch(where_of(Pod, pod(world, "2").key), mine, "user", strategic=True)
    world.settle()
    world.assert_whole()
    assert {x.spec.containers[0].image for x in world.pods} == {"b"}
    assert {i: len(group(world, i) & before[i]) for i in range(3)} == {0: size, 1: size, 2: 0}
    [note] = reasons(world, c.REASON_IN_PLACE_FALLBACK)
    assert "the image of container c0 of pod test-sample-2 is not its template's" in note


@pytest.mark.parametrize("seed", range(4))
def test_a_worker_that_somebody_cuts_loose_meanwhile_is_waited_for(seed: int) -> None:
    """Its StatefulSet takes it back at once; no pod was replaced, so no group is recreated."""
    world = life(seed=seed)
    before = world.uids()
    world.edit(**SHAPE, template=NEW)
    while pod(world, "2").spec.containers[0].image != "b":
        assert world.step()
    loose = {"metadata": {"ownerReferences": None}}
    world.cluster.server.patch(where_of(Pod, pod(world, "2-1").key), loose, "user")
    world.settle()
    world.assert_whole()
    assert world.uids() == before


def test_what_the_server_refuses_is_done_anew() -> None:
    """Each group once, and the server's words are told."""
    world = life()
    before = set(world.uids())
    world.wire.refuse = lambda asked: (
        Invalid(422, message="denied by policy")
        if asked.method == "PATCH" and asked.where is not None and asked.where.kind.kind == "Pod"
        else None
    )
    world.edit(**SHAPE, template=NEW)
    world.settle()
    world.assert_whole()
    assert not before & set(world.uids())
    notes = reasons(world, c.REASON_IN_PLACE_FALLBACK)
    assert len(notes) == 3
    assert all("denied by policy" in x for x in notes)


def test_what_differs_otherwise_is_done_anew_with_one_event() -> None:
    """beyond.md, 1.5.5 and 1.5.6."""
    world = life()
    before = set(world.uids())
    world.edit(**SHAPE, template=pods_of("b", "b", "a", env="1"))
    world.settle()
    world.assert_whole()
    assert not before & set(world.uids())
    [note] = reasons(world, c.REASON_IN_PLACE_FALLBACK)
    assert "spec.leaderWorkerTemplate.leaderTemplate.spec.containers[0].env differs" in note


def test_groups_below_the_partition_stay_as_they_are() -> None:
    """beyond.md, 1.5.13."""
    world = life(partition=2)
    before, templates = world.uids(), [x.controller_revision for x in world.pods]
    world.edit(**SHAPE, template=NEW, partition=2)
    world.settle()
    images = [x.spec.containers[0].image for x in world.pods]
    assert images == ["a"] * 6 + ["b"] * 3
    assert [x.controller_revision for x in world.pods[:6]] == templates[:6]
    world.edit(**SHAPE, template=NEW)
    world.settle()
    world.assert_whole()
    assert world.uids() == before


def test_surge_groups_come_from_the_new_template() -> None:
    shape = SHAPE | {"max_unavailable": 0, "max_surge": 1}
    world = life(**shape)
    before = world.uids()
    world.edit(**shape, template=NEW)
    world.settle()
    world.assert_whole()
    assert world.uids() == before


def test_a_mark_that_somebody_took_away_is_put_back() -> None:
    world = life()
    before = world.uids()
    world.edit(**SHAPE, template=NEW)

    def on_delete() -> list[StatefulSet]:
        return [x for x in world.cluster.all(StatefulSet) if x.spec.update_strategy.type == c.ON_DELETE]

    while not (found := on_delete()):
        assert world.step()
    metadata = replace(found[0].metadata, annotations={})
    world.cluster.put(replace(found[0], metadata=metadata))
    world.settle()
    world.assert_whole()
    assert world.uids() == before


def test_a_roll_that_goes_back_to_recreating_finishes_what_it_began() -> None:
    world = life()
    before = {i: group(world, i) for i in range(3)}
    world.edit(**SHAPE, template=NEW)
    while not any(c.IN_PLACE_ANNOTATION in x.annotations for x in world.pods):
        assert world.step()
    world.edit(**SHAPE, template=NEW, policy=c.POD_UPDATE_RECREATE)
    world.settle()
    world.assert_whole()
    assert {i: bool(group(world, i) & before[i]) for i in range(3)} == {0: False, 1: False, 2: True}


def test_a_group_that_is_down_is_healed_first() -> None:
    """It costs nothing, and would else hold the budget for ever."""
    world = life()
    before = world.uids()
    one = pod(world, "0")
    world.cluster.put(replace(one, status=replace(one.status, conditions=())))
    world.edit(**SHAPE, template=NEW)
    world.settle()
    world.assert_whole()
    assert world.uids() == before


@pytest.mark.parametrize("size", [1, 3])
def test_what_is_taken_back_before_a_kubelet_saw_it_is_done(size: int) -> None:
    """A node is away while a template comes and goes: its containers run what they should, and never restart.
    By way of other images, too.
    """
    shape = {"replicas": 1, "size": size}
    first, other, third = (pods_of(x, x, "a") for x in "abc")
    world = life(**shape, template=first)
    before, began = world.uids(), world.clock.monotonic()
    runs = [dict(world.runs(x)) for x in world.pods]
    world.cluster.nodes.away = True
    for template, image in ((other, "b"), (third, "c"), (first, "a")):
        world.edit(**shape, template=template)
        while {x.spec.containers[0].image for x in world.pods} != {image}:
            world.step()
    world.cluster.nodes.away = False
    world.settle()
    world.assert_whole()
    assert world.uids() == before
    assert [world.runs(x) for x in world.pods] == runs
    assert sum(x.restarts for x in world.pods) == 0
    assert world.clock.monotonic() - began < 120


@pytest.mark.parametrize("seed", range(6))
def test_both_ways_share_the_budget(seed: int) -> None:
    """A canary that cannot be changed in place goes anew, the others do not, and no two are down at once."""
    world = life(partition=2, seed=seed)
    world.edit(**SHAPE, template=pods_of("a", "a", "a", env="1"), partition=2)
    world.settle()
    before = {i: group(world, i) for i in range(3)}
    world.edit(**SHAPE, template=NEW)
    world.settle()
    world.assert_whole()
    assert {i: len(group(world, i) & before[i]) for i in range(3)} == {0: 3, 1: 3, 2: 0}
    assert world.most_down == 1


def test_the_statefulset_controller_may_see_labels_late() -> None:
    """beyond.md, 1.5.11: its watch of pods is behind that of StatefulSets."""
    world = life(late=True)
    before = world.uids()
    world.edit(**SHAPE, template=NEW)
    world.settle()
    world.assert_whole()
    assert (world.uids(), world.deleted_by_sets) == (before, [])


@pytest.mark.parametrize("size", [1, 2])
def test_a_roll_that_is_taken_back_before_any_kubelet_has_seen_it_ends(size: int) -> None:
    """The update of the first group is settled when its set was told of the last pod long ago."""
    shape: dict[str, Any] = {"replicas": 3, "size": size}
    world = Life(1, **shape, template=pods_of("a", "a"))
    world.cluster.nodes.away = True
    began = world.clock.monotonic()

    def pass_time(seconds: float) -> None:
        while world.moves() or (world.next() or began + seconds) < began + seconds:
            world.step()

    world.edit(**shape, template=pods_of("b", "a"))
    pass_time(8)
    world.edit(**shape, template=pods_of("a", "a"))
    pass_time(30)
    world.cluster.nodes.away = False
    world.settle()
    world.assert_whole()
    world.assert_at_rest()
