"""Being the one replica that reconciles: the Lease, and what follows from having or losing it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

from lws.config import LeaderElection
from lws.kube.client import Client
from lws.kube.connection import Connection
from lws.kube.fence import Fence
from lws.kube.resources import LEASES
from lws.objects import ObjectReference
from lws.runtime.election import LeaderElector, LeadershipLost, new_identity
from lws.runtime.events import EventRecorder
from lws.runtime.metrics import Gauge

EVENT: Final = "LeaderElection"  # reason and action, as other components of a cluster have them


class Leadership:
    """A part of the manager that is ready once this process leads, and fails when it no longer does.

    ``client`` must share no connection with anything else: a lease is renewed in time or lost. ``fenced``
    is what the leader writes through: only while this process leads. The lease is given up when no write is
    under way there any more, else it is left to run out.
    """

    def __init__(
        self,
        client: Client,
        settings: LeaderElection,
        *,
        namespace: str,
        recorder: EventRecorder,
        gauge: Gauge,
        fenced: Sequence[Connection],
    ) -> None:
        self.identity = new_identity()
        namespace = settings.resource_namespace or namespace
        self._lease = ObjectReference(LEASES.api_version, LEASES.kind, settings.resource_name, namespace)
        self._recorder, self._gauge, self._fenced = recorder, gauge, fenced
        gauge.set(0)
        self._fence = Fence(lambda: self._elector.leading)
        self._elector = LeaderElector(
            client,
            namespace=namespace,
            name=settings.resource_name,
            identity=self.identity,
            lease_duration=settings.lease_duration,
            renew_deadline=settings.renew_deadline,
            retry_period=settings.retry_period,
            on_started=lambda: self._turn(1, "became leader"),
            on_stopped=lambda: self._turn(0, "stopped leading"),
            may_release=self._fence.shut,
        )
        for connection in fenced:
            connection.fence(self._fence)

    def run(self, stop: threading.Event) -> None:
        """Block until ``stop``, and give the lease up then. Raises LeadershipLost."""
        try:
            self._elector.run(stop)
        except LeadershipLost:
            self._fence.shut(0.0)
            for connection in self._fenced:
                connection.close()
            raise

    def wait_ready(self, timeout: float) -> bool:
        """Whether this process leads, after at most ``timeout`` seconds."""
        return self._elector.wait_ready(timeout)

    def _turn(self, leading: int, note: str) -> None:
        self._gauge.set(leading)
        self._recorder.event(
            regarding=self._lease, type_="Normal", reason=EVENT, action=EVENT, note=f"{self.identity} {note}"
        )
