"""Reading a group from the API server itself, where an old cache could be wrong about what is to be done."""

from __future__ import annotations

from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod, StatefulSet
from lws.controllers.groupstatus import GroupStatusMemory
from lws.controllers.resources import LEADERWORKERSETS
from lws.kube.client import Client
from lws.kube.errors import NotFound
from lws.kube.resources import PODS, STATEFULSETS
from lws.kube.selectors import all_of, equals
from lws.planning.observed import Certainty, ObservedGroup


class LiveReader:
    """Quorum reads; every method raises what ``Client`` raises, but for NotFound.

    The set is read before its leader: what its status says of groups is then no newer than that leader.
    """

    def __init__(self, client: Client, ledger: GroupStatusMemory) -> None:
        self._client = client
        self._ledger = ledger

    def group(self, group: ObservedGroup, certainty: Certainty) -> ObservedGroup | None:
        """The same group at this certainty; None when its set or its leader is gone or replaced."""
        lws, leader = group.lws, group.leader
        if lws is None or leader is None:
            return None
        live = self._set(lws)
        if live is None:
            return None
        group = replace(group, lws=live, certainty=certainty)
        if certainty == Certainty.GROUP:
            return self._members(group, leader)
        current = self._current(leader)
        return replace(group, leader=current) if current is not None else None

    def is_current(self, pod: Pod) -> bool:
        """Whether this very pod is there still."""
        return self._current(pod) is not None

    def _current(self, pod: Pod) -> Pod | None:
        try:
            current = self._client.get(PODS, Pod, pod.name, pod.namespace)
        except NotFound:
            return None
        return current if current.uid == pod.uid else None

    def _set(self, lws: LeaderWorkerSet) -> LeaderWorkerSet | None:
        try:
            live = self._client.get(LEADERWORKERSETS, LeaderWorkerSet, lws.name, lws.namespace)
        except NotFound:
            return None
        return self._ledger.overlay(live) if live.uid == lws.uid else None

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
