"""The readiness gate of leaders: when it opens and closes, and who is never asked."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.groups import a_leader, a_set, a_worker, a_worker_set

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod, PodCondition, ReadinessGate, StatefulSet
from lws.planning.actions import Action, Delete, PatchCondition, Requeue, StoreEntry
from lws.planning.gate import DEBOUNCE, plan_gate, waits
from lws.planning.group import plan_group
from lws.planning.groups import group_of
from lws.planning.observed import ObservedGroup
from lws.planning.revisions import template_of

SIZE = 3
LWS = a_set(size=SIZE, restart=c.RESTART_NONE)


def with_conditions(pod: Pod, **statuses: str) -> Pod:
    conditions = tuple(PodCondition(type_, status) for type_, status in statuses.items())
    return replace(pod, status=replace(pod.status, conditions=conditions))


def gated(pod: Pod, gate: str | None = None, **conditions: str) -> Pod:
    """The pod with the gate, and its condition where one is given."""
    spec = replace(pod.spec, readiness_gates=(ReadinessGate("other/gate"), ReadinessGate(c.GROUP_READY_GATE)))
    told = {"ContainersReady": "True", **conditions, **({c.GROUP_READY_GATE: gate} if gate else {})}
    return with_conditions(replace(pod, spec=spec), **told)


def worker(leader: Pod, index: int, ready: str = "True", **traits: Any) -> Pod:
    made = a_worker(leader, index, key=leader.labels[c.REVISION_LABEL], **traits)
    return with_conditions(made, Ready=ready)


def group(
    leader: Pod, *workers: Pod, lws: LeaderWorkerSet = LWS, unready_for: float = 0.0, **more: Any
) -> ObservedGroup:
    workers_set: tuple[StatefulSet, ...] = (
        a_worker_set(leader, key=leader.labels[c.REVISION_LABEL], replicas=SIZE - 1),
    )
    return ObservedGroup(
        lws,
        leader,
        pods=(leader, *workers),
        worker_sets=more.get("worker_sets", workers_set),
        unready_for=unready_for,
    )


def a_gated_leader(gate: str | None = None, lws: LeaderWorkerSet = LWS, **traits: Any) -> Pod:
    return gated(a_leader(0, key=template_of(lws).key, phase="Running", **traits), gate)


def decided(observed: ObservedGroup) -> tuple[Action, ...]:
    own = group_of(observed)
    assert own is not None
    return plan_gate(observed, own, now=0.0)


def statuses(actions: tuple[Action, ...] | list[Action]) -> list[tuple[str, str]]:
    return [(x.condition["status"], x.condition["reason"]) for x in actions if isinstance(x, PatchCondition)]


OPENED = [("True", c.REASON_GROUP_READY)]
CLOSED = [("False", c.REASON_WORKERS_NOT_READY)]


@pytest.mark.parametrize("gate", [None, "False", "Unknown"])
def test_a_whole_group_opens_it_once(gate: str | None) -> None:
    leader = a_gated_leader(gate)
    workers = (worker(leader, 1), worker(leader, 2))
    (action,) = decided(group(leader, *workers))
    assert statuses((action,)) == OPENED
    assert isinstance(action, PatchCondition)
    assert (action.uid, action.condition["type"]) == (leader.uid, c.GROUP_READY_GATE)
    assert decided(group(gated(leader, "True"), *workers)) == ()


def test_the_leader_s_own_containers_are_the_kubelet_s_affair() -> None:
    leader = gated(a_gated_leader(), ContainersReady="False")
    assert statuses(decided(group(leader, worker(leader, 1), worker(leader, 2)))) == OPENED


def broken(leader: Pod) -> dict[str, tuple[Pod, ...]]:
    one = worker(leader, 1)
    return {
        "missing": (one,),
        "going": (one, worker(leader, 2, deleting=True)),
        "failed": (one, worker(leader, 2, phase="Failed")),
        "of-another-leader": (one, worker(a_leader(0, uid="former"), 2)),
        "of-another-revision": (one, with_conditions(a_worker(leader, 2, key="other"), Ready="True")),
        "none": (),
    }


@pytest.mark.parametrize("case", broken(a_gated_leader()))
def test_a_worker_that_is_gone_closes_it_at_once(case: str) -> None:
    shut, never, is_open = a_gated_leader("False"), a_gated_leader(), a_gated_leader("True")
    assert statuses(decided(group(is_open, *broken(is_open)[case]))) == CLOSED
    assert decided(group(shut, *broken(shut)[case])) == ()
    assert decided(group(never, *broken(never)[case])) == ()


def test_without_its_worker_set_it_is_closed() -> None:
    leader = a_gated_leader("True")
    assert statuses(decided(group(leader, worker(leader, 1), worker(leader, 2), worker_sets=()))) == CLOSED


@pytest.mark.parametrize("phase", ["Running", "Pending"])
def test_a_worker_that_is_not_ready_has_a_moment(phase: str) -> None:
    leader = a_gated_leader("True")
    workers = (worker(leader, 1), worker(leader, 2, "False", phase=phase))
    first = group(leader, *workers)
    own = group_of(first)
    assert own is not None
    assert waits(first, own)
    assert decided(first) == (Requeue(DEBOUNCE),)
    assert decided(group(leader, *workers, unready_for=1.5)) == (Requeue(0.5),)
    assert statuses(decided(group(leader, *workers, unready_for=DEBOUNCE))) == CLOSED


@pytest.mark.parametrize(
    "leader",
    [a_leader(0, key=template_of(LWS).key, ready=True), a_gated_leader("True", deleting=True)],
    ids=["without-gate", "going"],
)
def test_others_are_left_alone(leader: Pod) -> None:
    assert decided(group(leader)) == ()


def test_a_leader_alone_with_a_gate_set_by_hand_is_whole() -> None:
    alone = a_set(size=1, restart=c.RESTART_NONE)
    leader = a_gated_leader(lws=alone)
    assert statuses(decided(group(leader, lws=alone, worker_sets=()))) == OPENED


def test_it_is_closed_before_a_failed_group_goes() -> None:
    lws = a_set(size=SIZE)
    leader = a_gated_leader("True", lws)
    failing = (worker(leader, 1), worker(leader, 2, restarts=1))
    stored = plan_group(group(leader, *failing, lws=lws), now=100.0)
    assert statuses(stored) == [("False", c.REASON_GROUP_FAILED)]
    assert [type(x) for x in stored if isinstance(x, PatchCondition | StoreEntry | Delete)] == [
        PatchCondition,
        StoreEntry,
    ]
    shut = gated(leader, "False")
    assert statuses(plan_group(group(shut, *failing, lws=lws), now=100.0)) == []


def test_leaders_ready_waits_for_the_containers_not_for_the_gate() -> None:
    """beyond.md, 5.5.11: else leader and workers wait for each other."""
    leader = gated(a_gated_leader(), Ready="False")
    assert leader.serves
    assert not leader.has_ready_condition
    assert not gated(leader, ContainersReady="False").serves
    bare = with_conditions(a_leader(0), ContainersReady="True", Ready="False")
    assert not bare.serves


@pytest.mark.parametrize(("gate", "ready"), [("True", True), ("False", False), (None, False)])
def test_a_gated_leader_is_ready_with_its_gate_alone(gate: str | None, ready: bool) -> None:
    """The kubelet takes Ready away a moment after the condition, and groups must not wait for that."""
    assert gated(a_gated_leader(), gate, Ready="True").ready is ready
