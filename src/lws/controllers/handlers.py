"""Which change of which object leads to which key.

What is not news for a reconciler is filtered here, so that a pod becoming ready costs its set one pass and
not one for each field that moved on the way. What is news of a kind is said in ``news``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod, StatefulSet
from lws.controllers.commits import ForeignEntries
from lws.controllers.executor import Executor
from lws.controllers.indexes import BY_GROUP, BY_SET, group_of_owned, group_of_pod, leader_set_of, set_of
from lws.controllers.informers import Informers
from lws.controllers.inplace import watch_changes
from lws.controllers.news import (
    changed_reason,
    differs,
    leader_aspects,
    member_aspects,
    pod_aspects,
    reason_aspects,
    revision_changed,
    service_aspects,
    stateful_set_aspects,
    upkeep_aspects,
    worker_aspects,
)
from lws.objects import Key
from lws.planning.groups import Group, make_group
from lws.planning.observed import group_index
from lws.planning.recreation.commits import edited
from lws.planning.recreation.record import unrecorded
from lws.runtime.informers import Adder, EnqueueRequests


def watch(
    informers: Informers, sets: Adder[Key], later: Adder[Key], pods: Adder[Key], executor: Executor
) -> None:
    """Add the handlers. ``later``: the queue of sets through which bursts are one pass."""

    def groups_of(lws: LeaderWorkerSet) -> Iterable[Key]:
        return [pod.key for pod in informers.pods.by_index(BY_SET, lws.key)]

    def news(old: LeaderWorkerSet | None, new: LeaderWorkerSet) -> bool:
        """The answer to our own write is none, unless it is the first to tell of what a user changed."""
        return not executor.wrote(new) or _edited(old, new)

    def gated_group(worker: Pod) -> Iterable[Key]:
        """The group of a worker whose readiness its leader's gate depends on."""
        found = ((x, informers.pods.get(x)) for x in group_of_pod(worker))
        return [key for key, leader in found if leader is not None and leader.gated]

    def set_to_record(pod: Pod) -> Iterable[Key]:
        """The set of a pod whose group may just have become complete, or have started."""
        for group in group_of_pod(pod):
            workers, leader = informers.stateful_sets.get(group), informers.pods.get(group)
            if workers is None or leader is None:
                continue
            if len(informers.pods.by_index(BY_GROUP, group)) <= workers.spec.replicas:
                continue
            for key in set_of(leader):
                lws = informers.sets.get(key)
                if lws is not None and unrecorded(lws, [_own(lws, leader, workers)]):
                    yield key

    def _own(lws: LeaderWorkerSet, leader: Pod, workers: StatefulSet) -> Group:
        return make_group(lws, leader, [workers], informers.revisions.by_index(BY_SET, lws.key))

    informers.sets.add_handler(EnqueueRequests(sets, lambda lws: (lws.key,), news))
    informers.sets.add_handler(EnqueueRequests(pods, groups_of, _edited))
    informers.sets.add_handler(ForeignEntries(pods, executor.wrote))
    informers.stateful_sets.add_handler(EnqueueRequests(later, set_of, differs(stateful_set_aspects)))
    informers.stateful_sets.add_handler(EnqueueRequests(pods, group_of_owned, differs(upkeep_aspects)))
    informers.pods.add_handler(EnqueueRequests(pods, group_of_pod, differs(pod_aspects)))
    informers.pods.add_handler(EnqueueRequests(pods, gated_group, differs(worker_aspects)))
    watch_changes(informers, later, pods)
    informers.pods.add_handler(EnqueueRequests(later, leader_set_of, differs(leader_aspects)))
    informers.pods.add_handler(EnqueueRequests(later, set_to_record, differs(member_aspects)))
    informers.pods.add_handler(EnqueueRequests(later, set_of, changed_reason))
    informers.revisions.add_handler(EnqueueRequests(later, set_of, revision_changed))
    informers.services.add_handler(EnqueueRequests(sets, set_of, differs(service_aspects)))
    informers.services.add_handler(EnqueueRequests(pods, group_of_owned, differs(service_aspects)))


def watch_reasons(informers: Informers, later: Adder[Key], tells: Callable[[Key, int], bool]) -> None:
    """Why a group is not ready changes unheard while it is on its way, until it is told.

    ``tells``: whether that is so, of a set and the index of its group.
    """

    def set_that_tells(pod: Pod) -> Iterable[Key]:
        index = group_index(pod)
        return [key for key in set_of(pod) if index is not None and tells(key, index)]

    informers.pods.add_handler(EnqueueRequests(later, set_that_tells, differs(reason_aspects)))


def _edited(old: LeaderWorkerSet | None, new: LeaderWorkerSet) -> bool:
    """A change of the spec or of an annotation may let a group's pass do what it had to leave undone; labels
    and annotations are handed on to what the group has.

    So may a set that appears after its pods: caches start at different moments.
    """
    return old is None or edited(old, new) or old.labels != new.labels
