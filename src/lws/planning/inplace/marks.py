"""The marks that an in-place update leaves on objects, from which every pass learns where it is.

All are the value of one annotation. On the worker StatefulSet, or a leader without workers, it says how far
the group is, and once it is settled, from which counts on restarts are failures again; on pods it tells from
which containers the new ones have to differ.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from lws.api import constants as c
from lws.api.timestamps import epoch, rfc3339
from lws.api.workloads import ContainerState, Pod, StatefulSet
from lws.objects import KubeObject


class Mark(Struct, frozen=True, omit_defaults=True):
    """``to``: revision key. ``at``: RFC 3339, when the group was chosen; of a pod, when it was changed.

    ``anew``: why the group is to be recreated after all. Of pods: ``generation`` that the change made,
    ``containers`` that it touched by name, with their containerIDs before; of leaders the ``members``, as a
    digest of the workers' UIDs. ``waiting``: containers of a former change that had not been started when the
    group was chosen again. ``ran``: the images with which those of ``containers``, or ``waiting``, had been
    started. ``passed``: the images that they were to have in between, and may be started with yet.
    ``settled``: nothing is left to do; ``counts``: of restarts at that moment, as the group's record has
    them.
    """

    to: str
    at: str = ""
    anew: str = ""
    generation: int = 0
    containers: dict[str, str] | None = None
    members: str = ""
    waiting: dict[str, str] | None = None
    ran: dict[str, str] | None = None
    passed: dict[str, list[str]] | None = None
    settled: bool = False
    counts: str = ""


@functools.lru_cache(maxsize=4096)
def read_mark(text: str) -> Mark | None:
    """None for what somebody else wrote there."""
    try:
        return msgspec.json.decode(text, type=Mark)
    except ValueError:
        return None


def write_mark(mark: Mark) -> str:
    """Compact JSON."""
    return msgspec.json.encode(mark).decode()


def marked(to: str, now: float, *, anew: str = "") -> Mark:
    """A group is chosen for revision ``to``, or given up with the cause ``anew``."""
    return Mark(to, rfc3339(now), anew)


def mark_on(obj: KubeObject) -> Mark | None:
    """What the object itself carries."""
    text = obj.annotations.get(c.IN_PLACE_ANNOTATION)
    return read_mark(text) if text else None


def mark_of(leader: Pod, workers: StatefulSet | None, *, alone: bool) -> Mark | None:
    """The mark of a group under way; ``workers``: the leader's own StatefulSet, ``alone``: it has none."""
    bearer = leader if alone else workers
    return open_mark(bearer) if bearer is not None else None


def open_mark(obj: KubeObject) -> Mark | None:
    """What the object carries, unless that is settled."""
    mark = mark_on(obj)
    return None if mark is None or mark.settled else mark


def settled_counts(leader: Pod, workers: StatefulSet | None, *, alone: bool) -> str | None:
    """The restart counts at the end of the last update, if that brought the group to its present revision."""
    bearer = leader if alone else workers
    mark = mark_on(bearer) if bearer is not None else None
    current = mark is not None and mark.settled and mark.to == leader.labels.get(c.REVISION_LABEL)
    return mark.counts if mark is not None and current else None


def updated_in_place(pod: Pod, key: str) -> bool:
    """Whether the pod came to revision ``key`` in place, so that its restart counts began before that."""
    mark = mark_on(pod)
    return mark is not None and mark.to == key


def changed_to(pod: Pod, key: str) -> bool:
    """Whether the pod itself was changed for revision ``key``, and does not only carry its group's mark."""
    mark = mark_on(pod)
    return mark is not None and mark.to == key and mark.containers is not None


def began(pods: Iterable[Pod], key: str) -> float:
    """When the first of them was changed for revision ``key``, in seconds since 1970; 0 when none was."""
    marks = [mark_on(x) for x in pods if changed_to(x, key)]
    return min((epoch(x.at) for x in marks if x is not None and x.at), default=0.0)


def proven(pod: Pod, *, late: bool = False) -> bool:
    """Whether every container that the last change touched has been started anew since, or need not be.

    By its containerID: image and imageID are what the runtime makes of them, and equal for two tags of one
    digest. The kubelet reports a generation before it deals with its containers, so one that has not reported
    this one has not begun. It deals with one generation after the other: a container that it has left alone
    until then, and that runs the very image, stays. Before Kubernetes 1.33 no generation is reported, and
    only at the end of all time (``late``) such a container counts. One that reports an image which it was to
    have in between is about to be started once more. A pod without the mark was made from the new template.
    """
    mark = mark_on(pod)
    if mark is None or mark.containers is None:
        return True
    seen = pod.status.observed_generation
    left = pending(mark.containers, pod)
    if late and left and left.keys() <= _as_before(mark, pod):
        return True
    if (seen and seen < mark.generation) or (not late and _in_between(mark, pod)):
        return False
    return not (left.keys() - _as_before(mark, pod) if seen else left)


def _as_before(mark: Mark, pod: Pod) -> set[str]:
    """Containers that run, and are to run what they did before the first change that has not been done."""
    wanted = {x.name: x.image for x in (*pod.spec.init_containers, *pod.spec.containers)}
    statuses = (*pod.status.init_container_statuses, *pod.status.container_statuses)
    here = {x.name for x in statuses if x.container_id and x.state == ContainerState()}
    return {x for x, image in (mark.ran or {}).items() if x in here and wanted.get(x) == image}


def _in_between(mark: Mark, pod: Pod) -> bool:
    """Whether a container runs what it was to run between two changes: a kubelet that was late has started
    it from the former one, and may report it together with the generation of the last.
    """
    passed = mark.passed or {}
    wanted = {x.name: x.image for x in (*pod.spec.init_containers, *pod.spec.containers)}
    return any(
        one.image == image or one.image.endswith(f"/{image}")
        for one in (*pod.status.init_container_statuses, *pod.status.container_statuses)
        for image in passed.get(one.name, ())
        if image != wanted.get(one.name)
    )


def pending(before: Mapping[str, str], pod: Pod) -> dict[str, str]:
    """Those of the containers ``before`` (by name, their containerIDs) that have not been started since."""
    status = pod.status
    now = {x.name: x.container_id for x in (*status.init_container_statuses, *status.container_statuses)}
    return {name: id_ for name, id_ in before.items() if now.get(name, "") in ("", id_)}
