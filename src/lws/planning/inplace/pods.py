"""Of single pods: whether one can be changed, and what its StatefulSet controller knows and does of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod, StatefulSet
from lws.planning.documents import group_annotations
from lws.planning.inplace.eligibility import Change
from lws.planning.revisions import Template


def unfit(lws: LeaderWorkerSet, pod: Pod, change: Change, wanted: Template, *, leads: bool) -> str:
    """Why this pod cannot become one of ``wanted``; empty when it can.

    Only what is as its own revision says can: what somebody else has changed is not known to us.
    """
    if change.refusal:
        return f"pod {pod.name} is of a revision that cannot be changed into the wanted one"
    spec = pod.spec
    found = {x.name: x.image for x in (*spec.init_containers, *spec.containers)}
    for name, image in change.of(leader=leads).was.items():
        if found.get(name) != image:
            return f"the image of container {name} of pod {pod.name} is not its template's"
    handed_on = group_annotations(lws, wanted)
    if any(pod.annotations.get(x) != value for x, value in handed_on.items()):
        return f"the annotations of pod {pod.name} are not what the set hands on"
    return ""


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
