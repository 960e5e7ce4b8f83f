"""What a set's status records of its groups, so that a death is noticed late or by another process.

A group's incarnation is recorded once, when it is first seen complete (docs/decisions/010). What follows from
a record may not live here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import GroupStatus, LeaderWorkerSet
from lws.api.workloads import Pod, StatefulSet
from lws.planning.actions import Document, StoreEntry
from lws.planning.groups import Group, Groups, group_of
from lws.planning.inplace.marks import updated_in_place
from lws.planning.observed import ObservedGroup, ObservedSet, group_index, members, number_in
from lws.planning.recreation.backoff import (
    decided,
    entry_difference,
    entry_for,
    recorded_of,
    speaks_of,
    stored_entry,
)
from lws.planning.recreation.evidence import (
    Mode,
    born_uncounted,
    digests,
    format_counts,
    has_started,
    mode_of,
    ordinal_of,
    parse_counts,
    record_of,
    relabelled,
    workers_of,
)

_RECREATING: Final = (c.RESTART_RECREATE_GROUP, c.RESTART_RECREATE_GROUP_AFTER_START)


class Records(NamedTuple):
    """``patch``: of ``status.groups``. ``replacing``: leaders whose record replaces that of another one."""

    patch: Document
    replacing: tuple[Pod, ...] = ()


def unrecorded(lws: LeaderWorkerSet, groups: Iterable[Group]) -> list[Group]:
    """Groups that may have to be recorded: all pods of them are needed for ``plan_records``."""
    return [x for x in groups if x.shape.restart_policy in _RECREATING and not _recorded(lws, x)]


def plan_records(
    observed: ObservedSet, groups: Groups, leader_set: StatefulSet | None, *, now: str
) -> Records:
    """What differs from the stored records.

    ``now``: RFC 3339. A group that only waits for its next leader keeps its record; one that is not wanted
    any more and has no leader loses it.
    """
    lws = observed.lws
    wanted = _incarnations(observed, groups)
    patch: Document = {}
    replacing = []
    for group in groups.all:
        leader = group.leader
        stored = _stored(lws, group)
        entry = _timed(observed, group, wanted.get(leader.uid, stored))
        if entry is None:
            continue
        if entry.restarts and not entry.ready_time and entry.leader == leader.uid and group.ready:
            entry = replace(entry, ready_time=now)
        if difference := entry_difference(stored, entry):
            patch[str(group.index)] = difference
            if stored is not None and stored.leader != entry.leader:
                replacing.append(leader)
    return Records(patch | _removed(lws, groups, leader_set), tuple(replacing))


def _timed(observed: ObservedSet, group: Group, entry: GroupStatus | None) -> GroupStatus | None:
    """The entry with the time since when its group has been ready, where the set has minReadySeconds.

    One that speaks of this leader under a former revision says what its death is measured by, until the group
    is recorded anew; it stays.
    """
    leader = group.leader
    since = observed.ready_times.get(leader.uid, "")
    mine = entry is not None and entry.leader == leader.uid
    if not since:
        outlived = entry is not None and entry.ready_since and (mine or not observed.ready_times)
        return replace(entry, ready_since="") if entry is not None and outlived else entry
    if group.index is None or (entry is not None and mine and entry.workers and entry.revision != group.key):
        return entry
    return replace(entry_for(entry, leader), ready_since=since)


def failed_groups(lws: LeaderWorkerSet, groups: Groups) -> list[int]:
    """Indexes of the groups that are left failed: the mark is their present leader's, which stays."""
    marked = ((x, _stored(lws, x)) for x in groups.all if not x.leader.deleting)
    failed = (x for x, entry in marked if entry is not None and entry.failed and speaks_of(entry, x.leader))
    return sorted(x.index for x in failed if x.index is not None)


def _stored(lws: LeaderWorkerSet, group: Group) -> GroupStatus | None:
    """What the status holds of a group, be it of this leader or of a former one."""
    return None if group.index is None else recorded_of(lws, str(group.index))


def _recorded(lws: LeaderWorkerSet, group: Group) -> bool:
    """Its incarnation is known, or does not matter any more; a leader alone matters after a restart only."""
    if group.index is None:
        return True
    entry = _stored(lws, group)
    if entry is None or entry == GroupStatus(entry.leader, entry.revision, ready_since=entry.ready_since):
        return group.alone and not updated_in_place(group.leader, group.key)
    return speaks_of(entry, group.leader) and bool(entry.workers or decided(entry))


def _incarnations(observed: ObservedSet, groups: Groups) -> dict[str, GroupStatus]:
    """Entries to come, by leader UID, of the groups that are complete and started but not recorded."""
    lws = observed.lws
    pods: defaultdict[int | None, list[Pod]] = defaultdict(list)
    for pod in observed.members:
        pods[group_index(pod)].append(pod)
    found = {}
    for own in unrecorded(lws, groups.all):
        entry = _incarnation(lws, own, pods[own.index])
        if entry is not None:
            found[own.leader.uid] = entry
    return found


def _incarnation(lws: LeaderWorkerSet, own: Group, pods: Sequence[Pod]) -> GroupStatus | None:
    """The entry to come of one group; None while it is not whole, or deaths do not count yet."""
    workers = whole_workers(own, pods) if own.mark is None else None
    if workers is None:
        return None
    started = has_started(own, (own.leader, *workers))
    mode = mode_of(lws, own)
    if mode == Mode.AFTER_START and not started:
        return None
    stored = stored_entry(lws, own.leader)
    entry = replace(entry_for(stored, own.leader), workers=list(digests(workers))[-1])
    if mode != Mode.AFTER_START and own.settled_counts is not None:
        return replace(entry, restart_counts=own.settled_counts)
    if mode == Mode.AFTER_START or relabelled(lws, own) or born_uncounted(own):
        return replace(entry, restart_counts=counts_of(own, (own.leader, *workers)))
    return entry


def whole_workers(own: Group, pods: Sequence[Pod]) -> list[Pod] | None:
    """The workers in order; None while one is missing, terminating, or of another revision than the leader.

    A mix of two revisions is no incarnation: what is of the other one is being replaced, and that is no
    death.
    """
    if own.leader.deleting or not own.complete:
        return None
    sets = (own.workers,) if own.workers is not None else ()
    workers = workers_of(ObservedGroup(None, own.leader, pods=tuple(pods), worker_sets=sets), own.leader)
    count = own.workers.spec.replicas if own.workers is not None else 0
    if len(workers) != count or any(x.deleting or x.labels.get(c.REVISION_LABEL) != own.key for x in workers):
        return None
    return workers


def counts_of(own: Group, pods: Iterable[Pod]) -> str:
    """The restart counts of these pods as the record holds them."""
    return format_counts({ordinal_of(x, own.leader): x.restarts for x in pods})


def plan_excuses(group: ObservedGroup) -> tuple[StoreEntry, ...]:
    """Raise the recorded restart counts by what was no failure, so that it outlives this process."""
    lws, own = group.lws, group_of(group)
    record = record_of(lws, own.leader) if lws is not None and own is not None else None
    if lws is None or own is None or record is None:
        return ()
    before, excused = parse_counts(record.restart_counts), group.incidents.excused_restarts
    raised = dict(before)
    for pod in members(group):
        ordinal = ordinal_of(pod, own.leader)
        if not pod.resizing and excused.get(pod.uid, 0) > before.get(ordinal, 0):
            raised[ordinal] = excused[pod.uid]
    if raised == before:
        return ()
    entry = replace(record, restart_counts=format_counts(raised))
    return (StoreEntry(lws, str(own.index), entry, own.leader.key),)


def _removed(lws: LeaderWorkerSet, groups: Groups, leader_set: StatefulSet | None) -> dict[str, None]:
    """Records of groups that are not wanted any more and have no leader left."""
    if leader_set is None:
        return {}
    alive = {str(x.index) for x in groups.all}
    wanted = leader_set.spec.replicas
    return {x: None for x in lws.status.groups if x not in alive and not _is_one_of(x, wanted)}


def _is_one_of(index: str, wanted: int) -> bool:
    """Whether it is the index of one of so many groups, as we write it."""
    number = number_in(index)
    return number is not None and str(number) == index and number < wanted
