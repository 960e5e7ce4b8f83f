"""DisaggregatedSets as the kubectl plugin sees them: LeaderWorkerSets with groups of one pod."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from lws.api import constants as c
from lws.api.disaggregatedset import DisaggregatedSet
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision, StatefulSet
from lws.cli.disaggregated.observing import SeenRoles
from lws.cli.kinds import Pod
from lws.cli.observing import Seen
from lws.planning.actions import Create
from lws.planning.disaggregated.children import lws_document
from lws.planning.disaggregated.demand import wanted_of
from lws.planning.disaggregated.history import plan_history
from support.cli import READY, conditions, key_of
from support.disaggregated import decoded, revision

UNSEEN = {
    "phase": "Pending",
    "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}],
}


def seen_child(
    ds: DisaggregatedSet,
    role: str,
    replicas: int,
    *,
    number: int = 0,
    down: tuple[int, ...] = (),
    minute: int = 0,
    initial: int | None = None,
) -> Seen:
    """The LeaderWorkerSet that a role of ``ds`` has in slice ``number``. ``down``: groups without a node."""
    lws = _child(ds, role, replicas, number, ready=replicas - len(down), minute=minute)
    if initial is not None:
        lws = replace(
            lws,
            metadata=replace(
                lws.metadata, annotations={"disaggregatedset.x-k8s.io/initial-replicas": str(initial)}
            ),
        )
    leaders = [_leader(lws, index, ready=index not in down) for index in range(replicas)]
    return Seen(lws, (_leader_set(lws, replicas - len(down)),), tuple(leaders))


def _child(
    ds: DisaggregatedSet, name: str, replicas: int, number: int, *, ready: int, minute: int
) -> LeaderWorkerSet:
    role = next(x for x in ds.spec.roles if x.name == name)
    document = lws_document(ds, role, index=number, revision=revision(ds), replicas=replicas, target=replicas)
    document["metadata"] |= {
        "uid": f"uid-{document['metadata']['name']}",
        "generation": 1,
        "resourceVersion": "5",
        "creationTimestamp": f"2026-01-01T10:{minute:02}:00Z",
    }
    document["status"] = {"replicas": replicas, "readyReplicas": ready, "updatedReplicas": replicas}
    lws: LeaderWorkerSet = decoded(document, LeaderWorkerSet)
    return conditions(lws)


def _leader(lws: LeaderWorkerSet, index: int, *, ready: bool) -> Pod:
    name = f"{lws.name}-{index}"
    labels = {
        **lws.labels,
        c.NAME_LABEL: lws.name,
        c.WORKER_INDEX_LABEL: "0",
        c.GROUP_INDEX_LABEL: str(index),
        c.REVISION_LABEL: key_of(lws),
    }
    document: dict[str, Any] = {
        "metadata": {
            "name": name,
            "namespace": lws.namespace,
            "uid": f"uid-{name}",
            "labels": labels,
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "StatefulSet",
                    "name": lws.name,
                    "uid": f"set-{lws.uid}",
                    "controller": True,
                }
            ],
        },
        "spec": {"nodeName": "n1" if ready else ""},
        "status": READY if ready else UNSEEN,
    }
    return msgspec.convert(document, Pod)


def _leader_set(lws: LeaderWorkerSet, available: int) -> StatefulSet:
    document = {
        "metadata": {
            "name": lws.name,
            "namespace": lws.namespace,
            "uid": f"set-{lws.uid}",
            "labels": {c.NAME_LABEL: lws.name, c.REVISION_LABEL: key_of(lws)},
            "ownerReferences": [
                {
                    "apiVersion": c.API_VERSION,
                    "kind": c.KIND,
                    "name": lws.name,
                    "uid": lws.uid,
                    "controller": True,
                }
            ],
        },
        "spec": {"replicas": lws.replicas, "updateStrategy": {"type": "RollingUpdate"}},
        "status": {"replicas": lws.replicas, "availableReplicas": available},
    }
    return msgspec.convert(document, StatefulSet)


def kept_of(*sets: DisaggregatedSet) -> list[ControllerRevision]:
    """The revisions that the controller keeps of a set that was each of these, one after another."""
    found: list[ControllerRevision] = []
    for ds in sets:
        (create,) = plan_history(wanted_of(ds, revision(ds), {}), found, [])
        assert isinstance(create, Create)
        found.append(decoded(create.document, ControllerRevision))
    return found


def seen_roles(ds: DisaggregatedSet, *sets: Seen, **more: Any) -> SeenRoles:
    return SeenRoles(ds, sets, **more)
