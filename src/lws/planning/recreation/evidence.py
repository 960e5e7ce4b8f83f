"""What counts as the death of a group, under the policy of its own revision (docs/decisions/100 and 101).

A restart count or a missing pod says that something happened, not when. So everything is measured against
where deaths began to count for this incarnation of the group: the restart counts and the workers in its
record, and what the watch showed while it happened. How soon a dead group is recreated may not live here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import Final, NamedTuple

from lws.api import constants as c
from lws.api.leaderworkerset import GroupStatus, LeaderWorkerSet
from lws.api.workloads import Pod, StatefulSet
from lws.objects import controller_of
from lws.planning.groups import Group
from lws.planning.inplace.marks import updated_in_place
from lws.planning.observed import Certainty, ObservedGroup, belongs_to, members, worker_set_of
from lws.planning.recreation.backoff import decided, speaks_of, stored_entry

CONTAINER_RESTARTED: Final = "container_restarted"
POD_FAILED: Final = "pod_failed"
POD_DELETED: Final = "pod_deleted"
POD_DISRUPTED: Final = "pod_disrupted"
POD_REPLACED: Final = "pod_replaced"
CAUSES: Final = (CONTAINER_RESTARTED, POD_FAILED, POD_DELETED, POD_DISRUPTED, POD_REPLACED)
"""Why groups are recreated. Disrupted: by an eviction, a taint, a preemption, the end of a node; deleted: by
anybody else; replaced: nobody saw what became of the pod."""

FAILURES: Final = frozenset({CONTAINER_RESTARTED, POD_FAILED})
"""What counts against maxGroupRestarts: the group's own doing."""


class Mode(Enum):
    """Whether deaths count: never, always, or only once the group has started."""

    NEVER = auto()
    ALWAYS = auto()
    AFTER_START = auto()


class Cause(NamedTuple):
    """Why a group is recreated. ``pod``: the one that failed; None when nobody saw which.

    ``counts``: as a failure of the group. ``needs``: what has to be read from the server before acting on it.
    """

    name: str
    pod: Pod | None
    counts: bool
    needs: Certainty = Certainty.CACHED


def mode_of(lws: LeaderWorkerSet, own: Group) -> Mode:
    """The table of reconcilers.md, 7.3, by the policy of the group's own revision; of the annotation, which
    is in no revision, the presence on the live set counts."""
    policy = own.shape.restart_policy
    if policy == c.RESTART_RECREATE_GROUP_AFTER_START:
        return Mode.AFTER_START
    if policy != c.RESTART_RECREATE_GROUP:
        return Mode.NEVER
    return Mode.AFTER_START if c.RECREATE_AFTER_START_ANNOTATION in lws.annotations else Mode.ALWAYS


def born_uncounted(own: Group) -> bool:
    """Deaths did not count when the group was made, as its worker StatefulSet says until it is recorded.

    The set's annotation is in no revision, and may be gone by now.
    """
    return own.workers is not None and c.RECREATE_AFTER_START_ANNOTATION in own.workers.annotations


def keeps_mark(lws: LeaderWorkerSet, own: Group) -> bool:
    """Whether that has to stay on the worker StatefulSet, though the set does not have it any more."""
    return born_uncounted(own) and mode_of(lws, own) == Mode.ALWAYS and record_of(lws, own.leader) is None


def has_started(own: Group, pods: Sequence[Pod]) -> bool:
    """All pods of the group are there, and each has started and not ended; ``pods``: with the leader."""
    return len(pods) == own.shape.size and not any(x.ended or x.status.phase == "Pending" for x in pods)


def deaths_count(lws: LeaderWorkerSet, own: Group, pods: Sequence[Pod]) -> bool:
    """Whether what happens to one of ``pods`` now is a death: they are the group a moment before.

    With an after-start policy it is once the group has been whole: its record says so, or all of ``pods``
    have started and none of them was going already.
    """
    mode = mode_of(lws, own)
    if mode != Mode.AFTER_START:
        return mode == Mode.ALWAYS
    if record_of(lws, own.leader) is not None:
        return True
    return has_started(own, pods) and not any(x.deleting for x in pods)


def record_of(lws: LeaderWorkerSet, leader: Pod) -> GroupStatus | None:
    """The entry of this very leader, if its incarnation is recorded."""
    entry = stored_entry(lws, leader)
    return entry if entry is not None and entry.workers and speaks_of(entry, leader) else None


def find_cause(group: ObservedGroup, lws: LeaderWorkerSet, own: Group) -> Cause | None:
    """What asks for recreation: what was found before, what is seen, or what the record lacks.

    What is seen of a pod stays true of it however old the cache is. That a pod of the record is missing may
    be an old cache's mistake, so this has to be confirmed; and so has a leader before its entry takes the
    place of another one's, for that may be its successor's.
    """
    mode = mode_of(lws, own)
    if mode == Mode.NEVER:
        return None
    leader = own.leader
    entry = stored_entry(lws, leader)
    known = entry is not None and speaks_of(entry, leader) and decided(entry)
    seen = _seen(group, lws, own, mode)
    if known:
        found = seen or Cause(POD_REPLACED, None, counts=True)
        return found._replace(counts=True)
    if seen is not None:
        mine = entry is None or speaks_of(entry, leader)
        return seen if mine else seen._replace(needs=Certainty.LEADER)
    record = record_of(lws, leader)
    if record is not None and _replaced(group, leader, record):
        return Cause(POD_REPLACED, None, counts=False, needs=Certainty.GROUP)
    return None


def _seen(group: ObservedGroup, lws: LeaderWorkerSet, own: Group, mode: Mode) -> Cause | None:
    """What was seen of pods; the first pod by name is named.

    A pod of another revision than its leader's is being replaced anyway and asks for nothing. Where a pod was
    deleted or disrupted, what its neighbours do follows from that, and is no failure of the group.
    """
    lost = group.incidents.lost
    sets = (*group.worker_sets, *(x for x in lost if isinstance(x, StatefulSet)))
    leader = own.leader
    found = [
        (pod.name, why, pod)
        for pod, why in (*_going(group, lws, own, mode), *_restarted(group, lws, own, mode))
        if pod.labels.get(c.REVISION_LABEL) == own.key
        and (pod.uid == leader.uid or belongs_to(pod, leader, sets))
    ]
    if not found:
        return None
    _, why, pod = min(found, key=lambda one: one[0])
    causes = {x for _, x, _ in found}
    name = POD_DISRUPTED if POD_DISRUPTED in causes else why
    return Cause(name, pod, counts=causes <= FAILURES)


def _going(group: ObservedGroup, lws: LeaderWorkerSet, own: Group, mode: Mode) -> Iterable[tuple[Pod, str]]:
    """Pods on their way out or gone; of what the watch judged when it began, that judgement holds.

    Of what it did not, an after-start group without a record cannot say whether it began before the start.
    """
    incidents = group.incidents
    judged = {x.uid for x in incidents.lost} | incidents.excused_deletions
    staying = {x.uid for x in group.pods if not x.deleting}  # failed, but yet to be deleted
    lost = [x for x in incidents.lost if isinstance(x, Pod) and x.uid not in staying]
    for gone in (*lost, *(incidents.unjudged if mode == Mode.ALWAYS else ())):
        yield gone, _why_gone(gone, POD_FAILED if gone.status.phase == "Failed" else POD_DELETED)
    counts = mode == Mode.ALWAYS or record_of(lws, own.leader) is not None
    for pod in (own.leader, *group.pods) if counts else ():
        if pod.deleting and pod.uid not in judged:
            yield pod, _why_gone(pod, POD_DELETED)


def _why_gone(pod: Pod, otherwise: str) -> str:
    return POD_DISRUPTED if pod.disrupted else otherwise


def _restarted(
    group: ObservedGroup, lws: LeaderWorkerSet, own: Group, mode: Mode
) -> Iterable[tuple[Pod, str]]:
    """Pods whose containers restarted since deaths count, for no reason but their own.

    Failed pods do not restart: the StatefulSet controller deletes them. Without a record only a group whose
    deaths have counted from its birth has a baseline, which is zero: else only what the watch saw is known.
    An in-place update restarts containers, and nothing counts until it is over.
    """
    if own.mark is not None:
        return
    incidents, record = group.incidents, record_of(lws, own.leader)
    from_birth = mode == Mode.ALWAYS and not relabelled(lws, own) and not born_uncounted(own)
    settled = own.settled_counts
    known = record is not None or from_birth or (mode == Mode.ALWAYS and settled is not None)
    baseline = highest(parse_counts(record.restart_counts) if record is not None else {}, settled)
    for pod in {x.uid: x for x in (own.leader, *group.pods)}.values():
        count = pod.restarts
        if count == 0 or pod.status.phase not in ("Running", "Pending"):
            continue
        floor = max(baseline.get(ordinal_of(pod, own.leader), 0), incidents.excused_restarts.get(pod.uid, 0))
        if pod.uid in incidents.restarted or (known and count > floor and not pod.resizing):
            yield pod, CONTAINER_RESTARTED


def highest(counts: Mapping[str, int], settled: str | None) -> dict[str, int]:
    """The recorded counts, or those at the end of an update in place, which may be younger."""
    later = parse_counts(settled or "")
    return {x: max(counts.get(x, 0), later.get(x, 0)) for x in counts.keys() | later.keys()}


def relabelled(lws: LeaderWorkerSet, own: Group) -> bool:
    """Whether the group came to its revision otherwise than by being made from it: its counts are older."""
    if updated_in_place(own.leader, own.key):
        return True
    stored = stored_entry(lws, own.leader)
    return stored is not None and stored.leader == own.leader.uid and stored.revision != own.key


def ordinal_of(pod: Pod, leader: Pod) -> str:
    """The pod's place in its group, ``0`` for the leader."""
    return "0" if pod.uid == leader.uid else pod.name.removeprefix(f"{leader.name}-")


def format_counts(counts: Mapping[str, int]) -> str:
    """Restart counts by ordinal, as the record holds them: ``0=2,3=1``, without those that are zero."""
    some = sorted((int(x), count) for x, count in counts.items() if count and x.isdigit())
    return ",".join(f"{ordinal}={count}" for ordinal, count in some)


def parse_counts(text: str) -> dict[str, int]:
    """The reverse; what others wrote there and is no count is passed over."""
    return {x: int(count) for x, count in re.findall(r"(?:^|,)(\d{1,9})=(\d{1,9})(?=,|$)", text)}


def _replaced(group: ObservedGroup, leader: Pod, entry: GroupStatus) -> bool:
    """The group as seen is not the recorded one: no first part of its workers is.

    Without its worker StatefulSet nothing can be told: that is created again first. More pods than were
    recorded are no death: somebody scaled the StatefulSet.
    """
    if worker_set_of(leader, group.worker_sets) is None:
        return False
    if any(_unsettled(group, leader, x) for x in group.pods):
        return False
    return all(x != entry.workers for x in digests(workers_of(group, leader)))


def _unsettled(group: ObservedGroup, leader: Pod, pod: Pod) -> bool:
    """A worker by its name whose StatefulSet is gone: about to be adopted by the next, or to go, too."""
    if pod.deleting or not pod.name.removeprefix(f"{leader.name}-").isdigit():
        return False
    owner = controller_of(pod)
    if owner is None:
        return True
    known = any(x.uid == owner.uid for x in group.worker_sets)
    return owner.kind == "StatefulSet" and owner.name == leader.name and not known


def workers_of(group: ObservedGroup, leader: Pod) -> list[Pod]:
    """The leader's workers, in the order of their ordinals."""
    found = [x for x in members(group) if x.uid != leader.uid]
    return sorted(found, key=lambda pod: (len(pod.name), pod.name))


def digests(workers: Iterable[Pod]) -> Iterable[str]:
    """Of the first workers' UIDs: of none, of one, and so on up to all of them; 16 hex digits each."""
    digest = hashlib.sha256()
    yield digest.hexdigest()[:16]
    for pod in workers:
        digest.update(pod.uid.encode() + b"\n")
        yield digest.hexdigest()[:16]
