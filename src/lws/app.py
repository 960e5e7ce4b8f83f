"""The composition root: the only place that builds everything, and decides what runs beside what."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from lws import __version__
from lws.api import constants as c
from lws.controllers.gang import make_gang
from lws.controllers.wiring import make_controllers, make_informers
from lws.kube.client import Client
from lws.kube.connection import connect
from lws.planning.podgroups import provider_named
from lws.runtime.cache import Cache
from lws.runtime.clock import SystemClock
from lws.runtime.events import EventRecorder
from lws.runtime.health import health_app, metrics_app
from lws.runtime.httpserver import HttpServer
from lws.runtime.manager import Manager, Phase
from lws.runtime.metrics import Metrics
from lws.webhooks import handlers
from lws.webhooks.admission import Webhook
from lws.webhooks.server import WebhookApp
from lws.webhooks.serving import ServingCertificate, serving_check

USER_AGENT: Final = f"lws/{__version__} ({os.uname().sysname.lower()}/{os.uname().machine})"

MUTATE_SET: Final = "/mutate-leaderworkerset-x-k8s-io-v1-leaderworkerset"
VALIDATE_SET: Final = "/validate-leaderworkerset-x-k8s-io-v1-leaderworkerset"
MUTATE_POD: Final = "/mutate--v1-pod"
VALIDATE_POD: Final = "/validate--v1-pod"


class Options(Struct, frozen=True, kw_only=True):
    """What a process is told. Port 0 asks for a free one; ``workers`` are threads per controller."""

    kubeconfig: str | None = None
    certificate: Path
    key: Path
    webhook_host: str = ""
    webhook_port: int = 9443
    metrics_host: str = ""
    metrics_port: int = 8443
    health_host: str = ""
    health_port: int = 8081
    workers: int = 4
    gang: str | None = None


def webhooks(gang: str | None) -> Mapping[str, Webhook]:
    """What is served under which path (operations.md, 2.1)."""
    return {
        MUTATE_SET: handlers.mutate_leaderworkerset,
        VALIDATE_SET: handlers.validate_leaderworkerset,
        MUTATE_POD: handlers.pod_mutator(gang),
        VALIDATE_POD: handlers.validate_pod,
    }


class App:
    """The controller manager of one process. Nothing is sent or served before :meth:`run`.

    Raises ConfigurationError when no API server can be found.
    """

    def __init__(self, options: Options) -> None:
        self.metrics = Metrics()
        self.manager = Manager()
        connection = connect(
            kubeconfig=options.kubeconfig,
            user_agent=USER_AGENT,
            pool_size=2 * options.workers + 4,
            on_response=self.metrics.on_response,
        )
        self.client = Client(connection, field_manager=c.FIELD_MANAGER)
        self._serve(options)
        self._control(options)

    def run(self, stop: threading.Event) -> None:
        """Run until ``stop``. Raises ManagerError when the process cannot go on."""
        self.manager.run(stop)
        self.client.connection.close()

    def _serve(self, options: Options) -> None:
        """Webhooks, health and metrics: on every replica, leader or not."""
        manager = self.manager
        checks = health_app({"/healthz": manager.health, "/readyz": manager.ready})
        scrape = metrics_app(self.metrics.exposition)
        self.health_server = HttpServer(
            checks, host=options.health_host, port=options.health_port, threads=2, name="health server"
        )
        self.metrics_server = HttpServer(
            scrape, host=options.metrics_host, port=options.metrics_port, threads=2, name="metrics server"
        )
        self.serving = serving = ServingCertificate(
            options.certificate,
            options.key,
            on_read=self.metrics.certificate_reads.inc,
            on_error=self.metrics.certificate_read_errors.inc,
        )
        self.webhook_server = HttpServer(
            WebhookApp(webhooks(options.gang), metrics=self.metrics.webhook),
            host=options.webhook_host,
            port=options.webhook_port,
            ssl_context=serving.context,
            threads=10,
            name="webhook server",
        )
        manager.add(self.health_server, phase=Phase.HTTP)
        manager.add(self.metrics_server, phase=Phase.HTTP)
        manager.add(serving, phase=Phase.WEBHOOKS, name="certificate watcher")
        manager.add(self.webhook_server, phase=Phase.WEBHOOKS)
        manager.add_ready_check("webhooks", self._webhooks_answer)

    def _webhooks_answer(self) -> None:
        """A handshake with ourselves; the port is known only once the server listens."""
        serving_check("localhost", self.webhook_server.port, self.serving)()

    def _control(self, options: Options) -> None:
        """Caches and controllers."""
        clock = SystemClock()
        cache = Cache(self.client.connection, clock=clock)
        informers = make_informers(cache)
        recorder = EventRecorder(
            self.client,
            controller=c.REPORTING_CONTROLLER,
            instance=f"{c.REPORTING_CONTROLLER}-{socket.gethostname()}",
        )
        gang = None
        if options.gang:
            gang = make_gang(provider_named(options.gang), self.client.connection, clock=clock)
            self.manager.add(gang, phase=Phase.CACHES, name=f"watch of {gang.provider.plural}")
        controllers = make_controllers(
            informers,
            client=self.client,
            recorder=recorder,
            metrics=self.metrics,
            clock=clock,
            workers=options.workers,
            gang=gang,
        )
        self.manager.add(cache, phase=Phase.CACHES, name="caches")
        self.manager.add(recorder, phase=Phase.OTHERS, name="event recorder")
        for controller in controllers:
            self.manager.add(controller, phase=Phase.CONTROLLERS, name=f"controller {controller.name}")
        self.manager.add_ready_check("caches", lambda: all(x.has_synced for x in cache.informers))
