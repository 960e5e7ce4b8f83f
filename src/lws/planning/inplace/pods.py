"""Of single pods: whether one can be changed, and what its StatefulSet controller knows and does of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod, StatefulSet
from lws.planning.documents import group_annotations
from lws.planning.inplace.eligibility import Change
from lws.planning.inplace.marks import mark_on
from lws.planning.revisions import Template


def unfit(lws: LeaderWorkerSet, pod: Pod, change: Change, wanted: Template, *, leads: bool) -> str:
    """Why this pod cannot become one of ``wanted``; empty when it can.

    Only what is as its own revision says can: what somebody else has changed is not known to us.
    """
    if change.refusal:
        return f"pod {pod.name} is of a revision that cannot be changed into the wanted one"
    if cause := foreign_image(pod, change.of(leader=leads).was):
        return cause
    handed_on = group_annotations(lws, wanted)
    if any(pod.annotations.get(x) != value for x, value in handed_on.items()):
        return f"the annotations of pod {pod.name} are not what the set hands on"
    return ""


def foreign_image(pod: Pod, images: Mapping[str, str]) -> str:
    """Which container has another image than its template's, ``images`` by container; empty for none."""
    found = {x.name: x.image for x in (*pod.spec.init_containers, *pod.spec.containers)}
    other = next((name for name, image in images.items() if found.get(name) != image), None)
    return "" if other is None else f"the image of container {other} of pod {pod.name} is not its template's"


def changed_since(members: Sequence[Pod], wanted: Change | None) -> str:
    """What somebody else changed of pods that have been changed, the leader first: their restarts are
    excused, so nobody else would notice. ``wanted``: from the revision they are of to itself.
    """
    roles = () if wanted is None else (wanted.of(leader=x == 0).was for x in range(len(members)))
    found = (foreign_image(pod, images) for pod, images in zip(members, roles, strict=False))
    return next(filter(None, found), "")


def came_since(leader: Pod, key: str, digest: str) -> bool:
    """Workers have come since the leader was changed to revision ``key``, which nobody may have seen.

    ``digest``: of the workers' UIDs.
    """
    mark = mark_on(leader)
    return mark is not None and bool(mark.members) and mark.to == key and mark.members != digest


def carrying(owner: StatefulSet, pods: Iterable[Pod]) -> int:
    """How many of these pods that stay have the label of the StatefulSet's newest template."""
    return sum(x.controller_revision == owner.status.update_revision and not x.deleting for x in pods)


def all_counted(workers: StatefulSet, pods: Sequence[Pod]) -> bool:
    """Whether the StatefulSet controller knows every worker for one of the new template, and so keeps it.

    Equal numbers are the same pods, as none is missing or going, and none had been changed away from this
    template without its being heard of (``miscounted``).
    """
    count = workers.spec.replicas
    return len(pods) == carrying(workers, pods) == count == workers.status.updated_replicas


def miscounted(owner: StatefulSet, known: int) -> bool:
    """Whether its controller takes pods for updated that are not any more; ``known``: those that are.

    Their labels were changed away from its present template, and it has not heard of that. Were one changed
    back now, nothing would seem to have been, and it would hear of the change in between once it may replace
    outdated pods.
    """
    return owner.status.updated_replicas > known


def spared(leaders: StatefulSet | None, key: str, index: int | None) -> bool:
    """Whether the leader StatefulSet is of revision ``key``, and known not to replace this group's leader."""
    if leaders is None or not leaders.seen or leaders.labels.get(c.REVISION_LABEL) != key:
        return False
    return (index or 0) < leaders.spec.update_strategy.rolling_update.partition


def comes_again(leaders: StatefulSet, key: str, index: int | None) -> bool:
    """Whether a leader of revision ``key`` that is deleted will be made from that revision again."""
    current = leaders.labels.get(c.REVISION_LABEL) == key
    exposed = (index or 0) >= leaders.spec.update_strategy.rolling_update.partition
    return leaders.seen and current == exposed
