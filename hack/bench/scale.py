"""What a controller costs at one scale, and how far from the cluster's own floor: ``SETSxGROUPSxSIZE``.

``python -m hack.bench.scale [--shapes 50x4x4 ...] [--foreign 5000] [--keep]`` measures each shape on a
cluster of its own: the same pods by plain StatefulSets first, then sets created, rolled a quarter at a time,
rolled with as much surge, the controller restarted, all first workers deleted at once, all sets deleted. One
JSON object a shape; with ``--keep`` it stays in the tree, and ``hack.bench.tables`` makes the page of it.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.request import urlopen

from hack.bench.audit import AuditLog, is_event
from hack.bench.controllers import Contender, Manager, add_arguments, chosen, cluster
from hack.bench.floor import await_plain, measure_floor, plain, remove_floor
from hack.bench.latency import latencies
from hack.bench.process import Usage, usage
from hack.bench.results import circumstances, keep
from hack.bench.sets import SETS, a_set, apply, change_image, done
from hack.bench.waiting import DEADLINE, NAMESPACE, await_all, await_quiet
from hack.controlplane.layout import COMPONENTS
from hack.controlplane.processes import read_pid
from lws.api import constants as c
from lws.kube.client import Client
from lws.kube.connection import connect
from lws.kube.errors import Conflict, NotFound
from lws.kube.resources import PODS, STATEFULSETS
from lws.kube.selectors import equals, exists

SHAPES: Final = ("50x4x4", "200x4x2", "10x100x2", "1x1000x2", "1x5000x1")
OPTIONAL: Final = ("floor", "roll", "rollWithSurge", "workersDie", "delete")  # phases
LOOK: Final = 1.0  # seconds between two looks at very many pods

Document = dict[str, Any]


class Shape(NamedTuple):
    """How many sets, groups in each, and pods in each group."""

    sets: int
    groups: int
    size: int

    @property
    def all_groups(self) -> int:
        return self.sets * self.groups

    @property
    def quarter(self) -> int:
        """Of a set's groups: as many roll at a time."""
        return max(1, self.groups // 4)

    def __str__(self) -> str:
        return "x".join(map(str, self))


def shape(text: str) -> Shape:
    """For argparse: ``50x4x4``."""
    if not re.fullmatch(r"[1-9]\d*x[1-9]\d*x[1-9]\d*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no shape: SETSxGROUPSxSIZE, as 50x4x4")
    return Shape(*map(int, text.split("x")))


class Bench:
    """One shape, on one cluster, by one controller."""

    def __init__(self, kubeconfig: str, directory: Path, scale: Shape, contender: Contender) -> None:
        self._kubeconfig, self._directory, self._contender = kubeconfig, directory, contender
        self._shape = scale
        self._audit = AuditLog(directory / "cluster" / "audit.log", contender.agent)
        self._client = Client(connect(kubeconfig=kubeconfig, user_agent="bench", pool_size=10))
        self.phases: dict[str, Document] = {}

    def floor(self) -> None:
        """The same pods by plain StatefulSets: made, and ended and made anew; no controller runs."""
        sets, pods = self._shape.sets, self._shape.groups * self._shape.size
        floor = measure_floor(self._client, sets=sets, pods=pods)
        self.phases["floor"] = {
            "createSeconds": round(floor.create, 1),
            "rollSeconds": round(floor.roll, 1),
        }
        remove_floor(self._client, sets=sets)
        self._await_gone()

    def strangers(self, count: int) -> None:
        """Pods of no set, which a controller of sets should not pay for."""
        if count:
            self._client.create(STATEFULSETS, dict, plain("foreign", count, "server:1"))
            await_plain(self._client)

    def run(self, without: Collection[str]) -> None:
        """Every phase, in this order, but those that are left out."""
        manager = self._manager()
        try:
            self._create(manager)
            if "roll" not in without:
                self._roll(manager, "roll", "server:2", self._unavailable)
            if "rollWithSurge" not in without:
                self._roll(manager, "rollWithSurge", "server:3", self._surge)
        finally:
            manager.stop()
        self._audit.mark()
        began = time.monotonic()
        manager = self._manager()
        try:
            ready = time.monotonic() - began
            await_quiet(self._audit)
            self._note("restart", ready, manager.usage().cpu, manager)
            if self._shape.size > 1 and "workersDie" not in without:
                self._kill_workers(manager)
            if "delete" not in without:
                self._delete(manager)
        finally:
            manager.stop()

    def _manager(self) -> Manager:
        return Manager(self._kubeconfig, self._directory / "controller.log", self._contender)

    @property
    def _unavailable(self) -> Document:
        return {"maxUnavailable": self._shape.quarter, "maxSurge": 0}

    @property
    def _surge(self) -> Document:
        return {"maxUnavailable": 0, "maxSurge": self._shape.quarter}

    @property
    def _names(self) -> list[str]:
        return [f"bench-{i}" for i in range(self._shape.sets)]

    def _create(self, manager: Manager) -> None:
        documents = []
        for name in self._names:
            document = a_set(name, self._shape.groups, self._shape.size, "server:1")
            document["spec"]["rolloutStrategy"]["rollingUpdateConfiguration"] = self._unavailable
            documents.append(document)
        with self._phase("create", manager):
            apply(self._client, documents)
            await_all(self._client, SETS, done)

    def _roll(self, manager: Manager, title: str, image: str, numbers: Document) -> None:
        rolling = {"spec": {"rolloutStrategy": {"rollingUpdateConfiguration": numbers}}}
        for name in self._names:
            self._client.merge_patch(SETS, dict, name, rolling, namespace=NAMESPACE)
        await_all(self._client, SETS, done)
        with self._phase(title, manager), ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: change_image(self._client, name, image), self._names))
            await_all(self._client, SETS, done)

    def _kill_workers(self, manager: Manager) -> None:
        """All first workers are deleted, eight at a time; every group is recreated once.

        One request for all of them takes the API server longer than the minute that it gives a request.
        """
        before, workers = self._members("0"), self._members("1")
        with self._phase("workersDie", manager), ThreadPoolExecutor(8) as pool:
            list(pool.map(self._kill, workers.values(), workers))
            self._await(
                "every group to be another", lambda: not {*before} & {*self._members("0")}, every=LOOK
            )
            await_all(self._client, SETS, done)

    def _kill(self, name: str, uid: str) -> None:
        """This one, not another of its name; its group may be down already."""
        with suppress(NotFound, Conflict):
            self._client.delete(PODS, dict, name, namespace=NAMESPACE, uid=uid)

    def _delete(self, manager: Manager) -> None:
        with self._phase("delete", manager):
            for name in self._names:
                self._client.delete(SETS, dict, name, namespace=NAMESPACE)
            self._await_gone()

    @contextmanager
    def _phase(self, title: str, manager: Manager) -> Iterator[None]:
        """What it takes, from the first request to the moment at which all is as it should be."""
        self._audit.mark()
        components, exposed, cpu = self._components(), exposition(manager), manager.usage().cpu
        began = time.monotonic()
        yield
        seconds = time.monotonic() - began
        await_quiet(self._audit)
        self._note(title, seconds, manager.usage().cpu - cpu, manager)
        after = self._components()
        self.phases[title] |= {
            **latencies(exposed, exposition(manager)),
            "componentsCpuSeconds": {x: round(after[x].cpu - components[x].cpu, 1) for x in after},
        }

    def _note(self, title: str, seconds: float, cpu: float, manager: Manager) -> None:
        writes, reads, groups = self._audit.writes(), self._audit.reads(), self._shape.all_groups
        events = sum(count for what, count in writes.items() if is_event(what))
        self.phases[title] = {
            "seconds": round(seconds, 1),
            "cpuMsPerGroup": round(1000 * cpu / groups, 1),
            "rssMB": manager.usage().rss_mb,
            "writesPerGroup": round((sum(writes.values()) - events) / groups, 2),
            "writesPerGroupWithEvents": round(sum(writes.values()) / groups, 2),
            "writes": dict(writes),
            "reads": dict(reads),
        }

    def _components(self) -> dict[str, Usage]:
        pids = {x: read_pid(self._directory / "cluster", x) for x in COMPONENTS}
        return {name: usage(pid) for name, pid in pids.items() if pid is not None}

    def _members(self, index: str) -> dict[str, str]:
        """Names of all pods of this index in their groups, by UID."""
        pods = self._client.list(PODS, dict, NAMESPACE, label_selector=equals(c.WORKER_INDEX_LABEL, index))
        return {x["metadata"]["uid"]: x["metadata"]["name"] for x in pods}

    def _await_gone(self) -> None:
        """Of strangers, which have no such label, nothing is said."""
        made = exists(c.WORKER_INDEX_LABEL)
        self._await(
            "no pod of a set", lambda: not self._client.list(PODS, dict, NAMESPACE, label_selector=made)
        )

    def _await(self, what: str, condition: Callable[[], bool], *, every: float = 0.5) -> None:
        deadline = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > deadline:
                raise SystemExit(f"waited {DEADLINE:.0f} s for {what}")
            time.sleep(every)


def exposition(manager: Manager) -> str:
    """The metrics of ours; of another controller nothing."""
    if not manager.exposition:
        return ""
    with urlopen(manager.exposition, timeout=60) as answer:
        return str(answer.read().decode())


def measure(one: Shape, options: argparse.Namespace) -> Document:
    contender = chosen(options)
    before = circumstances(contender)
    with tempfile.TemporaryDirectory(prefix="lws-bench-") as directory:
        flags = [f"--nodes={options.nodes}", f"--kcm-qps={options.kcm_qps}"]
        with cluster(str(Path(directory) / "cluster"), *flags) as kubeconfig:
            bench = Bench(kubeconfig, Path(directory), one, contender)
            if "floor" not in options.without:
                bench.floor()
            bench.strangers(options.foreign)
            bench.run(options.without)
    return {"shape": str(one), "foreignPods": options.foreign, **before, "phases": bench.phases}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m hack.bench.scale", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--shapes", type=shape, nargs="+", default=[shape(x) for x in SHAPES])
    parser.add_argument("--foreign", type=int, default=0, metavar="PODS", help="pods of no set beside them")
    parser.add_argument("--without", nargs="*", default=(), choices=OPTIONAL, help="phases to leave out")
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--kcm-qps", type=int, default=200, help="of kube-controller-manager")
    parser.add_argument("--keep", action="store_true", help="leave the result in the tree")
    add_arguments(parser)
    options = parser.parse_args()
    chosen(options)
    for one in options.shapes:
        result = measure(one, options)
        print(json.dumps(result), flush=True)
        if options.keep:
            print(keep(result), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
