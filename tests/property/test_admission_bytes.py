"""Whatever bytes arrive, the webhook server answers with an AdmissionReview, and 400 unless it was one."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.fuzz.judging import ask

from lws.webhooks.admission import AdmissionRequest, AdmissionResponse, patched
from lws.webhooks.jsonpatch import diff
from lws.webhooks.server import WebhookApp

REVIEW = json.dumps(
    {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "u1",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "operation": "CREATE",
            "userInfo": {"username": "jane", "groups": ["a"]},
            "object": {"metadata": {"name": "p", "labels": {"a": "b"}}},
            "oldObject": None,
        },
    }
).encode()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["apiVersion", "kind", "request", "uid", "object", "userInfo", "groups", "x"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A sound review with a few bytes taken out, put in, or overwritten."""
    body = bytearray(REVIEW)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 5)))
        body[start:end] = draw(st.binary(max_size=5))
    return bytes(body)


def label(request: AdmissionRequest) -> AdmissionResponse:
    document = request.decode(dict[str, Any])
    return patched(diff(document, {**document, "labelled": True}))


@settings(max_examples=1000, deadline=None)
@given(damaged() | st.binary(max_size=50) | JSON.map(lambda document: json.dumps(document).encode()))
@example(REVIEW)
def test_any_bytes_are_answered(body: bytes) -> None:
    status, answer = ask(WebhookApp({"/": label}), body)
    assert answer["kind"] == "AdmissionReview"
    response = answer["response"]
    assert response["allowed"] == (response["status"]["code"] == 200)
    assert response["status"]["code"] in (200, 400)
    assert status in ("200 OK", "400 Bad Request")
    assert (status == "200 OK") == (response["uid"] != "")
    assert body != REVIEW or response["allowed"]
