"""Whether the caches show a set at least as it was when this process began with it.

A replica that takes over may have watches that are late, each by another time. What another process has
written meanwhile it would undo, as if nobody had: a former template comes back, a group that is updated in
place is settled again. Its own writes every process sees at once, so one look at the server, before the first
pass over a set and its groups, is enough. Nothing is decided here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision, Pod, StatefulSet
from lws.controllers.indexes import BY_SET
from lws.controllers.informers import OWN_REVISIONS, Informers
from lws.controllers.resources import LEADERWORKERSETS
from lws.kube.client import Client
from lws.kube.errors import NotFound
from lws.kube.resources import CONTROLLER_REVISIONS, PODS, STATEFULSETS
from lws.kube.selectors import all_of, equals
from lws.objects import Key, KubeObject, resource_version
from lws.planning.inplace.marks import mark_on
from lws.runtime.informers import Informer

RETRY: Final = 0.5
"""Seconds until another look whether the caches have caught up; most changes of a set lead to none."""

_Versions = Mapping[Key, int]


class CatchingUp:
    """Remembers of each set whether its caches were found to be new enough, until it is forgotten."""

    def __init__(self, informers: Informers, client: Client) -> None:
        self._informers, self._client = informers, client
        self._lock = threading.Lock()
        self._known: set[Key] = set()
        self._waiting: dict[Key, tuple[tuple[Informer[Any], _Versions], ...]] = {}

    def behind(self, key: Key) -> bool:
        """Whether nothing may be decided about the set ``key`` yet. Raises what ``Client`` raises.

        Without the set nothing of it is decided, and its groups, which go after it, ask in vain: nothing is
        read, and nothing remembered, which nobody would forget.
        """
        if self._informers.sets.get(key) is None:
            return False
        with self._lock:
            if key in self._known:
                return False
            wanted = self._waiting.get(key)
        if wanted is None:
            wanted = tuple(self._look(key))
        shown = all(_shows(informer, versions) for informer, versions in wanted)
        with self._lock:
            if shown and self._informers.sets.get(key) is not None:
                self._known.add(key)
            if shown or _lacks(wanted):
                self._waiting.pop(key, None)
            else:
                self._waiting[key] = wanted
        return not shown

    def known(self, key: Key) -> bool:
        """Whether the caches of this set were new enough once; nothing is read."""
        return key in self._known

    def forget(self, key: Key) -> None:
        """The set is gone."""
        with self._lock:
            self._known.discard(key)
            self._waiting.pop(key, None)

    def _look(self, key: Key) -> Iterator[tuple[Informer[Any], _Versions]]:
        """What the server has: the set itself and, where groups are updated in place, what tells of that."""
        informers = self._informers
        try:
            lws = self._client.get(LEADERWORKERSETS, LeaderWorkerSet, key.name, key.namespace)
        except NotFound:
            return
        yield informers.sets, _versions([lws])
        if not lws.updates_in_place and not self._marked(key):
            return
        ours = equals(c.NAME_LABEL, key.name)
        for informer, resource, type_, selector in (
            (informers.stateful_sets, STATEFULSETS, StatefulSet, ours),
            (informers.pods, PODS, Pod, ours),
            (informers.revisions, CONTROLLER_REVISIONS, ControllerRevision, all_of(ours, OWN_REVISIONS)),
        ):
            found = self._client.list(resource, type_, key.namespace, label_selector=selector)
            yield informer, _versions(found)

    def _marked(self, key: Key) -> bool:
        """The set may not be updated in place any more, and something of it still be under way."""
        informers = self._informers
        found = (*informers.pods.by_index(BY_SET, key), *informers.stateful_sets.by_index(BY_SET, key))
        return any(mark_on(x) is not None for x in found)


def _versions(objects: Iterable[KubeObject]) -> _Versions:
    return {x.key: resource_version(x) for x in objects}


def _shows(informer: Informer[Any], versions: _Versions) -> bool:
    found = ((informer.get(key), version) for key, version in versions.items())
    return all(obj is not None and resource_version(obj) >= version for obj, version in found)


def _lacks(wanted: Iterable[tuple[Informer[Any], _Versions]]) -> bool:
    """What the caches do not have is yet to come to them, or gone since: only the server can tell."""
    return any(informer.get(key) is None for informer, versions in wanted for key in versions)
