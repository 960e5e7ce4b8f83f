"""Where ``status.groups`` is kept when the API server does not keep it, and with it what is kept of rollouts.

The CRD of the upstream controller has no such member, so the server drops it, and writing it again on every
pass would never end. Then, and for the groups of a set too large to hold them all in one object, it lives as
long as this process. What it says may not be judged here.
"""

from __future__ import annotations

import threading

import msgspec
from cachetools import LRUCache
from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import GroupStatus, LeaderWorkerSet
from lws.controllers.rolloutmemory import RolloutMemory
from lws.objects import KubeObject
from lws.planning.actions import Document, PatchStatus
from lws.planning.observed import number_in
from lws.runtime import logs

_log = logs.get_logger("groups")


class _Kept:
    """The groups of one set: ``entries`` is replaced and never changed, so it may be handed out."""

    def __init__(self, entries: dict[str, GroupStatus]) -> None:
        self.entries = entries
        self._stored: dict[str, GroupStatus] | None = None
        self._merged: dict[str, GroupStatus] = {}

    def __len__(self) -> int:
        return 1 + len(self.entries)

    def over(self, stored: dict[str, GroupStatus]) -> dict[str, GroupStatus]:
        """These over what the server holds; made once for each state of both."""
        if not stored:
            return self.entries
        if self._stored is not stored:
            self._merged, self._stored = {**stored, **self.entries}, stored
        return self._merged


class GroupStatusMemory:
    """What only this process knows, by set; to be asked and told around every status write.

    An event handler of sets, too: what is known of one goes with it. ``groups``: how many are remembered at
    most, of all sets together, at some 0.5 kB each.
    """

    def __init__(self, limit: int = c.MOST_STORED_GROUPS, *, groups: int = 100_000) -> None:
        self._limit = limit
        self._dropped = False
        self._kept: LRUCache[str, _Kept] = LRUCache(groups, getsizeof=len)
        self.rollouts = RolloutMemory()
        self._lock = threading.Lock()

    def on_add(self, obj: KubeObject, *, initial: bool) -> None:
        """Nothing is known of it yet."""

    def on_update(self, old: KubeObject, new: KubeObject) -> None:
        """It is still there."""

    def on_delete(self, obj: KubeObject) -> None:
        self.rollouts.forget(obj.uid)
        with self._lock:
            self._kept.pop(obj.uid, None)

    @property
    def sets(self) -> int:
        """How many sets something is remembered of."""
        return len(self._kept.keys() | self.rollouts.uids)

    def overlay(self, lws: LeaderWorkerSet) -> LeaderWorkerSet:
        """The set with everything that is known of its groups and of its rollout."""
        rollout = self.rollouts.recall(lws.uid)
        with self._lock:
            kept = self._kept.get(lws.uid)
            if kept is None and rollout is None:
                return lws
            groups = kept.over(lws.status.groups) if kept is not None else lws.status.groups
        status = replace(lws.status, groups=groups, rollout=lws.status.rollout or rollout)
        return replace(lws, status=status)

    def absorb(self, patch: PatchStatus, uid: str) -> PatchStatus:
        """Keep what the server would not, for the set with this UID; the rest of the patch, maybe empty.

        Entries of groups are kept at once: they say what is intended. The record of a rollout is taken out of
        the patch only; it is kept once the patch is ``accepted``.
        """
        status = dict(patch.status)
        if self.rollouts.keeps(patch.kind):
            status.pop("rollout", None)
        if patch.kind != c.KIND:
            return patch if status == patch.status else replace(patch, status=status)
        groups = status.pop("groups", {})
        with self._lock:
            mine = {x: entry for x, entry in groups.items() if self._is_kept(uid, x, entry)}
            self._keep(uid, mine)
        sent = {x: entry for x, entry in groups.items() if x not in mine}
        return replace(patch, status=status | ({"groups": sent} if sent else {}))

    def accepted(self, patch: PatchStatus, uid: str, written: KubeObject | None) -> None:
        """The server has accepted the rest of this whole patch (None: nothing was left to be sent)."""
        self.rollouts.accepted(patch, uid, written)

    def observe(self, patch: PatchStatus, written: KubeObject) -> None:
        """See whether the server kept the entries, and take them over for good if it did not."""
        groups = patch.status.get("groups", {})
        if not isinstance(written, LeaderWorkerSet) or written.status.groups or not any(groups.values()):
            return
        with self._lock:
            known, self._dropped = self._dropped, True
            self._keep(written.uid, groups)
        if not known:
            _log.warning(
                "The CRD drops status.groups: recreations of groups are remembered by this process only",
                set=written.key,
            )

    def _is_kept(self, uid: str, index: str, entry: Document | None) -> bool:
        """Whether it is not for the server. One that goes, and is not here, is there: whoever wrote it."""
        number = number_in(index)
        if self._dropped or (number is not None and number < self._limit):
            return self._dropped
        return entry is not None or (uid in self._kept and index in self._kept[uid].entries)

    def _keep(self, uid: str, patch: dict[str, Document | None]) -> None:
        """A JSON merge patch over what is kept."""
        if not patch:
            return
        known = self._kept.get(uid)
        entries = dict(known.entries) if known is not None else {}
        for index, members in patch.items():
            if members is None:
                entries.pop(index, None)
                continue
            merged = {**msgspec.to_builtins(entries.get(index, GroupStatus())), **members}
            present = {name: value for name, value in merged.items() if value is not None}
            entries[index] = msgspec.convert(present, GroupStatus)
        kept = _Kept(entries)
        if entries and len(kept) <= self._kept.maxsize:
            self._kept[uid] = kept
        else:
            self._kept.pop(uid, None)
