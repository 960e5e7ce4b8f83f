"""Children that are there are put right: what the set hands on to them, and what was edited by hand.

Compared in every pass on the fields that are ours, and written only when they differ. Templates of worker
StatefulSets are not touched: that would replace pods one by one, beside a leader of another revision.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod, Service, StatefulSet
from lws.objects import KubeObject
from lws.planning.actions import Document, Patch
from lws.planning.documents import handed_on
from lws.planning.events import warning
from lws.planning.groups import Group
from lws.planning.observed import Keys
from lws.planning.ownership import faults
from lws.planning.recreation.evidence import keeps_mark
from lws.planning.workers import worker_labels


def unexplained(lws: LeaderWorkerSet, leader: Pod, workers: StatefulSet) -> Keys:
    """Keys on a worker StatefulSet that it would not be given now: somebody's, or the set had them once."""
    return Keys(
        frozenset(workers.labels.keys() - worker_labels(lws, leader).keys()),
        frozenset(workers.annotations.keys() - handed_on(lws).keys() - {c.IN_PLACE_ANNOTATION}),
    )


def made_by_creator(managed_fields: Iterable[Mapping[str, Any]], manager: str) -> Keys:
    """The keys that nobody but whoever created the object, or ``manager``, has ever set.

    ``managed_fields`` as in ``metadata``. The creator is who owns what can only be set on creation, so the
    keys of upstream's controller are known as well as ours, and those that users put there stay.
    """
    own: list[Keys] = []
    others: list[Keys] = []
    for entry in managed_fields:
        fields = entry.get("fieldsV1") or {}
        ours = entry.get("manager") == manager or "f:selector" in fields.get("f:spec", {})
        (own if ours else others).append(_keys(fields.get("f:metadata", {})))
    mine, theirs = _all(own), _all(others)
    return Keys(mine.labels - theirs.labels, mine.annotations - theirs.annotations)


def _keys(owned: Mapping[str, Any]) -> Keys:
    return Keys(*(frozenset(_names(owned.get(f"f:{x}", {}))) for x in ("labels", "annotations")))


def _names(owned: Mapping[str, Any]) -> Iterable[str]:
    return (name.removeprefix("f:") for name in owned if name != ".")


def _all(keys: Collection[Keys]) -> Keys:
    return Keys(
        frozenset().union(*(x.labels for x in keys)), frozenset().union(*(x.annotations for x in keys))
    )


def plan_workers_upkeep(
    lws: LeaderWorkerSet, group: Group, workers: StatefulSet, *, stale: Keys
) -> tuple[Patch, ...]:
    """For the leader's own worker StatefulSet. ``stale``: unexplained keys that its creator put there."""
    if workers.deleting:
        return ()
    leader, wanted = group.leader, worker_labels(lws, group.leader)
    if workers.labels.get(c.REVISION_LABEL) and workers.revision_of_pods != group.key:
        del wanted[c.REVISION_LABEL]  # says from what it was made, whatever its leader says now
    gone = stale.annotations
    if keeps_mark(lws, group):
        gone -= {c.RECREATE_AFTER_START_ANNOTATION}
    metadata = _nonempty(
        labels=_difference(wanted, workers.labels, stale.labels),
        annotations=_difference(handed_on(lws), workers.annotations, gone),
    )
    spec: Document = {}
    if group.known and workers.spec.replicas != group.shape.size - 1:
        spec["replicas"] = group.shape.size - 1
    if workers.spec.ordinals.start != 1:  # another first ordinal would make a second leader
        spec["ordinals"] = {"start": 1}
    claims = workers.spec.persistent_volume_claim_retention_policy
    if group.known and claims is not None and claims.complete != group.shape.retention:
        spec["persistentVolumeClaimRetentionPolicy"] = msgspec.to_builtins(group.shape.retention)
    failed = f"Failed to update worker statefulset {workers.name} of leader pod {leader.name}"
    return _patch("StatefulSet", lws, workers, metadata, spec, note=failed)


def plan_service_upkeep(lws: LeaderWorkerSet, service: Service, document: Document) -> tuple[Patch, ...]:
    """For a service of ours. ``document``: as it is created. Ports and the like may be anybody's."""
    if service.deleting:
        return ()
    labels = _difference(document["metadata"]["labels"], service.labels, ())
    spec: Document = {}
    if any(faults(service, document)) or service.spec.selector != document["spec"]["selector"]:
        dropped = dict.fromkeys(service.spec.selector.keys() - document["spec"]["selector"].keys())
        spec = {"selector": {**document["spec"]["selector"], **dropped}, "publishNotReadyAddresses": True}
    if service.spec.cluster_ip != "None":
        headless = {"type": "ClusterIP", "clusterIP": "None", "clusterIPs": ["None"], "externalName": None}
        spec |= headless
    note = f"Failed to update headless service {service.name}"
    return _patch("Service", lws, service, _nonempty(labels=labels), spec, note=note)


def _difference(
    wanted: Mapping[str, str], found: Mapping[str, str], stale: Collection[str]
) -> dict[str, str | None]:
    """As a merge patch."""
    changed: dict[str, str | None] = {key: x for key, x in wanted.items() if found.get(key) != x}
    return changed | {key: None for key in stale if key in found and key not in wanted}


def _nonempty(**members: Any) -> Document:
    return {name: x for name, x in members.items() if x}


def _patch(
    kind: str, lws: LeaderWorkerSet, child: KubeObject, metadata: Document, spec: Document, *, note: str
) -> tuple[Patch, ...]:
    if not metadata and not spec:
        return ()
    named = {"name": child.name, "namespace": child.namespace, "uid": child.uid}
    document: Document = {"metadata": named | metadata, **_nonempty(spec=spec)}
    failed = warning(lws, c.REASON_FAILED_UPDATE, "Update", note)
    return (Patch(kind, document, failed=failed, unmet=bool(spec)),)
