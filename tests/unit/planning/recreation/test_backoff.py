"""Backoff and bound of recreations in a row (docs/decisions/011)."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.groups import KEY, a_leader, a_set

from lws.api.leaderworkerset import GroupStatus
from lws.api.timestamps import epoch, rfc3339
from lws.planning.recreation.backoff import (
    INITIAL,
    LONGEST,
    STABLE,
    Step,
    backoff,
    decide,
    entry_difference,
    entry_document,
    entry_for,
    stored_entry,
)

LEADER = a_leader(0)
NOW = 1767225600.0
FORMER = "uid-former"


def _entry(**members: Any) -> GroupStatus:
    return GroupStatus(**{"leader": LEADER.uid, "revision": KEY, **members})


def _ago(seconds: float) -> str:
    return rfc3339(NOW - seconds)


@pytest.mark.parametrize(
    ("restarts", "seconds"),
    [(-1, 0), (0, 0), (1, 10), (2, 20), (3, 40), (4, 80), (5, 160), (6, 300), (7, 300), (10**9, 300)],
)
def test_backoff(restarts: int, seconds: float) -> None:
    assert backoff(restarts) == seconds


@given(st.integers(0, 10**6))
def test_backoff_never_shrinks_and_is_bounded(restarts: int) -> None:
    assert backoff(restarts) <= backoff(restarts + 1) <= LONGEST
    assert restarts == 0 or backoff(restarts) >= INITIAL


@pytest.mark.parametrize(
    ("stored", "restarts"),
    [
        pytest.param(None, 0, id="nothing-known"),
        pytest.param(_entry(restarts=2), 2, id="of-this-leader"),
        pytest.param(_entry(leader=FORMER, restarts=2, restarting=True), 2, id="former-leader-deleted-by-us"),
        pytest.param(_entry(leader=FORMER, restarts=2), 0, id="former-leader-deleted-by-hand"),
        pytest.param(_entry(leader=FORMER, restarts=2, failed=True), 0, id="failed-and-deleted-by-hand"),
        pytest.param(
            _entry(leader=FORMER, revision="old", restarts=2, restarting=True), 0, id="of-another-revision"
        ),
        pytest.param(_entry(revision="old", restarts=2), 0, id="this-leader-on-another-revision"),
    ],
)
def test_recreations_in_a_row(stored: GroupStatus | None, restarts: int) -> None:
    entry = entry_for(stored, LEADER)
    assert (entry.leader, entry.revision, entry.restarts) == (LEADER.uid, KEY, restarts)
    assert stored is None or stored.leader == LEADER.uid or not (entry.restarting or entry.workers)


class TestDecide:
    @pytest.mark.parametrize(
        ("stored", "limit", "step", "wait"),
        [
            pytest.param(None, None, Step.RECREATE, 0, id="the-first-at-once"),
            pytest.param(_entry(workers="w"), None, Step.RECREATE, 0, id="recorded-and-first"),
            pytest.param(None, 0, Step.GIVE_UP, 0, id="bound-0-allows-none"),
            pytest.param(None, 1, Step.RECREATE, 0, id="bound-1-allows-one"),
            pytest.param(_entry(restarts=1, last_restart_time=_ago(4)), None, Step.WAIT, 6, id="second-soon"),
            pytest.param(_entry(restarts=1, last_restart_time=_ago(10)), None, Step.RECREATE, 0, id="due"),
            pytest.param(_entry(restarts=3, last_restart_time=_ago(39)), None, Step.WAIT, 1, id="third"),
            pytest.param(_entry(restarts=9, last_restart_time=_ago(0)), None, Step.WAIT, 300, id="longest"),
            pytest.param(_entry(restarts=1, last_restart_time=_ago(4)), 1, Step.GIVE_UP, 0, id="bound"),
            pytest.param(_entry(restarts=2, restarting=True), 1, Step.RECREATE, 0, id="counted-already"),
            pytest.param(_entry(restarts=1, backoff_until=_ago(-3)), None, Step.WAIT, 3, id="waiting"),
            pytest.param(_entry(restarts=1, backoff_until=_ago(0)), None, Step.RECREATE, 0, id="waited"),
            pytest.param(_entry(restarts=1, backoff_until=_ago(-3)), 1, Step.GIVE_UP, 0, id="bound-lowered"),
            pytest.param(_entry(restarts=1, failed=True), 2, Step.RECREATE, 0, id="bound-raised"),
            pytest.param(
                _entry(restarts=1, backoff_until=_ago(-9999)), None, Step.RECREATE, 0, id="clock-was-wrong"
            ),
            pytest.param(_entry(restarts=1, last_restart_time="soon"), None, Step.RECREATE, 0, id="no-time"),
            pytest.param(
                _entry(restarts=5, last_restart_time=_ago(700), ready_time=_ago(STABLE)),
                5,
                Step.RECREATE,
                0,
                id="stable-starts-anew",
            ),
            pytest.param(
                _entry(restarts=5, last_restart_time=_ago(700), ready_time=_ago(STABLE - 1)),
                5,
                Step.GIVE_UP,
                0,
                id="not-long-enough-stable",
            ),
            pytest.param(
                _entry(restarts=5, last_restart_time=_ago(9999)), 5, Step.GIVE_UP, 0, id="never-ready-again"
            ),
            pytest.param(
                _entry(restarts=2, backoff_until=_ago(0), ready_time=_ago(STABLE)),
                2,
                Step.GIVE_UP,
                0,
                id="time-spent-waiting-is-no-stability",
            ),
        ],
    )
    def test_step(self, stored: GroupStatus | None, limit: int | None, step: Step, wait: float) -> None:
        decision = decide(stored, LEADER, counts=True, limit=limit, now=NOW)
        assert (decision.step, decision.wait) == (step, wait)
        assert decision.entry.failed is (step == Step.GIVE_UP)
        assert decision.entry.restarting is (step == Step.RECREATE)
        assert bool(decision.entry.backoff_until) is (step == Step.WAIT)

    @pytest.mark.parametrize(
        ("stored", "step", "entry"),
        [
            pytest.param(None, Step.RECREATE, _entry(restarting=True), id="the-first"),
            pytest.param(
                _entry(restarts=3, last_restart_time=_ago(1)),
                Step.RECREATE,
                _entry(restarts=3, last_restart_time=_ago(1), restarting=True),
                id="at-once-and-not-counted-within-a-row",
            ),
            pytest.param(
                _entry(restarts=5, last_restart_time=_ago(700), ready_time=_ago(STABLE)),
                Step.RECREATE,
                _entry(ready_time=_ago(STABLE), restarting=True),
                id="after-being-stable-the-row-has-ended",
            ),
            pytest.param(
                _entry(restarts=3, last_restart_time=_ago(1), failed=True),
                Step.GIVE_UP,
                _entry(restarts=3, last_restart_time=_ago(1), failed=True),
                id="what-had-failed-before-stays",
            ),
        ],
    )
    def test_what_was_done_to_a_group_does_not_count(
        self, stored: GroupStatus | None, step: Step, entry: GroupStatus
    ) -> None:
        decision = decide(stored, LEADER, counts=False, limit=3, now=NOW)
        assert (decision.step, decision.entry) == (step, entry)

    def test_a_stable_group_counts_from_one_again(self) -> None:
        stored = _entry(restarts=5, last_restart_time=_ago(700), ready_time=_ago(STABLE))
        entry = decide(stored, LEADER, counts=True, limit=None, now=NOW).entry
        assert (entry.restarts, entry.last_restart_time) == (1, _ago(0))

    def test_the_count_ends_where_a_status_can_hold_no_more(self) -> None:
        """The API server refuses a larger number, and every other group's entry with it."""
        stored = _entry(restarts=2**31 - 1, last_restart_time=_ago(700))
        decision = decide(stored, LEADER, counts=True, limit=None, now=NOW)
        assert (decision.step, decision.entry.restarts) == (Step.RECREATE, 2**31 - 1)

    def test_counting_happens_once_for_each_leader(self) -> None:
        first = decide(None, LEADER, counts=True, limit=None, now=NOW).entry
        assert decide(first, LEADER, counts=True, limit=None, now=NOW + 1).entry == first


_TIMES = st.sampled_from(["", "nonsense", *(_ago(x) for x in (-9999, -100, 0, 5, 100, 700))])
_ENTRIES = st.none() | st.builds(
    GroupStatus,
    leader=st.sampled_from([LEADER.uid, FORMER]),
    revision=st.sampled_from([KEY, "old"]),
    workers=st.sampled_from(["", "w"]),
    ready_time=_TIMES,
    restarts=st.integers(0, 12),
    last_restart_time=_TIMES,
    restarting=st.booleans(),
    backoff_until=_TIMES,
    failed=st.booleans(),
)


@settings(max_examples=500, deadline=None)
@given(_ENTRIES, st.none() | st.integers(0, 12), st.booleans())
def test_any_entry_leads_somewhere_and_deciding_again_changes_nothing(
    stored: GroupStatus | None, limit: int | None, counts: bool
) -> None:
    decision = decide(stored, LEADER, counts=counts, limit=limit, now=NOW)
    again = decide(decision.entry, LEADER, counts=counts, limit=limit, now=NOW)
    assert again.step == decision.step
    assert again.entry == decision.entry
    assert decision.entry.leader == LEADER.uid
    assert 0 <= decision.wait <= 2 * LONGEST
    counted = stored is not None and stored.restarting and entry_for(stored, LEADER) == stored
    if limit is not None and decision.step == Step.RECREATE and counts and not counted:
        assert decision.entry.restarts <= limit


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0.0, 400.0), max_size=15), st.none() | st.integers(0, 5))
def test_a_group_that_fails_whenever_it_can_is_recreated_ever_more_rarely_up_to_the_bound(
    delays: list[float], limit: int | None
) -> None:
    """Each leader fails so long after the last recreation; the group is never ready."""
    stored, now, recreations = None, NOW, []
    for number, delay in enumerate(delays):
        leader = a_leader(0, uid=f"uid-{number}")
        now += delay
        decision = decide(stored, leader, counts=True, limit=limit, now=now)
        if decision.step == Step.WAIT:
            now += decision.wait
            decision = decide(decision.entry, leader, counts=True, limit=limit, now=now)
        if decision.step == Step.GIVE_UP:
            break
        assert decision.step == Step.RECREATE
        stored = decision.entry
        recreations.append(epoch(stored.last_restart_time))
    assert limit is None or len(recreations) <= limit
    for done, (before, after) in enumerate(itertools.pairwise(recreations), start=1):
        assert after - before >= backoff(done)


@given(_ENTRIES, st.builds(GroupStatus, leader=st.text(max_size=3), restarts=st.integers(0, 2)))
def test_patches_lead_from_one_entry_to_the_other(stored: GroupStatus | None, wanted: GroupStatus) -> None:
    for patch in (entry_document(wanted), entry_difference(stored, wanted)):
        merged = {**msgspec.to_builtins(stored or GroupStatus()), **patch}
        kept = {name: value for name, value in merged.items() if value is not None}
        assert msgspec.convert(kept, GroupStatus) == wanted
    assert entry_difference(wanted, wanted) == {}


def test_the_entry_of_a_leader_is_its_groups() -> None:
    lws = a_set(status={"groups": {"1": {"leader": "x"}}})
    assert stored_entry(lws, a_leader(1)) == GroupStatus(leader="x")
    assert stored_entry(lws, a_leader(0)) is None
    assert stored_entry(lws, a_leader("x")) is None
