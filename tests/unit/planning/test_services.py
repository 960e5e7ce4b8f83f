"""Headless services of the set and of its groups (reconcilers.md, 6)."""

from __future__ import annotations

import pytest
from support.groups import a_leader, a_revision, a_set, owner_of

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Service
from lws.objects import ObjectMeta, OwnerReference
from lws.planning.actions import Create, Requeue
from lws.planning.groups import Groups, groups_of, make_group
from lws.planning.observed import ObservedSet
from lws.planning.services import plan_group_service, plan_shared_service

SHARED, UNIQUE = a_set(), a_set(subdomain=c.SUBDOMAIN_UNIQUE)
LEADER = a_leader(1)
NONE = Groups((), {})
UNIQUE_GROUP = make_group(UNIQUE, LEADER, [], [a_revision(UNIQUE)])
SHARED_GROUP = make_group(SHARED, LEADER, [], [a_revision(SHARED)])


def _service(owner: OwnerReference | None = None) -> Service:
    return Service(metadata=ObjectMeta(name="x", owner_references=(owner,) if owner else ()))


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


@pytest.mark.parametrize(
    "owner", [None, OwnerReference("v1", "Pod", "other", "uid-other", True)], ids=["nobody", "somebody"]
)
def test_an_existing_service_is_left_alone(owner: OwnerReference | None) -> None:
    assert plan_shared_service(SHARED, _service(owner), NONE) == ()
    assert plan_group_service(UNIQUE, UNIQUE_GROUP, _service(owner)) == ()
    assert plan_group_service(UNIQUE, UNIQUE_GROUP, _service(owner_of(LEADER))) == ()


def test_the_service_of_a_former_leader_is_waited_for() -> None:
    stale = _service(owner_of(a_leader(1, uid="former")))
    assert plan_group_service(UNIQUE, UNIQUE_GROUP, stale) == (Requeue(1.0),)


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
