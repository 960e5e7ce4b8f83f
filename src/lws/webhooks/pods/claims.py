"""ResourceClaims that the pods of a group share: each names the group's claim instead of a template for its
own (beyond.md, 3.3). Who makes the claims, and how they are called, is ``planning.claims``.
"""

from __future__ import annotations

from collections.abc import Mapping

from lws.api import constants as c
from lws.planning.claims import MOST_ENTRIES, claim_entries, claim_name
from lws.webhooks.documents import Document, PodSpec
from lws.webhooks.errors import AdmissionError, shown


def group_claims(
    present: Document, spec: PodSpec, annotations: Mapping[str, str], *, leader: str
) -> Document:
    """``resourceClaims`` with the entries of the group renamed; empty for a pod that shares none.

    Without token the group was made by a controller that shares no claims, and the pod gets its own, as the
    others have. ``present`` is the pod's spec, ``spec`` the reading of that; ``leader``: name of the leader
    pod.

    Raises:
        AdmissionError: there are too many entries, or one is not there, or names another claim.
    """
    entries, token = claim_entries(annotations), annotations.get(c.GROUP_CLAIMS_TOKEN_ANNOTATION)
    if not entries or not token:
        return {}
    if not leader:
        raise AdmissionError(
            f"annotation {c.LEADER_NAME_ANNOTATION} is missing: a pod that shares claims must have it"
        )
    if len(entries) > MOST_ENTRIES:
        raise AdmissionError(
            f"annotation {c.GROUP_CLAIMS_ANNOTATION} must name no more than {MOST_ENTRIES} entries, not"
            f" {len(entries)}"
        )
    claims, indexes = list(present.get("resourceClaims") or ()), _indexes(spec)
    for entry in entries:
        index = _index_of(indexes, entry)
        name = claim_name(leader, entry, token)
        rest = {key: x for key, x in claims[index].items() if key != "resourceClaimTemplateName"}
        if rest.setdefault("resourceClaimName", name) != name:
            raise AdmissionError(
                f"spec.resourceClaims[{index}].resourceClaimName is {shown(rest['resourceClaimName'])}: must"
                f" be {shown(name)} or missing, as annotation {c.GROUP_CLAIMS_ANNOTATION} names the entry"
            )
        claims[index] = rest
    return {"resourceClaims": claims}


def _indexes(spec: PodSpec) -> dict[str, int]:
    """By name, of the first that has it; one without a name is none of these."""
    found: dict[str, int] = {}
    for index, claim in enumerate(spec.resource_claims or ()):
        if claim is not None and claim.name is not None:
            found.setdefault(claim.name, index)
    return found


def _index_of(indexes: Mapping[str, int], entry: str) -> int:
    if entry not in indexes:
        raise AdmissionError(
            f"annotation {c.GROUP_CLAIMS_ANNOTATION} names {shown(entry)}:"
            " must be an entry of spec.resourceClaims"
        )
    return indexes[entry]
