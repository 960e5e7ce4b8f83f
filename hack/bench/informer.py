"""What an informer costs: CPU per watch event, CPU and stalls of the initial sync, memory per cached pod.

    python hack/bench/informer.py --pods 3000

A scripted API server runs in a process of its own and speaks over a real socket; only this process, the
client, is measured, in CPU time, so that other load on the machine matters little. Every figure is the best
of ``--rounds``; the last column says whether it meets the target of the design.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from lws.api.workloads import Pod
from lws.kube.connection import Connection, connect
from lws.kube.resources import PODS
from lws.runtime import logs
from lws.runtime.cache import Cache
from lws.runtime.informer import Informer

PREFIX = "leaderworkerset.sigs.k8s.io/"
FIRST_VERSION = 1_000_000
GROUP = 4  # pods
TIMEOUT = 120.0  # seconds for anything


# The cluster: pods as a kubelet and the StatefulSet controller leave them


class _Place(NamedTuple):
    """Where pod ``i`` stands: its set, group, and index in the group."""

    lws: str
    group: int
    worker: int

    @property
    def leader(self) -> str:
        return f"{self.lws}-{self.group}"

    @property
    def name(self) -> str:
        return f"{self.leader}-{self.worker}" if self.worker else self.leader


def _place(i: int) -> _Place:
    group, worker = divmod(i, GROUP)
    return _Place(f"vllm-{group // 8:03d}", group % 8, worker)


def pod(i: int) -> dict[str, Any]:
    """Pod ``i`` of the cluster: 7 KB as JSON, a third of it managedFields."""
    place = _place(i)
    stamp = f"2026-09-01T10:{i // 120 % 60:02d}:{i // 2 % 60:02d}Z"
    metadata = _metadata(i, place, stamp)
    spec = _spec(i, place)
    metadata["managedFields"] = [
        _managed(
            "kube-controller-manager", stamp, {"f:metadata": _fields(metadata), "f:spec": _fields(spec)}
        ),
        _managed("kubelet", stamp, {"f:status": _fields(_status(i, stamp))}) | {"subresource": "status"},
    ]
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": metadata,
        "spec": spec,
        "status": _status(i, stamp),
    }


def _metadata(i: int, place: _Place, stamp: str) -> dict[str, Any]:
    return {
        "name": place.name,
        "generateName": f"{place.leader}-",
        "namespace": "default",
        "uid": f"{i:08x}-4c5d-4e6f-8a9b-0c1d2e3f4a5b",
        "resourceVersion": str(FIRST_VERSION + i),
        "generation": 1,
        "creationTimestamp": stamp,
        "labels": {
            "app": "vllm",
            "apps.kubernetes.io/pod-index": str(place.worker),
            "controller-revision-hash": f"{place.leader}-6d8f9c7b5d",
            "statefulset.kubernetes.io/pod-name": place.name,
            f"{PREFIX}name": place.lws,
            f"{PREFIX}group-index": str(place.group),
            f"{PREFIX}group-key": f"{i // GROUP:040x}",
            f"{PREFIX}worker-index": str(place.worker),
            f"{PREFIX}template-revision-hash": "7c9f8d6b5c",
        },
        "annotations": {f"{PREFIX}size": str(GROUP), f"{PREFIX}leader-name": place.leader},
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "StatefulSet",
                "name": place.leader,
                "uid": f"{i // GROUP:08x}-1111-4e6f-8a9b-0c1d2e3f4a5b",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }


def _spec(i: int, place: _Place) -> dict[str, Any]:
    variables = {f"VLLM_SETTING_{n}": f"value-of-setting-{n}" for n in range(8)}
    variables |= {"LWS_LEADER_ADDRESS": f"{place.leader}.{place.lws}.default", "LWS_GROUP_SIZE": str(GROUP)}
    resources = {"cpu": "16", "memory": "128Gi", "nvidia.com/gpu": "8"}
    token = {
        "name": "kube-api-access-x7k2p",
        "readOnly": True,
        "mountPath": "/var/run/secrets/kubernetes.io/sa",
    }
    container = {
        "name": "worker",
        "image": "registry.example/vllm/vllm-openai:v0.9.1",
        "command": ["bash", "-c", "multi-node-serving.sh worker --ray_address=$(LWS_LEADER_ADDRESS)"],
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "resources": {"limits": resources, "requests": resources},
        "volumeMounts": [{"name": "dshm", "mountPath": "/dev/shm"}, token],
        "readinessProbe": {"tcpSocket": {"port": 8080}, "initialDelaySeconds": 15, "periodSeconds": 10},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }
    keys = ("not-ready", "unreachable")
    wait = {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    return {
        "volumes": [{"name": "dshm", "emptyDir": {"medium": "Memory", "sizeLimit": "15Gi"}}],
        "containers": [container],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "default",
        "nodeName": f"node-{i % 200:03d}",
        "hostname": place.name,
        "subdomain": place.lws,
        "schedulerName": "default-scheduler",
        "tolerations": [{"key": f"node.kubernetes.io/{key}", **wait} for key in keys],
        "preemptionPolicy": "PreemptLowerPriority",
    }


def _status(i: int, stamp: str) -> dict[str, Any]:
    types = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    times = {"lastProbeTime": None, "lastTransitionTime": stamp}
    image = "registry.example/vllm/vllm-openai"
    return {
        "observedGeneration": 1,
        "phase": "Running",
        "conditions": [{"type": t, "observedGeneration": 1, "status": "True", **times} for t in types],
        "hostIP": "10.0.0.1",
        "hostIPs": [{"ip": "10.0.0.1"}],
        "podIP": f"10.1.{i // 256}.{i % 256}",
        "podIPs": [{"ip": f"10.1.{i // 256}.{i % 256}"}],
        "startTime": stamp,
        "containerStatuses": [
            {
                "name": "worker",
                "state": {"running": {"startedAt": stamp}},
                "lastState": {},
                "ready": True,
                "restartCount": 0,
                "image": f"{image}:v0.9.1",
                "imageID": f"{image}@sha256:{'ab' * 32}",
                "containerID": f"containerd://{i:064x}",
                "started": True,
            }
        ],
        "qosClass": "Guaranteed",
    }


def _managed(manager: str, stamp: str, fields: Any) -> dict[str, Any]:
    form = {"operation": "Update", "apiVersion": "v1", "time": stamp, "fieldsType": "FieldsV1"}
    return {"manager": manager, **form, "fieldsV1": fields}


def _fields(value: Any) -> Any:
    """The FieldsV1 of a value, as the server records who set what."""
    if isinstance(value, dict):
        return {f"f:{key}": _fields(member) for key, member in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        merge_key = next(iter(value[0]))
        return {
            f'k:{{"{merge_key}":"{item[merge_key]}"}}': {".": {}, **{f"f:{key}": {} for key in item}}
            for item in value
        }
    return {}


# The server, in a process of its own


def _compact(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _chunk(kind: bytes, document: bytes) -> bytes:
    line = b'{"type":"%b","object":%b}\n' % (kind, document)
    return b"%x\r\n%b\r\n" % (len(line), line)


class _Handler(socketserver.StreamRequestHandler):
    """Streams lists and watches, one event a chunk, as kube-apiserver does."""

    server: _Server

    def handle(self) -> None:
        while line := self.rfile.readline():
            while self.rfile.readline().strip():
                pass
            query = dict(parse_qsl(urlsplit(line.split()[1].decode()).query))
            if "watch" not in query:
                self._whole(b"200 OK", self.server.list_body)
            elif "sendInitialEvents" in query and not self.server.streaming:
                refusal = {"kind": "Status", "code": 422, "reason": "Invalid", "message": "no WatchList"}
                self._whole(b"422 Unprocessable Entity", _compact(refusal))
            else:
                self._watch("sendInitialEvents" in query)

    def _whole(self, status: bytes, body: bytes) -> None:
        head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self.wfile.write(head % (status, len(body)) + body)

    def _watch(self, initial: bool) -> None:
        self.wfile.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        if initial:
            self.wfile.write(self.server.initial)
        # Each line on standard input is a number of events to send; the end of input ends the watch.
        for number in sys.stdin:
            for block in self.server.events(int(number)):
                self.wfile.write(block)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, pods: int, *, streaming: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.streaming = streaming
        self._documents = [_compact(pod(i)) for i in range(pods)]
        self._version = FIRST_VERSION + pods
        mark = b'"metadata":{"resourceVersion":"%d"' % self._version
        end = b'{"kind":"Pod",%b,"annotations":{"k8s.io/initial-events-end":"true"}}}' % mark
        added = [_chunk(b"ADDED", document) for document in self._documents]
        self.initial = b"".join(added) + _chunk(b"BOOKMARK", end)
        items = b",".join(d.replace(b'{"kind":"Pod","apiVersion":"v1",', b"{", 1) for d in self._documents)
        self.list_body = b'{"kind":"PodList","apiVersion":"v1",%b},"items":[%b]}' % (mark, items)

    def events(self, number: int) -> Iterator[bytes]:
        """MODIFIED events round the pods, in blocks of 200: a client that lags behind finds such heaps."""
        block: list[bytes] = []
        for n in range(number):
            i = n % len(self._documents)
            self._version += 1
            old, new = (
                b'"resourceVersion":"%d"' % (FIRST_VERSION + i),
                b'"resourceVersion":"%d"' % self._version,
            )
            block.append(_chunk(b"MODIFIED", self._documents[i].replace(old, new, 1)))
            if len(block) == 200:
                yield b"".join(block)
                block = []
        yield b"".join(block)


def serve(pods: int, *, streaming: bool) -> None:
    """Print the port, then serve until standard input ends."""
    with _Server(pods, streaming=streaming) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


@contextlib.contextmanager
def _cluster(pods: int, *, streaming: bool) -> Iterator[tuple[Connection, Callable[[int], None]]]:
    """A connection to a fresh server, and a function that makes it send so many events."""
    command = [
        sys.executable,
        __file__,
        "--serve",
        "--pods",
        str(pods),
        *(["--streaming"] if streaming else []),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin = process.stdin
        port = int(process.stdout.readline())

        def send(number: int) -> None:
            stdin.write(f"{number}\n")
            stdin.flush()

        with tempfile.TemporaryDirectory() as directory:
            connection = connect(kubeconfig=_kubeconfig(directory, port), user_agent="bench")
            try:
                yield connection, send
            finally:
                connection.close()
                process.kill()


def _kubeconfig(directory: str, port: int) -> str:
    path = Path(directory, "kubeconfig")
    cluster = {"name": "bench", "cluster": {"server": f"http://127.0.0.1:{port}"}}
    context = {"name": "bench", "context": {"cluster": "bench", "user": "bench"}}
    document = {"apiVersion": "v1", "kind": "Config", "current-context": "bench", "clusters": [cluster]}
    path.write_text(json.dumps(document | {"contexts": [context], "users": [{"name": "bench", "user": {}}]}))
    return str(path)


# The client, which is measured


def _indexes() -> dict[str, Callable[[Pod], list[Any]]]:
    """The indexes the controllers keep: by owner, by set, by group."""

    def by_set(found: Pod) -> tuple[str, str]:
        return found.namespace, found.labels.get(f"{PREFIX}name", "")

    return {
        "owner": lambda found: [reference.uid for reference in found.metadata.owner_references],
        "set": lambda found: [by_set(found)],
        "group": lambda found: [(*by_set(found), found.labels.get(f"{PREFIX}group-index", ""))],
    }


class _Counter:
    """A handler that counts, and knows when enough has come."""

    def __init__(self, wanted: int) -> None:
        self.left = wanted
        self.done = threading.Event()

    def on_add(self, obj: Pod, *, initial: bool) -> None: ...

    def on_update(self, old: Pod, new: Pod) -> None:
        self.left -= 1
        if not self.left:
            self.done.set()

    def on_delete(self, obj: Pod) -> None: ...


class _Ticker(threading.Thread):
    """Another thread that wants to run every millisecond, as a webhook's would; how late it ever was."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.stall = 0.0
        self._stop_it = threading.Event()

    def run(self) -> None:
        while not self._stop_it.is_set():
            began = time.perf_counter()
            time.sleep(0.001)
            self.stall = max(self.stall, time.perf_counter() - began - 0.001)

    def finish(self) -> float:
        self._stop_it.set()
        self.join()
        return self.stall


def _synced(connection: Connection) -> tuple[Cache, Informer[Pod]]:
    cache = Cache(connection)
    informer = cache.informer(PODS, Pod, label_selector=f"{PREFIX}name", indexes=_indexes())
    cache.start()
    if not cache.wait_for_sync(TIMEOUT):
        raise SystemExit("no sync")
    return cache, informer


def sync(pods: int, *, streaming: bool) -> tuple[float, float]:
    """CPU seconds of an initial sync, and the longest stall of another thread in a second one."""
    with _cluster(pods, streaming=streaming) as (connection, _):
        began = time.process_time()
        cache, informer = _synced(connection)
        cpu = time.process_time() - began
        assert len(informer.indexer) == pods
        cache.stop()
    with _cluster(pods, streaming=streaming) as (connection, _):
        ticker = _Ticker()
        ticker.start()
        cache, _ = _synced(connection)
        stall = ticker.finish()
        cache.stop()
    return cpu, stall


def events(pods: int, number: int) -> float:
    """Events per CPU second, from the socket through the index to a handler."""
    with _cluster(pods, streaming=True) as (connection, send):
        cache, informer = _synced(connection)
        counter = _Counter(number)
        informer.add_handler(counter)
        began = time.process_time()
        send(number)
        if not counter.done.wait(TIMEOUT):
            raise SystemExit("events are missing")
        spent = time.process_time() - began
        cache.stop()
    return number / spent


def memory(pods: int) -> tuple[float, float]:
    """Bytes per cached pod, indexes and pools included, and the peak of the sync in MB."""
    with _cluster(pods, streaming=True) as (connection, _):
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        cache, _ = _synced(connection)
        after, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        cache.stop()
    return (after - before) / pods, (peak - before) / 1e6


def report(pods: int, number: int, rounds: int) -> None:
    logs.configure(format="console", level="error")
    size = len(_compact(pod(1)))
    share = len(_compact(pod(1)["metadata"]["managedFields"])) / size
    print(f"{pods} pods of {size} bytes ({share:.0%} managedFields), {number} events, best of {rounds}")
    streamed = [sync(pods, streaming=True) for _ in range(rounds)]
    listed = [sync(pods, streaming=False) for _ in range(rounds)]
    rate = max(events(pods, number) for _ in range(rounds))
    per_pod, peak = memory(pods)
    scale = pods / 3000
    rows = [
        ("events per CPU second", f"{rate:,.0f}", ">= 8,000", rate >= 8000),
        ("KB per cached pod", f"{per_pod / 1e3:.2f}", "<= 2", per_pod <= 2000),
        ("peak of the sync, MB", f"{peak:.1f}", "<= 100", peak <= 100 * scale),
    ]
    for name, results in (("WatchList", streamed), ("LIST", listed)):
        cpu, stall = min(r[0] for r in results), min(r[1] for r in results)
        rows.append((f"initial sync by {name}, CPU s", f"{cpu:.3f}", "<= 0.5", cpu <= 0.5 * scale))
        rows.append((f"longest stall in it, ms ({name})", f"{stall * 1e3:.1f}", "<= 30", stall <= 0.03))
    for name, value, target, met in rows:
        print(f"{name:<34}{value:>10}   {target:<9} {'met' if met else 'MISSED'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pods", type=int, default=3000)
    parser.add_argument("--events", type=int, default=12000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--streaming", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.pods, streaming=options.streaming)
    else:
        report(options.pods, options.events, options.rounds)


if __name__ == "__main__":
    main()
