"""How long silence is believed in, and when a thread counts as stuck. On a fake clock."""

from __future__ import annotations

import pytest

from lws.kube.watch import BOOKMARK_SILENCE
from lws.runtime.clock import FakeClock
from lws.runtime.informers.pulse import STUCK_AFTER, Pulse


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def pulse(clock: FakeClock) -> Pulse:
    return Pulse(clock)


def watched(pulse: Pulse, *bookmarks: str, lost: bool) -> float | None:
    """One watch with these bookmarks, perhaps lost by silence; what the next one may be silent for."""
    pulse.opening()
    for bookmark in bookmarks:
        pulse.bookmark(initial=bookmark == "initial")
    if lost:
        pulse.fell_silent()
    return pulse.opening()


class TestTheNextWatch:
    def test_is_believed_as_usual_at_first(self, pulse: Pulse) -> None:
        assert pulse.opening() is None

    def test_is_short_of_patience_once_a_bookmark_came_by_itself(self, pulse: Pulse) -> None:
        assert watched(pulse, "initial", "plain", lost=False) == BOOKMARK_SILENCE
        assert watched(pulse, lost=False) == BOOKMARK_SILENCE

    def test_also_when_the_watch_was_lost_by_silence_afterwards(self, pulse: Pulse) -> None:
        assert watched(pulse, "plain", lost=True) == BOOKMARK_SILENCE

    def test_is_believed_again_when_a_whole_watch_had_none(self, pulse: Pulse) -> None:
        """A server whose watch cache is off ends lists with a bookmark, and sends no others."""
        assert watched(pulse, "plain", lost=False) == BOOKMARK_SILENCE
        assert watched(pulse, lost=True) is None
        assert watched(pulse, "initial", lost=True) is None


def test_silence_counts_from_the_last_word(pulse: Pulse, clock: FakeClock) -> None:
    clock.advance(7.0)
    assert pulse.silence == 7.0
    pulse.heard()
    clock.advance(2.0)
    assert pulse.silence == 2.0


@pytest.mark.parametrize("wait", [0.0, 30.0, 630.0])
def test_a_thread_is_stuck_minutes_after_it_should_be_back(
    pulse: Pulse, clock: FakeClock, wait: float
) -> None:
    pulse.expect(wait)
    clock.advance(wait + STUCK_AFTER)
    assert pulse.overdue == 0.0
    clock.advance(1.0)
    assert pulse.overdue == STUCK_AFTER + 1.0
    pulse.expect(wait)
    assert pulse.overdue == 0.0
