from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.apiserver import status_document

from lws.kube import errors
from lws.kube.errors import ApiError, api_error, status_error


def body(code: int, reason: str = "", message: str = "", **details: Any) -> bytes:
    return json.dumps(status_document(code, reason, message, **details)).encode()


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (400, "BadRequest", errors.BadRequest),
        (401, "Unauthorized", errors.Unauthorized),
        (403, "Forbidden", errors.Forbidden),
        (404, "NotFound", errors.NotFound),
        (409, "AlreadyExists", errors.AlreadyExists),
        (409, "Conflict", errors.Conflict),
        (410, "Gone", errors.Gone),
        (410, "Expired", errors.Gone),
        (422, "Invalid", errors.Invalid),
        (429, "TooManyRequests", errors.TooManyRequests),
        (500, "InternalError", errors.InternalError),
        (500, "ServerTimeout", errors.ServerTimeout),
        (503, "ServiceUnavailable", errors.Unavailable),
        (504, "Timeout", errors.ServerTimeout),
        (405, "MethodNotAllowed", ApiError),
    ],
)
def test_a_status_becomes_its_class(status: int, reason: str, kind: type[ApiError]) -> None:
    error = api_error(status, {}, body(status, reason, "words", name="x"))
    assert type(error) is kind
    assert (error.status, error.reason, error.message, error.details) == (
        status,
        reason,
        "words",
        {"name": "x"},
    )


@pytest.mark.parametrize(
    "answer", [body(429, "TooManyRequests", "too many"), b"too many"], ids=["ours", "bare"]
)
def test_a_request_that_was_one_too_many_tells_its_queue(answer: bytes) -> None:
    headers = {"X-Kubernetes-Pf-Flowschema-Uid": "f-1", "X-Kubernetes-Pf-Prioritylevel-Uid": "p-2"}
    assert api_error(429, headers, answer).message == "too many (flow schema f-1, priority level p-2)"
    assert api_error(503, headers, answer).message == "too many"


@pytest.mark.parametrize(
    ("details", "named"),
    [
        ({"causes": [{"reason": "Other"}, {"reason": "NamespaceTerminating", "field": "f"}]}, True),
        ({"causes": [{"reason": "Other"}, {}]}, False),
        ({"causes": [None, "NamespaceTerminating"]}, False),
        ({"causes": "NamespaceTerminating"}, False),
        ({}, False),
    ],
    ids=["named", "others", "no-objects", "no-list", "none"],
)
def test_a_cause_is_found_by_its_reason(details: dict[str, Any], named: bool) -> None:
    error = api_error(403, {}, body(403, "Forbidden", "words", **details))
    assert error.has_cause("NamespaceTerminating") is named


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (404, errors.NotFound, "NotFound"),
        (409, errors.Conflict, "Conflict"),
        (429, errors.TooManyRequests, "TooManyRequests"),
        (502, errors.Unavailable, "BadGateway"),
        (503, errors.Unavailable, "ServiceUnavailable"),
        (504, errors.ServerTimeout, "GatewayTimeout"),
        (507, errors.InternalError, "InsufficientStorage"),
        (599, errors.InternalError, ""),
        (302, ApiError, "Found"),
    ],
)
def test_without_a_status_the_code_decides(status: int, kind: type[ApiError], reason: str) -> None:
    error = api_error(status, {"Content-Type": "text/html"}, b"<html>secret page</html>")
    assert type(error) is kind
    assert error.reason == reason
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("headers", "answer", "message"),
    [
        pytest.param(
            {"content-type": "text/plain"}, b"404 page\nnot found\n", "404 page not found", id="text"
        ),
        pytest.param({}, b"\xff", "\ufffd", id="not even text"),
        pytest.param({"Content-Type": "text/html; charset=x"}, b"<p>", "type text/html without", id="page"),
        pytest.param({}, b"", "type none without", id="nothing"),
        pytest.param({"Content-Type": "application/json"}, b"{}", "type application/json", id="other JSON"),
        pytest.param({"Content-Type": "application/json"}, b'{"kind":7}', "application/json", id="odd JSON"),
    ],
)
def test_foreign_answers_are_named(headers: dict[str, str], answer: bytes, message: str) -> None:
    assert message in api_error(404, headers, answer).message


def test_a_redirect_names_its_target() -> None:
    error = api_error(302, {"LOCATION": "https://login?state=secret"}, b"")
    assert str(error) == "Found (302): a redirect to https://login, which is not followed"


def test_print_is_one_short_line() -> None:
    error = api_error(422, {}, body(422, "Invalid", "line one\n  line two " + "x" * 5000))
    assert str(error).startswith("Invalid (422): line one line two xxx")
    assert "\n" not in str(error)
    assert len(str(error)) < 1100


@pytest.mark.parametrize(
    ("headers", "answer", "seconds"),
    [
        pytest.param({"Retry-After": "7"}, body(429), 7.0, id="header"),
        pytest.param({"retry-after": "0"}, body(429), 0.0, id="zero"),
        pytest.param({}, body(429, retryAfterSeconds=3), 3.0, id="details"),
        pytest.param({"Retry-After": "7"}, body(429, retryAfterSeconds=3), 7.0, id="header first"),
        pytest.param({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, body(429), None, id="date"),
        pytest.param({"Retry-After": "-1"}, body(429), None, id="negative"),
        pytest.param({"Retry-After": "nan"}, body(429), None, id="nan"),
        pytest.param({}, body(429), None, id="none"),
    ],
)
def test_retry_after(headers: dict[str, str], answer: bytes, seconds: float | None) -> None:
    assert api_error(429, headers, answer).retry_after == seconds


def test_a_status_inside_a_watch() -> None:
    error = status_error(msgspec.Raw(body(410, "Expired", "too old resource version")))
    assert isinstance(error, errors.Gone)
    assert str(error) == "Expired (410): too old resource version"


@pytest.mark.parametrize("raw", [b"[]", b'{"code":"x"}', b'"text"'])
def test_an_error_event_without_a_status_is_an_internal_error(raw: bytes) -> None:
    assert isinstance(status_error(msgspec.Raw(raw)), errors.InternalError)


@settings(max_examples=200, deadline=None)
@given(
    status=st.integers(300, 599),
    headers=st.dictionaries(
        st.sampled_from(["Retry-After", "content-type", "Location"]), st.text(max_size=20)
    ),
    answer=st.one_of(
        st.binary(max_size=60),
        st.fixed_dictionaries(
            {"kind": st.sampled_from(["Status", "Pod"])},
            optional={
                "message": st.none() | st.text(),
                "reason": st.none() | st.text(max_size=9) | st.integers(),
                "code": st.none() | st.integers() | st.text(max_size=2),
                "details": st.none() | st.dictionaries(st.just("retryAfterSeconds"), st.text() | st.floats()),
            },
        ).map(lambda document: json.dumps(document).encode()),
    ),
)
def test_any_answer_becomes_an_error_of_one_line(status: int, headers: dict[str, str], answer: bytes) -> None:
    error = api_error(status, headers, answer)
    assert len(str(error).splitlines()) == 1
