"""A ResourceClaim for each group, in the place of one for each pod (beyond.md, 3.3).

The template of pods names entries of its ``spec.resourceClaims``; admission has the pods of a group name one
claim there, and here that claim is made from the ResourceClaimTemplate of the entry. Its name is new for each
leader pod, so a pod that a former one left behind never holds the next group to where it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.resourceclaims import ResourceClaim, ResourceClaimTemplate
from lws.api.workloads import ControllerRevision, Pod, StatefulSet
from lws.planning.actions import Action, Create, Document, Problem, Requeue
from lws.planning.documents import owned_by_pod
from lws.planning.events import normal, pod_reference, warning
from lws.planning.observed import ObservedClaim, WantedClaim
from lws.planning.ownership import Standing, name_taken, standing
from lws.planning.revisions import Template, labelled_revision, restore, template_of

KIND: Final = "ResourceClaim"
API_VERSION: Final = "resource.k8s.io/v1"
MOST_PODS: Final = 256
"""That may use one claim at a time, by Kubernetes' own limit."""
MOST_ENTRIES: Final = 4
"""That a group shares."""

TEMPLATE_RETRY: Final = 10.0
"""Seconds until another look for a ResourceClaimTemplate, and for what serves them: neither is watched."""
PLACING_GRACE: Final = 15.0
"""Seconds that the scheduler gets to choose devices and nodes before that is in the way."""
SERVED_GRACE: Final = 15.0

_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"  # no words come of them, as in Kubernetes' own names
_TOKEN_LENGTH: Final = 5


def claim_entries(annotations: Mapping[str, str]) -> tuple[str, ...]:
    """The entries that a pod or a pod template has of its group; empty without the annotation."""
    text = annotations.get(c.GROUP_CLAIMS_ANNOTATION)
    return () if text is None else tuple(x.strip() for x in text.split(","))


def claim_name(leader: str, entry: str, token: str) -> str:
    """``leader``: the leader pod's name."""
    return f"{leader}-{entry}-{token}"


def new_token(seed: str) -> str:
    """Five letters and digits; ``seed`` is new for each leader pod."""
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8])
    token = ""
    for _ in range(_TOKEN_LENGTH):
        number, digit = divmod(number, len(_LETTERS))
        token += _LETTERS[digit]
    return token


def claims_token(leader: Pod) -> str:
    """What the claims of this leader's group end with; empty where its pods have none in common.

    A leader that uses some got it at admission, unless that was another controller's; one that uses none has
    workers that do.
    """
    if c.GROUP_CLAIMS_ANNOTATION in leader.annotations:
        return leader.annotations.get(c.GROUP_CLAIMS_TOKEN_ANNOTATION, "")
    return new_token(leader.uid)


def worker_token(leader: Pod, template: Template) -> str:
    """For the template of the group's workers; empty where that asks for no claim of the group."""
    return claims_token(leader) if claim_entries(_annotations(template.worker_template)) else ""


def wanted_claims(
    lws: LeaderWorkerSet,
    leader: Pod,
    workers: StatefulSet | None,
    revisions: Iterable[ControllerRevision],
) -> tuple[WantedClaim, ...]:
    """The claims that the pods of this leader's group name, by entry.

    ``workers``: its worker StatefulSet. None where the revision is not there or cannot be read, which whoever
    builds from it will say.
    """
    revision = labelled_revision(lws, leader.labels.get(c.REVISION_LABEL, ""), revisions)
    # Most sets have none, and are not to pay for reading the templates in each pass.
    if revision is None or c.GROUP_CLAIMS_ANNOTATION.encode() not in bytes(revision.data):
        return ()
    try:
        return _wants(leader, workers, restore(revision, template_of(lws)))
    except ValueError:
        return ()


def _wants(leader: Pod, workers: StatefulSet | None, template: Template) -> tuple[WantedClaim, ...]:
    token = claims_token(leader)
    ours = _templates(template.leader_template) if claim_entries(leader.annotations) else {}
    theirs = _templates(template.worker_template) if template.size > 1 else {}
    if workers is not None and workers.claims_token != token:
        theirs = {}  # made by another controller: a claim for each of its pods
    if not token:
        return ()
    return tuple(
        WantedClaim(x, (ours | theirs)[x], claim_name(leader.name, x, token), x in ours, x in theirs)
        for x in sorted(ours | theirs)
    )


def _templates(pods: Mapping[str, Any]) -> dict[str, str]:
    """By entry that a template has of its group: the ResourceClaimTemplate that it names."""
    entries = {x.get("name"): x for x in (pods.get("spec") or {}).get("resourceClaims") or ()}
    named = {
        x: entries.get(x, {}).get("resourceClaimTemplateName") for x in claim_entries(_annotations(pods))
    }
    return {entry: template for entry, template in named.items() if template}


def _annotations(pods: Mapping[str, Any]) -> Mapping[str, str]:
    return (pods.get("metadata") or {}).get("annotations") or {}


def plan_claims(
    lws: LeaderWorkerSet, leader: Pod, workers: Sequence[Pod], claims: Sequence[ObservedClaim], *, known: bool
) -> tuple[Action, ...]:
    """Make what is missing, and say what pods wait for: to name a claim that is not there does no harm.

    ``workers``: the pods of the group besides the leader. ``known``: it can be told what there is.
    """
    if not claims:
        return ()
    if not known:
        return _unsupported(lws, leader)
    return tuple(action for one in claims for action in _plan_claim(lws, leader, workers, one))


def _unsupported(lws: LeaderWorkerSet, leader: Pod) -> tuple[Action, ...]:
    message = (
        f"Whether there are the ResourceClaims of leader pod {leader.name} is not known: does the cluster"
        f" serve {API_VERSION} (Kubernetes 1.34 or newer), and may the controller list them?"
    )
    problem = Problem(c.REASON_GROUP_CLAIMS_UNSUPPORTED, message, grace=SERVED_GRACE)
    told = warning(lws, c.REASON_GROUP_CLAIMS_UNSUPPORTED, "Create", message, related=pod_reference(leader))
    return (problem, told, Requeue(TEMPLATE_RETRY))


def _plan_claim(
    lws: LeaderWorkerSet, leader: Pod, workers: Sequence[Pod], one: ObservedClaim
) -> tuple[Action, ...]:
    want, failed = one.want, f"Failed to create {KIND} {one.want.claim} for leader pod {leader.name}"
    if one.found is not None:
        return _judge(lws, leader, workers, one.found, want)
    if one.template is None:
        missing = f"there is no ResourceClaimTemplate {want.template}"
        if one.refused:
            missing = f"ResourceClaimTemplate {want.template} may not be read: {one.refused}"
        problem = Problem(c.REASON_WAITING_FOR_CLAIM, f"{KIND} {want.claim} cannot be made: {missing}")
        told = warning(
            lws, c.REASON_FAILED_CREATE, "Create", f"{failed}: {missing}", related=pod_reference(leader)
        )
        return (problem, told, Requeue(TEMPLATE_RETRY))
    note = f"Created {KIND} {want.claim} for leader pod {leader.name}"
    created = normal(lws, c.REASON_GROUP_CLAIM_CREATED, "Create", note, related=pod_reference(leader))
    warned = warning(lws, c.REASON_FAILED_CREATE, "Create", failed, related=pod_reference(leader))
    document = claim_document(lws, leader, want, one.template)
    return (Create(KIND, document, then=(created,), failed=warned, essential=False),)


def claim_document(
    lws: LeaderWorkerSet, leader: Pod, want: WantedClaim, template: ResourceClaimTemplate
) -> Document:
    """Owned by the leader, whose deletion does not wait for it: the claim waits for the pods that use it."""
    owner = {name: x for name, x in owned_by_pod(leader).items() if name != "blockOwnerDeletion"}
    names = (c.NAME_LABEL, c.GROUP_INDEX_LABEL, c.REVISION_LABEL)
    labels = template.spec.metadata.labels | {x: leader.labels.get(x, "") for x in names}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": want.claim,
            "namespace": lws.namespace,
            "labels": labels,
            "annotations": template.spec.metadata.annotations,
            "ownerReferences": [owner],
        },
        "spec": template.spec.spec,
    }


def _judge(
    lws: LeaderWorkerSet, leader: Pod, workers: Sequence[Pod], found: ResourceClaim, want: WantedClaim
) -> tuple[Action, ...]:
    needed = {"kind": KIND, "metadata": {"ownerReferences": [owned_by_pod(leader)]}}
    if standing(found, needed) is Standing.FOREIGN:
        problem = replace(name_taken(found, needed), unmet=True)
        note = f"Failed to create {KIND} {want.claim} for leader pod {leader.name}: {problem.message}"
        told = warning(lws, c.REASON_FAILED_CREATE, "Create", note, related=pod_reference(leader))
        return (problem, told, Requeue(TEMPLATE_RETRY))
    users = [*([leader] if want.leader else []), *(workers if want.workers else [])]
    waiting = next((x for x in users if not (x.spec.node_name or x.deleting or x.ended)), None)
    if waiting is None:
        return ()
    state = (
        "is allocated, and the nodes that it can be used from have no place"
        if found.allocated
        else "is not allocated: no node has such devices free"
    )
    message = f"pod {waiting.name} waits: {KIND} {want.claim} {state}"
    return (Problem(c.REASON_WAITING_FOR_CLAIM, message, grace=PLACING_GRACE),)
