"""A change of controllers: a cluster whose webhooks answer, and on which now ours is at work, now upstream.

Pods need admission at all times, so a webhook server of the test's own answers while no manager runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hack.tools.registration import HOST, Registration
from hack.tools.run import apply_crds
from lws.api import constants as c
from lws.kube.client import Client
from lws.kube.connection import connect
from lws.runtime.serving import HttpServer
from lws.webhooks.paths import webhooks
from lws.webhooks.server import WebhookApp
from support.cluster import Cluster
from support.manager import Manager
from support.pki import Authority
from support.rolesets import LiveRoles
from support.sets import LiveSet, Sets
from support.upstream import Upstream
from support.upstream_roles import UpstreamRoles


class Scene:
    """The cluster with webhooks but without a controller, until a test starts one."""

    def __init__(self, cluster: Cluster, manager: Manager, sets: Sets, registration: Registration) -> None:
        self.cluster, self.manager, self.sets = cluster, manager, sets
        self._registration = registration
        connection = connect(kubeconfig=str(cluster.kubeconfig), user_agent="upstream")
        self.connection = connection
        self._client = Client(connection, field_manager=c.FIELD_MANAGER)
        self.namespace = sets.namespace
        self.leave()

    def roles(self, name: str) -> LiveRoles:
        return LiveRoles(self.cluster.client, self.namespace, name)

    def upstream_of(self, llm: LiveRoles, **traits: Any) -> UpstreamRoles:
        return UpstreamRoles(self._client, llm, **traits)

    def upstream(self, lws: LiveSet, **traits: Any) -> Upstream:
        return Upstream(self._client, lws, **traits)

    def enter(self) -> None:
        """Our manager takes over."""
        self.manager.start()

    def leave(self) -> None:
        """It goes, and admission goes on."""
        if self.manager.running:
            assert self.manager.stop() == 0
        self._registration.start()


@contextmanager
def admission_alone(cluster: Cluster, directory: Path) -> Iterator[Registration]:
    """The webhooks alone, and how to register them."""
    authority = Authority(directory)
    server = HttpServer(
        WebhookApp(webhooks(None)),
        host=HOST,
        port=0,
        ssl_context=authority.server_context(),
        threads=4,
        name="admission",
    )
    apply_crds(cluster.client)
    server.start()
    yield Registration(cluster.client, server, authority.path.read_bytes())
    server.stop()
