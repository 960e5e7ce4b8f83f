"""Names that others have are looked at again in time, whatever else leads to a pass."""

from __future__ import annotations

from lws.controllers.outcomes import FOREIGN_RETRY, Outcome, TakenNames
from lws.objects import Key
from lws.runtime.clock import FakeClock

KEY = Key("d", "s")


def test_a_pass_for_another_reason_does_not_put_off_the_next_look() -> None:
    clock = FakeClock()
    names = TakenNames(clock)
    assert names.known("Service", KEY) is None
    assert names.note("Service", KEY) == Outcome(FOREIGN_RETRY)
    clock.advance(FOREIGN_RETRY - 1)
    assert names.known("Service", KEY) == Outcome(1.0)
    clock.advance(1)
    assert names.known("Service", KEY) is None
