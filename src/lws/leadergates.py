"""Which sets want their leaders to have the gate of group readiness, for admission on every replica."""

from __future__ import annotations

from lws.api.leaderworkerset import LeaderWorkerSet
from lws.controllers.resources import LEADERWORKERSETS
from lws.kube.client import Client
from lws.kube.errors import KubeError, NotFound
from lws.objects import Key
from lws.runtime.informers import Informer
from lws.webhooks.errors import NotKnownError


class LeaderGates:
    """Asks the cache, ``sets``, and the server for a set that the cache does not show (yet).

    A cache that is late by an edit lets a leader in as it was before the edit, which is what leaders from
    before are anyway. A pod that got the gate is served whatever the set says.
    """

    def __init__(self, client: Client, sets: Informer[LeaderWorkerSet] | None = None) -> None:
        self._client = client
        self.sets = sets

    def __call__(self, namespace: str, name: str) -> bool:
        """Whether leaders of this set get the gate; not those of a set that is gone. Raises NotKnownError."""
        lws = self.sets.get(Key(namespace, name)) if self.sets is not None else None
        if lws is not None:
            return lws.gates_leaders
        try:
            return self._client.get(LEADERWORKERSETS, LeaderWorkerSet, name, namespace).gates_leaders
        except NotFound:
            return False
        except KubeError as error:
            raise NotKnownError(f"cannot read LeaderWorkerSet {namespace}/{name}: {error}") from error
