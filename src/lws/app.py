"""The composition root: the only place that builds everything, and decides what runs beside what."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Final

from msgspec import Struct

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.config import Configuration
from lws.config.addresses import parse_address
from lws.connections import Connections, Patience
from lws.controllers.claims import GroupClaims
from lws.controllers.disaggregatedwatches import RoleWatches
from lws.controllers.disaggregatedwiring import make_role_controller
from lws.controllers.gang import Gang, make_gang
from lws.controllers.informers import make_informers
from lws.controllers.lacks import CreationFailures
from lws.controllers.wiring import make_controllers
from lws.controllers.workloadmetrics import WorkloadMetrics
from lws.kube.client import Client
from lws.kube.connection import SERVICE_ACCOUNT
from lws.kube.errors import ApiError
from lws.kube.version import server_version
from lws.leadergates import LeaderGates
from lws.leadership import Leadership
from lws.objects import Key, prepare_types
from lws.planning.podgroups import provider_named
from lws.runtime.clock import SystemClock
from lws.runtime.controller import Controller
from lws.runtime.events import EventRecorder
from lws.runtime.informers import Cache, Informer, InformerMetrics
from lws.runtime.logs import get_logger
from lws.runtime.manager import Manager, ManagerError, Phase
from lws.runtime.metrics import Metrics
from lws.runtime.resync import Resync
from lws.runtime.serving import AuthFilter
from lws.servers import (
    Server,
    followed_certificate,
    health_server,
    metrics_certificate,
    metrics_server,
    webhook_server,
    webhooks_answer,
)
from lws.webhooks.certificates import CertificateFiles, Rotation, ServingCertificate
from lws.webhooks.paths import webhooks

OLDEST_SERVER: Final = (1, 27)  # the first in which StatefulSets may start at another ordinal than 0
DEFAULT_NAMESPACE: Final = "lws-system"

_log = get_logger("setup")


class Options(Struct, frozen=True, kw_only=True):
    """What a process is told. ``workers`` are threads per controller, ``group_workers`` of the one of groups:
    of many that fail or start at once each waits for the API server.

    ``namespace``: the operator's own. ``webhooks``: whether admission is served. ``guard_metrics``: with TLS
    and for those whom the API server lets; else plain, for everybody.
    """

    configuration: Configuration = Configuration()
    kubeconfig: str | None = None
    namespace: str = DEFAULT_NAMESPACE
    webhooks: bool = True
    guard_metrics: bool = True
    workers: int = 4
    group_workers: int = 10

    @property
    def gang(self) -> str | None:
        """The scheduler that starts all pods of a group or none, if there is one."""
        gang = self.configuration.gang_scheduling_management
        return gang.scheduler_provider if gang else None


def operator_namespace(file: Path = Path(SERVICE_ACCOUNT, "namespace")) -> str:
    """Where this process runs; outside a cluster, where it usually would."""
    try:
        return file.read_text().strip() or DEFAULT_NAMESPACE
    except OSError:
        return DEFAULT_NAMESPACE


class App:
    """The controller manager of one process. Nothing is sent or served before :meth:`run`.

    The servers are there for whoever asks for their ports; None: switched off. Raises ConfigurationError
    when no API server can be found.
    """

    def __init__(self, options: Options) -> None:
        prepare_types()
        self.options = options
        self.metrics = Metrics()
        self.manager = Manager()
        self._connections = Connections(
            options.kubeconfig,
            options.configuration.client_connection,
            workers=3 * options.workers + options.group_workers,
            on_response=self.metrics.on_response,
        )
        if self._connections.controllers.unverified:
            _log.warning("The API server's certificate is not verified: insecure-skip-tls-verify is set")
        self.client = Client(self._connections.controllers, field_manager=c.FIELD_MANAGER)
        self._any_replica = Client(self._connections.any_replica, field_manager=c.FIELD_MANAGER)
        self._gates = LeaderGates(self._any_replica)
        self.health_server = self._serve_health()
        self.metrics_server = self._serve_metrics()
        self.webhook_server = self._serve_webhooks() if options.webhooks else None
        self._control()
        self._elect()

    def run(self, stop: threading.Event) -> None:
        """Run until ``stop``. Raises ManagerError or KubeError when the process cannot go on."""
        try:
            self._require_server()
            self.manager.run(stop)
        finally:
            self._connections.close()

    def _require_server(self) -> None:
        """Refuse a server on which every set would fail for a reason hard to see."""
        try:
            version = server_version(self.client.connection)
        except ApiError as error:
            _log.warning("The API server does not tell its version", error=str(error))
            return
        if version is None or (version.major, version.minor) >= OLDEST_SERVER:
            return
        raise ManagerError(
            f"the API server is Kubernetes {version.text}, whose StatefulSets cannot number their pods from "
            f"1 on (start ordinals): upgrade the cluster to {'.'.join(map(str, OLDEST_SERVER))} or later"
        )

    def _serve_health(self) -> Server | None:
        server = health_server(self.options.configuration, self.manager)
        if server is not None:
            self.manager.add(server, phase=Phase.HTTP)
        return server

    def _serve_metrics(self) -> Server | None:
        configuration, guard, certificate = self.options.configuration, None, None
        address = parse_address(configuration.metrics.bind_address)
        if address is None:
            return None
        if self.options.guard_metrics:
            guard = AuthFilter(self._connections.reviews())
            certificate = metrics_certificate(configuration, self.metrics)
        if certificate is not None:
            self.manager.add(certificate, phase=Phase.HTTP, name="metrics certificate watcher")
        server = metrics_server(
            address, self.metrics, guard=guard, certificate=certificate, tls=configuration.tls
        )
        self.manager.add(server, phase=Phase.HTTP)
        return server

    def _serve_webhooks(self) -> Server:
        """Waits for the certificate's files, which we, cert-manager or an operator make."""
        options, manager = self.options, self.manager
        directory = Path(options.configuration.webhook.cert_dir)
        certificate = followed_certificate(directory, options.configuration, self.metrics)
        server = webhook_server(
            options.configuration, webhooks(options.gang, self._gates), self.metrics, certificate
        )
        if options.configuration.internal_cert_management.enable:
            manager.add(self._rotation(directory, certificate), phase=Phase.HTTP)
        manager.add(CertificateFiles(directory), phase=Phase.HTTP, name="webhook certificate")
        manager.add(certificate, phase=Phase.WEBHOOKS, name="certificate watcher")
        manager.add(server, phase=Phase.WEBHOOKS)
        manager.add_ready_check("webhooks", webhooks_answer(server, certificate))
        return server

    def _rotation(self, directory: Path, certificate: ServingCertificate) -> Rotation:
        """Makes the certificate, on every replica."""
        settings = self.options.configuration.internal_cert_management
        return Rotation(
            self._any_replica,
            namespace=self.options.namespace,
            service=settings.webhook_service_name,
            secret=settings.webhook_secret_name,
            directory=directory,
            metrics=self.metrics,
            on_written=certificate.reload,
        )

    def _control(self) -> None:
        """Caches and controllers."""
        clock = SystemClock()
        watching = self.metrics.informers()
        self.cache = cache = Cache(self.client.connection, clock=clock, metrics=watching)
        measures = WorkloadMetrics(self.metrics, max_sets=self.options.configuration.metrics.max_sets)
        informers = make_informers(cache)
        self.recorder = self._leaders_recorder(c.REPORTING_CONTROLLER, "event recorder")
        self._gates.sets = informers.sets
        controllers, resync = make_controllers(
            informers,
            client=self.client,
            recorder=self.recorder,
            metrics=self.metrics,
            clock=clock,
            workers=self.options.workers,
            group_workers=self.options.group_workers,
            gang=self._gang(clock, watching),
            failures=self._creation_failures(clock, watching),
            claims=self._claims(clock, watching),
            measures=measures,
            history=self.options.configuration.revision_history_limit,
        )
        self.manager.add(cache, phase=Phase.CACHES, name="caches")
        self.manager.add(measures, phase=Phase.CONTROLLERS, name="workload metrics")
        roles, resync_of_roles = self._role_controller(informers.sets, clock, watching, measures)
        for controller in (*controllers, roles):
            self.manager.add(controller, phase=Phase.CONTROLLERS, name=f"controller {controller.name}")
        self.manager.add(resync, phase=Phase.CONTROLLERS, name="resync")
        self.manager.add(resync_of_roles, phase=Phase.CONTROLLERS, name="resync of disaggregatedsets")
        self.manager.add(Patience(self._connections.controllers), phase=Phase.CONTROLLERS, name="patience")
        watching.declare(*cache.silences())
        self.metrics.silences(cache.silences)
        self.manager.add_health_check("informers", cache.check)
        self.manager.add_ready_check("caches", lambda: all(x.has_synced for x in cache.informers))

    def _role_controller(
        self,
        children: Informer[LeaderWorkerSet],
        clock: SystemClock,
        watching: InformerMetrics,
        measures: WorkloadMetrics,
    ) -> tuple[Controller[Key], Resync[Key]]:
        """DisaggregatedSets; nothing waits for their watches, because their CRDs may come later."""
        watches = RoleWatches(self.client, children, clock=clock, metrics=watching)
        self.manager.add(watches, phase=Phase.OTHERS, name="watches of disaggregatedsets")
        self.manager.add_health_check("disaggregatedset-informers", watches.check)
        self.metrics.silences(watches.silences)
        return make_role_controller(
            watches,
            client=self.client,
            recorder=self._leaders_recorder(d.REPORTING_CONTROLLER, "event recorder of disaggregatedsets"),
            metrics=self.metrics,
            clock=clock,
            workers=self.options.workers,
            measures=measures,
        )

    def _leaders_recorder(self, controller: str, name: str) -> EventRecorder:
        """Of events about objects, which only the leader tells: all of them before it gives the lease up."""
        recorder = self._recorder(Client(self._connections.events, field_manager=c.FIELD_MANAGER), controller)
        self.manager.add(recorder, phase=Phase.EVENTS, name=name)
        return recorder

    def _recorder(self, client: Client, controller: str) -> EventRecorder:
        instance, dropped = f"{controller}-{socket.gethostname()}", self.metrics.on_event_dropped
        return EventRecorder(client, controller=controller, instance=instance, on_dropped=dropped)

    def _gang(self, clock: SystemClock, watching: InformerMetrics) -> Gang | None:
        if not self.options.gang:
            return None
        provider = provider_named(self.options.gang)
        gang = make_gang(provider, self.client.connection, clock=clock, metrics=watching)
        self.manager.add_health_check("gang-informer", gang.check)
        self.metrics.silences(gang.silences)
        self.manager.add(gang, phase=Phase.CACHES, name=f"watch of {gang.provider.plural}")
        return gang

    def _creation_failures(self, clock: SystemClock, watching: InformerMetrics) -> CreationFailures:
        failures = CreationFailures(self.client.connection, clock=clock, metrics=watching)
        self.manager.add_health_check("events-informer", failures.check)
        self.manager.add(failures, phase=Phase.OTHERS, name="watch of failures to create pods")
        self.metrics.silences(failures.silences)
        return failures

    def _claims(self, clock: SystemClock, watching: InformerMetrics) -> GroupClaims:
        """Nothing waits for this watch, which may never begin."""
        claims = GroupClaims(self.client, clock=clock, metrics=watching)
        self.manager.add(claims, phase=Phase.OTHERS, name="watch of resourceclaims")
        self.manager.add_health_check("claim-informer", claims.check)
        self.metrics.silences(claims.silences)
        return claims

    def _elect(self) -> None:
        settings = self.options.configuration.leader_election
        if not settings.leader_elect:
            return
        recorder = self._recorder(self._any_replica, c.REPORTING_CONTROLLER)
        leadership = Leadership(
            Client(self._connections.election()),
            settings,
            namespace=self.options.namespace,
            recorder=recorder,
            gauge=self.metrics.leader(settings.resource_name),
            fenced=self._connections.fenced,
        )
        self.manager.add(recorder, phase=Phase.OTHERS, name="event recorder of leader election")
        self.manager.add(leadership, phase=Phase.LEADER_ELECTION, name="leader election")
