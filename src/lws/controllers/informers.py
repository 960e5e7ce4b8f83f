"""What both reconcilers read: one informer for each kind, with the indexes they ask."""

from __future__ import annotations

from typing import Final, NamedTuple

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision, Pod, Service, StatefulSet
from lws.controllers.indexes import (
    BY_DISAGGREGATED_SET,
    BY_GROUP,
    BY_REVISION,
    BY_SET,
    disaggregated_set_of,
    group_of_owned,
    group_of_pod,
    leader_set_of,
    revision_of,
    set_of,
)
from lws.controllers.resources import LEADERWORKERSETS
from lws.kube.resources import CONTROLLER_REVISIONS, PODS, SERVICES, STATEFULSETS
from lws.kube.selectors import absent, all_of, exists
from lws.runtime.informers import Cache, Informer

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


def make_informers(cache: Cache) -> Informers:
    """Register what is watched, with the indexes the reconcilers use."""
    ours = exists(c.NAME_LABEL)
    return Informers(
        cache.informer(
            LEADERWORKERSETS, LeaderWorkerSet, indexes={BY_DISAGGREGATED_SET: disaggregated_set_of}
        ),
        cache.informer(
            STATEFULSETS, StatefulSet, label_selector=ours, indexes={BY_SET: set_of, BY_GROUP: group_of_owned}
        ),
        cache.informer(
            PODS, Pod, label_selector=ours, indexes={BY_SET: leader_set_of, BY_GROUP: group_of_pod}
        ),
        cache.informer(
            CONTROLLER_REVISIONS,
            ControllerRevision,
            label_selector=OWN_REVISIONS,
            indexes={BY_SET: set_of, BY_REVISION: revision_of},
        ),
        cache.informer(SERVICES, Service, label_selector=ours),
    )
