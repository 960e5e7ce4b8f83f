"""The webhooks: from a request to the rules that answer it, and back.

No rule lives here. A webhook never raises for what an object says: a broken rule is a 403, an object that
does not decode a 400.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from itertools import pairwise

import msgspec

from lws.webhooks import disaggregatedsets
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
from lws.webhooks.documents import Document
from lws.webhooks.errors import AdmissionError, NotKnownError, aggregate
from lws.webhooks.jsonpatch import diff
from lws.webhooks.pods import GatesLeaders, mutation_stages, no_gates
from lws.webhooks.sets import default_leaderworkerset, validate_create, validate_update, warn


def _answering(webhook: Webhook) -> Webhook:
    """``webhook``, with what the rules raise turned into the answer it stands for (api.md, 4.1)."""

    @wraps(webhook)
    def answer(request: AdmissionRequest) -> AdmissionResponse:
        try:
            return webhook(request)
        except AdmissionError as error:
            return denied(str(error))
        except NotKnownError as error:
            return errored(500, str(error))
        except (ObjectError, msgspec.DecodeError) as error:
            return errored(400, f"the object cannot be decoded: {error}")

    return answer


@_answering
def mutate_leaderworkerset(request: AdmissionRequest) -> AdmissionResponse:
    """Fill in the defaults of a LeaderWorkerSet (api.md, 4.2)."""
    return _mutated(request, lambda lws: (default_leaderworkerset(lws),))


@_answering
def validate_leaderworkerset(request: AdmissionRequest) -> AdmissionResponse:
    """Deny a LeaderWorkerSet that breaks a rule, with all violations in the message (api.md, 4.3 and 4.4).

    Other operations than creating and updating change nothing that a rule is about.
    """
    if request.operation not in {CREATE, UPDATE}:
        return allowed()
    new = request.decode(Document)
    old = request.decode_old(Document) if request.operation == UPDATE else None
    errors = validate_create(new) if old is None else validate_update(new, old)
    return denied(aggregate(errors)) if errors else allowed(warn(new, old))


@_answering
def validate_disaggregatedset(request: AdmissionRequest) -> AdmissionResponse:
    """Deny a DisaggregatedSet that breaks a rule, with all violations (disaggregatedset.md, 18).

    Other operations are let pass. Warnings come with either answer.
    """
    if request.operation not in {CREATE, UPDATE}:
        return allowed()
    new = request.decode(Document)
    old = request.decode_old(Document) if request.operation == UPDATE else None
    errors, warnings = disaggregatedsets.validate(new, old), disaggregatedsets.warn(new, old)
    return denied(aggregate(errors), warnings) if errors else allowed(warnings)


def pod_mutator(gang: str | None, gates_leaders: GatesLeaders = no_gates) -> Webhook:
    """The webhook that makes a pod a member of its group; arguments as for :func:`mutation_stages`."""

    @_answering
    def mutate(request: AdmissionRequest) -> AdmissionResponse:
        return _mutated(
            request,
            lambda pod: mutation_stages(
                pod, request.namespace or "", gang=gang, gates_leaders=gates_leaders, uid=request.uid
            ),
        )

    return mutate


def validate_pod(_request: AdmissionRequest) -> AdmissionResponse:
    """Let every pod pass: the path is part of the webhook configuration, and no rule is (api.md, 5.1)."""
    return allowed()


def _mutated(
    request: AdmissionRequest, stages: Callable[[Document], Sequence[Document]]
) -> AdmissionResponse:
    """The patch that leads from the object through all stages, in order."""
    if request.operation == DELETE:
        return allowed()
    document = request.decode(Document)
    steps = pairwise((document, *stages(document)))
    return patched([operation for before, after in steps for operation in diff(before, after)])
