"""One life of the controllers: their reconcilers, handlers and caches, and keys that wait for a pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import mock

from lws.api import constants as c
from lws.controllers import wiring
from lws.controllers.settling import Settling
from lws.kube.client import Client
from lws.kube.errors import ApiError, Conflict, TransportError
from lws.objects import Key, KubeObject
from lws.runtime.clock import FakeClock
from support.stepwise.caches import SteppedClaims, SteppedInformer, stepped_informers
from support.stepwise.cluster import Cluster, Move
from support.stepwise.wire import Wire

RETRY = 10.0
"""Seconds until a pass that the API server failed is made again; the real queue's times grow up to that."""

_timeless = partial(Settling, cpu=lambda: 0.0)
"""What a pass costs is no part of a run that is to repeat."""
Behind = Callable[[type[KubeObject]], int]


class Queue:
    """Keys that are due now, and keys that will be."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._due: dict[Key, float] = {}

    def add(self, item: Key, *, priority: int = 0, after: float = 0.0) -> None:
        at = self._clock.monotonic() + after
        self._due[item] = min(at, self._due.get(item, at))

    def ready(self) -> list[Key]:
        now = self._clock.monotonic()
        return [item for item, at in self._due.items() if at <= now]

    def next(self) -> float | None:
        """When the first key is due."""
        return min(self._due.values(), default=None)

    def take(self, item: Key) -> None:
        del self._due[item]


class Events:
    """Takes events and keeps them."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def event(self, **event: Any) -> None:
        self.events.append(event)


class Process:
    """``behind(kind)``: how many versions its first list of a kind is old."""

    def __init__(self, cluster: Cluster, wire: Wire, behind: Behind = lambda _kind: 0) -> None:
        self._clock = cluster.clock
        client = Client(wire, field_manager=c.FIELD_MANAGER)  # type: ignore[arg-type]
        self.informers = stepped_informers(cluster.server)
        claims = SteppedClaims(cluster.server, client)
        self.sets, self.pods, self.commits = (Queue(self._clock) for _ in range(3))
        self.recorder = Events()
        with mock.patch.object(wiring, "Settling", _timeless):
            reconcilers = wiring.make_reconcilers(
                self.informers,
                self.sets,
                self.pods,
                self.commits,
                client=client,
                recorder=self.recorder,
                clock=self._clock,
                claims=claims,
            )
        self._watched: list[SteppedInformer[Any]] = [*self.informers, claims.informer]  # type: ignore[list-item]
        self._reconcilers = dict(zip((self.sets, self.pods, self.commits), reconcilers, strict=True))
        for informer in self._watched:
            informer.list(behind=behind(informer.type))

    def watched(self, kind: type[KubeObject]) -> list[SteppedInformer[Any]]:
        """The informer of a kind."""
        return [x for x in self._watched if x.type is kind]

    def deliveries(self) -> list[Move]:
        return [x.deliver for x in self._watched if x.pending]

    def reconciles(self) -> list[Move]:
        """A pass for each key that is due; an error puts the key back."""
        return [move for queue in self._reconcilers for move in self.passes(queue)]

    def passes(self, queue: Queue) -> list[Move]:
        """The same for the keys of one queue."""
        return [partial(self._pass, queue, key) for key in queue.ready()]

    def next(self) -> float | None:
        times = [x for queue in self._reconcilers if (x := queue.next()) is not None]
        return min(times, default=None)

    def reconcile(self, queue: Queue, key: Key) -> Any:
        """One pass, whoever asks for it; raises what it raises."""
        return self._reconcilers[queue](key)

    def _pass(self, queue: Queue, key: Key) -> None:
        queue.take(key)
        try:
            result = self.reconcile(queue, key)
        except (Conflict, TransportError):
            queue.add(key)
            return
        except ApiError:
            queue.add(key, after=RETRY)
            return
        if result.requeue_after is not None:
            queue.add(key, after=result.requeue_after)
