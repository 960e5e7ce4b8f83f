"""Pods that a StatefulSet lacks, and what is told about them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from support.groups import a_leader, a_leader_set, a_set, a_worker, a_worker_set

from lws.api import constants as c
from lws.api.workloads import CreationFailure, InvolvedObject, Pod, StatefulSet
from lws.objects import ObjectMeta, OwnerReference
from lws.planning.actions import Problem, Record, Requeue
from lws.planning.lacking import (
    NAMED,
    REFUSED_GRACE,
    Lack,
    looks_whole,
    missing_pods,
    plan_lack,
    refusals_in,
)

LEADER = a_leader(0)
QUOTA = 'pods "x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2'


def workers(count: int) -> StatefulSet:
    found = a_worker_set(LEADER)
    return replace(
        found, spec=replace(found.spec, replicas=count, ordinals=replace(found.spec.ordinals, start=1))
    )


def failure(message: str, version: int = 1) -> CreationFailure:
    about = InvolvedObject(LEADER.name, "uid")
    return CreationFailure(ObjectMeta(resource_version=str(version)), about, message)


def said(pod: str, words: str = QUOTA) -> str:
    return f"create Pod {pod} in StatefulSet {LEADER.name} failed error: {words}"


def of_somebody(pod: Pod) -> Pod:
    owner = OwnerReference("apps/v1", "ReplicaSet", "web", "uid-web", controller=True)
    return replace(pod, metadata=replace(pod.metadata, owner_references=(owner,)))


@pytest.mark.parametrize(
    ("count", "there", "missing"),
    [
        pytest.param(3, (1, 2, 3), (), id="none"),
        pytest.param(3, (1, 3), (2,), id="one"),
        pytest.param(3, (), (1, 2, 3), id="all"),
        pytest.param(2, (1, 2, 3), (), id="more-than-wanted"),
        pytest.param(2, (1, 3), (2,), id="one-too-many-in-its-place"),
        pytest.param(0, (), (), id="none-wanted"),
    ],
)
def test_missing_are_those_that_are_not_its_own(
    count: int, there: tuple[int, ...], missing: tuple[int, ...]
) -> None:
    pods = [a_worker(LEADER, x) for x in there]
    assert missing_pods(workers(count), pods) == tuple(f"{LEADER.name}-{x}" for x in missing)


@pytest.mark.parametrize(
    ("counted", "groups", "whole"),
    [
        pytest.param(2, (0, 1), True, id="all"),
        pytest.param(1, (0,), False, id="it-says-so"),
        pytest.param(2, (0, 2), False, id="one-too-many-in-its-place"),
        pytest.param(2, (0,), True, id="the-cache-is-behind"),
    ],
)
def test_a_leader_set_is_asked_about_unless_it_looks_whole(
    counted: int, groups: tuple[int, ...], *, whole: bool
) -> None:
    """A pod beyond its number is counted by the StatefulSet, and stays while another cannot be made."""
    assert looks_whole(a_leader_set(replicas=2, status_replicas=counted), groups) is whole


def test_somebody_elses_pod_of_that_name_does_not_count() -> None:
    pods = [a_worker(LEADER, 1), of_somebody(a_worker(LEADER, 2)), LEADER]
    assert missing_pods(workers(2), pods) == (f"{LEADER.name}-2",)


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        pytest.param([said("a-1")], {"a-1": QUOTA}, id="one"),
        pytest.param([said("a-1", "first"), said("a-1", "second")], {"a-1": "second"}, id="the-last-counts"),
        pytest.param(
            [f"(combined from similar events): {said('a-7')}", said("a-2")],
            {"a-7": QUOTA, "a-2": QUOTA},
            id="several-in-one",
        ),
        pytest.param(
            [f"create Claim data-a-1 Pod a-1 in StatefulSet a failed error: {QUOTA}"],
            {"a-1": QUOTA},
            id="claim",
        ),
        pytest.param([said("a-1", "two\nlines")], {"a-1": "two lines"}, id="one-line"),
        pytest.param(["something else altogether"], {}, id="other-words"),
    ],
)
def test_what_the_stateful_set_controller_says(messages: list[str], told: dict[str, str]) -> None:
    failures = [failure(x, version) for version, x in enumerate(messages, start=9)]
    assert refusals_in(reversed(failures)) == told


class TestPlan:
    SET = a_set()
    MISSING = (f"{LEADER.name}-1", f"{LEADER.name}-2")

    def test_nothing_is_due_when_nothing_is_missing(self) -> None:
        assert plan_lack(self.SET, None, LEADER) == ()

    def test_what_is_only_late_is_looked_at_again(self) -> None:
        late = Lack(workers(2), self.MISSING, again=7.0)
        assert plan_lack(self.SET, late, LEADER) == (Requeue(7.0),)

    def test_a_refusal_is_told_in_the_servers_words(self) -> None:
        lack = Lack(workers(2), self.MISSING, refusals={self.MISSING[1]: QUOTA, "gone-1": "old"}, again=7.0)
        problem, event, again = plan_lack(self.SET, lack, LEADER)
        message = f"The API server refuses Pod {self.MISSING[1]}: {QUOTA}"
        assert problem == Problem(c.REASON_PODS_REFUSED, message, grace=REFUSED_GRACE)
        assert isinstance(event, Record)
        assert (event.type, event.reason, event.note.endswith(message)) == ("Warning", "FailedCreate", True)
        assert event.related is not None
        assert event.related.uid == LEADER.uid
        assert again == Requeue(7.0)

    def test_what_was_said_of_pods_that_are_there_is_over(self) -> None:
        lack = Lack(workers(2), self.MISSING[:1], refusals={self.MISSING[1]: QUOTA}, again=7.0)
        assert plan_lack(self.SET, lack, LEADER) == (Requeue(7.0),)

    def test_a_pod_in_the_way_is_named(self) -> None:
        found = of_somebody(a_worker(LEADER, 1))
        problem, event, _ = plan_lack(self.SET, Lack(workers(2), self.MISSING, found=found), LEADER)
        assert isinstance(problem, Problem)
        assert (problem.reason, problem.grace) == (c.REASON_NAME_TAKEN, 0.0)
        assert problem.message == (
            f"Pod {found.name} exists and is not this group's: it belongs to ReplicaSet web"
        )
        assert isinstance(event, Record)

    @pytest.mark.parametrize(
        ("labels", "words"),
        [
            pytest.param(
                {c.GROUP_INDEX_LABEL: "7"}, f" and has lost the label {c.GROUP_INDEX_LABEL}=0,", id="edited"
            ),
            pytest.param({}, "", id="a-stranger"),
        ],
    )
    def test_a_pod_that_was_let_go_is_told_what_it_lost(self, labels: dict[str, str], words: str) -> None:
        pod = a_worker(LEADER, 1)
        labels = {**pod.labels, **labels} if labels else {"app": "web"}
        found = replace(pod, metadata=replace(pod.metadata, labels=labels, owner_references=()))
        problem, *_ = plan_lack(self.SET, Lack(workers(2), self.MISSING, found=found), LEADER)
        assert isinstance(problem, Problem)
        told = f"Pod {found.name} exists and is not this group's: it has no owner{words}"
        assert problem.message.startswith(told)
        assert words or problem.message == told


def test_of_a_million_only_the_first_are_named() -> None:
    """Whatever number somebody asks for, a pass takes as long as with a few."""
    missing = missing_pods(workers(1_000_000), [a_worker(LEADER, 1)])
    assert missing == tuple(f"{LEADER.name}-{x}" for x in range(2, 2 + NAMED))
