"""Entries of many groups of one set in one patch: which may be written, and which have to be planned anew.

A patch of a set's status costs what the whole object costs, so it is made once for all groups that ask at a
time and not once for each. How an entry is decided may not live here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.objects import Key
from lws.planning.actions import Document, Effect, PatchStatus, StoreEntry
from lws.planning.recreation.backoff import entry_difference, kept_down, recorded_of


class Commit(NamedTuple):
    """``patch``: of all entries that may be written, None when there are none. ``stale``: decided on an old
    picture; their groups have to be looked at again. ``told``: the set has to tell of one.
    """

    patch: PatchStatus | None
    stale: tuple[StoreEntry, ...]
    told: bool = False


def plan_commit(key: Key, asked: Iterable[StoreEntry], live: LeaderWorkerSet, *, own: bool = False) -> Commit:
    """What becomes of these entries of the set ``key``, which the API server has as ``live``.

    An entry is written only where what it was decided on still holds: this very set, its spec, its
    annotations, and the entry that it replaces. One that is there already counts as written, for then the
    answer was lost on the way; but not where this state of the set is an answer that we have (``own``): then
    it was decided once more by a cache that was late, and what follows from it has been told.
    """
    groups: Document = {}
    then: list[Effect] = []
    stale = []
    told = False
    for one in asked:
        stored = recorded_of(live, one.index)
        if edited(one.lws, live) or stored not in (one.base, one.entry):
            stale.append(one)
            continue
        if stored == one.entry and own:
            continue
        then += one.then
        told |= kept_down(one.base) != kept_down(one.entry)
        if stored != one.entry:
            groups[one.index] = entry_difference(stored, one.entry)
    if not (groups or then):
        return Commit(None, tuple(stale), told)
    status = {"groups": groups} if groups else {}
    return Commit(PatchStatus(c.KIND, key, status, then=tuple(then), uid=live.uid), tuple(stale), told)


def edited(old: LeaderWorkerSet, new: LeaderWorkerSet) -> bool:
    """Whether anything but the status differs that a decision about the set or a group may rest on."""
    return (
        old.uid != new.uid
        or old.metadata.generation != new.metadata.generation
        or old.deleting != new.deleting
        or old.annotations != new.annotations
        or old.labels != new.labels
    )
