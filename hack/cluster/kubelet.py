"""The hollow kubelet: one process that plays the kubelets of several nodes for a real control plane."""

from __future__ import annotations

import argparse
import base64
import contextlib
import heapq
import logging
import os
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import urllib3
import yaml

from hack.cluster.durations import parse_delay
from hack.cluster.hollow_nodes import HollowNode, host_address, lease_document, node_document, node_names
from hack.cluster.hollow_pods import HollowPod, faults_of, plan
from hack.cluster.hollow_status import status_patch

log = logging.getLogger("hollow-kubelet")
HEARTBEAT = 10.0
WORKERS = 6


class Api:
    def __init__(self, path: Path) -> None:
        document = yaml.safe_load(path.read_text())
        self.server = document["clusters"][0]["cluster"]["server"]
        user = document["users"][0]["user"]
        context = ssl.create_default_context(
            cadata=base64.b64decode(document["clusters"][0]["cluster"]["certificate-authority-data"]).decode()
        )
        with tempfile.NamedTemporaryFile() as pem:
            pem.write(
                base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"])
            )
            pem.flush()
            context.load_cert_chain(pem.name)
        self.pool = urllib3.PoolManager(ssl_context=context, retries=False, maxsize=32)

    def send(
        self, method: str, path: str, body: Any = None, kind: str = "application/json"
    ) -> tuple[int, bytes]:
        try:
            answer = self.pool.request(
                method, self.server + path, body=msgspec.json.encode(body) if body is not None else None,
                headers={"Content-Type": kind, "User-Agent": "hollow-kubelet"},
                timeout=urllib3.Timeout(connect=5, read=30),
            )  # fmt: skip
        except urllib3.exceptions.HTTPError as error:
            return 0, str(error).encode()
        if answer.status >= 400 and answer.status not in (404, 409):
            log.warning("%s %s: %s %s", method, path, answer.status, answer.data[:300])
        return answer.status, answer.data

    def watch(self, path: str) -> Iterator[tuple[str, bytes]]:
        """The initial objects and every change, for ever, after errors from the start."""

        class Event(msgspec.Struct):
            type: str
            object: msgspec.Raw

        query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        while True:
            try:
                answer = self.pool.request(
                    "GET", f"{self.server}{path}{'&' if '?' in path else '?'}{query}", preload_content=False,
                    timeout=urllib3.Timeout(connect=5, read=660), headers={"User-Agent": "hollow-kubelet"},
                )  # fmt: skip
                if answer.status == 200:
                    yield "START", b""
                    rest = b""
                    for chunk in answer.stream(65536):
                        *lines, rest = (rest + chunk).split(b"\n")
                        for line in lines:
                            event = msgspec.json.decode(line, type=Event)
                            yield event.type, bytes(event.object)
                answer.release_conn()
            except (urllib3.exceptions.HTTPError, msgspec.MsgspecError) as error:
                log.info("watch of %s ended: %s", path, error)
            time.sleep(0.5)


class Kubelet:
    def __init__(self, api: Api, options: argparse.Namespace) -> None:
        self.api = api
        self.seed = options.seed
        self.delay = parse_delay(options.start_delay)
        self.names = set(node_names(options.nodes))
        self.nodes: dict[str, HollowNode] = {}
        self.pods: dict[tuple[str, str], HollowPod] = {}
        self.seen: dict[str, float] = {}
        self.dying: dict[str, float] = {}
        self.queue: list[tuple[float, tuple[str, str]]] = []
        self.busy: set[tuple[str, str]] = set()
        self.ready = threading.Condition()

    def add(self, key: tuple[str, str], after: float = 0.0) -> None:
        with self.ready:
            heapq.heappush(self.queue, (time.monotonic() + after, key))
            self.ready.notify()

    def work(self) -> None:
        while True:
            with self.ready:
                while not self.queue or self.queue[0][0] > time.monotonic():
                    self.ready.wait(self.queue[0][0] - time.monotonic() if self.queue else None)
                _, key = heapq.heappop(self.queue)
                if key in self.busy:
                    heapq.heappush(self.queue, (time.monotonic() + 0.02, key))
                    continue
                self.busy.add(key)
            try:
                self.sync(key)
            except Exception:
                log.exception("pod %s", key)
                self.add(key, 1.0)
            finally:
                with self.ready:
                    self.busy.discard(key)

    def sync(self, key: tuple[str, str]) -> None:
        pod = self.pods.get(key)
        node = self.nodes.get(pod.spec.node_name) if pod else None
        if pod is None or node is None or node.dead:
            return
        now = time.monotonic()
        age = now - self.seen.setdefault(pod.uid, now)
        dying = now - self.dying.setdefault(pod.uid, now) if pod.deleting else 0.0
        step = plan(pod, faults_of(pod, self.delay), age=age, dying=dying, seed=self.seed)
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"
        if step.again is not None:
            self.add(key, step.again)
        if step.status is not None:
            patch = status_patch(
                pod, step.status, host=host_address(pod.spec.node_name), now=datetime.now(UTC)
            )
            status, body = self.api.send(
                "PATCH", f"{path}/status", patch, "application/strategic-merge-patch+json"
            )
            if status == 200:
                self.put(msgspec.json.decode(body, type=HollowPod))
            elif status not in (404, 409, 422):
                self.add(key, 0.5)
        if step.end:
            options = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod.uid}}
            status, _ = self.api.send("DELETE", path, options)
            if status not in (200, 404, 409):
                self.add(key, 0.5)

    def put(self, pod: HollowPod) -> None:
        with self.ready:
            old = self.pods.get((pod.namespace, pod.name))
            if (
                old is None
                or old.uid != pod.uid
                or int(old.metadata.resource_version) < int(pod.metadata.resource_version)
            ):
                self.pods[pod.namespace, pod.name] = pod

    def watch_pods(self) -> None:
        for kind, body in self.api.watch("/api/v1/pods?fieldSelector=spec.nodeName%21%3D"):
            if kind in ("ADDED", "MODIFIED", "DELETED"):
                pod = msgspec.json.decode(body, type=HollowPod)
                if pod.spec.node_name not in self.names:
                    continue
                if kind == "DELETED":
                    self.pods.pop((pod.namespace, pod.name), None)
                    self.seen.pop(pod.uid, None)
                    self.dying.pop(pod.uid, None)
                else:
                    self.put(pod)
                    self.add((pod.namespace, pod.name))

    def watch_nodes(self) -> None:
        for kind, body in self.api.watch("/api/v1/nodes"):
            if kind in ("ADDED", "MODIFIED"):
                node = msgspec.json.decode(body, type=HollowNode)
                before = self.nodes.get(node.name)
                self.nodes[node.name] = node
                if before and before.dead and not node.dead:
                    for key in list(self.pods):
                        self.add(key)

    def heartbeat(self) -> None:
        for name in sorted(self.names):
            node = self.nodes.get(name)
            if node is not None and node.dead:
                continue
            now = datetime.now(UTC)
            if node is None:
                self.api.send("POST", "/api/v1/nodes", node_document(name, now=now))
                continue
            if not node.ready:
                patch = {"status": node_document(name, now=now)["status"]}
                self.api.send(
                    "PATCH", f"/api/v1/nodes/{name}/status", patch, "application/strategic-merge-patch+json"
                )
            lease = lease_document(name, owner_uid=node.uid, now=now)
            path = f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{name}"
            self.api.send(
                "PATCH",
                f"{path}?fieldManager=hollow-kubelet&force=true",
                lease,
                "application/apply-patch+yaml",
            )

    def run(self) -> None:
        for target in (self.watch_pods, self.watch_nodes, *[self.work] * WORKERS):
            threading.Thread(target=target, daemon=True).start()
        while True:
            with contextlib.suppress(urllib3.exceptions.HTTPError):
                self.heartbeat()
            time.sleep(HEARTBEAT if all(name in self.nodes for name in self.names) else 0.3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--start-delay", default="0s")
    parser.add_argument("--seed", type=int, default=0)
    logging.basicConfig(
        level=os.environ.get("HOLLOW_LOG", "INFO"), format="%(asctime)s %(levelname)s %(message)s"
    )
    options = parser.parse_args()
    Kubelet(Api(options.kubeconfig), options).run()


if __name__ == "__main__":
    main()
