"""Nodes of a group's own, as a set may ask for them: refused, warned of, or let pass (beyond.md, 2.2)."""

from __future__ import annotations

from typing import Any

import pytest
from support.admission import Document, an_lws

from lws.api import constants as c
from lws.webhooks.sets import validate_create, validate_update, warn

SELECTOR, TOLERATION, VALUE = (
    c.REPLICA_NODE_SELECTOR_ANNOTATION,
    c.REPLICA_TOLERATION_ANNOTATION,
    c.REPLICA_VALUE_ANNOTATION,
)
KEY = "example.com/group"
ASKING = {SELECTOR: KEY}
BASE = "spec.leaderWorkerTemplate"
TOPOLOGY, SUBTOPOLOGY = c.EXCLUSIVE_TOPOLOGY_ANNOTATION, c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION
SUBGROUPS = {"subGroupSize": 1, "subGroupPolicyType": "LeaderWorker"}


def template(annotations: Document | None = None, **spec: Any) -> Document:
    containers = [{"name": "app", "image": "nginx"}]
    return {"metadata": {"annotations": annotations or {}}, "spec": {"containers": containers, **spec}}


def a_set(
    leader: Any = None, workers: Any = None, *, on_set: Document | None = None, **more: Any
) -> Document:
    """``leader`` and ``workers``: annotations or a whole template; no leader is one template for both."""
    leader, workers = (x if x is None or "spec" in x else template(x) for x in (leader, workers or {}))
    metadata = {"annotations": on_set or {}}
    return an_lws(metadata=metadata, leaderTemplate=leader, workerTemplate=workers, **more)


@pytest.mark.parametrize(
    "lws",
    [
        pytest.param(a_set(ASKING, ASKING), id="both"),
        pytest.param(a_set(None, ASKING), id="one-template"),
        pytest.param(a_set({}, ASKING), id="workers-only"),
        pytest.param(a_set(ASKING, {}), id="leader-only"),
        pytest.param(a_set(ASKING, ASKING, on_set={TOPOLOGY: "rack"}), id="exclusive-by-another-key"),
        pytest.param(a_set(ASKING, ASKING, on_set={TOPOLOGY: KEY}), id="exclusive-by-the-same-key"),
        pytest.param(a_set(ASKING, {}, on_set={TOPOLOGY: KEY}), id="exclusive-leader"),
        pytest.param(a_set(ASKING, ASKING, subgroups=SUBGROUPS), id="subgroups"),
        pytest.param(a_set(None, ASKING, size=1), id="size-1"),
        pytest.param(a_set({**ASKING, VALUE: "GroupIndex"}, {SELECTOR: "other"}), id="keys-of-their-own"),
        pytest.param(a_set(None, template(ASKING, nodeSelector={"disk": "ssd"})), id="other-selector"),
        pytest.param(a_set(None, {"metadata": [], "spec": {}}), id="no-template-the-schema-lets-through"),
    ],
)
def test_accepted(lws: Document) -> None:
    assert validate_create(lws) == []
    assert warn(lws) == ()


@pytest.mark.parametrize(
    ("lws", "wanted"),
    [
        pytest.param(
            a_set({SELECTOR: "a:b"}, {SELECTOR: "kubernetes.io/hostname"}),
            [f"{BASE}.{x}.metadata.annotations.{SELECTOR}" for x in ("leaderTemplate", "workerTemplate")],
            id="malformed",
        ),
        pytest.param(
            a_set(None, {TOLERATION: "a:b"}),
            [f"{BASE}.workerTemplate.metadata.annotations.{TOLERATION}"],
            id="of-one-template-once",
        ),
        pytest.param(
            a_set(template(ASKING, nodeSelector={KEY: "x"}), ASKING),
            [f"{BASE}.leaderTemplate.spec.nodeSelector[{KEY}]"],
            id="node-selector-of-the-template",
        ),
        pytest.param(
            a_set(ASKING, {**ASKING, VALUE: "GroupIndex"}),
            [f"{BASE}.workerTemplate.metadata.annotations.{VALUE}"],
            id="two-values-of-one-key",
        ),
        pytest.param(
            a_set({}, ASKING, on_set={TOPOLOGY: KEY}),
            [f"{BASE}.workerTemplate.metadata.annotations.{SELECTOR}"],
            id="exclusive-workers-with-a-leader-anywhere",
        ),
        pytest.param(
            a_set(ASKING, {}, on_set={SUBTOPOLOGY: KEY}, subgroups=SUBGROUPS),
            [f"{BASE}.leaderTemplate.metadata.annotations.{SELECTOR}"],
            id="a-domain-for-each-subgroup",
        ),
    ],
)
def test_refused(lws: Document, wanted: list[str]) -> None:
    assert [x.field for x in validate_create(lws)] == wanted
    assert validate_update(lws, lws) == []  # docs/decisions/130


@pytest.mark.parametrize(
    ("lws", "told"),
    [
        pytest.param(
            a_set(None, {}, on_set=ASKING), f"metadata.annotations.{SELECTOR}: has no effect", id="set"
        ),
        pytest.param(
            a_set(None, {TOLERATION: KEY}), f"{BASE}.workerTemplate.metadata.annotations.", id="taint"
        ),
        pytest.param(a_set(None, {TOLERATION: KEY, SELECTOR: KEY}), "", id="both"),
    ],
)
def test_warned_of(lws: Document, told: str) -> None:
    assert validate_create(lws) == []
    warnings = warn(lws)
    assert [x.startswith(told) and len(x) <= 256 for x in warnings] == ([True] if told else [])


@pytest.mark.parametrize(
    ("before", "after", "change", "warned"),
    [
        pytest.param({}, {TOPOLOGY: "rack"}, {}, [TOPOLOGY], id="set"),
        pytest.param({TOPOLOGY: "rack"}, {}, {}, [TOPOLOGY], id="removed"),
        pytest.param({TOPOLOGY: "a"}, {TOPOLOGY: "b"}, {}, [TOPOLOGY], id="changed"),
        pytest.param({SUBTOPOLOGY: "a"}, {SUBTOPOLOGY: "b"}, {}, [SUBTOPOLOGY], id="of-subgroups"),
        pytest.param({TOPOLOGY: "a"}, {TOPOLOGY: "a"}, {"replicas": 3}, [], id="same"),
        pytest.param({}, {TOPOLOGY: "a"}, {"size": 3}, [], id="part-of-a-roll"),
        pytest.param({}, {TOPOLOGY: "a"}, {"replicas": 0}, [], id="no-groups"),
    ],
)
def test_an_edit_of_exclusive_placement_is_no_roll(
    before: Document, after: Document, change: Document, warned: list[str]
) -> None:
    old, new = (
        a_set({}, on_set=before, subgroups=SUBGROUPS),
        a_set({}, on_set=after, subgroups=SUBGROUPS, **change),
    )
    texts = warn(new, old)
    assert [x.partition(":")[0].removeprefix("metadata.annotations.") for x in texts] == warned
    assert all("outside maxUnavailable" in x and len(x) <= 256 for x in texts)
