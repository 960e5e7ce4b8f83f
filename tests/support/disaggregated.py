"""Builders of DisaggregatedSets and what belongs to them."""

from __future__ import annotations

from typing import Any

import msgspec

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet, DisaggregatedSetRoleScaler
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Service
from lws.planning.actions import Document
from lws.planning.disaggregated.revision import revision_of

UID = "uid-of-the-set"
OWNER = {"apiVersion": d.API_VERSION, "kind": d.KIND, "name": "llm", "uid": UID, "controller": True}
STRANGER = {**OWNER, "uid": "uid-of-another"}


def a_role(
    name: str,
    replicas: int | None = None,
    *,
    image: str = "nginx:1.0",
    surge: int | str | None = None,
    unavailable: int | str | None = None,
    external: bool = False,
    size: int = 1,
) -> Document:
    """A role as the API server has it; with ``surge`` or ``unavailable`` it has a rolling update."""
    template = {"workerTemplate": {"spec": {"containers": [{"name": "c", "image": image}]}}, "size": size}
    spec: Document = {"leaderWorkerTemplate": template}
    if replicas is not None:
        spec["replicas"] = replicas
    if surge is not None or unavailable is not None:
        rolling = {"maxSurge": surge or 0, "maxUnavailable": unavailable or 0}
        spec["rolloutStrategy"] = {"type": "RollingUpdate", "rollingUpdateConfiguration": rolling}
    return {"name": name, "spec": spec} | ({"scaling": {"mode": "External"}} if external else {})


def a_set(*roles: Document, slices: int | None = None, **status: Any) -> DisaggregatedSet:
    document = {
        "metadata": {"name": "llm", "namespace": "ns", "uid": UID, "generation": 3, "resourceVersion": "7"},
        "spec": {"roles": list(roles)} | ({} if slices is None else {"slices": slices}),
        "status": status,
    }
    return decoded(document, DisaggregatedSet)


def a_child(
    role: str,
    replicas: int,
    *,
    revision: str,
    number: int | None = 0,
    ready: int | None = None,
    initial: int | None = None,
    created: int = 0,
    owner: Document = OWNER,
    **status: Any,
) -> LeaderWorkerSet:
    """A role's LeaderWorkerSet, all ready unless said otherwise. ``number``: its slice; None: from before
    there were slices. ``created``: minutes after ten.
    """
    middle = "" if number is None else f"{number}-"
    labels = {d.NAME_LABEL: "llm", d.ROLE_LABEL: role, d.REVISION_LABEL: revision}
    if number is not None:
        labels |= {d.SLICE_LABEL: str(number), d.APP_LABEL: f"llm-{number}-{role}"}
    has = replicas if ready is None else ready
    document = {
        "metadata": {
            "name": f"llm-{middle}{revision}-{role}",
            "namespace": "ns",
            "uid": f"uid-{middle}{revision}-{role}",
            "resourceVersion": "5",
            "labels": labels,
            "annotations": {} if initial is None else {d.INITIAL_REPLICAS_ANNOTATION: str(initial)},
            "ownerReferences": [owner],
            "creationTimestamp": f"2026-01-01T1{created // 60}:{created % 60:02}:00Z",
        },
        "spec": {"replicas": replicas, "leaderWorkerTemplate": {}},
        "status": {"replicas": has, "readyReplicas": has, "updatedReplicas": has, **status},
    }
    return decoded(document, LeaderWorkerSet)


def a_scaler(role: str, wanted: int, *, owner: Document = OWNER, **status: Any) -> DisaggregatedSetRoleScaler:
    document = {
        "metadata": {
            "name": f"llm-{role}",
            "namespace": "ns",
            "uid": f"uid-scaler-{role}",
            "generation": 2,
            "labels": {d.NAME_LABEL: "llm", d.ROLE_LABEL: role},
            "ownerReferences": [owner],
        },
        "spec": {"replicas": wanted},
        "status": status,
    }
    return decoded(document, DisaggregatedSetRoleScaler)


def a_service(role: str, *, revision: str, number: int | None = 0, owner: Document = OWNER) -> Service:
    middle = "" if number is None else f"{number}-"
    labels = {d.NAME_LABEL: "llm", d.ROLE_LABEL: role, d.REVISION_LABEL: revision}
    metadata = {
        "name": f"llm-{middle}{revision}-{role}-prv",
        "namespace": "ns",
        "uid": f"uid-service-{middle}{revision}-{role}",
        "labels": labels if number is None else {**labels, d.SLICE_LABEL: str(number)},
        "ownerReferences": [owner],
    }
    return decoded({"metadata": metadata}, Service)


def revision(ds: DisaggregatedSet) -> str:
    return revision_of(ds.spec.roles)


def selector(role: str) -> str:
    return f"{d.NAME_LABEL}=llm,{d.ROLE_LABEL}={role},{c.WORKER_INDEX_LABEL}=0"


def decoded(document: Document, type_: type[Any]) -> Any:
    return msgspec.json.decode(msgspec.json.encode(document), type=type_)
