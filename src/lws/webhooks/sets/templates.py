"""The pod templates of a set as rules read them.

One that is none that the schema would let through reads as empty, and so is not judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from lws.webhooks.documents import (
    Document,
    LeaderWorkerTemplate,
    Metadata,
    PodSpec,
    PodTemplate,
    strings,
)

TEMPLATE: Final = "spec.leaderWorkerTemplate"


class TemplateView(NamedTuple):
    """``path``: of the template in the set."""

    path: str
    annotations: Mapping[str, str]
    spec: PodSpec

    def at(self, annotation: str) -> str:
        return f"{self.path}.metadata.annotations.{annotation}"


def pod_templates(template: LeaderWorkerTemplate) -> list[TemplateView]:
    """The leader's and the workers', or the one that serves for both."""
    leader, workers = template.leader_template, template.worker_template
    own = [] if leader is None else [_read(f"{TEMPLATE}.leaderTemplate", leader)]
    return [*own, _read(f"{TEMPLATE}.workerTemplate", workers)]


def _read(path: str, template: Document | None) -> TemplateView:
    try:
        read = msgspec.convert(template or {}, PodTemplate)
    except msgspec.ValidationError:
        read = PodTemplate()
    metadata = read.metadata or Metadata()
    return TemplateView(path, strings(metadata.annotations), read.spec or PodSpec())
