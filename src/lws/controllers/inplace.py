"""What leads to a pass over a group that is being updated in place."""

from __future__ import annotations

from collections.abc import Iterable

from lws.api.workloads import Pod, StatefulSet
from lws.controllers.catchingup import CatchingUp
from lws.controllers.indexes import BY_MARKED, group_of_pod, set_of
from lws.controllers.informers import Informers
from lws.controllers.news import changing_aspects, course_aspects, differs
from lws.objects import Key
from lws.planning.inplace.marks import mark_of, mark_on, settled_counts
from lws.planning.recreation.evidence import ordinal_of, parse_counts
from lws.runtime.informers import Adder, EnqueueRequests


def under_way(informers: Informers, key: Key) -> bool:
    """Whether the group of this leader is being updated in place, as far as the caches show."""
    leader, workers = informers.pods.get(key), informers.stateful_sets.get(key)
    return leader is not None and mark_of(leader, workers, alone=workers is None) is not None


def of_an_update(informers: Informers, caches: CatchingUp, leader: Pod, pod: Pod) -> bool:
    """Whether the pod's restarts so far belong to an update in place: one that goes on, or the last one.

    That may have been settled by what the API server itself showed, before the watch tells of the restarts.
    While ``caches`` may be late, nobody can tell how far the update of a pod is that has had one: what counts
    then is what the group's record, and its counts, say.
    """
    if under_way(informers, leader.key):
        return True
    if mark_on(pod) is not None and not all(caches.known(key) for key in set_of(leader)):
        return True
    workers = informers.stateful_sets.get(leader.key)
    counts = settled_counts(leader, workers, alone=workers is None)
    return pod.restarts <= parse_counts(counts or "").get(ordinal_of(pod, leader), 0)


def watch_changes(informers: Informers, sets: Adder[Key], groups: Adder[Key]) -> None:
    """Every change of a pod that its group's update may wait for, and of the leader StatefulSet."""

    def marked(one: StatefulSet) -> Iterable[Key]:
        """Groups of the set whose leader StatefulSet this is that have been updated in place, or are."""
        if informers.sets.get(one.key) is None:
            return ()
        pods, sets = (x.by_index(BY_MARKED, one.key) for x in (informers.pods, informers.stateful_sets))
        return {x.key for x in (*pods, *sets)}

    def waiting(one: StatefulSet) -> Iterable[Key]:
        return [key for key in marked(one) if under_way(informers, key)]

    def rolling(one: StatefulSet) -> Iterable[Key]:
        return (one.key,) if any(True for _ in marked(one)) else ()

    def changing(pod: Pod) -> Iterable[Key]:
        if mark_on(pod) is None:
            return ()
        return [key for key in group_of_pod(pod) if under_way(informers, key)]

    informers.pods.add_handler(EnqueueRequests(groups, changing, differs(changing_aspects)))
    informers.stateful_sets.add_handler(EnqueueRequests(groups, waiting, differs(course_aspects)))
    informers.stateful_sets.add_handler(EnqueueRequests(sets, rolling, differs(course_aspects)))
