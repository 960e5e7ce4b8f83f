"""Reading a group from the API server itself, where an old cache could be wrong about what is to be done."""

from __future__ import annotations

from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision, Pod, StatefulSet
from lws.controllers.resources import LEADERWORKERSETS
from lws.kube.client import Client
from lws.kube.errors import NotFound
from lws.kube.resources import CONTROLLER_REVISIONS, PODS, STATEFULSETS
from lws.kube.selectors import absent, all_of, equals
from lws.objects import Key, KubeObject
from lws.planning.groups import make_group
from lws.planning.observed import Certainty, ObservedGroup, ObservedSet
from lws.planning.revisions.lifecycle import owned_revisions


class LiveReader:
    """Quorum reads; every method raises what ``Client`` raises, but for NotFound.

    For a group the set is not read: its size grows with the number of its groups, and each group asks. It was
    observed before its leader is read here, so what its status says of the group is no newer than that
    leader; whether the status still says so is made sure of when the group's entry is committed.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def group(self, group: ObservedGroup, certainty: Certainty) -> ObservedGroup | None:
        """The same group at this certainty; None when its leader is gone or replaced."""
        leader = group.leader
        if leader is None:
            return None
        group = replace(group, certainty=certainty)
        if certainty == Certainty.GROUP:
            return self._members(group, leader)
        current = self._current(leader)
        return replace(group, leader=current) if current is not None else None

    def may_be_ready(self, observed: ObservedSet, leader: Pod) -> bool:
        """Whether this leader's group is ready by now, or has another leader."""
        current = self._members(ObservedGroup(observed.lws, leader), leader)
        if current is None or current.leader is None:
            return True
        return make_group(observed.lws, current.leader, current.worker_sets, observed.revisions).ready

    def stateful_set(self, key: Key) -> StatefulSet | None:
        """The one of this name, whatever its labels say."""
        try:
            return self._client.get(STATEFULSETS, StatefulSet, key.name, key.namespace)
        except NotFound:
            return None

    def pod(self, key: Key) -> Pod | None:
        """The one of this name, whosever it is."""
        try:
            return self._client.get(PODS, Pod, key.name, key.namespace)
        except NotFound:
            return None

    def is_labelled_so(self, one: StatefulSet) -> bool:
        """Whether this very StatefulSet is there still, with these labels."""
        current = self.stateful_set(one.key)
        return current is not None and (current.uid, current.labels) == (one.uid, one.labels)

    def asks_for(self, lws: LeaderWorkerSet) -> bool:
        """Whether this very set is there still, with this spec."""
        try:
            current = self._client.get(LEADERWORKERSETS, KubeObject, lws.name, lws.namespace)
        except NotFound:
            return False
        return (current.uid, current.metadata.generation) == (lws.uid, lws.metadata.generation)

    def has_revision(self, lws: LeaderWorkerSet, key: str) -> bool:
        """Whether there is a revision of this key that is no StatefulSet's."""
        selector = all_of(
            equals(c.NAME_LABEL, lws.name),
            equals(c.REVISION_LABEL, key),
            absent(c.GROUP_INDEX_LABEL),
            absent(c.WORKER_INDEX_LABEL),
        )
        found = self._client.list(
            CONTROLLER_REVISIONS, ControllerRevision, lws.namespace, label_selector=selector
        )
        return bool(owned_revisions(lws, found))

    def is_current(self, pod: Pod) -> bool:
        """Whether this very pod is there still."""
        return self._current(pod) is not None

    def _current(self, pod: Pod) -> Pod | None:
        current = self.pod(pod.key)
        return current if current is not None and current.uid == pod.uid else None

    def _members(self, group: ObservedGroup, leader: Pod) -> ObservedGroup | None:
        """Its pods, their leader among them, and the StatefulSet of that name."""
        selector = all_of(*(equals(x, leader.labels.get(x, "")) for x in (c.NAME_LABEL, c.GROUP_INDEX_LABEL)))
        try:
            workers = self._client.get(STATEFULSETS, StatefulSet, leader.name, leader.namespace)
        except NotFound:
            workers = None
        pods = self._client.list(PODS, Pod, leader.namespace, label_selector=selector)
        current = next((x for x in pods if x.uid == leader.uid), None)
        if current is None:
            return None
        sets = () if workers is None else (workers,)
        return replace(group, leader=current, pods=tuple(pods), worker_sets=sets)
