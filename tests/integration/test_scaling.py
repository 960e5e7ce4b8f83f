"""More groups, fewer, none: by the spec and by the scale subresource."""

from __future__ import annotations

import pytest
from support.sets import Sets, await_available, exists, template
from support.wholeness import await_whole

from lws.api import constants as c
from lws.controllers.resources import LEADERWORKERSETS
from lws.kube.errors import Forbidden

pytestmark = pytest.mark.integration

NEW = "example.com/server:2"
NOT_READY = "hollow.lws/not-ready"


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


def test_a_set_that_is_scaled_past_admission_is_not_locked(sets: Sets) -> None:
    """A quarter of four groups is one, of one group none: labels, rolls and deletion go on all the same."""
    lws = sets.create(replicas=4, size=1, maxUnavailable="25%", leaderTemplate=None)
    await_whole(lws)
    lws.change(workerTemplate=template("worker", NEW))
    lws.scale(1)
    await_whole(lws)
    assert [pod.image for pod in lws.pods()] == [NEW], "its roll goes on with one group at a time"
    lws.annotate(team="a")
    with pytest.raises(Forbidden, match="maxUnavailable"):
        lws.change(maxUnavailable="10%")
    lws.delete("Foreground")
    lws.until("the set to go", lambda: not exists(lws.client, LEADERWORKERSETS, lws.name, lws.namespace))


def test_a_partition_starts_no_surge_groups(sets: Sets) -> None:
    """kubernetes-sigs/lws#614: at creation, on scale-up, and when groups fail, nothing is rolled out."""
    lws = sets.create(replicas=3, size=1, partition=2, maxSurge=1, leaderTemplate=None)
    await_whole(lws)
    lws.scale(5)
    await_whole(lws)
    lws.annotate_pod(f"{lws.name}-0", NOT_READY, "true")
    lws.until("a group to be down", lambda: lws.status["readyReplicas"], lambda x: x == 4)
    lws.annotate_pod(f"{lws.name}-0", NOT_READY, None)
    await_whole(lws)
    assert not [x for x in lws.notes() if "surge" in x]
    assert lws.leader_set()["metadata"]["generation"] == 2, "created and scaled up, and nothing else"
