"""AdmissionReview on the wire: decoding, answering, and what a webhook is.

A webhook is a function from :class:`AdmissionRequest` to :class:`AdmissionResponse`; :func:`parse`
and :func:`answer` lie between it and the bytes of HTTP. The rules of any one kind, and HTTP
itself, may not live here. The table of outcomes is api.md, 4.1.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from lws.runtime.logs import get_logger
from lws.webhooks.errors import cut
from lws.webhooks.jsonpatch import Operation

T = TypeVar("T")

V1 = "admission.k8s.io/v1"
V1BETA1 = "admission.k8s.io/v1beta1"
CREATE = "CREATE"
UPDATE = "UPDATE"
DELETE = "DELETE"

_log = get_logger("controller-runtime.webhook")


class ReviewError(Exception):
    """The bytes are no AdmissionReview that can be answered; the message says why."""


class ObjectError(Exception):
    """The object inside a sound AdmissionReview does not decode; the message names the member."""


class GroupVersionKind(Struct, frozen=True):
    """``metav1.GroupVersionKind``."""

    group: str = ""
    version: str = ""
    kind: str = ""


class GroupVersionResource(Struct, frozen=True):
    """``metav1.GroupVersionResource``."""

    group: str = ""
    version: str = ""
    resource: str = ""


class UserInfo(Struct, frozen=True):
    """Who asks, as the API server authenticated them."""

    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] | None = None


class AdmissionRequest(Struct, frozen=True, rename="camel"):
    """The question. ``object`` is the new state, ``old_object`` the present one, as raw JSON.

    They are ``null`` where the operation has none: CREATE has no old object, DELETE no new one.
    """

    uid: str
    kind: GroupVersionKind = GroupVersionKind()
    resource: GroupVersionResource = GroupVersionResource()
    sub_resource: str | None = None
    operation: str = ""
    namespace: str | None = None
    name: str | None = None
    user_info: UserInfo = UserInfo()
    object: msgspec.Raw = msgspec.Raw(b"null")
    old_object: msgspec.Raw = msgspec.Raw(b"null")
    dry_run: bool | None = None

    @property
    def user(self) -> UserInfo:
        return self.user_info

    def decode(self, type_: type[T]) -> T:
        """``object`` as ``type_``. Raises ObjectError, which is answered with a 400."""
        return _decode(self.object, type_)

    def decode_old(self, type_: type[T]) -> T:
        """``old_object`` as ``type_``. Raises ObjectError, which is answered with a 400."""
        return _decode(self.old_object, type_)


class AdmissionResponse(NamedTuple):
    """The answer. ``code`` is an HTTP status inside the review, never the HTTP status of the answer.

    ``warnings`` are shown to whoever asked, whether it is allowed or not.
    """

    allowed: bool
    code: int = 200
    reason: str = ""
    message: str = ""
    patch: Sequence[Operation] = ()
    warnings: Sequence[str] = ()


Webhook = Callable[[AdmissionRequest], AdmissionResponse]


def allowed(warnings: Sequence[str] = ()) -> AdmissionResponse:
    """Let it pass as it is."""
    return AdmissionResponse(True, warnings=warnings)


def patched(operations: Sequence[Operation]) -> AdmissionResponse:
    """Let it pass, changed by these JSON Patch operations; none means unchanged."""
    return AdmissionResponse(True, patch=operations)


def denied(message: str, warnings: Sequence[str] = ()) -> AdmissionResponse:
    """A rule is violated: 403 with the reason ``Forbidden``."""
    return AdmissionResponse(False, 403, "Forbidden", message, warnings=warnings)


def errored(code: int, message: str) -> AdmissionResponse:
    """The question cannot be answered: 400 for its fault, 413 too large, 500 for ours."""
    return AdmissionResponse(False, code, "", message)


class _Review(Struct, frozen=True, rename="camel"):
    api_version: str
    kind: str
    request: AdmissionRequest


_reviews = msgspec.json.Decoder(_Review)

# What malformed JSON can raise: msgspec's own errors, bad UTF-8, and nesting deeper than the C stack.
_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def parse(body: bytes) -> tuple[str, AdmissionRequest]:
    """The apiVersion and the request of an AdmissionReview. Raises ReviewError."""
    try:
        found = _reviews.decode(body)
    except _UNDECODABLE as error:
        raise ReviewError(f"the body is no AdmissionReview: {_reason(error)}") from None
    if found.kind != "AdmissionReview" or found.api_version not in (V1, V1BETA1):
        kind, version = cut(found.kind), cut(found.api_version)
        raise ReviewError(f"want an AdmissionReview of {V1}, got {kind!r} of {version!r}")
    if not found.request.uid:
        raise ReviewError("the AdmissionReview has no request.uid")
    return found.api_version, found.request


def answer(
    webhook: Webhook,
    request: AdmissionRequest,
    *,
    api_version: str = V1,
    on_panic: Callable[[], None] = lambda: None,
) -> bytes:
    """Ask ``webhook`` and encode what it says. Whatever it raises is a 500 that tells nothing.

    The traceback goes to the log, under the uid that the answer names.
    """
    try:
        return encode(_ask(webhook, request), uid=request.uid, api_version=api_version)
    except Exception:  # noqa: BLE001 - a bug in a rule must not take the webhook server down
        on_panic()
        _log.exception("Webhook panicked", requestID=request.uid, kind=request.kind.kind, name=request.name)
        crash = errored(500, f"the webhook failed; its log has the reason (request {request.uid})")
        return encode(crash, uid=request.uid, api_version=api_version)


def _ask(webhook: Webhook, request: AdmissionRequest) -> AdmissionResponse:
    try:
        return webhook(request)
    except (ObjectError, msgspec.DecodeError, UnicodeDecodeError) as error:
        return errored(400, str(error))


def encode(response: AdmissionResponse, *, uid: str = "", api_version: str = V1) -> bytes:
    """The AdmissionReview that carries ``response``."""
    status: dict[str, Any] = {"code": response.code}
    if response.reason:
        status["reason"] = response.reason
    if response.message:
        status["message"] = response.message
    answer: dict[str, Any] = {"uid": uid, "allowed": response.allowed, "status": status}
    if response.patch:
        answer["patchType"] = "JSONPatch"
        answer["patch"] = base64.b64encode(msgspec.json.encode(response.patch)).decode("ascii")
    if response.warnings:
        answer["warnings"] = list(response.warnings)
    return msgspec.json.encode({"apiVersion": api_version, "kind": "AdmissionReview", "response": answer})


def _decode(raw: msgspec.Raw, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=type_)
    except _UNDECODABLE as error:
        raise ObjectError(_reason(error)) from None


def _reason(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
