"""Which change from one revision to another can be made in the pods that are there (docs/decisions/210).

Decided once for each pair of revisions, by what they store; what a live pod looks like may not matter here.
The API server lets images of a running pod be changed, and labels; the kubelet restarts the containers whose
image changed, all but plain init containers.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision
from lws.planning.revisions import Template, owned_revisions, restore, template_of

_OURS: Final = (c.PREFIX, "apps.kubernetes.io/", "statefulset.kubernetes.io/")
_CONTAINERS: Final = ("containers", "initContainers")
_MISSING: Final = object()


class RoleChange(Struct, frozen=True):
    """What changes of the pods of one role.

    ``images``: by container, as wanted; ``was``: of every container of the former template that may be
    updated. ``sidecars``: which of them are restartable init containers. ``labels``: as a merge patch.
    """

    images: dict[str, str]
    was: dict[str, str]
    sidecars: frozenset[str]
    labels: dict[str, str | None]


class Change(Struct, frozen=True):
    """From one revision to another. ``refusal``: the first path that differs and cannot be changed in place;
    empty when all can.
    """

    leader: RoleChange
    workers: RoleChange
    refusal: str = ""

    def of(self, *, leader: bool) -> RoleChange:
        return self.leader if leader else self.workers


class Changes:
    """The changes between a set's revisions, each found once in a pass."""

    def __init__(self, lws: LeaderWorkerSet, revisions: Iterable[ControllerRevision]) -> None:
        self._lws = lws
        own = sorted(owned_revisions(lws, revisions), key=lambda x: x.revision)
        self._revisions = {x.labels.get(c.REVISION_LABEL, ""): x for x in own}

    def between(self, old: str, new: str) -> Change | None:
        """From revision key ``old`` to ``new``; None where one is missing or cannot be read."""
        before, after = self.template(old), self.template(new)
        return None if before is None or after is None else change_between(before, after)

    def possible(self, old: str, new: str) -> bool:
        """Whether pods of ``old`` can become pods of ``new`` in place."""
        change = self.between(old, new)
        return change is not None and not change.refusal

    def template(self, key: str) -> Template | None:
        try:
            live = template_of(self._lws)
            if key in self._revisions:
                return restore(self._revisions[key], live)
            return live if live.key == key else None
        except ValueError:
            return None


def change_between(old: Template, new: Template) -> Change:
    """What makes pods of ``old`` those of ``new``; shared between callers, never to be changed."""
    return _change_between(_ByKey(old), _ByKey(new))


class _ByKey:
    """A template, hashed by its data: canonical text that two equal templates share."""

    def __init__(self, template: Template) -> None:
        self.template = template

    def __hash__(self) -> int:
        return hash(self.template.data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByKey) and self.template.data == other.template.data


@functools.lru_cache(maxsize=256)
def _change_between(old: _ByKey, new: _ByKey) -> Change:
    before, after = old.template, new.template
    leader = _role_change(before.leader_template, after.leader_template)
    workers = _role_change(before.worker_template, after.worker_template)
    return Change(leader, workers, _refusal(before, after, leader, workers))


def _refusal(before: Template, after: Template, leader: RoleChange, workers: RoleChange) -> str:
    path = next(_differences("", _comparable(before), _comparable(after)), "")
    if path:
        return f"spec.{path} differs"
    if before.data != after.data and not leader.images and not workers.images:
        return f"{_label_path(leader, workers)} differs, and no image"
    for role, change in (("leaderTemplate", leader), ("workerTemplate", workers)):
        if "" in change.images.values():
            return f"spec.leaderWorkerTemplate.{role}.spec has a container without an image"
        for key in change.labels:
            if key.startswith(_OURS) or key == c.CONTROLLER_REVISION_LABEL:
                return f"spec.leaderWorkerTemplate.{role}.metadata.labels[{key}] differs"
    return ""


def _label_path(leader: RoleChange, workers: RoleChange) -> str:
    role, change = ("leaderTemplate", leader) if leader.labels else ("workerTemplate", workers)
    return f"spec.leaderWorkerTemplate.{role}.metadata.labels[{next(iter(change.labels), '')}]"


def _comparable(template: Template) -> dict[str, Any]:
    """The template without what may be changed in place; a leader template that is none is the workers'."""
    group = dict(template.leader_worker_template)
    group["leaderTemplate"] = _without_changeable(template.leader_template)
    group["workerTemplate"] = _without_changeable(template.worker_template)
    return {"leaderWorkerTemplate": group, "networkConfig": template.network_config}


def _without_changeable(template: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {x: value for x, value in (template.get("metadata") or {}).items() if x != "labels"}
    spec = dict(template.get("spec") or {})
    for name in _CONTAINERS:
        if spec.get(name):
            spec[name] = [_without_image(x) if _restartable(name, x) else x for x in spec[name]]
    return {**template, "metadata": metadata, "spec": spec}


def _without_image(container: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in container.items() if name != "image"}


def _restartable(kind: str, container: Mapping[str, Any]) -> bool:
    """The kubelet never runs a plain init container again in a pod that is initialised."""
    return kind == "containers" or container.get("restartPolicy") == "Always"


def _role_change(old: Mapping[str, Any], new: Mapping[str, Any]) -> RoleChange:
    was, wanted = _images(old), _images(new)
    labels, before = ((x.get("metadata") or {}).get("labels") or {} for x in (new, old))
    changed: dict[str, str | None] = {key: x for key, x in labels.items() if before.get(key) != x}
    changed |= dict.fromkeys(before.keys() - labels.keys())
    return RoleChange(
        images={name: image for name, image in wanted.items() if was.get(name) != image},
        was=was,
        sidecars=frozenset(
            x["name"] for x in (new.get("spec") or {}).get("initContainers") or () if "name" in x
        ),
        labels=changed,
    )


def _images(template: Mapping[str, Any]) -> dict[str, str]:
    spec = template.get("spec") or {}
    return {
        container.get("name", ""): container.get("image", "")
        for kind in _CONTAINERS
        for container in spec.get(kind) or ()
        if _restartable(kind, container)
    }


def _differences(path: str, old: Any, new: Any) -> Iterator[str]:
    """Paths of what differs, in the order of the new document."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in (*new, *(x for x in old if x not in new)):
            below = f"{path}.{name}" if path else name
            yield from _differences(below, old.get(name, _MISSING), new.get(name, _MISSING))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, pair in enumerate(zip(old, new, strict=True)):
            yield from _differences(f"{path}[{index}]", *pair)
    elif old != new:
        yield path
