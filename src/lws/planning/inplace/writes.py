"""The writes of an in-place update, each of them conditional on the object it was decided on.

What is due when is ``choice``'s and ``steps``'; here is only what is written.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod, StatefulSet
from lws.objects import KubeObject
from lws.planning.actions import Document, Effect, Patch
from lws.planning.events import warning
from lws.planning.inplace.eligibility import Changes, RoleChange
from lws.planning.inplace.marks import Mark, mark_on, pending, write_mark


def choose_alone(lws: LeaderWorkerSet, leader: Pod, mark: Mark) -> Patch:
    """Of a leader without workers the pod itself carries the mark."""
    left = _left(leader)
    carried = replace(mark, waiting=left.waiting or None, ran=left.ran or None, passed=left.passed or None)
    return _on(lws, "Pod", leader, _marked(carried))


def prepare(lws: LeaderWorkerSet, workers: StatefulSet, mark: Mark, changes: Changes | None) -> Patch:
    """Mark the worker StatefulSet, and have it make its pods from the wanted revision without replacing any.

    Both in one write: the StatefulSet controller never sees the template without OnDelete. ``changes``: None
    for the mark alone. A template that is the wanted one already stays.
    """
    metadata, spec = _marked(mark), {}
    change = None if changes is None else changes.between(workers.revision_of_pods, mark.to)
    if change is not None:
        metadata["labels"] = {c.REVISION_LABEL: mark.to}
        labels = {**change.workers.labels, c.REVISION_LABEL: mark.to}
        template: Document = {"metadata": {"labels": labels}}
        if images := image_lists(change.workers):
            template["spec"] = images
        strategy = {"type": c.ON_DELETE, "rollingUpdate": None}
        spec = {"updateStrategy": strategy, "template": template}
    return _on(lws, "StatefulSet", workers, metadata, spec)


def settle(
    lws: LeaderWorkerSet, leader: Pod, workers: StatefulSet | None, mark: Mark, then: tuple[Effect, ...]
) -> Patch:
    """The worker StatefulSet as it was before, with its new template: all its pods are of that. Of a leader
    without workers only the mark changes.
    """
    if workers is None:
        return _on(lws, "Pod", leader, _marked(mark), then=then)
    strategy = {"type": c.ROLLING_UPDATE, "rollingUpdate": {"partition": 0}}
    return _on(lws, "StatefulSet", workers, _marked(mark), {"updateStrategy": strategy}, then=then)


def give_up(lws: LeaderWorkerSet, obj: KubeObject, mark: Mark, then: tuple[Effect, ...]) -> Patch:
    """Remember that the group is to be recreated after all, and why."""
    kind = "Pod" if isinstance(obj, Pod) else "StatefulSet"
    return _on(lws, kind, obj, _marked(mark), then=then)


def change_pod(
    lws: LeaderWorkerSet, pod: Pod, change: RoleChange, mark: Mark, *, controller_revision: str
) -> Patch:
    """The images and labels of ``mark.to``, and from what the containers have to differ then.

    ``controller_revision``: the StatefulSet controller's name for the template that the pod is now of.
    Containers that an earlier change has not got started yet are still waited for.
    """
    status = pod.status
    ids = {x.name: x.container_id for x in (*status.init_container_statuses, *status.container_statuses)}
    waiting, ran, passed = _left(pod)
    containers = waiting | {name: waiting.get(name, ids.get(name, "")) for name in change.images}
    generation = pod.metadata.generation and pod.metadata.generation + bool(change.images)
    runs = {x.name: x.image for x in (*pod.spec.init_containers, *pod.spec.containers)}
    full = replace(
        mark,
        generation=generation,
        containers=containers,
        ran=ran | {name: runs.get(name, "") for name in change.images if name not in waiting} or None,
        passed=passed | {x: [*passed.get(x, ()), runs.get(x, "")] for x in change.images if x in waiting}
        or None,
    )
    metadata = _marked(full) | {
        "resourceVersion": pod.metadata.resource_version,
        "labels": {
            **change.labels,
            c.REVISION_LABEL: mark.to,
            c.CONTROLLER_REVISION_LABEL: controller_revision,
        },
    }
    return _on(lws, "Pod", pod, metadata, image_lists(change))


class _Left(NamedTuple):
    """Containers that a former change has not got started yet: their containerIDs before it, the images that
    they ran then, and those that they were to have since.
    """

    waiting: dict[str, str]
    ran: dict[str, str]
    passed: dict[str, list[str]]


def _left(pod: Pod) -> _Left:
    former = mark_on(pod)
    if former is None:
        return _Left({}, {}, {})
    left = pending(former.containers or former.waiting or {}, pod)
    ran = {name: image for name, image in (former.ran or {}).items() if name in left}
    return _Left(left, ran, {name: x for name, x in (former.passed or {}).items() if name in left})


def image_lists(change: RoleChange) -> Document:
    """The containers that change, as a strategic merge patch of a pod's spec."""
    lists: Document = {}
    for name, image in change.images.items():
        kind = "initContainers" if name in change.sidecars else "containers"
        lists.setdefault(kind, []).append({"name": name, "image": image})
    return lists


def _marked(mark: Mark) -> Document:
    return {"annotations": {c.IN_PLACE_ANNOTATION: write_mark(mark)}}


def _on(
    lws: LeaderWorkerSet,
    kind: str,
    obj: KubeObject,
    metadata: Document,
    spec: Document | None = None,
    *,
    then: tuple[Effect, ...] = (),
) -> Patch:
    named = {"name": obj.name, "namespace": obj.namespace, "uid": obj.uid}
    document: Document = {"metadata": named | metadata}
    if spec:
        document["spec"] = spec
    failed = None
    if kind == "StatefulSet":  # that of a pod may be a conflict, which is none of the user's affairs
        note = f"Failed to update worker statefulset {obj.name} in place"
        failed = warning(lws, c.REASON_FAILED_UPDATE, "Update", note)
    return Patch(kind, document, then=then, failed=failed, unmet=False, strategic=True)
