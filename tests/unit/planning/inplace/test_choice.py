"""Which groups are marked, how far the partition may go, and what else a pass leaves of the budget."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.groups import a_leader, a_leader_set, a_revision, a_set, a_worker_set

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import StatefulSet
from lws.planning.actions import Delete, Patch
from lws.planning.groups import Groups, groups_of
from lws.planning.inplace.choice import Course, concerned
from lws.planning.inplace.eligibility import Changes
from lws.planning.observed import ObservedSet
from lws.planning.revisions import template_of


def a_set_of(image: str, policy: str = c.POD_UPDATE_IN_PLACE, **spec: Any) -> LeaderWorkerSet:
    pods = {"spec": {"containers": [{"name": "main", "image": image}]}}
    lws = a_set(template={"leaderTemplate": pods, "workerTemplate": pods}, **spec)
    strategy = lws.spec.rollout_strategy
    assert strategy is not None
    rolling = replace(lws.rolling_update, pod_update_policy=policy)
    strategy = replace(strategy, rolling_update_configuration=rolling)
    return replace(lws, spec=replace(lws.spec, rollout_strategy=strategy))


def scene(lws: LeaderWorkerSet) -> tuple[Groups, StatefulSet, Changes, str]:
    """Two groups of image ``a``, ready; the leader StatefulSet is what ``lws`` says, and holds both."""
    old, key = a_set_of("a"), template_of(lws).key
    former = template_of(old).key
    leaders = tuple(a_leader(i, key=former, ready=True) for i in range(2))
    sets = tuple(a_worker_set(x, key=former) for x in leaders)
    revisions = (a_revision(old, key=former), a_revision(lws, key=key, number=2))
    observed = ObservedSet(lws, leaders=leaders, worker_sets=sets, revisions=revisions)
    one = a_leader_set(replicas=2, partition=2)
    labels = one.labels | {c.REVISION_LABEL: key}
    status = replace(one.status, update_revision="new", updated_replicas=0)
    one = replace(one, metadata=replace(one.metadata, labels=labels), status=status)
    return groups_of(observed), one, Changes(lws, revisions), key


def test_the_budget_is_that_of_the_whole_pass() -> None:
    lws = a_set_of("b")
    groups, one, changes, key = scene(lws)
    course = Course(lws, groups, one, key, changes)
    assert [x.document["metadata"]["name"] for x in course.plan(now=0.0) if isinstance(x, Patch)] == [
        "test-sample-1"
    ]
    leader = groups.by_index[1].leader
    assert course.plan(replaced=[Delete("Pod", leader.key, leader.uid)], now=0.0) == ()


def test_what_is_to_be_updated_in_place_is_held_back() -> None:
    for lws, floor in (
        (a_set_of("b"), 2),
        (a_set_of("b", policy=c.POD_UPDATE_RECREATE), 0),
        (a_set_of("b", restart=c.RESTART_NONE), 0),
        (a_set_of("b", partition=1), 2),
    ):
        groups, one, changes, key = scene(lws)
        assert Course(lws, groups, one, key, changes).floor == floor
        assert concerned(lws, groups) == lws.updates_in_place


def test_nothing_is_marked_before_the_template_was_seen() -> None:
    lws = a_set_of("b")
    groups, one, changes, key = scene(lws)
    unseen = replace(one, metadata=replace(one.metadata, generation=2))
    assert Course(lws, groups, unseen, key, changes).plan(now=0.0) == ()
