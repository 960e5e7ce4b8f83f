"""The hollow kubelet: one process that plays the kubelets of several nodes for a real control plane.

``python -m hack.controlplane.kubelet --kubeconfig FILE --nodes N``. It registers N nodes, keeps their leases,
takes every pod placed on them to Running and Ready, and ends deleted ones; annotations with the prefix
``hollow.lws/`` make pods and nodes fail (``hollow_pods``, ``hollow_nodes``); it says to whoever asks for logs
that there are none (``hollow_server``). Every write carries the UID it
is meant for, so that a pod's late end never hits its successor of the same name.

Only the composition lives here: what to do is decided in ``hollow_pods``, done in ``hollow_workers``.
"""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Iterable
from datetime import UTC, datetime

from hack.controlplane.durations import Delay, parse_delay
from hack.controlplane.hollow_ages import Ages
from hack.controlplane.hollow_devices import publish
from hack.controlplane.hollow_faults import END_PHASES
from hack.controlplane.hollow_nodes import HollowNode, node_names, rack_names
from hack.controlplane.hollow_objects import PREFIX, HollowPod
from hack.controlplane.hollow_server import HollowServer
from hack.controlplane.hollow_workers import NodeWorker, PodWorker
from lws.kube.client import Client
from lws.kube.connection import connect
from lws.kube.resources import NODES, PODS
from lws.objects import Key, prepare_types
from lws.runtime import logs
from lws.runtime.controller import Controller
from lws.runtime.informers import EnqueueRequests, Informer, Selection
from lws.runtime.queue import Backoff, ItemExponentialBackoff, WorkQueue

NODE_WORKERS = 2
LONGEST_WAIT = 2.0  # seconds between tries while the API server is away: tests restart it
STOP_SECONDS = 2.0


class Kubelet:
    """All of it, wired together; ``start`` and ``stop`` once each."""

    def __init__(
        self, client: Client, *, nodes: int, start_delay: Delay, seed: int, port: int, end_phase: str = ""
    ) -> None:
        prepare_types()
        names = node_names(nodes)
        self._keys = [Key("", name) for name in names]
        connection = client.connection
        self._nodes = Informer(connection, NODES, HollowNode, backoff=_backoff())
        self._pods = Informer(
            connection,
            Selection(PODS, field_selector="spec.nodeName!="),
            HollowPod,
            indexes={"node": lambda pod: (pod.spec.node_name,)},
            backoff=_backoff(),
        )
        ages = Ages(now=lambda: datetime.now(UTC))
        pod_worker = PodWorker(
            client,
            self._pods,
            self._nodes,
            ages,
            names=frozenset(names),
            start_delay=start_delay,
            seed=seed,
            end_phase=end_phase,
        )
        node_worker = NodeWorker(client, self._nodes, port=port)
        self._pod_queue = _queue("pods")
        self._node_queue = _queue("nodes")
        self._controllers = [
            Controller("pod", pod_worker.reconcile, queue=self._pod_queue, workers=nodes),
            Controller("node", node_worker.reconcile, queue=self._node_queue, workers=NODE_WORKERS),
        ]
        self._pods.add_handler(ages)  # before the queue: a worker asks for the age of what it gets
        self._pods.add_handler(EnqueueRequests(self._pod_queue, lambda pod: (pod.key,)))
        self._nodes.add_handler(EnqueueRequests(self._node_queue, self._ours))
        self._nodes.add_handler(EnqueueRequests(self._pod_queue, self._pods_of, _matters_to_pods))

    def start(self) -> None:
        for informer in (self._nodes, self._pods):
            informer.start()
        for controller in self._controllers:
            controller.start()
        for key in self._keys:  # those that do not exist yet come with no event
            self._node_queue.add(key)

    def stop(self) -> None:
        for controller in self._controllers:
            controller.stop(STOP_SECONDS)
        for informer in (self._nodes, self._pods):
            informer.stop()

    def _ours(self, node: HollowNode) -> Iterable[Key]:
        return [node.key] if node.key in self._keys else []

    def _pods_of(self, node: HollowNode) -> Iterable[Key]:
        return [pod.key for pod in self._pods.by_index("node", node.name)]


def _matters_to_pods(old: HollowNode | None, new: HollowNode) -> bool:
    return old is None or old.dead != new.dead or _images(old) != _images(new)


def _images(node: HollowNode) -> str:
    return node.annotations.get(PREFIX + "images", "")


def _queue(name: str) -> WorkQueue[Key]:
    return WorkQueue(name, limiter=ItemExponentialBackoff(base=0.02, cap=LONGEST_WAIT))


def _backoff() -> Backoff:
    return Backoff(initial=0.1, factor=2.0, cap=LONGEST_WAIT, jitter=0.5, reset_after=10.0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="The kubelets of several hollow nodes.")
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--tls-cert-file", required=True)
    parser.add_argument("--tls-private-key-file", required=True)
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--start-delay", type=parse_delay, default=Delay(0.0))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--end-phase", choices=END_PHASES, default="")
    parser.add_argument("--rack-devices", type=int, default=0)
    return parser


def main() -> int:
    """Run until SIGTERM or SIGINT."""
    options = _parser().parse_args()
    logs.configure(format="console")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    connection = connect(
        kubeconfig=options.kubeconfig, user_agent="hollow-kubelet", pool_size=options.nodes + NODE_WORKERS
    )
    client = Client(connection, field_manager="hollow-kubelet")
    if options.rack_devices:
        publish(client, rack_names(options.nodes), options.rack_devices)
    server = HollowServer(options.tls_cert_file, options.tls_private_key_file)
    server.start()
    kubelet = Kubelet(
        client,
        port=server.port,
        nodes=options.nodes,
        start_delay=options.start_delay,
        seed=options.seed,
        end_phase=options.end_phase,
    )
    kubelet.start()
    stop.wait()
    kubelet.stop()
    server.stop()
    connection.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
