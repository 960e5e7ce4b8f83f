"""A thousand hostile clients at each of the manager's ports: probes and admission are answered all the while.

How quickly is `hack.bench.admission --hostile`'s; here it is asked whether the cluster notices.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import msgspec
import pytest
from support.admission import an_lws
from support.cluster import ROOT, Cluster
from support.manager import Manager, http_get

from lws.controllers.resources import LEADERWORKERSETS

pytestmark = pytest.mark.integration

CLIENTS = 1000
CREATES = 100


@contextmanager
def besieged(url: str) -> Iterator[None]:
    address = urlsplit(url)
    command = [sys.executable, "-m", "hack.bench.hostile", f"--port={address.port}", f"--count={CLIENTS}"]
    if address.scheme == "https":
        command.append("--tls")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as clients:
        assert clients.stdin is not None
        assert clients.stdout is not None
        assert clients.stdout.readline() == "open\n"
        try:
            yield
        finally:
            clients.stdin.close()


def test_a_siege_of_every_port(cluster: Cluster, manager: Manager, namespace: str) -> None:
    path = LEADERWORKERSETS.path(namespace)
    with ExitStack() as siege:
        for part in ("webhook", "health", "metrics"):
            siege.enter_context(besieged(manager.urls[part]))
        for number in range(CREATES):
            document = an_lws(metadata={"name": f"besieged-{number}", "namespace": namespace})
            cluster.client.connection.request(
                "POST", path, query={"dryRun": "All"}, body=msgspec.json.encode(document)
            )
            assert manager.health("/healthz").status == 200
            assert manager.health("/readyz").status == 200
        assert http_get(manager.urls["metrics"]).status == 200
    assert manager.running
    assert "Cannot accept" not in manager.log.read_text()
