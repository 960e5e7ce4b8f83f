"""Builders of observed objects: sets, leaders, workers and their StatefulSets, as the server shows them."""

from __future__ import annotations

from typing import Any

import msgspec

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import (
    ContainerStatus,
    ControllerRevision,
    Ordinals,
    Pod,
    PodCondition,
    PodSpec,
    PodStatus,
    StatefulSet,
    StatefulSetSpec,
    StatefulSetStatus,
)
from lws.objects import ObjectMeta, OwnerReference
from lws.planning.revisions import revision_document, template_of

NAMESPACE = "default"
NAME = "test-sample"
KEY = "key-1"
DELETED = "2026-01-01T00:00:00Z"

_TEMPLATES: dict[str, Any] = {
    "leaderTemplate": {"spec": {"containers": [{"name": "leader", "image": "nginx"}]}},
    "workerTemplate": {"spec": {"containers": [{"name": "worker", "image": "nginx"}]}},
}


def a_set(
    *,
    replicas: int = 2,
    size: int = 2,
    partition: int = 0,
    max_unavailable: int | str = 1,
    max_surge: int | str = 0,
    subdomain: str = c.SUBDOMAIN_SHARED,
    startup: str = c.STARTUP_LEADER_CREATED,
    restart: str = c.RESTART_RECREATE_GROUP,
    metadata: dict[str, Any] | None = None,
    template: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
    limit: int | None = None,
    min_ready: int | None = None,
) -> LeaderWorkerSet:
    """The default object of reconcilers.md, 10.0, as admitted; ``template`` and ``metadata`` overlay it.

    ``limit``: maxGroupRestarts; ``min_ready``: minReadySeconds.
    """
    rolling = {"partition": partition, "maxUnavailable": max_unavailable, "maxSurge": max_surge}
    document = {
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "uid": "uid-set",
            "generation": 1,
            "resourceVersion": "7",
            **(metadata or {}),
        },
        "spec": {
            "replicas": replicas,
            "leaderWorkerTemplate": {
                **_TEMPLATES,
                "size": size,
                "restartPolicy": restart,
                **(template or {}),
            },
            "rolloutStrategy": {"type": "RollingUpdate", "rollingUpdateConfiguration": rolling},
            "startupPolicy": startup,
            "networkConfig": {"subdomainPolicy": subdomain},
            "maxGroupRestarts": limit,
            "minReadySeconds": min_ready,
        },
        "status": status or {},
    }
    return msgspec.json.decode(msgspec.json.encode(document), type=LeaderWorkerSet)


def unreadable_set(**metadata: Any) -> LeaderWorkerSet:
    """One that got past admission: no rule can make anything of its template."""
    container = {"name": "c", "image": "a", "resources": {"limits": {"cpu": "many"}}}
    worker = {"spec": {"containers": [container]}}
    return a_set(metadata=metadata, template={"workerTemplate": worker})


def a_leader(
    index: int | str = 0,
    *,
    key: str = KEY,
    uid: str = "",
    phase: str = "Pending",
    ready: bool = False,
    restarts: int = 0,
    deleting: bool = False,
    node: str = "",
    annotations: dict[str, str] | None = None,
) -> Pod:
    name = f"{NAME}-{index}"
    labels = {
        c.NAME_LABEL: NAME,
        c.WORKER_INDEX_LABEL: "0",
        c.GROUP_INDEX_LABEL: str(index),
        c.GROUP_KEY_LABEL: f"group-key-{index}",
        c.REVISION_LABEL: key,
    }
    owner = OwnerReference("apps/v1", "StatefulSet", NAME, "uid-leader-set", controller=True)
    return Pod(
        metadata=_meta(name, uid or f"uid-{name}", labels, owner, deleting=deleting, annotations=annotations),
        spec=PodSpec(node_name=node),
        status=_pod_status("Running" if ready else phase, ready=ready, restarts=restarts),
    )


def a_worker(
    leader: Pod,
    index: int,
    *,
    key: str = KEY,
    uid: str = "",
    owner: OwnerReference | None = None,
    phase: str = "Running",
    restarts: int = 0,
    deleting: bool = False,
) -> Pod:
    """A worker pod; ``owner``: its controller, by default the worker StatefulSet of this leader."""
    name = f"{leader.name}-{index}"
    labels = {
        **{x: leader.labels[x] for x in (c.NAME_LABEL, c.GROUP_INDEX_LABEL, c.GROUP_KEY_LABEL)},
        c.WORKER_INDEX_LABEL: str(index),
        c.REVISION_LABEL: key,
    }
    by = owner or OwnerReference("apps/v1", "StatefulSet", leader.name, f"set-{leader.uid}", controller=True)
    return Pod(
        metadata=_meta(name, uid or f"uid-{name}", labels, by, deleting=deleting),
        status=_pod_status(phase, ready=False, restarts=restarts),
    )


def a_worker_set(
    leader: Pod,
    *,
    key: str = KEY,
    replicas: int = 1,
    available: int | None = None,
    broken: bool = False,
    owner: OwnerReference | None = None,
) -> StatefulSet:
    """The worker StatefulSet of this leader, ready unless told otherwise."""
    labels = {
        **{x: leader.labels[x] for x in (c.NAME_LABEL, c.GROUP_INDEX_LABEL, c.GROUP_KEY_LABEL)},
        c.REVISION_LABEL: key,
        c.ROLE_LABEL: c.ROLE_WORKER,
    }
    return StatefulSet(
        metadata=_meta(leader.name, f"set-{leader.uid}", labels, owner or owner_of(leader)),
        spec=StatefulSetSpec(replicas=replicas, ordinals=Ordinals(1)),
        status=StatefulSetStatus(
            replicas=replicas,
            available_replicas=replicas if available is None else available,
            current_revision="a",
            update_revision="b" if broken else "a",
        ),
    )


def a_revision(lws: LeaderWorkerSet, *, key: str = KEY, number: int = 1) -> ControllerRevision:
    """The revision that stores what is live in ``lws`` now."""
    document = revision_document(lws, template_of(lws), key=key, number=number)
    return msgspec.json.decode(msgspec.json.encode(document), type=ControllerRevision)


def a_leader_set(*, replicas: int = 2, partition: int = 0, status_replicas: int | None = None) -> StatefulSet:
    document = {
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "uid": "uid-leader-set",
            "labels": {c.NAME_LABEL: NAME, c.REVISION_LABEL: KEY},
            "ownerReferences": [
                {
                    "apiVersion": c.API_VERSION,
                    "kind": c.KIND,
                    "name": NAME,
                    "uid": "uid-set",
                    "controller": True,
                }
            ],
        },
        "spec": {
            "replicas": replicas,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}},
        },
        "status": {"replicas": replicas if status_replicas is None else status_replicas},
    }
    return msgspec.convert(document, StatefulSet)


def owner_of(leader: Pod) -> OwnerReference:
    """A controller reference to this leader pod."""
    return OwnerReference("v1", "Pod", leader.name, leader.uid, controller=True, block_owner_deletion=True)


def _meta(
    name: str,
    uid: str,
    labels: dict[str, str],
    owner: OwnerReference,
    *,
    deleting: bool = False,
    annotations: dict[str, str] | None = None,
) -> ObjectMeta:
    return ObjectMeta(
        name=name,
        namespace=NAMESPACE,
        uid=uid,
        labels=labels,
        annotations=annotations or {},
        owner_references=(owner,),
        deletion_timestamp=DELETED if deleting else None,
    )


def _pod_status(phase: str, *, ready: bool, restarts: int) -> PodStatus:
    return PodStatus(
        phase=phase,
        conditions=(PodCondition("Ready", "True" if ready else "False"),),
        container_statuses=(ContainerStatus(restarts),),
    )
