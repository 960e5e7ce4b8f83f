"""What the DisaggregatedSet controller watches.

Its informers are none of the shared ones: on a server without the CRDs all else must go on, and this part
begins when they appear.
"""

from __future__ import annotations

import threading
from typing import Any, Final

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet, DisaggregatedSetRoleScaler
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision, Service
from lws.controllers.disaggregatedset import RoleInformers
from lws.controllers.indexes import BY_DISAGGREGATED_SET, EDITABLE, disaggregated_set_of
from lws.controllers.resources import DISAGGREGATEDSETS, ROLE_SCALERS
from lws.kube.client import Client
from lws.kube.resources import CONTROLLER_REVISIONS, SERVICES
from lws.kube.selectors import absent, all_of, exists
from lws.runtime.clock import Clock
from lws.runtime.informers import STOP_TIMEOUT, Informer, InformerMetrics, Selection

OFF: Final = "DisaggregatedSets are"
"""The beginning of the one warning on a server without their CRDs."""


class RoleWatches:
    """The informers of DisaggregatedSets, their scalers and services, as one part of the process.

    ``children``: the informer of all LeaderWorkerSets, which somebody else starts and stops.
    """

    def __init__(
        self,
        client: Client,
        children: Informer[LeaderWorkerSet],
        *,
        clock: Clock,
        metrics: InformerMetrics | None = None,
    ) -> None:
        connection = client.connection
        ours = exists(d.NAME_LABEL)
        sets = Informer(
            connection,
            Selection(DISAGGREGATEDSETS, off=OFF),
            DisaggregatedSet,
            clock=clock,
            metrics=metrics,
        )
        scalers = Informer(
            connection,
            Selection(ROLE_SCALERS, off=OFF),
            DisaggregatedSetRoleScaler,
            indexes=EDITABLE,
            clock=clock,
            metrics=metrics,
        )
        services = Informer(
            connection,
            Selection(SERVICES, label_selector=ours),
            Service,
            indexes=EDITABLE,
            clock=clock,
            metrics=metrics,
        )
        revisions = Informer(
            connection,
            # Not those of StatefulSets, nor of children.
            Selection(CONTROLLER_REVISIONS, label_selector=all_of(ours, absent(c.NAME_LABEL))),
            ControllerRevision,
            indexes={BY_DISAGGREGATED_SET: disaggregated_set_of},
            clock=clock,
            metrics=metrics,
        )
        self.informers = RoleInformers(sets, scalers, children, services, revisions)
        self._sets = sets
        self._others: tuple[Informer[Any], ...] = (scalers, services, revisions)
        self._awake = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to watch sets; where there is none, or no CRD yet, that is all that it costs."""
        self._sets.start()

    def awaken(self) -> None:
        """Watch everything: there is a set. Any number of times, from any thread."""
        with self._lock:
            asleep, self._awake = not self._awake, True
        if asleep:
            for informer in self._others:
                informer.start()

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """At any time."""
        with self._lock:
            self._awake = True
        for informer in self._own:
            informer.begin_stop()
        for informer in self._own:
            informer.stop(timeout)

    @property
    def alive(self) -> bool:
        """False when a thread has ended without having been told to."""
        return all(informer.alive for informer in self._own)

    def check(self) -> None:
        """A liveness check, as the cache's. Watches that nobody has awakened are well."""
        for informer in self._own:
            informer.check()

    def silences(self) -> dict[str, float]:
        """By resource: seconds since the server last said anything about it, if only that there is no CRD."""
        watching = self._own if self._awake else (self._sets,)
        return {informer.resource.plural: informer.silence for informer in watching}

    @property
    def _own(self) -> tuple[Informer[Any], ...]:
        return (self._sets, *self._others)
