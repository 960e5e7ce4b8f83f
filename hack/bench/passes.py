"""What a pass over one set costs by its number of groups: CPU, in milliseconds, no API server.

    python -m hack.bench.passes --groups 1000 2000 5000

Groups are of two pods. ``rest``: everything is ready and recorded, nothing is written; target: 12 ms at 1,000
groups, and linear. ``unrecorded``: all groups are whole and none is on record yet. ``loading``: all were just
recreated, and none is ready. ``group``: the pass over one group of that set, at rest.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import GroupStatus, LeaderWorkerSet
from lws.api.workloads import ControllerRevision, Pod, Service, StatefulSet
from lws.controllers.departures import Departures
from lws.controllers.groupstatus import GroupStatusMemory
from lws.controllers.informers import INDEXES, Informers
from lws.controllers.lacks import MissingPods
from lws.controllers.leaderworkerset import LeaderWorkerSetReconciler
from lws.controllers.outcomes import Outcome
from lws.controllers.problems import ProblemMemory
from lws.objects import Key, KubeObject
from lws.planning.actions import Action, PatchStatus
from lws.planning.group import plan_group
from lws.planning.observed import ObservedGroup
from lws.planning.revisions import revision_document, template_of
from lws.runtime.clock import SystemClock
from lws.runtime.informers import Indexer

Document = dict[str, Any]
NAMESPACE, NAME, LEADERS = "bench", "one", "uid-leaders"
READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
STARTING = {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}


class Set(NamedTuple):
    """A set and all its objects, as the API server would show them."""

    lws: LeaderWorkerSet
    stateful_sets: list[StatefulSet]
    pods: list[Pod]
    revision: ControllerRevision


def make_set(groups: int, *, ready: bool) -> Set:
    """A set that was created and is on its first revision."""
    container = {"containers": [{"name": "c", "image": "i"}]}
    template = {"workerTemplate": {"spec": container}, "size": 2}
    spec = {"replicas": groups, "leaderWorkerTemplate": template, "startupPolicy": "LeaderCreated"}
    metadata = {"name": NAME, "namespace": NAMESPACE, "uid": "uid-set", "generation": 1}
    lws = _typed({"metadata": metadata, "spec": spec}, LeaderWorkerSet)
    canonical = template_of(lws)
    key = canonical.key
    document = revision_document(lws, canonical, key=key, number=1)
    revision = _typed({**document, "metadata": {**document["metadata"], "uid": "uid-r"}}, ControllerRevision)
    sets, pods = [_leader_set(groups, key)], []
    for index in range(groups):
        leader, workers, worker = _group(index, key, READY if ready else STARTING)
        sets.append(workers)
        pods += [leader, worker]
    return Set(lws, sets, pods, revision)


def _leader_set(groups: int, key: str) -> StatefulSet:
    metadata = _metadata(NAME, LEADERS, {c.REVISION_LABEL: key}, (c.KIND, NAME, "uid-set"))
    metadata["annotations"] = {c.REPLICAS_ANNOTATION: str(groups)}
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    spec = {"replicas": groups, "updateStrategy": rolling}
    status = {"replicas": groups, "currentRevision": "a", "updateRevision": "a"}
    made: StatefulSet = _typed({"metadata": metadata, "spec": spec, "status": status}, StatefulSet)
    return made


def _group(index: int, key: str, status: Document) -> tuple[Pod, StatefulSet, Pod]:
    name = f"{NAME}-{index}"
    labels = {c.GROUP_INDEX_LABEL: str(index), c.REVISION_LABEL: key}
    leader = _metadata(
        name, f"uid-{name}", {**labels, c.WORKER_INDEX_LABEL: "0"}, ("StatefulSet", NAME, LEADERS)
    )
    workers = _metadata(name, f"set-{name}", labels, ("Pod", name, f"uid-{name}"))
    owner = ("StatefulSet", name, f"set-{name}")
    worker = _metadata(f"{name}-1", f"uid-{name}-1", {**labels, c.WORKER_INDEX_LABEL: "1"}, owner)
    available = int(status is READY)
    counts = {"replicas": 1, "availableReplicas": available, "currentRevision": "a", "updateRevision": "a"}
    return (
        _typed({"metadata": leader, "status": status}, Pod),
        _typed({"metadata": workers, "spec": {"replicas": 1}, "status": counts}, StatefulSet),
        _typed({"metadata": worker, "status": status}, Pod),
    )


def _metadata(name: str, uid: str, labels: Document, owner: tuple[str, str, str]) -> Document:
    kind, owned_by, owner_uid = owner
    reference = {"kind": kind, "name": owned_by, "uid": owner_uid, "controller": True}
    return {
        "name": name,
        "namespace": NAMESPACE,
        "uid": uid,
        "labels": {c.NAME_LABEL: NAME, **labels},
        "ownerReferences": [reference],
    }


def _typed(document: Document, type_: type[Any]) -> Any:
    return msgspec.json.decode(msgspec.json.encode(document), type=type_)


class _Informer:
    """An informer that has everything and watches nothing."""

    def __init__(self, kind: type[KubeObject], objects: Iterable[Any]) -> None:
        self.indexer: Indexer[Any] = Indexer(INDEXES[kind])
        self.indexer.replace(objects, resource_version=1)
        self.get, self.by_index = self.indexer.get, self.indexer.by_index


def _informers(one: Set) -> Informers:
    service = Service(replace(one.lws.metadata, uid="uid-service"))
    made: Any = (
        _Informer(LeaderWorkerSet, [one.lws]),
        _Informer(StatefulSet, one.stateful_sets),
        _Informer(Pod, one.pods),
        _Informer(ControllerRevision, [one.revision]),
        _Informer(Service, [service]),
    )
    return Informers(*made)


class _Executor:
    """Sends nothing; keeps the last status patch."""

    def __init__(self) -> None:
        self.patch: PatchStatus | None = None

    def patching(self, kind: str, key: Key) -> bool:
        return False

    def run(self, actions: Sequence[Action]) -> Outcome:
        for action in actions:
            if isinstance(action, PatchStatus):
                self.patch = action
        return Outcome()


class _Live:
    def is_current(self, _pod: Pod) -> bool:
        return True


class _Caches:
    def behind(self, _key: Key) -> bool:
        return False


def _reconciler(one: Set, executor: _Executor) -> LeaderWorkerSetReconciler:
    stand_ins: dict[str, Any] = {"executor": executor, "live": _Live(), "caches": _Caches()}
    clock = SystemClock()
    return LeaderWorkerSetReconciler(
        _informers(one),
        ledger=GroupStatusMemory(),
        problems=ProblemMemory(clock, lambda _key, _after: None),
        missing=MissingPods(stand_ins["live"], None, clock),
        departures=Departures(),
        clock=clock,
        **stand_ins,
    )


def _with_status(one: Set, *, restarted: bool) -> Set:
    """As it is once the first pass of all has written its status."""
    executor = _Executor()
    reconciler = _reconciler(one, executor)
    reconciler.reconcile(one.lws.key)
    assert executor.patch is not None
    status = {x: value for x, value in executor.patch.status.items() if value is not None}
    groups = {
        index: msgspec.convert({k: v for k, v in entry.items() if v is not None}, GroupStatus)
        for index, entry in status.pop("groups", {}).items()
    }
    if restarted:
        groups = {index: replace(x, restarts=1) for index, x in groups.items()}
    kept = msgspec.convert(status, type(one.lws.status))
    return one._replace(lws=replace(one.lws, status=replace(kept, groups=groups)))


def milliseconds(work: Callable[[], object], rounds: int) -> float:
    """CPU of one call, the best of ``rounds``."""
    best = float("inf")
    gc.collect()
    gc.freeze()  # as the manager does once its caches are filled
    for _ in range(rounds):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best * 1000


def measure(groups: int, rounds: int) -> dict[str, float]:
    """All figures of one size."""
    new = make_set(groups, ready=True)
    rest = _with_status(new, restarted=False)
    loading = _with_status(make_set(groups, ready=False), restarted=True)
    found = {}
    for name, one in (("rest", rest), ("unrecorded", new), ("loading", loading)):
        executor = _Executor()
        found[name] = milliseconds(partial(_reconciler(one, executor).reconcile, new.lws.key), rounds)
        if name == "rest":
            assert executor.patch is None, f"a set at rest is written: {executor.patch}"
    leader = next(x for x in rest.pods if x.name == f"{NAME}-{groups // 2}")
    worker = next(x for x in rest.pods if x.name == f"{leader.name}-1")
    workers = next(x for x in rest.stateful_sets if x.name == leader.name)
    group = ObservedGroup(
        rest.lws, leader, pods=(leader, worker), worker_sets=(workers,), revisions=(rest.revision,)
    )
    found["group"] = milliseconds(lambda: [plan_group(group, now=0.0) for _ in range(100)], rounds) / 100
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m hack.bench.passes", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--groups", type=int, nargs="+", default=[1000, 2000, 5000])
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    for groups in options.groups:
        found = measure(groups, options.rounds)
        print(f"{groups:>6} groups: " + ", ".join(f"{name} {ms:.3g} ms" for name, ms in found.items()))


if __name__ == "__main__":
    main()
