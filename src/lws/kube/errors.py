"""What can go wrong between this process and the API server, as exceptions that print in one line.

Nobody above this package sees an exception of urllib3, msgspec or the kubernetes client. Texts never hold
headers or whole bodies: those may carry secrets and fill logs.
"""

# ruff: noqa: N818 - NotFound, Conflict and their like are the API's own words for its errors

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec

MESSAGE_LIMIT = 1000  # characters of a server's message that are kept
FAIRNESS = {  # which queue of API priority and fairness a request was put into, by UIDs
    "flow schema": "x-kubernetes-pf-flowschema-uid",
    "priority level": "x-kubernetes-pf-prioritylevel-uid",
}


class KubeError(Exception):
    """Base of everything this package raises.

    ``repeated``: the request went out more than once, as an earlier answer was lost. Then NotFound, Conflict
    and AlreadyExists may be the echo of what it did the first time.
    """

    repeated = False


class ConfigurationError(KubeError):
    """The way to the API server is not known: kubeconfig missing or broken. One line: cause and remedy."""


class TransportError(KubeError):
    """No (whole) answer came: refused, reset, timed out, TLS failed, or the connection was closed here.

    ``refused``: no connection came about, so the server surely has not seen the request.
    ``permanent``: trying again cannot help (an untrusted certificate, a closed Connection).
    ``silent``: there was a connection, and nothing came for too long.
    ``client_refused``: the server's TLS takes no client with our certificate, or with none.
    """

    def __init__(
        self,
        message: str,
        *,
        refused: bool = False,
        permanent: bool = False,
        silent: bool = False,
        client_refused: bool = False,
    ) -> None:
        super().__init__(message)
        self.refused = refused
        self.permanent = permanent
        self.silent = silent
        self.client_refused = client_refused


class DecodeError(KubeError):
    """An answer came, but it is not what was asked for: not JSON, or JSON of another shape."""


class ApiError(KubeError):
    """The API server said no. ``retry_after`` in seconds, None when the server named no time."""

    def __init__(
        self,
        status: int,
        reason: str = "",
        message: str = "",
        details: dict[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(status, reason, message)
        self.status = status
        self.reason = reason
        self.message = message
        self.details: dict[str, Any] = details or {}
        self.retry_after = retry_after

    @property
    def words(self) -> str:
        """What the server says of it."""
        return self.message or self.reason

    def has_cause(self, reason: str) -> bool:
        """Whether the server names this among the causes, for instance ``NamespaceTerminating``."""
        causes = self.details.get("causes")
        if not isinstance(causes, list):
            return False
        return any(isinstance(cause, dict) and cause.get("reason") == reason for cause in causes)

    @property
    def refused(self) -> bool:
        """The server decided against this request, and would again until somebody changes something.

        Not what says that the world has moved on (404, 409, 410), that it is too busy (429), who we are
        (401), or that nothing can be made any more because the namespace is on its way out.
        """
        return (
            400 <= self.status < 500
            and not isinstance(self, _NO_VERDICT)
            and not self.has_cause("NamespaceTerminating")
        )

    def __str__(self) -> str:
        return f"{self.reason or 'Error'} ({self.status}): {self.message}"


class BadRequest(ApiError):
    """400."""


class Unauthorized(ApiError):
    """401: no or an expired token."""


class Forbidden(ApiError):
    """403: RBAC, admission, or a namespace that is being deleted."""


class NotFound(ApiError):
    """404."""


class AlreadyExists(ApiError):
    """409 on create: an object of that name is there, perhaps outside our view."""


class Conflict(ApiError):
    """409: another resourceVersion or UID than the one asked for."""


class Gone(ApiError):
    """410, reasons Gone and Expired: the resourceVersion is too old; list anew."""


class Invalid(ApiError):
    """422: the document breaks the schema or validation; the same document never passes."""


class TooManyRequests(ApiError):
    """429: the server did not act; come back after ``retry_after``."""


class InternalError(ApiError):
    """500 and other server errors, failing admission webhooks among them."""


class Unavailable(ApiError):
    """502 or 503."""


class ServerTimeout(ApiError):
    """504, reasons Timeout and ServerTimeout: the server may or may not have acted."""


_NO_VERDICT = (Unauthorized, NotFound, AlreadyExists, Conflict, Gone, TooManyRequests, ServerTimeout)

BY_REASON: dict[str, type[ApiError]] = {
    "BadRequest": BadRequest,
    "Unauthorized": Unauthorized,
    "Forbidden": Forbidden,
    "NotFound": NotFound,
    "AlreadyExists": AlreadyExists,
    "Conflict": Conflict,
    "Gone": Gone,
    "Expired": Gone,
    "Invalid": Invalid,
    "TooManyRequests": TooManyRequests,
    "InternalError": InternalError,
    "ServiceUnavailable": Unavailable,
    "Timeout": ServerTimeout,
    "ServerTimeout": ServerTimeout,
}
BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
    502: Unavailable,
    503: Unavailable,
    504: ServerTimeout,
}


class _Status(msgspec.Struct):
    """``metav1.Status``, the members read."""

    kind: str = ""
    message: str | None = None
    reason: str | None = None
    details: dict[str, Any] | None = None
    code: int | None = None


_decode_status = msgspec.json.Decoder(_Status).decode


def api_error(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """The error an HTTP answer outside 200-299 stands for. Never raises, whatever the body is."""
    wait = _retry_after(headers)
    try:
        answer = _decode_status(body)
    except (msgspec.DecodeError, ValueError):
        answer = _Status()
    if answer.kind != "Status":
        answer = _Status(message=_foreign_message(status, headers, body))
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        answer.message = f"{answer.message or ''}{_queue(headers)}"
    return _from_status(answer, status, wait)


def status_error(status_object: msgspec.Raw) -> ApiError:
    """The error a Status object stands for, as the ERROR event of a watch carries it. Never raises."""
    try:
        answer = _decode_status(status_object)
    except (msgspec.DecodeError, ValueError):
        return InternalError(500, "InternalError", "an ERROR event that holds no Status")
    return _from_status(answer, 500, None)


def _from_status(answer: _Status, http_status: int, wait: float | None) -> ApiError:
    details = answer.details or {}
    if wait is None:
        wait = _seconds(details.get("retryAfterSeconds"))
    return _classify(answer.code or http_status, answer.reason or "", answer.message or "", details, wait)


def _classify(
    status: int, reason: str, message: str, details: dict[str, Any], wait: float | None
) -> ApiError:
    fallback = InternalError if status >= 500 else ApiError
    kind = BY_REASON.get(reason) or BY_STATUS.get(status, fallback)
    return kind(status, one_line(reason) or _phrase(status), one_line(message), details, wait)


def one_line(text: str) -> str:
    """``text`` without line breaks and runs of blanks, cut at MESSAGE_LIMIT characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= MESSAGE_LIMIT else flat[: MESSAGE_LIMIT - 3] + "..."


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")
    except ValueError:
        return ""


def _foreign_message(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """What to say of an answer that is no Status: plain text is quoted, a page only named."""
    if 300 <= status < 400:
        target = _header(headers, "location").partition("?")[0]  # what follows may be a secret
        return f"a redirect to {target or 'nowhere'}, which is not followed"
    content_type = _header(headers, "content-type").partition(";")[0]
    if content_type in {"", "text/plain"} and body.strip():
        return body[:MESSAGE_LIMIT].decode(errors="replace")
    return f"an answer of type {content_type or 'none'} without a Status; is a proxy in between?"


def _queue(headers: Mapping[str, str]) -> str:
    """For whoever must make room: where the API server found too many requests, if it says so."""
    named = [f"{what} {uid}" for what, name in FAIRNESS.items() if (uid := _header(headers, name))]
    return f" ({', '.join(named)})" if named else ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    return _seconds(_header(headers, "retry-after"))


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name), "")


def _seconds(value: object) -> float | None:
    """Seconds as the API server writes them; None for anything else (HTTP dates: only proxies send them)."""
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return seconds if 0 <= seconds < 1e6 else None
