"""A thousand hostile clients at each of the manager's ports: probes and admission are answered all the while.

How quickly is `hack.bench.admission --hostile`'s; here it is asked whether the cluster notices.
"""

from __future__ import annotations

from contextlib import ExitStack

import msgspec
import pytest
from support.admission import an_lws
from support.cluster import Cluster
from support.manager import Manager, http_get
from support.siege import besieged

from lws.controllers.resources import LEADERWORKERSETS

pytestmark = pytest.mark.integration

CLIENTS = 1000
CREATES = 100


def test_a_siege_of_every_port(cluster: Cluster, manager: Manager, namespace: str) -> None:
    path = LEADERWORKERSETS.path(namespace)
    with ExitStack() as siege:
        for part in ("webhook", "health", "metrics"):
            siege.enter_context(besieged(manager.urls[part], CLIENTS))
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
