"""Admission by this project's own webhooks, asked in this process: bytes of a review in, and out."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping

import msgspec

from lws.api import constants as c
from lws.webhooks.admission import Webhook, answer, parse
from lws.webhooks.paths import MUTATE_POD, MUTATE_SET, VALIDATE_DISAGGREGATED_SET, VALIDATE_SET
from support.apimodel.answers import Refused
from support.apimodel.patching import json_patch
from support.apimodel.store import Document, Kind, Where


class Admission:
    """As the webhook configurations of ``manifests/webhook`` have it. ``webhooks`` empty: none registered.

    ``let_go``: other people's policies, asked of every deletion and whose it is; ``let_in``: quotas, asked of
    every object that is to be made; both raise Refused.
    """

    def __init__(self, webhooks: Mapping[str, Webhook]) -> None:
        self.webhooks = webhooks
        self.let_go: Callable[[Where, str], None] = lambda where, by: None
        self.let_in: Callable[[Kind, Document], None] = lambda kind, new: None
        self._asked = 0

    def admit(self, kind: Kind, new: Document, old: Document | None) -> Document:
        """The object as admission leaves it. Raises Refused."""
        mutating, validating = _paths(kind, new, old)
        if mutating in self.webhooks:
            new = self._ask(mutating, kind, new, old)
        if validating in self.webhooks:
            self._ask(validating, kind, new, old)
        if old is None:
            self.let_in(kind, new)
        return new

    def _ask(self, path: str, kind: Kind, new: Document, old: Document | None) -> Document:
        self._asked += 1
        group = {"group": kind.group, "version": kind.version}
        review = {
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": f"review-{self._asked}",
                "kind": {**group, "kind": kind.kind},
                "resource": {**group, "resource": kind.plural},
                "operation": "CREATE" if old is None else "UPDATE",
                "namespace": new["metadata"].get("namespace", ""),
                "name": new["metadata"].get("name", ""),
                "object": new,
                "oldObject": old,
            },
        }
        version, request = parse(msgspec.json.encode(review))
        said = msgspec.json.decode(answer(self.webhooks[path], request, api_version=version))["response"]
        if not said["allowed"]:
            message = said["status"].get("message", "")
            raise Refused(said["status"]["code"], "Forbidden", f"admission webhook denied: {message}")
        if "patch" not in said:
            return new
        patched: Document = json_patch(new, msgspec.json.decode(base64.b64decode(said["patch"])))
        return patched


def _paths(kind: Kind, new: Document, old: Document | None) -> tuple[str, str]:
    """Which webhooks are asked: mutating, validating."""
    match kind.kind:
        case "LeaderWorkerSet":
            return MUTATE_SET, VALIDATE_SET
        case "DisaggregatedSet":
            return "", VALIDATE_DISAGGREGATED_SET
        case "Pod" if old is None and c.NAME_LABEL in (new["metadata"].get("labels") or {}):
            return MUTATE_POD, ""
    return "", ""
