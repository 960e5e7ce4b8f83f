"""What sets cost on a real cluster: API writes, CPU and memory of the controller, and time.

``python -m hack.bench.sets [--sets 50] [--groups 4] [--size 4] [--idle SECONDS] [--in-place]`` brings up a
cluster and the controller, creates the sets at once, rolls every set, restarts the controller with nothing
changed, and lets it idle. Requests are counted in the API server's audit log; CPU and memory are the kernel's
figures.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hack.bench.audit import AuditLog, is_event
from hack.bench.controllers import Manager, add_arguments, chosen, cluster
from hack.bench.floor import measure_floor
from hack.bench.waiting import NAMESPACE, await_all, await_quiet, report
from lws.kube.client import Client
from lws.kube.connection import connect
from lws.kube.errors import Conflict
from lws.kube.resources import Resource

SETS = Resource("leaderworkerset.x-k8s.io", "v1", "leaderworkersets", "LeaderWorkerSet")


def a_set(name: str, groups: int, size: int, image: str, *, in_place: bool = False) -> dict[str, Any]:
    policy = {"podUpdatePolicy": "InPlaceIfPossible"} if in_place else {}
    containers = [{"name": "server", "image": image, "resources": {"requests": {"cpu": "50m"}}}]
    return {
        "apiVersion": SETS.api_version,
        "kind": SETS.kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": groups,
            "rolloutStrategy": {
                "type": "RollingUpdate",
                "rollingUpdateConfiguration": {"maxUnavailable": 2, "maxSurge": 0, **policy},
            },
            "leaderWorkerTemplate": {"size": size, "workerTemplate": {"spec": {"containers": containers}}},
        },
    }


def done(one: dict[str, Any]) -> bool:
    """Available on the newest spec, every group updated."""
    status, spec = one.get("status", {}), one["spec"]
    return (
        status.get("observedGeneration") == one["metadata"]["generation"]
        and status.get("updatedReplicas", 0) == spec["replicas"]
        and any(x["type"] == "Available" and x["status"] == "True" for x in status.get("conditions", ()))
    )


def writes(audit: AuditLog, groups: int) -> dict[str, Any]:
    """Writes of the controller since the mark, per group, with and without events."""
    counted = audit.writes()
    total = sum(counted.values())
    events = sum(count for what, count in counted.items() if is_event(what))
    refused = Counter(x.what for x in audit.requests() if x.verb == "create" and x.code >= 400)
    return {
        "writes": dict(counted),
        "perGroupWithoutEvents": round((total - events) / groups, 2),
        "perGroupWithEvents": round(total / groups, 2),
        "refusedCreates": dict(refused),
        "reads": dict(audit.reads()),
    }


def change_image(client: Client, name: str, image: str) -> None:
    """Another image for every pod of the set; a status write in between is no reason to fail."""
    while True:
        one = client.get(SETS, dict, name, NAMESPACE)
        template = one["spec"]["leaderWorkerTemplate"]["workerTemplate"]
        template["spec"]["containers"][0]["image"] = image
        with contextlib.suppress(Conflict):
            client.replace(SETS, dict, one)
            return


def bench_roll(client: Client, audit: AuditLog, options: argparse.Namespace) -> None:
    names = [f"bench-{i}" for i in range(options.sets)]
    audit.mark()
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: change_image(client, name, "server:2"), names))
    await_all(client, SETS, done)
    seconds = time.monotonic() - began
    await_quiet(audit)
    groups = options.sets * options.groups
    leaders = {f"{name}-{group}" for name in names for group in range(options.groups)}
    torn = Counter(audit.ended_pods(leaders).values())
    everybody = {who: round(count / options.sets, 1) for who, count in audit.actors().most_common()}
    report(
        "roll",
        seconds=round(seconds, 1),
        leadersByTimesTornDown=dict(torn),
        **writes(audit, groups),
        everybodysWritesPerSet={"all": round(sum(everybody.values()), 1), **everybody},
    )


def apply(client: Client, documents: list[dict[str, Any]], *, dry_run: bool = False) -> float:
    """Create all, eight at a time; the seconds that it took. A dry run is admitted, and nothing starts."""
    query = {"dryRun": "All"} if dry_run else {}

    def create(document: dict[str, Any]) -> None:
        path, body = SETS.path(NAMESPACE), json.dumps(document).encode()
        client.connection.request("POST", path, query=query, body=body, content_type="application/json")

    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(create, documents))
    return round(time.monotonic() - began, 2)


def bench(options: argparse.Namespace, directory: Path) -> None:
    groups = options.sets * options.groups
    flags = [f"--nodes={options.nodes}", *([f"--kcm-qps={options.kcm_qps}"] if options.kcm_qps else [])]
    with cluster(str(directory / "cluster"), *flags) as kubeconfig:
        contender = chosen(options)
        audit = AuditLog(directory / "cluster" / "audit.log", contender.agent)
        client = Client(connect(kubeconfig=kubeconfig, user_agent="bench"))
        manager = Manager(kubeconfig, directory / "controller.log", contender)
        documents = [
            a_set(f"bench-{i}", options.groups, options.size, "server:1", in_place=options.in_place)
            for i in range(options.sets)
        ]
        apply(client, documents, dry_run=True)  # the first connections are another matter
        tried = apply(client, documents, dry_run=True)
        idle = manager.usage()
        report("start", rssMB=idle.rss_mb, cpuSeconds=idle.cpu)
        audit.mark()
        began = time.monotonic()
        applied = apply(client, documents)
        await_all(client, SETS, done)
        seconds = time.monotonic() - began
        await_quiet(audit)
        used = manager.usage()
        cpu = round(1000 * (used.cpu - idle.cpu) / groups, 1)
        report(
            "create",
            seconds=round(seconds, 1),
            dryRunSeconds=tried,
            appliedSeconds=applied,
            cpuMsPerGroup=cpu,
            rssMB=used.rss_mb,
            **writes(audit, groups),
        )
        bench_roll(client, audit, options)
        rolled = manager.usage()
        cpu = round(1000 * (rolled.cpu - used.cpu) / groups, 1)
        report("after roll", rssMB=rolled.rss_mb, cpuMsPerGroup=cpu)
        manager.stop()
        audit.mark()
        manager = Manager(kubeconfig, directory / "controller.log", contender)
        await_quiet(audit)
        report("restart", writes=dict(audit.writes()), rssMB=manager.usage().rss_mb)
        if options.idle:
            audit.mark()
            time.sleep(options.idle)
            report("idle", seconds=options.idle, writes=dict(audit.writes()))
        manager.stop()
    with cluster(str(directory / "floor"), *flags) as kubeconfig:
        client = Client(connect(kubeconfig=kubeconfig, user_agent="bench"))
        floor = measure_floor(client, sets=options.sets, pods=options.groups * options.size)
        report("floor", seconds=round(floor.roll, 1))


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m hack.bench.sets", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--sets", type=int, default=50)
    parser.add_argument("--groups", type=int, default=4, help="per set")
    parser.add_argument("--size", type=int, default=4, help="pods per group")
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--kcm-qps", type=int, default=0, help="of kube-controller-manager; else 20")
    parser.add_argument("--idle", type=float, default=0.0, help="seconds to watch the controller do nothing")
    parser.add_argument("--in-place", action="store_true", help="roll images in the pods that are there")
    add_arguments(parser)
    options = parser.parse_args()
    chosen(options)
    with tempfile.TemporaryDirectory(prefix="lws-bench-") as directory:
        bench(options, Path(directory))
    return 0


if __name__ == "__main__":
    sys.exit(main())
