"""The WSGI application that answers the API server: paths, methods, sizes, metrics.

Every request gets an answer and no answer holds a traceback. What an AdmissionReview says is
``lws.webhooks.admission``'s; sockets and TLS are ``lws.runtime.serving``'s. Rules: operations.md, 2.1.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol

from lws.webhooks.admission import ReviewError, Webhook, answer, encode, errored, parse

MAX_BODY = 7 * 1024 * 1024

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class WebhookMetrics(Protocol):
    """The series of one webhook (``runtime.metrics.WebhookFamilies``)."""

    def begun(self) -> None: ...
    def ended(self, code: int, seconds: float, *, panic: bool = False) -> None: ...


class _Route(NamedTuple):
    webhook: Webhook
    metrics: WebhookMetrics


class _Answer(NamedTuple):
    status: HTTPStatus
    body: bytes
    panic: bool = False


class _NoMetrics:
    def begun(self) -> None: ...
    def ended(self, code: int, seconds: float, *, panic: bool = False) -> None: ...


class WebhookApp:
    """Serves each webhook under its URL path. ``metrics`` gives the series for a path."""

    def __init__(
        self,
        webhooks: Mapping[str, Webhook],
        *,
        metrics: Callable[[str], WebhookMetrics] = lambda _path: _NoMetrics(),
        max_body: int = MAX_BODY,
    ) -> None:
        self._routes = {path: _Route(webhook, metrics(path)) for path, webhook in webhooks.items()}
        self._max_body = max_body

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        route = self._routes.get(environ["PATH_INFO"])
        if route is None:
            return _plain(start_response, HTTPStatus.NOT_FOUND)
        if environ["REQUEST_METHOD"] != "POST":
            return _plain(start_response, HTTPStatus.METHOD_NOT_ALLOWED, ("Allow", "POST"))
        route.metrics.begun()
        started = time.perf_counter()
        said = _Answer(HTTPStatus.INTERNAL_SERVER_ERROR, b"")
        try:
            said = self._answer(route.webhook, environ)
        finally:
            route.metrics.ended(said.status.value, time.perf_counter() - started, panic=said.panic)
        return _reply(start_response, said.status, "application/json", said.body)

    def _answer(self, webhook: Webhook, environ: dict[str, Any]) -> _Answer:
        content_type = environ.get("CONTENT_TYPE", "")
        if content_type != "application/json":
            return _refusal(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                400,
                f"Content-Type {content_type!r}, want application/json",
            )
        body = self._read(environ)
        if body is None:
            message = f"the body is longer than {self._max_body} bytes"
            return _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, 413, message)
        try:
            api_version, request = parse(body)
        except ReviewError as error:
            return _refusal(HTTPStatus.BAD_REQUEST, 400, str(error))
        panics: list[bool] = []
        said = answer(webhook, request, api_version=api_version, on_panic=lambda: panics.append(True))
        return _Answer(HTTPStatus.OK, said, bool(panics))

    def _read(self, environ: dict[str, Any]) -> bytes | None:
        """The body, or None when it is too long."""
        length = int(environ.get("CONTENT_LENGTH") or 0)  # the server has checked that it is a number
        return None if length > self._max_body else bytes(environ["wsgi.input"].read(max(0, length)))


def _refusal(status: HTTPStatus, code: int, message: str) -> _Answer:
    return _Answer(status, encode(errored(code, message)))


def _plain(start_response: StartResponse, status: HTTPStatus, *headers: tuple[str, str]) -> Iterable[bytes]:
    return _reply(start_response, status, "text/plain; charset=utf-8", status.phrase.encode(), *headers)


def _reply(
    start_response: StartResponse,
    status: HTTPStatus,
    content_type: str,
    body: bytes,
    *headers: tuple[str, str],
) -> Iterable[bytes]:
    start_response(
        f"{status.value} {status.phrase}",
        [("Content-Type", content_type), ("Content-Length", str(len(body))), *headers],
    )
    return [body]
