"""Writes the entries of groups into their set's status, those of one set together.

The pass over a group hands its entry over and ends; no thread waits. Entries that arrive while a patch of
their set is on its way go in the next one, and the keys of the groups are queued again once it is accepted.
Nothing here outlives the process: what was not written is decided again, by whoever looks at the group next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from cachetools import LRUCache

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.controllers.executor import Executor
from lws.controllers.groupstatus import GroupStatusMemory
from lws.controllers.resources import LEADERWORKERSETS
from lws.kube.client import Client
from lws.kube.errors import NotFound, TransportError
from lws.objects import Key
from lws.planning.actions import StoreEntry
from lws.planning.recreation.commits import plan_commit
from lws.runtime.clock import Clock
from lws.runtime.controller import Result
from lws.runtime.informers import Adder
from lws.runtime.queue import ItemExponentialBackoff

REST = 1.0
"""For how many times what a commit took its set is left alone afterwards, so that others join the next."""

TURN = 0.1
"""Seconds until another look whether the set's own status patch has arrived."""


class Entries:
    """What is to be written, by set; of one group the last. ``sets``: the queue of the :class:`Committer`."""

    def __init__(self, sets: Adder[Key]) -> None:
        self._sets = sets
        self._waiting: dict[Key, dict[str, StoreEntry]] = {}
        self._lock = threading.Lock()

    def hand_over(self, one: StoreEntry) -> None:
        """Have it written soon."""
        with self._lock:
            self._waiting.setdefault(one.lws.key, {})[one.index] = one
        self._sets.add(one.lws.key)

    def take(self, key: Key) -> list[StoreEntry]:
        """All that wait for a patch of this set; they are the caller's now."""
        with self._lock:
            return list(self._waiting.pop(key, {}).values())


class Committer:
    """The reconciler of sets whose groups have something to be written; one patch at a time for each set.

    ``observe``: the cache of sets takes in what was read. ``sets``, ``groups``: the queues of their passes.
    The answer to an own write leads to none, so a set that has something to tell of a group is queued here.
    """

    def __init__(
        self,
        entries: Entries,
        *,
        client: Client,
        executor: Executor,
        ledger: GroupStatusMemory,
        observe: Callable[[LeaderWorkerSet], object],
        sets: Adder[Key],
        groups: Adder[Key],
        clock: Clock,
    ) -> None:
        self._entries = entries
        self._client = client
        self._executor = executor
        self._ledger = ledger
        self._observe = observe
        self._sets = sets
        self._groups = groups
        self._clock = clock
        self._free: LRUCache[Key, float] = LRUCache(10_000)  # from when on the next patch may go
        self._backoff = ItemExponentialBackoff(cap=60.0)
        self._lock = threading.Lock()

    def reconcile(self, key: Key) -> Result:
        """Write what waits for this set. Whatever goes wrong, every group is looked at again."""
        began = self._clock.monotonic()
        with self._lock:
            wait = self._free.get(key, began) - began
        if wait <= 0 and self._executor.patching(c.KIND, key):
            wait = TURN
        if wait > 0:
            return Result(requeue_after=wait)
        asked = self._entries.take(key)
        if not asked:
            return Result()
        try:
            stale = self._commit(key, asked)
        except BaseException:
            self._look_again(asked, after=self._backoff.when(key))
            raise
        finally:
            ended = self._clock.monotonic()
            with self._lock:
                self._free[key] = ended + REST * (ended - began)
        if stale is None:
            self.forget(key)
            self._look_again(asked, after=REST)
            return Result()
        if len(stale) < len(asked):  # one of many that is old is no reason to be slow with the next
            self._backoff.forget(key)
        old = {x.index for x in stale}
        self._look_again((x for x in asked if x.index not in old), after=0.0)
        if stale:
            self._look_again(stale, after=self._backoff.when(key))
        return Result()

    def forget(self, key: Key) -> None:
        """The set is gone."""
        self._backoff.forget(key)
        with self._lock:
            self._free.pop(key, None)

    def _commit(self, key: Key, asked: list[StoreEntry]) -> tuple[StoreEntry, ...] | None:
        """Entries that were not written, because something else is the case by now; None: the set is gone.

        After a lost answer the set tells whether the patch was accepted; if not, it is sent once more.
        """
        try:
            return self._try(key, asked)
        except TransportError as error:
            if error.permanent:
                raise
            return self._try(key, asked)

    def _try(self, key: Key, asked: list[StoreEntry]) -> tuple[StoreEntry, ...] | None:
        try:
            live = self._client.get(LEADERWORKERSETS, LeaderWorkerSet, key.name, key.namespace)
        except NotFound:
            return None
        own = self._executor.wrote(live)
        commit = plan_commit(key, asked, self._ledger.overlay(live), own=own)
        if commit.stale:
            self._observe(live)
        if commit.patch is not None:
            self._executor.run([commit.patch])
        if commit.told:
            self._sets.add(key)
        return commit.stale

    def _look_again(self, entries: Iterable[StoreEntry], *, after: float) -> None:
        for one in entries:
            self._groups.add(one.leader, after=after)


class ForeignEntries:
    """Queues the groups whose entry in the status somebody else has changed, and no others."""

    def __init__(self, groups: Adder[Key], ours: Callable[[LeaderWorkerSet], bool]) -> None:
        self._groups, self._ours = groups, ours

    def on_add(self, obj: LeaderWorkerSet, *, initial: bool) -> None:
        """Its groups are queued anyway."""

    def on_update(self, old: LeaderWorkerSet, new: LeaderWorkerSet) -> None:
        before, after = old.status.groups, new.status.groups
        if before == after or self._ours(new):
            return
        for index in before.keys() | after.keys():
            if before.get(index) != after.get(index):
                self._groups.add(Key(new.namespace, f"{new.name}-{index}"))

    def on_delete(self, obj: LeaderWorkerSet) -> None:
        """Its groups go by themselves."""
