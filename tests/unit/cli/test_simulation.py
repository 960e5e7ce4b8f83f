"""Steps of a roll, against the worked tables of reconcilers.md, 3.7 with groups that start equally fast."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console
from support.cli import key_of, seen_of
from support.groups import a_set

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.cli.plan import PlanView, describe, draw

FORMER = {"restartPolicy": "None"}


def edit(numbers: dict[str, Any], **seen: Any) -> PlanView:
    """The plan of another template, with these numbers before and after."""
    former = a_set(**numbers, template=FORMER)
    return describe(seen_of(former, **seen), a_set(**numbers), [])


def test_an_edit_of_the_restart_policy_is_a_roll_like_any_other() -> None:
    """It is a part of the revision: within maxUnavailable, and not all groups at once."""
    former = a_set(replicas=4, max_unavailable=2, template={"restartPolicy": "None"})
    edited = a_set(replicas=4, max_unavailable=2, template={"restartPolicy": "RecreateGroupOnPodRestart"})
    view = describe(seen_of(former), edited, [])
    assert view.restarts_pods
    assert [x.replaced for x in view.steps] == [[3, 2], [1, 0]]
    assert [x.ready for x in view.steps] == [2, 2]


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ({"replicas": 1, "max_surge": 2}, "1 surge group fewer than maxSurge"),
        ({"replicas": 4, "max_surge": 4, "max_unavailable": 3}, "3 surge groups fewer than maxSurge"),
        ({"replicas": 1, "max_surge": 2, "max_unavailable": 0}, ""),
        ({"replicas": 4, "max_surge": 1}, ""),
    ],
)
def test_surge_that_is_not_used_is_told(numbers: dict[str, Any], told: str) -> None:
    """kubernetes-sigs/lws#688: and the steps show it."""
    view = edit(numbers)
    assert ([x for x in view.notes if "maxSurge" in x] != []) == bool(told)
    assert all(told in x for x in view.notes)
    assert sum(len(x.created) for x in view.steps) == min(numbers["replicas"], numbers["max_surge"]) - int(
        told[:1] or 0
    )


def short(view: PlanView) -> list[tuple[list[int], list[int], list[int], int]]:
    return [(x.replaced, x.created, x.removed, x.ready) for x in view.steps]


@pytest.mark.parametrize(
    ("numbers", "wanted"),
    [
        pytest.param(
            {"replicas": 4, "max_surge": 2, "max_unavailable": 2},
            [([3, 2], [4, 5], [], 2), ([1, 0], [], [5, 4], 2)],
            id="T1",
        ),
        pytest.param(
            {"replicas": 4, "max_surge": 1, "max_unavailable": 0},
            [
                ([], [4], [], 4),
                ([3], [], [], 4),
                ([2], [], [], 4),
                ([1], [], [], 4),
                ([0], [], [], 4),
                ([], [], [4], 4),
            ],
            id="T3",
        ),
        pytest.param({"replicas": 4}, [([x], [], [], 3) for x in (3, 2, 1, 0)], id="T4"),
        pytest.param(
            {"replicas": 4, "max_unavailable": 2}, [([3, 2], [], [], 2), ([1, 0], [], [], 2)], id="T5"
        ),
        pytest.param({"replicas": 4, "max_unavailable": 10}, [([3, 2, 1, 0], [], [], 0)], id="T6"),
        pytest.param({"replicas": 6, "partition": 4}, [([5], [], [], 5), ([4], [], [], 5)], id="T9"),
        pytest.param(
            {"replicas": 3, "partition": 2, "max_surge": 1}, [([2], [3], [], 2)], id="T10-surge-stays"
        ),
    ],
)
def test_a_healthy_set(numbers: dict[str, Any], wanted: list[Any]) -> None:
    view = edit(numbers)
    assert short(view) == wanted
    assert view.held_back == list(range(numbers.get("partition", 0)))
    assert view.stuck == []


def test_a_group_that_is_down_uses_up_the_budget() -> None:
    """T17: group 1 of four is down; it is replaced itself in the end."""
    view = edit({"replicas": 4, "max_unavailable": 2}, down=(1,))
    assert [x.replaced for x in view.steps] == [[3], [2, 1], [0]]
    assert view.notes == ["not ready now, taken to stay so until replaced: 1"]


def test_a_roll_that_cannot_go_on_says_where() -> None:
    """T18: with only group 0 down nothing moves until it recovers."""
    view = edit({"replicas": 2}, down=(0,))
    assert (view.steps, view.stuck, view.restarts_pods) == ([], [0, 1], False)


@pytest.mark.parametrize("replicas", [2, 4])
def test_a_roll_that_cannot_begin_is_not_called_one_without_restarts(replicas: int) -> None:
    """Groups may be added meanwhile; those that are outdated go as soon as the others are back."""
    former = a_set(replicas=2, template=FORMER)
    view = describe(seen_of(former, down=(0,)), a_set(replicas=replicas), [])
    console = Console(width=200)
    with console.capture() as captured:
        console.print(draw(view))
    assert view.stuck == [0, 1]
    assert "no group is replaced as long as others are down\n" in captured.get()
    assert "no pod restarts" not in captured.get()


def test_going_back_in_the_middle_of_a_roll_leaves_what_never_left() -> None:
    """T16: groups that are still on the template count as updated at once."""
    former, present = a_set(replicas=4, template=FORMER), a_set(replicas=4)
    seen = seen_of(present, former=former, outdated=(0, 1, 2))
    view = describe(seen, former, [])
    assert view.to_revision == key_of(former)
    assert [x.replaced for x in view.steps] == [[3]]


@pytest.mark.parametrize(
    ("edited", "created", "removed"),
    [
        pytest.param(a_set(replicas=5), [3, 4], [], id="scale-up"),
        pytest.param(a_set(replicas=1), [], [2, 1], id="scale-down"),
        pytest.param(a_set(replicas=3, max_unavailable=3, limit=4), [], [], id="numbers"),
        pytest.param(a_set(replicas=3, partition=2), [], [], id="partition"),
    ],
)
def test_no_pod_restarts(edited: LeaderWorkerSet, created: list[int], removed: list[int]) -> None:
    view = describe(seen_of(a_set(replicas=3)), edited, [])
    assert not view.restarts_pods
    assert [index for x in view.steps for index in x.created] == created
    assert [index for x in view.steps for index in x.removed] == removed
    assert view.from_revision == view.to_revision
    assert view.notes == []


def test_lowering_the_partition_lets_a_halted_roll_go_on() -> None:
    former = a_set(replicas=3, partition=3, template=FORMER)
    seen = seen_of(a_set(replicas=3, partition=3), former=former, outdated=(0, 1, 2))
    view = describe(seen, a_set(replicas=3, partition=1), [])
    assert [x.replaced for x in view.steps] == [[2], [1]]
    assert (view.held_back, view.stuck) == ([0], [])


def test_an_annotation_that_reaches_the_pods_is_no_change_of_the_template() -> None:
    """Reconcilers.md, 12, quirk 6."""
    annotated = a_set(metadata={"annotations": {"leaderworkerset.sigs.k8s.io/exclusive-topology": "rack"}})
    view = describe(seen_of(a_set()), annotated, [])
    assert not view.restarts_pods
    assert "one after another" in view.notes[0]


def test_a_group_that_is_being_made_is_made_from_what_its_place_says() -> None:
    view = edit({"replicas": 3, "partition": 1}, missing=(0, 2))
    assert [x.created for x in view.steps] == [[0, 2], []]
    assert [x.replaced for x in view.steps] == [[], [1]]


def in_place(lws: LeaderWorkerSet) -> LeaderWorkerSet:
    strategy = lws.spec.rollout_strategy
    rolling = replace(lws.rolling_update, pod_update_policy=c.POD_UPDATE_IN_PLACE)
    assert strategy is not None
    strategy = replace(strategy, rolling_update_configuration=rolling)
    return replace(lws, spec=replace(lws.spec, rollout_strategy=strategy))


def test_a_roll_in_place_says_so_and_one_that_cannot_be_says_why() -> None:
    def images(name: str, **more: Any) -> LeaderWorkerSet:
        container = {"name": "worker", "image": name, **more}
        return in_place(a_set(template={"workerTemplate": {"spec": {"containers": [container]}}}))

    text = Console(width=200)
    for edited, words, why in (
        (images("b"), "2 groups updated in place in 2 steps", ""),
        (
            images("b", tty=True),
            "2 groups replaced in 2 steps",
            "spec.containers[0].tty differs",
        ),
    ):
        former = images("a")
        view = describe(seen_of(former, former=a_set(size=7)), edited, [])
        with text.capture() as shown:
            text.print(draw(view))
        assert (view.in_place, words in shown.get()) == (not why, True)
        assert why in view.anew_because
        assert ("recreated and not updated in place" in shown.get()) == bool(why)
