"""Gang scheduling through the controllers, with a provider that nothing but the registry knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from support.admission import a_leader_pod
from support.groups import a_leader, a_set

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision, Pod
from lws.controllers.gang import PATIENCE, Gang
from lws.controllers.indexes import (
    BY_GROUP,
    BY_SET,
    group_of_owned,
    group_of_pod,
    leader_set_of,
    revision_of,
    set_of,
)
from lws.controllers.informers import Informers
from lws.controllers.resources import LEADERWORKERSETS
from lws.controllers.wiring import Reconcilers, make_reconcilers
from lws.kube.client import Survey
from lws.kube.errors import Forbidden, NotFound
from lws.kube.resources import Resource
from lws.objects import Key, KubeObject, ObjectMeta, OwnerReference
from lws.planning import podgroups
from lws.planning.actions import Document
from lws.planning.documents import owned_by_pod
from lws.planning.podgroups import Membership
from lws.planning.revisions import Template, revision_document, template_of
from lws.runtime.clock import FakeClock
from lws.runtime.informers import Indexer
from lws.webhooks.pods import mutate_pod

BUNCHES = Resource("example.com", "v2", "bunches", "Bunch")


class Bunches:
    """A scheduler that finds members by a label and takes the name from a member of the pod's spec."""

    group, version, plural, kind = BUNCHES[:4]

    def membership(self, labels: Mapping[str, str]) -> Membership:
        name = f"bunch-{labels.get(c.GROUP_INDEX_LABEL)}"
        return Membership({"example.com/bunch": name}, {"example.com/note": "x"}, {"schedulerName": "bunchy"})

    def name_of(self, leader: Pod) -> str:
        return leader.labels.get("example.com/bunch", "")

    def document(self, lws: LeaderWorkerSet, leader: Pod, template: Template) -> Document:
        labels = {c.NAME_LABEL: lws.name}
        owners = [owned_by_pod(leader)]
        metadata = {"name": self.name_of(leader), "namespace": lws.namespace, "labels": labels}
        return {"metadata": metadata | {"ownerReferences": owners}, "spec": {"count": template.size}}


class Held(Indexer[Any]):
    """An informer without a watch: holds what it is given and what was written."""

    def __init__(self, *objects: KubeObject, **indexes: Any) -> None:
        super().__init__(indexes)
        self.handlers: list[Any] = []
        self.resource, self.type, self.has_synced = BUNCHES, KubeObject, True
        for obj in objects:
            self.put(obj)

    def observe_write(self, obj: KubeObject) -> None:
        self.put(obj)

    def add_handler(self, handler: Any) -> None:
        self.handlers.append(handler)

    def wait_for_sync(self, _timeout: float) -> bool:
        return self.has_synced

    def start(self) -> None: ...


class Creations:
    """A client that creates, or refuses to; ``made`` says what."""

    def __init__(self, lws: LeaderWorkerSet, refuses: Resource | None = None) -> None:
        self._lws = lws
        self.made: list[tuple[Resource, Document]] = []
        self._refuses = refuses

    def survey(self, _: Resource) -> Survey:
        return Survey(0, {self._lws.key: 0})

    def get(self, resource: Resource, *_: Any) -> KubeObject:
        if resource == LEADERWORKERSETS:
            return self._lws
        raise NotFound(404)  # the caches show all there is

    def create(self, resource: Resource, type_: type[KubeObject], document: Document) -> KubeObject:
        if resource == self._refuses:
            raise Forbidden(403, message="bunches is forbidden")
        self.made.append((resource, document))
        made = msgspec.json.decode(msgspec.json.encode(document), type=type_)
        meta = msgspec.structs.replace(made.metadata, uid="uid-new", resource_version="99")
        return msgspec.structs.replace(made, metadata=meta)


class Notes:
    """A recorder."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def event(self, *, note: str, **_: Any) -> None:
        self.notes.append(note)


class Keys:
    """A queue."""

    def __init__(self) -> None:
        self.added: list[Key] = []

    def add(self, item: Key, *, priority: int = 0, after: float = 0.0) -> None:
        self.added.append(item)


class World:
    """One set with one leader that was admitted with :class:`Bunches` configured."""

    def __init__(self, *, refuses: Resource | None = None) -> None:
        lws = a_set(size=3)
        template = template_of(lws)
        revision = revision_document(lws, template, key=template.key, number=1)
        self.leader = _with_label(a_leader(0, key=template.key))
        self.bunches = Held()
        self.client, self.recorder, self.keys = Creations(lws, refuses), Notes(), Keys()
        self.gang = Gang(Bunches(), self.bunches, clock=FakeClock())  # type: ignore[arg-type]
        informers: list[Any] = [
            Held(lws),
            Held(set=set_of, group=group_of_owned),
            Held(self.leader, **{BY_SET: leader_set_of, BY_GROUP: group_of_pod}),
            Held(_decoded(revision), set=set_of, revision=revision_of),
            Held(),
        ]
        client: Any = self.client
        self.reconcilers: Reconcilers = make_reconcilers(
            Informers(*informers),
            Keys(),
            self.keys,
            Keys(),
            client=client,
            recorder=self.recorder,
            clock=FakeClock(),
            gang=self.gang,
        )

    def reconcile(self) -> float | None:
        return self.reconcilers.for_pods(self.leader.key).requeue_after

    @property
    def made(self) -> list[str]:
        return [resource.kind for resource, _ in self.client.made]


def _with_label(leader: Pod) -> Pod:
    labels = leader.labels | {"example.com/bunch": "bunch-0"}
    meta = msgspec.structs.replace(leader.metadata, labels=labels, resource_version="5")
    return msgspec.structs.replace(leader, metadata=meta)


def _decoded(document: Document) -> ControllerRevision:
    document["metadata"]["resourceVersion"] = "4"
    return msgspec.json.decode(msgspec.json.encode(document), type=ControllerRevision)


def test_another_provider_needs_no_more_than_its_registration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(podgroups, "PROVIDERS", {"bunches": Bunches()})
    pod = mutate_pod(a_leader_pod("test-sample-0"), "default", gang="bunches")
    assert pod["metadata"]["labels"]["example.com/bunch"] == "bunch-0"
    assert pod["metadata"]["annotations"]["example.com/note"] == "x"
    assert pod["spec"]["schedulerName"] == "bunchy"
    world = World()
    world.reconcile()
    resource, document = world.client.made[0]
    assert resource == BUNCHES
    assert document["spec"] == {"count": 3}
    assert world.made == ["Bunch", "StatefulSet"]


def test_what_was_created_is_known_at_once() -> None:
    world = World()
    world.reconcile()
    world.reconcile()
    assert world.made == ["Bunch", "StatefulSet"]


def test_one_that_is_left_over_is_waited_for() -> None:
    world = World()
    owner = OwnerReference("v1", "Pod", world.leader.name, "uid-former", controller=True)
    stale = KubeObject(ObjectMeta("bunch-0", "", "default", "uid-stale", "9", owner_references=(owner,)))
    world.bunches.receive(stale)
    world.reconcile()
    assert world.made == ["StatefulSet"]
    world.bunches.receive_deletion(stale)
    for handler in world.bunches.handlers:
        handler.on_delete(stale)
    assert world.keys.added == [world.leader.key]
    world.reconcile()
    assert world.made == ["StatefulSet", "Bunch"]


def test_workers_come_where_pod_groups_cannot_be_made() -> None:
    """The rule for them is missing, or their CRD went: sets of other schedulers must not suffer."""
    world = World(refuses=BUNCHES)
    assert world.reconcile(), "it is looked at again"
    assert world.made == ["StatefulSet"]
    assert world.recorder.notes[0].endswith("leader pod test-sample-0: bunches is forbidden")


def test_nothing_is_created_on_a_guess() -> None:
    world = World()
    world.bunches.has_synced = False
    assert world.reconcile() == pytest.approx(10.0)
    assert world.made == ["StatefulSet"]


def test_starting_waits_for_the_first_list_but_not_for_ever() -> None:
    clock, bunches = FakeClock(), Held()
    bunches.has_synced = False
    gang = Gang(Bunches(), bunches, clock=clock)  # type: ignore[arg-type]
    gang.start()
    assert not gang.wait_ready(0.1)
    clock.advance(PATIENCE)
    assert gang.wait_ready(0.1)
    bunches.has_synced = True
    gang.start()
    assert gang.wait_ready(0.1)
