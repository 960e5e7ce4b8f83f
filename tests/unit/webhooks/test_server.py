"""Every request to the webhook server gets an answer that the API server understands."""

from __future__ import annotations

import http.client
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from lws.runtime.serving import HttpServer, Limits
from lws.webhooks.admission import AdmissionRequest, AdmissionResponse, allowed, denied, patched
from lws.webhooks.server import MAX_BODY, WebhookApp

REVIEW = json.dumps(
    {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "u1", "object": {}}}
).encode()
JSON = "application/json"


class Recorded:
    """What was told to the metrics of one path."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.codes: list[int] = []
        self.seconds: list[float] = []
        self.panics = 0

    def begun(self) -> None:
        self.in_flight += 1

    def ended(self, code: int, seconds: float, *, panic: bool = False) -> None:
        self.in_flight -= 1
        self.codes.append(code)
        self.seconds.append(seconds)
        self.panics += panic


class Answer:
    def __init__(self, app: WebhookApp, body: bytes = REVIEW, *, path: str = "/hook", **changes: Any) -> None:
        environ = {
            "PATH_INFO": path,
            "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": JSON,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }
        self.body = b"".join(app({**environ, **changes}, self._start))

    def _start(self, status: str, headers: list[tuple[str, str]]) -> None:
        self.status = int(status[:3])
        self.headers = dict(headers)

    @property
    def response(self) -> dict[str, Any]:
        return json.loads(self.body)["response"]


def crash(_request: AdmissionRequest) -> AdmissionResponse:
    raise KeyError("secret")


@pytest.fixture
def metrics() -> dict[str, Recorded]:
    return {}


@pytest.fixture
def app(metrics: dict[str, Recorded]) -> WebhookApp:
    webhooks = {
        "/hook": lambda _: allowed(),
        "/deny": lambda _: denied("no"),
        "/patch": lambda _: patched([{"op": "add", "path": "/a", "value": 1}]),
        "/crash": crash,
    }
    return WebhookApp(webhooks, metrics=lambda path: metrics.setdefault(path, Recorded()), max_body=1000)


def test_an_answer_is_json(app: WebhookApp) -> None:
    answer = Answer(app)
    assert (answer.status, answer.headers["Content-Type"]) == (200, JSON)
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert answer.response == {"uid": "u1", "allowed": True, "status": {"code": 200}}


def test_paths_lead_to_their_webhooks(app: WebhookApp) -> None:
    assert Answer(app, path="/deny").response["status"]["code"] == 403
    assert Answer(app, path="/patch").response["patchType"] == "JSONPatch"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        pytest.param({"CONTENT_TYPE": "application/yaml"}, 415, 400, id="another content type"),
        pytest.param(
            {"CONTENT_TYPE": f"{JSON}; charset=utf-8"}, 415, 400, id="content type with a parameter"
        ),
        pytest.param({"CONTENT_TYPE": ""}, 415, 400, id="empty content type"),
        pytest.param({"body": b""}, 400, 400, id="empty body"),
        pytest.param({"body": b"{}"}, 400, 400, id="no review"),
        pytest.param({"body": REVIEW[:-5]}, 400, 400, id="cut short"),
        pytest.param({"CONTENT_LENGTH": "900"}, 200, 200, id="length is more than what came, but enough"),
        pytest.param({"body": REVIEW[:-5], "CONTENT_LENGTH": "900"}, 400, 400, id="connection died"),
        pytest.param({"CONTENT_LENGTH": ""}, 400, 400, id="no length"),
        pytest.param({"CONTENT_LENGTH": "-1"}, 400, 400, id="negative length"),
        pytest.param({"body": b" " * 1001}, 413, 413, id="too long"),
        pytest.param({"body": b"x", "CONTENT_LENGTH": str(10**12)}, 413, 413, id="a terabyte"),
        pytest.param({"body": REVIEW + b" " * (1000 - len(REVIEW))}, 200, 200, id="as long as allowed"),
    ],
)
def test_malformed_requests(
    app: WebhookApp, metrics: dict[str, Recorded], changes: dict[str, Any], status: int, code: int
) -> None:
    answer = Answer(app, **changes)
    assert answer.status == status
    assert (answer.response["status"]["code"], answer.response["allowed"]) == (code, code == 200)
    assert metrics["/hook"].codes == [status]
    assert metrics["/hook"].in_flight == 0


def test_no_content_type_at_all(app: WebhookApp) -> None:
    environ: dict[str, Any] = {"PATH_INFO": "/hook", "REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO()}
    said: list[str] = []
    body = b"".join(app(environ, lambda status, _headers: said.append(status)))
    assert said == ["415 Unsupported Media Type"]
    assert json.loads(body)["response"]["allowed"] is False


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "DELETE"])
def test_only_post(app: WebhookApp, metrics: dict[str, Recorded], method: str) -> None:
    answer = Answer(app, REQUEST_METHOD=method)
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert metrics["/hook"].codes == []


@pytest.mark.parametrize("path", ["/", "/hook/", "/hoo", "/convert", ""])
def test_other_paths(app: WebhookApp, path: str) -> None:
    assert Answer(app, path=path).status == 404


def test_a_crash_is_a_500_inside_and_is_counted(app: WebhookApp, metrics: dict[str, Recorded]) -> None:
    answer = Answer(app, path="/crash")
    assert (answer.status, answer.response["status"]["code"]) == (200, 500)
    assert b"secret" not in answer.body
    assert metrics["/crash"].panics == 1
    assert metrics["/hook"].panics == 0


def test_what_ends_the_process_is_counted_too(metrics: dict[str, Recorded]) -> None:
    def leave(_request: AdmissionRequest) -> AdmissionResponse:
        raise SystemExit(1)

    app = WebhookApp({"/hook": leave}, metrics=lambda path: metrics.setdefault(path, Recorded()))
    with pytest.raises(SystemExit):
        Answer(app)
    assert (metrics["/hook"].codes, metrics["/hook"].in_flight) == ([500], 0)


def test_latency_is_measured_while_the_request_is_in_flight(metrics: dict[str, Recorded]) -> None:
    seen: list[int] = []

    def webhook(_request: AdmissionRequest) -> AdmissionResponse:
        seen.append(metrics["/hook"].in_flight)
        return allowed()

    Answer(WebhookApp({"/hook": webhook}, metrics=lambda path: metrics.setdefault(path, Recorded())))
    assert seen == [1]
    assert metrics["/hook"].seconds[0] >= 0


@pytest.fixture
def post() -> Any:
    """Sends to a real server, as the API server does: with a query, over a kept connection."""
    app = WebhookApp({"/hook": lambda _: allowed()})
    limits = Limits(body=MAX_BODY)
    server = HttpServer(app, host="127.0.0.1", port=0, threads=2, name="webhook server", limits=limits)
    server.start()
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)

    def send(body: bytes) -> tuple[int, dict[str, Any]]:
        client.request("POST", "/hook?timeout=10s", body, {"Content-Type": JSON})
        answer = client.getresponse()
        return answer.status, json.loads(answer.read())["response"]

    yield send
    client.close()
    server.stop()


def test_over_http(post: Callable[[bytes], tuple[int, dict[str, Any]]]) -> None:
    assert post(REVIEW)[0] == 200
    assert post(b"nonsense")[0] == 400
    assert post(REVIEW + b" " * (MAX_BODY - len(REVIEW)))[0] == 200


def test_too_long_over_http_is_read_by_the_client(
    post: Callable[[bytes], tuple[int, dict[str, Any]]],
) -> None:
    status, response = post(b" " * (MAX_BODY + 1))
    assert (status, response["status"]["code"]) == (413, 413)
    assert post(REVIEW)[0] == 200
