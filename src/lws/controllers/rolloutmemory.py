"""Where ``status.rollout`` is kept when the API server does not keep it.

The CRDs of the upstream controller have no such member, so the server drops it, and writing it again on every
pass would never end. Then it lives as long as this process. What it says may not be judged here.
"""

from __future__ import annotations

import threading
from typing import Any, Final

import msgspec
from cachetools import LRUCache
from msgspec.structs import replace

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet, RoleRolloutStatus
from lws.api.leaderworkerset import LeaderWorkerSet, RolloutStatus
from lws.objects import KubeObject
from lws.planning.actions import PatchStatus
from lws.runtime import logs

_TYPES: Final[dict[str, type[RolloutStatus]]] = {c.KIND: RolloutStatus, d.KIND: RoleRolloutStatus}

_log = logs.get_logger("rollouts")


class RolloutMemory:
    """By the UID of a set of either kind, for 10,000 of them."""

    def __init__(self) -> None:
        self._dropped: set[str] = set()  # kinds whose CRD drops the member
        self._kept: LRUCache[str, Any] = LRUCache(10_000)
        self._lock = threading.Lock()

    @property
    def uids(self) -> set[str]:
        """The sets that something is remembered of."""
        return set(self._kept.keys())

    def recall(self, uid: str) -> Any:
        """The record of the set's rollout, of its kind's type; None: there is none."""
        with self._lock:
            return self._kept.get(uid)

    def overlay(self, ds: DisaggregatedSet) -> DisaggregatedSet:
        """The set with the record that the server may have dropped."""
        known = None if ds.status.rollout is not None else self.recall(ds.uid)
        return ds if known is None else replace(ds, status=replace(ds.status, rollout=known))

    def forget(self, uid: str) -> None:
        """The set is gone."""
        with self._lock:
            self._kept.pop(uid, None)

    def keeps(self, kind: str) -> bool:
        """Whether the server would drop the record, so that it need not be sent."""
        return kind in self._dropped

    def accepted(self, patch: PatchStatus, uid: str, written: KubeObject | None) -> None:
        """The server has accepted the rest of this whole patch (None: nothing was left to be sent)."""
        kind = patch.kind
        if "rollout" not in patch.status or kind not in _TYPES:
            return
        record = patch.status["rollout"]
        if record is None:
            self.forget(uid)
            return
        dropped = isinstance(written, LeaderWorkerSet | DisaggregatedSet) and written.status.rollout is None
        with self._lock:
            news = dropped and kind not in self._dropped
            self._dropped |= {kind} if dropped else set()
            if kind in self._dropped:
                self._kept[uid] = msgspec.convert(record, _TYPES[kind])
        if news:
            _log.warning(
                "The CRD drops status.rollout: when a rollout began is remembered by this process only",
                kind=kind,
                set=patch.key,
            )
