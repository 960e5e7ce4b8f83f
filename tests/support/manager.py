"""The controller as a process of its own: ``hack/run`` started, stopped, killed and asked how it does."""

from __future__ import annotations

import base64
import signal
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from lws.kube.resources import MUTATING_WEBHOOKS
from support.accounts import account_kubeconfig, grant
from support.cluster import ROOT, Cluster
from support.waiting import until

COMMAND = str(ROOT / "hack" / "run")
READY_SECONDS = 60.0
STOP_SECONDS = 45.0  # its own grace is 30
ACCOUNT_FILE = "account.kubeconfig"  # in its directory; what is there already is used
CONTROLLERS = ("leaderworkerset", "pod")


class Answer(NamedTuple):
    """What an HTTP server said."""

    status: int
    body: str


class Sample(NamedTuple):
    """One series of a scrape and its value."""

    name: str
    labels: dict[str, str]
    value: float


class Manager:
    """``hack/run`` with ``flags`` against one cluster. A context manager; else call ``stop`` in any case.

    The controller acts as its ServiceAccount, with the rights of the manifests; what ``hack/run`` does
    before, to install it, it does as the administrator. ``command``: what to run in place of ``hack/run``; it
    takes the same flags and says the same. ``keep``: its webhooks stay registered when it is stopped.
    """

    def __init__(
        self,
        cluster: Cluster,
        directory: Path,
        *flags: str,
        command: Sequence[str] = (COMMAND,),
        keep: bool = True,
    ) -> None:
        self._cluster = cluster
        self._command = command
        # Pods of groups must not get in unmutated while a test has it stopped.
        self._flags = (*flags, "--keep-webhooks") if keep else flags
        self._account = directory / ACCOUNT_FILE
        self._out = directory / "manager.out"
        self.log = directory / "manager.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.urls: dict[str, str] = {}

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def ready_at(self) -> float:
        """When it said that it was ready, as ``time.time()`` tells; it says nothing else."""
        return self._out.stat().st_mtime

    @property
    def webhook_url(self) -> str:
        return self.urls["webhook"]

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        assert not self.running, "it runs already"
        if not self._account.exists():
            grant(self._cluster)
            account_kubeconfig(self._cluster, self._account)
        with self._out.open("wb") as out, self.log.open("ab") as log:
            identities = (
                f"--kubeconfig={self._cluster.kubeconfig}",
                f"--controller-kubeconfig={self._account}",
            )
            known = ("--skip-crds",) if self._cluster.defined else ()
            command = [*self._command, *identities, *self._flags, *known]
            self._process = subprocess.Popen(command, stdout=out, stderr=log, start_new_session=True)
        line = until("the manager's ready line", self._ready_line, seconds=READY_SECONDS)
        self._cluster.defined = self._cluster.defined or "--skip-crds" not in self._flags
        self.urls = dict(word.split("=", 1) for word in line.split()[1:])

    def ensure_running(self) -> None:
        if not self.running:
            self.start()

    def stop(self) -> int:
        """SIGTERM; returns its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: it gets to finish nothing."""
        self._end(signal.SIGKILL)

    def health(self, path: str = "/readyz") -> Answer:
        """What the health server says under that path."""
        return http_get(self.urls["health"].removesuffix("/readyz") + path)

    def metrics_text(self) -> str:
        """The exposition, which must be there."""
        answer = http_get(self.urls["metrics"])
        assert answer.status == 200, answer
        return answer.body

    def metrics(self) -> list[Sample]:
        """Every series there is now."""
        families = text_string_to_metric_families(self.metrics_text())
        return [Sample(x.name, x.labels, x.value) for family in families for x in family.samples]

    def total(self, name: str, **labels: str) -> float:
        """The sum of all series of that name with these labels."""
        return sum(x.value for x in self.metrics() if x.name == name and labels.items() <= x.labels.items())

    def tls(self) -> ssl.SSLContext:
        """Trusts what the API server trusts: the CA bundle in the webhook configuration."""
        name = "lws-mutating-webhook-configuration"
        configuration = self._cluster.client.get(MUTATING_WEBHOOKS, dict, name)
        bundle = base64.b64decode(configuration["webhooks"][0]["clientConfig"]["caBundle"])
        return ssl.create_default_context(cadata=bundle.decode())

    def log_tail(self, lines: int = 80) -> str:
        return "\n".join(self.log.read_text().splitlines()[-lines:]) if self.log.is_file() else ""

    def __enter__(self) -> Manager:
        return self

    def __exit__(self, *_: object) -> None:
        if self.running:
            self.stop()

    def _ready_line(self) -> str:
        assert self._process is not None
        assert self._process.poll() is None, f"it ended: {self.log_tail()}"
        said = self._out.read_text().splitlines(keepends=True)
        return next((line for line in said if line.startswith("ready ") and line.endswith("\n")), "")

    def _end(self, number: int) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(STOP_SECONDS)


def http_get(url: str) -> Answer:
    """GET over plain HTTP; an error status is an answer, too."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return Answer(answer.status, answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read().decode())
