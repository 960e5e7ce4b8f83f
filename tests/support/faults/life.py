"""One life of the manager: the production App, its parts started in its manager's order.

What is not its own: the pools of its connections, its clock, and that nothing is measured in CPU seconds.
Webhooks are asked by the model directly, so no server listens. Leases are not taken.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import structlog

from lws import app as app_module
from lws import connections
from lws.app import App, Options
from lws.config import Configuration, Health, LeaderElection, MetricsServer
from lws.controllers import wiring
from lws.controllers.settling import Settling
from lws.kube.credentials import Credentials
from lws.kube.doubt import Doubt
from lws.kube.transport import Connection, Endpoint
from lws.objects import Key, prepare_types
from lws.runtime import manager as manager_module
from lws.runtime.controller import Controller
from lws.runtime.events import recorder
from lws.runtime.informers import cache
from lws.runtime.manager import Phase
from lws.runtime.resync import Resync
from lws.webhooks.paths import webhooks
from support.faults.tasks import Process, Tasks, VirtualClock, VirtualEvent
from support.faults.wire import Pool

WORKERS = 2
OFF = Configuration(
    health=Health(health_probe_bind_address="0"),
    metrics=MetricsServer(bind_address="0"),
    leader_election=LeaderElection(leader_elect=False),
)
HOST = "https://model:6443"


class Life(Process):
    """A process from its start to its end. ``boot`` goes on with starting it, as far as it goes."""

    def __init__(self, tasks: Tasks, pools: Any) -> None:
        super().__init__()
        self._tasks = tasks
        self._connections: list[Connection] = []
        with self._replaced(pools), _types_prepared():
            self.app = App(Options(configuration=OFF, webhooks=False, workers=WORKERS))
        self.webhooks = webhooks(None, self.app._gates)
        self._boot: Iterator[None] | None = self._start()
        self.up = False

    def boot(self) -> None:
        """The next phase, if the one before is ready."""
        if self._boot is not None:
            with self._tasks.starting(self):
                if next(self._boot, self) is self:
                    self._boot, self.up = None, True

    @property
    def controllers(self) -> list[Controller[Key]]:
        parts = (x._runnable for x in self.app.manager._parts[Phase.CONTROLLERS])
        return [x for x in parts if isinstance(x, Controller)]

    @property
    def resyncs(self) -> list[Resync[Key]]:
        """Of sets and groups, and of DisaggregatedSets."""
        parts = (x._runnable for x in self.app.manager._parts[Phase.CONTROLLERS])
        return [x for x in parts if isinstance(x, Resync)]

    @property
    def due(self) -> float | None:
        """When the first key is looked at again by time alone; None: none is."""
        return min((x.at for one in self.controllers for x in one._queue._delayed.values()), default=None)

    @contextmanager
    def _replaced(self, pools: Any) -> Iterator[None]:
        clock = VirtualClock(self._tasks)

        def connect(**options: Any) -> Connection:
            credentials = Credentials(lambda _refused: None, clock=clock.monotonic)
            endpoint = Endpoint(HOST, "", pools(), pools(), credentials)
            agent, on_response = options["user_agent"], options["on_response"]
            made = Connection(endpoint, user_agent=agent, on_response=on_response, clock=clock.monotonic)
            made._interrupted = VirtualEvent(self._tasks)
            self._connections.append(made)
            return made

        def later(seconds: float, call: Callable[[], object]) -> None:
            stop = VirtualEvent(self._tasks)
            threading.Thread(target=lambda: clock.sleep(seconds, stop) or call()).start()

        timeless = functools.partial(Settling, cpu=lambda: 0.0)
        with ExitStack() as stack:
            for module, name, value in (
                (connections, "connect", connect),
                (connections, "Doubt", lambda: Doubt(clock.monotonic, later)),
                (app_module, "SystemClock", lambda: clock),
                (recorder, "SystemClock", lambda: clock),
                (wiring, "Settling", timeless),
            ):
                stack.enter_context(mock.patch.object(module, name, value))
            yield

    def _start(self) -> Iterator[None]:
        """The order of ``Manager.run``: a phase begins when the parts of the one before are ready."""
        for phase in Phase:
            parts = self.app.manager._parts[phase]
            for part in parts:
                part.start()
            while not all(part.ready() for part in parts):
                yield


_prepared = False


@contextmanager
def _types_prepared() -> Iterator[None]:
    """It costs as much as a run, and once is enough for all lives."""
    global _prepared
    with mock.patch.object(app_module, "prepare_types", (lambda: None) if _prepared else prepare_types):
        yield
    _prepared = True


@contextmanager
def without_real_time() -> Iterator[None]:
    """Asking whether a part is ready does not wait, and nothing is collected when caches fill."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(manager_module, "_LOOK", 0.0))
        stack.enter_context(mock.patch.object(cache, "freeze"))
        stack.enter_context(mock.patch.object(cache.CollectorPause, "acquire"))
        stack.enter_context(mock.patch.object(cache.CollectorPause, "release"))
        yield


@contextmanager
def without_logs() -> Iterator[None]:
    """Nobody reads them, and they take as long as all the rest."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


__all__ = ["Life", "Pool", "without_logs", "without_real_time"]
