"""The worker StatefulSet of one group (reconcilers.md, 7.4).

Everything a revision covers comes from the leader's revision; names and object metadata come from the live
objects, exclusive placement from the leader. When to create it is decided in ``group``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod
from lws.planning.accelerators import requests_tpus
from lws.planning.actions import Document
from lws.planning.claims import worker_token
from lws.planning.documents import (
    exclusiveness,
    group_annotations,
    handed_on,
    labelled_template,
    owned_by_pod,
    storage,
)
from lws.planning.revisions import Template


def worker_document(
    lws: LeaderWorkerSet,
    leader: Pod,
    template: Template,
    *,
    node_selector: Mapping[str, str] | None,
    uncounted: bool = False,
) -> Document:
    """The create document; ``template``: of the leader's revision, ``node_selector``: exclusive placement.

    ``uncounted``: restarts of the leader so far are no deaths, which is to outlive this process.
    """
    mark = {c.RECREATE_AFTER_START_ANNOTATION: "true"} if uncounted else {}
    identity = group_identity(lws, leader)
    labels = {**identity, c.REVISION_LABEL: leader.labels.get(c.REVISION_LABEL, "")}
    pods = labelled_template(
        template.worker_template, labels=labels, annotations=_template_annotations(lws, leader, template)
    )
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {
            "name": leader.name,
            "namespace": leader.namespace,
            "labels": worker_labels(lws, leader),
            "annotations": mark | handed_on(lws),
            "ownerReferences": [owned_by_pod(leader)],
        },
        "spec": {
            "replicas": template.size - 1,
            "ordinals": {"start": 1},
            "podManagementPolicy": "Parallel",
            "serviceName": leader.name if template.subdomain_policy == c.SUBDOMAIN_UNIQUE else lws.name,
            "selector": {"matchLabels": identity},
            "template": _placed(pods, node_selector),
            **storage(template, lws.namespace),
        },
    }


def worker_labels(lws: LeaderWorkerSet, leader: Pod) -> dict[str, str]:
    """Those of the StatefulSet itself: the set's, overlaid with what tells whose it is."""
    own = {c.REVISION_LABEL: leader.labels.get(c.REVISION_LABEL, ""), c.ROLE_LABEL: c.ROLE_WORKER}
    return {**lws.labels, **group_identity(lws, leader), **own}


def group_identity(lws: LeaderWorkerSet, leader: Pod) -> dict[str, str]:
    """What all pods of the group carry, and no others."""
    return {
        c.NAME_LABEL: lws.name,
        c.GROUP_INDEX_LABEL: leader.labels.get(c.GROUP_INDEX_LABEL, ""),
        c.GROUP_KEY_LABEL: leader.labels.get(c.GROUP_KEY_LABEL, ""),
    }


def _template_annotations(lws: LeaderWorkerSet, leader: Pod, template: Template) -> dict[str, str]:
    annotations = group_annotations(lws, template, exclusiveness(lws, leader))
    annotations[c.LEADER_NAME_ANNOTATION] = leader.name
    if requests_tpus(leader):
        annotations[c.LEADER_REQUESTS_TPUS_ANNOTATION] = "true"
    if token := worker_token(leader, template):
        annotations[c.GROUP_CLAIMS_TOKEN_ANNOTATION] = token
    return annotations


def _placed(pods: Mapping[str, Any], node_selector: Mapping[str, str] | None) -> Document:
    """The pod template with the placement's keys in its nodeSelector, where they win over the user's."""
    if not node_selector:
        return dict(pods)
    spec = pods.get("spec") or {}
    selector = {**(spec.get("nodeSelector") or {}), **node_selector}
    return {**pods, "spec": {**spec, "nodeSelector": selector}}
