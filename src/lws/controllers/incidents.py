"""Remembers what the watches have seen to go of a group, until its leader pod goes, too.

A worker that is deleted by force may be gone, and replaced, before its group's next pass; then no snapshot
ever shows it terminating. Its StatefulSet, which proves whose worker it was, may be gone as well. Whether a
loss matters is the planner's to say.
"""

from __future__ import annotations

import threading

from cachetools import LRUCache

from lws.api.workloads import Pod, StatefulSet
from lws.controllers.indexes import group_of_owned, group_of_pod, is_leader
from lws.objects import Key


class Incidents:
    """An event handler of pods and StatefulSets; to be added before those that fill the queues."""

    def __init__(self, groups: int = 50_000) -> None:
        self._groups: LRUCache[Key, dict[tuple[type, str], Pod | StatefulSet]] = LRUCache(groups)
        self._lock = threading.Lock()

    def of(self, leader: Key) -> tuple[Pod | StatefulSet, ...]:
        """The last worker pod and worker StatefulSet lost by each name, of leader pods of this name."""
        with self._lock:
            return tuple(self._groups.get(leader, {}).values())

    def on_add(self, obj: Pod | StatefulSet, *, initial: bool) -> None:
        """No loss."""

    def on_update(self, old: Pod | StatefulSet, new: Pod | StatefulSet) -> None:
        """No loss."""

    def on_delete(self, obj: Pod | StatefulSet) -> None:
        with self._lock:
            if isinstance(obj, Pod) and is_leader(obj):
                self._groups.pop(obj.key, None)
                return
            for group in group_of_pod(obj) if isinstance(obj, Pod) else group_of_owned(obj):
                lost: dict[tuple[type, str], Pod | StatefulSet] = self._groups.get(group, {})
                lost[type(obj), obj.name] = obj
                self._groups[group] = lost
