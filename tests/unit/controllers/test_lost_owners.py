"""Children that lost their owner reference get it back where they are ours, and are left alone where not."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.child_world import GROUP, KEY, World

from lws.api import constants as c
from lws.api.workloads import (
    ControllerRevision,
    Pod,
    RevisionOfTemplate,
    Service,
    ServiceSpec,
    StatefulSet,
    TemplateMeta,
)
from lws.objects import Key, KubeObject, ObjectMeta, OwnerReference, controlled_by, controller_of

OTHER_REVISION = TemplateMeta(RevisionOfTemplate("another"))


def at_rest(maker: str = c.FIELD_MANAGER, **members: Any) -> World:
    world = World(**members)
    world.settle(seconds=20.0)
    assert world.conditions == {c.AVAILABLE}
    if maker != c.FIELD_MANAGER:
        world.made_by(StatefulSet, GROUP, maker)
    world.sent.clear()
    return world


def child(world: World, kind: type[Any], key: Key) -> Any:
    found = world.cluster.get(kind, key)
    assert found is not None
    return found


def the_revision(world: World) -> Key:
    [revision] = world.revisions
    return revision.key


def orphaned(obj: Any) -> Any:
    return replace(obj, metadata=replace(obj.metadata, owner_references=()))


def orphan(world: World, kind: type[Any], key: Key) -> KubeObject:
    """Somebody takes its owner away, and nothing else of it."""
    world.cluster.put(orphaned(child(world, kind, key)))
    world.settle(seconds=40.0)
    found: KubeObject = child(world, kind, key)
    return found


@pytest.mark.parametrize(
    ("kind", "of_leader", "members"),
    [
        pytest.param(StatefulSet, False, {}, id="leader-set"),
        pytest.param(StatefulSet, True, {}, id="worker-set"),
        pytest.param(Service, False, {}, id="service"),
        pytest.param(Service, True, {"subdomain": c.SUBDOMAIN_UNIQUE}, id="service-of-a-group"),
        pytest.param(ControllerRevision, False, {}, id="revision"),
    ],
)
def test_what_is_ours_gets_its_owner_back(kind: type[Any], of_leader: bool, members: dict[str, Any]) -> None:
    world = at_rest(**members)
    pods = {x.uid for x in world.cluster.all(Pod)}
    key = the_revision(world) if kind is ControllerRevision else GROUP if of_leader else KEY
    before = child(world, kind, key)
    found = orphan(world, kind, key)
    owner: KubeObject = child(world, Pod, GROUP) if of_leader else world.set
    assert (found.uid, controlled_by(found, owner.uid)) == (before.uid, True)
    reference = controller_of(found)
    assert reference is not None
    assert reference.block_owner_deletion
    assert {x.uid for x in world.cluster.all(Pod)} == pods
    assert world.conditions == {c.AVAILABLE}
    assert len(world.sent) == 1, world.sent


def test_also_where_somebody_else_owns_what_we_once_set() -> None:
    """A Service's selector is one field, and whoever edits it has it from then on."""
    world = at_rest()
    service = child(world, Service, KEY)
    spec = replace(service.spec, selector={"app": "meddled"})
    world.cluster.put(replace(orphaned(service), spec=spec))
    world.settle(seconds=40.0)
    found = child(world, Service, KEY)
    assert controlled_by(found, world.set.uid)
    assert found.spec.selector == service.spec.selector


def test_also_where_another_controller_made_it_and_we_took_it_over() -> None:
    """The role was written on it while it had its owner, and by us."""
    world = at_rest("manager")
    workers = child(world, StatefulSet, GROUP)
    labels = {x: y for x, y in workers.labels.items() if x != c.ROLE_LABEL}
    world.cluster.plant(workers, metadata={"labels": labels})
    world.settle(seconds=40.0)
    assert child(world, StatefulSet, GROUP).labels[c.ROLE_LABEL] == "worker"
    assert controlled_by(orphan(world, StatefulSet, GROUP), child(world, Pod, GROUP).uid)


def test_references_to_others_stay() -> None:
    world = at_rest()
    somebody = {"kind": "Service", "metadata": {"name": "somebody", "namespace": KEY.namespace}, "spec": {}}
    other = OwnerReference("v1", "Service", "somebody", world.cluster.create(somebody).uid)
    workers = child(world, StatefulSet, GROUP)
    world.cluster.put(replace(workers, metadata=replace(workers.metadata, owner_references=(other,))))
    world.settle(seconds=40.0)
    found = child(world, StatefulSet, GROUP)
    assert found.metadata.owner_references[0] == other
    assert controlled_by(found, child(world, Pod, GROUP).uid)


@pytest.mark.parametrize("strange", ["maker", "older", "labels", "revision"])
def test_a_worker_set_that_may_be_anybodys_is_told_and_left_alone(strange: str) -> None:
    """Upstream's controller may have made it, or a restore of a backup; or it is a former leader's."""
    world = at_rest("velero" if strange == "maker" else c.FIELD_MANAGER)
    workers = child(world, StatefulSet, GROUP)
    world.cluster.plant(workers, metadata={"creationTimestamp": "2026-01-01T00:00:00Z"})
    if strange == "older":
        leader = child(world, Pod, GROUP)
        world.cluster.plant(leader, metadata={"creationTimestamp": "2026-01-02T00:00:00Z"})
    if strange == "labels":
        labels = {**workers.labels, c.GROUP_INDEX_LABEL: "7"}
        world.cluster.plant(workers, metadata={"labels": labels})
    if strange == "revision":
        template = replace(workers.spec.template, metadata=OTHER_REVISION)
        world.cluster.put(replace(workers, spec=replace(workers.spec, template=template)))
    found = orphan(world, StatefulSet, GROUP)
    assert controller_of(found) is None
    stalled = world.condition(c.STALLED)
    assert (stalled.status, stalled.reason) == ("True", "NameTaken")
    assert stalled.message == (
        f"group 0: StatefulSet {GROUP.name} exists and is not this group's: it has no owner"
    )


def test_a_service_made_beforehand_stays_its_users() -> None:
    world = World()
    world.maker = "kubectl-create"
    labels = {c.NAME_LABEL: KEY.name}
    metadata = ObjectMeta(name=KEY.name, namespace=KEY.namespace, labels=labels)
    theirs = world.cluster.create(Service(metadata=metadata, spec=ServiceSpec("None", labels, True)))
    world.settle(seconds=60.0)
    assert world.cluster.get(Service, KEY) == theirs
    assert world.conditions == {c.AVAILABLE}


def test_who_made_it_is_asked_once() -> None:
    world = at_rest("velero")
    looks = len(world.wire.asked)
    orphan(world, StatefulSet, GROUP)
    world.settle(seconds=200.0)
    reads = [x for x in world.wire.asked[looks:] if x.method == "GET"]
    assert [x.where.name for x in reads if x.where] == [GROUP.name]
