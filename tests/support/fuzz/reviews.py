"""Sound reviews to begin with: of the golden vectors' objects and of the samples."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from lws.webhooks.admission import Webhook
from lws.webhooks.handlers import (
    mutate_leaderworkerset,
    pod_mutator,
    validate_disaggregatedset,
    validate_leaderworkerset,
)
from support.golden import vectors

Document = dict[str, Any]

SAMPLES = Path(__file__).parents[3] / "manifests" / "samples"
WEBHOOKS: dict[str, tuple[Webhook, ...]] = {
    "LeaderWorkerSet": (mutate_leaderworkerset, validate_leaderworkerset),
    "DisaggregatedSet": (validate_disaggregatedset,),
    "Pod": (pod_mutator(None), pod_mutator("volcano", lambda _namespace, _name: True)),
}
"""Who is asked about a kind."""


def review(document: Document, old: Document | None = None) -> Document:
    """What the API server would ask about this object; with ``old``, about its update."""
    metadata = document.get("metadata") or {}
    request = {
        "uid": "b4a0ff5e",
        "kind": {"group": "", "version": "v1", "kind": document["kind"]},
        "namespace": "default",
        "name": metadata.get("name", ""),
        "operation": "UPDATE" if old else "CREATE",
        "userInfo": {"username": "jane", "groups": ["system:authenticated"]},
        "object": document,
        "oldObject": old,
        "dryRun": False,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def seeds() -> list[Document]:
    """Reviews of all kinds, creations and updates; always the same ones."""
    return [review(*x) for x in (*_golden(), *_sampled())]


def _golden() -> Iterator[tuple[Document, Document | None]]:
    for vector in vectors("leaderworkerset_admission.jsonl")[::5]:
        yield vector["object"], vector.get("old")
    for vector in vectors("disaggregatedset_admission.jsonl")[::5]:
        yield vector["new"], vector["old"]
    for vector in vectors("pod_mutate.jsonl")[::5]:
        yield {"kind": "Pod", **vector["pod"]}, None


def _sampled() -> Iterator[tuple[Document, Document | None]]:
    for path in sorted(SAMPLES.rglob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            if document and document.get("kind") in WEBHOOKS:
                found = json.loads(json.dumps(document, default=str))
                yield found, None
                yield found, found
