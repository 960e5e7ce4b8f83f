"""TPU groups on nodes that have TPUs: each pod knows its hosts, and what moves them."""

from __future__ import annotations

import pytest
from support.admission import Document, a_container, env_of
from support.sets import LivePod, LiveSet, Sets, template
from support.wholeness import await_whole

from lws.api import constants as c

pytestmark = pytest.mark.integration

UNIQUE = {"subdomainPolicy": "UniquePerReplica"}


def tpus(role: str, containers: int = 1) -> Document:
    """The template of a role whose containers all ask for TPUs."""
    one = template(role)
    one["spec"]["containers"] = [a_container(f"c{x}", tpu="4") for x in range(containers)]
    return {f"{role}Template": one}


def env(pod: LivePod, container: int = 0) -> tuple[str, str, str]:
    found = env_of(pod.document, container)
    return found["TPU_WORKER_HOSTNAMES"], found["TPU_WORKER_ID"], found["TPU_PROCESS_PORT"]


def hosts(lws: LiveSet, group: int, workers: range, subdomain: str = "") -> list[str]:
    leader = f"{lws.name}-{group}"
    names = [f"{leader}-{x}" if x else leader for x in workers]
    return [f"{name}.{subdomain or lws.name}" for name in names]


def test_tpu_groups_know_their_hosts(sets: Sets) -> None:
    """E8, E10, E11, E15: TPUs everywhere, in workers only, in two containers each, by subgroups, nowhere."""
    everywhere = sets.create("everywhere", size=3, **tpus("leader"), **tpus("worker"))
    workers = sets.create("workers", size=3, **tpus("worker"))
    two = sets.create("two", size=2, **tpus("leader", 2), **tpus("worker", 2))
    halves = {"subGroupSize": 2, "subGroupPolicyType": "LeaderWorker"}
    split = sets.create("split", size=4, subgroups=halves, **tpus("leader"), **tpus("worker"))
    nowhere = sets.create("nowhere", size=2)
    await_whole(everywhere, workers, two, split, nowhere)
    for pod in everywhere.pods():
        assert env(pod) == (",".join(hosts(everywhere, pod.group, range(3))), str(pod.worker), "8476")
    for pod in (x for x in workers.pods() if x.worker):
        assert env(pod) == (",".join(hosts(workers, pod.group, range(1, 3))), str(pod.worker - 1), "8476")
    for pod in two.pods():
        doubled = ",".join(x for x in hosts(two, pod.group, range(2)) for _ in range(2))
        assert env(pod, 0) == (doubled, str(2 * pod.worker), "8476")
        assert env(pod, 1) == (doubled, str(2 * pod.worker + 1), "8477")
    for pod in split.pods():
        half = pod.worker // 2
        assert pod.document["metadata"]["labels"][c.SUBGROUP_INDEX_LABEL] == str(half)
        names = ",".join(hosts(split, pod.group, range(2 * half, 2 * half + 2)))
        assert env(pod) == (names, str(pod.worker % 2), "8476")
    assert not any(name.startswith("TPU_") for pod in nowhere.pods() for name in env_of(pod.document))


def test_hosts_follow_the_subdomain_policy(sets: Sets) -> None:
    """E13."""
    lws = sets.create(replicas=1, size=2, **tpus("leader"), **tpus("worker"))
    await_whole(lws)
    lws.change(networkConfig=UNIQUE)
    await_whole(lws)
    own = ",".join(hosts(lws, 0, range(2), f"{lws.name}-0"))
    assert [env(pod)[0] for pod in lws.pods()] == [own, own]
