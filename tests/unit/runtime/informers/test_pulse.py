"""How long silence is believed in, and when a thread counts as stuck. On a fake clock."""

from __future__ import annotations

import pytest

from lws.kube.watch import BOOKMARK_SILENCE
from lws.runtime.clock import FakeClock
from lws.runtime.informers.pulse import MUTE_AFTER, STUCK_AFTER, Pulse


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
    def test_is_short_of_patience(self, pulse: Pulse) -> None:
        assert pulse.opening() == BOOKMARK_SILENCE
        assert watched(pulse, "initial", "plain", lost=False) == BOOKMARK_SILENCE
        assert watched(pulse, "plain", lost=True) == BOOKMARK_SILENCE

    def test_also_after_some_that_died_before_their_first_bookmark(self, pulse: Pulse) -> None:
        """A network that forgets connections twice in a minute."""
        for _ in range(5):
            for _ in range(MUTE_AFTER - 1):
                assert watched(pulse, "initial", lost=True) == BOOKMARK_SILENCE
            assert watched(pulse, "plain", lost=True) == BOOKMARK_SILENCE

    def test_is_believed_when_no_bookmark_ever_comes(self, pulse: Pulse) -> None:
        """A server whose watch cache is off ends lists with a bookmark, and sends no others."""
        for _ in range(MUTE_AFTER - 1):
            assert watched(pulse, "initial", lost=True) == BOOKMARK_SILENCE
        assert watched(pulse, lost=True) is None
        assert watched(pulse, "initial", lost=True) is None
        assert watched(pulse, "plain", lost=False) == BOOKMARK_SILENCE, "until one comes"


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
