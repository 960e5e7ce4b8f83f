"""Headless services: one for the set, or one for each group (reconcilers.md, 6).

One that is there and is not ours is left as it is, and users are told; it is used if it does what ours would.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod, Service
from lws.objects import KubeObject
from lws.planning.actions import Action, Create, Document, Problem, Record, Requeue
from lws.planning.documents import owned_by_pod, owned_by_set
from lws.planning.events import warning
from lws.planning.groups import Group, Groups
from lws.planning.ownership import Standing, name_taken, standing
from lws.planning.reclaiming import may_be_ours, reclaim
from lws.planning.upkeep import plan_service_upkeep

STALE_SERVICE_RETRY = 1.0
"""Seconds until another look at a service that a former leader of the same name left behind."""


FOREIGN_SERVICE_RETRY = 20.0
"""Seconds until another look at a service that is not ours: only its owner's key hears when it goes."""


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
    policies = {lws.live_subdomain_policy, *(x.shape.subdomain_policy for x in groups.all)}
    if c.SUBDOMAIN_SHARED not in policies:
        return ()
    return _keep(lws, lws, shared_service_document(lws), service)


def plan_group_service(lws: LeaderWorkerSet, group: Group, service: Service | None) -> tuple[Action, ...]:
    """For the pass of a leader that is not being deleted."""
    leader = group.leader
    if group.shape.subdomain_policy != c.SUBDOMAIN_UNIQUE:
        return ()
    return _keep(lws, leader, group_service_document(lws, leader), service)


def _keep(
    lws: LeaderWorkerSet, owner: KubeObject, document: Document, service: Service | None
) -> tuple[Action, ...]:
    """``service``: what bears the name. ``owner``: the set, or the group's leader.

    After a background deletion a former owner's may still be there, about to be collected, and nothing
    watches it go: look again until it has.
    """
    failed = warning(lws, c.REASON_FAILED_CREATE, "Create", "Failed to create headless service for error")
    if service is None:
        return (Create("Service", document, failed=failed),)
    taken: tuple[Problem | Record | Requeue, ...] = ()
    match standing(service, document):
        case Standing.OURS:
            return plan_service_upkeep(lws, service, document)
        case Standing.PASSING:
            return (name_taken(service, document), Requeue(STALE_SERVICE_RETRY))
        case Standing.FOREIGN:
            problem = name_taken(service, document)
            told = replace(failed, note=f"{failed.note}: {problem.message}")
            taken = (problem, told, Requeue(FOREIGN_SERVICE_RETRY))
    metadata = document["metadata"]
    if not may_be_ours(service, metadata["labels"], owner):
        return taken
    return (reclaim(lws, "Service", service, metadata["ownerReferences"][0], taken),)


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
