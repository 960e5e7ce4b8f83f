"""The upstream controller (v0.10), as far as the API server sees it: the objects it writes, and how.

Stands in for the other side of a change of controllers. Each call of a pass writes what upstream would
(reconcilers.md, 1, 2, 4 to 7): a server-side apply of the leader StatefulSet on every pass, worker
StatefulSets and services by create, the status by update with nothing of ours in it. Documents and numbers
come from the planners that the golden vectors hold to upstream's; what upstream does with them is written out
here. Deaths of pods are not handled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision, Pod, StatefulSet
from lws.controllers.resources import LEADERWORKERSETS
from lws.kube.client import Client
from lws.kube.errors import NotFound
from lws.kube.resources import CONTROLLER_REVISIONS, PODS, SERVICES, STATEFULSETS, Resource
from lws.kube.selectors import equals
from lws.objects import ObjectT
from lws.planning.groups import groups_of
from lws.planning.leader import leader_document
from lws.planning.observed import ObservedSet
from lws.planning.revisions import Template, owned_revisions, restore, revision_document, template_of
from lws.planning.revisions.key import revision_key
from lws.planning.rollout import rollout_parameters
from lws.planning.services import group_service_document, shared_service_document
from lws.planning.workers import worker_document
from support.handedon import as_upstream
from support.sets import Document, LiveSet

Spelling = Callable[[bytes], bytes]
TEXTS = {
    c.AVAILABLE: (c.REASON_ALL_GROUPS_READY, "All replicas are ready"),
    c.PROGRESSING: (c.REASON_GROUPS_PROGRESSING, "Replicas are progressing"),
    c.UPDATE_IN_PROGRESS: (c.REASON_GROUPS_UPDATING, "Rolling Upgrade is in progress"),
}


def as_today(data: bytes) -> bytes:
    """Revision data as v0.10 writes them: client libraries 0.34 and newer."""
    return data


def as_of_old(data: bytes) -> bytes:
    """The same by older client libraries, which spelled out that a template was never created (4.2)."""
    document = json.loads(data)
    template = document["spec"]["leaderWorkerTemplate"]
    for role in ("leaderTemplate", "workerTemplate"):
        if role in template:
            template[role]["metadata"]["creationTimestamp"] = None
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode()


class Upstream:
    """Works on one set.

    ``spelling``: of the revisions it makes. ``key``: for a set from before revisions, whose children carry
    this hash while no revision exists.
    """

    def __init__(self, client: Client, lws: LiveSet, *, spelling: Spelling = as_today, key: str = "") -> None:
        self._client = client
        self._set = lws
        self._spelling = spelling
        self._key = key
        self.revisions_made = 0

    # The two controllers.

    def reconcile_set(self) -> None:
        """One pass of the LeaderWorkerSet controller."""
        lws = self._lws()
        leader = self._find(STATEFULSETS, StatefulSet, self._set.name)
        key, changed = self._revision(lws, leader)
        sets, pods = self._list(STATEFULSETS, StatefulSet), self._leaders()
        count = leader.spec.replicas if leader else 0
        groups = groups_of(ObservedSet(lws, leaders=tuple(pods), worker_sets=tuple(sets)))
        states = groups.states(key, count)
        rollout = rollout_parameters(lws, leader, states, template_changed=changed)
        document = leader_document(lws, template_of(lws), key, **rollout._asdict())
        self._client.apply(STATEFULSETS, dict, typed(as_upstream(document, role="leader")))
        if lws.live_subdomain_policy == c.SUBDOMAIN_SHARED:
            self._create_if_absent(SERVICES, shared_service_document(lws))
        if self._report(key):
            self._truncate(lws, key)

    def reconcile_groups(self) -> None:
        """One pass of the pod controller for every leader."""
        lws = self._lws()
        for leader in self._leaders():
            if leader.deleting:
                continue
            if lws.live_subdomain_policy == c.SUBDOMAIN_UNIQUE:
                self._create_if_absent(SERVICES, group_service_document(lws, leader))
            if lws.live_size != 1 and (template := self._template(lws, leader)) is not None:
                document = worker_document(lws, leader, template, node_selector=None)
                self._create_if_absent(STATEFULSETS, typed(as_upstream(document, role="worker")))

    def reconcile(self) -> None:
        """Both."""
        self.reconcile_set()
        self.reconcile_groups()

    # Revisions (4.4 to 4.7).

    def _revision(self, lws: LeaderWorkerSet, leader: StatefulSet | None) -> tuple[str, bool]:
        """The key to work with, and whether the template changed just now."""
        if self._key:
            return self._key, False
        live = template_of(lws)
        key = leader.labels.get(c.REVISION_LABEL, "") if leader else ""
        stored = [x for x in self._revisions(lws) if key and x.labels.get(c.REVISION_LABEL) == key]
        if not stored:
            return self._create_revision(lws, live, key=key), False
        current = max(stored, key=lambda x: x.revision)
        same = bytes(current.data) == live.data or restore(current, live).data == live.data
        if leader is None or same:
            return key, False
        return self._create_revision(lws, live, key=""), True

    def _create_revision(self, lws: LeaderWorkerSet, live: Template, *, key: str) -> str:
        """Name and number as upstream chooses them; its key."""
        data = self._spelling(live.data)
        spelled = Template(data, revision_key(data), live.leader_worker_template, live.network_config)
        number = 1 + max((x.revision for x in self._revisions(lws)), default=0)
        key = key or spelled.key
        self._client.create(
            CONTROLLER_REVISIONS, dict, revision_document(lws, spelled, key=key, number=number)
        )
        self.revisions_made += 1
        return key

    def _template(self, lws: LeaderWorkerSet, leader: Pod) -> Template | None:
        """That of the revision the leader is labelled with."""
        live = template_of(lws)
        if self._key:
            return live
        key = leader.labels[c.REVISION_LABEL]
        named = [x for x in self._revisions(lws) if x.labels[c.REVISION_LABEL] == key]
        return restore(max(named, key=lambda x: x.revision), live) if named else None

    def _truncate(self, lws: LeaderWorkerSet, key: str) -> None:
        for revision in [] if self._key else self._revisions(lws):
            if revision.labels[c.REVISION_LABEL] != key:
                self._client.delete(CONTROLLER_REVISIONS, dict, revision.name, namespace=self._set.namespace)

    # Status (5).

    def _report(self, key: str) -> bool:
        """UPDATE of the status, where it differs; whether the update is done."""
        document = self._set.get()
        lws = self._lws()
        sets = {x.name: x for x in self._list(STATEFULSETS, StatefulSet)}
        groups = [
            x for x in (_state(pod, sets, key, alone=lws.live_size == 1) for pod in self._leaders()) if x
        ]
        due = [x for x in groups if lws.partition <= x[0] < lws.replicas]
        done = sum(ready and updated for _, ready, updated in due)
        wanted = sum(ready for index, ready, _ in groups if index < lws.replicas)
        outdated = sum(not updated for _, _, updated in due)
        available = wanted == lws.replicas and done == len(due)
        asserted = (
            [c.UPDATE_IN_PROGRESS, c.PROGRESSING]
            if outdated
            else [c.AVAILABLE if available else c.PROGRESSING]
        )
        generation = document["metadata"]["generation"]
        before = document.get("status", {})
        document["status"] = {
            "replicas": sets[lws.name].status.replicas,
            "readyReplicas": sum(ready for _, ready, _ in groups),
            "updatedReplicas": sum(updated for _, _, updated in groups),
            "hpaPodSelector": f"{c.NAME_LABEL}={lws.name},{c.WORKER_INDEX_LABEL}=0",
            "observedGeneration": generation,
            "conditions": conditions(before.get("conditions", []), asserted, generation),
        }
        if {name: before.get(name, 0) for name in document["status"]} != document["status"]:
            self._client.replace(LEADERWORKERSETS, dict, document, subresource="status")
        return lws.partition == 0 and done == lws.replicas

    # What there is.

    def _lws(self) -> LeaderWorkerSet:
        return self._client.get(LEADERWORKERSETS, LeaderWorkerSet, self._set.name, self._set.namespace)

    def _leaders(self) -> list[Pod]:
        return [x for x in self._list(PODS, Pod) if x.labels.get(c.WORKER_INDEX_LABEL) == "0"]

    def _revisions(self, lws: LeaderWorkerSet) -> Sequence[ControllerRevision]:
        return owned_revisions(lws, self._list(CONTROLLER_REVISIONS, ControllerRevision))

    def _list(self, resource: Resource, type_: type[ObjectT]) -> list[ObjectT]:
        selector = equals(c.NAME_LABEL, self._set.name)
        return self._client.list(resource, type_, self._set.namespace, label_selector=selector)

    def _find(self, resource: Resource, type_: type[ObjectT], name: str) -> ObjectT | None:
        try:
            return self._client.get(resource, type_, name, self._set.namespace)
        except NotFound:
            return None

    def _create_if_absent(self, resource: Resource, document: Document) -> None:
        if self._find(resource, StatefulSet, document["metadata"]["name"]) is None:
            self._client.create(resource, dict, document)


def typed(document: Document) -> Document:
    """The document with the empty members that upstream's types add to it."""
    made: Document = json.loads(msgspec.json.encode(document))
    spec = made["spec"]["template"]["spec"]
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        container.setdefault("resources", {})
    return made


def conditions(stored: Sequence[Document], asserted: Sequence[str], generation: int) -> list[Document]:
    """Merged as upstream does: after the first that changes something the rest waits for a pass (5.4)."""
    merged = [dict(x) for x in stored]
    for type_ in asserted:
        changed = _assert(merged, type_, generation)
        if changed:
            break
    for one in merged:
        one["observedGeneration"] = generation
    return merged


def _assert(merged: list[Document], type_: str, generation: int) -> bool:
    reason, message = TEXTS[type_]
    new = {"type": type_, "status": "True", "reason": reason, "message": message}
    new |= {"lastTransitionTime": "2026-08-11T00:00:00Z", "observedGeneration": generation}
    changed = False
    for index, one in enumerate(merged):
        if one["type"] == type_ and (one["status"], one["observedGeneration"]) != ("True", generation):
            merged[index], changed = new, True
        elif one["type"] != type_ and c.AVAILABLE in (one["type"], type_) and one["status"] == "True":
            one["status"], changed = "False", True
    if all(one["type"] != type_ for one in merged):
        merged.append(new)
        changed = True
    return changed


def _state(
    leader: Pod, sets: dict[str, StatefulSet], key: str, *, alone: bool
) -> tuple[int, bool, bool] | None:
    """Index, ready, updated; None while the worker StatefulSet is missing (5.1)."""
    index, updated = int(leader.labels[c.GROUP_INDEX_LABEL]), leader.labels[c.REVISION_LABEL] == key
    if alone:
        return index, leader.ready, updated
    workers: Any = sets.get(leader.name)
    if workers is None:
        return None
    return index, leader.ready and workers.ready, updated and workers.labels[c.REVISION_LABEL] == key
