"""DisaggregatedSets that no rule can read: no pass ends without a status, and it says which field it is."""

from __future__ import annotations

from typing import Any

import pytest
from support.disaggregated import a_role, revision
from support.disaggregated_cluster import Cluster

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.kube.errors import Conflict, InternalError, Invalid, KubeError, TransportError
from lws.planning.actions import Document

PREFILL = "spec.roles[prefill].spec"
TEMPLATE = f"{PREFILL}.leaderWorkerTemplate"
ROLLING = f"{PREFILL}.rolloutStrategy.rollingUpdateConfiguration"
LARGE = 2**31


def with_spec(spec: Any) -> list[Document]:
    return [{"name": "prefill", "spec": spec}, a_role("decode", 2)]


def with_template(template: Any) -> list[Document]:
    return with_spec({"leaderWorkerTemplate": template, "replicas": 2})


def paced(surge: Any, unavailable: Any = 1) -> list[Document]:
    return [a_role("prefill", 2, surge=surge, unavailable=unavailable), a_role("decode", 2)]


def with_container(**members: Any) -> list[Document]:
    containers = [{"name": "c", "image": "nginx", **members}]
    return with_template({"workerTemplate": {"spec": {"containers": containers}}})


def nested(depth: int) -> Any:
    return {"x": nested(depth - 1)} if depth else {}


SPECS = [
    pytest.param(with_spec(5), PREFILL, id="spec-number"),
    pytest.param(with_spec([]), PREFILL, id="spec-list"),
    pytest.param(with_spec({"replicas": "many"}), f"{PREFILL}.replicas", id="replicas-text"),
    pytest.param(with_spec({"replicas": LARGE}), f"{PREFILL}.replicas", id="replicas-large"),
    pytest.param(with_spec({"replicas": -1}), f"{PREFILL}.replicas", id="replicas-negative"),
    pytest.param(with_spec({"replicas": 1.5}), f"{PREFILL}.replicas", id="replicas-fraction"),
    pytest.param(with_spec({"rolloutStrategy": "x"}), f"{PREFILL}.rolloutStrategy", id="strategy"),
    pytest.param(paced({"x": 1}), f"{ROLLING}.maxSurge", id="surge-object"),
    pytest.param(paced(-1), f"{ROLLING}.maxSurge", id="surge-negative"),
    pytest.param(paced(LARGE), f"{ROLLING}.maxSurge", id="surge-large"),
    pytest.param(paced(2**70), f"{ROLLING}.maxSurge", id="surge-larger"),
    pytest.param(paced("-10%"), f"{ROLLING}.maxSurge", id="surge-negative-share"),
    pytest.param(paced(f"{LARGE}%"), f"{ROLLING}.maxSurge", id="surge-large-share"),
    pytest.param(paced(1, -1), f"{ROLLING}.maxUnavailable", id="unavailable-negative"),
    pytest.param(paced(1, LARGE), f"{ROLLING}.maxUnavailable", id="unavailable-large"),
    pytest.param(paced(1, "-1%"), f"{ROLLING}.maxUnavailable", id="unavailable-negative-share"),
    pytest.param(with_template([]), TEMPLATE, id="template-list"),
    pytest.param(with_template("x"), TEMPLATE, id="template-text"),
    pytest.param(with_template({"workerTemplate": 5}), f"{TEMPLATE}.workerTemplate", id="worker"),
    pytest.param(
        with_template({"workerTemplate": {}, "leaderTemplate": []}), f"{TEMPLATE}.leaderTemplate", id="leader"
    ),
    pytest.param(with_template({"size": "one"}), f"{TEMPLATE}.size", id="size"),
    pytest.param(
        with_template({"workerTemplate": {"metadata": {"labels": ["a"]}}}),
        f"{TEMPLATE}.workerTemplate.metadata.labels",
        id="labels",
    ),
    pytest.param(
        with_template({"workerTemplate": {"spec": {"affinity": "far"}}}),
        f"{TEMPLATE}.workerTemplate.spec.affinity",
        id="affinity",
    ),
    pytest.param(
        with_container(resources={"limits": {"cpu": "much"}}),
        f"{TEMPLATE}.workerTemplate.spec.containers[0].resources.limits",
        id="quantity",
    ),
    pytest.param(
        with_template({"workerTemplate": {"metadata": {"managedFields": [{"fieldsV1": nested(600)}]}}}),
        TEMPLATE,
        id="deep",
    ),
    pytest.param([], "spec.roles", id="no-roles"),
    pytest.param([a_role("prefill", 1)] * 2, "spec.roles[prefill]", id="one-name-twice"),
]


def stalled(cluster: Cluster) -> Any:
    return next(x for x in cluster.ds().status.conditions if x.type == c.STALLED)


def agreed(cluster: Cluster) -> None:
    """The status is of the stored set's roles and generation; nobody can tell that it is ready."""
    ds = cluster.ds()
    true = {x.type for x in ds.status.conditions if x.status == "True"}
    assert d.AVAILABLE not in true
    assert d.PROGRESSING in true
    assert ds.status.observed_generation == ds.metadata.generation
    assert [x.name for x in ds.status.role_statuses] == list(dict.fromkeys(x.name for x in ds.spec.roles))


@pytest.mark.parametrize(("roles", "field"), SPECS)
def test_from_the_start(roles: list[Document], field: str) -> None:
    cluster = Cluster(*roles, schemas=False)
    assert cluster.reconcile().requeue_after
    assert stalled(cluster).reason == c.REASON_INVALID_SPEC
    assert stalled(cluster).message.startswith(f"{field}:") or stalled(cluster).message.startswith(
        f"{field}["
    )
    assert cluster.server.events == [c.REASON_INVALID_SPEC]
    assert cluster.names("LeaderWorkerSet") == []
    agreed(cluster)
    cluster.server.writes.clear()
    cluster.reconcile()
    assert cluster.server.writes == []


@pytest.mark.parametrize(("roles", "field"), SPECS)
def test_what_runs_is_kept_and_an_edit_mends_it(roles: list[Document], field: str) -> None:
    cluster = Cluster(a_role("prefill", 3), a_role("decode", 2), schemas=False)
    cluster.settle()
    before, services = cluster.sizes(), cluster.names("Service")
    cluster.edit(*roles)
    cluster.reconcile()
    assert field in stalled(cluster).message
    assert (cluster.sizes(), cluster.names("Service")) == (before, services)
    agreed(cluster)
    cluster.edit(a_role("prefill", 3), a_role("decode", 2))
    cluster.settle()
    assert stalled(cluster).status == "False"
    assert cluster.sizes() == before


@pytest.mark.parametrize("slices", [0, -1, 101, 2**31 - 1])
def test_slices_that_no_set_can_have_remove_nothing(slices: int) -> None:
    cluster = Cluster(a_role("prefill", 3), a_role("decode", 2))
    cluster.settle()
    before = cluster.sizes()
    cluster.edit(a_role("prefill", 3), a_role("decode", 2), slices=slices)
    cluster.reconcile()
    assert stalled(cluster).message.startswith(f"spec.slices: {slices}")
    assert cluster.sizes() == before


def test_a_rollout_is_not_ended_by_a_spec_that_cannot_be_read() -> None:
    cluster = Cluster(a_role("prefill", 3), a_role("decode", 2))
    cluster.settle()
    cluster.edit(a_role("prefill", 3, image="b"), a_role("decode", 2))
    cluster.reconcile()
    record = cluster.ds().status.rollout
    assert record is not None
    cluster.edit(*paced(-1))
    cluster.reconcile()
    assert cluster.ds().status.rollout == record


@pytest.mark.parametrize("text", ["-5", "0x2", "9" * 5000, "0" * 5000, "", "٣"])
def test_an_annotation_that_somebody_edited_ends_in_no_outage(text: str) -> None:
    cluster = Cluster(a_role("prefill", 3), a_role("decode", 2))
    cluster.settle()
    cluster.edit(a_role("prefill", 3, image="b"), a_role("decode", 2))
    cluster.reconcile()
    for (kind, name), stored in list(cluster.server.objects.items()):
        if kind == "LeaderWorkerSet" and d.INITIAL_REPLICAS_ANNOTATION in stored["metadata"].get(
            "annotations", {}
        ):
            annotations = {**stored["metadata"]["annotations"], d.INITIAL_REPLICAS_ANNOTATION: text}
            metadata = {**stored["metadata"], "annotations": annotations}
            cluster.server.put(kind, {**stored, "metadata": metadata})
            assert revision(cluster.ds()) not in name
    ready = [sum(cluster.sizes().values())]
    for _ in range(30):
        cluster.make_ready()
        cluster.reconcile()
        ready.append(sum(cluster.sizes().values()))
    assert min(ready) >= 5
    assert all(revision(cluster.ds()) in x for x in cluster.sizes())


@pytest.mark.parametrize("verb", ["create", "patch", "delete"])
@pytest.mark.parametrize(
    "error",
    [Conflict(409), Invalid(422, "Invalid", "not so"), TransportError("lost"), RuntimeError("a defect")],
    ids=lambda x: type(x).__name__,
)
def test_whatever_fails_the_pass_ends_with_a_status(verb: str, error: Exception) -> None:
    """In the first pass after an edit that needs such a write."""
    cluster = Cluster(a_role("prefill", 3), a_role("decode", 2), slices=2)
    cluster.settle()

    def fail(asked: str, name: str) -> None:
        if asked == verb:
            raise error

    cluster.server.refuse = fail
    cluster.edit(a_role("prefill", 3, image="b"), a_role("decode", 2), slices=1, generation=4)
    raised = None
    try:
        cluster.reconcile()
    except (KubeError, RuntimeError) as found:
        raised = found
    assert raised in (None, error)
    assert cluster.ds().status.observed_generation == 4


def test_a_child_that_cannot_go_on_says_so_at_the_set() -> None:
    cluster = Cluster(a_role("prefill", 3), a_role("decode", 2))
    cluster.reconcile()
    name = f"llm-0-{revision(cluster.ds())}-prefill"
    child = cluster.server.objects["LeaderWorkerSet", name]
    message = "group 0: pods are refused: exceeded quota"
    condition = {"type": c.STALLED, "status": "True", "reason": "PodsRefused", "message": message}
    cluster.server.put("LeaderWorkerSet", child | {"status": {"conditions": [condition]}})
    cluster.reconcile()
    assert stalled(cluster).reason == d.REASON_CHILD_STALLED
    assert stalled(cluster).message == f"LeaderWorkerSet {name} is stalled (PodsRefused): {message}"
    cluster.settle()
    assert stalled(cluster).status == "False"


@pytest.mark.parametrize("words", ["failed calling webhook", ""])
def test_a_pass_that_keeps_failing_says_so(words: str) -> None:
    """After half a minute, until one goes through; without words the defect is told by its kind."""
    cluster = Cluster(a_role("prefill", 3), a_role("decode", 2))
    cluster.settle()
    error = InternalError(500, "InternalError", words) if words else RuntimeError("a defect")

    def fail(verb: str, name: str) -> None:
        if verb == "patch":
            raise error

    cluster.server.refuse = fail
    cluster.edit(a_role("prefill", 4), a_role("decode", 2))
    for _ in range(2):
        with pytest.raises(type(error)):
            cluster.reconcile()
        assert c.STALLED not in [x.type for x in cluster.ds().status.conditions]
        cluster.clock.advance(29.0)
    with pytest.raises(type(error)):
        cluster.reconcile()
    assert stalled(cluster).reason == c.REASON_RECONCILE_FAILING
    assert (words or "RuntimeError: a defect") in stalled(cluster).message
    cluster.server.refuse = lambda verb, name: None
    cluster.settle()
    assert stalled(cluster).status == "False"


def test_a_pass_of_life_that_fails_is_told_to_nobody() -> None:
    cluster = Cluster(a_role("prefill", 3), a_role("decode", 2))
    cluster.settle()

    def conflict(verb: str, name: str) -> None:
        if verb == "patch":
            raise Conflict(409)

    cluster.server.refuse = conflict
    cluster.edit(a_role("prefill", 4), a_role("decode", 2))
    for _ in range(3):
        with pytest.raises(Conflict):
            cluster.reconcile()
        cluster.clock.advance(60.0)
    assert c.STALLED not in [x.type for x in cluster.ds().status.conditions]
