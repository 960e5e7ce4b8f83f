"""Defaulting and validation of LeaderWorkerSets by the real API server: schema, webhooks and their order.

The tables of api.md, 7.1 and 7.2. Creates are dry runs. Updates are dry runs against a set that is being
deleted, held by a finalizer: the controller leaves it alone, so it may ask for a hundred thousand pods.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from support.admission import Document, an_lws, spec_patch
from support.cluster import Cluster
from support.manager import Manager
from support.namespaces import make_namespace
from support.quotas import quota
from support.sets import Sets, template

from lws.api import constants as c
from lws.controllers.resources import LEADERWORKERSETS
from lws.kube.client import MERGE_PATCH, Client
from lws.kube.errors import ApiError

pytestmark = pytest.mark.integration

DRY_RUN = {"dryRun": "All"}
SCHEMA, WEBHOOK, BAD_REQUEST = 422, 403, 400  # who says no: schema, a rule, the decoder
UNIQUE = {"subdomainPolicy": "UniquePerReplica"}
SHARED = {"subdomainPolicy": "Shared"}
TEMPLATE = "spec.leaderWorkerTemplate"
SIZE = f"{TEMPLATE}.size"
SUBGROUP = f"{TEMPLATE}.SubGroupPolicy.subGroupSize"
ROLLING = "spec.rolloutStrategy.rollingUpdateConfiguration"
UNAVAILABLE = f"{ROLLING}.maxUnavailable"
SURGE = f"{ROLLING}.maxSurge"
RESTART_POLICY = ("leaderWorkerTemplate", "restartPolicy")
BASE = an_lws()["spec"]
SWAPPED = {"leader": "worker", "worker": "leader"}
Changes = dict[str, Any]


def subgroups(size: int, kind: str = "LeaderWorker") -> Document:
    return {"subGroupSize": size, "subGroupPolicyType": kind}


class Desk:
    """Hands documents to the API server and tells what it says."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client, self._sets = client, Sets(client, namespace)
        self._held: list[str] = []

    def create(self, **changes: Any) -> Document:
        """The base object with changes, as it would be stored. Raises ApiError."""
        path = LEADERWORKERSETS.path(self._sets.namespace)
        document = an_lws(metadata=changes.pop("metadata", None), **changes)
        document["metadata"]["namespace"] = self._sets.namespace
        return self._send("POST", path, document, "application/json")

    def update(self, old: Changes, new: Changes) -> Document:
        """A set made of ``old``, with ``new`` changed, as it would be stored. Raises ApiError."""
        name = self._hold(old)
        path = LEADERWORKERSETS.path(self._sets.namespace, name)
        return self._send("PATCH", path, spec_patch(**new), MERGE_PATCH)

    def let_go(self) -> None:
        for name in self._held:
            self._sets[name].delete()

    def _hold(self, changes: Changes) -> str:
        """The name of a set with these members, which gets no pods: a quota refuses its StatefulSet."""
        name = f"held-{len(self._held)}"
        self._sets.create(name, **({"replicas": 2} | changes))
        self._held.append(name)
        return name

    def _send(self, method: str, path: str, document: Document, content_type: str) -> Document:
        body = msgspec.json.encode(document)
        answer = self._client.connection.request(
            method, path, query=DRY_RUN, body=body, content_type=content_type
        )
        return dict(msgspec.json.decode(answer))


@pytest.fixture(scope="module")
def desk(cluster: Cluster, one_manager: Manager) -> Iterator[Desk]:
    """One for all cases of this file: none of them leaves anything behind."""
    one_manager.ensure_running()
    namespace = make_namespace(cluster.client)
    quota(cluster.client, namespace, {"count/statefulsets.apps": "0"})
    desk = Desk(cluster.client, namespace)
    yield desk
    desk.let_go()


@pytest.mark.parametrize(
    ("changes", "member", "value"),
    [
        pytest.param({"replicas": None}, ("replicas",), 1, id="D1"),
        pytest.param({"size": None}, ("leaderWorkerTemplate", "size"), 1, id="D2"),
        pytest.param({}, (), BASE, id="D3"),
        pytest.param({"restartPolicy": None}, RESTART_POLICY, c.RESTART_RECREATE_GROUP, id="D4"),
        pytest.param({"restartPolicy": "None"}, RESTART_POLICY, "None", id="D5"),
        pytest.param({"restartPolicy": "Default"}, RESTART_POLICY, "None", id="D6"),
        pytest.param({"startupPolicy": None}, ("startupPolicy",), "LeaderCreated", id="D7"),
        pytest.param({"startupPolicy": "LeaderReady"}, ("startupPolicy",), "LeaderReady", id="D8"),
        pytest.param({"networkConfig": None}, ("networkConfig",), SHARED, id="D9"),
        pytest.param({"networkConfig": {}}, ("networkConfig",), SHARED, id="D9-no-policy"),
        pytest.param({"rolloutStrategy": None}, ("rolloutStrategy",), BASE["rolloutStrategy"], id="D10"),
        pytest.param({"rolloutStrategy": {}}, ("rolloutStrategy",), BASE["rolloutStrategy"], id="D10-empty"),
        pytest.param(
            {"partition": 2, "maxUnavailable": 2, "maxSurge": 1},
            ("rolloutStrategy", "rollingUpdateConfiguration"),
            {"partition": 2, "maxUnavailable": 2, "maxSurge": 1},
            id="D11",
        ),
    ],
)
def test_defaults(desk: Desk, changes: Changes, member: tuple[str, ...], value: Any) -> None:
    """The member is as wanted, and the rest of the spec is as sent."""
    stored = desk.create(**copy.deepcopy(changes))["spec"]
    assert dig(stored, member) == value
    assert blank(stored, member) == blank(BASE | {}, member)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"restartPolicy": "None"}, id="V24"),
        pytest.param({"maxUnavailable": 10}, id="V27"),
        pytest.param({"maxSurge": 10}, id="V30"),
        pytest.param({"maxUnavailable": 0, "maxSurge": 1}, id="V34"),
        pytest.param({"replicas": 0, "maxUnavailable": "25%", "maxSurge": "25%"}, id="V35"),
        pytest.param({"replicas": 3, "partition": 5}, id="V38"),
        pytest.param({"replicas": 3, "partition": 3}, id="V39"),
        pytest.param({"replicas": 3, "partition": 0}, id="V40"),
        pytest.param({"size": 9, "subgroups": subgroups(4, "LeaderExcluded")}, id="leader-excluded"),
        pytest.param({"metadata": {"name": None, "generateName": "a-"}}, id="generate-name"),
    ],
)
def test_accepted_on_create(desk: Desk, changes: Changes) -> None:
    desk.create(**copy.deepcopy(changes))


@pytest.mark.parametrize(
    ("changes", "status", "path"),
    [
        pytest.param({"metadata": {"name": "2cube"}}, WEBHOOK, "metadata.name", id="V1"),
        pytest.param({"replicas": 100_000, "size": 1_000_000}, WEBHOOK, "spec.replicas", id="V2"),
        pytest.param({"size": -1}, WEBHOOK, SIZE, id="V3"),
        pytest.param({"replicas": -1}, SCHEMA, "spec.replicas", id="V4"),
        pytest.param({"replicas": 1_000_001}, SCHEMA, "spec.replicas", id="V5"),
        pytest.param({"startupPolicy": "invalidValue"}, SCHEMA, "spec.startupPolicy", id="V6"),
        pytest.param({"subgroups": subgroups(-1)}, WEBHOOK, SUBGROUP, id="V7"),
        pytest.param({"subgroups": subgroups(3)}, WEBHOOK, SUBGROUP, id="V8"),
        pytest.param({"size": 4, "subgroups": subgroups(2, "LeaderExcluded")}, WEBHOOK, SUBGROUP, id="V9"),
        pytest.param({"restartPolicy": "invalidValue"}, SCHEMA, f"{TEMPLATE}.restartPolicy", id="V25"),
        pytest.param(
            {"rolloutStrategy": {"type": "invalidValue"}}, SCHEMA, "spec.rolloutStrategy.type", id="V26"
        ),
        pytest.param({"maxUnavailable": "200%"}, WEBHOOK, UNAVAILABLE, id="V28"),
        pytest.param({"maxUnavailable": -1}, WEBHOOK, UNAVAILABLE, id="V29"),
        pytest.param({"maxSurge": "200%"}, WEBHOOK, SURGE, id="V31"),
        pytest.param({"maxSurge": -1}, WEBHOOK, SURGE, id="V32"),
        pytest.param({"maxUnavailable": 0, "maxSurge": 0}, WEBHOOK, UNAVAILABLE, id="V33"),
        pytest.param({"replicas": 2, "maxUnavailable": "25%"}, WEBHOOK, UNAVAILABLE, id="V36"),
        pytest.param({"partition": -1}, WEBHOOK, f"{ROLLING}.partition", id="V37"),
        pytest.param({"size": 6, "subgroups": subgroups(4)}, WEBHOOK, SUBGROUP, id="rule-17"),
        pytest.param({"subgroups": {}}, WEBHOOK, SUBGROUP, id="no-subgroup-size"),
        pytest.param(
            {"metadata": {"annotations": {c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION: "rack"}}},
            WEBHOOK,
            f"metadata.annotations.{c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION}",
            id="rule-20",
        ),
        pytest.param(
            {"metadata": {"name": None, "generateName": "2x-"}}, WEBHOOK, "generateName", id="generate-name"
        ),
        pytest.param({"size": 3_000_000_000}, BAD_REQUEST, "", id="beyond-int32"),
        pytest.param({"size": "2"}, BAD_REQUEST, "", id="wrong-type"),
    ],
)
def test_refused_on_create(desk: Desk, changes: Changes, status: int, path: str) -> None:
    with pytest.raises(ApiError) as refused:
        desk.create(**copy.deepcopy(changes))
    assert (refused.value.status, path in refused.value.message) == (status, True), str(refused.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param({}, {"size": 3}, id="V10"),
        pytest.param({"replicas": 1}, {"replicas": 3}, id="V17"),
        pytest.param({}, {f"{x}Template": template(y) for x, y in SWAPPED.items()}, id="V19"),
        pytest.param({"networkConfig": UNIQUE}, {"networkConfig": SHARED}, id="V20"),
        pytest.param({"networkConfig": SHARED}, {"networkConfig": UNIQUE}, id="V21"),
        pytest.param({"networkConfig": None}, {"networkConfig": UNIQUE}, id="V22"),
        pytest.param({"replicas": 5}, {"partition": 2}, id="V41"),
        pytest.param({"replicas": 5}, {"partition": 10}, id="V43"),
        pytest.param({"replicas": 5}, {"partition": 5}, id="V44"),
        pytest.param({"replicas": 5}, {"partition": 0}, id="V45"),
    ],
)
def test_accepted_on_update(desk: Desk, old: Changes, new: Changes) -> None:
    stored = desk.update(old, new)["spec"]
    wanted = spec_patch(**new)["spec"]
    assert included(wanted, stored)


def test_a_null_policy_is_shared_again_on_update(desk: Desk) -> None:
    """V23, U4."""
    old, new = {"networkConfig": UNIQUE}, {"networkConfig": {"subdomainPolicy": None}}
    assert desk.update(old, new)["spec"]["networkConfig"] == SHARED


@pytest.mark.parametrize(
    ("old", "new", "status", "path"),
    [
        pytest.param(
            {"replicas": 100_000, "size": 1}, {"size": 100_000_000}, WEBHOOK, "spec.replicas", id="V11"
        ),
        pytest.param({"replicas": 1}, {"replicas": -1}, SCHEMA, "spec.replicas", id="V12"),
        pytest.param(
            {"startupPolicy": "LeaderReady"},
            {"startupPolicy": "invalidValue"},
            SCHEMA,
            "spec.startupPolicy",
            id="V13",
        ),
        pytest.param({"subgroups": subgroups(1)}, {"subgroups": subgroups(2)}, WEBHOOK, SUBGROUP, id="V14"),
        pytest.param({}, {"subgroups": subgroups(2)}, WEBHOOK, SUBGROUP, id="V15"),
        pytest.param({"subgroups": subgroups(1)}, {"subgroups": None}, WEBHOOK, SUBGROUP, id="V16"),
        pytest.param({"replicas": 1}, {"replicas": 1_000_001}, SCHEMA, "spec.replicas", id="V18"),
        pytest.param({"replicas": 5}, {"partition": -1}, WEBHOOK, f"{ROLLING}.partition", id="V42"),
    ],
)
def test_refused_on_update(desk: Desk, old: Changes, new: Changes, status: int, path: str) -> None:
    with pytest.raises(ApiError) as refused:
        desk.update(old, new)
    assert (refused.value.status, path in refused.value.message) == (status, True), str(refused.value)


def dig(document: Document, member: tuple[str, ...]) -> Any:
    for step in member:
        document = document[step]
    return document


def blank(document: Document, member: tuple[str, ...]) -> Document:
    """The document without one member."""
    if not member:
        return {}
    step, *rest = member
    kept = {name: value for name, value in document.items() if name != step}
    return kept | {step: blank(document[step], tuple(rest))} if rest else kept


def included(wanted: Any, stored: Any) -> bool:
    """Whether every member of ``wanted`` is in ``stored``, where more may stand."""
    if isinstance(wanted, dict):
        return all(included(value, stored.get(name)) for name, value in wanted.items())
    return bool(wanted == stored)
