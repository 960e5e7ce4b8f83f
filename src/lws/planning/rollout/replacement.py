"""Which outdated leader pods the controller deletes itself, so that a roll is as fast as the user allows.

The StatefulSet controller replaces one leader after another, unless the cluster's feature gate
MaxUnavailableStatefulSet is on. Which ones it may replace is decided in ``rollout``, by the partition; here
those that the user's budget allows are deleted together. How far the partition goes may not be decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod, StatefulSet
from lws.objects import controlled_by
from lws.planning.actions import Delete
from lws.planning.events import failed_delete
from lws.planning.groups import Group, Groups
from lws.planning.rollout.numbers import rollout_numbers
from lws.planning.termination import propagation


def plan_replacements(
    lws: LeaderWorkerSet, groups: Groups, leader: StatefulSet | None, key: str
) -> tuple[Delete, ...]:
    """Delete the outdated leaders from the partition up, the highest first, within the budget of groups.

    ``leader``: the leader StatefulSet as the apply of this pass left it; ``key``: the revision applied.
    In the background, so that a leader drains while its workers live, unless the set wants its pods to stop
    together; the StatefulSet controller's deletions of the same roll go likewise. Nothing before that has
    seen the applied spec: it would rebuild the pods from the former template, to be deleted again. Raises
    ValueError as ``rollout_numbers`` does.
    """
    if leader is None or lws.deleting or not rebuilds_as(leader, key):
        return ()
    outdated = _outdated(groups, leader, key)
    return tuple(_replace(lws, x) for x in _affordable(outdated, spare=spare_groups(lws, groups, leader)))


def _replace(lws: LeaderWorkerSet, leader: Pod) -> Delete:
    failed = failed_delete(lws, "leader pod", leader.name, leader=leader)
    return Delete("Pod", leader.key, leader.uid, propagation=propagation(lws), failed=failed)


def rebuilds_as(leader: StatefulSet, key: str) -> bool:
    """Whether a leader pod that is missing, at the partition or above, will come back as revision ``key``."""
    status = leader.status
    return (
        not leader.deleting
        and leader.labels.get(c.REVISION_LABEL) == key
        and status.observed_generation >= leader.metadata.generation
        and status.update_revision != ""
    )


def _outdated(groups: Groups, leader: StatefulSet, key: str) -> list[Group]:
    """What is to be replaced, the highest index first."""
    window = range(leader.spec.update_strategy.rolling_update.partition, leader.spec.replicas)
    return [
        group
        for index in reversed(window)
        if (group := groups.by_index.get(index)) is not None
        and group.key != key
        and not group.leader.deleting
        and controlled_by(group.leader, leader.uid)
    ]


def spare_groups(lws: LeaderWorkerSet, groups: Groups, leader: StatefulSet) -> int:
    """``RolloutNumbers.spare`` of the groups that the leader StatefulSet is to have."""
    available = sum(x.available for i, x in groups.by_index.items() if i < leader.spec.replicas)
    return rollout_numbers(lws).spare(available)


def _affordable(outdated: Iterable[Group], *, spare: int) -> Iterator[Pod]:
    """Leaders to delete: groups that are down cost nothing, ready ones go while one can be spared."""
    for group in outdated:
        if group.ready:
            if spare <= 0:
                continue
            spare -= 1
        yield group.leader
