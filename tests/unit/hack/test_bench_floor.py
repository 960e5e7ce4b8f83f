"""The cluster's own floor: every pod is made, ended and made anew, and nothing else is waited for."""

from __future__ import annotations

from typing import Any

from support.apimodel.calling import ModelConnection
from support.stepwise.cluster import Cluster

from hack.bench.floor import measure_floor, remove_floor
from lws.api.workloads import Pod, StatefulSet
from lws.kube.client import Client
from lws.runtime.clock import FakeClock


class Moving(ModelConnection):
    """Before anybody looks, the components of the cluster have done what there is to do."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster.server)
        self._cluster = cluster

    def request(self, method: str, path: str, **said: Any) -> bytes:
        while method == "GET" and (moves := self._cluster.moves()):
            moves[0]()
        return super().request(method, path, **said)


def test_all_pods_are_made_twice() -> None:
    cluster = Cluster(FakeClock())
    connection: Any = Moving(cluster)
    client = Client(connection)
    floor = measure_floor(client, sets=2, pods=3)
    assert min(floor) >= 0.0
    assert [x.ready for x in cluster.all(Pod)] == [True] * 6
    pods = next(log for kind, log in cluster.store.log.items() if kind.kind == "Pod")
    assert sum(x.before is None for x in pods) == 12
    remove_floor(client, sets=2)
    assert cluster.all(StatefulSet) == []
