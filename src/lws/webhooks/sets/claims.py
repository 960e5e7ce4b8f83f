"""ResourceClaims that groups share, as a set may ask for them in its pod templates (beyond.md, 3.3).

A template that is none that the schema would let through is not judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from lws.api import constants as c
from lws.planning.claims import MOST_PODS, claim_entries
from lws.webhooks.documents import (
    Document,
    LeaderWorkerTemplate,
    Metadata,
    PodResourceClaim,
    PodSpec,
    PodTemplate,
    strings,
)
from lws.webhooks.errors import FieldError, forbidden, invalid, shown

MOST_ENTRIES: Final = 4
_TEMPLATE: Final = "spec.leaderWorkerTemplate"


class Sharing(NamedTuple):
    """One pod template. ``claims``: the entries of its spec."""

    path: str
    annotations: Mapping[str, str]
    claims: Mapping[str, PodResourceClaim]

    @property
    def at(self) -> str:
        return f"{self.path}.metadata.annotations.{c.GROUP_CLAIMS_ANNOTATION}"

    @property
    def value(self) -> str:
        return self.annotations.get(c.GROUP_CLAIMS_ANNOTATION, "")

    def templates(self) -> dict[str, str]:
        """The ResourceClaimTemplates of what it shares, by entry."""
        found = {x: self.claims[x] for x in claim_entries(self.annotations) if x in self.claims}
        return {x: claim.resource_claim_template_name or "" for x, claim in found.items()}


def claims_violations(template: LeaderWorkerTemplate, size: int) -> Iterator[FieldError]:
    """Of each template alone, of both together, and of how many pods would use one claim."""
    leader, workers = template.leader_template, template.worker_template
    own = [] if leader is None else [_read(f"{_TEMPLATE}.leaderTemplate", leader)]
    templates = [*own, _read(f"{_TEMPLATE}.workerTemplate", workers)]
    for one in templates:
        yield from _alone(one)
    yield from _together(templates[0], templates[-1])
    yield from _users(templates[0], templates[-1], size)


def claims_warnings(annotations: Mapping[str, str]) -> Iterator[str]:
    """Of the set's own annotations, which nobody reads for this."""
    if c.GROUP_CLAIMS_ANNOTATION in annotations:
        path = f"metadata.annotations.{c.GROUP_CLAIMS_ANNOTATION}"
        yield f"{path}: has no effect there: it belongs into the pod templates"


def _read(path: str, template: Document | None) -> Sharing:
    try:
        read = msgspec.convert(template or {}, PodTemplate)
    except msgspec.ValidationError:
        read = PodTemplate()
    metadata, spec = read.metadata or Metadata(), read.spec or PodSpec()
    claims = {x.name: x for x in spec.resource_claims or () if x is not None and x.name}
    return Sharing(path, strings(metadata.annotations), claims)


def _alone(one: Sharing) -> Iterator[FieldError]:
    if c.GROUP_CLAIMS_TOKEN_ANNOTATION in one.annotations:
        path = f"{one.path}.metadata.annotations.{c.GROUP_CLAIMS_TOKEN_ANNOTATION}"
        yield forbidden(path, "must not be set: each group gets a token of its own")
    entries = claim_entries(one.annotations)
    if len(entries) > MOST_ENTRIES:
        yield invalid(one.at, one.value, f"must name no more than {MOST_ENTRIES} entries, not {len(entries)}")
    for entry in sorted({x for x in entries if entries.count(x) > 1}):
        yield invalid(one.at, one.value, f"must name {shown(entry)} once only")
    for entry in dict.fromkeys(entries):
        yield from (invalid(one.at, one.value, detail) for detail in _of_entry(one, entry))


def _of_entry(one: Sharing, entry: str) -> Iterator[str]:
    claim = one.claims.get(entry)
    if claim is None:
        yield f"{shown(entry)} must be an entry of the template's spec.resourceClaims"
    elif not claim.resource_claim_template_name:
        yield f"entry {shown(entry)} must have a resourceClaimTemplateName, which claims are made from"


def _together(leader: Sharing, workers: Sharing) -> Iterator[FieldError]:
    """An entry of both is one claim, which cannot be made from two templates."""
    ours, theirs = leader.templates(), workers.templates()
    for entry in sorted(ours.keys() & theirs.keys()):
        if ours[entry] != theirs[entry]:
            detail = (
                f"entry {shown(entry)} must have the same resourceClaimTemplateName in both templates, not"
                f" {shown(ours[entry])} and {shown(theirs[entry])}"
            )
            yield invalid(workers.at, workers.value, detail)


def _users(leader: Sharing, workers: Sharing, size: int) -> Iterator[FieldError]:
    entries = workers.templates()
    users = size if entries.keys() & leader.templates().keys() else size - 1
    if entries and users > MOST_PODS:
        detail = (
            f"must be such that no more than {MOST_PODS} pods share a ResourceClaim, not {users}, as"
            f" annotation {c.GROUP_CLAIMS_ANNOTATION} asks for"
        )
        yield invalid(f"{_TEMPLATE}.size", size, detail, basis=("claims",), excess=users)
