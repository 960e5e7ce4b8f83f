"""Children that are there follow their set, and what somebody edited by hand is put back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from support.child_world import GROUP, KEY, World, answer
from support.groups import NAME, NAMESPACE
from support.stepwise.cluster import where_of

from lws.api import constants as c
from lws.api.leaderworkerset import RetentionPolicy
from lws.api.workloads import (
    Ordinals,
    Pod,
    PodTemplate,
    RevisionOfTemplate,
    Service,
    ServiceSpec,
    StatefulSet,
    TemplateMeta,
)
from lws.objects import Key

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
METADATA = {
    "labels": {"team": "red", "cost": "a"},
    "annotations": {"example.com/note": "one", LAST_APPLIED: "{}"},
}


def at_rest(**members: Any) -> World:
    world = World(metadata=METADATA, **members)
    world.settle(seconds=20.0)
    assert world.conditions == {c.AVAILABLE}
    world.sent.clear()
    return world


def child(world: World, kind: type[Any], key: Key = GROUP) -> Any:
    found = world.cluster.get(kind, key)
    assert found is not None
    return found


def pods(world: World) -> set[str]:
    return {x.uid for x in world.cluster.all(Pod) if not x.deleting}


def test_what_is_created_needs_no_second_write() -> None:
    world = World(metadata=METADATA)
    world.settle(seconds=20.0)
    assert world.wire.patched == []


class TestWorkerSets:
    def test_labels_and_annotations_follow_the_set_with_one_write_each(self) -> None:
        world = at_rest()
        before = pods(world)
        world.relabel({"team": "blue"}, {"example.com/note": "two"})
        world.settle(seconds=20.0)
        for index in range(2):
            labels = child(world, StatefulSet, Key(NAMESPACE, f"{NAME}-{index}")).labels
            assert (labels["team"], "cost" in labels) == ("blue", False)
            assert child(world, StatefulSet, Key(NAMESPACE, f"{NAME}-{index}")).annotations == {
                "example.com/note": "two"
            }
        assert sorted(world.sent) == [("StatefulSet", x) for x in (NAME, f"{NAME}-0", f"{NAME}-1")]
        assert pods(world) == before

    def test_a_key_that_somebody_else_put_there_stays(self) -> None:
        world = at_rest()
        workers = child(world, StatefulSet)
        world.cluster.put(
            replace(workers, metadata=replace(workers.metadata, labels={**workers.labels, "mine": "x"}))
        )
        world.settle(seconds=5.0)
        assert world.sent == []
        world.relabel({"team": "blue"})
        world.settle(seconds=20.0)
        labels = child(world, StatefulSet).labels
        assert (labels["mine"], labels["team"], "cost" in labels) == ("x", "blue", False)

    def test_a_key_that_became_somebody_elses_stays(self) -> None:
        world = at_rest()
        mine = {"metadata": {"name": GROUP.name, "namespace": NAMESPACE, "labels": {"cost": "a"}}}
        at = where_of(StatefulSet, GROUP)
        world.cluster.server.apply(at, {"kind": "StatefulSet", **mine}, "kubectl", force=True)
        world.relabel({"team": "red"})
        world.settle(seconds=20.0)
        assert child(world, StatefulSet).labels["cost"] == "a"

    @pytest.mark.parametrize(
        "edit",
        [
            pytest.param(lambda x: replace(x, spec=replace(x.spec, replicas=3)), id="scaled-up"),
            pytest.param(lambda x: replace(x, spec=replace(x.spec, replicas=0)), id="scaled-down"),
            pytest.param(lambda x: replace(x, spec=replace(x.spec, ordinals=Ordinals(0))), id="renumbered"),
            pytest.param(lambda x: _without(x, "team"), id="label-of-the-set"),
            pytest.param(lambda x: _without(x, c.NAME_LABEL), id="name-label"),
            pytest.param(lambda x: _without(x, c.GROUP_INDEX_LABEL), id="group-label"),
            pytest.param(lambda x: _without(x, c.ROLE_LABEL), id="upstreams-has-no-role"),
            pytest.param(lambda x: _without(x, c.REVISION_LABEL), id="revision-label"),
        ],
    )
    def test_what_was_edited_by_hand_is_put_back(self, edit: Callable[[StatefulSet], StatefulSet]) -> None:
        world = at_rest()
        wanted, before = child(world, StatefulSet), pods(world)
        world.cluster.put(edit(wanted))
        world.settle(seconds=20.0)
        found = child(world, StatefulSet)
        assert (found.labels, found.annotations, found.spec) == (
            wanted.labels,
            wanted.annotations,
            wanted.spec,
        )
        assert [name for name, _ in world.wire.patched] == [GROUP.name]
        assert pods(world) >= before

    def test_the_revision_that_it_was_made_from_is_not_rewritten(self) -> None:
        world = at_rest(restart=c.RESTART_NONE)
        workers = child(world, StatefulSet)
        labels = {**workers.labels, c.REVISION_LABEL: "former"}
        spec = replace(workers.spec, template=PodTemplate(TemplateMeta(RevisionOfTemplate("former"))))
        metadata = replace(workers.metadata, labels=labels)
        world.cluster.put(replace(workers, metadata=metadata, spec=spec))
        world.settle(seconds=2.0)
        assert ("StatefulSet", GROUP.name) not in world.sent

    def test_a_refused_label_is_told_and_leaves_the_set_available(self) -> None:
        world = at_rest()
        world.refuse = lambda kind, document: (
            answer(403) if document["metadata"]["name"] == GROUP.name else None
        )
        world.relabel({"team": "blue"})
        world.settle(seconds=4.0)
        assert world.conditions == {c.AVAILABLE, c.STALLED}
        assert world.condition(c.STALLED).message.startswith("group 0: The API server refuses StatefulSet")


def _without(workers: StatefulSet, label: str) -> StatefulSet:
    labels = {k: v for k, v in workers.labels.items() if k != label}
    return replace(workers, metadata=replace(workers.metadata, labels=labels))


class TestClaims:
    """What becomes of volumes is not left to an edit of one group's StatefulSet."""

    DELETED = RetentionPolicy("Delete", "Delete")

    @pytest.mark.parametrize(
        ("wanted", "stored"),
        [
            pytest.param(None, RetentionPolicy("Retain", "Retain"), id="default"),
            pytest.param(RetentionPolicy(None, "Delete"), RetentionPolicy("Retain", "Delete"), id="own"),
        ],
    )
    def test_their_retention_is_put_back(
        self, wanted: RetentionPolicy | None, stored: RetentionPolicy
    ) -> None:
        world = World()
        template = replace(
            world.set.spec.leader_worker_template, persistent_volume_claim_retention_policy=wanted
        )
        world.edit(lambda lws: replace(lws, spec=replace(lws.spec, leader_worker_template=template)))
        world.settle(seconds=20.0)
        before = pods(world)
        self._edit(world, self.DELETED)
        assert child(world, StatefulSet).spec.persistent_volume_claim_retention_policy == stored
        assert pods(world) == before
        world.sent.clear()
        self._edit(world, stored)
        assert world.sent == []

    def test_a_cluster_that_does_not_know_it_is_not_asked(self) -> None:
        world = at_rest()
        spec = world.cluster.document(StatefulSet, GROUP)["spec"]
        unknown = {x: y for x, y in spec.items() if x != "persistentVolumeClaimRetentionPolicy"}
        world.cluster.plant(child(world, StatefulSet), spec=unknown)
        world.settle(seconds=2.0)
        assert child(world, StatefulSet).spec.persistent_volume_claim_retention_policy is None
        assert world.sent == []

    @staticmethod
    def _edit(world: World, policy: RetentionPolicy) -> None:
        workers = child(world, StatefulSet)
        spec = replace(workers.spec, persistent_volume_claim_retention_policy=policy)
        world.cluster.put(replace(workers, spec=spec))
        world.settle(seconds=2.0)


class TestServices:
    SERVICES = pytest.mark.parametrize(
        ("members", "key", "selector"),
        [
            pytest.param({}, KEY, {c.NAME_LABEL: NAME}, id="shared"),
            pytest.param(
                {"subdomain": c.SUBDOMAIN_UNIQUE},
                GROUP,
                {c.NAME_LABEL: NAME, c.GROUP_INDEX_LABEL: "0"},
                id="of-a-group",
            ),
        ],
    )

    @SERVICES
    @pytest.mark.parametrize(
        "edited",
        [
            pytest.param(ServiceSpec("None", {"app": "x"}, True), id="selector"),
            pytest.param(ServiceSpec("None", {c.NAME_LABEL: NAME, "app": "x"}, True), id="selector-grew"),
            pytest.param(ServiceSpec("None", {}, True), id="selector-gone"),
            pytest.param(ServiceSpec("None", {c.NAME_LABEL: NAME}, False), id="ready-ones-only"),
        ],
    )
    def test_its_own_is_put_back(
        self, members: dict[str, Any], key: Key, selector: dict[str, str], edited: ServiceSpec
    ) -> None:
        world = at_rest(**members)
        world.cluster.put(replace(child(world, Service, key), spec=edited))
        world.settle(seconds=2.0)
        found = child(world, Service, key)
        assert found.spec == ServiceSpec("None", selector, True)
        assert world.sent == [("Service", key.name)]

    @SERVICES
    def test_an_external_name_is_made_headless_again(
        self, members: dict[str, Any], key: Key, selector: dict[str, str]
    ) -> None:
        world = at_rest(**members)
        edited = {"spec": {"type": "ExternalName", "externalName": "example.com"}}
        world.cluster.server.patch(where_of(Service, key), edited, "user")
        assert child(world, Service, key).spec.cluster_ip == ""
        world.settle(seconds=2.0)
        assert child(world, Service, key).spec == ServiceSpec("None", selector, True)
        assert world.sent == [("Service", key.name)]

    def test_one_that_lost_its_label_gets_it_back(self) -> None:
        """No watch shows it any more: it is found when it is to be made again."""
        world = at_rest()
        service = child(world, Service, KEY)
        world.cluster.put(replace(service, metadata=replace(service.metadata, labels={})))
        world.settle(seconds=2.0)
        assert child(world, Service, KEY).labels == {c.NAME_LABEL: NAME}

    def test_what_others_put_on_it_stays(self) -> None:
        world = at_rest()
        service = child(world, Service, KEY)
        labels = {**service.labels, "mine": "x"}
        world.cluster.put(replace(service, metadata=replace(service.metadata, labels=labels)))
        world.settle(seconds=2.0)
        assert world.sent == []
