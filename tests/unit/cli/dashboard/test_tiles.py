"""Groups as tiles: phase, reason, tone and revision of each."""

from __future__ import annotations

from typing import Any

import pytest
from support.cli import key_of, scaled_down, seen_of
from support.groups import a_set
from support.pictures import NOWHERE

from lws.api.leaderworkerset import LeaderWorkerSet
from lws.cli.dashboard.places import Ground, Map, topologies
from lws.cli.dashboard.tiles import Tile, Whose, tiles_of
from lws.cli.observing import Seen

FORMER = a_set(replicas=3, template={"restartPolicy": "None"})


def tiles(seen: Seen, **more: Any) -> list[Tile]:
    return list(tiles_of(seen, Map(topologies([seen.lws]), Ground()), now=0.0, **more))


def stuck(index: int) -> dict[str, dict[str, Any]]:
    return {f"test-sample-{index}": NOWHERE}


def told(reason: str, message: str = "m", **entry: Any) -> LeaderWorkerSet:
    groups = {"1": {"phase": "Starting", "reason": reason, "message": message, "since": "t", **entry}}
    return a_set(replicas=2, status={"groups": groups})


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        (seen_of(a_set(replicas=2)), ("Ready", "", "ok", True)),
        (seen_of(a_set(replicas=2), former=FORMER, outdated=(1,)), ("Ready", "", "old", False)),
        (seen_of(a_set(replicas=2), missing=(1,)), ("Starting", "NotReady", "busy", False)),
        (
            seen_of(a_set(replicas=2), down=(1,), statuses=stuck(1), nodes={"test-sample-1": ""}),
            ("Waiting", "Unschedulable", "bad", True),
        ),
        (
            seen_of(a_set(replicas=2, partition=2), former=FORMER, outdated=(1,), down=(1,)),
            ("Waiting", "Held", "busy", False),
        ),
        (seen_of(told("FailedCreate"), missing=(1,)), ("Starting", "FailedCreate", "bad", False)),
        (seen_of(told("CrashLoop"), missing=(1,)), ("Starting", "NotReady", "busy", False)),
    ],
    ids=["ready", "old", "missing", "no-place", "held", "only-the-manager-knows", "the-status-lags"],
)
def test_how_a_group_is(seen: Seen, wanted: tuple[object, ...]) -> None:
    tile = tiles(seen)[1]
    assert (tile.phase, tile.reason, tile.tone, tile.updated) == wanted


def test_a_tile_has_its_pods_and_its_revision() -> None:
    lws = a_set(replicas=1, size=2)
    (tile,) = tiles(seen_of(lws))
    assert [(x.name, x.ready, x.node) for x in tile.pods] == [
        ("test-sample-0", True, "n1"),
        ("test-sample-0-1", True, "n1"),
    ]
    assert (tile.key, tile.revision, tile.wanted, tile.places) == ("test-sample/0", key_of(lws), 2, ["n1"])


def test_since_when_is_told_of_the_same_reason_only() -> None:
    assert [tiles(seen_of(told(x), missing=(1,)))[1].since for x in ("NotReady", "CrashLoop")] == ["t", ""]


def test_a_group_that_is_being_made_anew_is_of_the_present_revision() -> None:
    seen = seen_of(a_set(replicas=2, size=2))
    without_workers = seen._replace(stateful_sets=(seen.stateful_sets[0],))
    assert [(x.updated, x.present) for x in tiles(without_workers)] == [(False, True)] * 2


def test_a_group_that_is_to_be_made_anew_is_of_a_former_revision() -> None:
    seen = seen_of(a_set(replicas=2), former=FORMER, outdated=(0,))
    assert [(x.updated, x.present) for x in tiles(seen)] == [(False, False), (True, True)]


def test_a_group_beyond_the_wanted_number_is_surge() -> None:
    seen = seen_of(a_set(replicas=2), replicas=3)
    assert [x.surge for x in tiles(seen)] == [False, False, True]
    assert [x.surge for x in tiles(scaled_down(seen))] == [False, False, False]


def test_a_set_of_a_former_revision_has_no_group_that_is_up_to_date() -> None:
    found = tiles(seen_of(a_set(replicas=2)), whose=Whose("decode", 1, current=False))
    assert [(x.role, x.slice, x.updated, x.tone) for x in found] == [("decode", 1, False, "old")] * 2
