"""The rules of a DisaggregatedSet (disaggregatedset.md, 18, 23.6) and of its roles' LeaderWorkerSets."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from support.admission import Document, a_disaggregated_set, a_role

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.webhooks.disaggregatedsets import validate

RACK = {"annotations": {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: "rack"}}
SUBGROUP_RACK = {"annotations": {c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION: "rack"}}
BOTH = {"annotations": RACK["annotations"] | SUBGROUP_RACK["annotations"]}
SUBGROUPS = {"subGroupSize": 2, "subGroupPolicyType": "LeaderWorker"}
PODS: Document = {"spec": {"containers": [{"name": "app", "image": "nginx"}]}}
SLICE = {"placementPolicy": {"type": "ExclusiveSlice", "topology": "rack"}}
NAME_50 = "d" * 31
"""LeaderWorkerSets of role prefill then have names of 50 characters, in up to ten slices."""
PACE = "spec.rolloutStrategy.rollingUpdateConfiguration"
WORKERS = "spec.leaderWorkerTemplate.workerTemplate"


def asking(annotation: str, value: str) -> Document:
    """A pod template with that annotation."""
    containers = [{"name": "app", "image": "nginx"}]
    return {"metadata": {"annotations": {annotation: value}}, "spec": {"containers": containers}}


def serving(first: Document | None = None, *, name: str = "serving", **spec: Any) -> Document:
    """A set whose first role is ``first``."""
    return a_disaggregated_set(name, roles=[first or a_role("prefill"), a_role("decode")], **spec)


def fields(new: Document, old: Document | None = None) -> list[str]:
    return [error.field for error in validate(new, old)]


def paced(**numbers: Any) -> Document:
    return serving(a_role("prefill", pace=numbers))


@pytest.mark.parametrize(
    "ds",
    [
        pytest.param(serving(), id="no strategy"),
        pytest.param(paced(maxSurge=1, maxUnavailable=0), id="surge"),
        pytest.param(paced(maxSurge=0, maxUnavailable=1), id="no surge"),
        pytest.param(paced(partition=0, maxUnavailable=1), id="partition 0"),
        pytest.param(serving(a_role("p", replicas=0, pace={"maxSurge": 0, "maxUnavailable": 0})), id="at 0"),
        pytest.param(serving(**SLICE), id="placement"),
        pytest.param(serving(a_role("prefill", metadata=RACK)), id="exclusive groups without placement"),
        pytest.param(serving(a_role("prefill", external=True), slices=3), id="External in several slices"),
        pytest.param(
            serving(a_role("prefill", size=4, subgroups=SUBGROUPS, metadata=SUBGROUP_RACK)), id="subgroups"
        ),
        pytest.param(serving(a_role("prefill", metadata={"labels": {"app": "my app"}})), id="overwritten"),
        pytest.param(serving(name=NAME_50), id="50 characters"),
        pytest.param(serving(name="d" * 30, slices=100), id="50 characters with 100 slices"),
        pytest.param(
            a_disaggregated_set("d" * 33, roles=[a_role("prefill", size=1), a_role("decode", size=1)]),
            id="52 characters of leaders",
        ),
    ],
)
def test_a_sound_set_is_admitted(ds: Document) -> None:
    assert validate(ds) == []
    assert validate(ds, ds) == []


ROLE = "spec.roles[0]"


@pytest.mark.parametrize(
    ("ds", "field", "words"),
    [
        (paced(partition=1, maxUnavailable=1), f"{ROLE}.{PACE}.partition", "Forbidden: must not be set"),
        (paced(partition=-1, maxUnavailable=1), f"{ROLE}.{PACE}.partition", "Forbidden: must not be set"),
        (paced(maxSurge="101%"), f"{ROLE}.{PACE}.maxSurge", "not be greater than 100%"),
        (paced(maxUnavailable="2"), f"{ROLE}.{PACE}.maxUnavailable", "must be a non-negative integer"),
        (paced(maxUnavailable=0, maxSurge=0), f"{ROLE}.{PACE}.maxUnavailable", "when `maxSurge` is 0"),
        (paced(maxUnavailable="0%", maxSurge="0%"), f"{ROLE}.{PACE}.maxUnavailable", "when `maxSurge` is 0"),
        (paced(maxUnavailable="25%", maxSurge=0), f"{ROLE}.{PACE}.maxUnavailable", "with 2 replicas"),
        (
            serving(name="d" * 41),
            f"{ROLE}.name",
            "would exceed the DNS-1035 limit of 63 characters: it would",
        ),
        (serving(name="d" * 40, slices=100), f"{ROLE}.name", "it would have 64"),
        (serving(a_role("r" * 48, external=True), name="d" * 205), f"{ROLE}.name", "253 characters, not 254"),
        (serving(placementPolicy={"type": "ExclusiveSlice"}), "spec.placementPolicy.topology", "Required"),
        (
            serving(placementPolicy={"type": "ExclusiveSlice", "topology": "-x"}),
            "spec.placementPolicy.topology",
            "must be the key of a node label: name part must consist",
        ),
        (
            serving(a_role("p", metadata={"annotations": {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: "-x"}})),
            f"{ROLE}.metadata.annotations.{c.EXCLUSIVE_TOPOLOGY_ANNOTATION}",
            "must be the key of a node label: name part must consist",
        ),
        (serving(a_role("p", metadata=RACK), **SLICE), ROLE, c.EXCLUSIVE_TOPOLOGY_ANNOTATION),
        (serving(a_role("p", metadata=BOTH), **SLICE), ROLE, f"annotation {c.EXCLUSIVE_TOPOLOGY_ANNOTATION}"),
        (
            serving(a_role("p", workerTemplate={"metadata": SUBGROUP_RACK, **PODS}), **SLICE),
            ROLE,
            c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION,
        ),
        (
            serving(a_role("p", leaderTemplate={"metadata": RACK, **PODS}), **SLICE),
            ROLE,
            c.EXCLUSIVE_TOPOLOGY_ANNOTATION,
        ),
        # What only its LeaderWorkerSets would be refused for.
        (serving(a_role("p", size=0)), f"{ROLE}.spec.leaderWorkerTemplate.size", "or equal to 1"),
        (serving(a_role("p", groupReadiness="Always")), f"{ROLE}.spec.groupReadiness", "None or LeaderGate"),
        (serving(a_role("p", minReadySeconds=-1)), f"{ROLE}.spec.minReadySeconds", "or equal to 0"),
        (serving(a_role("p", maxGroupRestarts=-1)), f"{ROLE}.spec.maxGroupRestarts", "or equal to 0"),
        (
            serving(a_role("p", progressDeadlineSeconds=1)),
            f"{ROLE}.spec.progressDeadlineSeconds",
            "or equal to 30",
        ),
        (
            serving(a_role("p", size=5, subgroups={"subGroupSize": 3})),
            f"{ROLE}.spec.leaderWorkerTemplate.SubGroupPolicy.subGroupSize",
            "must divide size (5)",
        ),
        (
            serving(a_role("p", replicas=0, pace={"maxSurge": "101%"})),
            f"{ROLE}.{PACE}.maxSurge",
            "not be greater than 100%",
        ),
        (
            serving(a_role("p", replicas=10**6, size=10**6)),
            f"{ROLE}.spec.replicas",
            "replicas times size (1000000)",
        ),
        (
            serving(a_role("p", metadata={"labels": {"queue": "a b"}})),
            f"{ROLE}.metadata.labels",
            '"a b": must be empty, or',
        ),
        (
            serving(a_role("p", metadata=SUBGROUP_RACK)),
            f"{ROLE}.metadata.annotations.{c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION}",
            "must not be set without subGroupPolicy",
        ),
        (
            serving(a_role("p", workerTemplate={})),
            f"{ROLE}.spec.leaderWorkerTemplate.workerTemplate.spec",
            "must have containers",
        ),
        (
            serving(a_role("p", leaderTemplate={"metadata": {"labels": {"a": "b"}}})),
            f"{ROLE}.spec.leaderWorkerTemplate.leaderTemplate.spec",
            "must have containers",
        ),
        (
            serving(a_role("p", workerTemplate=asking(c.REPLICA_NODE_SELECTOR_ANNOTATION, "k8s.io/a"))),
            f"{ROLE}.{WORKERS}.metadata.annotations.{c.REPLICA_NODE_SELECTOR_ANNOTATION}",
            "must not be of the domain",
        ),
        (
            serving(a_role("p", workerTemplate=asking(c.GROUP_CLAIMS_ANNOTATION, "rack"))),
            f"{ROLE}.{WORKERS}.metadata.annotations.{c.GROUP_CLAIMS_ANNOTATION}",
            "must be an entry",
        ),
        (serving({"name": "p", "scaling": {"mode": "External"}}), f"{ROLE}.spec", "must have the spec"),
        (
            serving(name="d" * 32, slices=10),
            f"{ROLE}.name",
            "no more than 50 characters for 2 groups of size 2",
        ),
        (
            serving(a_role("prefill", replicas=11), name=NAME_50),
            f"{ROLE}.name",
            "49 characters for 11 groups",
        ),
        (serving(a_role("prefill", size=1), name="d" * 34), f"{ROLE}.name", "no more than 52 characters"),
        (serving(name="2d"), "metadata.name", "must be a DNS-1035 label"),
        (serving(name="a.b"), "metadata.name", "must be a DNS-1035 label"),
    ],
)
def test_a_broken_rule_is_told_with_its_path(ds: Document, field: str, words: str) -> None:
    error = validate(ds)[0]
    assert error.field == field
    assert words in str(error)


def test_the_kind_of_strategy_is_told_with_those_there_are() -> None:
    ds = serving()
    ds["spec"]["roles"][0]["spec"]["rolloutStrategy"] = {"type": "Recreate"}
    (error,) = validate(ds)
    wanted = (
        f'{ROLE}.spec.rolloutStrategy.type: Unsupported value: "Recreate": supported values: "RollingUpdate"'
    )
    assert str(error) == wanted


def test_all_violations_come_in_the_order_of_the_table() -> None:
    first = a_role(
        "p" * 20, size=0, metadata=RACK, pace={"partition": 1, "maxUnavailable": "x", "maxSurge": -1}
    )
    first["spec"]["rolloutStrategy"]["type"] = "Recreate"
    second = a_role("q" * 60, external=True, pace={"maxUnavailable": 0, "maxSurge": 0})
    ds = a_disaggregated_set(
        "d" * 200, roles=[first, second], slices=2, placementPolicy={"type": "ExclusiveTopology"}
    )
    assert fields(ds) == [
        "spec.roles[0].spec.rolloutStrategy.type",
        f"spec.roles[0].{PACE}.partition",
        f"spec.roles[0].{PACE}.maxUnavailable",
        f"spec.roles[0].{PACE}.maxSurge",
        f"spec.roles[1].{PACE}.maxUnavailable",
        "spec.roles[1].name",
        "spec.roles[0].name",
        "spec.roles[1].name",
        "spec.placementPolicy.topology",
        "spec.roles[0]",
        "spec.roles[0].spec.leaderWorkerTemplate.size",
    ]


def with_annotation(ds: Document) -> Document:
    changed = copy.deepcopy(ds)
    changed["spec"]["roles"][0]["metadata"] = RACK
    return changed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(serving(), paced(partition=1), id="partition"),
        pytest.param(serving(), paced(maxSurge=0, maxUnavailable=0), id="0 and 0"),
        pytest.param(serving(**SLICE), with_annotation(serving(**SLICE)), id="annotation, with placement"),
        pytest.param(
            with_annotation(serving()), with_annotation(serving(**SLICE)), id="placement, annotated"
        ),
        pytest.param(serving(), serving(a_role("prefill", size=0)), id="size"),
        pytest.param(serving(name=NAME_50), serving(a_role("r" * 10), name=NAME_50), id="longer role"),
        pytest.param(serving(name=NAME_50), serving(name=NAME_50, slices=11), id="more slices"),
    ],
)
def test_an_update_is_refused_for_what_it_breaks(old: Document, new: Document) -> None:
    assert validate(old) == []
    assert len(validate(new, old)) == 1


LONG = serving(name="d" * 45)
CROWDED = a_disaggregated_set(
    "serving", roles=[a_role(x, replicas=1_000_000, size=size) for x, size in (("a", 4000), ("b", 3000))]
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(LONG, LONG | {"metadata": LONG["metadata"] | {"labels": {"a": "b"}}}, id="label"),
        pytest.param(
            CROWDED,
            CROWDED | {"metadata": CROWDED["metadata"] | {"labels": {"a": "b"}}},
            id="two roles with too many pods",
        ),
        pytest.param(LONG, serving(a_role("prefill", replicas=1), name="d" * 45), id="scaled down"),
        pytest.param(serving(name="d" * 45, slices=100), LONG, id="fewer slices"),
        pytest.param(
            serving(name=NAME_50), serving(a_role("prefill", replicas=11), name=NAME_50), id="scaled up"
        ),
        pytest.param(serving(name="2d"), serving(name="2d", slices=2), id="name"),
        pytest.param(
            paced(maxUnavailable="25%", maxSurge=0),
            serving(a_role("prefill", replicas=1, pace={"maxUnavailable": "25%", "maxSurge": 0})),
            id="a share of nothing",
        ),
        pytest.param(
            paced(maxUnavailable=2**31),
            serving(a_role("prefill", replicas=1, pace={"maxUnavailable": 2**31})),
            id="beyond int32",
        ),
    ],
)
def test_an_update_is_let_through_with_what_was_wrong_already(old: Document, new: Document) -> None:
    assert validate(new, old) == []


def test_a_set_that_is_being_deleted_is_let_go() -> None:
    gone = {"deletionTimestamp": "2026-01-01T00:00:00Z", "name": "serving", "namespace": "default"}
    assert validate(paced(partition=1) | {"metadata": gone}, serving()) == []
    assert validate(paced(maxSurge=2**31) | {"metadata": gone}, serving()) == []


@pytest.mark.parametrize(
    ("annotation", "value", "refused"),
    [
        (d.PAUSED_ANNOTATION, "true", False),
        (d.PAUSED_ANNOTATION, "false", False),
        (d.PAUSED_ANNOTATION, "yes", True),
        (c.HISTORY_LIMIT_ANNOTATION, "10", False),
        (c.HISTORY_LIMIT_ANNOTATION, "101", True),
        (c.HISTORY_LIMIT_ANNOTATION, "ten", True),
    ],
)
def test_annotations_that_the_controller_reads(annotation: str, value: str, *, refused: bool) -> None:
    ds = serving()
    ds["metadata"]["annotations"] = {annotation: value}
    assert fields(ds) == ([f"metadata.annotations.{annotation}"] if refused else [])
