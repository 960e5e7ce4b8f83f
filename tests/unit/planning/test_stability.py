"""Since when groups have been ready, and which have been so for long enough (beyond.md, 5.4)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.groups import KEY, a_leader, a_set, a_worker_set

from lws.api import constants as c
from lws.api.timestamps import epoch, micro_time
from lws.api.workloads import Pod
from lws.planning.groups import Groups, groups_of
from lws.planning.observed import ObservedSet
from lws.planning.stability import next_stable, ready_times, with_stability

AT = epoch("2026-02-03T04:05:06Z") + 0.25
NOW, BEFORE, LATER = micro_time(AT), micro_time(AT - 5), micro_time(AT + 5)
SERVED = "2026-02-03T04:00:00Z"
CREATED, AFTERWARDS = "2026-02-03T03:00:00Z", "2026-02-03T04:00:01Z"
ENTRY = {"leader": "uid-test-sample-0", "revision": KEY, "readySince": BEFORE}


def available(status: str = "True") -> dict[str, Any]:
    return {"type": c.AVAILABLE, "status": status, "lastTransitionTime": SERVED}


def a_group(lws: Any, *, ready: bool = True, **leader: Any) -> Groups:
    pod = a_leader(leader.pop("index", 0), ready=ready)
    pod = replace(pod, metadata=replace(pod.metadata, **leader))
    return of(lws, pod)


def of(lws: Any, *pods: Pod) -> Groups:
    return groups_of(ObservedSet(lws, leaders=pods, worker_sets=tuple(a_worker_set(x) for x in pods)))


@pytest.mark.parametrize(
    ("status", "group", "known", "since"),
    [
        pytest.param({}, {}, None, NOW, id="seen-for-the-first-time"),
        pytest.param({}, {}, BEFORE, BEFORE, id="seen-before"),
        pytest.param({}, {"ready": False}, BEFORE, "", id="not-ready-any-more"),
        pytest.param({}, {}, LATER, NOW, id="a-clock-went-back"),
        pytest.param({}, {}, "yesterday", NOW, id="no-time"),
        pytest.param({"groups": {"0": ENTRY}}, {}, None, BEFORE, id="a-process-before-saw-it"),
        pytest.param({"groups": {"0": ENTRY}}, {}, "", NOW, id="ready-again-before-that-was-written-down"),
        pytest.param({"groups": {"0": ENTRY}}, {"uid": "next"}, None, NOW, id="of-a-former-leader"),
        pytest.param(
            {"groups": {"0": ENTRY | {"revision": "old"}}}, {}, None, NOW, id="of-a-former-revision"
        ),
        pytest.param({"groups": {"0": ENTRY | {"readySince": LATER}}}, {}, None, NOW, id="from-the-future"),
        pytest.param(
            {"conditions": [available()]}, {"creation_timestamp": CREATED}, None, SERVED, id="served-already"
        ),
        pytest.param(
            {"conditions": [available()]}, {"creation_timestamp": AFTERWARDS}, None, NOW, id="came-afterwards"
        ),
        pytest.param({"conditions": [available()]}, {}, None, NOW, id="nobody-knows-when-it-came"),
        pytest.param(
            {"conditions": [available()]}, {"creation_timestamp": CREATED}, "", NOW, id="served-with-a-gap"
        ),
        pytest.param(
            {"conditions": [available()]},
            {"creation_timestamp": CREATED, "index": 2},
            None,
            NOW,
            id="surge-is-not-spoken-of",
        ),
        pytest.param(
            {"conditions": [available("False")]},
            {"creation_timestamp": CREATED},
            None,
            NOW,
            id="not-all-served",
        ),
    ],
)
def test_since_when(status: dict[str, Any], group: dict[str, Any], known: str | None, since: str) -> None:
    lws = a_set(status=status, min_ready=20)
    groups = a_group(lws, **group)
    [leader] = (x.leader for x in groups.all)
    before = {} if known is None else {leader.uid: known}
    assert ready_times(lws, groups, before, at=AT) == {leader.uid: since}


def test_what_is_known_is_of_leaders_that_are_there() -> None:
    lws = a_set(min_ready=20)
    assert ready_times(lws, a_group(lws), {"gone": BEFORE}, at=AT).keys() == {"uid-test-sample-0"}


def test_without_seconds_nothing_is_kept_and_all_are_stable() -> None:
    lws = a_set(min_ready=0)
    groups = a_group(lws)
    assert ready_times(lws, groups, {"uid-test-sample-0": BEFORE}, at=AT) == {}
    assert with_stability(lws, groups, {}, at=AT) is groups


@pytest.mark.parametrize(
    ("passed", "stable", "left"),
    [
        pytest.param(0.0, False, 20.0, id="just-ready"),
        pytest.param(19.5, False, 0.5, id="nearly"),
        pytest.param(19.99, False, 0.05, id="not-sooner-than-a-timer-goes-off"),
        pytest.param(20.0, True, None, id="over"),
    ],
)
def test_for_how_long(passed: float, stable: bool, left: float | None) -> None:
    lws = a_set(min_ready=20)
    groups = of(lws, a_leader(0, ready=True), a_leader(1))
    times = {"uid-test-sample-0": NOW, "uid-test-sample-1": ""}
    later = with_stability(lws, groups, times, at=AT + passed)
    group, down = later.by_index[0], later.by_index[1]
    assert (group.ready, group.stable, group.available) == (True, stable, stable)
    assert (down.ready, down.available) == (False, False)
    assert next_stable(lws, later, times, at=AT + passed) == (left and pytest.approx(left))
