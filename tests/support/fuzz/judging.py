"""What must hold of any answer of admission, whatever was asked."""

from __future__ import annotations

import base64
import io
import json
import time
from typing import Any

from lws.webhooks.server import WebhookApp
from support.apimodel.patching import json_patch
from support.fuzz.reviews import WEBHOOKS

APPS = [WebhookApp({"/": webhook}) for webhooks in WEBHOOKS.values() for webhook in webhooks]
LONGEST = 1.0
"""CPU seconds for a review of 100 kB; one without end would hold a thread of the server."""


def ask(app: WebhookApp, body: bytes) -> tuple[str, dict[str, Any]]:
    """The HTTP status and the review that answers."""
    said: list[str] = []
    environ = {
        "PATH_INFO": "/",
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    answer = b"".join(app(environ, lambda status, _headers: said.append(status)))
    return said[0], json.loads(answer)


def judge(body: bytes) -> None:
    """Ask every webhook. AssertionError: an answer that must not be."""
    for app in APPS:
        began = time.thread_time()
        status, answer = ask(app, body)
        took = time.thread_time() - began
        assert took < LONGEST * (1 + len(body) / 100_000), f"{took:.1f} s"
        response = answer["response"]
        code = response["status"]["code"]
        assert answer["kind"] == "AdmissionReview"
        assert status in ("200 OK", "400 Bad Request")
        assert code in (200, 400, 403), response
        assert response["allowed"] == (code == 200)
        assert code == 200 or response["status"]["message"]
        if "patch" in response:
            _once(app, json.loads(body.decode(errors="replace")), _patch(response))


def _once(app: WebhookApp, asked: dict[str, Any], patch: list[dict[str, Any]]) -> None:
    """The patch can be applied, and what comes of it is not patched again."""
    document = json_patch(asked["request"]["object"], patch)
    again = {**asked, "request": {**asked["request"], "object": document}}
    _, answer = ask(app, json.dumps(again).encode())
    assert "patch" not in answer["response"] or _is_worker_zero(patch), _patch(answer["response"])


def _is_worker_zero(patch: list[dict[str, Any]]) -> bool:
    """A pod that nobody makes: by its name a worker of index 0, which is a leader's; as upstream has it."""
    return any(x["path"].endswith("worker-index") and x["value"] == "0" for x in patch)


def _patch(response: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(base64.b64decode(response["patch"]))
    return found
