"""Which outdated leaders the controller deletes itself, and how fast a roll is for it."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from support.groups import DELETED, NAME, a_leader, a_set, a_worker_set
from support.rollout_parts import LeaderSet
from support.rollout_world import World

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod, StatefulSet
from lws.objects import Key, OwnerReference
from lws.planning.actions import Delete
from lws.planning.groups import groups_of, make_groups
from lws.planning.observed import ObservedSet
from lws.planning.rollout.replacement import plan_replacements

# A letter for each group: `o` outdated, `x` and down; `N` updated, `n` and down; `m` missing. On their way
# out: `t` outdated, `T` updated, the leader is being deleted; `w` outdated, the worker StatefulSet is.
# Ready, but not for long enough: `q` outdated, `F` updated.
OUTDATED, DOWN, TERMINATING, FRESH = "oxtwq", "xn", "tT", "qF"


def leaders_of(row: str) -> list[Pod]:
    return [
        a_leader(
            index,
            key="a" if letter in OUTDATED else "b",
            ready=letter not in DOWN,
            deleting=letter in TERMINATING,
        )
        for index, letter in enumerate(row)
        if letter != "m"
    ]


def worker_sets_of(row: str, leaders: list[Pod]) -> list[StatefulSet]:
    sets = [a_worker_set(pod, key=pod.labels[c.REVISION_LABEL], available=int(pod.ready)) for pod in leaders]
    going = {f"{NAME}-{index}" for index, letter in enumerate(row) if letter == "w"}
    return [with_metadata(x, deletion_timestamp=DELETED) if x.name in going else x for x in sets]


def with_metadata(obj: Any, **members: Any) -> Any:
    return msgspec.structs.replace(obj, metadata=msgspec.structs.replace(obj.metadata, **members))


def a_rolling_set(row: str, *, partition: int) -> StatefulSet:
    """The leader StatefulSet of so many groups, its spec seen by the StatefulSet controller."""
    rolling = LeaderSet(
        key="b",
        partition=partition,
        replicas=len(row),
        max_unavailable=1,
        annotation=str(len(row)),
        generation=3,
        observed_generation=3,
        update_key="b",
    )
    return rolling.observed()


def plan(
    lws: LeaderWorkerSet, row: str, leader: StatefulSet | None, leaders: list[Pod] | None = None
) -> list[int]:
    """Indexes of the groups whose leaders are to be deleted, in order."""
    pods = leaders_of(row) if leaders is None else leaders
    observed = ObservedSet(lws, leaders=tuple(pods), worker_sets=tuple(worker_sets_of(row, pods)))
    fresh = {index for index, letter in enumerate(row) if letter in FRESH}
    judged = (replace(x, stable=x.index not in fresh) for x in groups_of(observed).all)
    planned = plan_replacements(lws, make_groups(lws, judged), leader, "b")
    return [int(x.key.name.rpartition("-")[2]) for x in planned]


@pytest.mark.parametrize(
    ("row", "partition", "unavailable", "wanted"),
    [
        pytest.param("oooo", 2, 2, [3, 2], id="the whole window, the highest first"),
        pytest.param("oooo", 4, 2, [], id="held back by the partition"),
        pytest.param("NNNN", 0, 2, [], id="nothing outdated"),
        pytest.param("oooo", 0, 4, [3, 2, 1, 0], id="all at once"),
        pytest.param("oooo", 0, 2, [3, 2], id="the budget is smaller than the window"),
        pytest.param("oooo", 0, 0, [3], id="no budget at all is one group"),
        pytest.param("oooo", 0, 10, [3, 2, 1, 0], id="a budget beyond replicas"),
        pytest.param("xooo", 2, 2, [3], id="a group is down below the window"),
        pytest.param("xxoo", 2, 2, [], id="the budget is spent below the window"),
        pytest.param("ooxo", 2, 1, [2], id="the budget is spent, but a group that is down costs nothing"),
        pytest.param("ooxx", 2, 1, [3, 2], id="groups that are down need no budget"),
        pytest.param("xxxx", 2, 1, [3, 2], id="nor may they go below the partition"),
        pytest.param("ooon", 2, 1, [], id="an updated group is still starting"),
        pytest.param("oooN", 2, 1, [2], id="an updated group is ready"),
        pytest.param("ooot", 2, 1, [], id="one is on its way out already"),
        pytest.param("otoo", 2, 2, [3], id="one below the window is on its way out"),
        pytest.param("ooTo", 2, 1, [], id="an updated one is on its way out"),
        pytest.param("owoo", 2, 2, [3], id="the workers of one below are on their way out"),
        pytest.param("ooom", 2, 1, [], id="one is missing"),
        pytest.param("oooF", 2, 1, [], id="an updated group has just become ready"),
        pytest.param("ooFF", 1, 3, [1], id="two have, and three may be down"),
        pytest.param("qooN", 2, 1, [], id="an outdated group has come back just now"),
        pytest.param("oqoN", 1, 2, [2], id="which is no reason to take it for nothing"),
    ],
)
def test_the_window_and_the_budget(row: str, partition: int, unavailable: int, wanted: list[int]) -> None:
    lws = a_set(replicas=4, max_unavailable=unavailable)
    assert plan(lws, row, a_rolling_set(row, partition=partition)) == wanted


@pytest.mark.parametrize(
    ("row", "partition", "unavailable", "surge", "wanted"),
    [
        pytest.param("ooooN", 3, 0, 1, [3], id="a surge group stands in"),
        pytest.param("oooon", 3, 0, 1, [], id="it does not yet"),
        pytest.param("oooonn", 2, 2, 2, [3, 2], id="T1: maxUnavailable alone pays while surge is starting"),
        pytest.param("oonnNN", 0, 2, 2, [1, 0], id="T1: surge pays for the rest"),
        pytest.param("oooooo", 4, 1, 2, [5, 4], id="outdated surge groups of a second change are no loss"),
    ],
)
def test_surge_groups_count(
    row: str, partition: int, unavailable: int, surge: int, wanted: list[int]
) -> None:
    lws = a_set(replicas=4, max_unavailable=unavailable, max_surge=surge)
    assert plan(lws, row, a_rolling_set(row, partition=partition)) == wanted


def test_what_is_deleted_and_how() -> None:
    row = "oo"
    leaders = leaders_of(row)
    observed = ObservedSet(
        a_set(replicas=2), leaders=tuple(leaders), worker_sets=tuple(worker_sets_of(row, leaders))
    )
    actions = plan_replacements(observed.lws, groups_of(observed), a_rolling_set(row, partition=0), "b")
    [action] = actions
    assert action.failed is not None
    assert (action.failed.type, action.failed.reason) == ("Warning", "FailedDelete")
    assert replace(action, failed=None) == Delete(
        "Pod", Key("default", f"{NAME}-1"), f"uid-{NAME}-1", propagation="Background"
    )


def test_without_workers_the_leader_is_the_group() -> None:
    row = "oooo"
    observed = ObservedSet(a_set(replicas=4, size=1, max_unavailable=2), leaders=tuple(leaders_of(row)))
    actions = plan_replacements(observed.lws, groups_of(observed), a_rolling_set(row, partition=2), "b")
    assert [x.key.name for x in actions] == [f"{NAME}-3", f"{NAME}-2"]


def changed(leader: StatefulSet, **status: Any) -> StatefulSet:
    return msgspec.structs.replace(leader, status=msgspec.structs.replace(leader.status, **status))


ROLLING = a_rolling_set("oooo", partition=2)


@pytest.mark.parametrize(
    "leader",
    [
        pytest.param(None, id="no leader StatefulSet"),
        pytest.param(changed(ROLLING, observed_generation=2), id="the new spec was not seen yet"),
        pytest.param(changed(ROLLING, update_revision=""), id="no revision to rebuild from"),
        pytest.param(with_metadata(ROLLING, deletion_timestamp=DELETED), id="the StatefulSet is going"),
        pytest.param(with_metadata(ROLLING, labels={c.REVISION_LABEL: "a"}), id="another template"),
        pytest.param(with_metadata(ROLLING, uid="uid-other"), id="not the StatefulSet of these leaders"),
    ],
)
def test_nothing_before_the_pods_would_come_back_updated(leader: StatefulSet | None) -> None:
    lws = a_set(replicas=4, max_unavailable=2)
    assert plan(lws, "oooo", leader) == []
    assert plan(lws, "oooo", ROLLING) == [3, 2]


def test_a_newer_observation_is_as_good() -> None:
    lws = a_set(replicas=4, max_unavailable=2)
    assert plan(lws, "oooo", changed(ROLLING, observed_generation=4)) == [3, 2]


def test_nothing_for_a_set_that_is_going() -> None:
    lws = a_set(replicas=4, max_unavailable=2, metadata={"deletionTimestamp": DELETED})
    assert plan(lws, "oooo", ROLLING) == []


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"name": f"{NAME}-03"}, id="its name is not that group's"),
        pytest.param({"owner_references": ()}, id="owned by nobody"),
        pytest.param(
            {
                "owner_references": (
                    OwnerReference("apps/v1", "StatefulSet", NAME, "uid-old", controller=True),
                )
            },
            id="owned by a former StatefulSet of that name",
        ),
        pytest.param({"labels": {**a_leader(3).labels, c.GROUP_INDEX_LABEL: "7"}}, id="beyond the groups"),
        pytest.param({"labels": {**a_leader(3).labels, c.GROUP_INDEX_LABEL: "x"}}, id="without an index"),
    ],
)
def test_pods_that_are_no_leaders_of_this_set_stay(metadata: dict[str, Any]) -> None:
    leaders = leaders_of("oooo")
    leaders[3] = with_metadata(leaders[3], **metadata)
    assert 3 not in plan(
        a_set(replicas=4, max_unavailable=4), "oooo", a_rolling_set("oooo", partition=0), leaders
    )


@pytest.mark.parametrize("gate", [pytest.param(False, id="gate off"), pytest.param(True, id="gate on")])
@pytest.mark.parametrize(
    ("replicas", "budget"), [(1, 1), (4, 1), (4, 2), (5, 2), (4, 4), (4, 10), (10, 3), (12, "25%"), (30, 7)]
)
def test_a_roll_takes_as_many_rounds_as_budgets_fit(replicas: int, budget: int | str, gate: bool) -> None:
    world = World(replicas, max_unavailable=budget, gate=gate)
    world.key = "b"
    groups = replicas * 25 // 100 if budget == "25%" else int(budget)
    assert world.rounds() == math.ceil(replicas / groups)
    assert world.rolled
    assert world.torn_down == dict.fromkeys(range(replicas), 1)


def test_upstream_needs_a_round_for_each_group_without_the_gate() -> None:
    """The world can tell the difference."""
    rounds = []
    for gate in (False, True):
        world = World(6, max_unavailable=3, gate=gate, replacing=False)
        world.key = "b"
        rounds.append(world.rounds())
    assert rounds == [6, 2]


@pytest.mark.parametrize(
    ("numbers", "rounds"),
    [
        pytest.param({"max_unavailable": 2, "max_surge": 2}, 2, id="T1"),
        pytest.param({"max_unavailable": 1, "max_surge": 2}, 2, id="T2"),
        pytest.param({"max_unavailable": 0, "max_surge": 1}, 5, id="T3: the surge group comes first"),
        pytest.param({"max_unavailable": 1, "max_surge": 4}, 2, id="T7"),
        pytest.param({"max_unavailable": 0, "max_surge": "100%"}, 2, id="all new beside all old"),
    ],
)
@pytest.mark.parametrize("gate", [pytest.param(False, id="gate off"), pytest.param(True, id="gate on")])
def test_rounds_with_surge(numbers: dict[str, Any], rounds: int, gate: bool) -> None:
    world = World(4, **numbers, gate=gate)
    world.key = "b"
    assert world.rounds() == rounds
    assert world.rolled
    assert {world.torn_down[i] for i in range(4)} == {1}


def test_a_canary_and_then_the_rest() -> None:
    """The user's partition holds: only what is above it is replaced, until it is lowered."""
    world = World(6, max_unavailable=2)
    world.key, world.partition = "b", 4
    assert world.rounds() == 1
    assert [world.groups[i].key for i in range(6)] == ["a", "a", "a", "a", "b", "b"]
    world.partition = 0
    assert world.rounds() == 2
    assert world.rolled
    assert world.torn_down == dict.fromkeys(range(6), 1)


def test_a_late_view_of_a_replaced_leader_deletes_nothing() -> None:
    """The cache still shows the old pod; its successor has another UID."""
    world = World(4, max_unavailable=2, gate=True)
    world.key = "b"
    for _ in range(2):
        world.look_at_all()
        world.reconcile()
        world.sync()
    assert world.leaving == [2, 3]
    world.gone(2, 3)
    world.sync()
    world.look_at_leader_set()
    assert [x.key.name for x in world.plan()] == [f"{NAME}-3", f"{NAME}-2"]
    world.reconcile()
    assert world.leaving == []
    assert world.torn_down == {2: 1, 3: 1}
