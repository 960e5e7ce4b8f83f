"""What faults strike: sets and a plain StatefulSet on a real control plane, and a manager behind a proxy.

How faults come and go may not live here.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from hack.controlplane.layout import APISERVER
from lws.api import constants as c
from lws.kube.client import Client
from lws.kube.resources import STATEFULSETS
from support.accounts import account_kubeconfig, grant
from support.audit import AuditLog
from support.cluster import Cluster, running_cluster
from support.editing import edit
from support.manager import ACCOUNT_FILE, Manager
from support.namespaces import make_namespace
from support.rolesets import LiveRoles, revisions_of
from support.sets import LiveSet, Sets, condition_of, template
from support.tcpproxy import TcpProxy
from support.waiting import steady, until
from support.wholeness import await_whole, problems

NAMES = ("one", "two")
GROUPS, SIZE = 2, 2
PLAIN = "plain"
FLAGS = ("--nodes=4", "--kcm-qps=200")
SHORTEST, STEP = 2.0, 0.6  # seconds that a fault lasts, and by which the next of its kind lasts longer


class Arena:
    """``turn``: how many strikes of this fault there were before; ``extra``: sets that only it made;
    ``leaving``: those of which nothing is to be left; ``roles``: a DisaggregatedSet, where there is one.

    ``proxy``: by which managers reach the API server.
    """

    def __init__(self, cluster: Cluster, sets: Sets, proxy: TcpProxy) -> None:
        self.cluster, self.sets, self.proxy = cluster, sets, proxy
        self.log = AuditLog(cluster.audit_log)
        self.turn = 0
        self.extra: list[LiveSet] = []
        self.leaving: list[LiveSet] = []
        self.roles: LiveRoles | None = None
        self.lives = [sets.create(name, replicas=GROUPS, size=SIZE) for name in NAMES]
        self.client.create(STATEFULSETS, dict, _plain(sets.namespace))

    @property
    def client(self) -> Client:
        return self.cluster.client

    @property
    def namespace(self) -> str:
        return self.sets.namespace

    def hold(self) -> None:
        """While the fault lasts: each time longer, so that no pause between two tries always fits."""
        time.sleep(SHORTEST + STEP * self.turn)

    def grow(self) -> None:
        """The work that a fault is in the way of: a group more for each set, a pod for the plain one."""
        for one in self.lives:
            one.change(replicas=GROUPS + 1)
        self._scale_plain(2)

    def problems(self) -> list[str]:
        """What keeps any of the sets from being whole, or from being gone."""
        left = [f"{child} is left" for one in self.leaving for child in one.children()]
        broken = next(filter(None, map(problems, [*self.lives, *self.extra])), [])
        return left or broken or (problems_of_roles(self.roles) if self.roles else [])

    def plain_ready(self) -> bool:
        """Whether the plain StatefulSet has all its pods: what the cluster alone can do by now."""
        found = self.client.get(STATEFULSETS, dict, PLAIN, self.namespace)
        seen = found["status"].get("observedGeneration") == found["metadata"]["generation"]
        return bool(seen and found["status"].get("readyReplicas") == found["spec"]["replicas"])

    def reset(self) -> None:
        """As at the beginning, and at rest."""
        for one in self.extra:
            one.delete()
        for one in (*self.extra, *self.leaving):
            one.until("it to go", one.children, lambda seen: not seen)
        self.extra, self.leaving = [], []
        if self.roles is not None:
            self.roles.delete()
            self.roles.until("it to go", self.roles.uids, lambda seen: not seen)
            self.roles = None
        for one in self.lives:
            one.change(replicas=GROUPS, maxSurge=0, podUpdatePolicy=c.POD_UPDATE_RECREATE)
        self._scale_plain(1)
        await_whole(*self.lives)
        until("the plain StatefulSet", self.plain_ready)
        self.log.mark()
        steady("the manager's writes", lambda: self.log.writes().total())

    def clear(self) -> None:
        """Take everything away, and wait for nothing."""
        self.sets.delete_all()
        self.client.delete(STATEFULSETS, dict, PLAIN, namespace=self.namespace)

    def _scale_plain(self, replicas: int) -> None:
        def scaled(document: dict[str, Any]) -> None:
            document["spec"]["replicas"] = replicas

        edit(self.client, STATEFULSETS, PLAIN, scaled, namespace=self.namespace)


def problems_of_roles(roles: LiveRoles) -> list[str]:
    """What keeps a DisaggregatedSet from being whole, with all sets of its roles."""
    if condition_of(roles.get(), c.AVAILABLE) != "True":
        return [f"{roles} is not Available"]
    children = roles.children()
    if len(revisions_of(children)) != 1:
        return [f"{roles} has revisions {revisions_of(children)}"]
    sets = Sets(roles.client, roles.namespace)
    return [x for child in children for x in problems(sets[child["metadata"]["name"]])]


class Desk(Arena):
    """With one manager, a process of its own without a lease."""

    def __init__(self, cluster: Cluster, sets: Sets, manager: Manager, proxy: TcpProxy) -> None:
        self.manager = manager
        self._log_file = manager.log
        super().__init__(cluster, sets, proxy)

    def reset(self) -> None:
        """Also with a manager that has room for its log."""
        if self.manager.log != self._log_file:
            self.manager.log = self._log_file
            self.restart()
        super().reset()

    def restart(self) -> float:
        """Kill the manager and start it again; when it said that it was ready, as ``time.time()`` tells."""
        self.manager.kill()
        self.manager.start()
        return self.manager.ready_at


class Fault(NamedTuple):
    """``strike`` does all of it, from the work it is in the way of to its end, and returns when that came."""

    name: str
    clock: str  # from when the seconds count
    strike: Callable[[Any], float]


@contextlib.contextmanager
def desk(directory: Path, *flags: str, of: type[Desk] = Desk) -> Iterator[Desk]:
    """A cluster, a proxy and a manager."""
    with (
        running_cluster(directory / "cluster", *FLAGS, *flags) as cluster,
        proxy_of(cluster) as proxy,
    ):
        proxied_account(cluster, proxy, directory)
        with Manager(cluster, directory) as manager:
            manager.start()
            yield of(cluster, Sets(cluster.client, make_namespace(cluster.client)), manager, proxy)


def proxy_of(cluster: Cluster) -> TcpProxy:
    """To its API server."""
    return TcpProxy(cluster.settings.ports[APISERVER])


def proxied_account(cluster: Cluster, proxy: TcpProxy, directory: Path) -> None:
    """What a manager in this directory acts with: its account, by way of the proxy."""
    grant(cluster)
    by_way_of(proxy, account_kubeconfig(cluster, directory / ACCOUNT_FILE))


def by_way_of(proxy: TcpProxy, path: Path) -> None:
    """Whoever uses this kubeconfig reaches the API server by the proxy."""
    document = yaml.safe_load(path.read_text())
    for entry in document["clusters"]:
        entry["cluster"]["server"] = f"https://127.0.0.1:{proxy.port}"
    path.write_text(yaml.safe_dump(document))


def _plain(namespace: str) -> dict[str, Any]:
    labels = {"app": PLAIN}
    pod = template("worker")
    pod["metadata"]["labels"] = labels
    spec = {
        "replicas": 1,
        "serviceName": PLAIN,
        "selector": {"matchLabels": labels},
        "podManagementPolicy": "Parallel",
        "template": pod,
    }
    metadata = {"name": PLAIN, "namespace": namespace}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": spec}
