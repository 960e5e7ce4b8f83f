"""More groups, fewer, none: by the spec and by the scale subresource."""

from __future__ import annotations

import pytest
from support.sets import Sets, await_available
from support.wholeness import await_whole

from lws.api import constants as c

pytestmark = pytest.mark.integration


def test_groups_come_and_go_and_the_others_stay(sets: Sets) -> None:
    """10.1 #1 and #2, C10: up to three, down to one; group 0 is never touched."""
    lws = sets.create(replicas=2)
    await_whole(lws)
    first = lws.uids(group=0)
    lws.change(replicas=3)
    assert lws.await_condition(c.AVAILABLE)["status"]["readyReplicas"] == 3
    await_whole(lws)
    lws.change(replicas=1)
    await_whole(lws)
    assert lws.uids() == first
    assert len(lws.revisions()) == 1


def test_to_zero_and_from_zero(sets: Sets) -> None:
    """10.1 #3, #4 and #6: a set of no groups is Available and has nothing but its empty StatefulSet."""
    down, up = sets.create("down", replicas=2), sets.create("up", replicas=0)
    await_whole(down, up)
    down.change(replicas=0)
    up.change(replicas=3)
    await_whole(down, up)
    assert not down.pods()
    down.change(replicas=1)
    await_whole(down)


def test_a_group_of_one_pod_has_no_worker_stateful_set(sets: Sets) -> None:
    """10.1 #5, E2: size 1, and with surge a template change passes through one more group."""
    lws = sets.create(replicas=2, size=1)
    await_whole(lws)
    assert not lws.worker_sets()


def test_scaling_as_kubectl_and_the_autoscaler_do(sets: Sets) -> None:
    """10.1 #13 and #14, C13 and C14."""
    lws = sets.create(replicas=2)
    await_whole(lws)
    scale = lws.read_scale()
    assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (2, 2)
    assert scale["status"]["selector"] == f"{c.NAME_LABEL}={lws.name},{c.WORKER_INDEX_LABEL}=0"
    lws.scale(3)
    assert lws.get()["spec"]["replicas"] == 3
    await_whole(lws)
    assert lws.until("the scale to say 3", lambda: lws.read_scale()["status"]["replicas"] == 3)


def test_scaling_several_sets_at_once(sets: Sets) -> None:
    """Sets whose names begin alike do not get into each other's way."""
    several = [sets.create(name, replicas=2) for name in ("a", "a-0-x", "ab", "b")]
    await_available(several)
    for number, lws in enumerate(several):
        lws.change(replicas=number)
    await_whole(*several)
