"""A reason is told once it has lasted, and does not come and go with what does not."""

from __future__ import annotations

import pytest

from lws.api.leaderworkerset import GroupStatus
from lws.controllers.standings import AHEAD, ON_ITS_WAY, URGENT, StandingMemory
from lws.objects import Key
from lws.planning.reasons import Readiness, Reason, Standing, Told
from lws.runtime.clock import FakeClock

KEY = Key("d", "s")
PULL = Standing(Reason.IMAGE_PULL, "m")
UNREADY = Standing(Reason.NOT_READY, "m")
QUEUED = Standing(Reason.SCHEDULING_GATED, "m")


@pytest.mark.parametrize(("standing", "grace"), [(PULL, URGENT), (UNREADY, ON_ITS_WAY)])
def test_it_has_to_last(standing: Standing, grace: float) -> None:
    clock = FakeClock()
    memory = StandingMemory(clock)
    assert memory.settle(KEY, "u", {0: standing}, {}, now="t0") == (Readiness(), grace)
    clock.advance(grace - 0.5)
    assert memory.settle(KEY, "u", {0: standing}, {}, now="t1") == (Readiness(), 0.5)
    clock.advance(0.5)
    assert memory.settle(KEY, "u", {0: standing}, {}, now="t2") == (
        Readiness({0: Told(standing, "t0")}),
        None,
    )


def test_what_comes_between_begins_anew() -> None:
    clock = FakeClock()
    memory = StandingMemory(clock)
    for found in (PULL, UNREADY, PULL):
        memory.settle(KEY, "u", {0: found}, {}, now="t")
        clock.advance(URGENT / 2)
    assert memory.settle(KEY, "u", {0: PULL}, {}, now="t") == (Readiness(), URGENT / 2)


def test_what_the_status_tells_stands_after_a_restart() -> None:
    stored = {"0": GroupStatus(phase="Starting", reason="ImagePull", since="t0")}
    readiness, due = StandingMemory(FakeClock()).settle(KEY, "u", {0: PULL}, stored, now="t9")
    assert (readiness.told, due) == ({0: Told(PULL, "t0")}, None)


def test_another_one_than_is_told_is_told_soon() -> None:
    """Until then what is told stands: between two crashes of a loop there is no moment without a reason."""
    stored = {"0": GroupStatus(phase="Starting", reason="ImagePull", since="t0", message="m")}
    clock = FakeClock()
    memory = StandingMemory(clock)
    assert memory.settle(KEY, "u", {0: UNREADY}, stored, now="t1") == (
        Readiness({0: Told(PULL, "t0")}),
        URGENT,
    )
    clock.advance(URGENT)
    assert memory.settle(KEY, "u", {0: UNREADY}, stored, now="t2") == (
        Readiness({0: Told(UNREADY, "t1")}),
        None,
    )


@pytest.mark.parametrize("reason", [Reason.MAX_RESTARTS, Reason.RESTART_BACK_OFF])
@pytest.mark.parametrize("standing", [PULL, UNREADY])
def test_what_is_on_record_no_more_does_not_stand(reason: Reason, standing: Standing) -> None:
    """A group that was left failed and was recreated by hand is not failed, not for a moment."""
    stored = {"0": GroupStatus(phase=str(reason.phase), reason=reason, since="t0", message="m")}
    readiness, due = StandingMemory(FakeClock()).settle(KEY, "u", {0: standing}, stored, now="t1")
    assert (readiness.told, due) == ({0: Told(standing, "t1")}, None)


def test_what_another_version_has_told_does_not_stand() -> None:
    stored = {"0": GroupStatus(phase="Starting", reason="WaitingForGang", since="t0")}
    assert StandingMemory(FakeClock()).settle(KEY, "u", {0: UNREADY}, stored, now="t")[0] == Readiness()


def test_a_group_that_is_ready_has_none() -> None:
    stored = {"0": GroupStatus(phase="Starting", reason="ImagePull", since="t0")}
    assert StandingMemory(FakeClock()).settle(KEY, "u", {}, stored, now="t") == (Readiness(), None)


def test_all_are_meant_to_wait() -> None:
    memory = StandingMemory(FakeClock())
    assert memory.settle(KEY, "u", {0: QUEUED, 1: QUEUED}, {}, now="t")[0].still
    assert not memory.settle(KEY, "u", {0: QUEUED, 1: PULL}, {}, now="t")[0].still
    assert not memory.settle(KEY, "u", {}, {}, now="t")[0].still


def test_of_another_set_of_that_name_nothing_is_known() -> None:
    clock = FakeClock()
    memory = StandingMemory(clock)
    memory.settle(KEY, "u", {0: PULL}, {}, now="t0")
    clock.advance(URGENT)
    assert memory.settle(KEY, "v", {0: PULL}, {}, now="t1") == (Readiness(), URGENT)
    clock.advance(URGENT)
    memory.forget(KEY)
    assert memory.settle(KEY, "v", {0: PULL}, {}, now="t2") == (Readiness(), URGENT)


def test_what_is_told_or_about_to_be_has_to_be_heard() -> None:
    """A pass that tells it may have read its pods just before they change."""
    clock = FakeClock()
    memory = StandingMemory(clock)
    memory.settle(KEY, "u", {0: UNREADY}, {}, now="t")
    assert not memory.tells(KEY, 0)
    clock.advance(ON_ITS_WAY - AHEAD)
    assert memory.tells(KEY, 0)
    assert not memory.tells(KEY, 1)
    memory.settle(KEY, "u", {}, {}, now="t")
    assert not memory.tells(KEY, 0)
    stored = {"0": GroupStatus(phase="Starting", reason="NotReady", since="t0")}
    memory.settle(KEY, "u", {0: UNREADY}, stored, now="t")
    assert memory.tells(KEY, 0), "after a restart, too"
