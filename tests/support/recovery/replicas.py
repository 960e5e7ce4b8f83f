"""Two replicas with a lease and certificates of their own making, as the manifests install them."""

from __future__ import annotations

import base64
import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from hack.tools.run import apply_crds
from lws.api import constants as c
from lws.kube.errors import ApiError
from lws.kube.resources import MUTATING_WEBHOOKS, SECRETS, VALIDATING_WEBHOOKS
from lws.webhooks.certificates import MUTATING_CONFIGURATION, VALIDATING_CONFIGURATION
from support.accounts import account_kubeconfig
from support.cluster import Cluster, running_cluster
from support.installation import FLAGS, SECRET, Installation, Replica
from support.namespaces import make_namespace
from support.pki import Authority
from support.podgroups import apply_crd
from support.recovery.arena import Arena, Fault, by_way_of, proxy_of
from support.recovery.network import HALF_OPEN, half_open
from support.rights import NAMESPACE
from support.sets import Sets
from support.tcpproxy import TcpProxy
from support.waiting import until

CONFIGURATIONS = {
    MUTATING_CONFIGURATION: MUTATING_WEBHOOKS,
    VALIDATING_CONFIGURATION: VALIDATING_WEBHOOKS,
}
TAKEN = "another has the lease, and the edit is admitted"


class Installed(Arena):
    """``frozen``: a replica that was stopped, and is to be woken once its successor is done."""

    def __init__(self, cluster: Cluster, sets: Sets, proxy: TcpProxy, installation: Installation) -> None:
        self.installation, self.proxy = installation, proxy
        self.frozen: Replica | None = None
        directory = installation.directory / "strange"
        directory.mkdir()
        self.authority = Authority(directory).path.read_bytes()
        self.fill_up()
        super().__init__(cluster, sets, proxy)
        for one in self.lives:  # the manifests keep former revisions
            one.annotate(**{c.HISTORY_LIMIT_ANNOTATION: "0"})

    def reset(self) -> None:
        self.wake()
        self.fill_up()
        super().reset()

    def fill_up(self) -> None:
        """Two replicas."""
        while len(self.installation.running) < 2:
            self.installation.scale(len(self.installation.running) + 1)

    def wake(self) -> None:
        """One that was frozen ends without a write but the event that it leads no more."""
        if self.frozen is None:
            return
        log = self.frozen.audit
        log.mark()
        self.frozen.send(signal.SIGCONT)
        code, self.frozen = self.frozen.wait(), None
        assert (code, log.writes()) == (1, {"create events": 1}), "the fence did not hold"

    def taken(self, former: str) -> float:
        """When another than ``former`` took the lease."""
        lease = until(
            "another leader",
            lambda: self.installation.lease,
            lambda x: x["holderIdentity"] not in ("", former),
        )
        return datetime.fromisoformat(lease["acquireTime"]).timestamp()


def gone(end: Callable[[Installed, Replica], None]) -> Callable[[Installed], float]:
    """The leader is no more, nor among the endpoints of the webhooks; a standby waits for its lease.

    The API server goes on calling one that is frozen until its own connection to it is found dead.
    """

    def strike(arena: Installed) -> float:
        former, leader = arena.installation.lease["holderIdentity"], arena.installation.leader
        arena.installation.withdraw(leader)
        end(arena, leader)
        insist(arena.grow)
        admitted = time.time()
        return max(admitted, arena.taken(former))

    return strike


def kill(_arena: Installed, leader: Replica) -> None:
    leader.kill()


def freeze(arena: Installed, leader: Replica) -> None:
    leader.send(signal.SIGSTOP)
    arena.frozen = leader


def strange_authority(arena: Installed) -> float:
    """Both webhook configurations trust somebody else: no call of a webhook succeeds."""
    bundle = base64.b64encode(arena.authority).decode()
    for name, resource in CONFIGURATIONS.items():
        found = arena.client.get(resource, dict, name)
        for entry in found["webhooks"]:
            entry["clientConfig"]["caBundle"] = bundle
        arena.client.merge_patch(resource, dict, name, {"webhooks": found["webhooks"]})
    since = time.time()
    insist(arena.grow)
    return since


def garbage(arena: Installed) -> float:
    """The Secret holds bytes that are no certificate."""
    data = {name: base64.b64encode(b"garbage").decode() for name in ("ca.crt", "tls.crt", "tls.key")}
    arena.client.merge_patch(SECRETS, dict, SECRET, {"data": data}, namespace=NAMESPACE)
    since = time.time()
    insist(arena.grow)
    return since


def insist(edit: Callable[[], Any]) -> None:
    """Again and again while admission is refused."""

    def done() -> bool:
        with contextlib.suppress(ApiError):
            edit()
            return True
        return False

    until("the edit to be admitted", done)


@contextlib.contextmanager
def installed(directory: Path) -> Iterator[Installed]:
    """A cluster with the manifests and two replicas."""
    with (
        running_cluster(directory / "cluster", "--kcm-qps=200", "--nodes=4", *FLAGS) as cluster,
        proxy_of(cluster) as proxy,
    ):
        apply_crds(cluster.client)
        apply_crd(cluster.client)

        def account(cluster: Cluster, path: Path) -> Path:
            by_way_of(proxy, account_kubeconfig(cluster, path))
            return path

        installation = Installation(cluster, directory, account=account)
        sets = Sets(cluster.client, make_namespace(cluster.client))
        try:
            yield Installed(cluster, sets, proxy, installation)
        finally:
            installation.close()


FAULTS = (
    Fault("kill -9 of the leader, a second replica waits", TAKEN, gone(kill)),
    Fault("SIGSTOP of the leader past its lease", TAKEN, gone(freeze)),
    Fault(HALF_OPEN, "the edit after it", half_open),
    Fault("webhooks trust a strange authority", "the change", strange_authority),
    Fault("the certificates' Secret holds garbage", "the change", garbage),
)
