"""Headless services of the set and of its groups (reconcilers.md, 6)."""

from __future__ import annotations

import pytest
from support.groups import a_leader, a_set, owner_of

from lws.api import constants as c
from lws.api.workloads import Service
from lws.objects import ObjectMeta, OwnerReference
from lws.planning.actions import Create, Requeue
from lws.planning.services import plan_group_service, plan_shared_service

SHARED, UNIQUE = a_set(), a_set(subdomain=c.SUBDOMAIN_UNIQUE)
LEADER = a_leader(1)


def _service(owner: OwnerReference | None = None) -> Service:
    return Service(metadata=ObjectMeta(name="x", owner_references=(owner,) if owner else ()))


def test_shared_service_scenario_9() -> None:
    [action] = plan_shared_service(SHARED, None)
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
    [action] = plan_group_service(UNIQUE, LEADER, None)
    assert isinstance(action, Create)
    document = action.document
    assert document["metadata"]["name"] == LEADER.name
    assert [(x["kind"], x["uid"]) for x in document["metadata"]["ownerReferences"]] == [("Pod", LEADER.uid)]
    assert document["spec"]["selector"] == {c.NAME_LABEL: "test-sample", c.GROUP_INDEX_LABEL: "1"}


def test_each_policy_plans_its_own_service_only() -> None:
    assert plan_shared_service(UNIQUE, None) == ()
    assert plan_group_service(SHARED, LEADER, None) == ()


@pytest.mark.parametrize(
    "owner", [None, OwnerReference("v1", "Pod", "other", "uid-other", True)], ids=["nobody", "somebody"]
)
def test_an_existing_service_is_left_alone(owner: OwnerReference | None) -> None:
    assert plan_shared_service(SHARED, _service(owner)) == ()
    assert plan_group_service(UNIQUE, LEADER, _service(owner)) == ()
    assert plan_group_service(UNIQUE, LEADER, _service(owner_of(LEADER))) == ()


def test_the_service_of_a_former_leader_is_waited_for() -> None:
    stale = _service(owner_of(a_leader(1, uid="former")))
    assert plan_group_service(UNIQUE, LEADER, stale) == (Requeue(1.0),)
