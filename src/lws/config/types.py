"""The Configuration (``config.lws.x-k8s.io/v1alpha1``) as frozen types, with its defaults.

Members are named as in the file, in snake case. Reading, judging and overriding live in the modules beside.
Specification: operations.md, 1.4.
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Struct

API_VERSION: Final = "config.lws.x-k8s.io/v1alpha1"
KIND: Final = "Configuration"

Duration = Annotated[float, "duration"]
"""Seconds here, a string with a unit in the file; zero stands for the default."""


class Webhook(Struct, frozen=True, kw_only=True, rename="camel"):
    """``host`` empty: every address. ``cert_dir`` holds ``tls.crt`` and ``tls.key``."""

    port: int = 9443
    host: str = ""
    cert_dir: str = "/tmp/k8s-webhook-server/serving-certs"


class MetricsServer(Struct, frozen=True, kw_only=True, rename="camel"):
    """``bind_address`` ``"0"``: off. ``max_sets``: how many sets have gauges of their own."""

    bind_address: str = ":8443"
    max_sets: int = 1000


class Health(Struct, frozen=True, kw_only=True, rename="camel"):
    """``health_probe_bind_address`` ``"0"``: off. The endpoint names are paths."""

    health_probe_bind_address: str = ":8081"
    readiness_endpoint_name: str = "/readyz"
    liveness_endpoint_name: str = "/healthz"


class LeaderElection(Struct, frozen=True, kw_only=True, rename="camel"):
    """``resource_namespace`` empty: the operator's own."""

    leader_elect: bool = True
    lease_duration: Duration = 15.0
    renew_deadline: Duration = 10.0
    retry_period: Duration = 2.0
    resource_lock: str = "leases"
    resource_name: str = "b8b2488c.x-k8s.io"
    resource_namespace: str = ""


class Tls(Struct, frozen=True, kw_only=True, rename="camel"):
    """For the webhook and the metrics server; names as Go and IANA have them. Empty: secure defaults."""

    min_version: str = ""
    cipher_suites: tuple[str, ...] = ()


class InternalCertManagement(Struct, frozen=True, kw_only=True, rename="camel"):
    """Whether this program makes the webhooks' certificates itself, and keeps them in which Secret."""

    enable: bool = True
    webhook_service_name: str = "lws-webhook-service"
    webhook_secret_name: str = "lws-webhook-server-cert"


class GangSchedulingManagement(Struct, frozen=True, kw_only=True, rename="camel"):
    """Present: every group gets a PodGroup of this scheduler."""

    scheduler_provider: str = ""


class ClientConnection(Struct, frozen=True, kw_only=True, rename="camel"):
    """The client's own rate limit: requests a second on average, and at once."""

    qps: float = 500.0
    burst: int = 500


class Configuration(Struct, frozen=True, kw_only=True, rename="camel"):
    """What the file says, defaults filled in. ``gang_scheduling_management`` None: no gang scheduling.

    ``revision_history_limit``: former templates that sets keep which say nothing of it themselves.
    """

    webhook: Webhook = Webhook()
    metrics: MetricsServer = MetricsServer()
    health: Health = Health()
    leader_election: LeaderElection = LeaderElection()
    tls: Tls = Tls()
    internal_cert_management: InternalCertManagement = InternalCertManagement()
    gang_scheduling_management: GangSchedulingManagement | None = None
    client_connection: ClientConnection = ClientConnection()
    revision_history_limit: int = 0


class InvalidConfiguration(ValueError):  # noqa: N818 - read as a sentence where it is caught
    """The configuration cannot be used. ``problems``: one line each, field path first."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
