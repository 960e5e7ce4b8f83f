"""Which outdated leader pods the controller deletes itself, so that a roll is as fast as the user allows.

The StatefulSet controller replaces one leader after another, unless the cluster's feature gate
MaxUnavailableStatefulSet is on. Which ones it may replace is decided in ``rollout``, by the partition; here
those that the user's budget allows are deleted together. How far the partition goes may not be decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod, StatefulSet
from lws.objects import controlled_by
from lws.planning.actions import Delete
from lws.planning.observed import ObservedSet, group_index
from lws.planning.rollout.numbers import GroupState, group_states, rollout_numbers


def plan_replacements(observed: ObservedSet, leader: StatefulSet | None, key: str) -> tuple[Delete, ...]:
    """Delete the outdated leaders from the partition up, the highest first, within the budget of groups.

    ``leader``: the leader StatefulSet as the apply of this pass left it; ``key``: the revision applied.
    Foreground, so that a group is gone as a whole before its successor appears. Nothing before the
    StatefulSet controller has seen the applied spec: it would rebuild the pods from the former template, to
    be deleted again. Raises ValueError as ``rollout_numbers`` does.
    """
    lws = observed.lws
    if leader is None or lws.deleting or not _rebuilds_as(leader, key):
        return ()
    states = group_states(
        lws, key, leader.spec.replicas, leaders=observed.leaders, worker_sets=observed.worker_sets
    )
    outdated = _outdated(lws, leader, observed.leaders, key)
    return tuple(
        Delete("Pod", pod.key, pod.uid, propagation="Foreground")
        for pod in _affordable(outdated, states, spare=_spare(lws, states))
    )


def _rebuilds_as(leader: StatefulSet, key: str) -> bool:
    """Whether a leader pod that is missing, at the partition or above, will come back as revision ``key``."""
    status = leader.status
    return (
        not leader.deleting
        and leader.labels.get(c.REVISION_LABEL) == key
        and status.observed_generation >= leader.metadata.generation
        and status.update_revision != ""
    )


def _outdated(
    lws: LeaderWorkerSet, leader: StatefulSet, leaders: Iterable[Pod], key: str
) -> list[tuple[int, Pod]]:
    """Group index and leader pod of what is to be replaced, the highest index first."""
    window = range(leader.spec.update_strategy.rolling_update.partition, leader.spec.replicas)
    indexed = ((group_index(pod), pod) for pod in leaders)
    found = [
        (index, pod)
        for index, pod in indexed
        if index is not None
        and index in window
        and pod.name == f"{lws.name}-{index}"
        and pod.labels.get(c.REVISION_LABEL) != key
        and not pod.deleting
        and controlled_by(pod, leader.uid)
    ]
    return sorted(found, key=lambda one: one[0], reverse=True)


def _spare(lws: LeaderWorkerSet, states: Sequence[GroupState]) -> int:
    """How many ready groups, surge included, there are beyond those that have to stay."""
    numbers = rollout_numbers(lws)
    return sum(x.ready for x in states) - (numbers.replicas - numbers.max_unavailable)


def _affordable(
    outdated: Iterable[tuple[int, Pod]], states: Sequence[GroupState], *, spare: int
) -> Iterator[Pod]:
    """Groups that are down cost nothing; those that are ready go while one can be spared."""
    for index, pod in outdated:
        if states[index].ready:
            if spare <= 0:
                continue
            spare -= 1
        yield pod
