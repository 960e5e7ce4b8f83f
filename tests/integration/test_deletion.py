"""What is left of a set that is deleted: nothing."""

from __future__ import annotations

import pytest
from support.cluster import Cluster
from support.manager import Manager
from support.namespaces import make_namespace
from support.sets import LiveSet, Sets, exists
from support.waiting import until
from support.wholeness import await_whole

from lws.controllers.resources import LEADERWORKERSETS
from lws.kube.resources import NAMESPACES

pytestmark = pytest.mark.integration

ERRORS = "controller_runtime_reconcile_errors_total"
UNIQUE = {"subdomainPolicy": "UniquePerReplica"}


def await_nothing(lws: LiveSet) -> None:
    """Neither the set nor a StatefulSet, pod, service or revision of it."""
    lws.until("the set to go", lambda: not exists(lws.client, LEADERWORKERSETS, lws.name, lws.namespace))
    lws.until("nothing to be left", lws.children, lambda seen: not seen)


def test_nothing_is_left_whatever_the_propagation(sets: Sets) -> None:
    """10.2 E3: in the foreground and in the background, with services for the set and for each group."""
    several = [sets.create(f"{kind.lower()}-1", replicas=2) for kind in ("Foreground", "Background")]
    several += [
        sets.create(f"{kind.lower()}-2", networkConfig=UNIQUE) for kind in ("Foreground", "Background")
    ]
    await_whole(*several)
    assert all(len(lws.pods()) == 4 and lws.revisions() and lws.services() for lws in several)
    for lws in several:
        lws.delete(lws.name.partition("-")[0].capitalize())
    for lws in several:
        await_nothing(lws)


def test_a_set_deleted_while_it_is_made_or_rolled(sets: Sets) -> None:
    """Nothing is made for a set on its way out (reconcilers.md, 9 #8)."""
    young, rolling = sets.create("young", replicas=3), sets.create("rolling", replicas=3)
    young.delete("Foreground")
    await_whole(rolling)
    rolling.change(size=3)
    rolling.delete("Foreground")
    for lws in (young, rolling):
        await_nothing(lws)


def test_a_set_may_come_back_under_its_name_at_once(sets: Sets) -> None:
    """What is left of the first while it is collected must not be taken for the second's."""
    first = sets.create(replicas=2)
    await_whole(first)
    old = first.uids()
    first.delete("Background")
    second = sets.create(replicas=2, size=3)
    await_whole(second)
    assert not second.uids() & old


def test_a_namespace_goes_with_the_sets_in_it(cluster: Cluster, manager: Manager) -> None:
    """The controller must not fill it again while it is emptied; creates there are forbidden."""
    name, failed = make_namespace(cluster.client), manager.total(ERRORS)
    doomed = [Sets(cluster.client, name).create(x, replicas=2) for x in ("a", "b")]
    await_whole(doomed[0])
    cluster.client.delete(NAMESPACES, dict, name)
    until(f"namespace {name} to go", lambda: not exists(cluster.client, NAMESPACES, name, ""))
    assert manager.running
    assert manager.total(ERRORS) == failed, "nobody needs to be told of that"
