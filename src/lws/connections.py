"""The ways of one process to its API server: each kind of request has one, so that none waits for another.

How a way is found and spoken over is ``lws.kube``'s; who leads, and so may write, is ``lws.leadership``'s.
"""

from __future__ import annotations

from typing import Final

from lws.config import ClientConnection
from lws.kube.connection import Connection, connect
from lws.kube.doubt import Doubt
from lws.kube.transport import OnResponse
from lws.version import user_agent

REVIEWS: Final = (10.0, 20)
"""Requests a second, and at once: what scrapers may cost the API server."""


class Connections:
    """Nothing is sent yet. ``controllers``: for what the leader's controllers read and write; ``events``: for
    what they tell of it; ``any_replica``: for certificates, and events of the election.

    Raises ConfigurationError when no API server can be found.
    """

    def __init__(
        self,
        kubeconfig: str | None,
        limits: ClientConnection,
        *,
        workers: int,
        on_response: OnResponse,
    ) -> None:
        """``limits`` hold for each of those three. ``workers``: threads of all controllers together."""
        self._kubeconfig, self._on_response = kubeconfig, on_response
        self._all: list[Connection] = []
        self._doubt = Doubt()
        self.controllers = self._connect(pool_size=workers + 4, qps=limits.qps, burst=limits.burst)
        self.events = self._connect(pool_size=2, qps=limits.qps, burst=limits.burst)
        self.any_replica = self._connect(pool_size=2, qps=limits.qps, burst=limits.burst)

    @property
    def fenced(self) -> tuple[Connection, ...]:
        """Over which only the leader may write."""
        return self.controllers, self.events

    def reviews(self) -> Connection:
        """For asking who scrapes: what strangers send must not use up what the controllers may ask."""
        return self._connect(part="/metrics", pool_size=2, qps=REVIEWS[0], burst=REVIEWS[1])

    def election(self) -> Connection:
        """For the lease, which nothing may hold up."""
        return self._connect(part="/leader-election", pool_size=2, qps=None, burst=None)

    def close(self) -> None:
        """Later requests raise TransportError."""
        for connection in self._all:
            connection.close()

    def _connect(self, *, part: str = "", pool_size: int, qps: float | None, burst: int | None) -> Connection:
        connection = connect(
            kubeconfig=self._kubeconfig,
            user_agent=user_agent(part),
            pool_size=pool_size,
            qps=qps,
            burst=burst,
            on_response=self._on_response,
        )
        self._all.append(connection)
        connection.doubt(self._doubt)
        return connection


class Patience:
    """Ends, when controllers stop, the waiting for another try of requests that failed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        self._connection.interrupt()
