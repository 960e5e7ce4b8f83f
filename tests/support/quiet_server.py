"""An API server for whole processes: it knows its version, holds no object but a lease, and takes events."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import yaml

from lws.kube.resources import MUTATING_WEBHOOKS, SECRETS, VALIDATING_WEBHOOKS
from support.apiserver import ApiServer, Exchange, event_line, json_answer, status_answer
from support.objectstore import ObjectStore
from support.things import bookmark

MANIFESTS = Path(__file__).resolve().parents[2] / "manifests"

LISTS = (
    "/apis/leaderworkerset.x-k8s.io/v1/leaderworkersets",
    "/apis/apps/v1/statefulsets",
    "/api/v1/pods",
    "/apis/apps/v1/controllerrevisions",
    "/api/v1/services",
    "/apis/disaggregatedset.x-k8s.io/v1/disaggregatedsets",
)
LEASE_NAME = "b8b2488c.x-k8s.io"
VERSION = 10  # of every list


def lease_path(namespace: str, name: str = "") -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases" + (f"/{name}" if name else "")


class QuietServer(ApiServer):
    """``lease``: what is stored, None at first. ``namespace``: where the lease and events are expected."""

    def __init__(self, namespace: str = "lws-system", *, version: str = "v1.36.3") -> None:
        self.lease: dict[str, Any] | None = None
        self._writes = threading.RLock()
        super().__init__()
        self.on("GET", "/version", json_answer({"major": "1", "minor": "0", "gitVersion": version}))
        self.on("POST", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events", json_answer({}, 201))
        self.on("GET", lease_path(namespace, LEASE_NAME), self._read)
        self.on("PUT", lease_path(namespace, LEASE_NAME), self._write)
        self.on("POST", lease_path(namespace), self._write)
        for path in LISTS:
            self.on("GET", path, _silence, watch=True)

    @property
    def holder(self) -> str | None:
        """Who holds the lease; None while there is none."""
        return None if self.lease is None else str(self.lease["spec"]["holderIdentity"])

    def give_lease_to(self, holder: str) -> None:
        """As if another candidate had taken it, for an hour."""
        spec = {"holderIdentity": holder, "leaseDurationSeconds": 3600, "leaseTransitions": 1}
        self._store({"metadata": {"name": LEASE_NAME}, "spec": spec})

    def _store(self, lease: dict[str, Any]) -> dict[str, Any]:
        with self._writes:
            version = 1 if self.lease is None else int(self.lease["metadata"]["resourceVersion"]) + 1
            lease["metadata"] = {**lease["metadata"], "resourceVersion": str(version)}
            self.lease = lease
            return lease

    def _read(self, exchange: Exchange) -> None:
        (status_answer(404, "NotFound") if self.lease is None else json_answer(self.lease))(exchange)

    def _write(self, exchange: Exchange) -> None:
        document = json.loads(exchange.request.body)
        with self._writes:
            expected = document["metadata"].get("resourceVersion")
            current = None if self.lease is None else self.lease["metadata"]["resourceVersion"]
            answer = (
                json_answer(self._store(document)) if expected == current else status_answer(409, "Conflict")
            )
        answer(exchange)


def offer_installation(server: ApiServer, *, secret: bool = True) -> ObjectStore:
    """What internal certificates need: the manifests' webhook configurations and, empty, their Secret."""
    store = ObjectStore(server)
    empty = yaml.safe_load((MANIFESTS / "internalcert" / "secret.yaml").read_text())
    path = SECRETS.path(empty["metadata"]["namespace"])
    store.serve(path, empty["metadata"]["name"])
    if secret:
        store.put(path, empty)
    configurations = yaml.safe_load_all((MANIFESTS / "webhook" / "webhooks.yaml").read_text())
    for resource, document in zip((MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS), configurations, strict=True):
        store.serve(resource.path(), document["metadata"]["name"])
        store.put(resource.path(), document)
    return store


def _silence(exchange: Exchange) -> None:
    """A watch of nothing, on which nothing happens."""
    exchange.head(200)
    exchange.chunk(event_line("BOOKMARK", bookmark(VERSION, initial_events_end=True)))
    exchange.wait(threading.Event())
