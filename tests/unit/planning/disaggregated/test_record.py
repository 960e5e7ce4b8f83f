"""When a rollout begins and ends, what is told of it then, and how far roles are from the ideal ratio."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from support.disaggregated import a_child, a_role, a_set, revision

from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet, RoleRolloutStatus
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.timestamps import epoch, micro_time
from lws.planning.actions import Record, RoleRolloutEnded, RolloutEnded
from lws.planning.disaggregated.demand import unknown_of, wanted_of
from lws.planning.disaggregated.planner import Counts, Pace, Rollout
from lws.planning.disaggregated.record import ends, plan_record, record_document
from lws.planning.disaggregated.slices import make_slices
from lws.planning.rollout import RolloutPlan

OLD, OLDER = "0ld00000", "01de0000"
START, NOW = epoch("2026-01-01T12:00:00Z"), epoch("2026-01-01T12:01:15Z")


def two(*, slices: int = 1, **rollout: Any) -> DisaggregatedSet:
    ds = a_set(a_role("prefill", 4), a_role("decode", 2), slices=slices)
    if not rollout:
        return ds
    record = RoleRolloutStatus(
        **{"revision": revision(ds), "former": OLD, "start_time": micro_time(START)} | rollout
    )
    return replace(ds, status=replace(ds.status, rollout=record))


def pair(rev: str, prefill: int, decode: int, *, number: int = 0, **options: Any) -> list[LeaderWorkerSet]:
    counts = {"prefill": prefill, "decode": decode}
    return [a_child(x, count, revision=rev, number=number, **options) for x, count in counts.items()]


def plan(ds: DisaggregatedSet, *children: LeaderWorkerSet) -> RolloutPlan[RoleRolloutStatus]:
    wanted = wanted_of(ds, revision(ds), {})
    return plan_record(wanted, make_slices(ds, revision(ds), children), at=NOW)


def told(ds: DisaggregatedSet, *children: LeaderWorkerSet) -> list[Any]:
    """Reasons of events, and measurements."""
    effects = ends(wanted_of(ds, revision(ds), {}), plan(ds, *children))
    return [x.reason if isinstance(x, Record) else x for x in effects]


class TestBegin:
    def test_with_the_first_pass_that_sees_groups_of_a_former_revision(self) -> None:
        ds = two()
        found = plan(ds, *pair(OLD, 4, 2), *pair(revision(ds), 0, 0))
        assert found.record == RoleRolloutStatus(revision(ds), OLD, micro_time(NOW), 3)
        assert found.ended is None

    def test_in_any_slice(self) -> None:
        ds = two(slices=2)
        found = plan(ds, *pair(revision(ds), 4, 2), *pair(OLD, 4, 2, number=1))
        assert found.record is not None
        assert found.record.former == OLD

    def test_the_former_revision_is_the_newest(self) -> None:
        ds = two()
        found = plan(ds, *pair(OLDER, 1, 1), *pair(OLD, 4, 2, created=5))
        assert found.record is not None
        assert found.record.former == OLD

    @pytest.mark.parametrize(
        "children",
        [
            pytest.param([], id="creation"),
            pytest.param(pair(OLD, 0, 0), id="no-groups"),
        ],
    )
    def test_what_is_none(self, children: list[LeaderWorkerSet]) -> None:
        assert plan(two(), *children).record is None

    def test_scaling_is_none(self) -> None:
        ds = two()
        assert plan(ds, *pair(revision(ds), 1, 2)).record is None

    def test_a_second_child_of_the_present_revision_is_none(self) -> None:
        ds = two()
        legacy = [
            replace(x, metadata=replace(x.metadata, name=f"legacy-{x.name}"))
            for x in pair(revision(ds), 4, 2)
        ]
        assert plan(ds, *pair(revision(ds), 4, 2), *legacy).record is None


class TestEnd:
    def test_completed_once_nothing_old_is_left_and_all_is_ready(self) -> None:
        ds = two(worst_deviation=2)
        assert told(ds, *pair(revision(ds), 4, 2)) == [
            d.REASON_ROLLING_UPDATE_COMPLETED,
            RoleRolloutEnded(RolloutEnded("completed", 75.0), 2),
        ]
        assert plan(ds, *pair(revision(ds), 4, 2)).record is None

    @pytest.mark.parametrize(
        "rest",
        [
            pytest.param(("now", 4, 1), id="not-ready"),
            pytest.param(("now", 3, 2), id="too-few"),
            pytest.param((OLD, 1, 1), id="old-groups"),
        ],
    )
    def test_not_while_a_slice_is_not_done(self, rest: tuple[str, int, int]) -> None:
        """The other slice is done; it is one rollout of one set."""
        ds = two(slices=2)
        ds = two(slices=2, generation=3)
        rev, prefill, decode = rest
        if rev == "now":
            second = [
                a_child("prefill", prefill, revision=revision(ds), number=1),
                a_child("decode", 2, revision=revision(ds), number=1, ready=decode),
            ]
        else:
            second = [*pair(revision(ds), 4, 2, number=1), *pair(rev, prefill, decode, number=1)]
        assert told(ds, *pair(revision(ds), 4, 2), *second) == []
        assert plan(ds, *pair(revision(ds), 4, 2), *second).record is not None

    def test_superseded_and_the_next_one_begins(self) -> None:
        ds = two(revision=OLD, former=OLDER)
        children = [*pair(OLDER, 2, 1), *pair(OLD, 2, 1, created=5)]
        assert told(ds, *children) == [RoleRolloutEnded(RolloutEnded("superseded", 75.0), 0)]
        assert plan(ds, *children).record == RoleRolloutStatus(revision(ds), OLD, micro_time(NOW), 3)

    def test_rolled_back(self) -> None:
        ds = two()
        ds = two(revision=OLD, former=revision(ds))
        children = [*pair(revision(ds), 3, 1), *pair(OLD, 1, 1, created=5)]
        assert told(ds, *children) == [RoleRolloutEnded(RolloutEnded("rolled_back", 75.0), 0)]
        assert plan(ds, *children).record is not None

    def test_a_set_that_cannot_be_read_goes_on_rolling(self) -> None:
        ds = two()
        ds = two(generation=2)
        assert plan_record(unknown_of(ds), [], at=NOW) == RolloutPlan(ds.status.rollout)

    def test_a_start_that_is_no_time_is_not_measured(self) -> None:
        ds = two(start_time="yesterday")
        assert told(ds, *pair(revision(ds), 4, 2)) == []


class TestDeviation:
    @pytest.mark.parametrize(
        ("counts", "target", "pace", "wanted"),
        [
            pytest.param((0, 0), (4, 2), (1, 1), 0, id="nothing-yet"),
            pytest.param((4, 2), (4, 2), (1, 1), 0, id="all"),
            pytest.param((2, 1), (4, 2), (1, 1), 0, id="half"),
            pytest.param((2, 0), (4, 2), (1, 1), 1, id="one-late"),
            pytest.param((4, 0), (4, 2), (1, 1), 2, id="all-of-one"),
            pytest.param((8, 0), (8, 8), (1, 1), 4, id="far"),
            pytest.param((8, 0), (8, 8), (4, 4), 1, id="far-in-large-steps"),
            pytest.param((3, 0), (3, 0), (1, 1), 0, id="a-role-of-none"),
            pytest.param((9, 4), (4, 4), (1, 1), 0, id="more-than-wanted"),
            pytest.param((1_000_000, 0), (1_000_000, 1_000_000), (1, 1), 500_000, id="large"),
        ],
    )
    def test_cases(self, counts: Counts, target: Counts, pace: Counts, wanted: int) -> None:
        rollout = Rollout(target, target, counts, target, tuple(Pace(x) for x in pace))
        assert rollout.deviation(counts) == wanted

    @given(st.data())
    def test_it_is_the_distance_from_the_nearest_checkpoint(self, data: st.DataObject) -> None:
        numbers = st.lists(st.integers(0, 7), min_size=3, max_size=3).map(tuple)
        initial, target, counts = (data.draw(numbers) for _ in range(3))
        surges = data.draw(st.lists(st.integers(1, 3), min_size=3, max_size=3))
        rollout = Rollout(initial, initial, counts, target, tuple(Pace(x) for x in surges))
        distances = [
            max(
                (
                    -(-abs(min(have, want) - -(-number * want // rollout.batches)) // surge)
                    for have, want, surge in zip(counts, target, surges, strict=True)
                    if want
                ),
                default=0,
            )
            for number in range(rollout.batches + 1)
            if rollout.batches
        ]
        assert rollout.deviation(counts) == min(distances, default=0)

    def test_the_worst_one_is_remembered(self) -> None:
        ds = two()
        lost = [
            a_child("prefill", 4, revision=revision(ds)),
            a_child("decode", 2, revision=revision(ds), ready=0),
        ]
        found = plan(ds, *pair(OLD, 1, 1), *lost).record
        assert found is not None
        assert found.worst_deviation == 2
        assert record_document(found) == {
            "revision": revision(ds),
            "from": OLD,
            "startTime": micro_time(NOW),
            "generation": 3,
            "worstDeviation": 2,
        }
        better = plan(two(worst_deviation=2), *pair(OLD, 1, 1), *pair(revision(ds), 3, 2)).record
        assert better is not None
        assert better.worst_deviation == 2

    def test_no_record_removes_it(self) -> None:
        assert record_document(None) is None
