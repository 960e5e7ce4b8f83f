"""What both reconcilers read: one informer for each kind, with the indexes they ask."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision, Pod, Service, StatefulSet, lean
from lws.controllers.indexes import (
    BY_GROUP,
    BY_MARKED,
    BY_REVISION,
    BY_SET,
    BY_TEMPLATE,
    EDITABLE,
    group_of_owned,
    group_of_pod,
    leader_set_of,
    marked_set_of,
    revision_of,
    set_of,
    template_of_leader,
)
from lws.controllers.resources import LEADERWORKERSETS
from lws.kube.resources import CONTROLLER_REVISIONS, PODS, SERVICES, STATEFULSETS, Resource
from lws.kube.selectors import absent, all_of, exists
from lws.objects import KubeObject, ObjectT
from lws.runtime.informers import Cache, Informer, Selection

OWN_REVISIONS: Final = all_of(exists(c.NAME_LABEL), absent(c.GROUP_INDEX_LABEL), absent(c.WORKER_INDEX_LABEL))
"""Revisions of sets. Those that the StatefulSet controller makes, one for each group, inherit the labels of
pod templates: leaders' say which worker they are, workers' which group they belong to."""


class Informers(NamedTuple):
    """One for each kind; all but sets see only objects that carry a set's name label."""

    sets: Informer[LeaderWorkerSet]
    stateful_sets: Informer[StatefulSet]
    pods: Informer[Pod]
    revisions: Informer[ControllerRevision]
    services: Informer[Service]


INDEXES: Final[Mapping[type[KubeObject], Mapping[str, Callable[[Any], Iterable[Hashable]]]]] = {
    LeaderWorkerSet: EDITABLE,
    StatefulSet: {BY_SET: set_of, BY_GROUP: group_of_owned, BY_MARKED: marked_set_of},
    Pod: {
        BY_SET: leader_set_of,
        BY_GROUP: group_of_pod,
        BY_MARKED: marked_set_of,
        BY_TEMPLATE: template_of_leader,
    },
    ControllerRevision: {BY_SET: set_of, BY_REVISION: revision_of},
    Service: {},
}
"""What the reconcilers find objects of each kind by."""


def make_informers(cache: Cache) -> Informers:
    """Register what is watched, with the indexes the reconcilers use."""

    def informer(
        resource: Resource,
        type_: type[ObjectT],
        selector: str = "",
        transform: Callable[[ObjectT], ObjectT] | None = None,
    ) -> Informer[ObjectT]:
        selection = Selection(resource, label_selector=selector)
        return cache.informer(selection, type_, indexes=INDEXES[type_], transform=transform)

    ours = exists(c.NAME_LABEL)
    return Informers(
        informer(LEADERWORKERSETS, LeaderWorkerSet),
        informer(STATEFULSETS, StatefulSet, ours),
        informer(PODS, Pod, ours, lean),
        informer(CONTROLLER_REVISIONS, ControllerRevision, OWN_REVISIONS),
        informer(SERVICES, Service, ours),
    )
