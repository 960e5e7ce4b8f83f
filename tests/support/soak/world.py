"""Sets of several kinds and a DisaggregatedSet on a real control plane, and what must hold at the end.

What happens to them is ``deeds``'s.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lws.api import constants as c
from lws.controllers.resources import DISAGGREGATEDSETS, LEADERWORKERSETS, ROLE_SCALERS
from lws.kube.client import Client
from lws.kube.resources import CONTROLLER_REVISIONS, PODS, SERVICES, STATEFULSETS
from support.cluster import Cluster, running_cluster
from support.editing import edit
from support.manager import Manager
from support.namespaces import make_namespace
from support.rolesets import LiveRoles, role
from support.sets import Document, LiveSet, Sets
from support.siege import besieged
from support.waiting import until
from support.wholeness import await_whole

IN_PLACE = "in-place"
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "surging": {"maxSurge": 1},
    "small": {"size": 1},
    "unique": {"networkConfig": {"subdomainPolicy": "UniquePerReplica"}},
    IN_PLACE: {"podUpdatePolicy": c.POD_UPDATE_IN_PLACE},
}
ROLES = ("prefill", "decode")
MADE = (LEADERWORKERSETS, STATEFULSETS, PODS, SERVICES, CONTROLLER_REVISIONS, DISAGGREGATEDSETS, ROLE_SCALERS)
STRANGERS = 40  # at each port


class World:
    """``siege`` holds the strangers at the ports of the manager that runs now."""

    def __init__(self, cluster: Cluster, manager: Manager) -> None:
        self.cluster, self.manager = cluster, manager
        self.namespace = make_namespace(cluster.client)
        self.sets = Sets(cluster.client, self.namespace)
        self.siege = contextlib.ExitStack()
        self.besiege()
        for name in KINDS:
            self.make(name)
        self.roles = LiveRoles(self.client, self.namespace)
        self.roles.create(*(role(name, 1) for name in ROLES))

    @property
    def client(self) -> Client:
        return self.cluster.client

    @property
    def lives(self) -> list[LiveSet]:
        return [self.sets[name] for name in KINDS]

    def make(self, name: str) -> None:
        self.sets.create(name, **{"replicas": 2, "size": 2, **KINDS[name]})

    def restart(self) -> None:
        """Kill the manager, and start it again under the same siege."""
        self.manager.kill()
        self.siege.close()
        self.manager.start()
        self.besiege()

    def besiege(self) -> None:
        for part in ("webhook", "health", "metrics"):
            self.siege.enter_context(besieged(self.manager.urls[part], STRANGERS))

    def change_role(self, name: str, **members: Any) -> None:
        """Members of one role's spec."""

        def changed(document: Document) -> None:
            next(x for x in document["spec"]["roles"] if x["name"] == name)["spec"].update(members)

        edit(self.client, DISAGGREGATEDSETS, self.roles.name, changed, namespace=self.namespace)

    def await_right(self) -> None:
        """Every set is whole, and the DisaggregatedSet with all sets of its roles."""
        await_whole(*self.lives)
        self.roles.await_available()
        await_whole(*(self.sets[x["metadata"]["name"]] for x in self.roles.children()))

    def await_nothing(self) -> None:
        """Delete the sets, and nothing that they stood for is left."""
        self.roles.delete()
        self.sets.delete_all()
        until("nothing to be left", self.left, lambda seen: not seen)

    def left(self) -> list[str]:
        return [
            f"{kind.kind} {x['metadata']['name']}"
            for kind in MADE
            for x in self.client.list(kind, dict, self.namespace)
        ]


@contextlib.contextmanager
def a_world(directory: Path) -> Iterator[World]:
    """A cluster, a manager and the sets."""
    with (
        running_cluster(directory / "cluster", "--nodes=4", "--kcm-qps=200") as cluster,
        Manager(cluster, directory) as manager,
    ):
        manager.start()
        world = World(cluster, manager)
        with world.siege:
            yield world
