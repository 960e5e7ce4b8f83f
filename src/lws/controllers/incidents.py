"""Remembers what the watches showed of a group's pods, judged at that moment, until its leader pod goes.

A worker that is deleted by force may be gone, and replaced, before its group's next pass; a container that
restarted shows a count and not when. Whether an incident was a death depends on what the group was when it
happened, and only the watch knows that. What follows from it is the planner's to say.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Final

from cachetools import LRUCache
from msgspec import Struct
from msgspec.structs import replace

from lws.api.workloads import Pod, StatefulSet
from lws.controllers.groupstatus import GroupStatusMemory
from lws.controllers.indexes import (
    BY_GROUP,
    BY_REVISION,
    group_of_owned,
    group_of_pod,
    is_leader,
    revision_of,
    set_of,
)
from lws.controllers.informers import Informers
from lws.objects import Key, KubeObject, ObjectT, controller_of
from lws.planning.groups import make_group
from lws.planning.observed import Incidents
from lws.planning.recreation.evidence import deaths_count

OBJECTS: Final = 200_000
"""How many incidents are remembered at most, of all groups together; at some 1.2 kB each."""

Judge = Callable[[Pod, Pod], bool | None]
"""Of a leader and one of its group's pods as it was before: whether what happens to it now is a death.

None when that cannot be told."""


class _Account(Struct, frozen=True, gc=False):
    """The incidents of one leader, by its UID."""

    leader: str
    incidents: Incidents = Incidents()

    def __len__(self) -> int:
        found = self.incidents
        return 1 + sum(
            map(len, (found.lost, found.excused_deletions, found.restarted, found.excused_restarts))
        )


class IncidentLog:
    """An event handler of pods and StatefulSets; to be added before those that fill the queues.

    ``leader_of``: the leader pod of this key, if it is there: what happens to the pods of one that is gone
    (the garbage collector takes the leader of a set first) interests nobody. ``lenient``: whether the
    restarts of a pod are part of the update in place of its leader's group.
    """

    def __init__(
        self,
        leader_of: Callable[[Key], Pod | None],
        judge: Judge,
        *,
        lenient: Callable[[Pod, Pod], bool] = lambda _leader, _pod: False,
        objects: int = OBJECTS,
    ) -> None:
        self._leader_of = leader_of
        self._lenient = lenient
        self._judge = judge
        self._accounts: LRUCache[Key, _Account] = LRUCache(objects, getsizeof=len)
        self._lock = threading.Lock()

    def of(self, leader: Pod) -> Incidents:
        """What is remembered of this leader's group."""
        with self._lock:
            account = self._accounts.get(leader.key)
        return account.incidents if account is not None and account.leader == leader.uid else Incidents()

    @property
    def accounts(self) -> int:
        """How many leaders have an account."""
        return len(self._accounts)

    def on_add(self, obj: Pod | StatefulSet, *, initial: bool) -> None:
        """A pod that is being resized may have restarted for that; there is no telling, so it is excused."""
        if isinstance(obj, Pod) and obj.resizing and obj.restarts:
            self._excuse_restarts(obj)

    def on_update(self, old: Pod | StatefulSet, new: Pod | StatefulSet) -> None:
        if not isinstance(old, Pod) or not isinstance(new, Pod):
            return
        if (new.deleting or new.ended) and not (old.deleting or old.ended):
            self._departed(old if new.deleting and not new.disrupted else new, before=old)
        if new.restarts > old.restarts:
            self._restarted(old, new)

    def on_delete(self, obj: Pod | StatefulSet) -> None:
        if isinstance(obj, StatefulSet):
            for key in group_of_owned(obj):
                if (leader := self._leader_of(key)) is not None:
                    self._lose(leader, obj)
        elif not self._closed(obj) and not is_leader(obj):
            self._departed(obj, before=obj)

    def _closed(self, pod: Pod) -> bool:
        """Whether it was a leader with an account, which is closed. It may have lost the label of leaders."""
        with self._lock:
            account = self._accounts.get(pod.key)
            if account is None or account.leader != pod.uid:
                return False
            del self._accounts[pod.key]
        return True

    def _departed(self, pod: Pod, *, before: Pod) -> None:
        """The pod begins to go, or is gone; it is judged once, by what it was ``before``.

        ``pod``: as it is kept. One that is deleted ends on its way, which is no failure: that state is not.
        """
        leader = self._leader(pod)
        if leader is None or leader.uid == pod.uid:
            return
        known = self.of(leader)
        judged = (*known.lost, *known.unjudged)
        if pod.uid in known.excused_deletions or any(x.uid == pod.uid for x in judged):
            return
        verdict = self._judge(leader, before)
        if verdict:
            self._lose(leader, pod)
        elif verdict is False:
            self._note(leader, lambda x: replace(x, excused_deletions=x.excused_deletions | {pod.uid}))
        else:
            self._note(leader, lambda x: replace(x, unjudged=(*_others(x.unjudged, pod), pod)))

    def _restarted(self, old: Pod, new: Pod) -> None:
        """A kubelet that takes up a new spec restarts containers for it: an in-place resize is no failure."""
        leader = self._leader(new)
        if leader is None or self._lenient(leader, new):
            return
        seen = new.status.observed_generation
        resized = old.resizing or new.resizing or (seen > 1 and seen > old.status.observed_generation)
        verdict = False if resized else self._judge(leader, old)
        if verdict:
            self._note(leader, lambda x: replace(x, restarted=x.restarted | {new.uid}))
        elif verdict is False:
            self._excuse_restarts(new)

    def _excuse_restarts(self, pod: Pod) -> None:
        leader = self._leader(pod)
        if leader is not None:
            excused = {pod.uid: pod.restarts}
            self._note(leader, lambda x: replace(x, excused_restarts={**x.excused_restarts, **excused}))

    def _lose(self, leader: Pod, obj: Pod | StatefulSet) -> None:
        """The last of each name is kept."""

        def lost(before: Incidents) -> Incidents:
            return replace(before, lost=(*_others(before.lost, obj), obj))

        self._note(leader, lost)

    def _note(self, leader: Pod, change: Callable[[Incidents], Incidents]) -> None:
        with self._lock:
            account = self._accounts.get(leader.key)
            if account is None or account.leader != leader.uid:
                account = _Account(leader.uid)
            account = replace(account, incidents=change(account.incidents))
            if len(account) <= self._accounts.maxsize:
                self._accounts[leader.key] = account

    def _leader(self, pod: Pod) -> Pod | None:
        return next((x for key in group_of_pod(pod) if (x := self._leader_of(key)) is not None), None)


def _others(kept: tuple[ObjectT, ...], obj: KubeObject) -> Iterable[ObjectT]:
    """What is kept under other names."""
    return (x for x in kept if type(x) is not type(obj) or x.name != obj.name)


def judge_of(informers: Informers, memory: GroupStatusMemory) -> Judge:
    """Judges by what the caches hold now: to be asked from within the events of pods."""

    def judge(leader: Pod, before: Pod) -> bool | None:
        lws = next((x for key in set_of(leader) if (x := informers.sets.get(key)) is not None), None)
        if lws is None:
            return None  # it may be on its way here
        revisions = [x for key in revision_of(leader) for x in informers.revisions.by_index(BY_REVISION, key)]
        pods = (x for x in informers.pods.by_index(BY_GROUP, leader.key) if x.uid != before.uid)
        others = (x for x in pods if not _of_another(informers, x, leader))
        own = make_group(lws, leader, (), revisions)
        if not own.known:
            return None
        return deaths_count(memory.overlay(lws), own, (before, *others))

    return judge


def _of_another(informers: Informers, worker: Pod, leader: Pod) -> bool:
    """Whether its StatefulSet is a former leader's: it goes with that, and is none of this group."""
    owner = controller_of(worker)
    found = informers.stateful_sets.get(Key(worker.namespace, owner.name)) if owner is not None else None
    if owner is None or found is None or found.uid != owner.uid:
        return False  # nobody can tell
    made_for = controller_of(found)
    return made_for is not None and made_for.kind == "Pod" and made_for.uid != leader.uid
