"""The health endpoints answer as the API server's own do, and keep reasons to themselves."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from support.waiting import until

from lws.runtime.clock import FakeClock
from lws.runtime.serving.health import Checks, Refusal, Remembered, WsgiApp, health_app, metrics_app


class Answer:
    def __init__(
        self, app: WsgiApp, path: str, *, query: str = "", method: str = "GET", **environ: str
    ) -> None:
        request = {"PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": method, **environ}
        self.text = b"".join(app(request, self._start)).decode()

    def _start(self, status: str, headers: list[tuple[str, str]]) -> None:
        self.status = int(status[:3])
        self.headers = dict(headers)


def fail() -> None:
    raise RuntimeError("secret reason")


@pytest.fixture
def app() -> WsgiApp:
    ready = Checks("readyz")
    ready.add("cache", lambda: None)
    ready.add("webhook", fail)
    ready.add("port", lambda: False)
    return health_app({"/healthz": Checks("healthz"), "/readyz": ready})


@pytest.mark.parametrize(
    ("path", "query", "status", "text"),
    [
        pytest.param("/healthz", "", 200, "ok", id="no check of its own"),
        pytest.param("/healthz/", "", 200, "ok", id="trailing slash"),
        pytest.param("/healthz/healthz", "", 200, "ok", id="upstream's sub-path"),
        pytest.param("/healthz", "verbose", 200, "[+]healthz ok\nhealthz check passed\n", id="verbose"),
        pytest.param(
            "/healthz", "verbose=true", 200, "[+]healthz ok\nhealthz check passed\n", id="verbose=true"
        ),
        pytest.param("/readyz/cache", "", 200, "ok", id="one check"),
        pytest.param(
            "/readyz/webhook",
            "",
            500,
            "[-]webhook failed: reason withheld\nreadyz check failed\n",
            id="one failing check",
        ),
        pytest.param("/readyz/nonesuch", "", 404, "not found", id="no such check"),
        pytest.param("/other", "", 404, "not found", id="no such endpoint"),
        pytest.param("/healthzz", "", 404, "not found", id="prefix of a name"),
        pytest.param(
            "/readyz",
            "exclude=webhook",
            500,
            "[+]readyz ok\n[+]cache ok\n[+]webhook excluded: ok\n[-]port failed: reason withheld\n"
            "readyz check failed\n",
            id="one excluded, another fails",
        ),
        pytest.param("/readyz", "exclude=webhook&exclude=port", 200, "ok", id="all failing ones excluded"),
    ],
)
def test_health(app: WsgiApp, path: str, query: str, status: int, text: str) -> None:
    answer = Answer(app, path, query=query)
    assert (answer.status, answer.text) == (status, text)
    assert answer.headers["Content-Length"] == str(len(text))
    assert "secret" not in answer.text


def test_other_methods_are_refused(app: WsgiApp) -> None:
    assert Answer(app, "/healthz", method="POST").status == 405


def test_head_has_no_body(app: WsgiApp) -> None:
    answer = Answer(app, "/healthz", method="HEAD")
    assert (answer.status, answer.text, answer.headers["Content-Length"]) == (200, "", "2")


def test_a_name_is_taken_once() -> None:
    checks = Checks("readyz")
    checks.add("a", lambda: None)
    with pytest.raises(ValueError, match="already a check named 'a'"):
        checks.add("a", lambda: None)


def test_the_check_named_after_the_endpoint_can_be_replaced() -> None:
    checks = Checks("readyz")
    checks.add("readyz", lambda: False)
    assert checks.run() == {"readyz": False}


class TestRemembered:
    """A check that costs something is made once a while, however often strangers ask."""

    @pytest.mark.parametrize(
        ("outcomes", "says"),
        [
            pytest.param([None, fail], [True, True, False], id="then it fails"),
            pytest.param([fail, None], [False, False, True], id="then it holds"),
            pytest.param([lambda: False, None], [False, False, True], id="not holding without raising"),
        ],
    )
    def test_for_a_while(self, outcomes: list[Any], says: list[bool]) -> None:
        clock, left = FakeClock(), list(outcomes)

        def check() -> object:
            outcome = left.pop(0)
            return outcome() if outcome else None

        checks = Checks("readyz")
        checks.add("it", Remembered(check, 1.0, clock=clock))
        seen = []
        for seconds in (0.0, 0.9, 0.1):
            clock.advance(seconds)
            seen.append((checks.run(only="it") or {})["it"])
        assert (seen, left) == (says, [])

    def test_slow_is_what_it_was_before(self) -> None:
        clock, free = FakeClock(), threading.Event()
        outcomes = iter([lambda: None, fail, lambda: None])

        def check() -> object:
            free.wait()
            return next(outcomes)()

        checks = Checks("readyz")
        checks.add("it", Remembered(check, 1.0, patience=0.01, clock=clock))
        free.set()
        first = checks.run(only="it")
        free.clear()
        clock.advance(1.0)
        slow = checks.run(only="it")
        free.set()
        until("the next one", lambda: checks.run(only="it"), lambda seen: seen == {"it": False})
        assert (first, slow) == ({"it": True}, {"it": True})

    def test_the_first_is_waited_for(self) -> None:
        free = threading.Event()

        def check() -> None:
            free.wait()

        checks = Checks("readyz")
        checks.add("it", Remembered(check, 1.0, patience=0.0))
        threading.Timer(0.05, free.set).start()
        assert checks.run(only="it") == {"it": True}


def exposition(accept: str) -> tuple[str, bytes]:
    return f"text/{accept or 'plain'}", b"up 1\n"


def refuse(environ: Any) -> Refusal | None:
    return None if environ.get("HTTP_AUTHORIZATION") else Refusal("401 Unauthorized", "Unauthorized")


TOKEN = {"HTTP_AUTHORIZATION": "Bearer x"}


@pytest.mark.parametrize(
    ("path", "method", "environ", "status", "text"),
    [
        pytest.param("/metrics", "GET", TOKEN, 200, "up 1\n", id="scrape"),
        pytest.param("/metrics", "HEAD", TOKEN, 200, "", id="head"),
        pytest.param("/metrics", "GET", {}, 401, "Unauthorized", id="refused"),
        pytest.param("/other", "GET", TOKEN, 404, "not found", id="other path"),
        pytest.param("/metrics", "PUT", TOKEN, 405, "method not allowed", id="method"),
    ],
)
def test_metrics(path: str, method: str, environ: dict[str, str], status: int, text: str) -> None:
    answer = Answer(metrics_app(exposition, authorize=refuse), path, method=method, **environ)
    assert (answer.status, answer.text) == (status, text)


def test_metrics_negotiates_its_format() -> None:
    answer = Answer(metrics_app(exposition), "/metrics", HTTP_ACCEPT="openmetrics")
    assert answer.headers["Content-Type"] == "text/openmetrics"
