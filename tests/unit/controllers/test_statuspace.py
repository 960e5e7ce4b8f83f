"""Numbers of a status wait for company; conditions never wait."""

from __future__ import annotations

from typing import Any

import pytest

from lws.controllers.statuspace import BURST, GATHER, INTERVAL, LONGEST, SPACING, StatusPace
from lws.objects import Key
from lws.planning.actions import PatchStatus
from lws.runtime.clock import FakeClock

COUNTERS = {"readyReplicas": 1}


def patch(status: dict[str, Any], *, patient: bool = True, last: bool = False) -> PatchStatus:
    return PatchStatus("LeaderWorkerSet", Key("ns", "a"), status, patient=patient, last=last)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def pace(clock: FakeClock) -> StatusPace:
    return StatusPace(clock)


def sent(pace: StatusPace, clock: FakeClock, uid: str, status: dict[str, Any] = COUNTERS) -> float:
    """Seconds until the patch of this set may go, asking again whenever told to."""
    began = clock.monotonic()
    while wait := pace.delay(uid, patch(status)):
        clock.advance(wait)
    pace.wrote(uid)
    return clock.monotonic() - began


def test_what_is_more_than_numbers_goes_at_once(pace: StatusPace) -> None:
    pace.wrote("u")
    assert pace.delay("u", patch(COUNTERS, patient=False)) == 0


def test_numbers_let_another_patch_of_their_set_arrive_first(pace: StatusPace, clock: FakeClock) -> None:
    clock.advance(pace.delay("u", patch(COUNTERS)))
    assert pace.delay("u", patch(COUNTERS), meets=True) == GATHER
    assert pace.delay("u", patch(COUNTERS, patient=False), meets=True) == 0
    assert pace.delay("u", patch(COUNTERS)) == 0


@pytest.mark.parametrize(
    "status", [COUNTERS, {"groups": {"0": {"workers": "x"}}}], ids=["counters", "records"]
)
def test_numbers_wait_a_moment_for_other_groups(
    pace: StatusPace, clock: FakeClock, status: dict[str, Any]
) -> None:
    assert sent(pace, clock, "u", status) == GATHER


def test_numbers_of_one_set_keep_their_distance(pace: StatusPace, clock: FakeClock) -> None:
    pace.wrote("u")
    assert sent(pace, clock, "u") == INTERVAL
    clock.advance(100)
    assert sent(pace, clock, "u") == GATHER


def test_many_sets_share_about_one_write_a_second(pace: StatusPace, clock: FakeClock) -> None:
    asking = {f"u{i}": GATHER for i in range(30)}
    for uid in asking:
        pace.delay(uid, patch(COUNTERS))
    times = []
    while asking:
        uid = min(asking, key=lambda one: asking[one])
        clock.advance(max(0.0, asking[uid] - clock.monotonic()))
        wait = pace.delay(uid, patch(COUNTERS))
        asking[uid] = clock.monotonic() + wait
        if not wait:
            pace.wrote(uid)
            times.append(clock.monotonic())
            del asking[uid]
    for start in (0.0, 5.0, 10.0, 15.0):
        assert sum(start <= x < start + 5 for x in times) <= BURST + 5 / SPACING + 1
    assert max(times) <= GATHER + LONGEST


def test_nothing_waits_for_ever(pace: StatusPace, clock: FakeClock) -> None:
    for i in range(1000):
        pace.delay(f"other{i}", patch(COUNTERS))
    waits = []
    while wait := pace.delay("u", patch(COUNTERS)):
        clock.advance(wait)
        waits.append(wait)
        pace._take_turn(clock.monotonic())
    assert sum(waits) <= LONGEST


def test_the_last_numbers_wait_for_no_other_set(pace: StatusPace, clock: FakeClock) -> None:
    for i in range(1000):
        pace.delay(f"other{i}", patch(COUNTERS))
    assert pace.delay("u", patch(COUNTERS, last=True)) == GATHER
    clock.advance(GATHER)
    while pace._take_turn(clock.monotonic()):
        pass
    assert pace.delay("other0", patch(COUNTERS)) > INTERVAL
    assert pace.delay("u", patch(COUNTERS, last=True)) == 0


def test_the_last_numbers_do_not_wait_for_the_last_write_of_their_set(
    pace: StatusPace, clock: FakeClock
) -> None:
    pace.wrote("u")
    assert pace.delay("u", patch(COUNTERS)) == INTERVAL
    assert pace.delay("u", patch(COUNTERS, last=True)) == GATHER
    clock.advance(GATHER)
    assert pace.delay("u", patch(COUNTERS, last=True)) == 0
