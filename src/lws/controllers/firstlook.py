"""What a process reads of a set before its first pass, to know whether its caches may be believed.

Only what other processes write and decisions rest on; whether the caches show it is ``catchingup``'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, TypeVar

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.controllers.catchingup import FirstLook, Look, look_of
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

T = TypeVar("T", bound=KubeObject)


def of_sets(informers: Informers, client: Client) -> FirstLook:
    """Of LeaderWorkerSets."""
    return FirstLook(
        partial(client.survey, LEADERWORKERSETS),
        partial(_read, client, LEADERWORKERSETS, LeaderWorkerSet),
        partial(_groups, informers, client),
    )


def of_role_sets(informers: RoleInformers, client: Client) -> FirstLook:
    """Of DisaggregatedSets."""
    return FirstLook(
        partial(client.survey, DISAGGREGATEDSETS),
        partial(_read, client, DISAGGREGATEDSETS, DisaggregatedSet),
        partial(_roles, informers, client),
    )


def _read(client: Client, resource: Resource, type_: type[T], key: Key) -> T | None:
    try:
        return client.get(resource, type_, key.name, key.namespace)
    except NotFound:
        return None


def _groups(informers: Informers, client: Client, lws: LeaderWorkerSet) -> Iterator[Look]:
    """The groups of a set where a former state of them would cost pods.

    Where they are updated in place, and where a roll that has ended would have its surge once more.
    """
    key = lws.key
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


def _roles(informers: RoleInformers, client: Client, ds: DisaggregatedSet) -> Iterator[Look]:
    """Its LeaderWorkerSets, which carry how far a rollout has come, and what autoscalers ask for."""
    ours = equals(d.NAME_LABEL, ds.name)
    children = client.list(LEADERWORKERSETS, KubeObject, ds.namespace, label_selector=ours)
    yield look_of(informers.children, children)
    if any(role.external for role in ds.spec.roles):
        scalers = client.list(ROLE_SCALERS, KubeObject, ds.namespace, label_selector=ours)
        yield look_of(informers.scalers, scalers)
