"""Which groups of a set are updated in place next, and how far the leader StatefulSet's partition may go.

The StatefulSet controller replaces an outdated leader as soon as the partition lets it, so that stays above
every group that is to be updated in place, until its controller is known to have seen the leader's new label.
What is then due for a group is ``steps``'.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import StatefulSet
from lws.objects import controlled_by
from lws.planning.actions import Action, Delete, Record
from lws.planning.events import warning
from lws.planning.groups import Group, Groups
from lws.planning.inplace.eligibility import Changes
from lws.planning.inplace.marks import marked, updated_in_place
from lws.planning.inplace.pods import carrying
from lws.planning.inplace.writes import choose_alone, prepare
from lws.planning.rollout import rebuilds_as, spare_groups


class Course:
    """The in-place part of a roll: of these groups to revision ``key``, by the set as it is.

    ``leader``: the leader StatefulSet.
    """

    def __init__(
        self, lws: LeaderWorkerSet, groups: Groups, leader: StatefulSet, key: str, changes: Changes
    ) -> None:
        self._lws, self._groups, self._leader, self._key = lws, groups, leader, key
        self._changes = changes
        self._partition = leader.spec.update_strategy.rolling_update.partition
        self._labels_seen = _labels_seen(groups, leader)

    @property
    def floor(self) -> int:
        """The least partition that leaves alone what is to be, or has just been, updated in place."""
        return max((index + 1 for index in self._held()), default=0)

    @property
    def unheard(self) -> bool:
        """The StatefulSet controller has yet to hear of leaders that were changed to the present template.

        The next template waits for that: whoever is late by several changes of one pod cannot be told from
        one that is not, once a former template returns.
        """
        return self._leader.status.updated_replicas < _carrying(self._groups, self._leader)

    def refusal(self) -> tuple[Record, ...]:
        """The event that this roll, which begins now, recreates groups; ``leader`` is as it was before."""
        if not self._lws.updates_in_place:
            return ()
        change = self._changes.between(self._leader.revision_of_pods, self._key)
        why = "the former revision is not there any more" if change is None else change.refusal
        if not why:
            return ()
        note = f"Groups are recreated and not updated in place: {why}"
        return (warning(self._lws, c.REASON_IN_PLACE_FALLBACK, "Update", note),)

    def passes(self, partition: int) -> bool:
        """Whether the partition goes down to there past groups only that are updated already."""
        found = (self._groups.by_index.get(i) for i in range(partition, self._partition))
        return all(x is not None and x.updated(self._key) for x in found)

    def _held(self) -> Iterator[int]:
        for index in range(min(self._lws.replicas, self._leader.spec.replicas)):
            group = self._groups.by_index.get(index)
            if group is not None and not group.leader.deleting and self._holds(index, group):
                yield index

    def _holds(self, index: int, group: Group) -> bool:
        if group.key == self._key:
            return self._unseen(group)
        mark = group.mark
        if mark is not None and mark.to == self._key:
            return not mark.anew
        return self._target(index, group) == self._key

    def _unseen(self, group: Group) -> bool:
        """Its leader was relabelled, and the StatefulSet controller may not know it yet.

        It is known once that counts as many updated pods as there are, and no leader above is missing: then
        none of those that it counts can be another one.
        """
        if group.key != self._key or not updated_in_place(group.leader, self._key):
            return False
        index = group.index or 0
        if index >= self._partition:
            return False
        above = (self._groups.by_index.get(i) for i in range(index, self._leader.spec.replicas))
        return not self._labels_seen or any(x is None or x.leader.deleting for x in above)

    def _target(self, index: int, group: Group) -> str:
        """The revision that the group is to be brought to in place, other than what is under way; or empty.

        A group that was on its way to a revision that is not wanted any more is taken to the one that is: its
        own, where that is it or the user's partition holds it back.
        """
        mark = group.mark
        due = index >= self._lws.partition
        if mark is not None and mark.to == self._key and (due or not mark.anew):
            return ""
        wanted = self._key if due else group.key
        if mark is not None and mark.to == wanted:
            return ""
        if wanted == group.key:
            return wanted if mark is not None or _left_on_delete(group) else ""
        if not self._lws.updates_in_place or not group.complete or not group.known:
            return ""
        return wanted if all(self._changes.possible(x, wanted) for x in _revisions_in(group)) else ""

    def plan(
        self, *, replaced: Iterable[Delete] = (), template_seen: bool = False, now: float
    ) -> tuple[Action, ...]:
        """Mark the groups that the budget allows, the highest first; those that are down cost nothing.

        Nothing before the StatefulSet controller has seen the template: it would replace the leaders. It may
        have seen that before this pass moved the partition (``template_seen``), which is as good where that
        exposes nothing that is to be replaced. ``replaced``: leaders that this pass deletes, of the same
        budget. ``now``: seconds since 1970. Raises ValueError as ``rollout_numbers`` does.
        """
        seen = rebuilds_as(self._leader, self._key) or (template_seen and self._nothing_exposed())
        if self._lws.deleting or not seen:
            return ()
        gone = {x.uid for x in replaced}
        spent = sum(x.ready and x.leader.uid in gone for x in self._groups.all)
        return tuple(self._marks(now, spent))

    def _nothing_exposed(self) -> bool:
        """All groups from the partition up are updated: whoever replaces leaders finds none there."""
        found = (self._groups.by_index.get(i) for i in range(self._partition, self._leader.spec.replicas))
        return all(x is not None and x.updated(self._key) for x in found)

    def _marks(self, now: float, spent: int) -> Iterator[Action]:
        spare = spare_groups(self._lws, self._groups, self._leader) - spent
        for index in reversed(range(self._leader.spec.replicas)):
            group = self._groups.by_index.get(index)
            if group is None or group.leader.deleting or not controlled_by(group.leader, self._leader.uid):
                continue
            target = self._target(index, group)
            if not target or (target != group.key and not self._spared(index)):
                continue
            if group.ready:
                if spare <= 0:
                    continue
                spare -= 1
            yield self._mark(group, target, now)

    def _spared(self, index: int) -> bool:
        """The partition keeps the StatefulSet controller from replacing that leader."""
        return index < self._partition

    def _mark(self, group: Group, target: str, now: float) -> Action:
        """The first write. Where traffic ends some time before, the workers' template waits for that."""
        mark = marked(target, now)
        if group.workers is None or group.alone:
            return choose_alone(self._lws, group.leader, mark)
        drains = group.leader.gated and self._lws.in_place_grace > 0
        return prepare(self._lws, group.workers, mark, None if drains else self._changes)


def concerned(lws: LeaderWorkerSet, groups: Groups) -> bool:
    """Whether anything of the set is, or may be, updated in place."""
    return lws.updates_in_place or any(
        c.IN_PLACE_ANNOTATION in x.annotations
        for group in groups.all
        for x in (group.leader, group.workers)
        if x is not None
    )


def _labels_seen(groups: Groups, leader: StatefulSet) -> bool:
    """The StatefulSet controller counts as many updated pods as the caches show."""
    return leader.seen and leader.status.updated_replicas == _carrying(groups, leader)


def _carrying(groups: Groups, leader: StatefulSet) -> int:
    """How many of its pods have the label of its newest template."""
    return carrying(leader, (x.leader for x in groups.all if controlled_by(x.leader, leader.uid)))


def _revisions_in(group: Group) -> set[str]:
    """The revisions that pods of the group may be of."""
    found = {group.key}
    if group.workers is not None and not group.alone:
        found.add(group.workers.revision_of_pods or group.key)
    return found


def _left_on_delete(group: Group) -> bool:
    """Its mark was taken away while its StatefulSet was held: that would never be whole again."""
    workers = group.workers
    if workers is None or group.alone or workers.spec.update_strategy.type != c.ON_DELETE:
        return False
    return workers.status.current_revision != workers.status.update_revision
