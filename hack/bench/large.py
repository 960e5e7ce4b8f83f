"""What one set of very many groups costs: its creation, its roll, all of it failing at once, its deletion.

``python -m hack.bench.large [--groups 1000] [--kcm-qps 200] [--in-place] [--reviews]`` brings up a
cluster with a controller. Requests are counted in the API server's audit log; CPU and memory are the kernel's
figures. With ``--reviews`` the webhooks are asked while the set starts, beside what the API server asks them;
with ``--in-place`` the roll changes the pods that are there.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hack.bench.asking import asking, percentiles
from hack.bench.audit import AuditLog
from hack.bench.controllers import Manager, add_arguments, chosen, cluster
from hack.bench.sets import SETS, a_set, change_image, done, writes
from hack.bench.waiting import NAMESPACE, Phase, await_all, report
from lws.kube.client import Client
from lws.kube.connection import connect
from lws.kube.resources import PODS

NAME = "large"
STARTING = 30.0  # seconds for which the webhooks are asked
LEAD = 15.0  # seconds between the last pod's preparation and the moment at which all containers restart


class Bench:
    """One set, and the controller that is measured."""

    def __init__(self, client: Client, audit: AuditLog, manager: Manager, groups: int) -> None:
        self._client = client
        self._audit = audit
        self._manager = manager
        self._groups = groups

    def _begin(self) -> Phase:
        return Phase(self._audit, self._manager.usage)

    def _counts(self) -> dict[str, Any]:
        return writes(self._audit, self._groups)

    def create(self, size: int, *, reviews: bool, in_place: bool) -> None:
        """With ``reviews`` the webhooks are asked meanwhile, at 200 a second."""
        asked = asking(self._manager.ports, STARTING) if reviews else contextlib.nullcontext()
        with asked as waits:
            self._create(size, in_place=in_place)
            if waits is not None:
                found = percentiles(waits())
                report("reviews meanwhile", **{f"{x}Ms": y._asdict() for x, y in found.items()})

    def _create(self, size: int, *, in_place: bool) -> None:
        document = a_set(NAME, self._groups, size, "server:1", in_place=in_place)
        document["spec"]["rolloutStrategy"]["rollingUpdateConfiguration"]["maxUnavailable"] = "10%"
        phase = self._begin()
        self._client.create(SETS, dict, document)
        await_all(self._client, SETS, done)
        phase.end("create", self._counts)

    def roll(self) -> None:
        phase = self._begin()
        change_image(self._client, NAME, "server:2")
        await_all(self._client, SETS, done)
        phase.end("roll", self._counts)

    def fail(self) -> None:
        """All containers restart at one moment."""
        pods = self._client.list(PODS, dict, NAMESPACE)
        at = time.time() + LEAD + len(pods) / 100
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda pod: self._restart_at(pod, at), pods))
        if time.time() > at:
            raise SystemExit("the failure came before all pods were prepared for it")
        waiting = leaders = {f"{NAME}-{index}" for index in range(self._groups)}
        phase = self._begin()
        while waiting := waiting - {x.name for x in self._audit.news() if x.what == "delete pods"}:
            if time.monotonic() - phase.began > 900:
                raise SystemExit(f"{len(waiting)} of {self._groups} leaders were not told to stop")
            time.sleep(1)
        stopped = self._audit.deleted_pods(leaders)
        patches = self._audit.writes()["patch leaderworkersets/status"]
        told = lateness(stopped, self._audit.pod_statuses())
        await_all(self._client, SETS, done)
        phase.end("mass failure", self._counts, **told, statusPatchesUntilThen=patches)

    def _restart_at(self, pod: dict[str, Any], at: float) -> None:
        began = datetime.fromisoformat(pod["status"]["startTime"]).timestamp()
        note = {"metadata": {"annotations": {"hollow.lws/restart": f"{at - began:.0f}s"}}}
        self._client.merge_patch(PODS, dict, pod["metadata"]["name"], note, namespace=NAMESPACE)

    def delete(self) -> None:
        phase = self._begin()
        self._client.delete(SETS, dict, NAME, namespace=NAMESPACE)
        deadline = time.monotonic() + 900
        while self._client.list(PODS, dict, NAMESPACE):
            if time.monotonic() > deadline:
                raise SystemExit("pods are left")
            time.sleep(0.5)
        phase.end("delete", self._counts)


def lateness(stopped: dict[str, datetime], reported: dict[str, datetime]) -> dict[str, float]:
    """Seconds from the first report of a failure to the last of each kind, and from a group's own report.

    ``stopped``: when leaders were told, by name; ``reported``: when a kubelet first wrote a pod's status.
    """
    failed: dict[str, datetime] = {}
    for pod, at in reported.items():
        leader = pod if pod in stopped else pod.rpartition("-")[0]
        failed[leader] = min(at, failed.get(leader, at))
    first = min(failed.values())
    lags = sorted((at - failed[leader]).total_seconds() for leader, at in stopped.items())
    return {
        "allFailuresReportedSeconds": round((max(failed.values()) - first).total_seconds(), 1),
        "allLeadersToldSeconds": round((max(stopped.values()) - first).total_seconds(), 1),
        "toldAfterReportMedian": round(lags[len(lags) // 2], 2),
        "toldAfterReportWorst": round(lags[-1], 2),
    }


def bench(options: argparse.Namespace, directory: Path) -> None:
    flags = [f"--nodes={options.nodes}", f"--kcm-qps={options.kcm_qps}"]
    with cluster(str(directory / "cluster"), *flags) as kubeconfig:
        contender = chosen(options)
        audit = AuditLog(directory / "cluster" / "audit.log", contender.agent)
        client = Client(connect(kubeconfig=kubeconfig, user_agent="bench", pool_size=10))
        manager = Manager(kubeconfig, directory / "controller.log", contender)
        try:
            one = Bench(client, audit, manager, options.groups)
            one.create(options.size, reviews=options.reviews, in_place=options.in_place)
            for step in ("roll", "fail", "delete"):
                if step not in options.without:
                    getattr(one, step)()
        finally:
            manager.stop()


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m hack.bench.large", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--groups", type=int, default=1000)
    parser.add_argument("--size", type=int, default=2, help="pods per group")
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--kcm-qps", type=int, default=200, help="of kube-controller-manager")
    parser.add_argument("--reviews", action="store_true", help="ask the webhooks while the set starts")
    parser.add_argument("--in-place", action="store_true", help="roll images in the pods that are there")
    parser.add_argument("--without", nargs="*", default=(), choices=("roll", "fail", "delete"))
    add_arguments(parser)
    options = parser.parse_args()
    chosen(options)
    print(f"# {datetime.now(UTC):%Y-%m-%d %H:%M} UTC", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="lws-bench-") as directory:
        bench(options, Path(directory))
    return 0


if __name__ == "__main__":
    sys.exit(main())
