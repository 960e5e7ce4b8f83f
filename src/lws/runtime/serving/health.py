"""What probes and scrapers ask for: the WSGI applications behind ``/healthz``, ``/readyz`` and ``/metrics``.

Answers are those of the API server's own health endpoints (operations.md, 1.8): ``ok``, a line per check
with ``?verbose``, ``?exclude=<name>``, a path below for one check, and never the reason of a failure, which
may say too much to a stranger; the log has it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from lws.runtime.clock import Clock, SystemClock
from lws.runtime.logs import get_logger, one_line
from lws.runtime.serving.exchange import WsgiApp

Check = Callable[[], object]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]

_TEXT = "text/plain; charset=utf-8"
_log = get_logger("health")


class Refusal(NamedTuple):
    """Why a scraper gets nothing: an HTTP status line (``403 Forbidden``) and a text for it."""

    status: str
    message: str


class Checks:
    """Named checks of one endpoint. A check fails by raising or by returning False.

    There is always one named after the endpoint; it succeeds unless another is added by that name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._checks: dict[str, Check] = {name: _succeed}

    def add(self, name: str, check: Check) -> None:
        """Add a check. ValueError when there is one by that name."""
        with self._lock:
            if self._checks.get(name, _succeed) is not _succeed:
                raise ValueError(f"{self.name}: there is already a check named {name!r}")
            self._checks[name] = check

    def run(self, only: str = "", exclude: Sequence[str] = ()) -> dict[str, bool | None] | None:
        """The outcome of each by name, None for one left out; None for all when ``only`` names no check."""
        with self._lock:
            checks = dict(self._checks)
        if only:
            return {only: self._holds(only, checks[only])} if only in checks else None
        return {name: None if name in exclude else self._holds(name, check) for name, check in checks.items()}

    def _holds(self, name: str, check: Check) -> bool:
        try:
            outcome = check()
        except Exception as error:  # noqa: BLE001 - whatever a check raises means that it failed
            _log.info("Check failed", endpoint=self.name, check=name, error=one_line(error))
            return False
        return outcome is not False


class Remembered:
    """A check that costs something: strangers may ask as often as they like, and nobody waits long for it.

    An outcome holds for ``seconds``. While a check takes longer than ``patience`` seconds, what the last one
    said is answered, for slow is not failed; the first is waited for. So the check has to end by itself, by
    raising if need be.
    """

    def __init__(
        self, check: Check, seconds: float, *, patience: float = 0.5, clock: Clock | None = None
    ) -> None:
        self._check, self._seconds, self._patience = check, seconds, patience
        self._now = (clock or SystemClock()).monotonic
        self._lock = threading.Lock()
        self._until = -math.inf
        self._running: threading.Event | None = None
        self._why: str | None = None  # until the first has ended

    def __call__(self) -> None:
        """Raises RuntimeError: one line, why it failed."""
        running = self._begin()
        if running is not None:
            running.wait(None if self._why is None else self._patience)
        if self._why:
            raise RuntimeError(self._why)

    def _begin(self) -> threading.Event | None:
        """The end of the check that is being made, begun if it is time; None while an outcome holds."""
        with self._lock:
            if self._running is None and self._now() >= self._until:
                ended = threading.Event()
                threading.Thread(target=self._make, args=(ended,), name="check", daemon=True).start()
                self._running = ended
            return self._running

    def _make(self, ended: threading.Event) -> None:
        why = self._ask()
        with self._lock:
            self._why, self._until, self._running = why, self._now() + self._seconds, None
        ended.set()

    def _ask(self) -> str:
        try:
            return "it does not hold" if self._check() is False else ""
        except Exception as error:  # noqa: BLE001 - whatever a check raises means that it failed
            return one_line(error) or type(error).__name__


def health_app(endpoints: Mapping[str, Checks]) -> WsgiApp:
    """Serves each ``Checks`` under its path, and each check under ``<path>/<name>``."""

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        asked = environ["PATH_INFO"].rstrip("/") or "/"
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _reply(environ, start_response, "405 Method Not Allowed", "method not allowed")
        for path, checks in endpoints.items():
            if asked == path.rstrip("/") or asked.startswith(path.rstrip("/") + "/"):
                return _report(environ, start_response, checks, asked[len(path.rstrip("/")) + 1 :])
        return _reply(environ, start_response, "404 Not Found", "not found")

    return app


def metrics_app(
    exposition: Callable[[str], tuple[str, bytes]],
    *,
    path: str = "/metrics",
    authorize: Callable[[Mapping[str, Any]], Refusal | None] = lambda _environ: None,
) -> WsgiApp:
    """Serves ``exposition(Accept header)`` (content type and text); ``authorize`` may refuse a request."""

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != path:
            return _reply(environ, start_response, "404 Not Found", "not found")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):  # first: whether one may is asked by the method
            return _reply(environ, start_response, "405 Method Not Allowed", "method not allowed")
        refusal = authorize(environ)
        if refusal is not None:
            return _reply(environ, start_response, refusal.status, refusal.message)
        content_type, text = exposition(environ.get("HTTP_ACCEPT", ""))
        return _reply(environ, start_response, "200 OK", text, content_type)

    return app


def _succeed() -> bool:
    return True


def _report(
    environ: Mapping[str, Any], start_response: StartResponse, checks: Checks, only: str
) -> Iterable[bytes]:
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    outcomes = checks.run(only, query.get("exclude", ()))
    if outcomes is None:
        return _reply(environ, start_response, "404 Not Found", "not found")
    failed = False in outcomes.values()
    if not failed and "verbose" not in query:
        return _reply(environ, start_response, "200 OK", "ok")
    lines = [_line(name, outcome) for name, outcome in outcomes.items()]
    lines.append(f"{checks.name} check {'failed' if failed else 'passed'}")
    status = "500 Internal Server Error" if failed else "200 OK"
    return _reply(environ, start_response, status, "\n".join(lines) + "\n")


def _line(name: str, outcome: bool | None) -> str:
    if outcome is None:
        return f"[+]{name} excluded: ok"
    return f"[+]{name} ok" if outcome else f"[-]{name} failed: reason withheld"


def _reply(
    environ: Mapping[str, Any],
    start_response: StartResponse,
    status: str,
    text: str | bytes,
    content_type: str = _TEXT,
) -> Iterable[bytes]:
    body = text.encode() if isinstance(text, str) else text
    start_response(
        status,
        [
            ("Content-Type", content_type),
            ("X-Content-Type-Options", "nosniff"),
            ("Content-Length", str(len(body))),
        ],
    )
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
