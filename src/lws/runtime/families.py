"""The series of one controller, one queue, one webhook: children looked up once and kept.

The families themselves are declared in ``lws.runtime.metrics``, which alone imports ``prometheus_client``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lws.runtime.controller import ResultLabel
from lws.runtime.queue import QueueState

if TYPE_CHECKING:
    from lws.runtime.metrics import Metrics

_RESULTS: tuple[ResultLabel, ...] = ("success", "error", "requeue", "requeue_after")


class ControllerFamilies:
    """The series of one controller: its ``ControllerMetrics``."""

    def __init__(self, metrics: Metrics, name: str) -> None:
        self._results = {result: metrics.reconciles.labels(name, result) for result in _RESULTS}
        self._errors = metrics.reconcile_errors.labels(name)
        self._terminal = metrics.terminal_errors.labels(name)
        self._panics = metrics.reconcile_panics.labels(name)
        self._time = metrics.reconcile_time.labels(name)
        self._workers = metrics.max_workers.labels(name)
        self._active = metrics.active_workers.labels(name)
        metrics.reconcile_timeouts.labels(name)  # there are none, and 0 says so

    def started(self, workers: int) -> None:
        self._workers.set(workers)

    def begun(self) -> None:
        self._active.inc()

    def ended(
        self, result: ResultLabel, seconds: float, *, terminal: bool = False, panic: bool = False
    ) -> None:
        self._active.dec()
        self._time.observe(seconds)
        self._results[result].inc()
        if result == "error":
            self._errors.inc()
        if terminal:
            self._terminal.inc()
        if panic:
            self._panics.inc()


class QueueFamilies:
    """The series of one queue: its ``WorkQueueMetrics``. The methods are those of the children themselves."""

    def __init__(self, metrics: Metrics, name: str) -> None:
        self._name = name
        self._queues = metrics.queues
        labels = (name, name)
        self.added = metrics.queue_adds.labels(*labels).inc
        self.retried = metrics.queue_retries.labels(*labels).inc
        self.taken = metrics.queue_duration.labels(*labels).observe
        self.finished = metrics.work_duration.labels(*labels).observe

    def watch(self, queue: QueueState) -> None:
        self._queues.watch(self._name, queue)


class InformerFamilies:
    """The series of all informers: an ``InformerMetrics``."""

    def __init__(self, metrics: Metrics) -> None:
        self._counters = metrics.informer_counters

    def count(self, resource: str, what: str) -> None:
        """One more of ``list``, ``watch``, ``failure``, ``unreadable`` or ``handler_failure``. Rare."""
        self._counters[what].labels(resource).inc()

    def declare(self, *resources: str) -> None:
        """Their series exist from now on, at 0."""
        for counter in self._counters.values():
            for resource in resources:
                counter.labels(resource)


class WebhookFamilies:
    """The series of one webhook."""

    def __init__(self, metrics: Metrics, path: str) -> None:
        self._path = path
        self._requests = metrics.webhook_requests
        self._codes = {code: self._requests.labels(path, str(code)) for code in (200, 500)}
        self._latency = metrics.webhook_latency.labels(path)
        self._in_flight = metrics.webhook_in_flight.labels(path)
        self._panics = metrics.webhook_panics

    def begun(self) -> None:
        self._in_flight.inc()

    def ended(self, code: int, seconds: float, *, panic: bool = False) -> None:
        """Answered with this HTTP code after so many seconds."""
        self._in_flight.dec()
        self._latency.observe(seconds)
        child = self._codes.get(code)
        if child is None:
            child = self._codes[code] = self._requests.labels(self._path, str(code))
        child.inc()
        if panic:
            self._panics.inc()
