"""Gang scheduling as the controllers see it: what stands for a group, and which of these objects there are.

Exists only where gang scheduling is configured. What such an object says, and when it is due, is the
planners'.
"""

from __future__ import annotations

from lws.api import constants as c
from lws.api.workloads import Pod
from lws.controllers.resources import Kind
from lws.controllers.watched import Watched
from lws.kube.connection import Connection
from lws.kube.resources import Resource
from lws.kube.selectors import exists
from lws.objects import Key, KubeObject
from lws.planning.podgroups import GangProvider
from lws.runtime.clock import Clock
from lws.runtime.informers import PARTIAL_METADATA, Informer, InformerMetrics, Selection

PATIENCE = 5.0
"""Seconds that starting waits for the first list: without the CRD it does not come, and all else goes on."""


class Gang(Watched[KubeObject]):
    """A provider and its objects, of which nothing but the metadata is watched."""

    def __init__(self, provider: GangProvider, pod_groups: Informer[KubeObject], *, clock: Clock) -> None:
        super().__init__(pod_groups)
        self.provider = provider
        self._clock = clock
        self._since = clock.monotonic()

    @property
    def kind(self) -> Kind:
        """For the executor: answers decode to what the informer holds."""
        return Kind(self.informer.resource, self.informer.type)

    @property
    def known(self) -> bool:
        """Whether it can be told which of the objects exist."""
        return self.informer.has_synced

    def pod_group_of(self, leader: Pod) -> KubeObject | None:
        """What bears the name that this leader's group has, whoever owns it."""
        name = self.provider.name_of(leader)
        return self.informer.get(Key(leader.namespace, name)) if name else None

    def start(self) -> None:
        """Begin to watch."""
        self._since = self._clock.monotonic()
        super().start()

    def wait_ready(self, timeout: float) -> bool:
        """Whether it is known what there is, or waiting for that has gone on long enough."""
        synced = self.informer.wait_for_sync(timeout)
        return synced or self._clock.monotonic() - self._since >= PATIENCE


def make_gang(
    provider: GangProvider, connection: Connection, *, clock: Clock, metrics: InformerMetrics | None = None
) -> Gang:
    """Watches what carries a set's name label, in all namespaces. Its informer is none of the shared ones:
    those must have synced before anything is reconciled.
    """
    resource = Resource(provider.group, provider.version, provider.plural, provider.kind)
    informer = Informer(
        connection,
        Selection(resource, label_selector=exists(c.NAME_LABEL), accept=PARTIAL_METADATA),
        KubeObject,
        clock=clock,
        metrics=metrics,
    )
    return Gang(provider, informer, clock=clock)
