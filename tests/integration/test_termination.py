"""When the pods of a group are told to stop, whoever began it, on the real garbage collector."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from support.cluster import Cluster
from support.manager import Manager
from support.namespaces import make_namespace
from support.sets import Document, LiveSet, Sets, template
from support.wholeness import await_whole

from lws.api import constants as c
from lws.kube.resources import PODS
from lws.planning.termination import FOREGROUND

pytestmark = pytest.mark.integration

STOP = 5  # seconds that each pod takes to stop
APART = STOP - 2  # seconds, fewer than any pod takes; times are whole ones, and a busy machine adds some


def slow(image: str = "docker.io/nginxinc/nginx-unprivileged:1.27") -> Document:
    return template("worker", image, stop_delay=f"{STOP}s")


SLOW = {"leaderTemplate": template("leader", stop_delay=f"{STOP}s"), "workerTemplate": slow()}


def told(pod: Document) -> float | None:
    """When it was told to stop: the deletionTimestamp is that plus the grace period."""
    metadata = pod["metadata"]
    if "deletionTimestamp" not in metadata:
        return None
    until = datetime.fromisoformat(metadata["deletionTimestamp"]).timestamp()
    return until - float(metadata["deletionGracePeriodSeconds"])


class Watcher:
    """Notes when the pods of one group, as it was, are told to stop, and whether a new leader meets them."""

    def __init__(self, lws: LiveSet, group: int) -> None:
        self._lws = lws
        self.old = {x.uid: x.worker for x in lws.group(group)}
        self._group = group
        self.told: dict[int, float] = {}
        self.met = False

    def look(self) -> bool:
        """Whether all of them have gone."""
        pods = self._lws.group(self._group)
        there = {x.uid for x in pods}
        for pod in pods:
            at = told(pod.document)
            if pod.uid in self.old and at is not None:
                self.told.setdefault(self.old[pod.uid], at)
        new_leader = any(x.worker == 0 and x.uid not in self.old for x in pods)
        self.met = self.met or (new_leader and bool(there & self.old.keys()))
        return not there & self.old.keys()

    def watch(self) -> None:
        self._lws.until(f"group {self._group} to go", self.look, seconds=120)
        assert self.told.keys() == set(self.old.values())

    @property
    def together(self) -> bool:
        return max(self.told.values()) - min(self.told.values()) <= APART


def by_user(lws: LiveSet) -> None:
    """As kubectl does unless it is told otherwise."""
    lws.client.delete(PODS, dict, f"{lws.name}-1", namespace=lws.namespace, propagation="Background")


def by_roll(lws: LiveSet) -> None:
    lws.change(workerTemplate=slow("docker.io/nginxinc/nginx-unprivileged:1.28"))


def by_scale(lws: LiveSet) -> None:
    lws.scale(1)


def by_deletion(lws: LiveSet) -> None:
    lws.delete("Background")


BEGINNINGS = (by_user, by_roll, by_scale, by_deletion)


def marked(lws: LiveSet) -> list[bool]:
    """Of each leader, whether it carries the finalizer and the annotation, which go together."""
    found = []
    for pod in (x.document["metadata"] for x in lws.pods() if x.worker == 0):
        mark = pod["annotations"].get(c.TERMINATION_POLICY_ANNOTATION) == c.TERMINATION_PARALLEL
        assert (FOREGROUND in pod.get("finalizers", ())) is mark
        found.append(mark)
    return found


def policy(name: str | None) -> dict[str, Any]:
    return {"podTerminationPolicy": name} if name else {}


@pytest.mark.parametrize("begin", BEGINNINGS, ids=lambda x: x.__name__)
def test_parallel_stops_all_pods_together(sets: Sets, begin: Callable[[LiveSet], None]) -> None:
    lws = sets.create(replicas=2, size=3, **(SLOW | policy(c.TERMINATION_PARALLEL)))
    await_whole(lws)
    lws.until("the leaders to be marked", lambda: marked(lws), lambda seen: seen == [True, True])
    watcher = Watcher(lws, 1)
    begin(lws)
    watcher.watch()
    assert watcher.together, watcher.told
    assert not watcher.met, "a new leader ran beside old workers"
    if begin in (by_user, by_roll):
        await_whole(lws)


@pytest.mark.parametrize("begin", BEGINNINGS, ids=lambda x: x.__name__)
@pytest.mark.parametrize("name", [None, c.TERMINATION_DEFAULT])
def test_by_default_a_leader_drains_while_its_workers_live(
    sets: Sets, begin: Callable[[LiveSet], None], name: str | None
) -> None:
    lws = sets.create(replicas=2, size=3, **(SLOW | policy(name)))
    await_whole(lws)
    watcher = Watcher(lws, 1)
    begin(lws)
    watcher.watch()
    assert marked(lws) in ([], [False], [False, False])
    workers = [at for worker, at in watcher.told.items() if worker]
    assert min(workers) - watcher.told[0] >= STOP - 1, watcher.told
    if begin in (by_user, by_roll):
        await_whole(lws)


def test_a_group_that_failed_stops_at_once_whatever_the_policy(sets: Sets) -> None:
    lws = sets.create(replicas=2, size=3, **SLOW)
    await_whole(lws)
    watcher = Watcher(lws, 1)
    lws.annotate_pod(f"{lws.name}-1-1", "hollow.lws/restart", "0s")
    watcher.watch()
    assert watcher.together, watcher.told
    assert not watcher.met


def test_the_policy_of_a_running_set_changes_and_nothing_restarts(sets: Sets) -> None:
    lws = sets.create(replicas=2, size=3)
    await_whole(lws)
    before, revisions = lws.uids(), [x["metadata"]["name"] for x in lws.revisions()]
    for name, seen in ((c.TERMINATION_PARALLEL, [True, True]), (None, [False, False])):
        lws.change(podTerminationPolicy=name)
        lws.until(f"marks {seen}", lambda: marked(lws), lambda found, seen=seen: found == seen)  # type: ignore[misc]
    await_whole(lws)
    assert lws.uids() == before
    assert [x["metadata"]["name"] for x in lws.revisions()] == revisions


def test_without_the_manager_nothing_is_stranded(cluster: Cluster, manager: Manager) -> None:
    """The finalizer is Kubernetes' own: the garbage collector takes it off once the workers have gone."""
    namespace = make_namespace(cluster.client)
    sets = Sets(cluster.client, namespace)
    lws = sets.create(replicas=2, size=3, **(SLOW | policy(c.TERMINATION_PARALLEL)))
    await_whole(lws)
    lws.until("the leaders to be marked", lambda: marked(lws), lambda seen: seen == [True, True])
    manager.stop()
    watcher = Watcher(lws, 1)
    lws.delete("Background")
    watcher.watch()
    assert watcher.together, watcher.told
    lws.until("nothing to be left", lws.children, lambda seen: not seen)
