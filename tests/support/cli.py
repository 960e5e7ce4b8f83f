"""Sets as the kubectl plugin sees them: ``support.groups`` with the texts that people read."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision, StatefulSet
from lws.api.workloads import Pod as PlainPod
from lws.cli.kinds import Pod
from lws.cli.observing import Seen
from lws.planning.revisions import revision_document, template_of
from support.groups import a_leader, a_leader_set, a_set, a_worker, a_worker_set


def a_pod(plain: PlainPod, *, status: dict[str, Any] | None = None, node: str = "n1") -> Pod:
    """The same pod with another status, as JSON has it; on a node unless told otherwise."""
    document = msgspec.to_builtins(plain)
    document["spec"]["nodeName"] = node
    if status is not None:
        document["status"] = status
    return msgspec.convert(document, Pod)


READY: dict[str, Any] = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}


def key_of(lws: LeaderWorkerSet) -> str:
    return template_of(lws).key


def seen_of(
    lws: LeaderWorkerSet,
    *,
    former: LeaderWorkerSet | None = None,
    outdated: tuple[int, ...] = (),
    down: tuple[int, ...] = (),
    missing: tuple[int, ...] = (),
    statuses: dict[str, dict[str, Any]] | None = None,
    nodes: dict[str, str] | None = None,
    partition: int | None = None,
    applied: bool = True,
    replicas: int | None = None,
) -> Seen:
    """A set with its groups, one worker each, ready and on the present template unless told otherwise.

    ``former``: the set before its last edit, which ``outdated`` groups are made from. ``down``: groups whose
    pods are not ready; ``missing``: those without pods. ``statuses`` and ``nodes``: by pod name.
    ``applied``: the leader StatefulSet has the present template.
    """
    old = former or a_set(size=7)
    keys = {True: key_of(old), False: key_of(lws)}
    count = lws.replicas if replicas is None else replicas
    pods: list[Pod] = []
    sets: list[StatefulSet] = [_leader_set(lws, keys[not applied], count, partition)]
    for index in range(count):
        if index in missing:
            continue
        key, ready = keys[index in outdated], index not in down
        leader = a_leader(index, key=key, ready=ready)
        pods.append(_pod(leader, READY if ready else None, statuses, nodes))
        if lws.live_size > 1:
            pods.append(_pod(a_worker(leader, 1, key=key), READY if ready else None, statuses, nodes))
            sets.append(a_worker_set(leader, key=key, available=int(ready)))
    revisions = [_revision(x, number) for number, x in enumerate((old, lws), start=1)]
    return Seen(lws, tuple(sets), tuple(pods), tuple(revisions))


def scaled_down(seen: Seen) -> Seen:
    """The leader StatefulSet has the number that is wanted, and a pod above it is still there."""
    assert seen.leader is not None
    spec = replace(seen.leader.spec, replicas=seen.lws.replicas)
    rest = (x for x in seen.stateful_sets if x is not seen.leader)
    return seen._replace(stateful_sets=(replace(seen.leader, spec=spec), *rest))


def _pod(
    plain: PlainPod,
    status: dict[str, Any] | None,
    statuses: dict[str, dict[str, Any]] | None,
    nodes: dict[str, str] | None,
) -> Pod:
    return a_pod(
        plain, status=(statuses or {}).get(plain.name, status), node=(nodes or {}).get(plain.name, "n1")
    )


def _leader_set(lws: LeaderWorkerSet, key: str, replicas: int, partition: int | None) -> StatefulSet:
    one = a_leader_set(replicas=replicas, partition=lws.partition if partition is None else partition)
    labels = {c.NAME_LABEL: lws.name, c.REVISION_LABEL: key}
    annotations = {c.REPLICAS_ANNOTATION: str(lws.replicas)}
    return replace(one, metadata=replace(one.metadata, labels=labels, annotations=annotations))


def _revision(lws: LeaderWorkerSet, number: int) -> ControllerRevision:
    document = revision_document(lws, template_of(lws), key=key_of(lws), number=number)
    return msgspec.json.decode(msgspec.json.encode(document), type=ControllerRevision)


def conditions(lws: LeaderWorkerSet, **messages: str) -> LeaderWorkerSet:
    """The set with these conditions True of its present spec, and seen by the controller."""
    generation = lws.metadata.generation
    stored = [
        {"type": type_, "status": "True", "message": message, "observedGeneration": generation}
        for type_, message in messages.items()
    ]
    status = {**msgspec.to_builtins(lws.status), "observedGeneration": generation, "conditions": stored}
    return replace(lws, status=msgspec.convert(status, type(lws.status)))
