"""Partition and replicas equal upstream's, vector by vector."""

from __future__ import annotations

from typing import Any

import pytest
from support.golden import vectors
from support.groups import a_set

from lws.api import constants as c
from lws.api.intorpercent import scaled
from lws.api.workloads import RollingUpdate, StatefulSet, StatefulSetSpec, UpdateStrategy
from lws.objects import ObjectMeta
from lws.planning.groups import GroupState
from lws.planning.rollout import rollout_parameters

VECTORS = vectors("rollout.jsonl")


def leader_set(vector: dict[str, Any]) -> StatefulSet | None:
    if not vector["leaderStatefulSetExists"]:
        return None
    annotations = {c.REPLICAS_ANNOTATION: str(vector["leaderStatefulSetReplicasAnnotation"])}
    rolling = RollingUpdate(partition=vector["leaderStatefulSetPartition"])
    spec = StatefulSetSpec(vector["leaderStatefulSetReplicas"], UpdateStrategy(rolling_update=rolling))
    return StatefulSet(ObjectMeta(annotations=annotations), spec)


def test_there_are_enough_vectors() -> None:
    assert len(VECTORS) >= 600


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_rollout(vector: dict[str, Any]) -> None:
    lws = a_set(
        replicas=vector["replicas"],
        size=vector["size"],
        partition=vector["partition"],
        max_unavailable=vector["maxUnavailable"],
        max_surge=vector["maxSurge"],
    )
    states = [group_state(x) for x in vector.get("groups") or []]
    rollout = rollout_parameters(
        lws, leader_set(vector), states, template_changed=vector["templateJustChanged"]
    )
    if allows_nothing(vector):
        assert rollout.replicas == vector["wantReplicas"]
        assert rollout.partition <= vector["wantPartition"]
        return
    if surges_at_rest(vector):
        existing = max(vector["replicas"], vector["leaderStatefulSetReplicas"])
        assert rollout == (vector["wantPartition"], existing)
        return
    assert rollout == (vector["wantPartition"], vector["wantReplicas"])


def group_state(group: dict[str, Any]) -> GroupState:
    return GroupState(group["ready"], group["updated"], missing=group.get("missing", False))


def surges_at_rest(vector: dict[str, Any]) -> bool:
    """Excepted by docs/decisions/131: upstream begins surge groups although no group is outdated that the
    user's partition lets go, so that nothing rolls.
    """
    due = (vector.get("groups") or [])[vector["partition"] : vector["replicas"]]
    rolling = any(not (group_state(x).updated or group_state(x).missing) for x in due)
    existing = max(vector["replicas"], vector["leaderStatefulSetReplicas"])
    return not rolling and vector["wantReplicas"] > existing


def allows_nothing(vector: dict[str, Any]) -> bool:
    """Excepted by docs/decisions/130: maxUnavailable and maxSurge both come to 0, so upstream's roll stops
    for ever; here it goes on with one group at a time.
    """
    replicas = vector["replicas"]
    unavailable = scaled(vector["maxUnavailable"], replicas, round_up=False, field="maxUnavailable")
    surge = scaled(vector["maxSurge"], replicas, round_up=True, field="maxSurge")
    return replicas > 0 and unavailable == surge == 0
