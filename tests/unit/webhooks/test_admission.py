"""The table of outcomes (api.md, 4.1), and that no bytes and no bug get past it."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from lws.webhooks.admission import (
    V1,
    V1BETA1,
    AdmissionRequest,
    AdmissionResponse,
    ObjectError,
    ReviewError,
    allowed,
    answer,
    denied,
    encode,
    errored,
    parse,
    patched,
)

UID = "705ab4f5-6393-11e8-b7cc-42010a800002"
REQUEST = {
    "uid": UID,
    "kind": {"group": "", "version": "v1", "kind": "Pod"},
    "resource": {"group": "", "version": "v1", "resource": "pods"},
    "subResource": "status",
    "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
    "name": "p-0",
    "namespace": "team",
    "operation": "UPDATE",
    "userInfo": {"username": "jane", "uid": "7", "groups": ["a", "b"], "extra": {"k": ["v"]}},
    "object": {"metadata": {"name": "p-0"}, "spec": {"new": True}},
    "oldObject": {"metadata": {"name": "p-0"}},
    "dryRun": True,
    "options": {"kind": "UpdateOptions"},
}


def review(*, api_version: str = V1, kind: str = "AdmissionReview", **changes: Any) -> bytes:
    document = {"apiVersion": api_version, "kind": kind, "request": {**REQUEST, **changes}}
    return json.dumps(document).encode()


class Pod(Struct):
    metadata: dict[str, str]


def test_a_request_is_decoded_whole() -> None:
    version, request = parse(review())
    assert version == V1
    assert (request.uid, request.operation, request.namespace, request.name) == (UID, "UPDATE", "team", "p-0")
    assert (request.sub_resource, request.dry_run) == ("status", True)
    assert (request.kind.kind, request.resource.resource, request.resource.version) == ("Pod", "pods", "v1")
    assert (request.user.username, request.user.groups) == ("jane", ("a", "b"))
    assert bytes(request.object) == b'{"metadata": {"name": "p-0"}, "spec": {"new": true}}'
    assert request.decode(Pod).metadata == {"name": "p-0"}
    assert request.decode_old(dict) == {"metadata": {"name": "p-0"}}


def test_what_is_left_out_or_null_has_a_default() -> None:
    document = {
        "apiVersion": V1,
        "kind": "AdmissionReview",
        "request": {"uid": UID, "userInfo": {"groups": None}, "dryRun": None, "oldObject": None, "new": 1},
    }
    _, request = parse(json.dumps(document).encode())
    assert (request.operation, request.namespace, request.dry_run, request.user.groups) == (
        "",
        None,
        None,
        None,
    )
    assert bytes(request.object) == bytes(request.old_object) == b"null"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", "truncated", id="empty"),
        pytest.param(b"null", "got `null`", id="null"),
        pytest.param(b"[]", "got `array`", id="list"),
        pytest.param(b"{}", "missing required field `apiVersion`", id="empty object"),
        pytest.param(b"{", "truncated", id="cut"),
        pytest.param(review() + b"x", "malformed", id="something after it"),
        pytest.param(b"apiVersion: v1", "malformed", id="YAML"),
        pytest.param(b"\xff\xfe{}", "malformed", id="no text"),
        pytest.param(review().replace(b"jane", b"j\xffne"), "utf-8", id="bad UTF-8"),
        pytest.param(b'{"a":' * 100_000, "too deeply", id="deep"),
        pytest.param(
            review(object="X").replace(b'"X"', b"[" * 100_000 + b"]" * 100_000),
            "too deeply",
            id="deep object",
        ),
        pytest.param(
            b'{"apiVersion":"%b","kind":"AdmissionReview"}' % V1.encode(), "request", id="no request"
        ),
        pytest.param(
            b'{"apiVersion":"%b","kind":"AdmissionReview","request":null}' % V1.encode(),
            "null",
            id="null request",
        ),
        pytest.param(review(uid=7), "Expected `str`, got `int`", id="uid of another type"),
        pytest.param(review(uid=""), "no request.uid", id="empty uid"),
        pytest.param(review(kind="Pod"), "want an AdmissionReview", id="another kind"),
        pytest.param(
            review(api_version="admission.k8s.io/v2"), "want an AdmissionReview", id="another version"
        ),
    ],
)
def test_what_is_no_review_is_told_so(body: bytes, message: str) -> None:
    with pytest.raises(ReviewError, match=message):
        parse(body)


def response_of(said: bytes) -> dict[str, Any]:
    document = json.loads(said)
    assert document["kind"] == "AdmissionReview"
    assert document["apiVersion"] == V1
    assert document["response"]["uid"] == UID
    return document["response"]


@pytest.mark.parametrize(
    ("outcome", "want"),
    [
        pytest.param(allowed(), {"allowed": True, "status": {"code": 200}}, id="allowed"),
        pytest.param(patched([]), {"allowed": True, "status": {"code": 200}}, id="nothing to change"),
        pytest.param(
            denied("spec.replicas: Invalid value: -1: too small"),
            {
                "allowed": False,
                "status": {
                    "code": 403,
                    "reason": "Forbidden",
                    "message": "spec.replicas: Invalid value: -1: too small",
                },
            },
            id="denied",
        ),
        pytest.param(
            errored(400, "bad"), {"allowed": False, "status": {"code": 400, "message": "bad"}}, id="errored"
        ),
    ],
)
def test_outcomes(outcome: AdmissionResponse, want: dict[str, Any]) -> None:
    _, request = parse(review())
    assert response_of(answer(lambda _: outcome, request)) == {"uid": UID, **want}


def test_a_patch_is_base64_of_json_patch() -> None:
    operations = [{"op": "add", "path": "/metadata/labels/a~1b", "value": "é"}]
    _, request = parse(review())
    response = response_of(answer(lambda _: patched(operations), request))
    assert (response["allowed"], response["patchType"], response["status"]) == (
        True,
        "JSONPatch",
        {"code": 200},
    )
    assert json.loads(base64.b64decode(response["patch"], validate=True)) == operations


def test_the_version_of_the_question_is_that_of_the_answer() -> None:
    version, request = parse(review(api_version=V1BETA1))
    said = json.loads(answer(lambda _: allowed(), request, api_version=version))
    assert said["apiVersion"] == V1BETA1


class Replicas(Struct):
    replicas: int


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param({"replicas": "x"}, "Expected `int`, got `str` - at `$.replicas`", id="type"),
        pytest.param({"replicas": 1.5}, "Expected `int`, got `float` - at `$.replicas`", id="fraction"),
        pytest.param(None, "Expected `object`, got `null`", id="no object"),
        pytest.param({}, "Object missing required field `replicas`", id="missing"),
    ],
)
def test_an_object_that_does_not_decode_is_a_400(spec: Any, message: str) -> None:
    _, request = parse(review(object=spec, oldObject=spec))

    def webhook(asked: AdmissionRequest) -> AdmissionResponse:
        return denied(str(asked.decode(Replicas)))

    def old(asked: AdmissionRequest) -> AdmissionResponse:
        return denied(str(asked.decode_old(Replicas)))

    def by_hand(asked: AdmissionRequest) -> AdmissionResponse:
        return denied(str(msgspec.json.decode(asked.object, type=Replicas)))

    for way in (webhook, old, by_hand):
        response = response_of(answer(way, request))
        assert response == {"uid": UID, "allowed": False, "status": {"code": 400, "message": message}}


def _raise(error: BaseException) -> AdmissionResponse:
    raise error


@pytest.mark.parametrize(
    "webhook",
    [
        pytest.param(lambda _: _raise(KeyError("secret")), id="raises"),
        pytest.param(lambda _: _raise(RecursionError("secret")), id="too deep"),
        pytest.param(lambda _: None, id="answers nothing"),
        pytest.param(lambda _: denied("\ud800"), id="answers no text"),
        pytest.param(
            lambda _: patched([{"op": "add", "path": "/", "value": object()}]), id="patch is no JSON"
        ),
    ],
)
def test_a_bug_is_a_500_that_tells_nothing(webhook: Any) -> None:
    _, request = parse(review())
    panics: list[int] = []
    said = answer(webhook, request, on_panic=lambda: panics.append(1))
    response = response_of(said)
    assert (response["allowed"], response["status"]["code"], panics) == (False, 500, [1])
    assert UID in response["status"]["message"]
    assert b"secret" not in said
    assert b"Traceback" not in said


def test_ending_the_process_is_not_a_bug_to_be_caught() -> None:
    _, request = parse(review())
    with pytest.raises(SystemExit):
        answer(lambda _: _raise(SystemExit(1)), request)


def test_an_answer_to_nobody_has_no_uid() -> None:
    assert json.loads(encode(errored(413, "long")))["response"] == {
        "uid": "",
        "allowed": False,
        "status": {"code": 413, "message": "long"},
    }


def test_object_error_is_raised_to_those_who_want_to_know() -> None:
    _, request = parse(review(object=[1]))
    with pytest.raises(ObjectError, match="Expected `object`, got `array`"):
        request.decode(Replicas)


def test_warnings_are_on_the_wire_where_there_are_any() -> None:
    response = json.loads(encode(allowed(["a", "b"]), uid=UID))["response"]
    assert (response["allowed"], response["warnings"]) == (True, ["a", "b"])
    assert "warnings" not in json.loads(encode(allowed(), uid=UID))["response"]
