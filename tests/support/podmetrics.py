"""The metrics API (metrics.k8s.io) of a test cluster, aggregated as metrics-server's is.

An autoscaler asks for the pods behind a selector; the load that a test sets is spread over those that are
ready.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec

from lws.kube.client import Client
from lws.kube.errors import KubeError
from lws.kube.resources import PODS, SERVICES, Resource
from lws.runtime.serving import HttpServer
from support.pki import Authority
from support.sets import Document
from support.waiting import until

API = "/apis/metrics.k8s.io/v1beta1"
API_SERVICES = Resource("apiregistration.k8s.io", "v1", "apiservices", "APIService", namespaced=False)
NAME = "v1beta1.metrics.k8s.io"
LIST = re.compile(rf"{API}/namespaces/([\w-]+)/pods")
HOST = "127.0.0.1"
DISCOVERY = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": "metrics.k8s.io/v1beta1",
    "resources": [
        {
            "name": "pods",
            "singularName": "",
            "namespaced": True,
            "kind": "PodMetrics",
            "verbs": ["get", "list"],
        }
    ],
}


class PodMetrics:
    """A WSGI application. ``load``: thousandths of a CPU that all pods of a selector use together."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.load = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        found = LIST.fullmatch(environ["PATH_INFO"])
        selector = parse_qs(environ["QUERY_STRING"]).get("labelSelector", [""])[0]
        body = self._pods(found[1], selector) if found else DISCOVERY
        start_response("200 OK", [("Content-Type", "application/json")])
        return [msgspec.json.encode(body)]

    def _pods(self, namespace: str, selector: str) -> Document:
        pods = [x for x in self._client.list(PODS, dict, namespace, label_selector=selector) if ready(x)]
        return {
            "kind": "PodMetricsList",
            "apiVersion": "metrics.k8s.io/v1beta1",
            "metadata": {},
            "items": [self._item(x, self.load // len(pods)) for x in pods],
        }

    def _item(self, pod: Document, milli: int) -> Document:
        """One container uses everything."""
        first, *others = (x["name"] for x in pod["spec"]["containers"])
        usage = {first: f"{milli}m"} | dict.fromkeys(others, "0")
        return {
            "metadata": {x: pod["metadata"][x] for x in ("name", "namespace", "labels")},
            "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "window": "0s",
            "containers": [
                {"name": name, "usage": {"cpu": cpu, "memory": "0"}} for name, cpu in usage.items()
            ],
        }


def ready(pod: Document) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(x["type"] == "Ready" and x["status"] == "True" for x in conditions)


@contextmanager
def served_metrics(client: Client, directory: Path) -> Iterator[PodMetrics]:
    """Registered with the API server for as long as it lasts."""
    app = PodMetrics(client)
    context = Authority(directory).server_context()
    server = HttpServer(app, host=HOST, port=0, ssl_context=context, threads=2, name="pod metrics")
    server.start()
    service = {
        "metadata": {"name": "pod-metrics", "namespace": "kube-system"},
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    }
    registration = {
        "metadata": {"name": NAME},
        "spec": {
            "group": "metrics.k8s.io",
            "version": "v1beta1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": True,
            "service": {"name": "pod-metrics", "namespace": "kube-system", "port": server.port},
        },
    }
    client.create(SERVICES, dict, {"apiVersion": "v1", "kind": "Service", **service})
    client.create(
        API_SERVICES, dict, {"apiVersion": API_SERVICES.api_version, "kind": "APIService", **registration}
    )
    try:
        until("the metrics API", lambda: answers(client))
        yield app
    finally:
        client.delete(API_SERVICES, dict, NAME)
        client.delete(SERVICES, dict, "pod-metrics", namespace="kube-system")
        server.stop()


def answers(client: Client) -> bool:
    try:
        client.connection.request("GET", f"{API}/namespaces/default/pods")
    except KubeError:
        return False
    return True
