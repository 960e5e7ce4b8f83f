"""Changes of the template on a real cluster: what is new at the end, what stays, and what is seen between."""

from __future__ import annotations

import pytest
from support.sets import IMAGE, Document, LiveSet, Sets, template
from support.wholeness import await_whole

from lws.api import constants as c

pytestmark = pytest.mark.integration

NEW = "docker.io/nginxinc/nginx-unprivileged:1.28"
NEWER = "docker.io/nginxinc/nginx-unprivileged:1.29"
SHARED, UNIQUE = {"subdomainPolicy": "Shared"}, {"subdomainPolicy": "UniquePerReplica"}


def image(role: str, name: str, **faults: str) -> Document:
    """Members of a spec that give this role another image."""
    return {f"{role}Template": template(role, name, **faults)}


def images(lws: LiveSet, *, leader: bool) -> set[str]:
    return {pod.image for pod in lws.pods() if (pod.worker == 0) == leader}


def key(lws: LiveSet) -> str:
    """The revision that the leader StatefulSet asks for."""
    return str(lws.leader_set()["metadata"]["labels"][c.REVISION_LABEL])


def test_a_new_image_replaces_every_pod_and_a_rollback_too(sets: Sets) -> None:
    """10.1 #27 and #28, E4: leader image, worker image, and back; the old revision's key returns."""
    lws = sets.create(replicas=3, size=2)
    await_whole(lws)
    first = key(lws)
    for members, leader in ((image("leader", NEW), True), (image("worker", NEW), False)):
        old = lws.uids()
        lws.change(**members)
        lws.await_condition(c.UPDATE_IN_PROGRESS)
        await_whole(lws)
        assert not lws.uids() & old
        assert images(lws, leader=leader) == {NEW}
    lws.change(**image("leader", IMAGE), **image("worker", IMAGE))
    await_whole(lws)
    assert key(lws) == first
    assert {pod.image for pod in lws.pods()} == {IMAGE}


def test_a_canary_stays_one_until_the_partition_is_lowered(sets: Sets) -> None:
    """10.1 #42, #50: groups below the partition keep their pods, size included, and come back so."""
    lws = sets.create(replicas=3, size=2, partition=2)
    await_whole(lws)
    old = lws.uids(0) | lws.uids(1)
    lws.change(size=3, **image("worker", NEW))
    lws.await_available()
    assert lws.uids(0) | lws.uids(1) == old
    assert [pod.image for pod in lws.group(2)] == [IMAGE, NEW, NEW]
    assert (lws.partition, lws.status["updatedReplicas"], len(lws.revisions())) == (2, 1, 2)
    await_rebuilt_as_it_was(lws)
    lws.change(partition=0)
    await_whole(lws)
    assert images(lws, leader=False) == {NEW}


def await_rebuilt_as_it_was(lws: LiveSet) -> None:
    """10.1 #41, #42: a group that is recreated below the partition comes entirely from its own revision."""
    old, key = lws.uids(1), lws.group(0)[0].revision
    lws.delete_pod(f"{lws.name}-1-1")
    lws.await_replaced(old, group=1)
    lws.until("group 1 to be complete", lambda: [x.ready for x in lws.group(1)], lambda x: x == [True, True])
    assert {(pod.image, pod.revision, pod.size) for pod in lws.group(1)} == {(IMAGE, key, "2")}


def test_a_canary_with_surge_keeps_its_surge_group(sets: Sets) -> None:
    """10.1 #51: Available with four groups, until the partition is lowered."""
    lws = sets.create(replicas=3, size=1, maxSurge=1, partition=2, leaderTemplate=None)
    await_whole(lws)
    lws.change(**image("worker", NEW))
    lws.await_available()
    assert (lws.partition, lws.leader_set()["spec"]["replicas"]) == (2, 4)
    assert [pod.image for pod in lws.pods()] == [IMAGE, IMAGE, NEW, NEW]
    lws.change(partition=0)
    await_whole(lws)
    assert {pod.image for pod in lws.pods()} == {NEW}


def test_a_second_change_in_mid_roll_wins(sets: Sets) -> None:
    """10.1 #40: two changes in a row; nothing of the first is left, whether it was started or not."""
    started, unseen = (sets.create(name, replicas=3, size=2) for name in ("started", "unseen"))
    await_whole(started, unseen)
    started.change(**image("worker", NEW, start_delay="1s"))
    started.until("a pod of the first change", lambda: images(started, leader=False), lambda x: NEW in x)
    for lws in (started, unseen):
        lws.change(**image("worker", NEW))
        lws.change(**image("worker", NEWER))
    await_whole(started, unseen)
    assert images(started, leader=False) == images(unseen, leader=False) == {NEWER}


def test_a_second_change_ends_a_roll_that_cannot_succeed(sets: Sets) -> None:
    """E7: the first template never becomes ready; a good one gets through."""
    lws = sets.create(replicas=2, size=1, maxSurge=1, maxUnavailable=0, leaderTemplate=None)
    await_whole(lws)
    old = lws.uids()
    lws.change(**image("worker", NEW, not_ready="true"))
    lws.until("an unready pod", lambda: [x for x in lws.pods() if x.image == NEW and not x.ready])
    assert len([x for x in lws.pods() if x.uid in old and x.ready]) == 2
    lws.change(**image("worker", NEWER, not_ready="false"))
    await_whole(lws)
    assert {pod.image for pod in lws.pods()} == {NEWER}


@pytest.mark.parametrize("size", [1, 2])
def test_surge_groups_come_first_and_go_last(sets: Sets, size: int) -> None:
    """E2, E5, E6, E14: the promised number of groups is ready all the time."""
    lws = sets.create(replicas=2, size=size, maxSurge=2, maxUnavailable=0, networkConfig=UNIQUE)
    await_whole(lws)
    lws.change(**image("worker", NEW), **image("leader", NEW))
    lws.until("a surge group", lambda: groups_ready(lws), lambda seen: seen[0] > 2)
    lws.until("Available", lambda: available_with_two_ready(lws))
    await_whole(lws)


def available_with_two_ready(lws: LiveSet) -> bool:
    assert groups_ready(lws)[1] >= 2
    return lws.condition(c.AVAILABLE) == "True"


def groups_ready(lws: LiveSet) -> tuple[int, int]:
    """How many groups there are, and how many have all their pods ready."""
    size = lws.get()["spec"]["leaderWorkerTemplate"]["size"]
    pods = lws.pods()
    groups = {pod.group for pod in pods}
    ready = [sum(pod.ready for pod in pods if pod.group == group) for group in groups]
    return len(groups), sum(count == size for count in ready)


def test_a_group_grows_and_shrinks_by_a_roll(sets: Sets) -> None:
    """10.1 #49, E12, V10: the size is part of the revision."""
    grows, shrinks = sets.create("grows", size=2), sets.create("shrinks", size=3)
    await_whole(grows, shrinks)
    grows.change(size=3)
    shrinks.change(size=1)
    await_whole(grows, shrinks)
    assert (len(grows.pods()), len(shrinks.pods())) == (6, 2)
    shrinks.change(size=2)
    await_whole(shrinks)


def test_a_group_gets_its_own_subdomain_and_back(sets: Sets) -> None:
    """E13, V20, V21: the policy is part of the revision; the services follow."""
    lws = sets.create(replicas=2, size=2)
    await_whole(lws)
    for policy, subdomains in ((UNIQUE, {f"{lws.name}-0", f"{lws.name}-1"}), (SHARED, {lws.name})):
        lws.change(networkConfig=policy)
        await_whole(lws)
        assert {pod.document["spec"]["subdomain"] for pod in lws.pods()} == subdomains


def test_replicas_change_with_the_template_and_in_mid_roll(sets: Sets) -> None:
    """10.1 #29 to #32, #36, #37: scaled both ways, in the edit of the image and a moment later."""
    numbers = {"up": (1, 3), "down": (3, 1), "later-up": (1, 3), "later-down": (3, 1)}
    several = {name: sets.create(name, replicas=was, maxSurge=2) for name, (was, _) in numbers.items()}
    more = sets.create("all-at-once", replicas=2, maxUnavailable=10)
    await_whole(*several.values(), more)
    more.change(**image("worker", NEW))
    for name, lws in several.items():
        if name.startswith("later"):
            lws.change(**image("worker", NEW))
            lws.await_condition(c.UPDATE_IN_PROGRESS)
            lws.change(replicas=numbers[name][1])
        else:
            lws.change(replicas=numbers[name][1], **image("worker", NEW))
    await_whole(*several.values(), more)
    assert all(images(lws, leader=False) == {NEW} for lws in (*several.values(), more))


def test_what_is_no_template_rolls_nothing(sets: Sets) -> None:
    """Strategy, startup policy, labels and annotations of the set leave every pod as it is (api.md, 1.2)."""
    lws = sets.create(replicas=2, size=2)
    await_whole(lws)
    old = lws.uids()
    lws.change(maxUnavailable=2, maxSurge=1, startupPolicy="LeaderReady")
    lws.annotate(**{"example.com/note": "x"})
    lws.until("the note", lambda: lws.leader_set()["metadata"]["annotations"].get("example.com/note"))
    await_whole(lws)
    assert lws.uids() == old
