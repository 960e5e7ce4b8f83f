"""The reconcilers of the hollow kubelet: read the informers, ask ``hollow_pods`` what to do, and write.

No decision about pods may live here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from hack.controlplane.durations import Delay
from hack.controlplane.hollow_ages import Ages
from hack.controlplane.hollow_devices import CLAIMS, claims_of, usable
from hack.controlplane.hollow_faults import faults_of, images_of
from hack.controlplane.hollow_nodes import (
    LEASE_NAMESPACE,
    HollowNode,
    host_address,
    lease_document,
    micro_timestamp,
    node_document,
    status_document,
)
from hack.controlplane.hollow_objects import HollowClaim, HollowPod
from hack.controlplane.hollow_pods import Look, plan
from hack.controlplane.hollow_status import status_patch
from lws.kube.client import Client
from lws.kube.errors import AlreadyExists, Conflict, Invalid, NotFound
from lws.kube.resources import LEASES, NODES, PODS, Resource
from lws.objects import Key, KubeObject, ObjectT
from lws.runtime import logs
from lws.runtime.controller import Result, TerminalError
from lws.runtime.informers import Informer

STRATEGIC_MERGE = "application/strategic-merge-patch+json"
HEARTBEAT_SECONDS = 10.0
_log = logs.get_logger("hollow-kubelet")


class PodWorker:
    """Takes one pod to what its age and its faults make of it."""

    def __init__(
        self,
        client: Client,
        pods: Informer[HollowPod],
        nodes: Informer[HollowNode],
        ages: Ages,
        *,
        names: frozenset[str],
        start_delay: Delay,
        seed: int,
        end_phase: str = "",
    ) -> None:
        self._client = client
        self._pods = pods
        self._nodes = nodes
        self._ages = ages
        self._names = names
        self._start_delay = start_delay
        self._seed = seed
        self._end_phase = end_phase

    def reconcile(self, key: Key) -> Result:
        """One look at one pod. Raises KubeError to be called again, TerminalError for a bad annotation."""
        pod = self._pods.get(key)
        node = self._node_of(pod) if pod is not None else None
        if pod is None or node is None or node.dead:
            return Result()
        try:
            faults = faults_of(pod, self._start_delay, self._end_phase)
            look = self._look(pod, node)
        except ValueError as error:
            raise TerminalError(f"pod {pod.key}: {error}") from error
        step = plan(pod, faults, look)
        if step.end:
            self._end(pod)
        elif step.status is not None:
            address, now = host_address(pod.spec.node_name), datetime.now(UTC)
            self._patch(pod, status_patch(pod, step.status, host=address, now=now, images=look.images))
        return Result(requeue_after=step.again)

    def _node_of(self, pod: HollowPod) -> HollowNode | None:
        name = pod.spec.node_name
        return self._nodes.get(Key("", name)) if name in self._names else None

    def _look(self, pod: HollowPod, node: HollowNode) -> Look:
        """Raises ValueError for a table of images that cannot be read."""
        return Look(
            self._ages.age(pod),
            self._ages.dying(pod),
            self._seed,
            self._ages.changes(pod),
            images_of(node.annotations, pod.annotations),
            held=self._held(pod),
        )

    def _held(self, pod: HollowPod) -> bool:
        """Whether a claim is not the pod's yet; asked of the server, as kubelets do, until the pod starts."""
        if not pod.spec.resource_claims or pod.deleting or pod.status.holds("PodReadyToStartContainers"):
            return False
        return not all(usable(self._claim(pod.namespace, name), pod.uid) for name in claims_of(pod))

    def _claim(self, namespace: str, name: str | None) -> HollowClaim | None:
        try:
            return self._client.get(CLAIMS, HollowClaim, name, namespace) if name else None
        except NotFound:
            return None

    def _patch(self, pod: HollowPod, document: dict[str, Any]) -> None:
        try:
            self._pods.observe_write(_patch_status(self._client, PODS, pod, document, HollowPod))
        except NotFound:
            return  # ended meanwhile; the watch says so
        except Invalid as error:  # the UID in the patch is another's; the watch brings the successor
            if "metadata.uid" not in error.message:
                raise

    def _end(self, pod: HollowPod) -> None:
        """Remove the object of an ended pod: this very one, never its successor."""
        try:
            left = self._client.delete(
                PODS, HollowPod, pod.name, namespace=pod.namespace, uid=pod.uid, grace_period=0
            )
        except (NotFound, Conflict):
            return  # gone already; its name may be another's
        if left is not None:  # held by a finalizer
            self._pods.observe_write(left)


class NodeWorker:
    """Registers a node, keeps its lease, and makes it Ready again when the control plane had given it up."""

    def __init__(
        self,
        client: Client,
        nodes: Informer[HollowNode],
        *,
        port: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``port``: where the kubelets listen."""
        self._client = client
        self._port = port
        self._nodes = nodes
        self._monotonic = monotonic
        self._due: dict[str, float] = {}
        self._registered: set[str] = (
            set()
        )  # once only: a Node somebody deletes stays deleted, as with kubelets

    def reconcile(self, key: Key) -> Result:
        """One look at one node; again when its next heartbeat is due. Raises KubeError to be called again."""
        node = self._nodes.get(key)
        if node is None and key.name not in self._registered:
            node = self._register(key.name)
        if node is None or node.dead or node.deleting:
            self._due.pop(key.name, None)
            return Result()
        if not node.ready or node.port != self._port:
            patch = {"status": status_document(node.name, now=datetime.now(UTC), port=self._port)}
            self._nodes.observe_write(_patch_status(self._client, NODES, node, patch, HollowNode))
        left = self._due.get(node.name, 0.0) - self._monotonic()
        if left <= 0:
            self._renew(node)
            left = HEARTBEAT_SECONDS
            self._due[node.name] = self._monotonic() + left
        return Result(requeue_after=left)

    def _register(self, name: str) -> HollowNode:
        document = node_document(name, now=datetime.now(UTC), port=self._port)
        try:
            node = self._client.create(NODES, HollowNode, document)
        except AlreadyExists:
            node = self._client.get(NODES, HollowNode, name)
        else:
            _log.info("Registered node", node=name)
        self._nodes.observe_write(node)
        self._registered.add(name)
        return node

    def _renew(self, node: HollowNode) -> None:
        now = datetime.now(UTC)
        patch = {"spec": {"renewTime": micro_timestamp(now)}}
        try:
            self._client.merge_patch(LEASES, KubeObject, node.name, patch, namespace=LEASE_NAMESPACE)
        except NotFound:
            self._client.create(LEASES, KubeObject, lease_document(node.name, owner_uid=node.uid, now=now))


def _patch_status(
    client: Client, resource: Resource, obj: ObjectT, patch: Mapping[str, Any], type_: type[ObjectT]
) -> ObjectT:
    """PATCH ``/status``, merging conditions by their type, as kubelets do; repeating it changes nothing."""
    path = resource.path(obj.namespace, obj.name, "status")
    body = msgspec.json.encode(patch)
    answer = client.connection.request("PATCH", path, body=body, content_type=STRATEGIC_MERGE, repeats=1)
    return msgspec.json.decode(answer, type=type_)
