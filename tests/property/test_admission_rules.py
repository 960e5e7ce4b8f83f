"""Whatever JSON comes to admission, the rules answer: with an object, a denial, or "does not decode"."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from support.admission import Document, a_container, a_leader_pod, a_worker_pod, an_lws

from lws.api import constants as c
from lws.webhooks.errors import AdmissionError, aggregate
from lws.webhooks.pods import mutate_pod
from lws.webhooks.sets import default_leaderworkerset, validate_create, validate_update, warn

ODD_TEXTS = [
    "",
    "0",
    "-1",
    "+5%",
    "-5%",
    "200%",
    "0" * 5000 + "5%",
    "9" * 5000,
    "9" * 30 + "%",
    "1_0",
    "\u0665",
    "\n",
    "\x00",
    "a/b/c",
    "-",
    "é" * 100,
    "0m",
    "LeaderExcluded",
    "LeaderWorker",
    "UniquePerReplica",
    "true",
    str(2**63 - 1),
    "rack",
]
ODD_NUMBERS = [0, 1, -1, 2**31 - 1, 2**31, -(2**31), 2**63, 10**400, 0.5, 1.0, -0.0]
ODD_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from(ODD_NUMBERS)
    | st.integers(-3, 12)
    | st.sampled_from(ODD_TEXTS)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "a"]), inner),
    max_leaves=4,
)
LWS = an_lws(
    subgroups={"subGroupSize": 2, "subGroupPolicyType": "LeaderExcluded"},
    size=5,
    maxUnavailable="50%",
    volumeClaimTemplates=None,
    metadata={
        "generateName": "test-",
        "generation": 1,
        "labels": {"app": "x"},
        "annotations": {c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION: "rack"},
        "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "u", "controller": True}],
        "finalizers": ["orphan"],
        "managedFields": [{"operation": "Apply", "manager": "lws", "fieldsType": "FieldsV1"}],
    },
)
FEATURES = {
    c.EXCLUSIVE_TOPOLOGY_ANNOTATION: "rack",
    c.SUBGROUP_SIZE_ANNOTATION: "2",
    c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION: "host",
    c.SUBDOMAIN_POLICY_ANNOTATION: "UniquePerReplica",
    c.LEADER_REQUESTS_TPUS_ANNOTATION: "true",
}
SPEC = {
    "containers": [a_container("plain", env={"A": "1"}), a_container("tpu", tpu="4", requests=4)],
    "initContainers": [a_container("init", tpu="4", env={"TPU_PROCESS_PORT": "9000"})],
    "affinity": {
        "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]}
    },
}
PODS = [
    build(size="4", annotations=annotations, **copy.deepcopy(SPEC))
    for build in (a_leader_pod, a_worker_pod)
    for annotations in ({}, FEATURES)
]


@st.composite
def broken(draw: st.DrawFn, originals: st.SearchStrategy[Document]) -> Document:
    """A sound object with a few members replaced, taken away or added, anywhere."""
    document = copy.deepcopy(draw(originals))
    for _ in range(draw(st.integers(1, 3))):
        _break(draw, document)
    return document


def _break(draw: st.DrawFn, where: Any) -> None:
    """Go down a random way and change what is at its end."""
    while True:
        keys = list(where) if isinstance(where, dict) else list(range(len(where)))
        if not keys:
            return
        key = draw(st.sampled_from(keys))
        if not (isinstance(where[key], dict | list) and where[key] and draw(st.integers(0, 3))):
            break
        where = where[key]
    match draw(st.sampled_from(["replace", "remove", "add"])):
        case "remove":
            del where[key]
        case "add" if isinstance(where, dict):
            where[draw(st.sampled_from([*ODD_TEXTS, c.GROUP_INDEX_LABEL, c.SUBGROUP_INDEX_LABEL]))] = draw(
                ODD_VALUES
            )
        case _:
            where[key] = draw(ODD_VALUES)


def answered(rule: Callable[..., Any], *documents: Document, **options: Any) -> Any:
    """What the rule gives, None where it denies or cannot decode; its input must be as it was."""
    kept = copy.deepcopy(documents)
    try:
        return rule(*documents, **options)
    except (AdmissionError, msgspec.DecodeError):
        return None
    finally:
        assert documents == kept


@settings(max_examples=600, deadline=None)
@given(broken(st.sampled_from(PODS)), st.sampled_from([None, "volcano"]))
def test_any_pod_is_answered(pod: Document, gang: str | None) -> None:
    result = answered(mutate_pod, pod, namespace="default", gang=gang)
    if result is not None:
        assert result is pod or c.WORKER_INDEX_LABEL in result["metadata"]["labels"]


@settings(max_examples=600, deadline=None)
@given(broken(st.just(LWS)))
def test_any_set_is_answered(lws: Document) -> None:
    defaulted = answered(default_leaderworkerset, lws)
    if defaulted is None:
        return
    assert default_leaderworkerset(defaulted) is defaulted
    errors = validate_update(defaulted, LWS)
    assert aggregate(errors) == aggregate(validate_update(defaulted, LWS))
    assert all(len(x) <= 256 for x in warn(defaulted, LWS))
    known = {str(x) for x in validate_create(LWS)}
    assert [x for x in validate_create(defaulted) if str(x) not in known] == [
        x for x in errors if x in validate_create(defaulted)
    ]
    assert (aggregate(errors) == "") == (not errors)


@settings(max_examples=300, deadline=None)
@given(broken(st.just(LWS)), st.sampled_from(["labels", "replicas", "containers"]))
def test_whatever_is_stored_can_be_labelled_scaled_and_deleted(lws: Document, edit: str) -> None:
    """However it came there: an edit that touches nothing of what is wrong is let through."""
    stored = answered(default_leaderworkerset, lws)
    if stored is None or not isinstance(stored.get("metadata"), dict):
        return
    edited = copy.deepcopy(stored)
    if edit == "labels":
        edited["metadata"]["labels"] = {**(edited["metadata"].get("labels") or {}), "team": "a"}
    elif edit == "replicas":
        edited["spec"]["replicas"] = 0
    else:
        edited["spec"]["leaderWorkerTemplate"]["workerTemplate"] = {"spec": {"containers": []}}
    assert validate_update(edited, stored) == []
    edited["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    edited["spec"] = {"replicas": -1}
    assert validate_update(edited, stored) == []


@settings(max_examples=300, deadline=None)
@given(broken(st.just(LWS)))
def test_any_old_set_is_answered(old: Document) -> None:
    answered(validate_update, LWS, old)


@st.composite
def sound_pods(draw: st.DrawFn) -> Document:
    """A pod as the StatefulSet controller makes it, of any shape a set can have."""
    subgroup = draw(st.integers(1, 4))
    size = subgroup * draw(st.integers(1, 3)) + draw(st.integers(0, 1))
    annotations = {
        key: value
        for key, value in FEATURES.items()
        if key != c.SUBGROUP_SIZE_ANNOTATION and draw(st.booleans())
    }
    if draw(st.booleans()):
        annotations[c.SUBGROUP_SIZE_ANNOTATION] = str(subgroup)
    worker = draw(st.integers(0, max(0, size - 1)))
    containers = draw(st.lists(st.sampled_from(SPEC["containers"]), min_size=1, max_size=3))
    shape: dict[str, Any] = {"size": str(size), "annotations": annotations, "containers": containers}
    return a_worker_pod(f"test-sample-1-{worker}", **shape) if worker else a_leader_pod(**shape)


@settings(max_examples=300, deadline=None)
@given(sound_pods(), st.sampled_from([None, "volcano"]))
def test_mutating_a_mutated_pod_changes_nothing(pod: Document, gang: str | None) -> None:
    once = mutate_pod(pod, "default", gang=gang)
    assert mutate_pod(once, "default", gang=gang) == once


@settings(max_examples=300, deadline=None)
@given(sound_pods())
def test_the_pod_keeps_its_own(pod: Document) -> None:
    """Nothing a user wrote is lost: members, labels, and environment of other names."""
    result = mutate_pod(pod, "default", gang=None)
    assert result["metadata"]["labels"].items() >= pod["metadata"]["labels"].items()
    assert result["metadata"]["annotations"] == pod["metadata"]["annotations"]
    for before, after in zip(pod["spec"]["containers"], result["spec"]["containers"], strict=True):
        assert {key: value for key, value in after.items() if key != "env"} == {
            key: value for key, value in before.items() if key != "env"
        }
        names = [entry["name"] for entry in after["env"]]
        assert names[:3] == ["LWS_LEADER_ADDRESS", "LWS_GROUP_SIZE", "LWS_WORKER_INDEX"]
        assert len(names) == len(set(names))
        assert all(entry in after["env"] for entry in before.get("env", []))
