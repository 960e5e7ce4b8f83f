"""Every rollout is measured once, from its beginning, whatever happens to the set and to the controller."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from support.groups import a_leader, a_set, a_worker_set
from support.rollout_world import World

from lws.api.leaderworkerset import LeaderWorkerSet, RolloutStatus
from lws.api.timestamps import instant, rfc3339
from lws.planning.actions import PatchStatus, RolloutEnded
from lws.planning.groups import groups_of
from lws.planning.observed import ObservedSet
from lws.planning.status import plan_status

BEGAN = 1_770_000_000.0
MOST = 4
FATES = ("accepted", "refused", "answer lost")
"""Of a status write: an old cache or an older leader has it refused; a crash loses what follows from it."""

moves = st.one_of(
    st.tuples(st.just("edit"), st.sampled_from("abc")),
    st.tuples(st.just("scale"), st.integers(0, MOST)),
    st.tuples(st.just("partition"), st.integers(0, MOST)),
    st.tuples(st.just("pass"), st.sampled_from(FATES)),
    st.tuples(st.just("pass"), st.sampled_from(FATES)),
    st.tuples(st.sampled_from(["sync", "look"]), st.none()),
    st.tuples(st.sampled_from(["start", "fail", "gone"]), st.integers(0, MOST)),
)
Moves = list[tuple[str, Any]]


class Life:
    """A set that rolls, its status as the API server holds it, and what was measured of it."""

    def __init__(self, replicas: int) -> None:
        self.world = World(replicas, max_unavailable=2)
        self.status: dict[str, Any] = {}
        self.time = BEGAN
        self.generation = 1
        self.begun: list[RolloutStatus] = []
        self.ended: list[tuple[RolloutStatus, str, RolloutEnded]] = []  # with the key that it ended at
        self.measured: list[RolloutEnded] = []

    @property
    def lws(self) -> LeaderWorkerSet:
        live = self.world.lws
        return a_set(
            replicas=live.replicas,
            partition=live.partition,
            metadata={"generation": self.generation},
            status=self.status,
        )

    @property
    def record(self) -> RolloutStatus | None:
        return self.lws.status.rollout

    def plan(self) -> PatchStatus | None:
        """What a pass would write of what the controller sees."""
        seen, leader_set = self.world.seen, self.world.leader_set
        assert leader_set is not None
        leaders = [
            a_leader(index, key=x.key, uid=x.uid, ready=x.ready, deleting=x.deleting)
            for index, x in seen.items()
        ]
        sets = [
            a_worker_set(pod, key=x.key, available=int(x.ready))
            for pod, x in zip(leaders, seen.values(), strict=True)
        ]
        observed = ObservedSet(self.lws, leaders=tuple(leaders), worker_sets=tuple(sets))
        return plan_status(
            observed,
            groups_of(observed),
            leader_set.key,
            leader_set.observed(),
            now=rfc3339(self.time),
            at=self.time,
        ).patch

    def write(self, fate: str) -> None:
        patch, before = self.plan(), self.record
        if patch is None or fate == "refused":
            return
        self.status = {x: value for x, value in (self.status | patch.status).items() if value is not None}
        assert patch.status.keys() != {"rollout"}, "a write for this alone"
        ends = [x for x in patch.then if isinstance(x, RolloutEnded)]
        if ends:
            assert before is not None
            assert self.world.leader_set is not None
            self.ended.append((before, self.world.leader_set.key, *ends))
        if fate == "accepted":
            self.measured += ends
        if (record := self.record) is not None and record != before:
            self.begun.append(record)
        assert self.plan() is None, "written over and over"

    def move(self, what: str, how: Any) -> None:
        self.time += 1.25
        self.generation += what in ("edit", "scale", "partition")
        world = self.world
        match what:
            case "edit":
                world.key = how
            case "scale":
                world.replicas = how
            case "partition":
                world.partition = how
            case "pass":
                world.reconcile()
                self.write(how)
            case "sync":
                world.sync()
            case "look":
                world.look_at_all()
            case "gone":
                world.gone(*(x for x in world.leaving if x == how))
            case "start" | "fail" if how in world.groups:
                getattr(world, what)(how)

    def settle(self) -> None:
        """Nobody changes anything any more, and nothing fails."""
        self.move("partition", 0)
        self.world.settle()
        while self.world.starting:
            self.write("accepted")
            self.time += 1.25
            self.world.start(*self.world.starting)
            self.world.settle()
        self.write("accepted")


@settings(max_examples=300, deadline=None)
@given(replicas=st.integers(1, MOST), moves=st.lists(moves, max_size=40))
def test_a_rollout_that_began_ends_once_and_as_long_as_it_took(replicas: int, moves: Moves) -> None:
    life = Life(replicas)
    for move in moves:
        life.move(*move)
    life.settle()
    assert life.record is None
    assert [record for record, _, _ in life.ended] == life.begun
    for record, key, ended in life.ended:
        if key == record.revision:
            assert ended.outcome == "completed"
        else:
            assert ended.outcome == ("rolled_back" if key == record.former else "superseded")
    lost = len(life.ended) - len(life.measured)
    assert 0 <= lost <= sum(move == ("pass", "answer lost") for move in moves)


@settings(max_examples=200, deadline=None)
@given(replicas=st.integers(1, MOST), moves=st.lists(moves, max_size=30))
def test_its_length_is_from_the_write_that_began_it_to_the_one_that_ended_it(
    replicas: int, moves: Moves
) -> None:
    life, began = Life(replicas), {}
    for move in moves:
        known, over = len(life.begun), len(life.ended)
        life.move(*move)
        for record, _, ended in life.ended[over:]:
            assert ended.seconds == life.time - began[record.start_time]
        for record in life.begun[known:]:
            began[record.start_time] = life.time
            assert instant(record.start_time) == life.time


@settings(max_examples=200, deadline=None)
@given(
    replicas=st.integers(1, MOST), moves=st.lists(moves.filter(lambda move: move[0] != "edit"), max_size=40)
)
def test_without_a_change_of_the_template_there_is_none(replicas: int, moves: Moves) -> None:
    life = Life(replicas)
    for move in moves:
        life.move(*move)
    life.settle()
    assert life.begun == []


@settings(max_examples=200, deadline=None)
@given(
    replicas=st.integers(1, MOST),
    scales=st.lists(st.tuples(st.just("scale"), st.integers(1, MOST)), max_size=4),
)
def test_scaling_neither_ends_nor_resets_it(replicas: int, scales: Moves) -> None:
    life = Life(replicas)
    life.move("edit", "b")
    life.move("pass", "accepted")
    [record] = life.begun
    for move in scales:
        life.move(*move)
        life.move("pass", "accepted")
        assert life.record == record
    life.settle()
    assert [ended.outcome for _, _, ended in life.ended] == ["completed"]
    assert life.begun == [record]


def test_the_record_is_what_a_server_takes() -> None:
    life = Life(1)
    life.move("edit", "b")
    life.move("pass", "accepted")
    assert life.status["rollout"].keys() == {"revision", "from", "startTime", "generation"}
    assert msgspec.json.decode(msgspec.json.encode(life.status["rollout"]), type=RolloutStatus) == life.record
