"""What the marks say, and what is proof that a container was started anew."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from support.groups import a_leader

from lws.api import constants as c
from lws.api.workloads import (
    Container,
    ContainerState,
    ContainerStatus,
    Pod,
    PodCondition,
    PodStatus,
    Waiting,
    lean,
)
from lws.planning.inplace.marks import Mark, mark_of, mark_on, proven, updated_in_place, write_mark


def marked(mark: Mark | str, *statuses: ContainerStatus, generation: int = 0) -> Pod:
    text = mark if isinstance(mark, str) else write_mark(mark)
    pod = a_leader(annotations={c.IN_PLACE_ANNOTATION: text})
    status = PodStatus("Running", (PodCondition("Ready", "True"),), statuses, observed_generation=generation)
    return replace(pod, status=status)


BEFORE = Mark("new", "2026-01-01T00:00:00Z", generation=4, containers={"main": "cri://1", "side": ""})
MAIN, SIDE = (
    ContainerStatus(1, "main", container_id="cri://2"),
    ContainerStatus(0, "side", container_id="cri://3"),
)


@pytest.mark.parametrize(
    ("statuses", "generation", "done"),
    [
        ((MAIN, SIDE), 4, True),
        ((MAIN, SIDE), 0, True),  # a kubelet that reports no generations
        ((MAIN, SIDE), 3, False),  # one that has not begun: what restarted did so by itself
        ((ContainerStatus(0, "main", container_id="cri://1"), SIDE), 4, False),
        ((ContainerStatus(0, "main", container_id=""), SIDE), 4, False),
        ((MAIN, ContainerStatus(0, "side", container_id="")), 5, False),
        ((MAIN,), 5, False),
    ],
)
def test_proof_is_another_container_for_each_that_changed(
    statuses: tuple[ContainerStatus, ...], generation: int, done: bool
) -> None:
    assert proven(marked(BEFORE, *statuses, generation=generation)) is done


BACK = Mark("old", generation=5, containers={"main": "cri://1"}, ran={"main": "a"}, passed={"main": ["b"]})
UNTOUCHED = ContainerStatus(0, "main", container_id="cri://1")
WAITS = ContainerState(waiting=Waiting("ImagePullBackOff"))


@pytest.mark.parametrize(
    ("image", "status", "generation", "done"),
    [
        pytest.param("a", UNTOUCHED, 5, (True, True), id="left-alone"),
        pytest.param("a", UNTOUCHED, 4, (False, True), id="may-yet-be-ended"),
        pytest.param("a", UNTOUCHED, 0, (False, True), id="no-generations"),
        pytest.param("b", UNTOUCHED, 5, (False, False), id="another-image"),
        pytest.param("a", replace(UNTOUCHED, state=WAITS), 5, (False, False), id="ended"),
        pytest.param("a", replace(UNTOUCHED, container_id="cri://2"), 5, (True, True), id="anew"),
        pytest.param(
            "a", replace(UNTOUCHED, image="b", container_id="cri://2"), 5, (False, True), id="in-between"
        ),
        pytest.param(
            "a",
            replace(UNTOUCHED, image="example.com/x/b", container_id="cri://2"),
            5,
            (False, True),
            id="resolved",
        ),
        pytest.param(
            "b", replace(UNTOUCHED, image="b", container_id="cri://2"), 5, (True, True), id="there-again"
        ),
    ],
)
def test_what_a_kubelet_never_saw_need_not_start_anew(
    image: str, status: ContainerStatus, generation: int, done: tuple[bool, bool]
) -> None:
    """An image was changed and changed back; ``done``: now, and at the deadline."""
    pod = marked(BACK, status, generation=generation)
    pod = replace(pod, spec=replace(pod.spec, containers=(Container(name="main", image=image),)))
    assert (proven(pod), proven(pod, late=True)) == done


def test_where_nothing_changed_nothing_is_to_be_proved() -> None:
    assert proven(a_leader())
    assert proven(marked(Mark("new", containers={})))
    assert proven(marked(Mark("new")))


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"at": "x"}', '{"to": 1}', "null"])
def test_what_somebody_wrote_there_is_no_mark(text: str) -> None:
    pod = marked(text)
    assert mark_on(pod) is None
    assert mark_of(pod, None, alone=True) is None


def test_a_leader_alone_is_under_way_until_it_is_settled() -> None:
    chosen, settled = marked(Mark("new")), marked(Mark("new", settled=True))
    assert mark_of(chosen, None, alone=True) == Mark("new")
    assert mark_of(settled, None, alone=True) is None
    assert mark_of(chosen, None, alone=False) is None
    assert updated_in_place(settled, "new")
    assert not updated_in_place(settled, "old")


def test_caches_keep_the_ids_of_containers_only_where_they_are_proof() -> None:
    status = ContainerStatus(1, "main", container_id="cri://2")
    kept, plain = (
        marked(BEFORE, status),
        replace(marked(BEFORE, replace(status)), metadata=a_leader().metadata),
    )
    assert lean(kept).status.container_statuses == (status,)
    assert lean(plain).status.container_statuses == (ContainerStatus(1, "main"),)
    assert lean(plain).restarts == 1
