"""The upstream controller of DisaggregatedSets, as far as the API server sees it: what it writes, and how.

The other side of a change of controllers, as ``support.upstream`` is for LeaderWorkerSets; it works on those
of the set, too. Each pass writes what upstream would (disaggregatedset.md, 7 to 9, 12 to 15): merge patches
without preconditions, status by update. Documents and numbers are the planners' that the golden vectors hold
to upstream's; what upstream does with them is written out here. The number of slices does not change, and
nothing is from before slices.
"""

from __future__ import annotations

from typing import Any

import msgspec

from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet, DisaggregatedSetRoleScaler
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Service
from lws.controllers.resources import DISAGGREGATEDSETS, LEADERWORKERSETS, ROLE_SCALERS
from lws.kube.client import Client
from lws.kube.errors import AlreadyExists
from lws.kube.resources import SERVICES, Resource
from lws.kube.selectors import equals
from lws.objects import ObjectT
from lws.planning.disaggregated.children import lws_document, scaler_document, service_document
from lws.planning.disaggregated.demand import Wanted, wanted_of
from lws.planning.disaggregated.names import owned, revision_of_child, role_of, slice_of
from lws.planning.disaggregated.revision import revision_of
from lws.planning.disaggregated.rollout import read_roll
from lws.planning.disaggregated.scalers import by_role, plan_scaler_status
from lws.planning.disaggregated.slices import Former, Slice, make_slices
from lws.planning.disaggregated.status import READY, ROLLING, count_roles, merged
from lws.planning.disaggregated.steps import upstream_move
from lws.planning.documents import condition_document
from support.rolesets import LiveRoles
from support.sets import Document, LiveSet
from support.upstream import Upstream

NOW = "2026-08-11T00:00:00Z"


class UpstreamRoles:
    """Works on one DisaggregatedSet and on its LeaderWorkerSets. ``made``: names of what it created.

    ``sliceless``: the release before there were slices (16.3), whose objects have no number of one.
    """

    def __init__(self, client: Client, llm: LiveRoles, *, sliceless: bool = False) -> None:
        self._client = client
        self._set = llm
        self._sliceless = sliceless
        self.made: list[str] = []

    def reconcile(self) -> None:
        """One pass of every controller."""
        self.reconcile_set()
        for child in self._set.children():
            Upstream(
                self._client, LiveSet(self._client, self._set.namespace, child["metadata"]["name"])
            ).reconcile()

    def reconcile_set(self) -> None:
        """One pass of the DisaggregatedSet controller (7): scalers, slices, and what is reported."""
        ds = self._ds()
        self._make_scalers(ds)
        wanted = wanted_of(ds, revision_of(ds.spec.roles), by_role(ds, self._scalers(ds)))
        for number in range(ds.slices):
            self._reconcile_slice(wanted, number)
        for scaler in self._scalers(ds):
            self._report_scaler(ds, scaler)
        self._report(wanted)

    # Scalers (15).

    def _make_scalers(self, ds: DisaggregatedSet) -> None:
        there = {role_of(x) for x in self._scalers(ds)}
        for role in ds.spec.roles:
            if role.external and role.name not in there:
                mine = [x.replicas for x in self._children(ds) if role_of(x) == role.name]
                document = scaler_document(ds, role.name, sum(mine) if mine else 1)
                self._create(ROLE_SCALERS, document)

    def _report_scaler(self, ds: DisaggregatedSet, scaler: DisaggregatedSetRoleScaler) -> None:
        """On every pass, whether or not anything differs."""
        planned = plan_scaler_status(scaler, ds, self._children(ds), now=NOW)
        status = planned.status if planned else {}
        self._client.merge_patch(
            ROLE_SCALERS,
            dict,
            scaler.name,
            {"status": status},
            namespace=scaler.namespace,
            subresource="status",
        )

    # One slice (7 to 9).

    def _reconcile_slice(self, wanted: Wanted, number: int) -> None:
        slice_ = self._slice(wanted, number)
        for former in slice_.former:
            if former.drained:
                self._delete(former)
        live = tuple(x for x in slice_.former if not x.drained)
        if not live:
            self._steady(wanted, slice_)
        elif not slice_.target:
            self._begin(wanted, slice_._replace(former=live))
        else:
            self._step(wanted, slice_._replace(former=live))
        self._serve(wanted, self._slice(wanted, number))

    def _delete(self, former: Former) -> None:
        for child in former.children.values():
            self._client.delete(LEADERWORKERSETS, dict, child.name, namespace=child.namespace)

    def _steady(self, wanted: Wanted, slice_: Slice) -> None:
        for demand in wanted.demands:
            child = slice_.target.get(demand.name)
            replicas = demand.in_slice(slice_.number, otherwise=0 if child is None else child.replicas)
            if child is None:
                self._make(wanted, slice_.number, demand.name, replicas)
            else:
                self._scale(child, replicas)

    def _begin(self, wanted: Wanted, slice_: Slice) -> None:
        for former in slice_.former:
            for child in former.children.values():
                note = {d.INITIAL_REPLICAS_ANNOTATION: str(child.replicas)}
                self._patch(child, {"metadata": {"annotations": note}})
        for demand in wanted.demands:
            self._make(wanted, slice_.number, demand.name, 0)

    def _step(self, wanted: Wanted, slice_: Slice) -> None:
        """The gate, then new ones up, then old ones down (12)."""
        targets = [slice_.target.get(x.name) for x in wanted.demands]
        if any(x is None or x.replicas != x.status.ready_replicas for x in targets):
            return
        roll = read_roll(wanted, slice_)
        move = upstream_move(roll.rollout, roll.generations)
        if move is None:
            return
        for role, count in zip(roll.names, move.new, strict=True):
            if role in slice_.target:
                self._scale(slice_.target[role], max(count, slice_.target[role].replicas))
        for former, after in zip(slice_.former, move.generations, strict=True):
            for role, left in zip(roll.names, after, strict=True):
                if left is not None:
                    self._scale(former.children[role], left)

    # Services (13).

    def _serve(self, wanted: Wanted, slice_: Slice) -> None:
        names = [x.name for x in wanted.demands]
        if not serves(slice_.target, names):
            return
        kept = {wanted.revision} | {x.revision for x in slice_.former if serves(x.children, names)}
        for name in names:
            self._create(SERVICES, service_document(wanted.ds, slice_.target[name]))
        for service in self._list(SERVICES, Service):
            if slice_of(service) == slice_.number and revision_of_child(service) not in kept:
                self._client.delete(SERVICES, dict, service.name, namespace=service.namespace)

    # Status (14).

    def _report(self, wanted: Wanted) -> None:
        """UPDATE, where anything differs."""
        document, ds = self._set.get(), wanted.ds
        counted = count_roles(wanted, self._children(ds))
        roles = [msgspec.to_builtins(counted[x.name]) for x in wanted.demands]
        whole = all({x.total} == counts(counted[x.name]) for x in wanted.demands)
        due = READY if whole else ROLLING
        conditions = merged(ds.status.conditions, due, generation=ds.metadata.generation, now=NOW)
        before = document.get("status", {})
        document["status"] = {
            "observedGeneration": ds.metadata.generation,
            "roleStatuses": roles,
            "conditions": [condition_document(x) for x in conditions],
        }
        if before != document["status"]:
            self._client.replace(DISAGGREGATEDSETS, dict, document, subresource="status")

    # What there is, and how it is written.

    def _ds(self) -> DisaggregatedSet:
        return self._client.get(DISAGGREGATEDSETS, DisaggregatedSet, self._set.name, self._set.namespace)

    def _children(self, ds: DisaggregatedSet) -> tuple[LeaderWorkerSet, ...]:
        return owned(ds, self._list(LEADERWORKERSETS, LeaderWorkerSet))

    def _scalers(self, ds: DisaggregatedSet) -> tuple[DisaggregatedSetRoleScaler, ...]:
        return owned(ds, self._list(ROLE_SCALERS, DisaggregatedSetRoleScaler))

    def _slice(self, wanted: Wanted, number: int) -> Slice:
        return make_slices(wanted.ds, wanted.revision, self._children(wanted.ds))[number]

    def _list(self, resource: Resource, type_: type[ObjectT]) -> list[ObjectT]:
        selector = equals(d.NAME_LABEL, self._set.name)
        return self._client.list(resource, type_, self._set.namespace, label_selector=selector)

    def _make(self, wanted: Wanted, number: int, role: str, replicas: int) -> None:
        [demand] = [x for x in wanted.demands if x.name == role]
        document = lws_document(
            wanted.ds, demand.role, index=number, revision=wanted.revision, replicas=replicas, target=replicas
        )
        self._create(LEADERWORKERSETS, typed(without_slice(document) if self._sliceless else document))

    def _create(self, resource: Resource, document: Document) -> None:
        try:
            self._client.create(resource, dict, document)
        except AlreadyExists:
            return
        self.made.append(document["metadata"]["name"])

    def _scale(self, child: LeaderWorkerSet, replicas: int) -> None:
        if child.replicas != replicas:
            self._patch(child, {"spec": {"replicas": replicas}})

    def _patch(self, child: LeaderWorkerSet, body: Document) -> None:
        self._client.merge_patch(LEADERWORKERSETS, dict, child.name, body, namespace=child.namespace)


def without_slice(document: Document) -> Document:
    """Name and labels as they were before there were slices."""
    labels = document["metadata"]["labels"]
    set_name, role, revision = labels[d.NAME_LABEL], labels[d.ROLE_LABEL], labels[d.REVISION_LABEL]
    document["metadata"]["name"] = f"{set_name}-{revision}-{role}"
    template = document["spec"]["leaderWorkerTemplate"]["workerTemplate"]
    for metadata in (document["metadata"], template["metadata"]):
        kept = {name: x for name, x in metadata["labels"].items() if name != d.SLICE_LABEL}
        metadata["labels"] = kept | {d.APP_LABEL: f"{set_name}-{role}"}
    return document


def serves(children: Any, roles: list[str]) -> bool:
    """Every role of the spec has a ready group in this revision."""
    return all(x in children and children[x].status.ready_replicas >= 1 for x in roles)


def counts(status: Any) -> set[int]:
    return {status.replicas, status.ready_replicas, status.updated_replicas}


def typed(document: Document) -> Document:
    """The document with the empty members that upstream's types add to it."""
    made: Document = msgspec.json.decode(msgspec.json.encode(document))
    template = made["spec"]["leaderWorkerTemplate"]
    for role in ("leaderTemplate", "workerTemplate"):
        for container in template.get(role, {}).get("spec", {}).get("containers", []):
            container.setdefault("resources", {})
    return made
