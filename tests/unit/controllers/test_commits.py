"""Entries of groups on their way into the status of their set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from support.groups import KEY, NAMESPACE, a_set
from support.stepwise.cluster import Cluster
from support.stepwise.process import Queue
from support.stepwise.wire import Wire

from lws.api import constants as c
from lws.api.leaderworkerset import GroupStatus, LeaderWorkerSet
from lws.controllers.commits import REST, TURN, Committer, Entries, ForeignEntries
from lws.controllers.executor import Executor
from lws.controllers.groupstatus import GroupStatusMemory
from lws.kube.client import Client
from lws.kube.errors import Conflict, Forbidden, InternalError, TransportError
from lws.objects import Key, ObjectReference
from lws.planning.actions import PatchStatus, Record, StoreEntry
from lws.runtime.clock import FakeClock

EVENT = Record(ObjectReference(c.API_VERSION, c.KIND, "x"), "Warning", "RecreateGroupBackOff", "Delete", "n")


class Server(Wire):
    """Counts patches; ``during`` happens while one is on its way, ``after`` when it has been carried out."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster.server)
        self._clock = cluster.clock
        self.takes = 0.0
        self.patches: list[list[str]] = []
        self.during: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None

    def request(self, method: str, path: str, **said: Any) -> bytes:
        if method != "PATCH":
            return super().request(method, path, **said)
        groups = msgspec.json.decode(said["body"])["status"]["groups"]
        self.patches.append(sorted(groups, key=int))
        self._clock.advance(self.takes)
        self.during()
        written = super().request(method, path, **said)
        self.after()
        return written


class World:
    """``prunes``: members of a status that the set's CRD does not know."""

    def __init__(self, *prunes: str) -> None:
        self.clock = FakeClock()
        self.cluster = Cluster(self.clock, prunes=prunes)
        self.cluster.create(a_set(replicas=1000))
        self.server = Server(self.cluster)
        self.queue, self.groups, self.sets = (Queue(self.clock) for _ in range(3))
        self.entries = Entries(self.queue)
        self.events: list[str] = []
        self.observed: list[LeaderWorkerSet] = []
        self.memory = GroupStatusMemory()
        connection: Any = self.server
        client = Client(connection)
        informers: Any = {c.KIND: self}
        self.executor = executor = Executor(
            client,
            informers,
            self,
            hand_over=self.entries.hand_over,
            ledger=self.memory,
            measure=lambda _: None,
        )
        self.committer = Committer(
            self.entries,
            client=client,
            executor=executor,
            ledger=self.memory,
            observe=self.observed.append,
            sets=self.sets,
            groups=self.groups,
            clock=self.clock,
        )

    @property
    def lws(self) -> LeaderWorkerSet:
        return self.cluster.all(LeaderWorkerSet)[0]

    def get(self, _: Key) -> LeaderWorkerSet:
        return self.lws

    def observe_write(self, _: Any) -> None:
        """The cache takes it in."""

    def event(self, *, reason: str, **_: Any) -> None:
        self.events.append(reason)

    def ask(self, index: int, **rest: Any) -> None:
        """A group's pass hands its entry over."""
        entry = GroupStatus(f"l{index}", KEY, restarts=1, restarting=True)
        leader = Key(NAMESPACE, f"{self.lws.name}-{index}")
        self.entries.hand_over(StoreEntry(self.memory.overlay(self.lws), str(index), entry, leader, **rest))

    def commit(self) -> float | None:
        """One pass of the committer, as its controller makes it."""
        self.queue.take(self.lws.key)
        result = self.committer.reconcile(self.lws.key)
        if result.requeue_after is not None:
            self.queue.add(self.lws.key, after=result.requeue_after)
        return result.requeue_after

    def due(self) -> set[int]:
        """Groups that are to be looked at now."""
        return {int(key.name.rpartition("-")[2]) for key in self.groups.ready()}

    def restarting(self) -> set[int]:
        return {int(index) for index, entry in self.lws.status.groups.items() if entry.restarting}


def test_one_is_written_at_once_and_looked_at_again() -> None:
    world = World()
    world.ask(3, then=(EVENT,))
    assert world.queue.ready() == [world.lws.key]
    assert world.commit() is None
    assert (world.server.patches, world.due(), world.restarting()) == ([["3"]], {3}, {3})
    assert world.events == [EVENT.reason]
    assert world.observed == []


def test_one_that_a_late_cache_asks_for_again_is_told_once() -> None:
    """A pass in between does not see the entry yet, and decides the very same."""
    world = World()
    world.ask(3, then=(EVENT,))
    before = world.lws
    world.commit()
    again = GroupStatus("l3", KEY, restarts=1, restarting=True)
    world.entries.hand_over(StoreEntry(before, "3", again, Key(NAMESPACE, f"{before.name}-3"), then=(EVENT,)))
    world.clock.advance(REST)
    world.commit()
    assert world.server.patches == [["3"]]
    assert world.events == [EVENT.reason]
    assert world.due() == {3}


def test_those_that_arrive_while_a_patch_is_on_its_way_go_together_in_the_next() -> None:
    world = World()
    world.server.takes = 0.3
    rest = iter(range(1, 1000))

    def arrive() -> None:
        for index in rest:
            world.ask(index)

    world.server.during = arrive
    world.ask(0)
    world.commit()
    assert world.due() == {0}
    wait = world.commit()
    assert wait == pytest.approx(REST * 0.3)
    assert len(world.server.patches) == 1
    world.clock.advance(wait)
    world.commit()
    assert [len(x) for x in world.server.patches] == [1, 999]
    assert world.due() == world.restarting() == set(range(1000))


def test_of_one_group_the_last_is_written() -> None:
    world = World()
    world.ask(0)
    entry = GroupStatus("l0", KEY, failed=True)
    world.entries.hand_over(StoreEntry(world.lws, "0", entry, Key(NAMESPACE, "x-0")))
    world.commit()
    assert world.lws.status.groups == {"0": entry}
    assert world.sets.ready() == [world.lws.key]


@pytest.mark.parametrize("prunes", [(), ("groups",)])
def test_a_set_is_woken_for_what_it_has_to_tell_of_a_group_and_for_nothing_else(
    prunes: tuple[str, ...],
) -> None:
    """The answer to an own write is no news to it; a back-off was told by chance."""
    world = World(*prunes)
    world.ask(0)
    world.commit()
    assert world.sets.ready() == []
    waiting = GroupStatus("l1", KEY, restarts=1, backoff_until="2026-11-30T22:49:33Z")
    lws = world.memory.overlay(world.lws)
    world.entries.hand_over(StoreEntry(lws, "1", waiting, Key(NAMESPACE, "x-1")))
    world.commit()
    assert world.sets.ready() == [world.lws.key]


def test_without_entries_nothing_is_read_or_written() -> None:
    world = World()
    world.cluster.delete(world.lws, force=True)
    assert world.committer.reconcile(Key(NAMESPACE, "gone")).requeue_after is None
    assert world.server.patches == []


@pytest.mark.parametrize(
    "error",
    [Conflict(409), Forbidden(403), InternalError(500), TransportError("lost", permanent=True), ValueError()],
    ids=lambda error: f"{type(error).__name__}",
)
def test_of_a_patch_that_fails_every_group_is_looked_at_again(error: Exception) -> None:
    world = World()
    for index in range(3):
        world.ask(index, then=(EVENT,))

    def fail() -> None:
        raise error

    world.server.during = fail
    delays = []
    for _ in range(4):
        with pytest.raises(type(error)):
            world.commit()
        due = world.groups.next()
        assert due is not None
        delays.append(due - world.clock.monotonic())
        world.clock.advance(delays[-1])
        assert world.due() == {0, 1, 2}
        for index in range(3):
            world.groups.take(Key(NAMESPACE, f"{world.lws.name}-{index}"))
            world.ask(index, then=(EVENT,))
    assert (world.restarting(), world.events) == (set(), [])
    assert delays == sorted(delays)
    assert delays[-1] > delays[0]
    world.server.during = lambda: None
    world.commit()
    assert (world.restarting(), world.due(), len(world.events)) == ({0, 1, 2}, {0, 1, 2}, 3)


@pytest.mark.parametrize("done", [False, True], ids=["before-it-was-done", "after"])
def test_after_a_lost_answer_it_is_made_sure_of_and_every_effect_follows_once(done: bool) -> None:
    world = World()
    world.ask(0, then=(EVENT,))
    world.ask(1, then=(EVENT,))
    lost = iter([TransportError("lost")])

    def lose() -> None:
        for error in lost:
            raise error

    if done:
        world.server.after = lose
    else:
        world.server.during = lose
    world.commit()
    assert (world.restarting(), world.due(), len(world.events)) == ({0, 1}, {0, 1}, 2)
    assert len(world.server.patches) == (1 if done else 2)


def test_what_was_decided_on_an_old_cache_is_decided_again_on_what_is() -> None:
    world = World()
    world.ask(0)
    world.ask(1)
    newer = GroupStatus("another", KEY, workers="w")
    groups = {"1": newer}
    world.cluster.put(replace(world.lws, status=replace(world.lws.status, groups=groups)))
    world.commit()
    assert world.lws.status.groups["1"] == newer
    assert world.restarting() == {0}
    assert [x.status.groups for x in world.observed] == [groups]
    world.clock.advance(1)
    assert world.due() == {0, 1}


def test_old_pictures_among_others_do_not_slow_a_set_down() -> None:
    world = World()
    for index in range(0, 20, 2):
        world.ask(index)
        world.ask(index + 1)
        groups = world.lws.status.groups | {str(index + 1): GroupStatus("another", KEY)}
        world.cluster.put(replace(world.lws, status=replace(world.lws.status, groups=groups)))
        world.commit()
        world.clock.advance(0.01)
        assert index + 1 in world.due()


@pytest.mark.parametrize("replaced", [False, True], ids=["gone", "another-by-its-name"])
def test_nothing_is_written_to_another_set(replaced: bool) -> None:
    world = World()
    world.ask(0)
    key = world.lws.key
    world.cluster.delete(world.lws, force=True)
    if replaced:
        world.cluster.create(a_set())
    world.committer.reconcile(key)
    assert world.server.patches == []
    world.clock.advance(1)
    assert world.due() == {0}


def test_a_set_that_is_replaced_while_the_patch_is_on_its_way_hears_of_a_leader_that_it_never_had() -> None:
    """The API server does not look at the UID in a patch of a status (docs/decisions/013)."""
    world = World()
    world.ask(0)
    former = world.lws.uid

    def replaced() -> None:
        world.cluster.delete(world.lws)
        world.cluster.create(a_set())

    world.server.during = replaced
    world.commit()
    assert world.lws.uid != former
    assert {x: y.leader for x, y in world.lws.status.groups.items()} == {"0": "l0"}


def test_under_a_definition_that_drops_entries_they_are_remembered() -> None:
    world = World("groups")
    for index in (0, 1):
        world.ask(index, then=(EVENT,))
        world.commit()
        world.clock.advance(1)
    assert world.server.patches == [["0"]]
    assert world.lws.status.groups == {}
    assert {x: y.restarting for x, y in world.memory.overlay(world.lws).status.groups.items()} == {
        "0": True,
        "1": True,
    }
    assert (world.due(), len(world.events)) == ({0, 1}, 2)


@pytest.mark.parametrize("ours", [False, True])
def test_only_groups_whose_entry_somebody_else_changed_are_looked_at(ours: bool) -> None:
    queue = Queue(FakeClock())
    handler = ForeignEntries(queue, lambda _: ours)
    old, new = (
        a_set(status={"groups": groups})
        for groups in (
            {"0": {"leader": "a"}, "1": {"leader": "b"}, "2": {"leader": "c"}},
            {"0": {"leader": "a"}, "1": {"leader": "x"}, "3": {"leader": "d"}},
        )
    )
    handler.on_update(old, new)
    handler.on_update(new, new)
    expected = [] if ours else [f"{old.name}-{index}" for index in (1, 2, 3)]
    assert sorted(x.name for x in queue.ready()) == expected


def of_the_set(world: World) -> PatchStatus:
    """What the pass over the set writes by itself."""
    return PatchStatus(c.KIND, world.lws.key, {"groups": {"1": {"workers": "w"}}})


def test_entries_wait_while_the_sets_own_status_is_on_its_way() -> None:
    world, waits = World(), list[float | None]()
    world.ask(0)
    world.server.during = lambda: waits.append(world.commit())
    world.executor.run([of_the_set(world)])
    world.server.during = lambda: None
    assert waits == [TURN]
    world.clock.advance(TURN)
    world.commit()
    assert world.restarting() == {0}


def test_entries_do_not_wait_for_a_status_that_failed() -> None:
    world = World()
    world.ask(0)

    def fail() -> None:
        raise InternalError(500)

    world.server.during = fail
    with pytest.raises(InternalError):
        world.executor.run([of_the_set(world)])
    world.server.during = lambda: None
    world.commit()
    assert world.restarting() == {0}


def test_of_sets_that_are_gone_nothing_is_remembered() -> None:
    world = World()
    world.ask(0)
    key = world.lws.key
    world.cluster.delete(world.lws, force=True)
    world.committer.reconcile(key)
    assert len(world.committer._backoff) == 0
