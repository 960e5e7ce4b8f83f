"""The objects a DisaggregatedSet makes (section 6), as they are created: none is ever applied again."""

from __future__ import annotations

from typing import Any

import msgspec

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet, Role
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.planning.actions import Document
from lws.planning.disaggregated.names import (
    lws_name,
    owner_reference,
    scaler_name,
    service_name,
    system_labels,
)
from lws.planning.disaggregated.pace import child_unavailable
from lws.planning.disaggregated.placement import placed


def lws_document(
    ds: DisaggregatedSet, role: Role, *, index: int, revision: str, replicas: int, target: int
) -> Document:
    """A role's LeaderWorkerSet in slice ``index``: ``replicas`` groups at first, ``target`` in the end.

    The user's spec goes through as it stands, members unknown here included.
    """
    labels = system_labels(ds, index, revision, role.name)
    given = role.metadata
    metadata: Document = {
        "name": lws_name(ds, index, revision, role.name),
        "namespace": ds.namespace,
        "labels": {**((given and given.labels) or {}), **labels},
        "ownerReferences": [owner_reference(ds)],
    }
    if given is not None and given.annotations:
        metadata["annotations"] = given.annotations
    return {
        "apiVersion": c.API_VERSION,
        "kind": c.KIND,
        "metadata": metadata,
        "spec": {**_spec(ds, role, index, labels, target), "replicas": replicas},
    }


def _spec(ds: DisaggregatedSet, role: Role, index: int, labels: dict[str, str], target: int) -> Document:
    spec: Document = msgspec.json.decode(role.spec) or {}
    template = dict(spec.get("leaderWorkerTemplate") or {})
    template["workerTemplate"] = _labelled(ds, index, template.get("workerTemplate") or {}, labels)
    if template.get("leaderTemplate") is not None:
        template["leaderTemplate"] = _labelled(ds, index, template["leaderTemplate"], labels)
    spec["leaderWorkerTemplate"] = template
    unavailable = child_unavailable(role.read_spec().rolling_update, target)
    if unavailable is not None:
        spec["rolloutStrategy"]["rollingUpdateConfiguration"]["maxUnavailable"] = unavailable
    return spec


def _labelled(ds: DisaggregatedSet, index: int, template: dict[str, Any], labels: dict[str, str]) -> Document:
    metadata = template.get("metadata") or {}
    labelled = {**metadata, "labels": {**(metadata.get("labels") or {}), **labels}}
    return placed(ds, index, {**template, "metadata": labelled})


def service_document(ds: DisaggregatedSet, lws: LeaderWorkerSet) -> Document:
    """The headless service of one child: all its ready pods, leaders and workers, and no ports."""
    selector = {
        key: lws.labels[key]
        for key in (d.NAME_LABEL, d.ROLE_LABEL, d.REVISION_LABEL, d.SLICE_LABEL)
        if lws.labels.get(key)
    }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": service_name(lws.name),
            "namespace": ds.namespace,
            "labels": selector,
            "ownerReferences": [owner_reference(ds)],
        },
        "spec": {"clusterIP": "None", "selector": selector},
    }


def scaler_document(ds: DisaggregatedSet, role: str, replicas: int) -> Document:
    """What autoscalers address for an External role."""
    return {
        "apiVersion": d.API_VERSION,
        "kind": d.SCALER_KIND,
        "metadata": {
            "name": scaler_name(ds, role),
            "namespace": ds.namespace,
            "labels": {d.NAME_LABEL: ds.name, d.ROLE_LABEL: role},
            "ownerReferences": [{**owner_reference(ds), "blockOwnerDeletion": True}],
        },
        "spec": {"replicas": replicas},
    }
