"""The webhooks of ``hack/run``, registered by URL and taken away again.

While nobody answers at those URLs the API server refuses every set and every pod of a group. So they are
registered only where it can call (``hack.tools.probe``), leave with the process, and what an installation has
registered is left alone.
"""

from __future__ import annotations

import base64
import socket
import sys
from collections.abc import Collection
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import yaml

from lws.kube.client import Client
from lws.kube.errors import NotFound
from lws.kube.resources import MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS, Resource
from lws.runtime.serving import HttpServer
from lws.webhooks.certificates import (
    LOCAL,
    MUTATING_CONFIGURATION,
    VALIDATING_CONFIGURATION,
)
from lws.webhooks.certificates.profile import ServerNames

WEBHOOKS: Final = Path(__file__).resolve().parents[2] / "manifests" / "webhook" / "webhooks.yaml"
HOST: Final = "127.0.0.1"
CONFIGURATIONS: Final = {
    MUTATING_CONFIGURATION: MUTATING_WEBHOOKS,
    VALIDATING_CONFIGURATION: VALIDATING_WEBHOOKS,
}


REMOVED: Final = "the webhooks are unregistered; CustomResourceDefinitions and sets stay"
STAYS: Final = (
    "the webhooks stay registered: until hack/run is back, sets and pods of groups are refused "
    "(hack/run --remove takes them away)"
)


class RunError(Exception):
    """One line that says what is wrong and what to do."""


def server_names(host: str) -> ServerNames:
    """What the certificate must be good for."""
    try:
        ip_address(host)
    except ValueError:
        return ServerNames((*LOCAL.dns, host), LOCAL.ips)
    return ServerNames(LOCAL.dns, tuple(dict.fromkeys((*LOCAL.ips, host))))


def listening_host(host: str) -> str:
    """``host`` where it is an address of this machine; else empty, every address (a forwarder's name)."""
    try:
        with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return host
    except OSError:
        return ""


def url(host: str, port: int, path: str = "") -> str:
    return f"https://{f'[{host}]' if ':' in host else host}:{port}{path}"


def require_no_installation(client: Client) -> None:
    """Raise RunError where the webhooks call a Service: a controller inside the cluster answers there."""
    for name, resource in CONFIGURATIONS.items():
        for entry in _entries(client, resource, name):
            service = entry.get("clientConfig", {}).get("service")
            if service:
                raise RunError(
                    f"a controller is installed in this cluster: {resource.plural}/{name} calls the Service "
                    f"{service['namespace']}/{service['name']}; uninstall it first, or use another cluster"
                )


def remove(client: Client, *, only: Collection[str] = ()) -> bool:
    """Delete the configurations that call a URL (one of ``only``, if any is given); whether there was one."""
    removed = False
    for name, resource in CONFIGURATIONS.items():
        try:
            present = client.get(resource, dict, name)
        except NotFound:
            continue
        urls = {entry.get("clientConfig", {}).get("url") for entry in present.get("webhooks") or ()} - {None}
        if urls and (not only or not urls.isdisjoint(only)):
            removed = True
            version = present["metadata"]["resourceVersion"]
            client.delete(resource, dict, name, resource_version=version)
    return removed


def _entries(client: Client, resource: Resource, name: str) -> list[dict[str, Any]]:
    try:
        return client.get(resource, dict, name).get("webhooks") or []
    except NotFound:
        return []


class Registration:
    """Registers the webhooks by URL once their server listens; a part of the manager.

    Unless ``keep``, takes the entries away when it ends: an API server that finds nobody behind them refuses
    all sets and pods of groups.
    """

    def __init__(
        self, client: Client, server: HttpServer, ca_bundle: bytes, *, host: str = HOST, keep: bool = False
    ) -> None:
        self._client, self._server = client, server
        self._ca_bundle = base64.b64encode(ca_bundle).decode()
        self._host, self._keep = host, keep
        self._urls: list[str] = []

    def start(self) -> None:
        try:
            for document in yaml.safe_load_all(WEBHOOKS.read_text()):
                self._register(document)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        if self._keep:
            _say(STAYS)
        elif remove(self._client, only=self._urls):
            _say(REMOVED)

    def _register(self, document: dict[str, Any]) -> None:
        for webhook in document["webhooks"]:
            address = url(self._host, self._server.port, webhook["clientConfig"]["service"]["path"])
            self._urls.append(address)
            webhook["clientConfig"] = {"url": address, "caBundle": self._ca_bundle}
        self._client.apply(CONFIGURATIONS[document["metadata"]["name"]], dict, document)


def _say(text: str) -> None:
    print(f"hack/run: {text}", file=sys.stderr, flush=True)
