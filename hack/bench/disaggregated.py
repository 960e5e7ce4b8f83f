"""What DisaggregatedSets cost: API writes, CPU and time on a real cluster, and a pass over a very large one.

    python -m hack.bench.disaggregated [--sets 10] [--groups 2] [--size 2] [--without cluster|pass]

Ten sets of three roles are created at once, all rolled with a surge of one, watched while nothing happens,
and the controller is restarted. A *child step* is a write to a role's LeaderWorkerSet: made, scaled, deleted,
or its size noted when a rollout begins. Requests are counted in the API server's audit log; CPU is the
kernel's, of the manager as a whole, so it contains what the LeaderWorkerSets cost. The pass is over 100
slices of ten roles at rest, without an API server; target: 50 ms.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from hack.bench.audit import AuditLog, is_event
from hack.bench.controllers import Manager, cluster
from hack.bench.passes import milliseconds
from hack.bench.waiting import DEADLINE, NAMESPACE, Phase, await_all, await_quiet, report
from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Service
from lws.controllers.catchingup import CatchingUp, FirstLook
from lws.controllers.disaggregatedset import DisaggregatedSetReconciler, RoleInformers
from lws.controllers.indexes import EDITABLE
from lws.controllers.outcomes import Outcome
from lws.controllers.problems import ProblemMemory
from lws.controllers.resources import DISAGGREGATEDSETS, LEADERWORKERSETS
from lws.controllers.rolloutmemory import RolloutMemory
from lws.kube.client import Client, Survey
from lws.kube.connection import connect
from lws.planning.actions import Action, PatchStatus
from lws.planning.disaggregated.children import lws_document, service_document
from lws.planning.disaggregated.revision import revision_of
from lws.runtime.clock import SystemClock
from lws.runtime.informers import Indexer

Document = dict[str, Any]
ROLES = ("prefill", "decode", "proxy")
CHILDREN = "leaderworkersets"


def a_set(
    name: str, roles: Iterable[str], *, groups: int, size: int, image: str, slices: int = 1
) -> Document:
    """Every role alike, rolled with a surge of one."""
    containers = [{"name": "server", "image": image, "resources": {"requests": {"cpu": "50m"}}}]
    rolling = {"type": "RollingUpdate", "rollingUpdateConfiguration": {"maxSurge": 1, "maxUnavailable": 0}}
    template = {"size": size, "workerTemplate": {"spec": {"containers": containers}}}
    spec = {"replicas": groups, "rolloutStrategy": rolling, "leaderWorkerTemplate": template}
    return {
        "apiVersion": d.API_VERSION,
        "kind": d.KIND,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"slices": slices, "roles": [{"name": x, "spec": spec} for x in roles]},
    }


# On a cluster.


def done(one: Document) -> bool:
    """Available on the newest spec."""
    status = one.get("status", {})
    current = status.get("observedGeneration") == one["metadata"]["generation"]
    conditions = status.get("conditions", ())
    return current and any(x["type"] == "Available" and x["status"] == "True" for x in conditions)


def await_children(client: Client, count: int) -> None:
    """Until all sets are available and nothing of a former revision is left."""
    await_all(client, DISAGGREGATEDSETS, done)
    deadline = time.monotonic() + DEADLINE
    while len(there := client.list(LEADERWORKERSETS, dict, NAMESPACE)) != count:
        if time.monotonic() > deadline:
            names = ", ".join(x["metadata"]["name"] for x in there)
            raise SystemExit(
                f"not {count} LeaderWorkerSets after {DEADLINE:.0f} s, but {len(there)}: {names}"
            )
        time.sleep(0.5)


class Bench:
    """The sets, and the controller that is measured."""

    def __init__(self, client: Client, audit: AuditLog, options: argparse.Namespace) -> None:
        self._client = client
        self._audit = audit
        self._options = options

    def phase(self, title: str, manager: Manager, work: Callable[[Document], object], image: str) -> None:
        """Do something to every set, await the end, and report what it took."""
        count = self._options.sets
        documents = [
            a_set(f"bench-{x}", ROLES, groups=self._options.groups, size=self._options.size, image=image)
            for x in range(count)
        ]
        phase = Phase(self._audit, manager.usage)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, documents))
        await_children(self._client, count * len(ROLES))
        phase.end(title, self._counts)

    def create(self, document: Document) -> None:
        self._client.create(DISAGGREGATEDSETS, dict, document)

    def roll(self, document: Document) -> None:
        name, patch = document["metadata"]["name"], {"spec": document["spec"]}
        self._client.merge_patch(DISAGGREGATEDSETS, dict, name, patch, namespace=NAMESPACE)

    def _counts(self) -> Document:
        counted = self._audit.writes()
        steps = sum(counted[f"{verb} {CHILDREN}"] for verb in ("create", "patch", "delete"))
        events = sum(count for what, count in counted.items() if is_event(what))
        total = sum(counted.values())
        return {
            "writes": dict(counted),
            "childSteps": steps,
            "perChildStepWithoutEvents": round((total - events) / steps, 2),
            "perChildStepWithEvents": round(total / steps, 2),
        }


def on_a_cluster(options: argparse.Namespace, directory: Path) -> None:
    flags = [f"--nodes={options.nodes}", f"--kcm-qps={options.kcm_qps}"]
    with cluster(str(directory / "cluster"), *flags) as kubeconfig:
        audit = AuditLog(directory / "cluster" / "audit.log")
        bench = Bench(Client(connect(kubeconfig=kubeconfig, user_agent="bench")), audit, options)
        manager = Manager(kubeconfig, directory / "controller.log")
        bench.phase("create", manager, bench.create, "server:1")
        bench.phase("roll", manager, bench.roll, "server:2")
        audit.mark()
        before = manager.usage().cpu
        time.sleep(options.rest)
        cpu = round(manager.usage().cpu - before, 2)
        report("rest", seconds=options.rest, cpuSeconds=cpu, writes=dict(audit.writes()))
        manager.stop()
        audit.mark()
        manager = Manager(kubeconfig, directory / "controller.log")
        await_quiet(audit)
        report("restart", writes=dict(audit.writes()))
        manager.stop()


# One pass.


class _Informer:
    """An informer that has everything and watches nothing."""

    has_synced = True

    def __init__(self, objects: Iterable[Any], **indexes: Any) -> None:
        self.indexer: Indexer[Any] = Indexer(indexes)
        self.indexer.replace(objects, resource_version=1)
        self.get, self.by_index = self.indexer.get, self.indexer.by_index


class _Executor:
    """Sends nothing; keeps what it was to send."""

    def __init__(self) -> None:
        self.actions: list[Action] = []

    def run(self, actions: Sequence[Action]) -> Outcome:
        self.actions += actions
        return Outcome()


def _typed(document: Document, type_: type[Any]) -> Any:
    return msgspec.json.decode(msgspec.json.encode(document), type=type_)


def _stored(document: Document, **members: Any) -> Document:
    name = document["metadata"]["name"]
    metadata = document["metadata"] | {"uid": f"uid-{name}", "generation": 1, "resourceVersion": "1"}
    return document | {"metadata": metadata} | members


def _informers(ds: DisaggregatedSet, groups: int) -> RoleInformers:
    """Everything that the set has when all of it is ready."""
    revision, ready = (
        revision_of(ds.spec.roles),
        dict.fromkeys(("replicas", "readyReplicas", "updatedReplicas"), groups),
    )
    children: list[LeaderWorkerSet] = [
        _typed(
            _stored(
                lws_document(ds, role, index=number, revision=revision, replicas=groups, target=groups),
                status=ready,
            ),
            LeaderWorkerSet,
        )
        for number in range(ds.slices)
        for role in ds.spec.roles
    ]
    services = [_typed(_stored(service_document(ds, x)), Service) for x in children]
    indexes: Any = EDITABLE
    made: Any = (
        _Informer([ds]),
        _Informer([], **indexes),
        _Informer(children, **indexes),
        _Informer(services, **indexes),
        _Informer([], **indexes),
    )
    return RoleInformers(*made)


def _as_new(ds: DisaggregatedSet) -> FirstLook:
    """The server has what the caches show."""
    return FirstLook(lambda: Survey(0, {}), lambda _: ds, lambda _: ())


def _pass(ds: DisaggregatedSet, groups: int) -> tuple[Callable[[], object], _Executor]:
    executor: Any = _Executor()
    informers = _informers(ds, groups)
    clock = SystemClock()
    reconciler = DisaggregatedSetReconciler(
        informers,
        executor=executor,
        rollouts=RolloutMemory(),
        problems=ProblemMemory(clock, lambda key, after: None),
        caches=CatchingUp(informers.sets, _as_new(ds)),
        clock=clock,
        awaken=lambda: None,
    )
    return (lambda: reconciler.reconcile(ds.key)), executor


def one_pass(slices: int, roles: int, rounds: int) -> float:
    """Milliseconds of CPU of the pass over a set at rest."""
    names = [f"role-{x}" for x in range(roles)]
    document = _stored(a_set("large", names, groups=2, size=2, image="server:1", slices=slices))
    first, executor = _pass(_typed(document, DisaggregatedSet), 2)
    first()
    [status] = [x.status for x in executor.actions if isinstance(x, PatchStatus)]
    rest, executor = _pass(_typed(document | {"status": status}, DisaggregatedSet), 2)
    took = milliseconds(rest, rounds)
    assert not executor.actions, f"a set at rest is written: {executor.actions[0]}"
    return took


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m hack.bench.disaggregated", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--sets", type=int, default=10)
    parser.add_argument("--groups", type=int, default=2, help="of each role")
    parser.add_argument("--size", type=int, default=2, help="pods per group")
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--kcm-qps", type=int, default=200, help="of kube-controller-manager")
    parser.add_argument("--rest", type=float, default=20.0, help="seconds to watch the controller do nothing")
    parser.add_argument("--without", nargs="*", default=(), choices=("cluster", "pass"))
    options = parser.parse_args()
    if "pass" not in options.without:
        for slices, roles in ((1, 3), (10, 10), (100, 10)):
            report("pass", slices=slices, roles=roles, cpuMs=round(one_pass(slices, roles, 7), 2))
    if "cluster" not in options.without:
        with tempfile.TemporaryDirectory(prefix="lws-bench-") as directory:
            on_a_cluster(options, Path(directory))
    return 0


if __name__ == "__main__":
    sys.exit(main())
