"""The HTTP servers of a process: health, metrics and webhooks, with their certificates.

Every replica has them, leader or not. What they answer is decided in ``lws.runtime.serving.health``,
``lws.runtime.serving.authfilter`` and ``lws.webhooks``; when they start is ``lws.app``'s.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lws.config import Configuration, Tls
from lws.config.addresses import Address, format_address, parse_address
from lws.config.tls import tls_settings
from lws.runtime.logs import get_logger
from lws.runtime.manager import Manager
from lws.runtime.metrics import Metrics
from lws.runtime.serving import AuthFilter, HttpServer, Limits, Remembered, WsgiApp, health_app, metrics_app
from lws.webhooks.admission import Webhook
from lws.webhooks.certificates import CERTIFICATE, KEY, ServingCertificate, serving_check, throwaway_context
from lws.webhooks.server import MAX_BODY, WebhookApp

METRICS_CERTIFICATE: Final = "k8s-metrics-server/serving-certs"  # under $TMPDIR, else /tmp
WEBHOOK_THREADS: Final = 10
WEBHOOK_LEAVE: Final = 3.0  # seconds: API servers keep connections, and a request that fails is a refusal
REMEMBER_ANSWER: Final = 1.0  # seconds
OTHER_THREADS: Final = 2


class Server(HttpServer):
    """An HTTP server that says where it serves once it does."""

    def __init__(self, app: WsgiApp, address: Address, *, log: str, **options: Any) -> None:
        super().__init__(app, host=address.host, port=address.port, **options)
        self.host = address.host
        self._log = get_logger(log)
        self._secure = options.get("ssl_context") is not None

    def start(self) -> None:
        super().start()
        where = format_address(Address(self.host, self.port))
        self._log.info(f"Serving {self.name}", bindAddress=where, secure=self._secure)


def health_server(configuration: Configuration, manager: Manager) -> Server | None:
    """Liveness and readiness over plain HTTP; None when switched off."""
    health = configuration.health
    address = parse_address(health.health_probe_bind_address)
    if address is None:
        return None
    endpoints = {
        health.liveness_endpoint_name: manager.health,
        health.readiness_endpoint_name: manager.ready,
    }
    # A path may lie below the other: the longer one is looked at first.
    app = health_app(dict(sorted(endpoints.items(), key=lambda item: -len(item[0]))))
    return Server(
        app, address, log="controller-runtime.health", threads=OTHER_THREADS, name="health probe server"
    )


def metrics_certificate(configuration: Configuration, metrics: Metrics) -> ServingCertificate | None:
    """The one an operator has mounted for metrics, if both files are there now."""
    directory = Path(os.environ.get("TMPDIR") or "/tmp", METRICS_CERTIFICATE)
    if not all((directory / name).exists() for name in (CERTIFICATE, KEY)):
        return None
    return followed_certificate(directory, configuration, metrics)


def metrics_server(
    address: Address,
    metrics: Metrics,
    *,
    guard: AuthFilter | None,
    certificate: ServingCertificate | None,
    tls: Tls,
) -> Server:
    """The exposition. Without a guard: plain HTTP for everybody, so for a loopback address only.

    With one: TLS, with a certificate that nobody trusts unless one is given.
    """
    context = None
    if guard is not None:
        context = certificate.context if certificate else throwaway_context(*tls_settings(tls))
    return Server(
        metrics_app(metrics.exposition, authorize=guard) if guard else metrics_app(metrics.exposition),
        address,
        log="controller-runtime.metrics",
        ssl_context=context,
        threads=OTHER_THREADS,
        name="metrics server",  # upstream's end-to-end test looks for "Serving metrics server" in the log
    )


def followed_certificate(
    directory: Path, configuration: Configuration, metrics: Metrics
) -> ServingCertificate:
    """``tls.crt`` and ``tls.key`` of a directory, followed while serving."""
    settings = tls_settings(configuration.tls)
    certificate = ServingCertificate(
        directory / CERTIFICATE,
        directory / KEY,
        minimum_version=settings.minimum_version,
        ciphers=settings.ciphers,
        on_read=metrics.certificate_reads.inc,
        on_error=metrics.certificate_read_errors.inc,
    )
    metrics.certificate(str(directory), certificate.expiration)
    return certificate


def webhook_server(
    configuration: Configuration,
    webhooks: Mapping[str, Webhook],
    metrics: Metrics,
    certificate: ServingCertificate,
) -> Server:
    """Admission over TLS."""
    webhook = configuration.webhook
    return Server(
        WebhookApp(webhooks, metrics=metrics.webhook),
        Address(webhook.host, webhook.port),
        log="controller-runtime.webhook",
        ssl_context=certificate.context,
        threads=WEBHOOK_THREADS,
        limits=Limits(body=MAX_BODY),
        leave=WEBHOOK_LEAVE,
        name="webhook server",
    )


def webhooks_answer(server: Server, certificate: ServingCertificate) -> Remembered:
    """A readiness check: a handshake with ourselves. The port is known only once the server listens."""

    def check() -> None:
        host = server.host or "localhost"
        serving_check(host, server.port, certificate, announce=server.let_pass)()

    return Remembered(check, REMEMBER_ANSWER)
