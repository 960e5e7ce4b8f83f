"""A small world in which a set rolls: two controllers, groups that take their time, watches that are late.

Nothing happens by itself: a test says which part moves next, so any interleaving can be tried. It is a roll
in numbers, for the pure rules of ``planning.rollout``, and no model of an API server: no objects are stored,
and no requests made. What the StatefulSet controller does to leader pods, with and without the gate
MaxUnavailableStatefulSet, is said by ``apimodel.rolling``. A group is its leader pod and a worker
StatefulSet that is ready with it; a leader that is being deleted stays until it is said to be ``gone``.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from msgspec.structs import replace as with_

from lws.api.leaderworkerset import LeaderWorkerSet
from lws.planning.actions import Delete
from lws.planning.groups import Groups, groups_of, make_groups
from lws.planning.observed import ObservedSet
from lws.planning.rollout import (
    Rollout,
    past_groups_down,
    plan_replacements,
    rollout_numbers,
    rollout_parameters,
)
from support.apimodel.rolling import Seen, is_complete, replaced, revision_of_new
from support.groups import a_leader, a_worker_set
from support.rollout_parts import Group, LeaderSet, set_of


@dataclass
class World:
    """A set that came up on template ``a`` and is at rest; ``key`` and the numbers are the user's to change.

    ``gate``: the cluster honours maxUnavailable. ``replacing``: the controller deletes outdated leaders
    itself; without, it is upstream's. ``windows``: a group that has become ready is stable only once it is
    said to be. ``torn_down`` counts deletions by ordinal, whoever asked for them.
    """

    replicas: int
    max_unavailable: int | str = 1
    max_surge: int | str = 0
    partition: int = 0
    gate: bool = False
    replacing: bool = True
    windows: bool = False
    size: int = 2
    key: str = "a"
    groups: dict[int, Group] = field(default_factory=dict)
    torn_down: Counter[int] = field(default_factory=Counter)
    on_replace: Callable[[int], None] = lambda _ordinal: None
    """Told of an ordinal whose leader the controller is about to delete."""
    on_create: Callable[[int, str], None] = lambda _ordinal, _key: None
    """Told of an ordinal and the template its new leader is made from."""

    def __post_init__(self) -> None:
        self._uids = (f"uid-{number}" for number in itertools.count())
        self.leader_set: LeaderSet | None = None
        self.seen_set: LeaderSet | None = None
        self.seen: dict[int, Group] = {}
        while not self.at_rest():
            self.settle()
            self.start(*self.groups)
            self.ripen(*self.groups)

    @property
    def lws(self) -> LeaderWorkerSet:
        return set_of(self.replicas, self.size, self.partition, self.max_unavailable, self.max_surge)

    @property
    def serving(self) -> int:
        """Groups that can do their work now."""
        return sum(x.serving for x in self.groups.values())

    @property
    def available(self) -> int:
        """Groups that have been able to do so for long enough."""
        return sum(x.available for x in self.groups.values())

    @property
    def rolled(self) -> bool:
        return self.at_rest() and all(x.key == self.key for x in self.groups.values())

    def at_rest(self) -> bool:
        """Everybody has acted on what is there, and all wanted groups serve."""
        one = self.leader_set
        return (
            one is not None
            and one.observed_generation == one.generation
            and (one.key, one.replicas) == (self.key, self.replicas)
            and sorted(self.groups) == list(range(self.replicas))
            and self.available == self.replicas
            and not self.plan()
        )

    # The controller.

    def reconcile(self) -> None:
        """One pass, on what the watches have told so far and on its own writes."""
        self._apply()
        if self.replacing:
            for delete in self.plan():
                self._delete(delete)

    def plan(self) -> tuple[Delete, ...]:
        """What a pass would delete after its apply."""
        leader = self.seen_set.observed() if self.seen_set else None
        return plan_replacements(self.lws, self._groups(), leader, self.key)

    def _groups(self) -> Groups:
        leaders = [
            a_leader(i, key=x.key, uid=x.uid, ready=x.ready, deleting=x.deleting)
            for i, x in self.seen.items()
        ]
        sets = [
            a_worker_set(pod, key=x.key, available=int(x.ready))
            for pod, x in zip(leaders, self.seen.values(), strict=True)
        ]
        groups = groups_of(ObservedSet(self.lws, leaders=tuple(leaders), worker_sets=tuple(sets)))
        stable = [x.stable for x in self.seen.values()]
        return make_groups(self.lws, (with_(x, stable=y) for x, y in zip(groups.all, stable, strict=True)))

    def rollout(self) -> Rollout:
        """What a pass would apply."""
        lws, before = self.lws, self.seen_set
        leader = before.observed() if before else None
        states = self._groups().states(self.key, before.replicas if before else 0)
        changed = before is not None and before.key != self.key
        rollout = rollout_parameters(lws, leader, states, template_changed=changed)
        if not self.replacing:
            return rollout
        further = past_groups_down(lws, rollout, states)
        passed = range(further.partition, rollout.partition)
        return further if all(map(self._is_down, passed)) else rollout

    def _apply(self) -> None:
        partition, replicas = self.rollout()
        allowed = rollout_numbers(self.lws).leaders_unavailable
        wanted = LeaderSet(self.key, partition, replicas, allowed, str(self.replicas))
        live = self.leader_set
        if live is None:
            self.leader_set = self.seen_set = wanted
        elif live != (merged := wanted.with_status_of(live)):
            self.leader_set = self.seen_set = replace(merged, generation=live.generation + 1)

    def _is_down(self, ordinal: int) -> bool:
        """As the server says, which is asked."""
        live = self.groups.get(ordinal)
        return live is not None and live.uid == self.seen[ordinal].uid and not live.serving

    def _delete(self, delete: Delete) -> None:
        ordinal = int(delete.key.name.rpartition("-")[2])
        live = self.groups.get(ordinal)
        if live is None or live.uid != delete.uid:
            return
        if not live.deleting:
            self.on_replace(ordinal)
            self.tear_down(ordinal)
        self.seen[ordinal] = self.groups[ordinal]

    # The StatefulSet controller.

    def sync(self) -> None:
        """One sync of the leader StatefulSet as it is now."""
        one = self.leader_set
        if one is None:
            return
        current, wanted = one.current_key or one.key, range(one.replicas)
        pods = {i: Seen(x.key, x.serving, x.deleting) for i, x in self.groups.items()}
        for ordinal in wanted:
            if ordinal not in pods:
                key = revision_of_new(ordinal, first=one.partition, current=current, update=one.key)
                self._create(ordinal, key)
        self.tear_down(*(i for i, x in pods.items() if i not in wanted and not x.going))
        most = one.max_unavailable if self.gate else None
        self.tear_down(*replaced(wanted, pods, first=one.partition, update=one.key, most=most))
        serving = [x.key for x in self.groups.values() if x.serving]
        updated = serving.count(one.key)
        complete = is_complete(one.replicas, pods=len(self.groups), ready=len(serving), updated=updated)
        self.leader_set = replace(
            one,
            observed_generation=one.generation,
            update_key=one.key,
            current_key=one.key if complete else current,
        )

    def _create(self, ordinal: int, key: str) -> None:
        self.on_create(ordinal, key)
        self.groups[ordinal] = Group(next(self._uids), key)

    # The nodes, and what goes wrong.

    def start(self, *ordinals: int) -> None:
        """These groups have become ready."""
        self._turn(ordinals, ready=True)

    def ripen(self, *ordinals: int) -> None:
        """These groups have been ready for long enough."""
        for ordinal in ordinals:
            self.groups[ordinal] = replace(self.groups[ordinal], stable=True)

    def fail(self, *ordinals: int) -> None:
        """These groups have stopped being ready."""
        self._turn(ordinals, ready=False)

    def _turn(self, ordinals: Iterable[int], *, ready: bool) -> None:
        for ordinal in ordinals:
            self.groups[ordinal] = replace(self.groups[ordinal], ready=ready, stable=not self.windows)

    def tear_down(self, *ordinals: int) -> None:
        """The leaders are deleted; they stay until they are ``gone``."""
        for ordinal in ordinals:
            self.torn_down[ordinal] += 1
            self.groups[ordinal] = replace(self.groups[ordinal], deleting=True)

    def gone(self, *ordinals: int) -> None:
        for ordinal in ordinals:
            del self.groups[ordinal]

    @property
    def leaving(self) -> list[int]:
        return sorted(i for i, x in self.groups.items() if x.deleting)

    @property
    def starting(self) -> list[int]:
        return sorted(i for i, x in self.groups.items() if not x.ready and not x.deleting)

    @property
    def ripening(self) -> list[int]:
        return sorted(i for i, x in self.groups.items() if x.serving and not x.stable)

    # The watches.

    def look(self, *ordinals: int) -> None:
        """The controller hears of these groups, whether they are still there or not."""
        for ordinal in ordinals:
            if ordinal in self.groups:
                self.seen[ordinal] = self.groups[ordinal]
            else:
                self.seen.pop(ordinal, None)

    def look_at_leader_set(self) -> None:
        self.seen_set = self.leader_set

    def look_at_all(self) -> None:
        self.look(*self.groups, *list(self.seen))
        self.look_at_leader_set()

    def settle(self) -> None:
        """Everybody does what there is to do, until only starting groups are waited for."""
        before = None
        while before != (state := (self.leader_set, dict(self.groups), dict(self.seen))):
            before = state
            self.look_at_all()
            self.reconcile()
            self.sync()
            self.gone(*self.leaving)

    def rounds(self) -> int:
        """How often all starting groups have to become ready together until the roll is over."""
        count = 0
        self.settle()
        while self.starting or self.ripening:
            self.start(*self.starting)
            self.ripen(*self.ripening)
            self.settle()
            count += 1
        return count
