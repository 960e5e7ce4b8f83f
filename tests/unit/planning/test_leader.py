"""The leader StatefulSet: what wins in its metadata, what reaches its pods, which events it brings."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.groups import NAME, a_leader_set, a_set

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import StatefulSet
from lws.objects import canonical_json
from lws.planning.actions import Apply, Document
from lws.planning.leader import leader_document, plan_leader
from lws.planning.revisions import plan_revision, template_of

TOPOLOGY, RACK = "cloud.google.com/gke-nodepool", "example.com/rack"


def _document(lws: LeaderWorkerSet, *, partition: int = 0, replicas: int = 2) -> Document:
    return leader_document(lws, template_of(lws), "key-1", partition=partition, replicas=replicas)


def _plan(
    lws: LeaderWorkerSet,
    leader: StatefulSet | None,
    *,
    partition: int = 0,
    replicas: int = 2,
    changed: bool = False,
) -> Apply:
    revision = plan_revision(lws, None, (), template_of(lws))
    if changed:
        revision = type(revision)(None, revision.create, revision.key, revision.template, changed=True)
    [apply] = plan_leader(lws, leader, revision, partition=partition, replicas=replicas)
    assert isinstance(apply, Apply)
    return apply


def _notes(apply: Apply) -> list[tuple[str, str, str]]:
    return [(x.reason, x.action, x.note) for x in apply.then]


def _pod_annotations(document: Document) -> dict[str, str]:
    annotations: dict[str, str] = document["spec"]["template"]["metadata"]["annotations"]
    return annotations


def test_controller_keys_win_and_user_keys_stay() -> None:
    metadata = {
        "labels": {c.NAME_LABEL: "user-value", "team": "a"},
        "annotations": {c.REPLICAS_ANNOTATION: "user-value", "note": "b"},
    }
    document = _document(a_set(metadata=metadata))
    assert document["metadata"]["labels"] == {
        c.NAME_LABEL: NAME,
        c.REVISION_LABEL: "key-1",
        c.ROLE_LABEL: "leader",
        "team": "a",
    }
    assert document["metadata"]["annotations"] == {c.REPLICAS_ANNOTATION: "2", "note": "b"}


def test_the_users_pod_labels_stay_and_nothing_of_the_sets_metadata_reaches_pods() -> None:
    user = {
        "labels": {"app": "x", c.WORKER_INDEX_LABEL: "7"},
        "annotations": {"a": "b", c.SIZE_ANNOTATION: "9"},
    }
    template = {"leaderTemplate": {"metadata": user, "spec": {"containers": [{"name": "c"}]}}}
    lws = a_set(metadata={"labels": {"team": "a"}, "annotations": {"note": "b"}}, template=template)
    pods = _document(lws)["spec"]["template"]["metadata"]
    assert pods["labels"] == {
        "app": "x",
        c.WORKER_INDEX_LABEL: "0",
        c.NAME_LABEL: NAME,
        c.REVISION_LABEL: "key-1",
    }
    assert pods["annotations"] == {"a": "b", c.SIZE_ANNOTATION: "2"}


@pytest.mark.parametrize(
    ("annotations", "policy", "subdomain", "expected"),
    [
        pytest.param({}, None, "Shared", {}, id="plain"),
        pytest.param({c.EXCLUSIVE_TOPOLOGY_ANNOTATION: ""}, None, "Shared", {}, id="empty-exclusive"),
        pytest.param(
            {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: TOPOLOGY, c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION: RACK},
            None,
            "UniquePerReplica",
            {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: TOPOLOGY, c.SUBDOMAIN_POLICY_ANNOTATION: "UniquePerReplica"},
            id="exclusive-without-subgroups-scenario-17",
        ),
        pytest.param(
            {c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION: RACK},
            {"subGroupSize": 2, "subGroupPolicyType": "LeaderExcluded"},
            "Shared",
            {
                c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION: RACK,
                c.SUBGROUP_SIZE_ANNOTATION: "2",
                c.SUBGROUP_POLICY_TYPE_ANNOTATION: "LeaderExcluded",
            },
            id="subgroups",
        ),
        pytest.param(
            {},
            {"subGroupSize": 2},
            "Shared",
            {c.SUBGROUP_SIZE_ANNOTATION: "2", c.SUBGROUP_POLICY_TYPE_ANNOTATION: "LeaderWorker"},
            id="subgroup-type-defaults",
        ),
    ],
)
def test_pod_annotations(
    annotations: dict[str, str], policy: dict[str, Any] | None, subdomain: str, expected: dict[str, str]
) -> None:
    template = None if policy is None else {"subGroupPolicy": policy}
    lws = a_set(size=4, metadata={"annotations": annotations}, template=template, subdomain=subdomain)
    assert _pod_annotations(_document(lws)) == {c.SIZE_ANNOTATION: "4", **expected}


@pytest.mark.parametrize(
    ("replicas", "unavailable", "surge", "allowed"),
    [(1, 1, 0, 1), (1, 2, 1, 3), (1, 0, 2, 1), (0, 0, 0, 1), (2, 1, "50%", 2), (4, "30%", "30%", 3)],
)
def test_max_unavailable_counts_surge_and_is_at_least_one(
    replicas: int, unavailable: int | str, surge: int | str, allowed: int
) -> None:
    lws = a_set(replicas=replicas, max_unavailable=unavailable, max_surge=surge)
    rolling = _document(lws, partition=2, replicas=3)["spec"]["updateStrategy"]["rollingUpdate"]
    assert rolling == {"partition": 2, "maxUnavailable": allowed}


CLAIM: dict[str, Any] = {
    "metadata": {"name": "data", "labels": {"dropped": "x"}},
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "",
        "volumeMode": "Block",
        "resources": {"requests": {"storage": "1.5Gi"}, "limits": {"storage": "2Gi"}},
        "selector": {"matchLabels": {"dropped": "x"}},
        "volumeName": "dropped",
    },
}


class TestStorage:
    def test_claims_carry_their_members_and_nothing_else(self) -> None:
        [claim] = _document(a_set(template={"volumeClaimTemplates": [CLAIM]}))["spec"]["volumeClaimTemplates"]
        assert claim == {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data", "namespace": "default"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "",
                "volumeMode": "Block",
                "resources": {"requests": {"storage": "1536Mi"}, "limits": {"storage": "2Gi"}},
            },
        }

    def test_absent_members_stay_absent(self) -> None:
        claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
        [found] = _document(a_set(template={"volumeClaimTemplates": [claim]}))["spec"]["volumeClaimTemplates"]
        assert found["spec"] == {"accessModes": ["ReadWriteOnce"], "resources": {}}

    def test_without_claims_and_policy_neither_member_is_sent(self) -> None:
        spec = _document(a_set(template={"volumeClaimTemplates": []}))["spec"]
        assert not {"volumeClaimTemplates", "persistentVolumeClaimRetentionPolicy"} & spec.keys()

    @pytest.mark.parametrize(
        ("policy", "sent"),
        [
            ({}, {"whenDeleted": "", "whenScaled": ""}),
            ({"whenScaled": "Delete"}, {"whenDeleted": "", "whenScaled": "Delete"}),
        ],
    )
    def test_both_members_of_a_retention_policy_are_sent(
        self, policy: dict[str, str], sent: dict[str, str]
    ) -> None:
        lws = a_set(template={"persistentVolumeClaimRetentionPolicy": policy})
        assert _document(lws)["spec"]["persistentVolumeClaimRetentionPolicy"] == sent


class TestPlan:
    def test_creation_scenario_7(self) -> None:
        apply = _plan(a_set(), None)
        assert _notes(apply) == [("GroupsProgressing", "Create", "Created leader statefulset test-sample")]
        [event] = apply.then
        assert event.related is not None
        assert event.related.kind == "ControllerRevision"
        assert event.related.name.startswith("test-sample-")
        assert apply.failed is not None
        assert (apply.failed.type, apply.failed.reason, apply.failed.action, apply.failed.note) == (
            "Warning",
            "FailedCreate",
            "Create",
            "Failed to create leader statefulset test-sample",
        )

    def test_failure_of_an_update(self) -> None:
        failed = _plan(a_set(), a_leader_set()).failed
        assert failed is not None
        assert (failed.reason, failed.action, failed.note) == (
            "FailedUpdate",
            "Update",
            "Failed to update leader statefulset test-sample",
        )

    @pytest.mark.parametrize(
        ("before", "now", "changed", "notes"),
        [
            pytest.param((0, 4), (0, 4), False, [], id="nothing-moves"),
            pytest.param((4, 4), (3, 4), False, ["Updating replica 3"], id="one-group-scenario-27"),
            pytest.param((4, 6), (2, 6), False, ["Updating replicas 2 to 3 (inclusive)"], id="two-groups"),
            pytest.param((0, 4), (4, 4), True, [], id="template-changed-in-this-pass"),
            pytest.param((0, 6), (0, 5), False, ["deleting replica test-sample-5"], id="one-group-fewer"),
            pytest.param(
                (0, 6),
                (0, 4),
                False,
                ["deleting replicas from test-sample-4 to test-sample-5"],
                id="two-groups-fewer",
            ),
            pytest.param(
                (5, 6),
                (3, 3),
                False,
                [
                    "deleting replicas from test-sample-3 to test-sample-5",
                    "Updating replicas 3 to 4 (inclusive)",
                ],
                id="scale-down-in-mid-rollout-T12",
            ),
            pytest.param((2, 4), (2, 6), False, [], id="scale-up"),
        ],
    )
    def test_events(
        self, before: tuple[int, int], now: tuple[int, int], changed: bool, notes: list[str]
    ) -> None:
        leader = a_leader_set(partition=before[0], replicas=before[1])
        apply = _plan(a_set(), leader, partition=now[0], replicas=now[1], changed=changed)
        assert [x.note for x in apply.then] == notes

    def test_a_value_that_is_no_number_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="maxUnavailable"):
            _plan(a_set(max_unavailable="5"), None)


_TEXT = st.text(max_size=8)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(_TEXT, _TEXT, max_size=3), st.integers(0, 9), st.integers(0, 9))
def test_the_document_is_deterministic_and_leaves_the_template_alone(
    metadata: dict[str, str], partition: int, replicas: int
) -> None:
    lws = a_set(metadata={"labels": metadata, "annotations": metadata})
    template = template_of(lws)
    before = canonical_json(template.leader_worker_template)
    first = _document(lws, partition=partition, replicas=replicas)
    assert canonical_json(first) == canonical_json(_document(lws, partition=partition, replicas=replicas))
    assert canonical_json(template.leader_worker_template) == before
    assert first["spec"]["template"]["spec"] is template.leader_template["spec"]  # shared, not copied
