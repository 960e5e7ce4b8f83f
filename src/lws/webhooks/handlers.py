"""The four webhooks: from a request to the rules that answer it, and back.

No rule lives here. A webhook never raises for what an object says: a broken rule is a 403, an object that
does not decode a 400.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import msgspec

from lws.webhooks.admission import (
    CREATE,
    DELETE,
    UPDATE,
    AdmissionRequest,
    AdmissionResponse,
    ObjectError,
    Webhook,
    allowed,
    denied,
    errored,
    patched,
)
from lws.webhooks.defaulting import default_leaderworkerset
from lws.webhooks.documents import Document
from lws.webhooks.errors import AdmissionError, FieldError, aggregate
from lws.webhooks.jsonpatch import diff
from lws.webhooks.pods import mutate_pod
from lws.webhooks.validation import validate_create, validate_update


def _answering(webhook: Webhook) -> Webhook:
    """``webhook``, with what the rules raise turned into the answer it stands for (api.md, 4.1)."""

    @wraps(webhook)
    def answer(request: AdmissionRequest) -> AdmissionResponse:
        try:
            return webhook(request)
        except AdmissionError as error:
            return denied(str(error))
        except (ObjectError, msgspec.DecodeError) as error:
            return errored(400, f"the object cannot be decoded: {error}")

    return answer


@_answering
def mutate_leaderworkerset(request: AdmissionRequest) -> AdmissionResponse:
    """Fill in the defaults of a LeaderWorkerSet (api.md, 4.2)."""
    return _mutated(request, default_leaderworkerset)


@_answering
def validate_leaderworkerset(request: AdmissionRequest) -> AdmissionResponse:
    """Deny a LeaderWorkerSet that breaks a rule, with all violations in the message (api.md, 4.3 and 4.4)."""
    errors = _violations(request)
    return denied(aggregate(errors)) if errors else allowed()


def pod_mutator(gang: str | None) -> Webhook:
    """The webhook that makes a pod a member of its group; ``gang`` as for :func:`mutate_pod`."""

    @_answering
    def mutate(request: AdmissionRequest) -> AdmissionResponse:
        return _mutated(request, lambda pod: mutate_pod(pod, request.namespace or "", gang=gang))

    return mutate


def validate_pod(_request: AdmissionRequest) -> AdmissionResponse:
    """Let every pod pass: the path is part of the webhook configuration, and no rule is (api.md, 5.1)."""
    return allowed()


def _mutated(request: AdmissionRequest, mutate: Callable[[Document], Document]) -> AdmissionResponse:
    if request.operation == DELETE:
        return allowed()
    document = request.decode(Document)
    return patched(diff(document, mutate(document)))


def _violations(request: AdmissionRequest) -> list[FieldError]:
    """Other operations than creating and updating change nothing that a rule is about."""
    if request.operation == CREATE:
        return validate_create(request.decode(Document))
    if request.operation == UPDATE:
        return validate_update(request.decode(Document), request.decode_old(Document))
    return []
