"""Remembers the worker pods that the watch has seen to go, until their leader's pod goes, too.

A pod that is deleted by force may be gone, and replaced, before its group's next pass; then no snapshot ever
shows it terminating. Whether a loss matters is the planner's to say.
"""

from __future__ import annotations

import threading

from cachetools import LRUCache

from lws.api.workloads import Pod
from lws.controllers.indexes import group_of_pod, is_leader
from lws.objects import Key


class Losses:
    """An event handler of the pods' informer; to be added before the one that fills the queue."""

    def __init__(self, groups: int = 50_000) -> None:
        self._groups: LRUCache[Key, dict[str, Pod]] = LRUCache(groups)
        self._lock = threading.Lock()

    def of(self, leader: Key) -> tuple[Pod, ...]:
        """The last pod lost by each name, in the group of a leader pod of this name."""
        with self._lock:
            return tuple(self._groups.get(leader, {}).values())

    def on_add(self, obj: Pod, *, initial: bool) -> None:
        """No loss."""

    def on_update(self, old: Pod, new: Pod) -> None:
        """No loss."""

    def on_delete(self, obj: Pod) -> None:
        with self._lock:
            if is_leader(obj):
                self._groups.pop(obj.key, None)
                return
            for group in group_of_pod(obj):
                lost: dict[str, Pod] = self._groups.get(group, {})
                lost[obj.name] = obj
                self._groups[group] = lost
