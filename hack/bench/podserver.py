"""A scripted API server with many pods, in a process of its own: benchmarks measure the client alone."""

from __future__ import annotations

import argparse
import contextlib
import json
import socketserver
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from lws.kube.connection import Connection, connect

PREFIX = "leaderworkerset.sigs.k8s.io/"
FIRST_VERSION = 1_000_000
GROUP = 4  # pods


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


def compact(document: Any) -> bytes:
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
                self._whole(b"422 Unprocessable Entity", compact(refusal))
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
        self._documents = [compact(pod(i)) for i in range(pods)]
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
def fake_cluster(pods: int, *, streaming: bool) -> Iterator[tuple[Connection, Callable[[int], None]]]:
    """A connection to a fresh server, and a function that makes it send so many events."""
    command = [sys.executable, __file__, "--pods", str(pods), *(["--streaming"] if streaming else [])]
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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m hack.bench.podserver", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--pods", type=int, required=True)
    parser.add_argument("--streaming", action="store_true")
    options = parser.parse_args()
    serve(options.pods, streaming=options.streaming)
