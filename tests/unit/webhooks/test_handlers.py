"""The four webhooks, from request to answer (api.md, 4.1, 5.1)."""

from __future__ import annotations

import json
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from support.admission import a_container, a_disaggregated_set, a_leader_pod, a_role, an_lws

from lws.api import constants as c
from lws.webhooks.admission import AdmissionRequest, AdmissionResponse, Webhook, encode
from lws.webhooks.handlers import (
    mutate_leaderworkerset,
    pod_mutator,
    validate_disaggregatedset,
    validate_leaderworkerset,
    validate_pod,
)

ALLOWED = AdmissionResponse(True, 200)
WEBHOOKS = [
    mutate_leaderworkerset,
    validate_leaderworkerset,
    validate_disaggregatedset,
    pod_mutator("volcano"),
]


def ask(
    webhook: Webhook, document: Any, *, old: Any = None, operation: str = "CREATE", namespace: str = "default"
) -> AdmissionResponse:
    """The answer to a request about this object; text is sent as it is."""
    new = document if isinstance(document, str) else json.dumps(document)
    request = AdmissionRequest(
        uid="u",
        operation=operation,
        namespace=namespace,
        object=msgspec.Raw(new.encode()),
        old_object=msgspec.Raw(json.dumps(old).encode()),
    )
    return webhook(request)


def test_a_set_gets_its_defaults_as_a_patch() -> None:
    answer = ask(mutate_leaderworkerset, an_lws(networkConfig=None, restartPolicy="Default"))
    assert (answer.allowed, answer.code) == (True, 200)
    assert answer.patch == [
        {"op": "replace", "path": "/spec/leaderWorkerTemplate/restartPolicy", "value": "None"},
        {"op": "add", "path": "/spec/networkConfig", "value": {"subdomainPolicy": "Shared"}},
    ]


def test_a_complete_set_gets_no_patch() -> None:
    answer = ask(mutate_leaderworkerset, an_lws(), old=an_lws(), operation="UPDATE")
    assert (answer.allowed, answer.code, list(answer.patch)) == (True, 200, [])


def test_a_sound_set_is_allowed() -> None:
    assert ask(validate_leaderworkerset, an_lws()) == ALLOWED
    assert ask(validate_leaderworkerset, an_lws(), old=an_lws(), operation="UPDATE") == ALLOWED


def test_a_broken_set_is_denied_with_all_violations() -> None:
    answer = ask(validate_leaderworkerset, an_lws(replicas=-1, partition=-1))
    rule = "must be greater than or equal to 0"
    assert answer == AdmissionResponse(
        False,
        403,
        "Forbidden",
        f"[spec.replicas: Invalid value: -1: {rule},"
        f" spec.rolloutStrategy.rollingUpdateConfiguration.partition: Invalid value: -1: {rule}]",
    )


def test_what_is_allowed_may_come_with_a_warning() -> None:
    answer = ask(validate_leaderworkerset, an_lws(replicas=1, maxSurge=2))
    assert answer.allowed
    assert [x.partition(":")[0].rpartition(".")[2] for x in answer.warnings] == ["maxSurge"]
    again = ask(
        validate_leaderworkerset,
        an_lws(replicas=1, maxSurge=2),
        old=an_lws(replicas=1, maxSurge=2),
        operation="UPDATE",
    )
    assert again == ALLOWED


def test_a_forbidden_change_is_denied_on_update_only() -> None:
    new, old = an_lws(subgroups={"subGroupSize": 2}), an_lws(subgroups={"subGroupSize": 1})
    assert ask(validate_leaderworkerset, new, old=old) == ALLOWED
    answer = ask(validate_leaderworkerset, new, old=old, operation="UPDATE")
    assert (answer.code, answer.message.endswith("field is immutable")) == (403, True)


@pytest.mark.parametrize("webhook", WEBHOOKS)
def test_deleting_is_allowed(webhook: Webhook) -> None:
    assert ask(webhook, None, old=an_lws(), operation="DELETE") == ALLOWED


def test_connecting_to_a_set_is_no_concern_of_the_rules() -> None:
    assert ask(validate_leaderworkerset, None, operation="CONNECT") == ALLOWED


def test_a_pod_gets_the_smallest_patch() -> None:
    pod = a_leader_pod(labels={c.GROUP_KEY_LABEL: "k"}, containers=[a_container(env={"A": "1"})])
    answer = ask(pod_mutator(None), pod)
    env = [
        ("LWS_LEADER_ADDRESS", "test-sample-1.default.default"),
        ("LWS_GROUP_SIZE", "2"),
        ("LWS_WORKER_INDEX", "0"),
    ]
    label = {"op": "add", "path": "/metadata/labels/leaderworkerset.sigs.k8s.io~1group-index", "value": "1"}
    assert answer.patch == [
        label,
        *(
            {"op": "add", "path": f"/spec/containers/0/env/{i}", "value": {"name": name, "value": value}}
            for i, (name, value) in enumerate(env)
        ),
    ]


def test_the_patch_of_a_tpu_pod_holds_nothing_the_user_wrote() -> None:
    env = {f"VARIABLE_{i}": "user" for i in range(20)}
    pod = a_leader_pod(containers=[a_container(tpu="4", env=env)], initContainers=[a_container(env=env)])
    answer = ask(pod_mutator("volcano"), pod)
    assert {operation["op"] for operation in answer.patch} == {"add"}
    assert "VARIABLE" not in json.dumps(answer.patch)


def test_gang_metadata_follow_the_configuration() -> None:
    paths = [
        {operation["path"] for operation in ask(pod_mutator(gang), a_leader_pod()).patch}
        for gang in (None, "volcano")
    ]
    assert paths[1] - paths[0] == {"/metadata/annotations/scheduling.k8s.io~1group-name"}


def test_the_requests_namespace_reaches_the_pod() -> None:
    answer = ask(pod_mutator(None), a_leader_pod(namespace=""), namespace="team-a")
    assert any("test-sample-1.default.team-a" in json.dumps(operation) for operation in answer.patch)


def test_a_pod_that_breaks_a_rule_is_denied() -> None:
    answer = ask(pod_mutator(None), a_leader_pod(size="many"))
    assert (answer.allowed, answer.code, answer.reason) == (False, 403, "Forbidden")
    assert c.SIZE_ANNOTATION in answer.message


def test_a_foreign_pod_is_left_alone() -> None:
    assert ask(pod_mutator("volcano"), {"metadata": {"name": "x"}, "spec": {}}) == AdmissionResponse(
        True, patch=[]
    )


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE", "DELETE"])
def test_p27_the_pod_validator_allows_everything(operation: str) -> None:
    assert ask(validate_pod, {"metadata": {"labels": 1}}, operation=operation) == ALLOWED


@pytest.mark.parametrize("webhook", WEBHOOKS)
@pytest.mark.parametrize(
    "document",
    [
        pytest.param("null", id="null"),
        pytest.param("[]", id="list"),
        pytest.param('{"metadata":', id="truncated"),
        pytest.param('{"metadata":{"labels":{"a":1}}}', id="label-number"),
        pytest.param('{"metadata":{"generation":1e400}}', id="number-beyond-floats"),
        pytest.param('{"metadata":{"generation":' + "9" * 5000 + "}}", id="number-of-5000-digits"),
        pytest.param('{"a":' + "[" * 100_000 + "]" * 100_000 + "}", id="deep"),
        pytest.param('{"metadata":{"name":"\\ud800"}}', id="lone-surrogate"),
    ],
)
def test_what_does_not_decode_is_a_400(webhook: Webhook, document: str) -> None:
    answer = ask(webhook, document)
    assert (answer.allowed, answer.code) == (False, 400)
    assert answer.message


@pytest.mark.parametrize("webhook", WEBHOOKS)
@pytest.mark.parametrize("depth", [200, 900, 1_500, 5_000, 9_000])
def test_no_depth_is_a_crash(webhook: Webhook, depth: int) -> None:
    """Which of them still decodes depends on the Python."""
    answer = ask(webhook, '{"a":' + "[" * depth + "]" * depth + "}")
    assert answer.code in (200, 400, 403)


@pytest.mark.parametrize("size", ["3000000000", "1.5", '"2"', "true"])
@pytest.mark.parametrize("webhook", [mutate_leaderworkerset, validate_leaderworkerset])
def test_pitfall_29_a_number_that_does_not_fit_is_a_400_that_names_it(webhook: Webhook, size: str) -> None:
    answer = ask(webhook, '{"spec":{"leaderWorkerTemplate":{"size":' + size + "}}}")
    assert answer.code == 400
    assert "$.spec.leaderWorkerTemplate.size" in answer.message


def test_an_update_without_old_object_is_a_400() -> None:
    assert ask(validate_leaderworkerset, an_lws(), operation="UPDATE").code == 400


def test_a_disaggregated_set_is_denied_or_admitted_and_warned_of_either_way() -> None:
    roles = [a_role("prefill", external=True, replicas=3), a_role("decode")]
    sound, broken = (
        a_disaggregated_set(roles=roles, placementPolicy={"type": x}) for x in ("None", "ExclusiveSlice")
    )
    admitted = ask(validate_disaggregatedset, sound)
    denied = ask(validate_disaggregatedset, broken, old=sound, operation="UPDATE")
    assert (admitted.allowed, denied.allowed, denied.code) == (True, False, 403)
    assert denied.message.startswith("spec.placementPolicy.topology: Required value: ")
    assert admitted.warnings == denied.warnings
    assert len(denied.warnings) == 1
    assert ask(validate_disaggregatedset, broken, operation="DELETE") == ALLOWED


def a_template(annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"annotations": annotations or {}},
        "spec": {"containers": [a_container("c")], **spec},
    }


def a_set_of(template: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    """Of a worker template; ``members``: of its metadata, but for ``claims``."""
    own = {
        "size": 2,
        "workerTemplate": template or a_template(),
        "volumeClaimTemplates": members.pop("claims", []),
    }
    return {"metadata": {"name": "x", "namespace": "n", **members}, "spec": {"leaderWorkerTemplate": own}}


def a_pod_of(
    annotations: dict[str, str] | None = None, labels: dict[str, str] | None = None, **spec: Any
) -> dict[str, Any]:
    return a_leader_pod("x-0", annotations=annotations or {}, labels=labels or {}, **spec)


def listed(n: int) -> str:
    return ",".join(f"e{index}" for index in range(n))


def many_roles(n: int) -> dict[str, Any]:
    roles = [{"name": f"r{index}", "scaling": {"mode": "External"}} for index in range(n)]
    return {"metadata": {"name": "x" * n, "namespace": "n" * n}, "spec": {"roles": roles}}


GROWING: dict[str, tuple[Webhook, Callable[[int], Any]]] = {
    "node keys": (
        validate_leaderworkerset,
        lambda n: a_set_of(a_template({c.REPLICA_NODE_SELECTOR_ANNOTATION: "a," * n})),
    ),
    "tolerations": (
        validate_leaderworkerset,
        lambda n: a_set_of(a_template({c.REPLICA_TOLERATION_ANNOTATION: listed(n)})),
    ),
    "claims of a group": (
        validate_leaderworkerset,
        lambda n: a_set_of(a_template({c.GROUP_CLAIMS_ANNOTATION: listed(n)})),
    ),
    "claim templates": (validate_leaderworkerset, lambda n: a_set_of(claims=[{}] * n)),
    "labels": (validate_leaderworkerset, lambda n: a_set_of(labels={f"-{index}": "-" for index in range(n)})),
    "owners": (
        validate_leaderworkerset,
        lambda n: a_set_of(
            ownerReferences=[{"controller": True, "kind": "x" * n}, *([{"controller": True}] * n)]
        ),
    ),
    "managers": (validate_leaderworkerset, lambda n: a_set_of(managedFields=[{"manager": "\n" * n}] * 9)),
    "finalizers": (validate_leaderworkerset, lambda n: a_set_of(finalizers=[""] * n)),
    "images": (
        validate_leaderworkerset,
        lambda n: {
            **(lws := a_set_of(a_template(initContainers=[{"image": "i"}] * n))),
            "spec": lws["spec"]
            | {"rolloutStrategy": {"rollingUpdateConfiguration": {"podUpdatePolicy": "InPlace"}}},
        },
    ),
    "roles": (validate_disaggregatedset, lambda n: many_roles(n // 4)),
    "a pod's node keys": (
        pod_mutator(None),
        lambda n: a_pod_of({c.REPLICA_NODE_SELECTOR_ANNOTATION: listed(n)}),
    ),
    "a pod's claims": (
        pod_mutator(None),
        lambda n: a_pod_of(
            {c.GROUP_CLAIMS_ANNOTATION: ",".join(["g"] * n)},
            resourceClaims=[*({"name": f"x{index}"} for index in range(n)), {"name": "g"}],
        ),
    ),
    "a pod's repeated variables": (pod_mutator(None), lambda n: a_pod_of(containers=[{"env": [{}] * n}])),
}


def effort(webhook: Webhook, document: Any, old: Any) -> tuple[int, int]:
    """Function calls, and bytes that were held at once."""
    calls = 0

    def called(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    operation = "CREATE" if old is None else "UPDATE"
    tracemalloc.start()
    sys.setprofile(called)
    try:
        encode(ask(webhook, document, old=old, operation=operation))
    finally:
        sys.setprofile(None)
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return calls, held


@pytest.mark.parametrize("before", ["nothing", "as many", "few"])
@pytest.mark.parametrize("name", GROWING)
def test_hostile_input_costs_what_its_length_does(name: str, before: str) -> None:
    """Sixteen times as much of it: as many times the calls and the memory, and not 256 times.

    The allowance over sixteen is for containers, which grow in steps; other threads allocate, too.
    """
    webhook, made = GROWING[name]
    old = {"nothing": None, "as many": made(960), "few": made(1)}[before]
    ask(webhook, made(60))  # what is imported or compiled once
    calls, held = effort(webhook, made(60), old)
    more_calls, more_held = effort(webhook, made(960), old)
    assert more_calls <= 18 * calls
    assert more_held <= 32 * held


@pytest.mark.parametrize("name", GROWING)
def test_hostile_input_gets_a_short_answer(name: str) -> None:
    webhook, made = GROWING[name]
    assert len(encode(ask(webhook, made(2000)))) <= 60_000
