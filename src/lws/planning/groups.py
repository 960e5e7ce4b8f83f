"""The groups of a set, each as its own leader, worker StatefulSet and revision say.

Built once for a pass, in O(groups), and handed to every rule that speaks of groups: so all of them have one
answer to what is ready, what is updated and how large a group is. What is *about one group* is read here;
the live set says only what groups yet to be made will be like, how many there are, and how fast they change.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec import Struct

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision, Pod, StatefulSet
from lws.objects import controlled_by
from lws.planning.inplace.marks import Mark, mark_of, settled_counts
from lws.planning.observed import ObservedGroup, ObservedSet, group_index, number_in, worker_set_of
from lws.planning.revisions import Shape, live_shape, owned_revisions, shape_of, template_of


class GroupState(NamedTuple):
    """Of one group, leader and workers together.

    ``missing``: nothing of it is there that was made from another revision; it is neither ready nor updated.
    ``stable``: it has been ready for the set's minReadySeconds, as far as it is ready.
    """

    ready: bool
    updated: bool
    missing: bool = False
    stable: bool = True

    @property
    def available(self) -> bool:
        """A roll counts on it."""
        return self.ready and self.stable

    @property
    def done(self) -> bool:
        """Nothing is left for a roll to do."""
        return self.available and self.updated

    @property
    def outdated(self) -> bool:
        """It is there, whole or in part, and a roll has to replace it."""
        return not (self.updated or self.missing)


MISSING = GroupState(ready=False, updated=False, missing=True)


class Group(Struct, frozen=True, gc=False):
    """One group that has a leader pod.

    ``index``: None where the leader's label is no number. ``key``: of the revision that its leader was made
    from. ``workers``: the worker StatefulSet of this very
    leader. ``shape``: of its own revision; ``known``: that revision was found, else see ``Shapes``.
    ``complete``: its worker StatefulSet is there, or it needs none. ``ready``: leader and workers are, and
    nothing of it is on its way out or being updated in place. ``stable``: as far as it is ready, it has been
    so for the set's minReadySeconds, as ``stability`` judges.
    """

    index: int | None
    key: str
    leader: Pod
    workers: StatefulSet | None
    shape: Shape
    known: bool
    complete: bool
    ready: bool
    stable: bool = True

    @property
    def available(self) -> bool:
        """Ready, for as long as the set wants it."""
        return self.ready and self.stable

    @property
    def alone(self) -> bool:
        """A leader without workers."""
        return self.shape.size == 1

    @property
    def mark(self) -> Mark | None:
        """Of an in-place update that is under way, or was given up."""
        return mark_of(self.leader, self.workers, alone=self.alone)

    @property
    def settled_counts(self) -> str | None:
        """Restart counts up to which restarts belonged to the update in place that the group had last."""
        return settled_counts(self.leader, self.workers, alone=self.alone)

    def updated(self, key: str) -> bool:
        """Whether all of it was made from revision ``key``."""
        if self.key != key or not self.complete:
            return False
        return self.alone or self.workers is None or self.workers.labels.get(c.REVISION_LABEL) == key

    def state(self, key: str) -> GroupState:
        """Against revision ``key``; a group whose worker StatefulSet is missing counts as missing, unless its
        leader is of another revision.
        """
        missing = not self.complete and self.key == key
        return GroupState(self.ready, self.updated(key), missing, self.stable)


class Groups(Struct, frozen=True, gc=False):
    """``all``: those of all leader pods with the set's label. ``by_index``: those named like groups of it."""

    all: tuple[Group, ...]
    by_index: Mapping[int, Group]

    def states(self, key: str, count: int) -> tuple[GroupState, ...]:
        """Of groups 0 to ``count`` - 1 against revision ``key`` (reconcilers.md, 3.2).

        Stricter than upstream, which takes a group that is on its way out for a ready one: what is being
        deleted is not ready, and another leader's StatefulSet is not this group's.
        """
        found = self.by_index
        return tuple(found[i].state(key) if i in found else MISSING for i in range(count))


class Shapes:
    """The shapes of a set's revisions, each read once, however many groups there are of it.

    A revision that is not there can be the live template, which then says what it held. Of any other one the
    leader pod's annotations say size and subdomain, as admission wrote them. Its restart policy is not known:
    ``None`` is assumed, because a group must not be torn down on a guess; its leader can be deleted by hand,
    and a roll replaces it.
    """

    def __init__(self, lws: LeaderWorkerSet, revisions: Iterable[ControllerRevision]) -> None:
        self._lws = lws
        self._live = live_shape(lws)
        self._revisions: dict[str, ControllerRevision] = {}
        for one in sorted(owned_revisions(lws, revisions), key=lambda x: x.revision):
            self._revisions[one.labels.get(c.REVISION_LABEL, "")] = one
        self._read: dict[str, Shape | None] = {}

    def of(self, leader: Pod, key: str) -> tuple[Shape, bool]:
        """The shape of this leader's group, made from revision ``key``, and whether that was found."""
        if key not in self._read:
            self._read[key] = self._stored(key)
        shape = self._read[key]
        return (shape, True) if shape is not None else (self._assumed(leader), False)

    def _stored(self, key: str) -> Shape | None:
        try:
            if key in self._revisions:
                return shape_of(self._revisions[key], self._live)
            return self._live if template_of(self._lws).key == key else None
        except ValueError:  # it cannot be read, which whoever has to build from it will say
            return None

    def _assumed(self, leader: Pod) -> Shape:
        size = number_in(leader.annotations.get(c.SIZE_ANNOTATION, ""))
        if size is None:
            return Shape(self._live.size, c.RESTART_NONE, self._live.subdomain_policy)
        subdomain = leader.annotations.get(c.SUBDOMAIN_POLICY_ANNOTATION) or c.SUBDOMAIN_SHARED
        return Shape(size, c.RESTART_NONE, subdomain)


def groups_of(observed: ObservedSet) -> Groups:
    """All groups of a set."""
    lws = observed.lws
    shapes = Shapes(lws, observed.revisions)
    sets = {x.name: x for x in observed.worker_sets}
    return make_groups(lws, (_group(x, sets.get(x.name), shapes) for x in observed.leaders))


def make_groups(lws: LeaderWorkerSet, groups: Iterable[Group]) -> Groups:
    """``groups``: all of the set."""
    every = tuple(groups)
    prefix = f"{lws.name}-"
    indexed = ((x.index, x) for x in every if x.index is not None)
    return Groups(every, {i: x for i, x in indexed if x.leader.name == f"{prefix}{i}"})


def groups_again(observed: ObservedSet, before: ObservedSet, groups: Groups) -> Groups:
    """All groups of a set, of whose spec ``groups`` were made: the same, if nothing of them has changed.

    An object that is unchanged in the cache is the same object, so this costs next to nothing.
    """
    shown = ((x.leaders, x.worker_sets, x.revisions) for x in (observed, before))
    return groups if operator.eq(*shown) else groups_of(observed)


def group_of(observed: ObservedGroup) -> Group | None:
    """The group of an observed leader; None without set or leader."""
    if observed.lws is None or observed.leader is None:
        return None
    return make_group(observed.lws, observed.leader, observed.worker_sets, observed.revisions)


def make_group(
    lws: LeaderWorkerSet,
    leader: Pod,
    worker_sets: Iterable[StatefulSet],
    revisions: Iterable[ControllerRevision] = (),
) -> Group:
    """One group; without ``revisions`` its restart policy is not known."""
    return _group(leader, worker_set_of(leader, worker_sets), Shapes(lws, revisions))


def _group(leader: Pod, named: StatefulSet | None, shapes: Shapes) -> Group:
    """``named``: the StatefulSet of the leader's name; one that a former leader left behind is not its."""
    key = leader.labels.get(c.REVISION_LABEL, "")
    shape, known = shapes.of(leader, key)
    workers = named if named is not None and controlled_by(named, leader.uid) else None
    complete = workers is not None or shape.size == 1
    ready = complete and leader.ready and not leader.deleting
    ready = ready and mark_of(leader, workers, alone=shape.size == 1) is None
    if ready and workers is not None and shape.size != 1:
        ready = workers.ready and not workers.deleting
    return Group(group_index(leader), key, leader, workers, shape, known, complete, ready)
