"""Headless services of the set and of its groups (reconcilers.md, 6)."""

from __future__ import annotations

import pytest
from support.groups import a_leader, a_revision, a_set, owner_of

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Service, ServiceSpec
from lws.objects import ObjectMeta, OwnerReference
from lws.planning.actions import Action, Create, Problem, Reclaim, Record, Requeue
from lws.planning.groups import Groups, groups_of, make_group
from lws.planning.observed import ObservedSet
from lws.planning.services import plan_group_service, plan_shared_service

SHARED, UNIQUE = a_set(), a_set(subdomain=c.SUBDOMAIN_UNIQUE)
LEADER = a_leader(1)
NONE = Groups((), {})
UNIQUE_GROUP = make_group(UNIQUE, LEADER, [], [a_revision(UNIQUE)])
SHARED_GROUP = make_group(SHARED, LEADER, [], [a_revision(SHARED)])


SELECTOR = {c.NAME_LABEL: "test-sample"}
BY_SET = OwnerReference(c.API_VERSION, c.KIND, "test-sample", "uid-set", True)
WORKS = ServiceSpec("None", SELECTOR, True)


def _service(
    owner: OwnerReference | None = None, *, spec: ServiceSpec = WORKS, labels: dict[str, str] = SELECTOR
) -> Service:
    meta = ObjectMeta(name="x", labels=labels, owner_references=(owner,) if owner else ())
    return Service(metadata=meta, spec=spec)


def _told(actions: tuple[Action, ...], service: Service) -> tuple[Action, ...]:
    """What users are told of it; of one without an owner only if somebody else has made it."""
    if service.metadata.owner_references:
        return actions
    [action] = actions
    assert isinstance(action, Reclaim)
    return action.otherwise


def test_shared_service_scenario_9() -> None:
    [action] = plan_shared_service(SHARED, None, NONE)
    assert isinstance(action, Create)
    assert (action.kind, action.then) == ("Service", ())
    assert action.document == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "test-sample",
            "namespace": "default",
            "labels": {c.NAME_LABEL: "test-sample"},
            "ownerReferences": [
                {
                    "apiVersion": "leaderworkerset.x-k8s.io/v1",
                    "kind": "LeaderWorkerSet",
                    "name": "test-sample",
                    "uid": "uid-set",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {
            "clusterIP": "None",
            "selector": {c.NAME_LABEL: "test-sample"},
            "publishNotReadyAddresses": True,
        },
    }
    assert action.failed is not None
    assert (action.failed.type, action.failed.reason, action.failed.note) == (
        "Warning",
        "FailedCreate",
        "Failed to create headless service for error",
    )


def test_group_service_scenario_11() -> None:
    [action] = plan_group_service(UNIQUE, UNIQUE_GROUP, None)
    assert isinstance(action, Create)
    document = action.document
    assert document["metadata"]["name"] == LEADER.name
    assert [(x["kind"], x["uid"]) for x in document["metadata"]["ownerReferences"]] == [("Pod", LEADER.uid)]
    assert document["spec"]["selector"] == {c.NAME_LABEL: "test-sample", c.GROUP_INDEX_LABEL: "1"}


def test_each_policy_plans_its_own_service_only() -> None:
    assert plan_shared_service(UNIQUE, None, NONE) == ()
    assert plan_group_service(SHARED, SHARED_GROUP, None) == ()


def test_its_own_is_left_alone() -> None:
    assert plan_shared_service(SHARED, _service(BY_SET), NONE) == ()
    spec = ServiceSpec("None", SELECTOR | {c.GROUP_INDEX_LABEL: "1"}, True)
    assert plan_group_service(UNIQUE, UNIQUE_GROUP, _service(owner_of(LEADER), spec=spec)) == ()


def test_nobodys_is_used_when_it_does_what_ours_would() -> None:
    assert plan_shared_service(SHARED, _service(labels={}), NONE) == ()
    [action] = plan_shared_service(SHARED, _service(), NONE)
    assert isinstance(action, Reclaim), "it may have lost its owner"
    assert action.otherwise == ()
    assert [x["uid"] for x in action.owners] == [SHARED.uid]


@pytest.mark.parametrize(
    ("service", "why"),
    [
        pytest.param(_service(spec=ServiceSpec("10.0.0.1", SELECTOR, True)), "is not headless", id="address"),
        pytest.param(_service(spec=ServiceSpec("", SELECTOR, True)), "is not headless", id="ExternalName"),
        pytest.param(_service(spec=ServiceSpec("None", {}, True)), "does not select", id="no-selector"),
        pytest.param(
            _service(spec=ServiceSpec("None", {"app": "frontend"}, True)), "does not select", id="others"
        ),
        pytest.param(
            _service(spec=ServiceSpec("None", SELECTOR | {"app": "x"}, True)), "does not select", id="fewer"
        ),
        pytest.param(
            _service(spec=ServiceSpec("None", SELECTOR, False)), "does not publish", id="ready-ones-only"
        ),
        pytest.param(
            _service(OwnerReference(c.API_VERSION, c.KIND, "api", "uid-api", True)),
            "belongs to LeaderWorkerSet api",
            id="another-sets",
        ),
        pytest.param(
            _service(OwnerReference("v1", "Pod", "other", "uid-other", True)),
            "belongs to Pod other",
            id="somebodys",
        ),
    ],
)
def test_somebody_elses_is_not_touched_and_users_are_told(service: Service, why: str) -> None:
    problem, event, look_again = _told(plan_shared_service(SHARED, service, NONE), service)
    assert isinstance(problem, Problem)
    assert isinstance(event, Record)
    assert (problem.reason, problem.unmet) == ("NameTaken", True)
    assert problem.message.startswith("Service x exists and is not this set's: it ")
    assert why in problem.message
    assert (event.type, event.reason) == ("Warning", "FailedCreate")
    assert event.note.endswith(problem.message)
    assert look_again == Requeue(20.0)
    (told, *_) = _told(plan_group_service(UNIQUE, UNIQUE_GROUP, service), service)
    assert isinstance(told, Problem)
    assert told.message.startswith("Service x exists and is not this group's")


@pytest.mark.parametrize("policy", ["shared", "unique"])
def test_that_of_a_former_owner_is_waited_for_and_told_when_that_takes_long(policy: str) -> None:
    if policy == "unique":
        actions = plan_group_service(UNIQUE, UNIQUE_GROUP, _service(owner_of(a_leader(1, uid="former"))))
    else:
        former = OwnerReference(c.API_VERSION, c.KIND, SHARED.name, "uid-former", True)
        actions = plan_shared_service(SHARED, _service(former), NONE)
    problem, look_again = actions
    assert isinstance(problem, Problem)
    assert problem.grace > 1
    assert look_again == Requeue(1.0)


class TestAGroupKeepsItsOwnPolicy:
    """Groups below the partition, after the live policy was edited."""

    def test_its_service_is_made_again_though_the_live_policy_is_shared(self) -> None:
        group = make_group(SHARED, LEADER, [], [a_revision(UNIQUE)])
        [action] = plan_group_service(SHARED, group, None)
        assert isinstance(action, Create)
        assert action.document["metadata"]["name"] == LEADER.name

    def test_it_gets_none_though_the_live_policy_is_unique(self) -> None:
        assert plan_group_service(UNIQUE, make_group(UNIQUE, LEADER, [], [a_revision(SHARED)]), None) == ()

    @pytest.mark.parametrize("former", [SHARED, UNIQUE])
    def test_the_shared_one_is_wanted_while_a_leader_lives_that_knows_no_other(
        self, former: LeaderWorkerSet
    ) -> None:
        observed = ObservedSet(UNIQUE, revisions=(a_revision(former),), leaders=(LEADER,))
        planned = plan_shared_service(UNIQUE, None, groups_of(observed))
        assert bool(planned) is (former is SHARED)
