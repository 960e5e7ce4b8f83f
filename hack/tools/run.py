"""``hack/run``: the controller and its webhooks, outside any cluster, against the cluster of a kubeconfig.

Applies the CRDs, registers the webhooks by URL with a certificate of its own, and runs in the foreground
until SIGTERM or Ctrl-C, when it takes the webhooks away again. Before, it has the API server call back, and
ends where that fails or where a controller is installed (``hack.tools.probe``, ``hack.tools.registration``).
``--keep-webhooks`` leaves them, so that no pod of a group is admitted unmutated until the next start takes
them over; ``--remove`` takes away what stayed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path

from msgspec import Struct

from hack.tools import registration
from hack.tools.probe import require_calls
from hack.tools.registration import HOST, Registration, RunError
from lws.app import App, Options
from lws.config import (
    Configuration,
    GangSchedulingManagement,
    Health,
    InternalCertManagement,
    LeaderElection,
    MetricsServer,
    Webhook,
)
from lws.controllers.resources import DISAGGREGATEDSETS, LEADERWORKERSETS, ROLE_SCALERS
from lws.kube.client import APPLY, Client
from lws.kube.connection import connect
from lws.kube.errors import KubeError, TooManyRequests
from lws.kube.resources import CRDS, Resource
from lws.objects import Condition, KubeObject
from lws.planning.podgroups import PROVIDERS
from lws.runtime import logs
from lws.runtime.manager import ManagerError, Phase, stop_on_signals
from lws.webhooks.certificates import CertificateStore

MANIFESTS = Path(__file__).resolve().parents[2] / "manifests"
ESTABLISHED_TIMEOUT = 30.0  # seconds
SETUP_AGENT = "hack-run"  # installs; what the controller itself writes carries its own agent


class CrdStatus(Struct, frozen=True):
    conditions: tuple[Condition, ...] | None = None


class CustomResourceDefinition(KubeObject, frozen=True):
    status: CrdStatus = CrdStatus()


def established(crd: CustomResourceDefinition) -> bool:
    """Whether the API server serves the kind."""
    return any(x.type == "Established" and x.status == "True" for x in crd.status.conditions or ())


def apply_crds(client: Client) -> None:
    """Apply every CRD, as the YAML text it is, and wait until the API server serves it."""
    for path in sorted((MANIFESTS / "crd").glob("*.yaml")):
        query = {"fieldManager": "lws", "force": "true"}
        client.connection.request(
            "PATCH", CRDS.path(name=path.stem), query=query, body=path.read_bytes(), content_type=APPLY
        )
        deadline = time.monotonic() + ESTABLISHED_TIMEOUT
        while not established(client.get(CRDS, CustomResourceDefinition, path.stem)):
            if time.monotonic() > deadline:
                raise RunError(f"CRD {path.stem} was not established; see its conditions")
            time.sleep(0.05)
    for resource in (LEADERWORKERSETS, DISAGGREGATEDSETS, ROLE_SCALERS):
        await_storage(client, resource)


def await_storage(client: Client, resource: Resource) -> None:
    """Established, a kind is still turned away for a moment (429); the controller would warn of it."""
    deadline = time.monotonic() + ESTABLISHED_TIMEOUT
    while True:
        try:
            client.connection.request("GET", resource.path(), query={"limit": "1"})
            return
        except TooManyRequests:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


class Announcement:
    """Prints the one line once everything before it has started."""

    def __init__(self, app: App, host: str) -> None:
        self._app, self._host = app, host

    def start(self) -> None:
        app = self._app
        assert app.webhook_server
        assert app.metrics_server
        assert app.health_server
        print(
            f"ready webhook={registration.url(self._host, app.webhook_server.port)} "
            f"metrics=http://{HOST}:{app.metrics_server.port}/metrics "
            f"health=http://{HOST}:{app.health_server.port}/readyz",
            flush=True,
        )

    def stop(self) -> None:
        """Nothing to stop."""


def configuration(options: argparse.Namespace, certificates: Path, listen: str) -> Configuration:
    """One process, on loopback addresses but for the webhooks perhaps: nobody to elect from."""
    gang = options.gang_scheduling
    return Configuration(
        webhook=Webhook(host=listen, port=options.webhook_port, cert_dir=str(certificates)),
        metrics=MetricsServer(bind_address=f"{HOST}:{options.metrics_port}"),
        health=Health(health_probe_bind_address=f"{HOST}:{options.health_port}"),
        leader_election=LeaderElection(leader_elect=False),
        internal_cert_management=InternalCertManagement(enable=False),  # for calls by URL, and made here
        gang_scheduling_management=GangSchedulingManagement(scheduler_provider=gang) if gang else None,
        revision_history_limit=options.revision_history_limit,
    )


def run(options: argparse.Namespace, stop: threading.Event) -> None:
    host, listen = options.webhook_host, registration.listening_host(options.webhook_host)
    with tempfile.TemporaryDirectory(prefix="lws-run-") as directory:
        store = CertificateStore(Path(directory), registration.server_names(host))
        store.renew()
        app = App(
            Options(
                configuration=configuration(options, store.directory, listen),
                kubeconfig=options.controller_kubeconfig or options.kubeconfig,
                guard_metrics=False,
            )
        )
        assert app.webhook_server
        setup = setup_client(options)
        registration.require_no_installation(setup)
        require_calls(setup, store, host=host, listen=listen, port=options.webhook_port)
        if not options.skip_crds:
            apply_crds(setup)
        app.manager.add(
            Registration(setup, app.webhook_server, store.ca_bundle, host=host, keep=options.keep_webhooks),
            phase=Phase.WEBHOOKS,
            name="webhook registration",
        )
        app.manager.add(Announcement(app, host), phase=Phase.CONTROLLERS, name="announcement")
        app.run(stop)


def setup_client(options: argparse.Namespace) -> Client:
    """As whom we install."""
    return Client(connect(kubeconfig=options.kubeconfig, user_agent=SETUP_AGENT))


def remove(options: argparse.Namespace) -> None:
    """Take away what a run that was killed, or told to, has left."""
    removed = registration.remove(setup_client(options))
    print(f"hack/run: {registration.REMOVED if removed else 'no webhooks of hack/run are registered'}")


def port(text: str) -> int:
    """For argparse: a TCP port, 0 for a free one."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: a number from 0 to 65535")
    return int(text)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hack/run", description="The controller and its webhooks, outside any cluster, against one."
    )
    parser.add_argument("--kubeconfig", required=True, help="the cluster to work on")
    parser.add_argument(
        "--controller-kubeconfig",
        metavar="FILE",
        help="as whom the controller itself acts, once CRDs are applied (default: as --kubeconfig)",
    )
    parser.add_argument("--skip-crds", action="store_true", help="leave the cluster's CRDs as they are")
    parser.add_argument(
        "--webhook-host",
        metavar="HOST",
        default=HOST,
        help=f"where the API server reaches this machine (default: {HOST}, an API server on it)",
    )
    for name in ("webhook", "metrics", "health"):
        parser.add_argument(f"--{name}-port", type=port, default=0, metavar="N", help="default: a free one")
    after = parser.add_mutually_exclusive_group()
    after.add_argument("--keep-webhooks", action="store_true", help="leave them registered at the end")
    after.add_argument("--remove", action="store_true", help="only take away webhooks that were left")
    parser.add_argument("--gang-scheduling", choices=list(PROVIDERS), help="make a PodGroup for every group")
    parser.add_argument(
        "--revision-history-limit",
        type=int,
        default=0,
        metavar="N",
        help="former templates that sets keep to go back to; manifests and chart have 3 (default: 0)",
    )
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    return parser


def main() -> int:
    options = arguments().parse_args()
    logs.configure(format="console", level=options.log_level)
    try:
        remove(options) if options.remove else run(options, stop_on_signals())
    except (KubeError, ManagerError, RunError, OSError) as error:
        print(f"hack/run: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
