"""What a process reads of a set before its first pass, to know whether its caches may be believed.

Only what other processes write and decisions rest on; whether the caches show it is ``catchingup``'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.controllers.catchingup import Look, look_of
from lws.controllers.disaggregatedset import RoleInformers
from lws.controllers.indexes import BY_SET
from lws.controllers.informers import OWN_REVISIONS, Informers
from lws.controllers.resources import DISAGGREGATEDSETS, LEADERWORKERSETS, ROLE_SCALERS
from lws.kube.client import Client
from lws.kube.errors import NotFound
from lws.kube.resources import CONTROLLER_REVISIONS, PODS, STATEFULSETS, Resource
from lws.kube.selectors import all_of, equals
from lws.objects import Key, KubeObject
from lws.planning.inplace.marks import mark_on
from lws.runtime.informers import Informer


def look_at_set(informers: Informers, client: Client, key: Key) -> Iterator[Look]:
    """The set itself and, where a former state of its groups would cost pods, these.

    Where they are updated in place, and where a roll that has ended would have its surge once more.
    """
    try:
        lws = client.get(LEADERWORKERSETS, LeaderWorkerSet, key.name, key.namespace)
    except NotFound:
        return
    yield look_of(informers.sets, [lws])
    if not (lws.updates_in_place or _surges(lws) or _marked(informers, key)):
        return
    ours = equals(c.NAME_LABEL, key.name)
    parts: tuple[tuple[Informer[Any], Resource, str], ...] = (
        (informers.stateful_sets, STATEFULSETS, ours),
        (informers.pods, PODS, ours),
        (informers.revisions, CONTROLLER_REVISIONS, all_of(ours, OWN_REVISIONS)),
    )
    for informer, resource, selector in parts:
        found = client.list(resource, KubeObject, key.namespace, label_selector=selector)
        yield look_of(informer, found)


def _surges(lws: LeaderWorkerSet) -> bool:
    return lws.rolling_update.max_surge not in (None, 0, "0", "0%")


def _marked(informers: Informers, key: Key) -> bool:
    """The set may not be updated in place any more, and something of it still be under way."""
    found = (*informers.pods.by_index(BY_SET, key), *informers.stateful_sets.by_index(BY_SET, key))
    return any(mark_on(x) is not None for x in found)


def look_at_role_set(informers: RoleInformers, client: Client, key: Key) -> Iterator[Look]:
    """The set, its LeaderWorkerSets, which carry how far a rollout has come, and what autoscalers ask for."""
    try:
        ds = client.get(DISAGGREGATEDSETS, DisaggregatedSet, key.name, key.namespace)
    except NotFound:
        return
    yield look_of(informers.sets, [ds])
    ours = equals(d.NAME_LABEL, key.name)
    children = client.list(LEADERWORKERSETS, KubeObject, key.namespace, label_selector=ours)
    yield look_of(informers.children, children)
    if any(role.external for role in ds.spec.roles):
        scalers = client.list(ROLE_SCALERS, KubeObject, key.namespace, label_selector=ours)
        yield look_of(informers.scalers, scalers)
