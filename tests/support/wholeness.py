"""Whether a set is whole: exactly the objects its present spec asks for, tied to each other by UID.

``await_whole`` is how most integration tests end. It looks at everything the set owns, so a leftover, a
duplicate, a worker of a former group or a pod of an old revision does not go unnoticed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lws.api import constants as c
from lws.kube.errors import NotFound
from support.sets import Document, LivePod, LiveSet, condition_of
from support.waiting import until

FALSE_WHEN_AVAILABLE = (c.PROGRESSING, c.UPDATE_IN_PROGRESS)


def await_whole(*sets: LiveSet) -> None:
    """Wait until every set is whole."""
    for one in sets:
        until(f"{one} to be whole", lambda one=one: problems(one), lambda seen: not seen)  # type: ignore[misc]


def problems(one: LiveSet) -> list[str]:
    """What keeps a set from being whole; empty when nothing does."""
    try:
        leader_set = one.leader_set()
    except NotFound:
        return ["no leader StatefulSet"]
    lws, pods = one.get(), one.pods()
    workers = {x["metadata"]["name"]: x for x in one.worker_sets()}
    return [
        *_of_status(lws),
        *_of_pods(lws, leader_set, pods, workers),
        *_of_worker_sets(lws, leader_set, pods, workers),
        *_of_revisions(leader_set, one.revisions()),
        *_of_services(lws, one.services()),
    ]


def pod_names(lws: Document) -> list[str]:
    """The names of all pods that a set of this spec has."""
    name, spec = lws["metadata"]["name"], lws["spec"]
    size = spec["leaderWorkerTemplate"]["size"]
    leaders = [f"{name}-{group}" for group in range(spec["replicas"])]
    return sorted([*leaders, *(f"{leader}-{index}" for leader in leaders for index in range(1, size))])


def _of_status(lws: Document) -> Iterator[str]:
    replicas, status = lws["spec"]["replicas"], lws.get("status", {})
    if condition_of(lws, c.AVAILABLE) != "True":
        yield f"not Available: {status}"
    for type_ in FALSE_WHEN_AVAILABLE:
        if condition_of(lws, type_) == "True":
            yield f"{type_} although Available"
    for counter in ("replicas", "readyReplicas", "updatedReplicas"):
        if status.get(counter, 0) != replicas:
            yield f"status.{counter} is {status.get(counter)}, not {replicas}"


def _of_pods(
    lws: Document, leader_set: Document, pods: Sequence[LivePod], worker_sets: dict[str, Document]
) -> Iterator[str]:
    names = [pod.name for pod in pods]
    if names != pod_names(lws):
        yield f"pods are {names}, not {pod_names(lws)}"
    key, size = _revision(leader_set), str(lws["spec"]["leaderWorkerTemplate"]["size"])
    for pod in pods:
        if pod.deleting or not pod.ready:
            yield f"pod {pod.name} is {'deleted' if pod.deleting else 'not ready'}"
        if pod.revision != key or pod.size != size:
            yield f"pod {pod.name} has revision {pod.revision} and size {pod.size}, not {key} and {size}"
        owner = leader_set if pod.worker == 0 else worker_sets.get(f"{lws['metadata']['name']}-{pod.group}")
        if owner is None or pod.owner_uid != _uid(owner):
            yield f"pod {pod.name} belongs to {pod.owner_uid}"


def _of_worker_sets(
    lws: Document, leader_set: Document, pods: Sequence[LivePod], worker_sets: dict[str, Document]
) -> Iterator[str]:
    size = lws["spec"]["leaderWorkerTemplate"]["size"]
    leaders = {pod.name: pod.uid for pod in pods if pod.worker == 0} if size > 1 else {}
    if sorted(worker_sets) != sorted(leaders):
        yield f"worker StatefulSets are {sorted(worker_sets)}, not {sorted(leaders)}"
    for name, one in worker_sets.items():
        if one["metadata"]["ownerReferences"][0]["uid"] != leaders.get(name):
            yield f"worker StatefulSet {name} belongs to a former leader"
        if one["spec"]["replicas"] != size - 1:
            yield f"worker StatefulSet {name} has {one['spec']['replicas']} replicas"
        if _revision(one) != _revision(leader_set):
            yield f"worker StatefulSet {name} has revision {_revision(one)}"


def _of_revisions(leader_set: Document, revisions: Sequence[Document]) -> Iterator[str]:
    if [_revision(x) for x in revisions] != [_revision(leader_set)]:
        yield f"revisions are {[_revision(x) for x in revisions]}, not {_revision(leader_set)}"


def _of_services(lws: Document, services: Sequence[Document]) -> Iterator[str]:
    """A shared service stays when the policy changes, so it may be there beside those of the groups."""
    name, replicas = lws["metadata"]["name"], lws["spec"]["replicas"]
    names = {x["metadata"]["name"] for x in services}
    if lws["spec"]["networkConfig"]["subdomainPolicy"] == c.SUBDOMAIN_UNIQUE:
        wanted: set[str] = {f"{name}-{group}" for group in range(replicas)}
        names -= {name}
    else:
        wanted = {name}
    if names != wanted:
        yield f"services are {sorted(names)}, not {sorted(wanted)}"


def _revision(obj: Document) -> str:
    return str(obj["metadata"]["labels"][c.REVISION_LABEL])


def _uid(obj: dict[str, Any]) -> str:
    return str(obj["metadata"]["uid"])
