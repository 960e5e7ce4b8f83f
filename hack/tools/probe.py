"""Whether an API server can call this host: asked of the API server itself, before anything is registered.

One webhook is registered that matches one object which nobody else makes, and that object is created as a dry
run. The webhook refuses it with a word of its own, so that the refusal proves the call.
"""

from __future__ import annotations

import base64
import secrets
import ssl
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from hack.tools.registration import RunError, url
from lws.kube.client import Client
from lws.kube.errors import ApiError, NotFound
from lws.kube.resources import VALIDATING_WEBHOOKS, Resource
from lws.runtime.serving import HttpServer
from lws.webhooks.admission import AdmissionRequest, AdmissionResponse
from lws.webhooks.certificates import CertificateStore
from lws.webhooks.server import WebhookApp

CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap")
NAMESPACE: Final = "default"  # every cluster has it
NAME: Final = "lws-hack-run-probe"  # of the configuration and of the object, and the object's label
WEBHOOK: Final = "probe.hack-run.lws"
PATH: Final = "/probe"
CALL_SECONDS: Final = 5  # that the API server may take for the call
PATIENCE: Final = 20.0  # seconds until the API server has seen a configuration that was made
LOOK: Final = 0.05


def require_calls(client: Client, store: CertificateStore, *, host: str, listen: str, port: int) -> None:
    """Raise RunError when the API server cannot call ``https://host:port``, where we listen on ``listen``.

    ``port`` 0: any. Whatever comes of it, nothing stays in the cluster.
    """
    word = secrets.token_hex(8)
    server = HttpServer(
        WebhookApp({PATH: _refusing(word)}),
        host=listen,
        port=port,
        ssl_context=_context(store),
        threads=1,
        name="webhook server",
    )
    server.start()
    try:
        address = url(host, server.port, PATH)
        _unregister(client)  # one that was killed has left: its rules would be asked in place of ours
        client.create(VALIDATING_WEBHOOKS, dict, configuration(address, store.ca_bundle, word))
        _await_call(client, address, word)
    finally:
        _unregister(client)
        server.stop()


def configuration(address: str, ca_bundle: bytes, word: str) -> dict[str, Any]:
    """Matches the object with our word only: nobody else can be refused because of it."""
    return {
        "apiVersion": VALIDATING_WEBHOOKS.api_version,
        "kind": VALIDATING_WEBHOOKS.kind,
        "metadata": {"name": NAME},
        "webhooks": [
            {
                "name": WEBHOOK,
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "timeoutSeconds": CALL_SECONDS,
                "clientConfig": {"url": address, "caBundle": base64.b64encode(ca_bundle).decode()},
                "objectSelector": {"matchLabels": {NAME: word}},
                "rules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["configmaps"],
                    }
                ],
            }
        ],
    }


def _await_call(client: Client, address: str, word: str) -> None:
    """Until the API server has seen the configuration it just lets the object pass."""
    deadline = time.monotonic() + PATIENCE
    while (said := _ask(client, word)) is None:
        if time.monotonic() > deadline:
            raise RunError(f"the API server has not asked {address} within {PATIENCE:g} s; is it overloaded?")
        time.sleep(LOOK)
    if word not in said:
        raise RunError(
            f"the API server cannot call {address}, so it would refuse every set and every pod of a group: "
            "nothing was registered. Give --webhook-host an address at which it reaches this machine, or use "
            f"a cluster on this machine (hack/cluster). It says: {said}"
        )


def _ask(client: Client, word: str) -> str | None:
    """How the dry run was refused by the webhook, or for want of it; None: it was not. Raises ApiError."""
    labels = {NAME: word}
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME, "labels": labels}}
    path, body = CONFIG_MAPS.path(NAMESPACE), msgspec.json.encode(document)
    try:
        client.connection.request("POST", path, query={"dryRun": "All"}, body=body)
    except ApiError as error:
        if WEBHOOK in error.message:
            return error.message
        raise
    return None


def _refusing(word: str) -> Callable[[AdmissionRequest], AdmissionResponse]:
    return lambda _request: AdmissionResponse(False, code=403, reason="Forbidden", message=word)


def _context(store: CertificateStore) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(store.certificate_path, store.key_path)
    return context


def _unregister(client: Client) -> None:
    try:
        client.delete(VALIDATING_WEBHOOKS, dict, NAME)
    except NotFound:
        return
