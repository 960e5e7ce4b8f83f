"""What a set is made of at one moment, for tests in which nothing of it, or just this, may change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from lws.api import constants as c
from lws.kube.resources import PODS
from lws.kube.selectors import equals
from lws.kube.watch import watch
from support.sets import Document, LiveSet
from support.waiting import SECONDS


class Snapshot(NamedTuple):
    """What must not change: the set, pods, restarts of containers, StatefulSets, revisions.

    Objects by name with their UIDs, and with generations where there are some.
    """

    own: tuple[str, int]
    pods: dict[str, str]
    restarts: int
    stateful_sets: dict[str, tuple[str, int]]
    revisions: dict[str, str]


def snapshot(lws: LiveSet) -> Snapshot:
    sets = [lws.leader_set(), *lws.worker_sets()]
    pods = lws.pods()
    containers = [y for x in pods for y in x.document["status"].get("containerStatuses", [])]
    return Snapshot(
        generation(lws.get()),
        {pod.name: pod.uid for pod in pods},
        sum(x["restartCount"] for x in containers),
        {x["metadata"]["name"]: generation(x) for x in sets},
        {x["metadata"]["name"]: x["metadata"]["uid"] for x in lws.revisions()},
    )


def generation(document: Document) -> tuple[str, int]:
    metadata = document["metadata"]
    return str(metadata["uid"]), int(metadata["generation"])


def made_since(lws: LiveSet, version: str) -> Counter[str]:
    """How many pods were created by each name since that resourceVersion."""
    return Counter(pod["metadata"]["name"] for what, pod in pods_since(lws, version) if what == "ADDED")


def pods_since(lws: LiveSet, version: str) -> Iterator[tuple[str, Document]]:
    """What has become of the set's pods since that resourceVersion, each write: its type, and the pod then.

    The last is a pod of now.
    """
    last = int(version_of(lws))
    if last <= int(version):
        return
    stream = watch(
        lws.client.connection,
        PODS,
        namespace=lws.namespace,
        label_selector=equals(c.NAME_LABEL, lws.name),
        resource_version=version,
        timeout_seconds=round(SECONDS),
    )
    with stream as events:
        for event in events:
            pod = msgspec.json.decode(event.object)
            yield str(event.type), pod
            if int(pod["metadata"]["resourceVersion"]) >= last:
                return
    raise AssertionError(f"the watch ended before it came to version {last}")


def version_of(lws: LiveSet) -> str:
    """Of the API server at this moment, or a little before."""
    return str(max(int(x.document["metadata"]["resourceVersion"]) for x in lws.pods()))


def keys(lws: LiveSet) -> list[str]:
    """Of its revisions, by number."""
    found = sorted(lws.revisions(), key=lambda x: int(x["revision"]))
    return [x["metadata"]["labels"][c.REVISION_LABEL] for x in found]
