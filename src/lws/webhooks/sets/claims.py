"""ResourceClaims that groups share, as a set may ask for them in its pod templates (beyond.md, 3.3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from lws.api import constants as c
from lws.planning.claims import MOST_ENTRIES, MOST_PODS, claim_entries
from lws.webhooks.documents import LeaderWorkerTemplate
from lws.webhooks.errors import FieldError, forbidden, invalid, shown
from lws.webhooks.sets.templates import TEMPLATE, TemplateView, pod_templates


class Sharing:
    """What one pod template shares. ``claims``: the entries of its spec."""

    def __init__(self, template: TemplateView) -> None:
        self.annotations = template.annotations
        self.entries = claim_entries(self.annotations)
        self.claims = {x.name: x for x in template.spec.resource_claims or () if x is not None and x.name}
        self.at = template.at(c.GROUP_CLAIMS_ANNOTATION)
        self.at_token = template.at(c.GROUP_CLAIMS_TOKEN_ANNOTATION)
        self.value = self.annotations.get(c.GROUP_CLAIMS_ANNOTATION, "")

    def templates(self) -> dict[str, str]:
        """The ResourceClaimTemplates of what it shares, by entry; of too many entries none is looked at."""
        entries = self.entries if len(self.entries) <= MOST_ENTRIES else ()
        found = {x: self.claims[x] for x in entries if x in self.claims}
        return {x: claim.resource_claim_template_name or "" for x, claim in found.items()}


def claims_violations(template: LeaderWorkerTemplate, size: int) -> Iterator[FieldError]:
    """Of each template alone, of both together, and of how many pods would use one claim."""
    templates = [Sharing(x) for x in pod_templates(template)]
    for one in templates:
        yield from _alone(one)
    yield from _together(templates[0], templates[-1])
    yield from _users(templates[0], templates[-1], size)


def claims_warnings(annotations: Mapping[str, str]) -> Iterator[str]:
    """Of the set's own annotations, which nobody reads for this."""
    if c.GROUP_CLAIMS_ANNOTATION in annotations:
        path = f"metadata.annotations.{c.GROUP_CLAIMS_ANNOTATION}"
        yield f"{path}: has no effect there: it belongs into the pod templates"


def _alone(one: Sharing) -> Iterator[FieldError]:
    if c.GROUP_CLAIMS_TOKEN_ANNOTATION in one.annotations:
        yield forbidden(one.at_token, "must not be set: each group gets a token of its own")
    counted = Counter(one.entries)
    if len(one.entries) > MOST_ENTRIES:
        detail = f"must name no more than {MOST_ENTRIES} entries, not {len(one.entries)}"
        yield invalid(one.at, one.value, detail)
        return
    for entry in sorted(x for x, count in counted.items() if count > 1):
        yield invalid(one.at, one.value, f"must name {shown(entry)} once only")
    for entry in counted:
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
        yield invalid(f"{TEMPLATE}.size", size, detail, basis=("claims",), excess=users)
