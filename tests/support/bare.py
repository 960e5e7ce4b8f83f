"""A set on a control plane where nobody but its controller acts: the harness of reconcilers.md, 10.0.

There is no StatefulSet controller, garbage collector, scheduler or kubelet. ``BareSet`` does by hand what
they would do, one step at a time, so that every intermediate state of a rollout can be looked at.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lws.api import constants as c
from lws.controllers.resources import LEADERWORKERSETS
from lws.kube.client import Client
from lws.kube.errors import Conflict, NotFound
from lws.kube.resources import NAMESPACES, PODS, SERVICES, STATEFULSETS, Resource
from support.cluster import Cluster, running_cluster
from support.namespaces import SERVICE_ACCOUNTS
from support.sets import NAME, Document, LiveSet, Sets, template

ABSENT = ("hollow-kubelet", "kube-scheduler", "kube-controller-manager")
READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
GROUP_KEY = "0" * 40  # of leaders; the controller only passes it on
NODE = "hollow-0"  # nobody works there; pods that are bound to it end only when they are made to


@contextlib.contextmanager
def bare_cluster(directory: Path) -> Iterator[Cluster]:
    """etcd and the API server alone."""
    with running_cluster(directory, "--nodes=1") as cluster:
        for component in ABSENT:
            cluster.stop(component)
        yield cluster


def make_bare_namespace(client: Client, name: str) -> None:
    """With the ServiceAccount that pods need; nobody else would make it."""
    client.create(NAMESPACES, dict, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    client.create(SERVICE_ACCOUNTS, dict, account, namespace=name)


class BareSet(LiveSet):
    """One set, and the hands of everybody who would work for it."""

    @classmethod
    def create(cls, client: Client, namespace: str, **members: Any) -> BareSet:
        """The default object of 10.0, changed as for ``Sets.create``, and its leader pods, not ready."""
        sets = Sets(client, namespace)
        made = cls(client, namespace, sets.add(sets.document(NAME, **members)).name)
        made.until("the leader StatefulSet", lambda: made._find(STATEFULSETS, made.name))
        made.make_leaders(0, made.replicas)
        return made

    # What there is.

    @property
    def replicas(self) -> int:
        return int(self.get()["spec"]["replicas"])

    @property
    def size(self) -> int:
        return int(self.get()["spec"]["leaderWorkerTemplate"]["size"])

    @property
    def key(self) -> str:
        """The revision that the leader StatefulSet asks for."""
        return str(self.leader_set()["metadata"]["labels"][c.REVISION_LABEL])

    def leader(self, group: int) -> Document:
        return self.client.get(PODS, dict, f"{self.name}-{group}", self.namespace)

    def groups_with_workers(self) -> list[int]:
        return sorted(int(x["metadata"]["labels"][c.GROUP_INDEX_LABEL]) for x in self.worker_sets())

    # The StatefulSet controller's hands.

    def make_leaders(self, first: int, end: int, *, like: int | None = None) -> None:
        """Leader pods ``first`` to ``end`` - 1, of the revision asked for, or of that of leader ``like``."""
        self.collect()
        leader_set = self.leader_set()
        metadata = (leader_set["spec"]["template"] if like is None else self.leader(like))["metadata"]
        for group in range(first, end):
            self.client.create(PODS, dict, self._leader_document(group, leader_set, metadata))

    def replace_leader(self, group: int, *, like: int | None = None) -> None:
        """A new leader, and nothing left of the old one's StatefulSet."""
        self.remove(group, group + 1)
        self.make_leaders(group, group + 1, like=like)

    def make_workers(self, group: int) -> None:
        """All worker pods of a group, running, owned by its leader itself."""
        leader = self.leader(group)
        for worker in range(1, self.size):
            self.client.create(PODS, dict, self._worker_document(leader, worker))
            self.set_phase("Running", f"{group}-{worker}")

    def remove(self, first: int, end: int) -> None:
        """Leader pods and worker StatefulSets of groups ``first`` to ``end`` - 1."""
        for group in range(first, end):
            self.remove_pod(str(group))
            self.delete_worker_set(group)

    def remove_surplus(self) -> None:
        """All groups that the spec does not ask for."""
        self.remove(self.replicas, 1 + max((x.group for x in self.pods()), default=-1))

    def remove_pod(self, pod: str) -> None:
        """At once and for good; ``pod``: what follows the set's name."""
        name = f"{self.name}-{pod}"
        self.delete_pod(name, grace_period=0)
        self.until(f"{name} to go", lambda: self._find(PODS, name), lambda seen: seen is None)

    def settle_leader_set(self) -> None:
        """The leader StatefulSet says that what it wants is there."""
        replicas = self.leader_set()["spec"]["replicas"]
        self._set_status(STATEFULSETS, self.name, {"replicas": replicas, "readyReplicas": replicas})

    # The garbage collector's.

    def collect(self) -> None:
        """Worker StatefulSets whose leader is gone: one may have been made in the moment it went."""
        leaders = {pod.uid for pod in self.pods()}
        for one in self.worker_sets():
            if one["metadata"]["ownerReferences"][0]["uid"] not in leaders:
                self.delete_worker_set(int(one["metadata"]["labels"][c.GROUP_INDEX_LABEL]))

    # The kubelet's.

    def ready(self, *groups: int) -> None:
        """Groups of the revision asked for: their worker StatefulSets are made anew, and all is ready."""
        key = self.key
        for group in groups:
            self._label(PODS, f"{self.name}-{group}", key)
        self.leaders_ready(*groups)
        if self.size > 1:
            old = {group: self.delete_worker_set(group) for group in groups}
            for group in groups:
                self._make_worker_set_ready(self._await_worker_set(group, key, not_uid=old[group]))

    def ready_all(self, count: int) -> None:
        """As ``ready``, for every group, once there are exactly so many worker StatefulSets."""
        wanted = list(range(count))
        self.until(f"worker StatefulSets {wanted}", self.groups_with_workers, wanted.__eq__)
        self.ready(*wanted)

    def leaders_ready(self, *groups: int) -> None:
        for group in groups:
            self._set_status(PODS, f"{self.name}-{group}", READY)

    def broken(self, *groups: int) -> None:
        """Their worker StatefulSets seem to be in an update of their own."""
        for group in groups:
            revisions = {"currentRevision": "a", "updateRevision": "b"}
            self._set_status(STATEFULSETS, f"{self.name}-{group}", revisions)

    def set_phase(self, phase: str, *pods: str) -> None:
        """Of pods, by what follows the set's name."""
        for pod in pods:
            self._set_status(PODS, f"{self.name}-{pod}", {"phase": phase})

    # The user's.

    def rename(self, role: str, container: str, **members: Any) -> None:
        """Another name for the container of ``leader`` or ``worker``; and more members, as for ``change``."""
        changed = template(role)
        changed["spec"]["containers"][0]["name"] = container
        self.change(**{f"{role}Template": changed}, **members)

    def delete_worker_set(self, group: int) -> str:
        """The UID of what was deleted, empty when nothing was there."""
        name = f"{self.name}-{group}"
        found = self._find(STATEFULSETS, name)
        if found is None:
            return ""
        with contextlib.suppress(NotFound, Conflict):
            self.client.delete(STATEFULSETS, dict, name, namespace=self.namespace, uid=uid_of(found))
        return uid_of(found)

    def delete_leader_set(self) -> None:
        self.client.delete(STATEFULSETS, dict, self.name, namespace=self.namespace)

    def delete_service(self) -> None:
        self.client.delete(SERVICES, dict, self.name, namespace=self.namespace)

    def label_leader_set(self, key: str) -> None:
        self._label(STATEFULSETS, self.name, key)

    def wipe_conditions(self) -> None:
        self._set_status(LEADERWORKERSETS, self.name, {"conditions": []})

    # Below.

    def _find(self, resource: Resource, name: str) -> Document | None:
        try:
            return dict(self.client.get(resource, dict, name, self.namespace))
        except NotFound:
            return None

    def _label(self, resource: Resource, name: str, key: str) -> None:
        patch = {"metadata": {"labels": {c.REVISION_LABEL: key}}}
        self.client.merge_patch(resource, dict, name, patch, namespace=self.namespace)

    def _set_status(self, resource: Resource, name: str, status: Document) -> None:
        patch = {"status": status}
        self.client.merge_patch(resource, dict, name, patch, namespace=self.namespace, subresource="status")

    def _await_worker_set(self, group: int, key: str, *, not_uid: str) -> Document:
        """Wait for one made anew; what was made before the leader's label was seen has to go again."""

        def look() -> Document | None:
            found = self._find(STATEFULSETS, f"{self.name}-{group}")
            if found is None or uid_of(found) == not_uid:
                return None
            if found["metadata"]["labels"][c.REVISION_LABEL] != key:
                self.delete_worker_set(group)
                return None
            return found

        found = self.until(f"worker StatefulSet {group} of revision {key}", look)
        assert found is not None
        return found

    def _make_worker_set_ready(self, found: Document) -> None:
        counts = dict.fromkeys(("replicas", "readyReplicas", "availableReplicas"), found["spec"]["replicas"])
        status = counts | {"currentRevision": "", "updateRevision": ""}
        self._set_status(STATEFULSETS, found["metadata"]["name"], status)

    def _leader_document(self, group: int, leader_set: Document, like: Document) -> Document:
        """``like``: the metadata of a template or of another leader."""
        labels = {
            **like["labels"],
            c.GROUP_INDEX_LABEL: str(group),
            c.GROUP_KEY_LABEL: GROUP_KEY,
        }
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{self.name}-{group}",
                "namespace": self.namespace,
                "labels": labels,
                "annotations": like["annotations"],
                "ownerReferences": [owned_by(leader_set)],
            },
            "spec": {"containers": leader_set["spec"]["template"]["spec"]["containers"]},
        }

    def _worker_document(self, leader: Document, worker: int) -> Document:
        name, labels = leader["metadata"]["name"], dict(leader["metadata"]["labels"])
        del labels[c.WORKER_INDEX_LABEL]
        annotations = {c.SIZE_ANNOTATION: str(self.size), c.LEADER_NAME_ANNOTATION: name}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{name}-{worker}",
                "namespace": self.namespace,
                "labels": labels,
                "annotations": annotations,
                "ownerReferences": [owned_by(leader)],
            },
            "spec": {**template("worker")["spec"], "nodeName": NODE},
        }


def uid_of(document: Document) -> str:
    return str(document["metadata"]["uid"])


def owned_by(owner: Document) -> Document:
    """The owner reference that makes ``owner`` the controller."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": uid_of(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }
