"""PodGroups for Volcano (reconcilers.md, 7.6 and 10.3; operations.md, 6.3)."""

from __future__ import annotations

from typing import Any

import pytest
from support.groups import KEY, a_leader, a_revision, a_set

from lws.api import constants as c
from lws.planning.actions import Create, Problem, Record
from lws.planning.group import plan_group
from lws.planning.observed import ObservedGroup
from lws.planning.podgroups import (
    PROVIDERS,
    VOLCANO,
    Membership,
    create_pod_group,
    group_requests,
    provider_named,
)
from lws.planning.revisions import template_of

LEADER = a_leader(1, annotations={c.POD_GROUP_ANNOTATION: "test-sample-1-key-1"})
QUEUE = "scheduling.volcano.sh/queue-name"


def _pods(**requests: str) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "c", "resources": {"requests": requests}}]}}


def _document(**kwargs: Any) -> dict[str, Any]:
    lws = a_set(**kwargs)
    return VOLCANO.document(lws, LEADER, template_of(lws))


def test_identity_scenario_52() -> None:
    document = _document()
    assert (document["apiVersion"], document["kind"]) == ("scheduling.volcano.sh/v1beta1", "PodGroup")
    metadata = document["metadata"]
    assert (metadata["name"], metadata["namespace"]) == ("test-sample-1-key-1", "default")
    assert metadata["labels"] == {
        c.NAME_LABEL: "test-sample",
        c.GROUP_INDEX_LABEL: "1",
        c.REVISION_LABEL: KEY,
    }
    assert metadata["ownerReferences"] == [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": LEADER.name,
            "uid": LEADER.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


@pytest.mark.parametrize(("startup", "members"), [("LeaderCreated", 3), ("LeaderReady", 1)])
def test_members_follow_the_startup_policy_and_resources_are_always_the_groups_g1_g2(
    startup: str, members: int
) -> None:
    template = {"leaderTemplate": _pods(cpu="100m"), "workerTemplate": _pods(cpu="100m")}
    spec = _document(size=3, startup=startup, template=template)["spec"]
    assert spec == {"minMember": members, "minResources": {"cpu": "300m"}}


def test_volcano_annotations_are_inherited_and_the_queue_is_a_member() -> None:
    annotations = {"volcano.sh/preemptable": "true", QUEUE: "fast", "note": "a", "x.volcano.sh/y": "b"}
    document = _document(metadata={"annotations": annotations})
    assert document["metadata"]["annotations"] == {"volcano.sh/preemptable": "true"}
    assert document["spec"]["queue"] == "fast"


@pytest.mark.parametrize(
    ("size", "leader", "worker", "wanted"),
    [
        pytest.param(1, _pods(cpu="1"), _pods(memory="1Gi"), {"cpu": "1"}, id="leader-alone"),
        pytest.param(3, None, _pods(cpu="1", memory="1Gi"), {"cpu": "3", "memory": "3Gi"}, id="one-template"),
        pytest.param(
            4,
            _pods(cpu="0.5", memory="1G"),
            _pods(memory="1Gi", **{"nvidia.com/gpu": "8"}),
            {"cpu": "500m", "memory": "4221225472", "nvidia.com/gpu": "24"},
            id="leader-spelling-first",
        ),
        pytest.param(2, _pods(), _pods(), {}, id="nothing-asked"),
    ],
)
def test_group_requests(
    size: int, leader: dict[str, Any] | None, worker: dict[str, Any], wanted: dict[str, str]
) -> None:
    template = {"leaderTemplate": leader, "workerTemplate": worker}
    assert group_requests(template_of(a_set(size=size, template=template))) == wanted


def test_numbers_come_from_the_leaders_revision_not_from_the_live_set() -> None:
    """An old group that is rebuilt in mid-roll has as many pods as before, and as hungry ones."""
    old = a_set(size=3, template={"leaderTemplate": None, "workerTemplate": _pods(cpu="2")})
    live = a_set(size=8, template={"leaderTemplate": None, "workerTemplate": _pods(cpu="1")})
    spec = VOLCANO.document(live, LEADER, template_of(old))["spec"]
    assert spec == {"minMember": 3, "minResources": {"cpu": "6"}}


def test_a_pod_is_a_member_by_its_annotation() -> None:
    labels = {c.NAME_LABEL: "test", c.GROUP_INDEX_LABEL: "0", c.REVISION_LABEL: "1"}
    membership = VOLCANO.membership(labels)
    assert membership == Membership(annotations={c.POD_GROUP_ANNOTATION: "test-0-1"})
    assert VOLCANO.name_of(a_leader(0, annotations=dict(membership.annotations))) == "test-0-1"
    assert VOLCANO.name_of(a_leader(0)) == ""


def test_a_failed_creation_is_told_and_holds_nothing_up() -> None:
    create = create_pod_group(a_set(), LEADER, template_of(a_set()), provider=VOLCANO)
    assert (create.kind, create.essential) == ("PodGroup", False)
    assert create.failed is not None
    assert (create.failed.reason, create.failed.note) == (
        "FailedCreate",
        "Failed to create PodGroup test-sample-1-key-1 for leader pod test-sample-1",
    )


def test_the_provider_is_found_by_its_configured_name() -> None:
    assert PROVIDERS == {"volcano": VOLCANO}
    assert provider_named("volcano") is VOLCANO
    with pytest.raises(ValueError, match="'kai' is not supported; allowed: volcano"):
        provider_named("kai")


def test_resources_that_cannot_be_added_up_hold_up_the_pod_group_alone() -> None:
    lws = a_set(template={"workerTemplate": _pods(cpu="1e999999999"), "leaderTemplate": _pods(cpu="1")})
    key = template_of(lws).key
    leader = a_leader(0, key=key, annotations={c.POD_GROUP_ANNOTATION: "x"})
    group = ObservedGroup(lws, leader, pods=(leader,), revisions=(a_revision(lws, key=key),))
    actions = plan_group(group, now=0.0, provider=VOLCANO)
    problem = next(x for x in actions if isinstance(x, Problem))
    assert problem.message.startswith("spec.leaderWorkerTemplate: resources of its containers: ")
    assert (problem.reason, problem.unmet) == (c.REASON_INVALID_SPEC, False)
    assert [x.kind for x in actions if isinstance(x, Create)] == ["StatefulSet"]
    assert any(isinstance(x, Record) and x.type == "Warning" for x in actions)
