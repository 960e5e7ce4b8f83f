"""What the hollow kubelet writes, and what it makes of the answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, cast

import msgspec
import pytest

from hack.controlplane.durations import Delay
from hack.controlplane.hollow_ages import Ages
from hack.controlplane.hollow_nodes import HollowNode, node_document
from hack.controlplane.hollow_objects import HollowPod
from hack.controlplane.hollow_workers import HEARTBEAT_SECONDS, NodeWorker, PodWorker
from lws.kube.client import Client
from lws.kube.errors import ApiError, api_error
from lws.kube.resources import NODES, PODS, Resource
from lws.objects import Key
from lws.runtime.controller import Result, TerminalError
from lws.runtime.informers import Informer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = {"nodeName": "hollow-0", "containers": [{"name": "c"}]}


class FakeInformer:
    """An index alone, by name, and what was observed."""

    def __init__(self, *objects: Any) -> None:
        self.objects = {obj.name: obj for obj in objects}

    def get(self, key: Key) -> Any:
        return self.objects.get(key.name)

    def observe_write(self, obj: Any) -> None:
        self.objects[obj.name] = obj


class FakeApi:
    """A client and its connection: records what is sent, answers with the object it was about, or raises."""

    def __init__(self, *errors: ApiError, answer: Mapping[str, Any] | None = None) -> None:
        self.sent: list[tuple[Any, ...]] = []
        self.connection = self
        self._errors = list(errors)
        self._answer = answer

    def request(self, method: str, path: str, *, body: bytes, content_type: str, repeats: int) -> bytes:
        assert content_type == "application/strategic-merge-patch+json"
        document = msgspec.json.decode(body)
        self._send("status", path, document)
        name = path.split("/")[-2]
        metadata = {"name": name, "namespace": "default", "uid": "u"}
        return msgspec.json.encode(document | {"metadata": metadata, "spec": SPEC})

    def create(self, resource: Resource, type_: Any, document: Mapping[str, Any]) -> Any:
        self._send("create", resource.plural, document["metadata"]["name"])
        return msgspec.convert(self._answer or document, type_)

    def get(self, resource: Resource, type_: Any, name: str, namespace: str = "") -> Any:
        self._send("get", resource.plural, name)
        return msgspec.convert(self._answer, type_)

    def merge_patch(self, resource: Resource, type_: Any, name: str, patch: Any, *, namespace: str) -> Any:
        self._send("renew", resource.plural, name)

    def delete(
        self, resource: Resource, type_: Any, name: str, *, namespace: str, uid: str, grace_period: int
    ) -> Any:
        self._send("delete", name, uid, grace_period)
        return msgspec.convert(self._answer, type_) if self._answer else None

    def _send(self, *what: Any) -> None:
        self.sent.append(what)
        if self._errors:
            raise self._errors.pop(0)


def error(status: int, reason: str, message: str = "") -> ApiError:
    body = {"kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": status}
    return api_error(status, {"Content-Type": "application/json"}, msgspec.json.encode(body))


PORT = 10250
NOT_FOUND = error(404, "NotFound")
CONFLICT = error(409, "Conflict")
EXISTS = error(409, "AlreadyExists")
OTHER_UID = error(422, "Invalid", 'Pod "p" is invalid: metadata.uid: Invalid value: "u": field is immutable')
OTHER_FAULT = error(422, "Invalid", 'Pod "p" is invalid: status.phase: Unsupported value: "Odd"')


def pod(spec: Mapping[str, Any] = MappingProxyType({}), **metadata: Any) -> HollowPod:
    document = {
        "metadata": {"name": "p", "namespace": "default", "uid": "u", **metadata},
        "spec": SPEC | spec,
    }
    return msgspec.convert(document, HollowPod)


def node(ready: bool = True, **annotations: str) -> HollowNode:
    document = node_document("hollow-0", now=NOW, port=PORT)
    document["metadata"] |= {
        "uid": "n",
        "annotations": {f"hollow.lws/{k}": v for k, v in annotations.items()},
    }
    if not ready:
        document["status"]["conditions"][0]["status"] = "Unknown"
    return msgspec.convert(document, HollowNode)


DELETED = {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 30}


class Pods:
    """A pod worker with its surroundings."""

    def __init__(
        self, target: HollowPod, api: FakeApi, host: HollowNode | None, names: tuple[str, ...] = ("hollow-0",)
    ) -> None:
        self.pods = FakeInformer(target)
        nodes = FakeInformer(*[host] if host else [])
        self.worker = PodWorker(
            cast(Client, api),
            cast(Informer[HollowPod], self.pods),
            cast(Informer[HollowNode], nodes),
            Ages(now=lambda: NOW),
            names=frozenset(names),
            start_delay=Delay(0.0),
            seed=0,
        )

    def reconcile(self) -> Result:
        return self.worker.reconcile(Key("default", "p"))


def test_a_status_is_written_for_one_uid_and_remembered() -> None:
    api = FakeApi()
    world = Pods(pod(), api, node())
    assert world.reconcile() == Result()
    ((_, path, document),) = api.sent
    assert path == PODS.path("default", "p", "status")
    assert document["metadata"] == {"uid": "u"}
    assert world.pods.get(Key("default", "p")).status.phase == "Running"
    world.reconcile()
    assert len(api.sent) == 1


def test_a_deleted_pod_is_ended_by_its_uid() -> None:
    api = FakeApi()
    world = Pods(pod(**DELETED), api, node())
    world.reconcile()
    assert api.sent == [("delete", "p", "u", 0)]


def test_a_pod_that_a_finalizer_holds_is_ended_once() -> None:
    held = {"metadata": {"name": "p", "uid": "u", **DELETED, "deletionGracePeriodSeconds": 0}}
    api = FakeApi(answer=held | {"spec": {"nodeName": "hollow-0"}})
    world = Pods(pod(**DELETED), api, node())
    world.reconcile()
    world.reconcile()
    assert len(api.sent) == 1


@pytest.mark.parametrize(
    ("metadata", "answer"),
    [({}, NOT_FOUND), ({}, OTHER_UID), (DELETED, NOT_FOUND), (DELETED, CONFLICT)],
    ids=["status-gone", "status-successor", "delete-gone", "delete-successor"],
)
def test_a_pod_that_is_no_more_is_left_to_the_watch(metadata: dict[str, Any], answer: ApiError) -> None:
    world = Pods(pod(**metadata), FakeApi(answer), node())
    assert world.reconcile() == Result()


@pytest.mark.parametrize(
    ("metadata", "answer"),
    [({}, CONFLICT), ({}, OTHER_FAULT), (DELETED, error(503, "ServiceUnavailable"))],
    ids=["conflict", "invalid", "unavailable"],
)
def test_any_other_error_is_tried_again(metadata: dict[str, Any], answer: ApiError) -> None:
    with pytest.raises(ApiError):
        Pods(pod(**metadata), FakeApi(answer), node()).reconcile()


@pytest.mark.parametrize(
    ("host", "names"),
    [(None, ("hollow-0",)), (node(dead="true"), ("hollow-0",)), (node(), ("hollow-1",))],
    ids=["no-node", "dead", "another-s"],
)
@pytest.mark.parametrize("metadata", [{}, DELETED], ids=["living", "deleted"])
def test_pods_of_other_nodes_and_dead_ones_are_left_alone(
    host: HollowNode | None, names: tuple[str, ...], metadata: dict[str, Any]
) -> None:
    api = FakeApi()
    assert Pods(pod(**metadata), api, host, names).reconcile() == Result()
    assert api.sent == []


def test_a_pod_that_is_gone_needs_nothing() -> None:
    api = FakeApi()
    assert Pods(pod(name="another"), api, node()).reconcile() == Result()
    assert api.sent == []


def test_a_bad_annotation_is_not_tried_again() -> None:
    with pytest.raises(TerminalError, match="pod default/p: annotation"):
        Pods(pod(annotations={"hollow.lws/start-delay": "soon"}), FakeApi(), node()).reconcile()


def test_a_bad_table_of_images_on_the_node_is_not_tried_again() -> None:
    with pytest.raises(TerminalError, match=r"pod default/p: annotation hollow.lws/images: .*truncated"):
        Pods(pod(), FakeApi(), node(images="{")).reconcile()


CLAIMED = {"resourceClaims": [{"name": "rack", "resourceClaimName": "one"}]}


def claim(*uids: str, allocated: bool = True) -> dict[str, Any]:
    """A ResourceClaim's document."""
    reserved = [{"resource": "pods", "uid": uid} for uid in uids]
    return {"status": {"reservedFor": reserved} | ({"allocation": {}} if allocated else {})}


@pytest.mark.parametrize(
    ("answer", "errors", "sandbox"),
    [
        (claim("u"), [], "True"),
        (claim("v", "u"), [], "True"),
        (claim("v"), [], "False"),
        (claim("u", allocated=False), [], "False"),
        (None, [NOT_FOUND], "False"),
    ],
    ids=["reserved", "shared", "another-s", "unallocated", "missing"],
)
def test_a_pod_starts_once_its_claims_are_allocated_and_its_own(
    answer: dict[str, Any] | None, errors: list[ApiError], sandbox: str
) -> None:
    api = FakeApi(*errors, answer=answer)
    again = Pods(pod(CLAIMED), api, node()).reconcile().requeue_after
    assert api.sent[0] == ("get", "resourceclaims", "one")
    written = api.sent[1][2]["status"]
    assert written["conditions"][0] == written["conditions"][0] | {"status": sandbox}
    assert written["phase"] == ("Running" if sandbox == "True" else "Pending")
    assert again == (None if sandbox == "True" else pytest.approx(0.2))


def test_a_claim_nobody_made_for_the_pod_yet_holds_it() -> None:
    api = FakeApi()
    Pods(pod({"resourceClaims": [{"name": "own"}]}), api, node()).reconcile()
    assert [what for what, *_ in api.sent] == ["status"]
    assert api.sent[0][2]["status"]["phase"] == "Pending"


def test_a_running_pod_s_claims_are_not_asked_for_again() -> None:
    api = FakeApi(answer=claim("u"))
    world = Pods(pod(CLAIMED), api, node())
    world.reconcile()
    world.reconcile()
    assert [what for what, *_ in api.sent].count("get") == 1


def test_a_delayed_pod_is_looked_at_again() -> None:
    again = Pods(pod(annotations={"hollow.lws/start-delay": "5s"}), FakeApi(), node()).reconcile()
    assert again.requeue_after == pytest.approx(5.0)


class Time:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize(
    ("initial", "start", "age"),
    [(False, None, 0.0), (True, None, 0.0), (True, -30.0, 30.0), (False, -30.0, 0.0), (True, 30.0, 0.0)],
    ids=["new", "there-before-but-not-started", "there-before", "changed-while-watching", "clock-skew"],
)
def test_ages_count_from_when_a_pod_was_seen_or_had_started(
    initial: bool, start: float | None, age: float
) -> None:
    clock = Time()
    ages = Ages(now=lambda: NOW, monotonic=clock)
    started = None if start is None else (NOW + timedelta(seconds=start)).isoformat()
    seen = msgspec.structs.replace(pod(), status=msgspec.structs.replace(pod().status, start_time=started))
    ages.on_add(seen, initial=initial)
    clock.seconds += 2.0
    assert ages.age(seen) == age + 2.0


def test_dying_counts_from_the_first_sight_of_the_deletion() -> None:
    clock = Time()
    ages = Ages(now=lambda: NOW, monotonic=clock)
    ages.on_add(pod(), initial=False)
    clock.seconds += 5.0
    assert ages.dying(pod()) == 0.0
    for _ in range(2):
        ages.on_update(pod(), pod(**DELETED))
        clock.seconds += 1.0
    assert (ages.age(pod()), ages.dying(pod())) == (7.0, 2.0)
    ages.on_delete(pod(**DELETED))
    assert (ages.age(pod()), ages.dying(pod())) == (0.0, 0.0)


def node_worker(api: FakeApi, *nodes: HollowNode) -> tuple[NodeWorker, FakeInformer, Time]:
    informer, clock = FakeInformer(*nodes), Time()
    worker = NodeWorker(cast(Client, api), cast(Informer[HollowNode], informer), port=PORT, monotonic=clock)
    return worker, informer, clock


KEY = Key("", "hollow-0")


def test_a_node_is_registered_and_gets_its_lease() -> None:
    api = FakeApi()
    worker, nodes, _ = node_worker(api)
    assert worker.reconcile(KEY) == Result(requeue_after=HEARTBEAT_SECONDS)
    assert api.sent == [("create", "nodes", "hollow-0"), ("renew", "leases", "hollow-0")]
    assert nodes.get(KEY) is not None


def test_a_node_from_before_is_taken_over() -> None:
    document = node_document("hollow-0", now=NOW, port=PORT)
    api = FakeApi(EXISTS, answer=document)
    worker, _, _ = node_worker(api)
    worker.reconcile(KEY)
    assert [what for what, *_ in api.sent] == ["create", "get", "renew"]


def test_a_node_somebody_deletes_stays_deleted() -> None:
    api = FakeApi()
    worker, nodes, _ = node_worker(api)
    worker.reconcile(KEY)
    nodes.objects.clear()
    assert worker.reconcile(KEY) == Result()
    assert [what for what, *_ in api.sent] == ["create", "renew"]


def test_a_kubelet_that_restarts_says_where_it_listens_now() -> None:
    document = node_document("hollow-0", now=NOW, port=PORT - 1)
    before = msgspec.convert(document, HollowNode)
    api = FakeApi()
    worker, nodes, _ = node_worker(api, before)
    worker.reconcile(KEY)
    seen = nodes.get(KEY)
    assert seen is not None
    assert seen.port == PORT


def test_a_missing_lease_is_made() -> None:
    api = FakeApi(NOT_FOUND)
    worker, _, _ = node_worker(api, node())
    worker.reconcile(KEY)
    assert api.sent == [("renew", "leases", "hollow-0"), ("create", "leases", "hollow-0")]


def test_heartbeats_keep_their_pace_whatever_else_happens_to_the_node() -> None:
    api = FakeApi()
    worker, _, clock = node_worker(api, node())
    worker.reconcile(KEY)
    clock.seconds += 4.0
    assert worker.reconcile(KEY).requeue_after == HEARTBEAT_SECONDS - 4.0
    assert len(api.sent) == 1
    clock.seconds += HEARTBEAT_SECONDS
    worker.reconcile(KEY)
    assert len(api.sent) == 2


def test_a_dead_node_sends_nothing_and_comes_back_at_once() -> None:
    api = FakeApi()
    worker, nodes, _ = node_worker(api, node())
    worker.reconcile(KEY)
    nodes.observe_write(node(dead="true"))
    assert worker.reconcile(KEY) == Result()
    assert len(api.sent) == 1
    nodes.observe_write(node(ready=False))
    worker.reconcile(KEY)
    assert api.sent[1][:2] == ("status", NODES.path("", "hollow-0", "status"))
    assert api.sent[2] == ("renew", "leases", "hollow-0")
