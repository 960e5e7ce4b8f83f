"""The rules of a LeaderWorkerSet (api.md, 4.3, 4.4, 7.2, 7.3).

V6, V13, V25 and V26 are enums, which the API server checks against the CRD's schema: nothing to see here.
"""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from support.admission import Document, an_lws

from lws.api import constants as c
from lws.webhooks.sets.defaulting import default_leaderworkerset
from lws.webhooks.sets.validation import FieldError, aggregate, validate_create, validate_update

REPLICAS = "spec.replicas"
SIZE = "spec.leaderWorkerTemplate.size"
SUBGROUP = "spec.leaderWorkerTemplate.SubGroupPolicy.subGroupSize"
ROLLING = "spec.rolloutStrategy.rollingUpdateConfiguration"
UNAVAILABLE = f"{ROLLING}.maxUnavailable"
SURGE = f"{ROLLING}.maxSurge"
PARTITION = f"{ROLLING}.partition"
SUBGROUP_EXCLUSIVE = {c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION: "rack"}
UNIQUE = {"subdomainPolicy": "UniquePerReplica"}


def sub(size: int | None, kind: str = "LeaderWorker") -> Document:
    return {"subGroupSize": size, "subGroupPolicyType": kind}


def fields(errors: list[FieldError]) -> list[str]:
    return [error.field for error in errors]


def history(limit: str) -> Document:
    return {"metadata": {"annotations": {c.HISTORY_LIMIT_ANNOTATION: limit}}}


def gated(*types: str) -> Document:
    """A pod template with readiness gates."""
    return {"spec": {"readinessGates": [{"conditionType": x} for x in types]}}


def on_create(**changes: Any) -> list[str]:
    return fields(validate_create(an_lws(**changes)))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="base"),
        pytest.param({"networkConfig": UNIQUE}, id="V22-create"),
        pytest.param({"restartPolicy": "None"}, id="V24"),
        pytest.param({"maxGroupRestarts": 0}, id="no-restarts"),
        pytest.param({"maxGroupRestarts": 7}, id="bounded-restarts"),
        pytest.param({"progressDeadlineSeconds": 30}, id="deadline"),
        pytest.param({"groupReadiness": "LeaderGate"}, id="gate"),
        pytest.param({"groupReadiness": "None"}, id="no-gate"),
        pytest.param({"workerTemplate": gated("x/y")}, id="other-gate"),
        *(pytest.param(history(x), id=f"history-{x}") for x in ("0", "10", "100")),
        pytest.param({"maxUnavailable": 10}, id="V27"),
        pytest.param({"maxSurge": 10}, id="V30"),
        pytest.param({"maxUnavailable": 0, "maxSurge": 1}, id="V34"),
        pytest.param({"replicas": 0, "maxUnavailable": "25%", "maxSurge": "25%"}, id="V35"),
        pytest.param({"replicas": 0, "maxUnavailable": 0, "maxSurge": 0}, id="no-replicas-0-and-0"),
        pytest.param({"replicas": 3, "partition": 5}, id="V38"),
        pytest.param({"replicas": 3, "partition": 3}, id="V39"),
        pytest.param({"replicas": 3, "partition": 0}, id="V40"),
        pytest.param({"maxUnavailable": "100%", "maxSurge": "100%"}, id="H6-100-percent"),
        pytest.param({"maxUnavailable": "0" * 5000 + "99%"}, id="H6-zeros-in-front"),
        pytest.param({"replicas": 4, "maxUnavailable": "25%"}, id="25-percent-of-4"),
        pytest.param({"replicas": 2, "maxUnavailable": "25%", "maxSurge": "25%"}, id="surge-rounds-up"),
        pytest.param({"replicas": 1_000_000, "size": 2147}, id="most-pods"),
        pytest.param({"size": 1}, id="size-1"),
        pytest.param({"size": 2, "subgroups": sub(2)}, id="s-equals-size"),
        pytest.param({"size": 3, "subgroups": sub(1)}, id="s-1"),
        pytest.param({"size": 5, "subgroups": sub(2)}, id="s-divides-size-minus-1"),
        pytest.param({"size": 9, "subgroups": sub(4, "LeaderExcluded")}, id="leader-excluded"),
        pytest.param({"subgroups": sub(2), "metadata": {"annotations": SUBGROUP_EXCLUSIVE}}, id="exclusive"),
        pytest.param(
            {"metadata": {"annotations": {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: "rack"}}}, id="group-exclusive"
        ),
        pytest.param({"replicas": None, "size": None, "startupPolicy": None}, id="missing-reads-as-default"),
        pytest.param({"rolloutStrategy": None, "networkConfig": None}, id="no-strategy"),
        pytest.param({"maxUnavailable": None, "maxSurge": None, "partition": None}, id="no-numbers"),
    ],
)
def test_create_accepts(changes: dict[str, Any]) -> None:
    assert on_create(**changes) == []


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        pytest.param({"metadata": {"name": "2cube"}}, ["metadata.name"], id="V1"),
        pytest.param({"replicas": 100_000, "size": 1_000_000}, [REPLICAS], id="V2"),
        pytest.param({"size": -1}, [SIZE], id="V3"),
        pytest.param({"size": 0}, [SIZE], id="size-0"),
        pytest.param({"replicas": -1}, [REPLICAS], id="V4"),
        pytest.param({"replicas": 1_000_001}, [REPLICAS], id="V5"),
        pytest.param({"replicas": 1_000_001, "size": 3000}, [REPLICAS] * 2, id="V5-and-product"),
        pytest.param({"replicas": -100_000, "size": -1_000_000}, [REPLICAS, SIZE, REPLICAS], id="both-signs"),
        pytest.param({"subgroups": sub(-1)}, [SUBGROUP], id="V7"),
        pytest.param({"maxGroupRestarts": -1}, ["spec.maxGroupRestarts"], id="restarts-negative"),
        pytest.param({"progressDeadlineSeconds": 29}, ["spec.progressDeadlineSeconds"], id="deadline-short"),
        pytest.param({"minReadySeconds": -1}, ["spec.minReadySeconds"], id="window-negative"),
        pytest.param({"groupReadiness": "Always"}, ["spec.groupReadiness"], id="gate-unknown"),
        pytest.param(
            {"workerTemplate": gated("x/y", c.GROUP_READY_GATE)},
            ["spec.leaderWorkerTemplate.workerTemplate.spec.readinessGates[1].conditionType"],
            id="gate-for-workers",
        ),
        *(
            pytest.param(
                history(x), [f"metadata.annotations.{c.HISTORY_LIMIT_ANNOTATION}"], id=f"history-{x!r}"
            )
            for x in ("101", "-1", "+1", "1.0", "ten", "", " 1", "\u0661", "1000", "1\n")
        ),
        pytest.param({"size": 2, "subgroups": sub(3)}, [SUBGROUP] * 2, id="V8"),
        pytest.param({"size": 4, "subgroups": sub(2, "LeaderExcluded")}, [SUBGROUP], id="V9"),
        pytest.param({"size": 6, "subgroups": sub(4)}, [SUBGROUP], id="rule-17"),
        pytest.param({"size": 2, "subgroups": sub(3, "LeaderExcluded")}, [SUBGROUP] * 3, id="rules-17-18-19"),
        pytest.param({"subgroups": sub(0)}, [SUBGROUP], id="s-0-only-rule-16"),
        pytest.param({"subgroups": sub(None)}, [SUBGROUP], id="s-missing"),
        pytest.param({"subgroups": {}}, [SUBGROUP], id="s-empty-policy"),
        pytest.param({"size": 6, "subgroups": sub(-4, "LeaderExcluded")}, [SUBGROUP] * 3, id="s-negative"),
        pytest.param({"maxUnavailable": "200%"}, [UNAVAILABLE], id="V28"),
        pytest.param({"maxUnavailable": "101%"}, [UNAVAILABLE], id="H7"),
        pytest.param({"maxUnavailable": -1}, [UNAVAILABLE], id="V29"),
        pytest.param({"maxSurge": "200%"}, [SURGE], id="V31"),
        pytest.param({"maxSurge": -1}, [SURGE], id="V32"),
        pytest.param({"maxUnavailable": 0, "maxSurge": 0}, [UNAVAILABLE], id="V33"),
        pytest.param({"maxUnavailable": "0%", "maxSurge": "0%"}, [UNAVAILABLE], id="zero-percent"),
        pytest.param({"replicas": 2, "maxUnavailable": "25%"}, [UNAVAILABLE], id="V36"),
        pytest.param({"replicas": 3, "maxUnavailable": "25%"}, [UNAVAILABLE], id="pitfall-3"),
        pytest.param({"partition": -1}, [PARTITION], id="V37"),
        pytest.param({"maxUnavailable": "abc"}, [UNAVAILABLE] * 3, id="rules-8-13-15"),
        pytest.param({"maxUnavailable": ""}, [UNAVAILABLE] * 3, id="empty-string"),
        pytest.param({"maxUnavailable": "5", "maxSurge": 1}, [UNAVAILABLE] * 2, id="number-as-string"),
        pytest.param({"maxUnavailable": "5%\n", "maxSurge": 1}, [UNAVAILABLE] * 2, id="newline"),
        pytest.param({"maxUnavailable": "\u0665%", "maxSurge": 1}, [UNAVAILABLE] * 2, id="arabic-digit"),
        pytest.param({"maxUnavailable": "9" * 30 + "%"}, [UNAVAILABLE] * 3, id="percent-beyond-int64"),
        pytest.param({"maxSurge": "abc"}, [SURGE] * 2, id="surge-text"),
        pytest.param({"replicas": 1, "maxUnavailable": "-5%"}, [UNAVAILABLE], id="signed-scales-to-minus-1"),
        pytest.param(
            {"replicas": 4, "maxUnavailable": "20%", "maxSurge": "-5%"}, [SURGE, UNAVAILABLE], id="r15"
        ),
        pytest.param(
            {"maxUnavailable": "x", "maxSurge": -1, "partition": -1},
            [UNAVAILABLE, SURGE, PARTITION, UNAVAILABLE],
            id="order",
        ),
        pytest.param(
            {"metadata": {"annotations": SUBGROUP_EXCLUSIVE}},
            [f"metadata.annotations.{c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION}"],
            id="rule-20",
        ),
        pytest.param(
            {"metadata": {"annotations": {c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION: None}}},
            [f"metadata.annotations.{c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION}"],
            id="rule-20-null-value",
        ),
    ],
)
def test_create_rejects(changes: dict[str, Any], wanted: list[str]) -> None:
    errors = validate_create(an_lws(**changes))
    assert fields(errors) == wanted
    assert len({str(error) for error in errors}) == len(errors)


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        pytest.param({}, {"size": 3}, [], id="V10"),
        pytest.param({"replicas": 100_000, "size": 1}, {"size": 100_000_000}, [REPLICAS], id="V11"),
        pytest.param({"replicas": 1}, {"replicas": -1}, [REPLICAS], id="V12"),
        pytest.param({"subgroups": sub(1)}, {"subgroups": sub(2)}, [SUBGROUP], id="V14"),
        pytest.param({}, {"subgroups": sub(2)}, [SUBGROUP], id="V15"),
        pytest.param({"subgroups": sub(1)}, {"subgroups": None}, [SUBGROUP], id="V16"),
        pytest.param({"replicas": 1}, {"replicas": 3}, [], id="V17"),
        pytest.param({"replicas": 1}, {"replicas": 1_000_001}, [REPLICAS], id="V18"),
        pytest.param({}, {"leaderTemplate": {"spec": {"containers": []}}}, [], id="V19"),
        pytest.param(
            {"networkConfig": UNIQUE}, {"networkConfig": {"subdomainPolicy": "Shared"}}, [], id="V20"
        ),
        pytest.param({}, {"networkConfig": UNIQUE}, [], id="V21"),
        pytest.param({"networkConfig": None}, {"networkConfig": UNIQUE}, [], id="V22"),
        pytest.param({"replicas": 5}, {"partition": 2}, [], id="V41"),
        pytest.param({"replicas": 5}, {"partition": -1}, [PARTITION], id="V42"),
        pytest.param({"replicas": 5}, {"partition": 10}, [], id="V43"),
        pytest.param({"replicas": 5}, {"partition": 5}, [], id="V44"),
        pytest.param({"replicas": 5}, {"partition": 0}, [], id="V45"),
        pytest.param({"subgroups": sub(2)}, {"subgroups": sub(2)}, [], id="same-subgroups"),
        pytest.param(
            {"size": 5, "subgroups": sub(2)},
            {"subgroups": sub(2, "LeaderExcluded")},
            [],
            id="type-is-mutable",
        ),
        pytest.param({"size": 4, "subgroups": sub(2)}, {"size": 8}, [], id="size-with-fixed-s"),
        pytest.param({"size": 4, "subgroups": sub(3)}, {"size": 5}, [SUBGROUP], id="size-breaks-fixed-s"),
        pytest.param({"subgroups": sub(2)}, {"subgroups": sub(None)}, [SUBGROUP], id="s-taken-away"),
        pytest.param({"subgroups": sub(1)}, {"subgroups": sub(0)}, [SUBGROUP] * 2, id="s-changed-to-0"),
        pytest.param({}, {"restartPolicy": "None", "startupPolicy": "LeaderReady"}, [], id="policies"),
        pytest.param(
            {}, {"networkConfig": {"subdomainPolicy": None}}, ["spec.networkConfig.subdomainPolicy"], id="U4"
        ),
    ],
)
def test_update(before: dict[str, Any], after: dict[str, Any], wanted: list[str]) -> None:
    old, new = an_lws(**before), an_lws(**{**before, **after})
    assert fields(validate_create(old)) == []
    assert fields(validate_update(new, old)) == wanted


ZERO = {"replicas": 1, "maxUnavailable": "25%", "maxSurge": 0}
DELETING = {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}
BAD_HISTORY = history("many")
SUB_BROKEN = {"size": 6, "subgroups": sub(4)}
TOO_MANY = {"replicas": 1_000_000, "size": 100_000}


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param(ZERO, id="0-and-0-after-a-scale"),
        pytest.param({"maxUnavailable": 0, "maxSurge": 0}, id="0-and-0"),
        pytest.param({"maxUnavailable": "abc"}, id="no-share"),
        pytest.param({"maxSurge": "200%"}, id="too-large-a-share"),
        pytest.param({"maxUnavailable": 2**31}, id="beyond-int32"),
        pytest.param({"maxSurge": -(2**40)}, id="below-int32"),
        pytest.param({"partition": -1}, id="partition"),
        pytest.param({"size": 0}, id="size"),
        pytest.param({"replicas": -1}, id="replicas"),
        pytest.param(TOO_MANY, id="product"),
        pytest.param({"subgroups": sub(None)}, id="no-subgroup-size"),
        pytest.param({"subgroups": sub(0)}, id="subgroup-size-0"),
        pytest.param(SUB_BROKEN, id="subgroup-size"),
        pytest.param({"size": 4, "subgroups": sub(2, "LeaderExcluded")}, id="leader-excluded"),
        pytest.param({"metadata": {"annotations": SUBGROUP_EXCLUSIVE}}, id="exclusive"),
        pytest.param({"maxGroupRestarts": -1}, id="restarts"),
        pytest.param(BAD_HISTORY, id="history"),
        pytest.param({"metadata": {"name": "2cube"}}, id="name"),
        pytest.param({"metadata": {"labels": {"a": "b c"}}}, id="label"),
        pytest.param({"metadata": {"annotations": {"a": "x" * 300_000}}}, id="annotations"),
    ],
)
def test_what_the_stored_set_breaks_already_locks_nothing(stored: dict[str, Any]) -> None:
    """A label, another image and the removal of a finalizer go through; more of it is stopped below."""
    old = an_lws(**stored)
    assert validate_create(old)
    assert validate_update(old, old) == []
    labelled = copy.deepcopy(old)
    labelled["metadata"].setdefault("labels", {})["team"] = "a"
    labelled["metadata"]["finalizers"] = []
    labelled["spec"]["leaderWorkerTemplate"]["workerTemplate"] = {"spec": {"containers": []}}
    assert validate_update(labelled, old) == []


@pytest.mark.parametrize(
    ("stored", "edit", "wanted"),
    [
        pytest.param(ZERO, {"replicas": 2}, [], id="0-and-0-is-scaled"),
        pytest.param(ZERO, {"maxUnavailable": 1}, [], id="0-and-0-is-mended"),
        pytest.param(ZERO, {"maxUnavailable": "10%"}, [UNAVAILABLE], id="another-share-that-is-none"),
        pytest.param(ZERO, {"maxSurge": "0%"}, [UNAVAILABLE], id="another-surge-that-is-none"),
        pytest.param({**ZERO, "replicas": 4}, {"replicas": 1}, [UNAVAILABLE], id="scaled-to-0-and-0-by-edit"),
        pytest.param(ZERO, {"partition": -1}, [PARTITION], id="another-rule"),
        pytest.param(TOO_MANY, {"replicas": 500_000}, [], id="fewer-of-too-many-pods"),
        pytest.param(TOO_MANY, {"size": 50_000}, [], id="smaller-groups-of-too-many-pods"),
        pytest.param(TOO_MANY, {"size": 100_001}, [REPLICAS], id="more-of-too-many-pods"),
        pytest.param({"replicas": 1_000_002}, {"replicas": 1_000_001}, [], id="fewer-of-too-many"),
        pytest.param({"replicas": 1_000_002}, {"replicas": 1_000_003}, [REPLICAS], id="more-of-too-many"),
        pytest.param({"replicas": -1}, {"replicas": -2}, [REPLICAS], id="another-negative"),
        pytest.param(SUB_BROKEN, {"size": 7}, [SUBGROUP], id="another-size-that-does-not-fit"),
        pytest.param(SUB_BROKEN, {"size": 8}, [], id="a-size-that-fits"),
        pytest.param(SUB_BROKEN, {"replicas": 5}, [], id="misfits-are-scaled"),
        pytest.param(
            BAD_HISTORY, history("few"), [f"metadata.annotations.{c.HISTORY_LIMIT_ANNOTATION}"], id="h"
        ),
        pytest.param(
            {"maxUnavailable": "abc", "maxSurge": 1}, {"maxSurge": 0}, [UNAVAILABLE], id="and-now-0"
        ),
    ],
)
def test_an_update_answers_for_what_it_makes_worse(
    stored: dict[str, Any], edit: dict[str, Any], wanted: list[str]
) -> None:
    assert validate_create(an_lws(**stored)) or "maxUnavailable" in stored
    assert fields(validate_update(an_lws(**{**stored, **edit}), an_lws(**stored))) == wanted


def test_u4_locks_nothing_either() -> None:
    stored = an_lws(networkConfig={"subdomainPolicy": None})
    assert validate_update(stored, stored) == []


def test_of_a_set_that_is_being_deleted_only_the_metadata_counts() -> None:
    """The garbage collector takes its finalizer away by an update, whatever the spec is."""
    spec = {"maxUnavailable": 0, "maxSurge": 0, "size": -1, "subgroups": sub(0)}
    assert validate_update(an_lws(**DELETING, **spec), an_lws()) == []
    deleting = {**DELETING["metadata"], "labels": {"a": "b c"}}
    assert fields(validate_update(an_lws(metadata=deleting), an_lws())) == ["metadata.labels"]
    assert validate_update(an_lws(metadata=deleting), an_lws(metadata=deleting)) == []


def test_v23_a_null_subdomain_policy_is_defaulted_before_it_is_validated() -> None:
    new = default_leaderworkerset(an_lws(networkConfig={"subdomainPolicy": None}))
    assert validate_update(new, an_lws(networkConfig=UNIQUE)) == []


def message(**changes: Any) -> str:
    return aggregate(validate_create(an_lws(**changes)))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        pytest.param(
            {"maxUnavailable": -1},
            f"{UNAVAILABLE}: Invalid value: -1: must be greater than or equal to 0",
            id="H4",
        ),
        pytest.param(
            {"maxSurge": "101%"}, f'{SURGE}: Invalid value: "101%": must not be greater than 100%', id="H7"
        ),
        pytest.param(
            {"subgroups": {}},
            f"{SUBGROUP}: Required value: subGroupPolicy must have a subGroupSize",
            id="required",
        ),
    ],
)
def test_messages(changes: dict[str, Any], text: str) -> None:
    assert message(**changes) == text


def test_u1_says_that_the_field_is_immutable() -> None:
    errors = validate_update(an_lws(subgroups=sub(2)), an_lws(subgroups=sub(1)))
    assert [(x.value, x.detail) for x in errors] == [(2, "field is immutable")]


@pytest.mark.parametrize(("new", "old", "value"), [(sub(2), None, 2), (None, sub(1), 1)], ids=["U2", "U3"])
def test_subgroups_cannot_be_turned_on_or_off(new: Any, old: Any, value: int) -> None:
    (error,) = validate_update(an_lws(subgroups=new), an_lws(subgroups=old))
    assert error.value == value


def test_u4_shows_the_old_policy() -> None:
    (error,) = validate_update(an_lws(networkConfig={"subdomainPolicy": None}), an_lws(networkConfig=UNIQUE))
    assert error.value == "UniquePerReplica"


def test_all_rules_are_collected_in_the_order_of_the_table() -> None:
    document = an_lws(
        metadata={"name": "-", "namespace": "", "annotations": SUBGROUP_EXCLUSIVE},
        replicas=-1,
        size=0,
        maxUnavailable="x",
        maxSurge="y",
        partition=-1,
    )
    assert fields(validate_create(document)) == [
        "metadata.name",
        "metadata.namespace",
        REPLICAS,
        SIZE,
        UNAVAILABLE,
        SURGE,
        PARTITION,
        UNAVAILABLE,
        SURGE,
        UNAVAILABLE,
        f"metadata.annotations.{c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION}",
    ]


def test_an_empty_object_lacks_its_name_and_namespace() -> None:
    assert fields(validate_create({})) == ["metadata.name", "metadata.namespace"]


def test_inputs_are_left_alone() -> None:
    new, old = an_lws(subgroups=sub(0)), an_lws()
    kept = copy.deepcopy((new, old))
    validate_update(new, old)
    assert (new, old) == kept


@pytest.mark.parametrize("broken", [an_lws(size=2**31), an_lws(replicas="1"), {"spec": []}])
def test_wrong_json_types_do_not_decode(broken: Document) -> None:
    with pytest.raises(msgspec.ValidationError):
        validate_create(broken)
    with pytest.raises(msgspec.ValidationError):
        validate_update(an_lws(), broken)


@pytest.mark.parametrize(
    ("kind", "api_version", "controller", "refused"),
    [
        ("DisaggregatedSet", "disaggregatedset.x-k8s.io/v1", True, False),
        ("DisaggregatedSet", "disaggregatedset.x-k8s.io/v1", None, True),
        ("DisaggregatedSet", "example.com/v1", True, True),
        ("Deployment", "apps/v1", True, True),
    ],
)
def test_a_disaggregated_set_answers_for_the_names_of_its_own_sets(
    kind: str, api_version: str, controller: bool | None, refused: bool
) -> None:
    """docs/decisions/180: one that came from upstream has to go on rolling out, whatever its name."""
    owner = {"kind": kind, "apiVersion": api_version, "name": "d", "uid": "u", "controller": controller}
    errors = on_create(metadata={"name": "n" * 55, "ownerReferences": [owner]})
    assert errors == (["metadata.name"] if refused else [])
