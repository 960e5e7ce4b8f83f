"""The rollout rules: reconcilers.md, 3, its worked tables T1 to T20 among them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from support.groups import NAME, a_leader, a_leader_set, a_set, a_worker_set
from support.rolling_set import RollingSet

from lws.api import constants as c
from lws.api.workloads import StatefulSet
from lws.objects import ObjectReference
from lws.planning.groups import GroupState, groups_of
from lws.planning.observed import ObservedSet
from lws.planning.rollout.numbers import (
    Rollout,
    RolloutNumbers,
    group_deletion,
    next_partition,
    partition_move,
    past_groups_down,
    rollout_numbers,
    rollout_parameters,
    unready_count,
    wanted_replicas,
)

# What happens; then one pass, and the StatefulSet controller acts: partition, replicas, groups.
Row = tuple[str, int, int, str]

TABLES: dict[str, tuple[dict[str, Any], list[Row]]] = {
    "T1": (
        {"replicas": 4, "max_surge": 2, "max_unavailable": 2},
        [
            ("", 0, 4, "NNNN"),
            ("template b", 4, 6, "oooonn"),
            ("", 2, 6, "oonnnn"),
            ("ready 4", 2, 6, "oonnNn"),
            ("ready 5", 0, 6, "nnnnNN"),
            ("ready 2 3", 0, 4, "nnNN"),
            ("ready 1", 0, 4, "nNNN"),
            ("ready 0", 0, 4, "NNNN"),
        ],
    ),
    "T1, the last surge group ready first": (
        {"replicas": 4, "max_surge": 2, "max_unavailable": 2},
        [("template b", 4, 6, "oooonn"), ("", 2, 6, "oonnnn"), ("ready 5", 1, 6, "onnnnN")],
    ),
    "T2": (
        {"replicas": 4, "max_surge": 2, "max_unavailable": 1},
        [
            ("template b", 4, 6, "oooonn"),
            ("", 3, 6, "ooonnn"),
            ("ready 5", 2, 6, "oonnnN"),
            ("ready 4", 1, 6, "onnnNN"),
            ("ready 3", 0, 6, "nnnNNN"),
            ("ready 2", 0, 5, "nnNNN"),
            ("ready 1", 0, 4, "nNNN"),
            ("ready 0", 0, 4, "NNNN"),
        ],
    ),
    "T3": (
        {"replicas": 4, "max_surge": 1, "max_unavailable": 0},
        [
            ("template b", 4, 5, "oooon"),
            ("ready 4", 3, 5, "ooonN"),
            ("ready 3", 2, 5, "oonNN"),
            ("ready 2", 1, 5, "onNNN"),
            ("ready 1", 0, 5, "nNNNN"),
            ("ready 0", 0, 4, "NNNN"),
        ],
    ),
    "T4": (
        {"replicas": 4},
        [
            ("template b", 4, 4, "oooo"),
            ("", 3, 4, "ooon"),
            ("ready 3", 2, 4, "oonN"),
            ("ready 2", 1, 4, "onNN"),
            ("ready 1", 0, 4, "nNNN"),
            ("ready 0", 0, 4, "NNNN"),
        ],
    ),
    "T5": (
        {"replicas": 4, "max_unavailable": 2},
        [
            ("template b", 4, 4, "oooo"),
            ("", 2, 4, "oonn"),
            ("ready 3", 1, 4, "onnN"),
            ("ready 2", 0, 4, "nnNN"),
            ("ready 0 1", 0, 4, "NNNN"),
        ],
    ),
    "T6": (
        {"replicas": 4, "max_unavailable": 10},
        [("template b", 4, 4, "oooo"), ("", 0, 4, "nnnn")],
    ),
    "T7": (
        {"replicas": 4, "max_surge": 5, "max_unavailable": 1},
        [
            ("template b", 4, 7, "oooonnn"),
            ("", 3, 7, "ooonnnn"),
            ("ready 6", 2, 7, "oonnnnN"),
            ("ready 5", 1, 7, "onnnnNN"),
            ("ready 4", 0, 7, "nnnnNNN"),
            ("ready 3", 0, 6, "nnnNNN"),
            ("ready 2", 0, 5, "nnNNN"),
            ("ready 1", 0, 4, "nNNN"),
            ("ready 0", 0, 4, "NNNN"),
        ],
    ),
    "T8": (
        {"replicas": 2, "max_surge": 4, "max_unavailable": 1},
        [
            ("template b", 2, 3, "oon"),
            ("", 1, 3, "onn"),
            ("ready 2", 0, 3, "nnN"),
            ("ready 1", 0, 2, "nN"),
            ("ready 0", 0, 2, "NN"),
        ],
    ),
    "T9": (
        {"replicas": 6, "partition": 4},
        [
            ("", 4, 6, "NNNNNN"),
            ("template b", 6, 6, "oooooo"),
            ("", 5, 6, "ooooon"),
            ("ready 5", 4, 6, "oooonN"),
            ("ready 4", 4, 6, "ooooNN"),
            ("partition 2", 3, 6, "ooonNN"),
            ("ready 3", 2, 6, "oonNNN"),
            ("ready 2", 2, 6, "ooNNNN"),
            ("partition 0", 1, 6, "onNNNN"),
            ("ready 1", 0, 6, "nNNNNN"),
        ],
    ),
    "T10": (
        {"replicas": 3, "partition": 2, "max_surge": 1},
        [
            ("", 2, 3, "NNN"),
            ("template b", 3, 4, "ooon"),
            ("", 2, 4, "oonn"),
            ("ready 2 3", 2, 4, "ooNN"),
            ("partition 0", 0, 4, "nnNN"),
            ("ready 1", 0, 3, "nNN"),
            ("ready 0", 0, 3, "NNN"),
        ],
    ),
    "T11": (
        {"replicas": 4},
        [
            ("template b", 4, 4, "oooo"),
            ("", 3, 4, "ooon"),
            ("ready 3", 2, 4, "oonN"),
            ("replicas 6", 2, 6, "oonNnn"),
            ("ready 4 5", 2, 6, "oonNNN"),
            ("ready 2", 1, 6, "onNNNN"),
            ("ready 1", 0, 6, "nNNNNN"),
        ],
    ),
    "T12": (
        {"replicas": 6},
        [
            ("template b", 6, 6, "oooooo"),
            ("", 5, 6, "ooooon"),
            ("replicas 3", 3, 3, "ooo"),
            ("", 2, 3, "oon"),
            ("ready 2", 1, 3, "onN"),
            ("ready 1", 0, 3, "nNN"),
        ],
    ),
    "T13": (
        {"replicas": 4, "max_surge": 2, "max_unavailable": 1},
        [
            ("template b", 4, 6, "oooonn"),
            ("", 3, 6, "ooonnn"),
            ("replicas 6", 3, 8, "ooonnnnn"),
            ("ready 7 6", 3, 8, "ooonnnNN"),
            ("replicas 2", 3, 3, "ooo"),
            ("", 1, 3, "onn"),
            ("ready 2", 0, 3, "nnN"),
            ("ready 1", 0, 2, "nN"),
            ("ready 0", 0, 2, "NN"),
        ],
    ),
    # The surge groups are recreated as soon as the StatefulSet's own budget allows it.
    "T14": (
        {"replicas": 4, "max_surge": 2, "max_unavailable": 1},
        [
            ("template b", 4, 6, "oooonn"),
            ("", 3, 6, "ooonnn"),
            ("ready 5", 2, 6, "oonnnN"),
            ("ready 4", 1, 6, "onnnNN"),
            ("template c", 4, 6, "oxxxoo"),
            ("ready 1 2 3", 3, 6, "ooonnn"),
            ("ready 5", 2, 6, "oonnnN"),
        ],
    ),
    "T15, four to six": (
        {"replicas": 4},
        [("template b replicas 6", 4, 6, "oooonn"), ("ready 4 5", 3, 6, "ooonNN")],
    ),
    "T15, two to four": (
        {"replicas": 2, "max_surge": 2, "max_unavailable": 1},
        [
            ("template b replicas 4", 2, 4, "oonn"),
            ("", 2, 6, "oonnnn"),
            ("ready 5", 2, 6, "oonnnN"),
            ("ready 4", 1, 6, "onnnNN"),
            ("ready 3", 0, 6, "nnnNNN"),
            ("ready 2", 0, 5, "nnNNN"),
            ("ready 1", 0, 4, "nNNN"),
        ],
    ),
    "T15, six to three": (
        {"replicas": 6, "max_surge": 2, "max_unavailable": 1},
        [
            ("template b replicas 3", 3, 5, "ooonn"),
            ("", 2, 5, "oonnn"),
            ("ready 4", 1, 5, "onnnN"),
            ("ready 3", 0, 5, "nnnNN"),
            ("ready 2", 0, 4, "nnNN"),
            ("ready 1", 0, 3, "nNN"),
        ],
    ),
    "T16": (
        {"replicas": 4},
        [
            ("template b", 4, 4, "oooo"),
            ("", 3, 4, "ooon"),
            ("template a", 4, 4, "NNNx"),
            ("", 3, 4, "NNNn"),
            ("ready 3", 0, 4, "NNNN"),
        ],
    ),
    "T16, a broken group below a healthy outdated one": (
        {"replicas": 4},
        [
            ("template b", 4, 4, "oooo"),
            ("", 3, 4, "ooon"),
            ("ready 3", 2, 4, "oonN"),
            ("template a", 4, 4, "NNxo"),
            ("", 4, 4, "NNxo"),
            ("delete 2", 4, 4, "NNno"),
            ("ready 2", 3, 4, "NNNn"),
            ("ready 3", 0, 4, "NNNN"),
        ],
    ),
    "T16, more tolerated": (
        {"replicas": 4},
        [
            ("template b", 4, 4, "oooo"),
            ("", 3, 4, "ooon"),
            ("ready 3", 2, 4, "oonN"),
            ("template a", 4, 4, "NNxo"),
            ("unavailable 2", 2, 4, "NNnn"),
        ],
    ),
    "T17": (
        {"replicas": 4, "max_unavailable": 2},
        [("down 1 template b", 4, 4, "oxoo"), ("", 3, 4, "oxon"), ("ready 3", 1, 4, "onnN")],
    ),
    "T18": (
        {"replicas": 2},
        [("down 0 1 template b", 2, 2, "xx"), ("", 1, 2, "xn"), ("ready 1", 0, 2, "nN")],
    ),
    "T18, surge instead": (
        {"replicas": 2, "max_surge": 1, "max_unavailable": 0},
        [
            ("down 0 1 template b", 2, 3, "xxn"),
            ("ready 2", 1, 3, "xnN"),
            ("ready 1", 0, 3, "nNN"),
            ("ready 0", 0, 2, "NN"),
        ],
    ),
    "T18, only the first is down": (
        {"replicas": 2},
        [
            ("down 0 template b", 2, 2, "xo"),
            ("", 2, 2, "xo"),
            ("ready 0", 1, 2, "on"),
        ],
    ),
    "T19, maxUnavailable": (
        {"replicas": 4},
        [
            ("template b", 4, 4, "oooo"),
            ("", 3, 4, "ooon"),
            ("unavailable 2", 2, 4, "oonn"),
            ("unavailable 1", 2, 4, "oonn"),
        ],
    ),
    "T19, maxSurge": (
        {"replicas": 4},
        [
            ("template b", 4, 4, "oooo"),
            ("", 3, 4, "ooon"),
            ("surge 2", 3, 6, "ooonnn"),
            ("surge 0", 3, 4, "ooon"),
            ("ready 3", 2, 4, "oonN"),
        ],
    ),
    "T19, partition": (
        {"replicas": 4},
        [
            ("template b", 4, 4, "oooo"),
            ("", 3, 4, "ooon"),
            ("partition 4", 4, 4, "ooon"),
            ("ready 3", 4, 4, "oooN"),
        ],
    ),
    "T20": (
        {"replicas": 4, "max_surge": 1, "max_unavailable": 0},
        [("down 0 replicas 3", 0, 4, "nNNN"), ("ready 0", 0, 3, "NNN")],
    ),
}


# With a partition, a set that is not rolling keeps to its replicas (docs/decisions/131).
AT_REST: dict[str, tuple[dict[str, Any], list[Row]]] = {
    "scaled up": (
        {"replicas": 4, "partition": 2, "max_surge": 1},
        [("replicas 7", 2, 7, "NNNNnnn"), ("", 2, 7, "NNNNnnn"), ("ready 4 5 6", 2, 7, "NNNNNNN")],
    ),
    "two groups unready": (
        {"replicas": 4, "partition": 2, "max_surge": 1},
        [("down 0 1", 2, 4, "nnNN"), ("down 2 3", 2, 4, "nnnn")],
    ),
    "paused, and unready": (
        {"replicas": 4, "partition": 1_000_000, "max_surge": 2, "max_unavailable": 0},
        [("down 0 3", 1_000_000, 4, "nNNn"), ("", 1_000_000, 4, "nNNn")],
    ),
    "paused, and edited": (
        {"replicas": 4, "partition": 1_000_000, "max_surge": 2},
        [
            ("template b", 1_000_000, 4, "oooo"),
            ("", 1_000_000, 4, "oooo"),
            ("partition 0", 3, 6, "ooonnn"),
        ],
    ),
    "the partition taken away": (
        {"replicas": 4, "partition": 2, "max_surge": 1, "max_unavailable": 0},
        [("down 0 partition 0", 1, 4, "nNNN"), ("ready 0", 0, 4, "NNNN")],
    ),
    "an edit taken back before anything moved": (
        {"replicas": 4, "partition": 2, "max_unavailable": 0, "max_surge": 1},
        [
            ("template b", 4, 5, "oooon"),
            ("template a", 4, 5, "NNNNn"),
            ("", 4, 4, "NNNN"),
            ("", 2, 4, "NNNN"),
        ],
    ),
    "a canary surges and keeps its surge group": (
        {"replicas": 4, "partition": 3, "max_unavailable": 0, "max_surge": 1},
        [
            ("template b", 4, 5, "oooon"),
            ("ready 4", 3, 5, "ooonN"),
            ("", 3, 5, "ooonN"),
            ("ready 3", 3, 5, "oooNN"),
            ("partition 2", 2, 5, "oonNN"),
        ],
    ),
    "a canary of groups that are all down": (
        {"replicas": 3, "partition": 1, "max_unavailable": 0, "max_surge": 1},
        [
            ("down 0 1 2 template b", 3, 4, "xxxn"),
            ("ready 3", 2, 4, "xxnN"),
            ("ready 2", 1, 4, "xnNN"),
            ("ready 1 0", 1, 4, "oNNN"),
        ],
    ),
}


def happen(roll: RollingSet, what: str) -> None:
    """``verb number... verb number...``"""
    verb = ""
    for word in what.split():
        if word.isalpha() and verb != "template":
            verb = word
        elif verb == "template":
            roll.key, verb = word, ""
        elif verb in {"ready", "down"}:
            (roll.start if verb == "ready" else roll.fail)(int(word))
        elif verb == "delete":
            roll.lose(int(word))
            roll.act()
        else:
            attribute = {"unavailable": "max_unavailable", "surge": "max_surge"}.get(verb, verb)
            assert hasattr(roll, attribute)
            setattr(roll, attribute, int(word))


@pytest.mark.parametrize("size", [1, 2], ids=["leaders alone", "with workers"])
@pytest.mark.parametrize(("start", "rows"), [*TABLES.values(), *AT_REST.values()], ids=[*TABLES, *AT_REST])
def test_worked_table(start: dict[str, Any], rows: list[Row], size: int) -> None:
    roll = RollingSet(**start, size=size)
    observed = []
    for what, *_ in rows:
        happen(roll, what)
        rollout = roll.reconcile()
        roll.act()
        observed.append((what, *rollout, roll.row()))
    assert observed == rows


@pytest.mark.parametrize("size", [1, 2], ids=["leaders alone", "with workers"])
@pytest.mark.parametrize(
    ("replicas", "partition", "surge"), [(4, 2, 1), (6, 9, 3), (3, 1_000_000, 1)], ids=["2", "9", "paused"]
)
def test_a_new_set_with_a_partition_has_no_surge_groups(
    replicas: int, partition: int, surge: int, size: int
) -> None:
    """As it is created, group by group: nothing is rolled out (kubernetes-sigs/lws#614)."""
    lws = a_set(replicas=replicas, partition=partition, max_surge=surge, size=size)
    observed = leader(replicas, partition=partition, annotation=str(replicas))
    for there in range(replicas + 1):
        pods = [a_leader(i, key="new", ready=i % 2 == 0) for i in range(there)]
        sets = [a_worker_set(pod, key="new", available=0) for pod in pods[:-1]]
        groups = groups_of(ObservedSet(lws, leaders=tuple(pods), worker_sets=tuple(sets)))
        states = groups.states("new", replicas)
        planned = rollout_parameters(lws, observed, states, template_changed=False)
        assert planned == (partition, replicas)


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "unready", "wanted"),
    [
        (1, 1, 0, 1, 2),
        (4, 2, 1, 2, 5),
        (2, 2, 1, 2, 3),
        (1, 1, 0, 0, 1),
        (1, 1, 1, 1, 1),
        (3, 0, 0, 1, 3),
        (4, 2, 1, 3, 6),
        (0, 0, 0, 0, 0),
    ],
)
def test_wanted_replicas(replicas: int, surge: int, unavailable: int, unready: int, wanted: int) -> None:
    numbers = RolloutNumbers(replicas, unavailable, surge, partition=0)
    assert wanted_replicas(numbers, unready=unready) == wanted


@pytest.mark.parametrize(
    ("replicas", "unavailable", "surge", "expected"),
    [
        (1, 1, 0, 1),
        (1, 2, 1, 3),
        (1, 0, 2, 1),
        (0, 0, 0, 1),
        (2, 1, "50%", 2),
        (0, "25%", "25%", 1),
        (10, "15%", "15%", 3),
        (4, "25%", 9, 5),
    ],
)
def test_leaders_unavailable(replicas: int, unavailable: int | str, surge: int | str, expected: int) -> None:
    numbers = rollout_numbers(a_set(replicas=replicas, max_unavailable=unavailable, max_surge=surge))
    assert numbers.leaders_unavailable == expected


@pytest.mark.parametrize(
    ("replicas", "unavailable", "surge", "expected"),
    [
        pytest.param(1, "25%", 0, (1, 0), id="a share after a scale-down"),
        pytest.param(3, 0, "0%", (1, 0), id="written so"),
        pytest.param(3, 0, 1, (0, 1), id="surge alone is enough"),
        pytest.param(0, 0, 0, (0, 0), id="no groups"),
    ],
)
def test_numbers_that_allow_nothing_allow_one_group(
    replicas: int, unavailable: int | str, surge: int | str, expected: tuple[int, int]
) -> None:
    """As Deployments resolve them."""
    numbers = rollout_numbers(a_set(replicas=replicas, max_unavailable=unavailable, max_surge=surge))
    assert (numbers.max_unavailable, numbers.max_surge) == expected


def test_a_roll_ends_though_the_share_of_its_groups_came_to_none() -> None:
    """Four groups, 25 %, a new template, and an autoscaler's scale-down to one."""
    roll = RollingSet(replicas=4, max_unavailable="25%")
    roll.key, roll.replicas = "b", 1
    for _ in range(4):
        roll.reconcile()
        roll.act()
        roll.start(*roll.groups)
    assert (roll.applied.partition, roll.row()) == (0, "N")


def test_absent_numbers_are_the_defaults() -> None:
    lws = a_set(replicas=3)
    spec = msgspec.structs.replace(lws.spec, rollout_strategy=None)
    assert rollout_numbers(msgspec.structs.replace(lws, spec=spec)) == RolloutNumbers(3, 1, 0, 0)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"max_unavailable": "5"}, "rollingUpdateConfiguration.maxUnavailable: '5' is neither"),
        ({"max_unavailable": -1}, "rollingUpdateConfiguration.maxUnavailable: -1 is negative"),
        ({"max_surge": "x%"}, "rollingUpdateConfiguration.maxSurge: 'x%' is neither"),
    ],
)
def test_numbers_that_cannot_be_read(numbers: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^spec.rolloutStrategy.{message}"):
        rollout_parameters(a_set(**numbers), a_leader_set(), [], template_changed=True)


def leader(replicas: int, partition: int = 0, annotation: str | None = None) -> StatefulSet:
    observed = a_leader_set(replicas=replicas, partition=partition)
    annotations = {} if annotation is None else {c.REPLICAS_ANNOTATION: annotation}
    return msgspec.structs.replace(
        observed, metadata=msgspec.structs.replace(observed.metadata, annotations=annotations)
    )


OLD, DOWN, NEW, STARTING = (
    GroupState(ready=ready, updated=updated)
    for ready, updated in ((True, False), (False, False), (True, True), (False, True))
)
BACK, FRESH = OLD._replace(stable=False), NEW._replace(stable=False)  # ready just now


@pytest.mark.parametrize(
    ("lws", "observed", "states", "changed", "expected"),
    [
        pytest.param(
            a_set(replicas=3, size=1, max_unavailable=0, max_surge=1),
            leader(2, annotation="2"),
            [OLD, OLD],
            False,
            (0, 3),
            id="scale-up",
        ),
        pytest.param(
            a_set(replicas=3, size=1, max_unavailable=0, max_surge=1),
            leader(2, annotation="2"),
            [OLD, OLD],
            True,
            (2, 3),
            id="scale-up and a new template: no surge yet",
        ),
        pytest.param(
            a_set(replicas=2, max_surge=2),
            leader(2, annotation="2"),
            [OLD, OLD],
            True,
            (2, 3),
            id="a new template",
        ),
        pytest.param(a_set(replicas=3), None, [], False, (0, 3), id="no StatefulSet"),
        pytest.param(
            a_set(replicas=3, partition=5), None, [], False, (5, 3), id="no StatefulSet, user's partition"
        ),
        pytest.param(
            a_set(replicas=3),
            leader(3),
            [DOWN] * 3,
            False,
            (0, 3),
            id="at rest: states and annotation do not matter",
        ),
        pytest.param(
            a_set(replicas=3),
            leader(3, partition=2, annotation="4"),
            [NEW] * 3,
            False,
            (2, 3),
            id="replicas edited: the partition waits one pass",
        ),
        pytest.param(
            a_set(replicas=3),
            leader(3, partition=2),
            [OLD, OLD, NEW],
            False,
            (2, 3),
            id="annotation removed: restored first",
        ),
        pytest.param(
            a_set(replicas=3),
            leader(3, partition=2, annotation="x"),
            [OLD, OLD, NEW],
            False,
            (2, 3),
            id="annotation no number: restored first",
        ),
        pytest.param(
            a_set(replicas=3),
            leader(3, partition=2, annotation="3"),
            [OLD, OLD, NEW],
            False,
            (1, 3),
            id="annotation there: on it goes",
        ),
    ],
)
def test_decision(
    lws: Any, observed: StatefulSet | None, states: list[GroupState], changed: bool, expected: tuple[int, int]
) -> None:
    assert rollout_parameters(lws, observed, states, template_changed=changed) == expected


@pytest.mark.parametrize(
    ("numbers", "observed", "states", "expected"),
    [
        pytest.param({"maxSurge": 1}, leader(7, partition=6), "oooxxoN", 3, id="both that are down"),
        pytest.param({"maxSurge": 1, "partition": 4}, leader(7, partition=6), "oooxxoN", 4, id="partition"),
        pytest.param({"maxSurge": 1}, leader(7, partition=6), "ooxoxoN", 4, id="only next to the window"),
        pytest.param({"maxSurge": 1}, leader(7, partition=6), "oooxooN", 5, id="one can be spared"),
        pytest.param({"maxSurge": 1}, leader(7, partition=6), "oooxxnN", 4, id="one is starting: as ever"),
        pytest.param({"maxSurge": 1}, leader(7, partition=6), "oooxxxN", 4, id="one in the window is down"),
        pytest.param({}, leader(6, partition=0), "NNNNNN", 0, id="at rest"),
    ],
)
def test_a_window_that_cannot_move_reaches_on_to_groups_that_are_down(
    numbers: dict[str, int], observed: StatefulSet, states: str, expected: int
) -> None:
    lws = a_set(
        replicas=6,
        max_unavailable=1,
        max_surge=numbers.get("maxSurge", 0),
        partition=numbers.get("partition", 0),
    )
    observed = replace(
        observed, metadata=replace(observed.metadata, annotations={c.REPLICAS_ANNOTATION: "6"})
    )
    found = [GroupState(x in "oN", x in "nN") for x in states]
    rollout = rollout_parameters(lws, observed, found, template_changed=False)
    assert past_groups_down(lws, rollout, found).partition == expected


@pytest.mark.parametrize(
    ("states", "step", "partition", "expected"),
    [
        pytest.param([], 1, 0, 0, id="no groups"),
        pytest.param([OLD, OLD, NEW], 1, 3, 1, id="past the finished tail"),
        pytest.param([OLD, OLD, OLD], 1, 0, 0, id="never up"),
        pytest.param([DOWN, DOWN, DOWN, OLD], 1, 4, 4, id="the budget is spent below"),
        pytest.param([OLD, DOWN, STARTING, NEW], 2, 4, 1, id="groups down anyway are passed"),
        pytest.param([OLD, STARTING, OLD, STARTING], 3, 4, 1, id="never below the window"),
        pytest.param([DOWN, DOWN, DOWN, DOWN], 1, 4, 3, id="more broken than groups"),
        pytest.param([OLD, OLD, OLD, FRESH], 1, 4, 3, id="updated, and ready just now"),
        pytest.param([BACK, OLD, OLD, NEW], 1, 3, 3, id="one below has come back just now"),
        pytest.param([OLD, OLD, BACK, NEW], 1, 3, 2, id="and one in the window, which serves"),
    ],
)
def test_next_partition(states: list[GroupState], step: int, partition: int, expected: int) -> None:
    assert next_partition(states, step=step, partition=partition) == expected


def test_surge_groups_stay_until_what_they_stand_in_for_is_stable() -> None:
    assert unready_count([NEW, FRESH, NEW], 3) == 1


def test_missing_groups_are_outstanding() -> None:
    assert unready_count([NEW, STARTING, OLD, DOWN, NEW], 7) == 5
    assert unready_count([NEW, NEW, DOWN], 2) == 0


@pytest.mark.parametrize(
    ("current", "wanted", "edited", "note"),
    [
        (6, 5, False, f"deleting surge replica {NAME}-5"),
        (6, 3, False, f"deleting surge replicas from {NAME}-3 to {NAME}-5"),
        (6, 5, True, f"deleting replica {NAME}-5"),
        (6, 3, True, f"deleting replicas from {NAME}-3 to {NAME}-5"),
        (6, 6, False, None),
        (4, 6, True, None),
    ],
)
def test_group_deletion(current: int, wanted: int, edited: bool, note: str | None) -> None:
    """What somebody scales down is no surge."""
    lws = a_set()
    seen = lws.metadata.generation - edited
    lws = replace(lws, status=replace(lws.status, observed_generation=seen))
    event = group_deletion(lws, leader(current), Rollout(0, wanted))
    assert (event and event.note) == note
    if event:
        assert (event.type, event.reason, event.action) == ("Normal", "GroupsProgressing", "Delete")
        assert event.related is None
        assert event.regarding.uid == "uid-set"


@pytest.mark.parametrize(
    ("before", "now", "note"),
    [
        (4, 3, "Updating replica 3"),
        (4, 1, "Updating replicas 1 to 3 (inclusive)"),
        (4, 4, None),
        (3, 4, None),
    ],
)
def test_partition_move(before: int, now: int, note: str | None) -> None:
    revision = ObjectReference("apps/v1", "ControllerRevision", "r")
    event = partition_move(a_set(), leader(4, before), Rollout(now, 4), revision=revision)
    assert (event and event.note) == note
    if event:
        assert (event.type, event.reason, event.action) == ("Normal", "GroupsUpdating", "Update")
        assert event.related == revision
