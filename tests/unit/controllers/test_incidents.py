"""What the watches show is judged when it happens and remembered until the leader goes (decision 101)."""

from __future__ import annotations

from typing import Any, Final

import pytest
from msgspec.structs import replace
from support.groups import a_leader, a_leader_set, a_worker, a_worker_set

from lws.api import constants as c
from lws.api.workloads import ContainerStatus, Pod, PodCondition, StatefulSet
from lws.controllers.incidents import IncidentLog
from lws.objects import Key
from lws.planning.observed import Incidents

LEADER = a_leader(0)
RESIZING = PodCondition("PodResizeInProgress", "True")


class Pods:
    """The pod index and the judge: which leaders are there, and whether deaths count."""

    def __init__(self, *leaders: Pod, counts: bool | None = True) -> None:
        self.leaders: dict[Key, Pod] = {x.key: x for x in leaders}
        self.counts = counts
        self.asked: list[Pod] = []

    def judge(self, _leader: Pod, before: Pod) -> bool | None:
        self.asked.append(before)
        return self.counts

    def log(self, **options: Any) -> IncidentLog:
        return IncidentLog(self.leaders.get, self.judge, **options)


def _restarted(pod: Pod, count: int, **status: Any) -> Pod:
    return replace(pod, status=replace(pod.status, container_statuses=(ContainerStatus(count),), **status))


class TestDepartures:
    def test_are_judged_once_when_they_begin_and_kept_as_the_pod_was_before(self) -> None:
        pods = Pods(LEADER)
        log = pods.log()
        before, going = a_worker(LEADER, 1), a_worker(LEADER, 1, deleting=True, phase="Failed")
        log.on_update(before, going)
        pods.counts = False
        log.on_delete(going)
        assert log.of(LEADER) == Incidents(lost=(before,))
        assert pods.asked == [before]

    def test_of_a_failed_pod_begin_when_it_fails(self) -> None:
        """It is deleted later, when the others may have started."""
        pods = Pods(LEADER, counts=False)
        log = pods.log()
        running, failed = a_worker(LEADER, 1), a_worker(LEADER, 1, phase="Failed")
        log.on_update(running, failed)
        pods.counts = True
        log.on_update(failed, a_worker(LEADER, 1, phase="Failed", deleting=True))
        assert log.of(LEADER) == Incidents(excused_deletions=frozenset({running.uid}))
        assert pods.asked == [running]

    def test_of_a_failed_pod_are_kept_as_failures(self) -> None:
        log = Pods(LEADER).log()
        failed = a_worker(LEADER, 1, phase="Failed")
        log.on_update(a_worker(LEADER, 1), failed)
        assert log.of(LEADER).lost == (failed,)

    def test_that_do_not_count_are_excused_for_good(self) -> None:
        pods = Pods(LEADER, counts=False)
        log = pods.log()
        log.on_update(a_worker(LEADER, 1), a_worker(LEADER, 1, deleting=True))
        pods.counts = True
        log.on_delete(a_worker(LEADER, 1, deleting=True))
        assert log.of(LEADER) == Incidents(excused_deletions=frozenset({a_worker(LEADER, 1).uid}))

    def test_by_force_are_seen_when_the_pod_is_gone(self) -> None:
        log = Pods(LEADER).log()
        log.on_delete(a_worker(LEADER, 1))
        assert log.of(LEADER).lost == (a_worker(LEADER, 1),)

    def test_of_a_disrupted_pod_say_so(self) -> None:
        log = Pods(LEADER).log()
        going = a_worker(LEADER, 1, deleting=True)
        going = replace(
            going, status=replace(going.status, conditions=(PodCondition("DisruptionTarget", "True"),))
        )
        log.on_update(a_worker(LEADER, 1), going)
        assert log.of(LEADER).lost == (going,)

    def test_of_which_nothing_can_be_told_are_kept_apart(self) -> None:
        log = Pods(LEADER, counts=None).log()
        for _ in range(2):
            log.on_delete(a_worker(LEADER, 1))
        assert log.of(LEADER) == Incidents(unjudged=(a_worker(LEADER, 1),))

    def test_the_last_of_each_name_is_kept_by_group(self) -> None:
        log = Pods(LEADER, a_leader(1)).log()
        first, second = a_worker(LEADER, 1, uid="first"), a_worker(LEADER, 1, uid="second")
        for pod in (first, a_worker(LEADER, 2), second, a_worker(a_leader(1), 1)):
            log.on_delete(pod)
        assert {x.uid for x in log.of(LEADER).lost} == {"second", a_worker(LEADER, 2).uid}

    def test_a_worker_stateful_set_is_kept_beside_its_pods_and_a_leader_stateful_set_is_not(self) -> None:
        log = Pods(LEADER).log()
        log.on_delete(a_worker(LEADER, 1))
        log.on_delete(a_worker_set(LEADER))
        log.on_delete(a_leader_set())
        assert {type(x) for x in log.of(LEADER).lost} == {Pod, StatefulSet}


class TestRestarts:
    UID: Final = a_worker(LEADER, 1).uid

    @pytest.mark.parametrize(
        ("counts", "seen"),
        [
            (True, Incidents(restarted=frozenset({UID}))),
            (False, Incidents(excused_restarts={UID: 2})),
            (None, Incidents()),
        ],
    )
    def test_are_judged_by_what_the_group_was_before(self, counts: bool | None, seen: Incidents) -> None:
        pods = Pods(LEADER, counts=counts)
        log = pods.log()
        log.on_update(a_worker(LEADER, 1, restarts=1), a_worker(LEADER, 1, restarts=2))
        log.on_update(a_worker(LEADER, 2, restarts=1), a_worker(LEADER, 2, restarts=1))
        assert log.of(LEADER) == seen
        assert pods.asked == [a_worker(LEADER, 1, restarts=1)]

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ({"conditions": (RESIZING,)}, {}),
            ({}, {"conditions": (RESIZING,)}),
            ({"resize": "InProgress"}, {}),
            ({"observed_generation": 1}, {"observed_generation": 2}),
        ],
        ids=["until-just-now", "still", "before-1.33", "the-kubelet-took-up-a-new-spec"],
    )
    def test_of_a_resize_are_no_failures(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        log = Pods(LEADER).log()
        pod = a_worker(LEADER, 1)
        log.on_update(_restarted(pod, 0, **old), _restarted(pod, 1, **new))
        assert log.of(LEADER) == Incidents(excused_restarts={self.UID: 1})

    def test_of_a_pod_that_has_just_begun_are_failures(self) -> None:
        """The kubelet says for the first time which spec it runs; that is no resize."""
        log = Pods(LEADER).log()
        pod = a_worker(LEADER, 1)
        log.on_update(_restarted(pod, 0), _restarted(pod, 1, observed_generation=1))
        assert log.of(LEADER).restarted == {self.UID}

    def test_before_we_came_are_excused_of_a_pod_that_is_being_resized(self) -> None:
        log = Pods(LEADER).log()
        log.on_add(_restarted(a_worker(LEADER, 1), 1, conditions=(RESIZING,)), initial=True)
        log.on_add(_restarted(a_worker(LEADER, 2), 1), initial=True)
        assert log.of(LEADER) == Incidents(excused_restarts={self.UID: 1})

    def test_of_the_leader_count_too(self) -> None:
        log = Pods(LEADER).log()
        log.on_update(LEADER, a_leader(0, restarts=1))
        assert log.of(LEADER).restarted == {LEADER.uid}


class TestBounds:
    def test_the_leaders_end_closes_the_account(self) -> None:
        log = Pods(LEADER, a_leader(1)).log()
        log.on_delete(a_worker(LEADER, 1))
        log.on_delete(a_leader(1))
        log.on_delete(a_leader(0, uid="former"))
        assert len(log.of(LEADER).lost) == 1
        log.on_delete(LEADER)
        assert log.of(LEADER) == Incidents()

    def test_so_does_the_end_of_a_leader_that_has_lost_its_label(self) -> None:
        log = Pods(LEADER).log()
        log.on_delete(a_worker(LEADER, 1))
        labels = {name: x for name, x in LEADER.labels.items() if name != c.WORKER_INDEX_LABEL}
        log.on_delete(replace(LEADER, metadata=replace(LEADER.metadata, labels=labels)))
        assert log.accounts == 0

    def test_what_the_garbage_collector_takes_after_the_leader_is_not_remembered(self) -> None:
        """A set that is deleted, or scaled down: leaders first, then what hangs on them."""
        pods = Pods(LEADER)
        log = pods.log()
        del pods.leaders[LEADER.key]
        log.on_delete(LEADER)
        for worker in (1, 2, 3):
            log.on_delete(a_worker(LEADER, worker))
        log.on_delete(a_worker_set(LEADER))
        assert log.accounts == 0

    def test_a_successor_of_the_same_name_has_an_account_of_its_own(self) -> None:
        pods = Pods(LEADER)
        log = pods.log()
        log.on_delete(a_worker(LEADER, 1))
        successor = a_leader(0, uid="successor")
        assert log.of(successor) == Incidents()
        pods.leaders[successor.key] = successor
        log.on_delete(a_worker(successor, 2))
        assert (len(log.of(successor).lost), log.of(LEADER)) == (1, Incidents())

    def test_objects_are_bounded_and_not_groups(self) -> None:
        leaders = [a_leader(x) for x in range(3)]
        log = Pods(*leaders).log(objects=6)
        for leader in leaders:
            for worker in (1, 2):
                log.on_delete(a_worker(leader, worker))
        assert [len(log.of(x).lost) for x in leaders] == [0, 2, 2]
        for worker in range(1, 9):
            log.on_delete(a_worker(leaders[0], worker))
        assert len(log.of(leaders[0]).lost) == 5, "one that would not fit is passed over"


def test_restarts_of_an_update_in_place_are_not_judged() -> None:
    """They may be told of after it was settled; beyond its counts they are failures."""
    log, worker = Pods(LEADER).log(lenient=lambda _, pod: pod.restarts <= 1), a_worker(LEADER, 1)
    log.on_update(_restarted(worker, 0), _restarted(worker, 1))
    assert log.of(LEADER) == Incidents()
    log.on_update(_restarted(worker, 1), _restarted(worker, 2))
    assert log.of(LEADER).restarted == {worker.uid}
