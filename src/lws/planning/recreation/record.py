"""What a set's status records of its groups, so that a death is noticed late or by another process.

A group's incarnation is recorded once, when it is first seen complete (docs/decisions/010). What follows from
a record may not live here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import GroupStatus, LeaderWorkerSet
from lws.api.workloads import Pod, StatefulSet
from lws.planning.actions import Document
from lws.planning.groups import Group, Groups
from lws.planning.observed import ObservedGroup, ObservedSet, group_index
from lws.planning.recreation.backoff import decided, entry_difference, entry_for, speaks_of, stored_entry
from lws.planning.recreation.decision import incarnation, started

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
        stored = stored_entry(lws, leader)
        entry = wanted.get(leader.uid, stored)
        if entry is None:
            continue
        if entry.restarts and not entry.ready_time and entry.leader == leader.uid and group.ready:
            entry = replace(entry, ready_time=now)
        if difference := entry_difference(stored, entry):
            patch[str(group.index)] = difference
            if stored is not None and stored.leader != entry.leader:
                replacing.append(leader)
    return Records(patch | _removed(lws, observed.leaders, leader_set), tuple(replacing))


def failed_groups(lws: LeaderWorkerSet, leaders: Collection[Pod]) -> list[int]:
    """Indexes of the groups that are left failed: the mark is their present leader's, which stays."""
    entries = ((stored_entry(lws, x), x) for x in leaders if not x.deleting)
    failed = (x for entry, x in entries if entry is not None and entry.failed and speaks_of(entry, x))
    return sorted(index for x in failed if (index := group_index(x)) is not None)


def _recorded(lws: LeaderWorkerSet, group: Group) -> bool:
    """Its incarnation is known, or does not matter any more; a leader alone matters after a restart only."""
    if group.index is None:
        return True
    entry = lws.status.groups.get(str(group.index))
    if entry is None:
        return group.alone
    return speaks_of(entry, group.leader) and bool(entry.workers or decided(entry))


def _incarnations(observed: ObservedSet, groups: Groups) -> dict[str, GroupStatus]:
    """Entries to come, by leader UID, of the groups that are complete and started but not recorded."""
    lws = observed.lws
    pods: defaultdict[int | None, list[Pod]] = defaultdict(list)
    for pod in observed.members:
        pods[group_index(pod)].append(pod)
    found = {}
    for own in unrecorded(lws, groups.all):
        leader = own.leader
        group = ObservedGroup(
            lws,
            leader,
            pods=tuple(pods[own.index]),
            worker_sets=(own.workers,) if own.workers is not None else (),
            revisions=observed.revisions,
        )
        digest = incarnation(group)
        if digest is not None and started(group):
            found[leader.uid] = replace(entry_for(stored_entry(lws, leader), leader), workers=digest)
    return found


def _removed(
    lws: LeaderWorkerSet, leaders: Collection[Pod], leader_set: StatefulSet | None
) -> dict[str, None]:
    """Records of groups that are not wanted any more and have no leader left."""
    if leader_set is None:
        return {}
    alive = {str(group_index(x)) for x in leaders}
    wanted = {str(x) for x in range(leader_set.spec.replicas)} if lws.status.groups else set()
    return {x: None for x in lws.status.groups if x not in alive and x not in wanted}
