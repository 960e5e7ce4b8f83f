"""Since when the hollow kubelet knows what of each pod: the one memory that it has."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from hack.controlplane.hollow_containers import (
    RUNNING,
    Change,
    ContainerView,
    must_restart,
    observe,
    outdated,
    spec_containers,
)
from hack.controlplane.hollow_objects import Container, HollowPod, Resources


class _Recipe(NamedTuple):
    image: str
    resources: Resources


class _Sight(NamedTuple):
    """When a container's spec was first seen to be another than what runs, and what ran then."""

    recipe: _Recipe
    moment: float
    running: bool
    restart: bool


class Ages:
    """Since when each pod has been known, and known as deleted or changed; a handler of the pods' informer.

    A pod that had started when the kubelet came (after its own restart) counts from its startTime. A change
    counts from the first look that sees it: a kubelet that restarts begins it again.
    """

    def __init__(
        self, *, now: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._now = now
        self._monotonic = monotonic
        self._seen: dict[str, float] = {}
        self._dying: dict[str, float] = {}
        self._changed: dict[str, dict[str, _Sight]] = {}

    def age(self, pod: HollowPod) -> float:
        return self._since(self._seen, pod)

    def dying(self, pod: HollowPod) -> float:
        return self._since(self._dying, pod)

    def changes(self, pod: HollowPod) -> Mapping[str, Change]:
        """The changed containers of a pod by name; remembered until they change again."""
        sights = self._changed.get(pod.uid, {})
        statuses = {
            entry.name: entry for entry in pod.status.container_statuses + pod.status.init_container_statuses
        }
        for container in spec_containers(pod.spec):
            if container.name in statuses:
                self._look_at(pod.uid, sights, container, observe(statuses[container.name]))
        now = self._monotonic()
        return {name: Change(now - x.moment, x.running, x.restart) for name, x in sights.items()}

    def _look_at(
        self, uid: str, sights: dict[str, _Sight], container: Container, seen: ContainerView
    ) -> None:
        recipe, known = _Recipe(container.image, container.resources), sights.get(container.name)
        if known is not None and known.recipe == recipe:
            return
        if outdated(container, seen):
            restart = must_restart(container, seen)
            sights[container.name] = _Sight(recipe, self._monotonic(), seen.state == RUNNING, restart)
            self._changed[uid] = sights
        elif known is not None:  # taken back before it was done
            del sights[container.name]

    def on_add(self, obj: HollowPod, *, initial: bool) -> None:
        start = obj.status.start_time if initial else None
        elapsed = (self._now() - datetime.fromisoformat(start)).total_seconds() if start else 0.0
        self._seen[obj.uid] = self._monotonic() - max(0.0, elapsed)
        self._note(obj)

    def on_update(self, old: HollowPod, new: HollowPod) -> None:
        self._note(new)

    def on_delete(self, obj: HollowPod) -> None:
        for known in (self._seen, self._dying, self._changed):
            known.pop(obj.uid, None)

    def _note(self, pod: HollowPod) -> None:
        if pod.deleting:
            self._dying.setdefault(pod.uid, self._monotonic())

    def _since(self, moments: dict[str, float], pod: HollowPod) -> float:
        now = self._monotonic()
        return now - moments.get(pod.uid, now)
