"""Pieces that several documents share: owner references, claims, template metadata.

Documents share structure with the canonical templates they are made from, so no function here changes its
input, and no caller may change what it gets. Which object gets which piece is not decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod
from lws.objects import Condition, KubeObject
from lws.planning.actions import Document
from lws.planning.revisions import Template


def controller_reference(api_version: str, kind: str, owner: KubeObject) -> Document:
    """An owner reference that makes ``owner`` the controller and lets it wait for its children's end."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": owner.name,
        "uid": owner.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def owned_by_set(lws: LeaderWorkerSet) -> Document:
    return controller_reference(c.API_VERSION, c.KIND, lws)


def owned_by_pod(leader: KubeObject) -> Document:
    return controller_reference("v1", "Pod", leader)


def handed_on(lws: LeaderWorkerSet) -> dict[str, str]:
    """The annotations that a set's StatefulSets get: all but the text of the set itself (decision 122)."""
    return {key: x for key, x in lws.annotations.items() if key != c.LAST_APPLIED_ANNOTATION}


def labelled_template(
    template: Mapping[str, Any], *, labels: Mapping[str, str], annotations: Mapping[str, str]
) -> Document:
    """The pod template with these labels and annotations, which win over the user's."""
    metadata = template.get("metadata") or {}
    overlaid = {
        **metadata,
        "labels": {**(metadata.get("labels") or {}), **labels},
        "annotations": {**(metadata.get("annotations") or {}), **annotations},
    }
    return {**template, "metadata": overlaid}


def exclusiveness(lws: LeaderWorkerSet, leader: Pod) -> Mapping[str, str]:
    """Annotations that say how exclusively the group of ``leader`` is placed: as the leader was.

    An edit of the set since then does not move it (docs/decisions/253).
    """
    return leader.annotations if c.SIZE_ANNOTATION in leader.annotations else lws.annotations


def group_annotations(
    lws: LeaderWorkerSet, template: Template, exclusive: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Annotations every pod of a group gets: shape from the revision, exclusiveness from ``exclusive``.

    Without it from the live object: of groups to come.
    """
    said = lws.annotations if exclusive is None else exclusive
    annotations = {c.SIZE_ANNOTATION: str(template.size)}
    _copy_if_set(said, c.EXCLUSIVE_TOPOLOGY_ANNOTATION, annotations)
    policy = template.sub_group_policy
    if policy is not None:
        if policy.sub_group_policy_type is not None:
            annotations[c.SUBGROUP_POLICY_TYPE_ANNOTATION] = policy.sub_group_policy_type
        annotations[c.SUBGROUP_SIZE_ANNOTATION] = str(policy.sub_group_size or 0)
        _copy_if_set(said, c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION, annotations)
    return annotations


def storage(template: Template, namespace: str) -> Document:
    """The StatefulSet spec members that concern volumes: claims and their retention, each only if there.

    An unset member of the retention policy is sent as ``""``, which the API server turns into ``Retain``.
    """
    spec: Document = {}
    if template.volume_claim_templates:
        spec["volumeClaimTemplates"] = [_claim(x, namespace) for x in template.volume_claim_templates]
    policy = template.retention_policy
    if policy is not None:
        spec["persistentVolumeClaimRetentionPolicy"] = {
            "whenDeleted": policy.get("whenDeleted") or "",
            "whenScaled": policy.get("whenScaled") or "",
        }
    return spec


def _claim(claim: Mapping[str, Any], namespace: str) -> Document:
    """The members of a claim that reach the StatefulSets; all others are dropped (api.md, 1.5)."""
    given = claim.get("spec") or {}
    spec: Document = {"accessModes": given.get("accessModes") or []}
    for member in ("storageClassName", "volumeMode"):
        if given.get(member) is not None:
            spec[member] = given[member]
    asked = given.get("resources") or {}
    spec["resources"] = {x: asked[x] for x in ("requests", "limits") if asked.get(x)}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": (claim.get("metadata") or {}).get("name", ""), "namespace": namespace},
        "spec": spec,
    }


def _copy_if_set(said: Mapping[str, str], key: str, annotations: dict[str, str]) -> None:
    value = said.get(key)
    if value:
        annotations[key] = value


def condition_document(one: Condition) -> Document:
    """All members the schema requires, even empty ones, else one odd condition would block all updates."""
    return {
        "type": one.type,
        "status": one.status,
        "reason": one.reason,
        "message": one.message,
        "lastTransitionTime": one.last_transition_time,
        "observedGeneration": one.observed_generation,
    }
