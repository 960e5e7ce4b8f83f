"""Which revision's services there are (section 13): a service says that its revision can be served from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Service
from lws.planning.actions import Action, Create
from lws.planning.disaggregated.children import service_document
from lws.planning.disaggregated.demand import Demand, Taken, Wanted
from lws.planning.disaggregated.names import revision_of_child, service_name
from lws.planning.disaggregated.slices import Former, Slice, delete_service


def plan_services(wanted: Wanted, slice_: Slice, services: Mapping[str, Service]) -> list[Action]:
    """Services of one slice. ``services``: the set's own in this slice, by name.

    Nothing happens until the present revision can be served from: the former's stay.
    """
    demands = wanted.demands
    if not _target_ready(slice_, demands):
        return []
    missing = [
        Create("Service", service_document(wanted.ds, x))
        for x in (slice_.target[demand.name] for demand in demands)
        if service_name(x.name) not in services and Taken("Service", service_name(x.name)) not in wanted.taken
    ]
    serves = any(x.status.ready_replicas for x in slice_.target.values())
    kept = {wanted.revision} | {x.revision for x in slice_.former if former_serves(x, demands)}
    gone = [delete_service(x) for x in services.values() if revision_of_child(x) not in kept]
    return [*(missing if serves else ()), *gone]


def _target_ready(slice_: Slice, demands: Sequence[Demand]) -> bool:
    """Every role has a ready group, or is to have none (which upstream never takes for ready)."""
    return all(_ready_or_unwanted(slice_, x) for x in demands)


def _ready_or_unwanted(slice_: Slice, demand: Demand) -> bool:
    child = slice_.target.get(demand.name)
    if child is None:
        return False
    wanted = demand.in_slice(slice_.number, otherwise=child.replicas)
    return _ready(child) or wanted == child.replicas == 0


def former_serves(former: Former, demands: Sequence[Demand]) -> bool:
    """Whether a former revision can still be served from: a ready group of every role it was made with.

    A role that was added since is none of them; one that was removed counts only when no other is left.
    """
    wanted = {x.name for x in demands}
    live = {role: child for role, child in former.children.items() if child.replicas}
    judged = [child for role, child in live.items() if role in wanted] or list(live.values())
    return bool(judged) and all(map(_ready, judged))


def _ready(lws: LeaderWorkerSet) -> bool:
    return lws.status.ready_replicas >= 1
