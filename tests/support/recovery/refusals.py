"""The API server refuses what the manager, or a StatefulSet, asks for: rights, quotas, policies, webhooks."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from lws.kube.client import Client
from lws.kube.errors import ApiError
from lws.kube.resources import STATEFULSETS, VALIDATING_WEBHOOKS, Resource
from support.policies import policy
from support.quotas import QUOTAS, quota
from support.recovery.arena import Desk, Fault
from support.rights import USER
from support.sets import template
from support.waiting import until

BINDINGS = Resource(
    "rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False
)
BINDING = "lws-manager-rolebinding"
REVIEWS = Resource(
    "authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False
)
WEBHOOK = "no-stateful-sets"
WORKERS = "has(object.metadata.labels) && 'leaderworkerset.sigs.k8s.io/group-index' in object.metadata.labels"


def rights(arena: Desk) -> float:
    """The manager's ClusterRole is bound to nobody for a while."""
    binding = arena.client.get(BINDINGS, dict, BINDING)
    arena.client.delete(BINDINGS, dict, BINDING)
    until("the right to be gone", lambda: not allowed(arena.client))
    arena.grow()
    arena.hold()
    arena.client.create(BINDINGS, dict, anew(binding))
    soon("the right", lambda: allowed(arena.client))
    return time.time()


def anew(document: dict[str, Any]) -> dict[str, Any]:
    """As it may be created again."""
    return document | {"metadata": {"name": document["metadata"]["name"]}}


def allowed(client: Client) -> bool:
    """Whether the API server lets the manager create a StatefulSet."""
    attributes = {"verb": "create", "group": "apps", "resource": "statefulsets", "namespace": "default"}
    review = {
        "apiVersion": REVIEWS.api_version,
        "kind": REVIEWS.kind,
        "spec": {"user": USER, "resourceAttributes": attributes},
    }
    return bool(client.create(REVIEWS, dict, review)["status"]["allowed"])


def exhausted(resource: str) -> Callable[[Desk], float]:
    """A quota of what there is already, raised later."""

    def strike(arena: Desk) -> float:
        quota(arena.client, arena.namespace, {resource: "0"})
        arena.grow()
        arena.hold()
        raised = {"spec": {"hard": {resource: "999"}}}
        arena.client.merge_patch(QUOTAS, dict, "some", raised, namespace=arena.namespace)
        soon("the quota", lambda: in_force(arena, resource) == "999")
        healed = time.time()
        arena.client.delete(QUOTAS, dict, "some", namespace=arena.namespace)
        return healed

    return strike


def in_force(arena: Desk, resource: str) -> str:
    """What admission goes by is the status, which kube-controller-manager writes."""
    found = arena.client.get(QUOTAS, dict, "some", arena.namespace)
    return str(found["status"]["hard"][resource])


def refused_by(rule: Callable[[Desk], contextlib.AbstractContextManager[None]]) -> Callable[[Desk], float]:
    """Worker StatefulSets are refused for a while."""

    def strike(arena: Desk) -> float:
        with rule(arena):
            soon("the refusal", lambda: not accepted(arena))
            arena.grow()
            arena.hold()
        soon("the end of the refusal", lambda: accepted(arena))
        return time.time()

    return strike


def a_policy(arena: Desk) -> contextlib.AbstractContextManager[None]:
    return policy(arena.client, arena.namespace, resource=STATEFULSETS, refused=WORKERS, code="Forbidden")


@contextlib.contextmanager
def a_dead_webhook(arena: Desk) -> Iterator[None]:
    """A policy engine that does not answer: the API server says 500, which is no refusal."""
    rule = {
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["statefulsets"],
    }
    webhook = {
        "name": "dead.example.com",
        "clientConfig": {"url": "https://127.0.0.1:9/"},
        "rules": [rule],
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": arena.namespace}},
    }
    document = {
        "apiVersion": VALIDATING_WEBHOOKS.api_version,
        "kind": VALIDATING_WEBHOOKS.kind,
        "metadata": {"name": WEBHOOK},
        "webhooks": [webhook],
    }
    arena.client.create(VALIDATING_WEBHOOKS, dict, document)
    try:
        yield
    finally:
        arena.client.delete(VALIDATING_WEBHOOKS, dict, WEBHOOK)


def accepted(arena: Desk) -> bool:
    """Whether a worker StatefulSet would be taken now; none is made."""
    labels = {"leaderworkerset.sigs.k8s.io/group-index": "0"}
    pod = template("worker")
    pod["metadata"]["labels"] = labels
    document = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "probe", "namespace": arena.namespace, "labels": labels},
        "spec": {"serviceName": "x", "selector": {"matchLabels": labels}, "template": pod},
    }
    path = STATEFULSETS.path(arena.namespace)
    body = msgspec.json.encode(document)
    try:
        arena.client.connection.request("POST", path, query={"dryRun": "All"}, body=body)
    except ApiError:
        return False
    return True


def soon(what: str, look: Callable[[], bool]) -> None:
    """As ``until``, but to the hundredth of a second: the clock starts then."""
    deadline = time.monotonic() + 60.0
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


RIGHTS = Fault("rights withdrawn", "they are in force again", rights)
FAULTS = (
    RIGHTS,
    Fault(
        "quota of StatefulSets exhausted", "the raised one is in force", exhausted("count/statefulsets.apps")
    ),
    Fault("quota of pods exhausted", "the raised one is in force", exhausted("pods")),
    Fault("a policy refuses worker StatefulSets", "it is no longer in force", refused_by(a_policy)),
    Fault("a policy webhook does not answer", "it is no longer in force", refused_by(a_dead_webhook)),
)
