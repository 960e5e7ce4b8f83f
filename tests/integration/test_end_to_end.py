"""The end-to-end scenarios of reconcilers.md, 10.2, that are in no other file, with exactly its numbers.

All at the same time, each in its own namespace. ``tests/SCENARIOS.md`` says where the others are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.cluster import Cluster
from support.manager import Manager
from support.namespaces import make_namespace
from support.sets import Document, LiveSet, Sets, template
from support.together import Outcomes, played
from support.wholeness import await_whole

from lws.api import constants as c

pytestmark = pytest.mark.integration

UNIQUE = {"networkConfig": {"subdomainPolicy": "UniquePerReplica"}}
SUBGROUPS = {"subgroups": {"subGroupSize": 1, "subGroupPolicyType": "LeaderWorker"}}


def renamed(role: str) -> Document:
    """The role's template with another container name; its pods take their time to start."""
    changed = template(role, start_delay="500ms")
    changed["spec"]["containers"][0]["name"] = f"new-{role}"
    return {f"{role}Template": changed}


def containers(lws: LiveSet) -> set[tuple[bool, str]]:
    """Whether it is the leader, and the name of its container, of every pod."""
    return {(pod.worker == 0, pod.document["spec"]["containers"][0]["name"]) for pod in lws.pods()}


def plain(sets: Sets) -> None:
    """20 pods in four groups, with their labels and annotations."""
    lws = sets.create(replicas=4, size=5, restartPolicy=c.RESTART_NONE)
    wanted = lws.get()["spec"]
    await_whole(lws)
    pods = lws.pods()
    assert (len(pods), len(lws.worker_sets())) == (20, 4)
    assert {(pod.group, pod.worker) for pod in pods} == {(x, y) for x in range(4) for y in range(5)}
    for pod in pods:
        assert pod.document["metadata"]["labels"][c.NAME_LABEL] == lws.name
        assert pod.size == "5"
    assert lws.get()["spec"] == wanted


def rolled(peak: int, *, services: int = 1, **members: Any) -> Callable[[Sets], None]:
    """All pods new, after as many groups as ``peak`` were wanted and had so many ``services``."""

    def play(sets: Sets) -> None:
        lws = sets.create(**members)
        await_whole(lws)
        old = lws.uids()
        lws.change(**renamed("leader"), **renamed("worker"))
        lws.until("the leader StatefulSet to grow", lambda: lws.leader_set()["spec"]["replicas"], peak.__eq__)
        lws.until("services", lambda: len(lws.services()), services.__eq__)
        await_whole(lws)
        assert not lws.uids() & old
        assert containers(lws) <= {(True, "new-leader"), (False, "new-worker")}

    return play


SCENARIOS: dict[str, Callable[[Sets], None]] = {
    "E1": plain,
    "E2": rolled(5, replicas=4, maxSurge=1, size=1),
    "E4": rolled(2),
    "E5": rolled(7, replicas=4, maxSurge=4),
    "E6": rolled(5, replicas=4, maxSurge=1, maxUnavailable=0),
    "E9": rolled(7, replicas=4, maxSurge=4, **SUBGROUPS),
    "E14": rolled(7, services=7, replicas=4, maxSurge=4, **UNIQUE),
}


@pytest.fixture(scope="module")
def outcomes(cluster: Cluster, one_manager: Manager, request: pytest.FixtureRequest) -> Iterator[Outcomes]:
    one_manager.ensure_running()

    def play(name: str) -> None:
        sets = Sets(cluster.client, make_namespace(cluster.client))
        SCENARIOS[name](sets)
        sets.delete_all()

    with played(request, "test_end_to_end", play, at_once=len(SCENARIOS)) as outcomes:
        yield outcomes


@pytest.mark.parametrize("name", SCENARIOS)
def test_end_to_end(outcomes: Outcomes, name: str) -> None:
    outcomes[name].result()
