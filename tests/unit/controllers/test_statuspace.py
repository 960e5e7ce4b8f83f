"""How long a status patch waits (docs/decisions/007, 010)."""

from __future__ import annotations

from typing import Any

import pytest

from lws.controllers.statuspace import INTERVAL, RECORD_INTERVAL, StatusPace
from lws.objects import Key
from lws.planning.actions import PatchStatus
from lws.runtime.clock import FakeClock

RECORD = {"groups": {"0": {"leader": "l", "workers": "w"}}}
MINOR = {"groups": {"0": {"readyTime": "t"}, "1": None}}
COUNTER = {"readyReplicas": 1}


def _patch(status: dict[str, Any]) -> PatchStatus:
    return PatchStatus("LeaderWorkerSet", Key("ns", "a"), status)


@pytest.mark.parametrize(
    ("status", "first", "after_a_write"),
    [
        pytest.param({"conditions": []}, 0, 0, id="conditions-never"),
        pytest.param({"conditions": [], **RECORD, **COUNTER}, 0, 0, id="conditions-take-all-along"),
        pytest.param(COUNTER, 0, INTERVAL - 1, id="counters"),
        pytest.param(MINOR, 0, INTERVAL - 1, id="no-record"),
        pytest.param(RECORD, RECORD_INTERVAL, RECORD_INTERVAL, id="record"),
        pytest.param({**RECORD, **COUNTER}, RECORD_INTERVAL, RECORD_INTERVAL, id="record-and-counters"),
    ],
)
def test_delay(status: dict[str, Any], first: float, after_a_write: float) -> None:
    clock = FakeClock()
    assert StatusPace(clock).delay("uid", _patch(status)) == first
    pace = StatusPace(clock)
    pace.wrote("uid")
    clock.advance(1.0)
    assert pace.delay("uid", _patch(status)) == after_a_write
    assert pace.delay("other", _patch(status)) == first


def test_a_record_waits_once_however_often_it_is_asked_for() -> None:
    clock = FakeClock()
    pace = StatusPace(clock)
    assert pace.delay("uid", _patch(RECORD)) == RECORD_INTERVAL
    clock.advance(RECORD_INTERVAL / 2)
    assert pace.delay("uid", _patch(RECORD)) == RECORD_INTERVAL / 2
    clock.advance(RECORD_INTERVAL / 2)
    assert pace.delay("uid", _patch(RECORD)) == 0
    pace.wrote("uid")
    assert pace.delay("uid", _patch(RECORD)) == RECORD_INTERVAL
