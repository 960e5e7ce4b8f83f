"""``hack/run``: the controller and its webhooks, outside any cluster, against the cluster of a kubeconfig.

Applies the CRDs, registers the webhooks by URL with a certificate of its own, and runs in the foreground
until SIGTERM or Ctrl-C. The webhook configurations stay when it ends, as those of a Deployment do: pods of a
group must not be admitted unmutated meanwhile. The next start takes them over.
"""

from __future__ import annotations

import argparse
import base64
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct

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
from lws.kube.client import APPLY, Client
from lws.kube.connection import connect
from lws.kube.errors import KubeError
from lws.kube.resources import CRDS, MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS
from lws.objects import Condition, KubeObject
from lws.planning.podgroups import PROVIDERS
from lws.runtime import logs
from lws.runtime.manager import ManagerError, Phase, stop_on_signals
from lws.runtime.serving import HttpServer
from lws.webhooks.certificates import LOCAL, CertificateStore

MANIFESTS = Path(__file__).resolve().parents[2] / "manifests"
HOST = "127.0.0.1"
ESTABLISHED_TIMEOUT = 30.0
SETUP_AGENT = "hack-run"  # installs; what the controller itself writes carries its own agent
WEBHOOK_RESOURCES = {
    "MutatingWebhookConfiguration": MUTATING_WEBHOOKS,
    "ValidatingWebhookConfiguration": VALIDATING_WEBHOOKS,
}


class RunError(Exception):
    """One line that says what is wrong and what to do."""


def load(path: Path) -> list[dict[str, Any]]:
    """The documents of a YAML file."""
    return list(yaml.safe_load_all(path.read_text()))


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


class Registration:
    """Registers the webhooks by URL once their server listens; a part of the manager."""

    def __init__(self, client: Client, server: HttpServer, ca_bundle: bytes) -> None:
        self._client, self._server = client, server
        self._ca_bundle = base64.b64encode(ca_bundle).decode()

    def start(self) -> None:
        for document in load(MANIFESTS / "webhook" / "webhooks.yaml"):
            for webhook in document["webhooks"]:
                path = webhook["clientConfig"]["service"]["path"]
                url = f"https://{HOST}:{self._server.port}{path}"
                webhook["clientConfig"] = {"url": url, "caBundle": self._ca_bundle}
            self._client.apply(WEBHOOK_RESOURCES[document["kind"]], dict, document)

    def stop(self) -> None:
        """Nothing to stop: the configurations stay."""


class Announcement:
    """Prints the one line once everything before it has started."""

    def __init__(self, app: App) -> None:
        self._app = app

    def start(self) -> None:
        app = self._app
        assert app.webhook_server
        assert app.metrics_server
        assert app.health_server
        print(
            f"ready webhook=https://{HOST}:{app.webhook_server.port} "
            f"metrics=http://{HOST}:{app.metrics_server.port}/metrics "
            f"health=http://{HOST}:{app.health_server.port}/readyz",
            flush=True,
        )

    def stop(self) -> None:
        """Nothing to stop."""


def configuration(options: argparse.Namespace, certificates: Path) -> Configuration:
    """One process on loopback addresses: nobody to elect from."""
    gang = options.gang_scheduling
    return Configuration(
        webhook=Webhook(host=HOST, port=options.webhook_port, cert_dir=str(certificates)),
        metrics=MetricsServer(bind_address=f"{HOST}:{options.metrics_port}"),
        health=Health(health_probe_bind_address=f"{HOST}:{options.health_port}"),
        leader_election=LeaderElection(leader_elect=False),
        internal_cert_management=InternalCertManagement(enable=False),  # for calls by URL, and made here
        gang_scheduling_management=GangSchedulingManagement(scheduler_provider=gang) if gang else None,
    )


def run(options: argparse.Namespace, stop: threading.Event) -> None:
    with tempfile.TemporaryDirectory(prefix="lws-run-") as directory:
        store = CertificateStore(Path(directory), LOCAL)
        store.renew()
        app = App(
            Options(
                configuration=configuration(options, store.directory),
                kubeconfig=options.controller_kubeconfig or options.kubeconfig,
                guard_metrics=False,
            )
        )
        assert app.webhook_server
        setup = Client(connect(kubeconfig=options.kubeconfig, user_agent=SETUP_AGENT))
        if not options.skip_crds:
            apply_crds(setup)
        app.manager.add(
            Registration(setup, app.webhook_server, store.ca_bundle),
            phase=Phase.WEBHOOKS,
            name="webhook registration",
        )
        app.manager.add(Announcement(app), phase=Phase.CONTROLLERS, name="announcement")
        app.run(stop)


def main() -> int:
    parser = argparse.ArgumentParser(prog="hack/run", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kubeconfig", required=True, help="the cluster to work on")
    parser.add_argument(
        "--controller-kubeconfig",
        metavar="FILE",
        help="as whom the controller itself acts, once CRDs are applied (default: as --kubeconfig)",
    )
    parser.add_argument("--skip-crds", action="store_true", help="leave the cluster's CRDs as they are")
    for name in ("webhook", "metrics", "health"):
        parser.add_argument(f"--{name}-port", type=int, default=0, metavar="N", help="default: a free one")
    parser.add_argument("--gang-scheduling", choices=list(PROVIDERS), help="make a PodGroup for every group")
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    options = parser.parse_args()
    logs.configure(format="console", level=options.log_level)
    try:
        run(options, stop_on_signals())
    except (KubeError, ManagerError, RunError, OSError) as error:
        print(f"hack/run: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
