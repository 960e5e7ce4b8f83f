"""One process put together: what it serves, when it leads, and how it ends. Against a scripted API server."""

from __future__ import annotations

import base64
import gc
import http.client
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.admission import an_lws
from support.apiserver import Exchange, Feed, event_line, json_answer, status_answer, write_kubeconfig
from support.loglines import capture_logs, captured
from support.quiet_server import LEASE_NAME, LISTS, VERSION, QuietServer, lease_path, offer_installation
from support.things import bookmark
from support.waiting import until

from lws.app import App, Options, operator_namespace
from lws.config import (
    Configuration,
    GangSchedulingManagement,
    Health,
    InternalCertManagement,
    LeaderElection,
    MetricsServer,
    Tls,
    Webhook,
)
from lws.kube.connection import Connection
from lws.kube.errors import NotFound, TransportError
from lws.kube.resources import EVENTS, SECRETS, VALIDATING_WEBHOOKS
from lws.objects import ObjectReference
from lws.runtime import manager
from lws.runtime.manager import ManagerError
from lws.runtime.serving import ACCESS_REVIEWS, TOKEN_REVIEWS
from lws.servers import METRICS_CERTIFICATE, Server
from lws.webhooks.certificates import LOCAL, VALIDATING_CONFIGURATION, CertificateStore

HOST = "127.0.0.1"
METRICS = MetricsServer(bind_address=f"{HOST}:0")
FAST = LeaderElection(lease_duration=1.0, renew_deadline=0.6, retry_period=0.1)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> CertificateStore:
    store = CertificateStore(tmp_path_factory.mktemp("certificates"), LOCAL)
    store.renew()
    return store


@pytest.fixture
def server() -> Iterator[QuietServer]:
    with QuietServer() as server:
        yield server


class Running:
    """An App in a thread of its own."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.error: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self.app.run(self._stop)
        except BaseException as error:  # noqa: BLE001 - for the test to look at
            self.error = error

    def start(self) -> Running:
        self._thread.start()
        return self

    def join(self) -> BaseException | None:
        """Wait for its end; what it raised."""
        self._thread.join(30.0)
        assert not self._thread.is_alive(), "does not end"
        return self.error

    def end(self) -> BaseException | None:
        self._stop.set()
        return self.join()

    def ready(self, path: str = "/readyz") -> bool:
        return self.get(self.app.health_server, path)[0] == 200

    @staticmethod
    def get(server: Server | None, path: str, **headers: str) -> tuple[int, str]:
        """Status and body; 0 while nobody listens."""
        assert server is not None
        if not server.alive or not server.port:
            return 0, ""
        secure = server.name == "metrics server" and server._secure
        connection: http.client.HTTPConnection = http.client.HTTPConnection(HOST, server.port, timeout=10)
        if secure:
            context = ssl._create_unverified_context()  # nobody can know a throwaway one
            connection = http.client.HTTPSConnection(HOST, server.port, timeout=10, context=context)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


Start = Callable[..., Running]


@pytest.fixture
def start(
    server: QuietServer, certificates: CertificateStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Start]:
    """Starts an App; settings override free loopback ports, no metrics, and a certificate from here."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(manager, "_LOOK", 0.02)
    started: list[Running] = []

    def begin(*, options: dict[str, Any] | None = None, **blocks: Any) -> Running:
        configuration = Configuration(
            **{
                "webhook": Webhook(host=HOST, port=0, cert_dir=str(certificates.directory)),
                "metrics": MetricsServer(bind_address="0"),
                "health": Health(health_probe_bind_address=f"{HOST}:0"),
                "leader_election": FAST,
                "internal_cert_management": InternalCertManagement(enable=False),
                **blocks,
            }
        )
        kubeconfig = write_kubeconfig(tmp_path, server.url)
        app = App(Options(configuration=configuration, kubeconfig=kubeconfig, **(options or {})))
        running = Running(app)
        started.append(running)
        return running

    with captured():
        yield begin
        for running in started:
            if running._thread.ident is not None:
                running.end()
    gc.unfreeze()
    gc.enable()


def agents(server: QuietServer, method: str, path: str) -> set[str]:
    """What comes after the commit in the user agents of these requests."""
    found = server.matching(method, path)
    assert found
    return {request.headers["user-agent"].partition("unknown")[2] for request in found}


def a_set_on_its_way_out(exchange: Exchange) -> None:
    """A watch of one set, of which nothing is asked any more."""
    metadata = {"uid": "u", "resourceVersion": "9", "deletionTimestamp": "2026-01-01T00:00:00Z"}
    exchange.head(200)
    exchange.chunk(event_line("ADDED", an_lws(metadata=metadata)))
    exchange.chunk(event_line("BOOKMARK", bookmark(VERSION, initial_events_end=True)))
    exchange.wait(threading.Event())


class TestLeading:
    def test_a_process_alone_leads_and_gives_the_lease_up(self, start: Start, server: QuietServer) -> None:
        running = start().start()
        until("leadership", lambda: server.holder)
        until("readiness", running.ready)
        gauge = f'leader_election_master_status{{name="{LEASE_NAME}"}}'
        until("the gauge", lambda: f"{gauge} 1.0" in running.app.metrics.exposition()[1].decode())
        assert running.end() is None
        assert server.holder == ""
        assert f"{gauge} 0.0" in running.app.metrics.exposition()[1].decode()
        events = [request.json() for request in server.matching("POST") if "events.k8s.io" in request.path]
        notes = [event["note"].split(" ", 1)[1] for event in events]
        assert notes == ["became leader", "stopped leading"]
        assert {event["reason"] for event in events} == {"LeaderElection"}
        assert events[0]["regarding"]["name"] == LEASE_NAME

    def test_leases_have_a_connection_of_their_own(self, start: Start, server: QuietServer) -> None:
        running = start().start()
        until("leadership", lambda: server.holder)
        until("readiness", running.ready)
        assert agents(server, "POST", lease_path("lws-system")) == {"/leader-election"}
        assert agents(server, "GET", LISTS[0]) == {""}

    def test_a_standby_serves_and_keeps_its_caches_warm(self, start: Start, server: QuietServer) -> None:
        server.give_lease_to("another")
        running = start().start()
        until("readiness", running.ready)
        until("its watches", lambda: all(server.matching("GET", path, watch=True) for path in LISTS))
        assert server.holder == "another"
        assert not server.matching("PUT")
        assert running.end() is None
        assert server.holder == "another"

    def test_only_the_leader_tells_of_sets(self, start: Start, server: QuietServer) -> None:
        server.on("GET", LISTS[0], a_set_on_its_way_out, watch=True)
        server.give_lease_to("another")
        running = start().start()

        def told() -> bool:
            return 'lws_groups_desired{name="test-sample"' in running.app.metrics.exposition()[1].decode()

        until("readiness", running.ready)
        assert not told()
        server.give_lease_to("")
        until("its gauges", told)
        assert running.end() is None
        assert not told()

    def test_losing_the_lease_ends_the_process(self, start: Start, server: QuietServer) -> None:
        running = start().start()
        until("leadership", lambda: server.holder)
        until("readiness", running.ready)
        server.give_lease_to("another")
        assert isinstance(running.join(), ManagerError)
        assert str(running.error).startswith(f"leader election: lost the lease lws-system/{LEASE_NAME}")
        with pytest.raises(Exception, match="closed"):
            running.app.client.connection.request("GET", "/version")

    def test_who_does_not_lead_writes_nothing_but_certificates_and_that_it_does_not(
        self, start: Start, server: QuietServer
    ) -> None:
        """Also one that was frozen: its lease ran out by the clock, whatever it still believes."""
        server.give_lease_to("another")
        running = start().start()
        until("readiness", running.ready)
        connection = running.app.client.connection
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            with pytest.raises(TransportError, match="no longer leads"):
                connection.request(method, LISTS[2], body=b"{}")
        assert not server.matching("POST", LISTS[2])
        server.give_lease_to("")
        until("leadership", lambda: "another" not in (server.holder or "another"))
        until("a write", lambda: self._writes(connection))

    def test_events_wait_for_nobody_who_has_lost_the_lease(self, start: Start, server: QuietServer) -> None:
        """They are gathered for a second; meanwhile another may have come to lead."""
        running = start().start()
        until("leadership", lambda: server.holder)
        until("readiness", running.ready)
        server.on("PUT", lease_path("lws-system", LEASE_NAME), status_answer(500))
        self._tell(running)
        assert isinstance(running.join(), ManagerError)
        until("the election's events", lambda: len(server.matching("POST", EVENTS.path("lws-system"))) == 2)
        assert not server.matching("POST", EVENTS.path("team-a"))
        dropped = 'lws_events_dropped_total{reason="unreachable"} 1.0'
        assert dropped in running.app.metrics.exposition()[1].decode()

    def test_an_orderly_end_tells_everything_before_the_lease_is_given_up(
        self, start: Start, server: QuietServer
    ) -> None:
        running = start().start()
        until("leadership", lambda: server.holder)
        until("readiness", running.ready)
        self._tell(running)
        assert running.end() is None
        (event,) = server.matching("POST", EVENTS.path("team-a"))
        release = server.matching("PUT", lease_path("lws-system", LEASE_NAME))[-1]
        assert release.json()["spec"]["holderIdentity"] == ""
        assert server.requests.index(event) < server.requests.index(release)

    @staticmethod
    def _tell(running: Running) -> None:
        of = ObjectReference(kind="LeaderWorkerSet", namespace="team-a", name="one")
        running.app.recorder.event(regarding=of, type_="Normal", reason="R", action="A", note="N")

    @staticmethod
    def _writes(connection: Connection) -> bool:
        try:
            connection.request("POST", LISTS[2], body=b"{}")
        except NotFound:  # of the server: it was sent
            return True
        except TransportError:
            return False
        return False

    def test_the_namespace_of_the_lease_may_be_chosen(self, start: Start, server: QuietServer) -> None:
        settings = msgspec.structs.replace(FAST, resource_namespace="elsewhere")
        start(leader_election=settings).start()
        server.wait_for(1, "GET", lease_path("elsewhere", LEASE_NAME))

    def test_without_election_there_is_no_lease(self, start: Start, server: QuietServer) -> None:
        running = start(leader_election=LeaderElection(leader_elect=False)).start()
        until("readiness", running.ready)
        assert running.end() is None
        assert not [request for request in server.requests if "leases" in request.path]


class TestServing:
    def test_what_listens_is_told(self, start: Start) -> None:
        with capture_logs() as lines:
            running = start(metrics=METRICS).start()
            until("readiness", running.ready)
        told = {line["event"]: line["secure"] for line in lines if line["event"].startswith("Serving")}
        assert told == {
            "Serving health probe server": False,
            "Serving metrics server": True,
            "Serving webhook server": True,
        }

    def test_endpoints_have_the_names_they_are_given(self, start: Start) -> None:
        health = Health(
            health_probe_bind_address=f"{HOST}:0",
            liveness_endpoint_name="/health",
            readiness_endpoint_name="/health/ready",
        )
        running = start(health=health).start()
        until("readiness", lambda: running.ready("/health/ready"))
        assert running.ready("/health")
        assert running.ready("/health/ready/caches")
        assert not running.ready("/readyz")

    def test_metrics_are_for_those_who_may(self, start: Start, server: QuietServer) -> None:
        user = {"username": "prometheus"}
        server.on(
            "POST", TOKEN_REVIEWS.path(), json_answer({"status": {"authenticated": True, "user": user}})
        )
        server.on("POST", ACCESS_REVIEWS.path(), json_answer({"status": {"allowed": True}}))
        running = start(metrics=METRICS).start()
        until("readiness", running.ready)
        metrics = running.app.metrics_server
        assert running.get(metrics, "/metrics")[0] == 401
        status, text = running.get(metrics, "/metrics", Authorization="Bearer token")
        assert status == 200
        assert "controller_runtime_webhook_requests_total" in text
        assert agents(server, "POST", TOKEN_REVIEWS.path()) == {"/metrics"}

    def test_metrics_without_a_guard_are_plain(self, start: Start) -> None:
        running = start(options={"guard_metrics": False}, metrics=METRICS).start()
        until("readiness", running.ready)
        assert running.get(running.app.metrics_server, "/metrics")[0] == 200

    def test_a_mounted_certificate_is_served_with_metrics(
        self, start: Start, tmp_path: Path, certificates: CertificateStore
    ) -> None:
        mounted = CertificateStore(tmp_path / METRICS_CERTIFICATE, LOCAL)
        mounted.save(certificates.load())
        running = start(metrics=METRICS).start()
        until("readiness", running.ready)
        assert running.app.metrics_server
        address = (HOST, running.app.metrics_server.port)
        assert ssl.get_server_certificate(address).strip() == certificates.load().certificate.decode().strip()

    def test_servers_may_be_switched_off(self, start: Start, server: QuietServer) -> None:
        off = Health(health_probe_bind_address="0")
        running = start(options={"webhooks": False}, health=off).start()
        until("leadership", lambda: server.holder)
        app = running.app
        assert (app.health_server, app.metrics_server, app.webhook_server) == (None, None, None)
        assert running.end() is None

    def test_without_webhooks_no_certificate_is_needed(self, start: Start, tmp_path: Path) -> None:
        webhook = Webhook(host=HOST, port=0, cert_dir=str(tmp_path / "none"))
        running = start(options={"webhooks": False}, webhook=webhook).start()
        until("readiness", running.ready)
        assert not running.ready("/readyz/webhooks")

    def test_tls_is_as_configured(self, start: Start) -> None:
        running = start(tls=Tls(min_version="VersionTLS13"), metrics=METRICS).start()
        until("readiness", running.ready)
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode, old.maximum_version = (
            False,
            ssl.CERT_NONE,
            ssl.TLSVersion.TLSv1_2,
        )
        for listening in (running.app.metrics_server, running.app.webhook_server):
            assert listening
            connection = http.client.HTTPSConnection(HOST, listening.port, timeout=10, context=old)
            with pytest.raises(ssl.SSLError):
                connection.request("GET", "/")
            connection.close()


class TestWhatTheMachineryCounts:
    """The real process exports what its informers and its recorder count."""

    def test_families(self, start: Start, server: QuietServer) -> None:
        pods = Feed()
        pods.event("ADDED", {"metadata": {"name": "a", "resourceVersion": "3"}, "spec": []})
        pods.event("BOOKMARK", bookmark(VERSION, initial_events_end=True))
        server.on("GET", LISTS[2], status_answer(500), pods, watch=True)
        server.on("GET", LISTS[2], status_answer(500), watch=False)
        server.on("POST", EVENTS.path("lws-system"), status_answer(403, "Forbidden"))
        running = start().start()

        def exported(series: str) -> bool:
            return f"{series}\n" in running.app.metrics.exposition()[1].decode()

        until("readiness", running.ready)
        assert exported('lws_informer_watches_total{resource="leaderworkersets"} 1.0')
        assert exported('lws_informer_unreadable_objects_total{resource="pods"} 1.0')
        assert exported('lws_informer_handler_failures_total{resource="pods"} 0.0')
        assert not exported('lws_informer_failures_total{resource="pods"} 0.0')
        text = running.app.metrics.exposition()[1].decode()
        assert 'lws_informer_silence_seconds{resource="services"}' in text
        until("the refusal", lambda: exported('lws_events_dropped_total{reason="refused"} 1.0'))

    def test_the_watch_of_pod_groups_is_as_the_others(self, start: Start, server: QuietServer) -> None:
        running = start(gang_scheduling_management=GangSchedulingManagement(scheduler_provider="volcano"))
        running.start()
        until("readiness", running.ready)
        text = running.app.metrics.exposition()[1].decode()
        assert 'lws_informer_silence_seconds{resource="podgroups"}' in text

    def test_an_informer_that_ends_fails_the_liveness_check_and_ends_the_process(
        self, start: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(manager, "_LOOK", 3600.0)
        running = start(leader_election=LeaderElection(leader_elect=False)).start()
        until("readiness", running.ready)
        assert running.get(running.app.health_server, "/healthz/informers") == (200, "ok")
        (pods,) = (x for x in running.app.cache.informers if x.resource.plural == "pods")
        monkeypatch.setattr(pods, "_thread", threading.Thread())
        pods._thread.start()
        pods._thread.join()
        assert running.get(running.app.health_server, "/healthz")[0] == 500
        running.app.manager._wake.set()
        assert str(running.join()) == "caches: it died"


class TestCertificates:
    def test_are_waited_for(
        self, start: Start, server: QuietServer, tmp_path: Path, certificates: CertificateStore
    ) -> None:
        late = CertificateStore(tmp_path / "late", LOCAL)
        webhook = Webhook(host=HOST, port=0, cert_dir=str(late.directory))
        with capture_logs() as lines:
            running = start(webhook=webhook).start()
            until("liveness", lambda: running.ready("/healthz"))
            until(
                "the line", lambda: [x for x in lines if x["event"] == "Waiting for the webhook certificate"]
            )
            assert not running.ready()
            assert not server.matching("GET", LISTS[0])
            late.save(certificates.load())
            until("readiness", running.ready)
        assert "The webhook certificate is there" in [line["event"] for line in lines]

    def test_that_do_not_come_end_the_process(self, start: Start, tmp_path: Path) -> None:
        running = start(webhook=Webhook(host=HOST, port=0, cert_dir=str(tmp_path / "none")))
        running.app.manager._ready_timeout = 0.5
        assert str(running.start().join()) == (
            f"webhook certificate: not ready within 0.5 s: missing or empty: {tmp_path}/none/tls.crt, "
            f"{tmp_path}/none/tls.key; mount the Secret with the webhooks' certificate there, or name its "
            "directory in webhook.certDir"
        )

    def test_are_made_where_nobody_else_does(self, start: Start, server: QuietServer, tmp_path: Path) -> None:
        store = offer_installation(server)
        webhook = Webhook(host=HOST, port=0, cert_dir=str(tmp_path / "made"))
        running = start(webhook=webhook, internal_cert_management=InternalCertManagement()).start()
        until("readiness", running.ready)
        kept = store.get(SECRETS.path("lws-system"), "lws-webhook-server-cert")["data"]
        assert running.app.webhook_server
        shown = ssl.get_server_certificate((HOST, running.app.webhook_server.port))
        assert shown.strip() == base64.b64decode(kept["tls.crt"]).decode().strip()
        trusted = store.get(VALIDATING_WEBHOOKS.path(), VALIDATING_CONFIGURATION)["webhooks"]
        assert {x["clientConfig"]["caBundle"] for x in trusted} == {kept["ca.crt"]}
        families = running.app.metrics.exposition()[1].decode()
        assert 'controller_runtime_reconcile_total{controller="cert-rotator"' in families
        assert running.end() is None

    def test_without_a_secret_to_keep_them_in_are_not_made(
        self, start: Start, server: QuietServer, tmp_path: Path
    ) -> None:
        offer_installation(server, secret=False)
        webhook = Webhook(host=HOST, port=0, cert_dir=str(tmp_path / "made"))
        running = start(webhook=webhook, internal_cert_management=InternalCertManagement())
        running.app.manager._ready_timeout = 1.0
        assert str(running.start().join()) == (
            "cert-rotator: not ready within 1 s: Secret lws-system/lws-webhook-server-cert does not exist "
            "(apply the manifests)"
        )


def test_a_server_that_is_not_verified_is_told_once(tmp_path: Path) -> None:
    cluster = {"insecure-skip-tls-verify": True}
    path = write_kubeconfig(tmp_path, "https://127.0.0.1:9", **cluster)
    off = Configuration(health=Health(health_probe_bind_address="0"))
    with capture_logs() as lines:
        App(Options(configuration=off, kubeconfig=path, webhooks=False))
    told = [line["event"] for line in lines if line["log_level"] == "warning"]
    assert told == ["The API server's certificate is not verified: insecure-skip-tls-verify is set"]


class TestRefusals:
    def test_an_old_server(self, start: Start, server: QuietServer) -> None:
        server.on("GET", "/version", json_answer({"gitVersion": "v1.26.15"}))
        assert str(start().start().join()) == (
            "the API server is Kubernetes v1.26.15, whose StatefulSets cannot number their pods from 1 on "
            "(start ordinals): upgrade the cluster to 1.27 or later"
        )
        assert len(server.requests) == 1

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(json_answer({"gitVersion": "v1.27.0"}), id="the oldest"),
            pytest.param(json_answer({"gitVersion": "v2.0.0"}), id="of the future"),
            pytest.param(json_answer({"gitVersion": "main"}), id="no number"),
            pytest.param(status_answer(403, "Forbidden"), id="does not tell"),
        ],
    )
    def test_other_servers_are_taken(self, start: Start, server: QuietServer, answer: Any) -> None:
        server.on("GET", "/version", answer)
        until("readiness", start().start().ready)

    def test_a_missing_crd_is_named(self, start: Start, server: QuietServer) -> None:
        name = "leaderworkersets.leaderworkerset.x-k8s.io"
        remedy = f"{name} is not served in version v1; apply the CustomResourceDefinition {name}"
        server.on("GET", LISTS[0], status_answer(404, "NotFound"), watch=True)
        running = start()
        running.app.manager._ready_timeout = 1.0
        with capture_logs() as lines:
            assert str(running.start().join()) == f"caches: not ready within 1 s: {remedy}"
        warnings = [line for line in lines if line["log_level"] == "warning"]
        assert [line["error"] for line in warnings] == [remedy]


def test_gang_scheduling_is_configured_by_the_presence_of_its_block() -> None:
    block = GangSchedulingManagement(scheduler_provider="volcano")
    assert Options().gang is None
    assert Options(configuration=Configuration(gang_scheduling_management=block)).gang == "volcano"


@pytest.mark.parametrize(
    ("content", "namespace"),
    [("team-a\n", "team-a"), ("", "lws-system"), (None, "lws-system")],
    ids=["told", "empty", "no file"],
)
def test_operator_namespace(tmp_path: Path, content: str | None, namespace: str) -> None:
    file = tmp_path / "namespace"
    if content is not None:
        file.write_text(content)
    assert operator_namespace(file) == namespace
