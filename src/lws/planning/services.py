"""Headless services: one for the set, or one for each group (reconcilers.md, 6).

Create-if-absent only: a service that is there is neither adopted nor corrected.
"""

from __future__ import annotations

from collections.abc import Mapping

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod, Service
from lws.objects import controller_of
from lws.planning.actions import Action, Create, Document, Record, Requeue, reference
from lws.planning.documents import owned_by_pod, owned_by_set
from lws.planning.groups import Group, Groups

STALE_SERVICE_RETRY = 1.0
"""Seconds until another look at a service that a former leader of the same name left behind."""


def shared_service_document(lws: LeaderWorkerSet) -> Document:
    """The service of all groups, named like the set."""
    return _headless(lws, lws.name, {c.NAME_LABEL: lws.name}, owned_by_set(lws))


def group_service_document(lws: LeaderWorkerSet, leader: Pod) -> Document:
    """The service of one group, named like its leader and gone with it."""
    index = leader.labels.get(c.GROUP_INDEX_LABEL, "")
    selector = {c.NAME_LABEL: lws.name, c.GROUP_INDEX_LABEL: index}
    return _headless(lws, leader.name, selector, owned_by_pod(leader))


def plan_shared_service(lws: LeaderWorkerSet, service: Service | None, groups: Groups) -> tuple[Action, ...]:
    """For the set's pass: wanted by the live policy, or by a group whose own revision knows no other.

    Switching away leaves an existing service alone.
    """
    if service is not None:
        return ()
    policies = {lws.live_subdomain_policy, *(x.shape.subdomain_policy for x in groups.all)}
    return (_create(lws, shared_service_document(lws)),) if c.SUBDOMAIN_SHARED in policies else ()


def plan_group_service(lws: LeaderWorkerSet, group: Group, service: Service | None) -> tuple[Action, ...]:
    """For the pass of a leader that is not being deleted.

    After a background deletion the former leader's service may still be there, about to be collected, and
    nothing watches it go: look again until it has.
    """
    leader = group.leader
    if group.shape.subdomain_policy != c.SUBDOMAIN_UNIQUE:
        return ()
    if service is None:
        return (_create(lws, group_service_document(lws, leader)),)
    owner = controller_of(service)
    if owner is not None and (owner.kind, owner.name) == ("Pod", leader.name) and owner.uid != leader.uid:
        return (Requeue(STALE_SERVICE_RETRY),)
    return ()


def _create(lws: LeaderWorkerSet, document: Document) -> Create:
    failed = Record(
        regarding=reference(c.API_VERSION, c.KIND, lws),
        type="Warning",
        reason=c.REASON_FAILED_CREATE,
        action="Create",
        note="Failed to create headless service for error",
    )
    return Create("Service", document, failed=failed)


def _headless(lws: LeaderWorkerSet, name: str, selector: Mapping[str, str], owner: Document) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name,
            "namespace": lws.namespace,
            "labels": {c.NAME_LABEL: lws.name},
            "ownerReferences": [owner],
        },
        "spec": {"clusterIP": "None", "selector": dict(selector), "publishNotReadyAddresses": True},
    }
