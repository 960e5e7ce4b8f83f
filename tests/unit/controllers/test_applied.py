"""When an apply may be left out."""

from __future__ import annotations

from typing import Any

import pytest

from lws.controllers.applied import AppliedMemory, apply_changes_nothing, digest
from lws.objects import KubeObject, ObjectMeta, OwnerReference

DOCUMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "StatefulSet",
    "metadata": {
        "name": "a",
        "namespace": "ns",
        "labels": {"x": "1"},
        "annotations": {"y": "2"},
        "ownerReferences": [{"uid": "owner"}],
    },
    "spec": {
        "replicas": 2,
        "updateStrategy": {"rollingUpdate": {"partition": 0, "maxUnavailable": 3}},
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "", "whenScaled": "Retain"},
        "template": {
            "metadata": {"labels": {"l": "1"}},
            "spec": {"containers": [{"name": "c", "image": "i"}]},
        },
    },
}


def live(**changes: Any) -> dict[str, Any]:
    """The object as a server shows it after DOCUMENT: defaults filled in, our ownership recorded."""
    one: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {
            **DOCUMENT["metadata"],
            "uid": "u",
            "labels": {"x": "1", "foreign": "kept"},
            "managedFields": [
                {
                    "manager": "lws",
                    "operation": "Apply",
                    "fieldsV1": {
                        "f:metadata": {"f:labels": {"f:x": {}}, "f:annotations": {"f:y": {}}},
                        "f:spec": {"f:template": {"f:metadata": {"f:labels": {"f:l": {}}}}},
                    },
                },
                {
                    "manager": "kubectl",
                    "operation": "Update",
                    "fieldsV1": {"f:metadata": {"f:labels": {"f:foreign": {}}}},
                },
            ],
        },
        "spec": {
            **DOCUMENT["spec"],
            "revisionHistoryLimit": 10,
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            "template": {
                "metadata": {"labels": {"l": "1"}},
                "spec": {
                    "containers": [{"name": "c", "image": "i", "imagePullPolicy": "Always"}],
                    "dnsPolicy": "x",
                },
            },
        },
    }
    for path, value in changes.items():
        *steps, last = path.split("__")
        target = one
        for step in steps:
            target[step] = dict(target[step])
            target = target[step]
        if value is None:
            del target[last]
        else:
            target[last] = value
    return one


@pytest.mark.parametrize(
    ("changes", "nothing"),
    [
        pytest.param({}, True, id="as applied"),
        pytest.param({"spec__replicas": 3}, False, id="another value"),
        pytest.param({"spec__replicas": None}, False, id="a member is gone"),
        pytest.param({"metadata__labels": {"x": "1"}}, True, id="a foreign label went"),
        pytest.param({"metadata__labels": {"foreign": "kept"}}, False, id="our label is gone"),
        pytest.param(
            {"spec__updateStrategy": {"rollingUpdate": {"partition": 0}}}, True, id="gated member dropped"
        ),
        pytest.param(
            {"spec__updateStrategy": {"rollingUpdate": {"partition": 0, "maxUnavailable": 1}}},
            False,
            id="gated member differs",
        ),
        pytest.param(
            {"spec__template": {"metadata": {"labels": {"l": "1"}}, "spec": {"containers": []}}},
            False,
            id="list",
        ),
    ],
)
def test_apply_changes_nothing(changes: dict[str, Any], nothing: bool) -> None:
    assert apply_changes_nothing(DOCUMENT, live(**changes), "lws") is nothing


@pytest.mark.parametrize(
    ("manager", "operation", "nothing"),
    [("lws", "Apply", False), ("lws", "Update", True), ("kubectl", "Apply", True)],
    ids=["ours: it would be removed", "not by apply", "another manager's"],
)
def test_a_label_that_the_document_gives_up(manager: str, operation: str, nothing: bool) -> None:
    owned = {"f:metadata": {"f:labels": {"f:foreign": {}}}}
    entry = {"manager": manager, "operation": operation, "fieldsV1": owned}
    assert apply_changes_nothing(DOCUMENT, live(metadata__managedFields=[entry]), "lws") is nothing


def observed(generation: int = 1, **labels: str) -> KubeObject:
    return KubeObject(
        ObjectMeta(
            name="a",
            namespace="ns",
            uid="u",
            generation=generation,
            labels={"x": "1", **labels},
            annotations={"y": "2"},
            owner_references=(OwnerReference(uid="owner"),),
        )
    )


def test_memory_knows_nothing_at_first() -> None:
    assert AppliedMemory().holds(DOCUMENT, observed()) is None


@pytest.mark.parametrize(
    ("document", "now", "holds"),
    [
        pytest.param(DOCUMENT, observed(), True, id="unchanged"),
        pytest.param(DOCUMENT, observed(foreign="label"), True, id="others add labels"),
        pytest.param(DOCUMENT, observed(generation=2), False, id="somebody changed the spec"),
        pytest.param(DOCUMENT, observed(x="other"), False, id="somebody changed our label"),
        pytest.param({**DOCUMENT, "spec": {}}, observed(), False, id="another document is wanted"),
    ],
)
def test_memory_after_a_write(document: dict[str, Any], now: KubeObject, holds: bool) -> None:
    memory = AppliedMemory()
    memory.remember(DOCUMENT, observed())
    assert memory.holds(document, now) is holds


def test_digest_ignores_the_order_of_members() -> None:
    assert digest({"a": 1, "b": {"c": 2, "d": 3}}) == digest({"b": {"d": 3, "c": 2}, "a": 1})
