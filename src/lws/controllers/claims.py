"""ResourceClaims of groups as the controllers see them: which there are, and what missing ones are made from.

Watched from the first group on that has one: without, a server need not have heard of them, and nothing is
asked of it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from lws.api import constants as c
from lws.api.resourceclaims import ResourceClaim, ResourceClaimTemplate
from lws.controllers.watched import Watched
from lws.kube.client import Client
from lws.kube.errors import ApiError, NotFound
from lws.kube.resources import RESOURCE_CLAIM_TEMPLATES, RESOURCE_CLAIMS
from lws.kube.selectors import exists
from lws.objects import Key
from lws.planning.observed import ObservedClaim, WantedClaim
from lws.runtime.clock import Clock
from lws.runtime.informers import STOP_TIMEOUT, Informer, InformerMetrics, Selection

PATIENCE = 5.0
"""Seconds that the first passes wait for the first list: a server that serves no claims never gives it."""


class GroupClaims(Watched[ResourceClaim]):
    """A watch of claims that carry a set's name label, begun by need."""

    def __init__(self, client: Client, *, clock: Clock, metrics: InformerMetrics | None = None) -> None:
        super().__init__(
            Informer(
                client.connection,
                Selection(RESOURCE_CLAIMS, label_selector=exists(c.NAME_LABEL)),
                ResourceClaim,
                clock=clock,
                metrics=metrics,
            )
        )
        self._client = client
        self._clock = clock
        self._awake = False
        self._since = 0.0
        self._lock = threading.Lock()

    def observe(self, namespace: str, wanted: Iterable[WantedClaim]) -> tuple[ObservedClaim, ...]:
        """What there is of each; nothing until that is :attr:`known`."""
        self._awaken()
        if (left := self._since + PATIENCE - self._clock.monotonic()) > 0:
            self.informer.wait_for_sync(left)
        return tuple(self._observe(namespace, x) for x in wanted)

    @property
    def known(self) -> bool:
        """Whether it can be told which claims exist."""
        return self.informer.has_synced

    def _observe(self, namespace: str, want: WantedClaim) -> ObservedClaim:
        found = self.informer.get(Key(namespace, want.claim))
        if found is not None or not self.known:
            return ObservedClaim(want, found)
        try:
            template = self._client.get(
                RESOURCE_CLAIM_TEMPLATES, ResourceClaimTemplate, want.template, namespace
            )
        except NotFound:
            return ObservedClaim(want)
        except ApiError as error:
            if not error.refused:
                raise
            return ObservedClaim(want, refused=error.words)
        return ObservedClaim(want, template=template)

    def _awaken(self) -> None:
        with self._lock:
            if self._awake:
                return
            self._awake, self._since = True, self._clock.monotonic()
        super().start()

    def start(self) -> None:
        """Nothing yet."""

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """At any time; it is not begun any more."""
        with self._lock:
            self._awake = True
        super().stop(timeout)

    def silences(self) -> dict[str, float]:
        """Only while it is watched."""
        return super().silences() if self._awake else {}
