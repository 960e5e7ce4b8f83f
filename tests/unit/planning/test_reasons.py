"""Why a group is not ready: the table of beyond.md, 5.2, and what is told of all groups together."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from support.groups import KEY, a_leader, a_set, a_worker, a_worker_set

from lws.api import constants as c
from lws.api.leaderworkerset import GroupStatus, LeaderWorkerSet
from lws.api.timestamps import epoch
from lws.api.workloads import Pod, PodSpec, PodStatus
from lws.planning.actions import Problem
from lws.planning.groups import Groups, make_group
from lws.planning.inplace.marks import Mark, marked, write_mark
from lws.planning.observed import ObservedSet
from lws.planning.problems import SetProblems
from lws.planning.reasons import (
    Readiness,
    Reason,
    Standing,
    Told,
    Waits,
    group_reason,
    sentence,
    waiting_groups,
    with_phases,
    worst_of,
)
from lws.planning.reasons.standing import LONGEST
from lws.planning.reasons.worst import WITH_MESSAGE

AT = 1767225600.0  # 2026-01-01T00:00:00Z, when what is deleted in these tests began to go
LATER = "2026-01-01T00:05:00Z"


def showing(pod: Pod, status: dict[str, Any], spec: dict[str, Any] | None = None) -> Pod:
    """The pod with another status, as JSON; its node is there unless ``spec`` says otherwise."""
    return replace(
        pod,
        status=msgspec.convert({"phase": "Pending", **status}, PodStatus),
        spec=msgspec.convert({"nodeName": "n1"} if spec is None else spec, PodSpec),
    )


def container(state: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"name": "server", "image": "vllm:bad", "ready": False, "state": state or {}, **more}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def condition(type_: str, status: str, message: str = "") -> dict[str, Any]:
    return {"type": type_, "status": status, "message": message}


PULL = {"containerStatuses": [container(waiting("ImagePullBackOff", 'Back-off pulling "vllm:bad"'))]}
PULL_AGAIN = {"containerStatuses": [container(waiting("ErrImagePull", "rpc error: not found"))]}
CRASH = {
    "phase": "Running",
    "containerStatuses": [
        container(waiting("CrashLoopBackOff"), lastState={"terminated": {"exitCode": 3}}),
    ],
}
CRASH_RUNS = {
    "phase": "Running",
    "containerStatuses": [container({"running": {}}, lastState={"terminated": {"exitCode": 3}})],
}
CRASH_ENDED = {"phase": "Running", "containerStatuses": [container({"terminated": {"exitCode": 3}})]}
INIT = {
    "conditions": [condition("Initialized", "False")],
    "initContainerStatuses": [
        {"name": "first", "ready": True, "state": {"terminated": {"exitCode": 0}}},
        {"name": "weights", "state": {"running": {}}},
    ],
    "containerStatuses": [container(waiting("PodInitializing"))],
}
CLEAN = {"terminated": {"exitCode": 0}}
FAILED = {"terminated": {"exitCode": 3}}
ENDS = {"phase": "Running", "containerStatuses": [container(waiting("CrashLoopBackOff"), lastState=CLEAN)]}
ENDS_RUNS = {"phase": "Running", "containerStatuses": [container({"running": {}}, lastState=CLEAN)]}
ENDS_ENDED = {"phase": "Running", "containerStatuses": [container(CLEAN)]}
NO_START = {
    "phase": "Running",
    "containerStatuses": [
        container(
            waiting("RunContainerError", "exec: no such file"), lastState={"terminated": {"exitCode": 3}}
        )
    ],
}
HOOK = {
    "phase": "Running",
    "containerStatuses": [container(waiting("PostStartHookError"), lastState=FAILED)],
}
UNREADY = {"phase": "Running", "containerStatuses": [container({"running": {}})]}
NO_NODE = {"conditions": [condition("PodScheduled", "False", "0/8 nodes are available")]}


def sidecar(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Of a pod that is initialised, whose sidecar is not ready and all else is."""
    done = {"name": "weights", "ready": True, "state": CLEAN}
    return {
        "phase": "Running",
        "conditions": [condition("Initialized", "True")],
        "initContainerStatuses": [done, {"name": "proxy", "ready": False, "state": state, **more}],
        "containerStatuses": [container({"running": {}}, ready=True)],
    }


@pytest.mark.parametrize(
    ("status", "spec", "reason", "text"),
    [
        pytest.param(PULL, None, Reason.IMAGE_PULL, "vllm:bad", id="pull"),
        pytest.param(
            {"containerStatuses": [container(waiting("CreateContainerConfigError", "no secret a"))]},
            None,
            Reason.CREATE_CONTAINER,
            "CreateContainerConfigError: no secret a",
            id="config",
        ),
        pytest.param(CRASH, None, Reason.CRASH_LOOP, "server ended with code 3", id="crash"),
        pytest.param(INIT, None, Reason.INITIALIZING, "init container weights", id="init"),
        pytest.param(UNREADY, None, Reason.NOT_READY, "containers server are not ready", id="unready"),
        pytest.param(
            {"phase": "Running", "containerStatuses": [container(ready=True)]},
            {"nodeName": "n1", "readinessGates": [{"conditionType": "example.com/lb"}]},
            Reason.NOT_READY,
            "readiness gates example.com/lb",
            id="gate",
        ),
        pytest.param(NO_NODE, {}, Reason.UNSCHEDULABLE, "0/8 nodes are available", id="no-node"),
        pytest.param(
            NO_NODE,
            {"schedulingGates": [{"name": "kueue.x-k8s.io/admission"}]},
            Reason.SCHEDULING_GATED,
            "kueue.x-k8s.io/admission",
            id="gated",
        ),
        pytest.param(
            {"phase": "Failed", "message": "node is low on memory"},
            None,
            Reason.CRASH_LOOP,
            "has ended: node is low on memory",
            id="ended",
        ),
        pytest.param({}, None, Reason.NOT_READY, "is being started", id="starting"),
        pytest.param({}, {}, Reason.NOT_READY, "has no node yet", id="unscheduled"),
        pytest.param(
            sidecar({"waiting": {"reason": "CrashLoopBackOff"}}, lastState={"terminated": {"exitCode": 3}}),
            None,
            Reason.CRASH_LOOP,
            "container proxy ended with code 3",
            id="sidecar-crashes",
        ),
        pytest.param(
            sidecar({"running": {}}),
            None,
            Reason.NOT_READY,
            "containers proxy are not ready",
            id="sidecar-unready",
        ),
        pytest.param(
            {"phase": "Running", "containerStatuses": [container(waiting("RunContainerError", "no file"))]},
            None,
            Reason.CREATE_CONTAINER,
            "RunContainerError: no file",
            id="never-started",
        ),
    ],
)
def test_what_a_leader_says(status: Any, spec: Any, reason: Reason, text: str) -> None:
    leader = showing(a_leader(), status, spec)
    group = make_group(a_set(), leader, [a_worker_set(leader, available=0)])
    found, due = group_reason(a_set(), Waits(group, [leader]), at=AT)
    assert (found.reason, due) == (reason, None)
    assert text in found.message
    assert "test-sample-0" in found.message


@pytest.mark.parametrize(
    "alike",
    [
        pytest.param((PULL, PULL_AGAIN), id="pull"),
        pytest.param((CRASH, CRASH_RUNS), id="runs"),
        pytest.param((CRASH, CRASH_ENDED), id="ended"),
        pytest.param((CRASH, NO_START), id="cannot-be-started"),
        pytest.param((CRASH, HOOK), id="its-hook-fails"),
        pytest.param((ENDS, ENDS_RUNS), id="runs-after-a-good-end"),
        pytest.param((ENDS, ENDS_ENDED), id="a-good-end"),
    ],
)
def test_what_alternates_by_itself_is_told_alike(alike: tuple[Any, Any]) -> None:
    leaders = [showing(a_leader(), status) for status in alike]
    told = {group_reason(a_set(), Waits(make_group(a_set(), x, ()), [x]), at=AT)[0] for x in leaders}
    assert len(told) == 1


@pytest.mark.parametrize("code", [0, 137])
def test_the_end_of_a_container_that_was_updated_in_place_is_no_crash(code: int) -> None:
    """The kubelet ended it; what ends after that is one."""
    mark = Mark(KEY, containers={"server": "cri://1"})
    told = []
    for ended in ("cri://1", "cri://2"):
        last = {"terminated": {"exitCode": code, "containerID": ended}}
        leader = showing(
            a_leader(annotations={c.IN_PLACE_ANNOTATION: write_mark(mark)}),
            {"phase": "Running", "containerStatuses": [container({"running": {}}, lastState=last)]},
        )
        told.append(of_group(leader).reason)
    assert told == [Reason.NOT_READY, Reason.CRASH_LOOP]


@pytest.mark.parametrize(
    ("status", "anew", "reason"),
    [
        pytest.param(UNREADY, "", Reason.IN_PLACE, id="restarts"),
        pytest.param({}, "", Reason.IN_PLACE, id="starts"),
        pytest.param(PULL, "", Reason.IMAGE_PULL, id="needs-somebody"),
        pytest.param(UNREADY, "the deadline", Reason.NOT_READY, id="given-up"),
    ],
)
def test_an_update_in_place_is_told_where_the_pods_say_no_more(
    status: Any, anew: str, reason: Reason
) -> None:
    annotations = {c.IN_PLACE_ANNOTATION: write_mark(marked(KEY, AT, anew=anew))}
    found = of_group(showing(a_leader(annotations=annotations), status), lws=a_set(size=1))
    assert found.reason == reason
    assert ("updated in place" in found.message) == (reason == Reason.IN_PLACE)
    assert found.phase == ("Updating" if reason == Reason.IN_PLACE else "Starting")


def of_group(leader: Pod, *workers: Pod, lws: LeaderWorkerSet | None = None, **more: Any) -> Standing:
    lws = lws or a_set()
    sets = [a_worker_set(leader, available=0)] if workers else []
    group = make_group(lws, leader, sets)
    return group_reason(lws, Waits(group, (*workers, leader), **more), at=AT)[0]


def entry(**members: Any) -> GroupStatus:
    return GroupStatus(leader="uid-test-sample-0", revision=KEY, **members)


class TestGroups:
    def test_the_first_of_the_table_is_told_whoever_says_it(self) -> None:
        leader = showing(a_leader(), UNREADY)
        worker = showing(a_worker(leader, 1), PULL)
        assert of_group(leader, worker).reason == Reason.IMAGE_PULL

    def test_of_equals_the_leaders(self) -> None:
        leader = showing(a_leader(), UNREADY)
        worker = showing(a_worker(leader, 1), UNREADY)
        assert "pod test-sample-0:" in of_group(leader, worker).message

    def test_a_leader_that_is_ready_waits_for_workers(self) -> None:
        leader = a_leader(ready=True)
        found = of_group(leader, showing(a_worker(leader, 1), {}))
        assert found == (Reason.WAITING_FOR_WORKERS, "pod test-sample-0-1 is being started")

    def test_a_leader_behind_our_own_gate_waits_for_workers(self) -> None:
        spec = {"nodeName": "n1", "readinessGates": [{"conditionType": c.GROUP_READY_GATE}]}
        status = {"phase": "Running", "containerStatuses": [container(ready=True)]}
        leader = showing(a_leader(), status, spec)
        assert of_group(leader, showing(a_worker(leader, 1), {})).reason == Reason.WAITING_FOR_WORKERS

    def test_workers_that_are_made_once_the_leader_is_ready(self) -> None:
        found = of_group(showing(a_leader(), PULL), lws=a_set(startup=c.STARTUP_LEADER_READY))
        assert found.reason == Reason.WAITING_FOR_LEADER
        assert "vllm:bad" in found.message

    def test_workers_that_are_made_once_the_leader_has_a_node(self) -> None:
        annotations = {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: "rack"}
        leader = showing(a_leader(annotations=annotations), {}, {})
        assert of_group(leader).reason == Reason.WAITING_FOR_LEADER

    @pytest.mark.parametrize(
        ("late", "reason"), [(0, Reason.REPLACING), (29, Reason.REPLACING), (31, Reason.STUCK_TERMINATING)]
    )
    def test_pods_on_their_way_out(self, late: float, reason: Reason) -> None:
        leader = a_leader(deleting=True, node="n7")
        group = make_group(a_set(), leader, [a_worker_set(leader)])
        found, due = group_reason(a_set(), Waits(group, [leader]), at=AT + late)
        assert found.reason == reason
        assert due == (30 - late if late < 30 else None)
        assert ("node n7" in found.message) == (reason == Reason.STUCK_TERMINATING)

    @pytest.mark.parametrize(
        ("members", "reason"),
        [
            ({"failed": True}, Reason.MAX_RESTARTS),
            ({"backoff_until": LATER}, Reason.RESTART_BACK_OFF),
            ({"backoff_until": "2025-12-31T00:00:00Z"}, Reason.CRASH_LOOP),
        ],
    )
    def test_what_the_record_says_comes_first(self, members: Any, reason: Reason) -> None:
        assert of_group(showing(a_leader(), CRASH), entry=entry(**members)).reason == reason

    def test_a_recreation_that_is_due_is_looked_for(self) -> None:
        """One that does not come, for its deletion is refused, is not told as one to come for ever."""
        leader = showing(a_leader(), CRASH)
        waits = Waits(
            make_group(a_set(), leader, [a_worker_set(leader)]), [leader], entry(backoff_until=LATER)
        )
        found, due = group_reason(a_set(), waits, at=AT)
        assert found.reason == Reason.RESTART_BACK_OFF
        assert due == epoch(LATER) - AT
        assert group_reason(a_set(), waits, at=AT + due)[0].reason == Reason.CRASH_LOOP
        assert group_reason(a_set(), waits, at=AT + due)[1] is None

    @pytest.mark.parametrize("members", [{"failed": True}, {"backoff_until": LATER}])
    def test_what_is_kept_down_says_which_pod_failed(self, members: Any) -> None:
        """However it shows just now, the text is the same: a pod that crashes writes no status."""
        leader = showing(a_leader(), UNREADY)
        texts = {
            of_group(leader, showing(a_worker(leader, 1), x), entry=entry(**members)).message
            for x in (CRASH, CRASH_RUNS, CRASH_ENDED)
        }
        assert len(texts) == 1
        assert texts.pop().endswith(": pod test-sample-0-1: container server ended with code 3")

    @pytest.mark.parametrize(
        ("members", "ending"),
        [
            ({"restarts": 1}, ", after 1 recreation in a row"),
            ({"restarts": 2, "restarting": True, "ready_time": LATER}, ", after 2 recreations in a row"),
            ({"restarts": 2, "ready_time": LATER}, " are not ready"),
            ({}, " are not ready"),
        ],
    )
    def test_one_between_two_crashes_says_how_often_it_was_made_anew(self, members: Any, ending: str) -> None:
        found = of_group(showing(a_leader(), UNREADY), entry=entry(**members))
        assert found.reason == Reason.NOT_READY
        assert found.message.endswith(ending)

    def test_what_needs_somebody_is_told_without_that(self) -> None:
        assert "in a row" not in of_group(showing(a_leader(), PULL), entry=entry(restarts=2)).message

    def test_the_record_of_a_former_leader_says_nothing(self) -> None:
        former = replace(entry(failed=True), leader="former")
        assert of_group(showing(a_leader(), CRASH), entry=former).reason == Reason.CRASH_LOOP

    def test_one_that_a_roll_leaves_alone(self) -> None:
        assert of_group(showing(a_leader(), CRASH), held=True).reason == Reason.HELD

    def test_without_a_leader_pod(self) -> None:
        found, _ = group_reason(a_set(), Waits(None), at=AT)
        assert found == (Reason.NOT_READY, "has no leader pod yet")
        refused = Problem(c.REASON_PODS_REFUSED, "exceeded quota: gpus")
        found, _ = group_reason(a_set(), Waits(None, problems=[refused]), at=AT)
        assert found == (Reason.FAILED_CREATE, "exceeded quota: gpus")

    def test_a_claim_that_is_not_there_comes_before_the_scheduler_s_words(self) -> None:
        leader = showing(a_leader(), NO_NODE, {})
        missing = Problem(c.REASON_WAITING_FOR_CLAIM, "there is no ResourceClaimTemplate rack")
        assert of_group(leader, problems=[missing]) == (Reason.WAITING_FOR_CLAIM, missing.message)

    def test_messages_are_one_line_of_bounded_length(self) -> None:
        status = {"conditions": [condition("PodScheduled", "False", "0/8\nnodes " * 100)]}
        message = of_group(showing(a_leader(), status, {})).message
        assert len(message) == LONGEST
        assert "\n" not in message


def told(reason: Reason, message: str = "m", since: str = LATER) -> Told:
    return Told(Standing(reason, message), since)


class TestTogether:
    def test_the_worst_needs_somebody(self) -> None:
        readiness = Readiness(
            {0: told(Reason.REPLACING), 3: told(Reason.IMAGE_PULL), 2: told(Reason.CRASH_LOOP)}
        )
        assert worst_of(readiness) == (3, told(Reason.IMAGE_PULL))
        expected = f"1 of 4 groups ready; group 3: ImagePull since {LATER}: m"
        assert sentence(readiness, 1, 4) == expected
        assert not sentence(Readiness(), 4, 4)

    def test_what_differs_is_written_beside_the_record(self) -> None:
        stored = {
            "0": GroupStatus(leader="a", phase="Starting", reason="ImagePull", since=LATER, message="m"),
            "1": GroupStatus(phase="Starting", reason="NotReady", since=LATER),
            "2": GroupStatus(leader="b"),
            "3": GroupStatus(phase="Starting", reason="ImagePull", since=LATER, message="m"),
        }
        readiness = Readiness({2: told(Reason.CRASH_LOOP), 3: told(Reason.IMAGE_PULL)})
        assert with_phases({"2": {"workers": "x"}}, stored, readiness) == {
            "0": {"phase": None, "reason": None, "since": None, "message": None},
            "1": None,
            "2": {"workers": "x", "phase": "Starting", "reason": "CrashLoop", "since": LATER, "message": "m"},
        }

    def test_a_group_that_goes_is_told_nothing_of(self) -> None:
        readiness = Readiness({0: told(Reason.NOT_READY)})
        assert with_phases({"0": None}, {"0": GroupStatus(leader="a")}, readiness) == {"0": None}

    def test_two_thousand_groups_that_are_not_ready_are_small(self) -> None:
        many = {i: told(Reason.UNSCHEDULABLE, "x" * LONGEST) for i in range(2000)}
        patch = with_phases({}, {}, Readiness(many))
        assert sum("message" in (x or {}) for x in patch.values()) == WITH_MESSAGE
        assert len(msgspec.json.encode(patch)) < 300_000


class TestWhichGroupsAreLookedAt:
    def test_those_that_are_not_ready_and_those_of_a_surge(self) -> None:
        lws = a_set(replicas=3, size=1)
        groups = {x: make_group(lws, a_leader(x, ready=x == 1), ()) for x in (1, 4)}
        assert groups[1].ready
        refused = Problem(c.REASON_PODS_REFUSED, "quota")
        found = waiting_groups(
            ObservedSet(lws), Groups((), groups), KEY, SetProblems([refused], {4: [refused]})
        )
        assert list(found) == [0, 2, 4]
        assert found[0].group is None
        assert found[0].problems == [refused]
        assert found[4].group is groups[4]

    def test_no_more_than_a_status_can_hold_however_many_are_wanted(self) -> None:
        lws = a_set(replicas=2_000_000_000)
        found = waiting_groups(ObservedSet(lws), Groups((), {}), KEY, SetProblems())
        assert list(found) == list(range(c.MOST_STORED_GROUPS))
