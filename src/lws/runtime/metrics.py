"""Every metric family of operations.md, 1.9, and the only place that imports ``prometheus_client``.

Names, labels and buckets are controller-runtime's and client-go's, so that dashboards and alerts made for
those keep working. Children are looked up once and kept; nothing on a hot path calls ``labels``. What a queue
is like at this moment (depth, work in progress) is asked of the queue when metrics are collected.

Families about LeaderWorkerSets are declared by their controllers through ``counter``, ``gauge`` and
``histogram``; none may be named here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from lws.runtime.families import ControllerFamilies, QueueFamilies, WebhookFamilies
from lws.runtime.queue import QueueState

__all__ = [
    "ControllerFamilies",
    "Counter",
    "Gauge",
    "Histogram",
    "Metrics",
    "QueueFamilies",
    "WebhookFamilies",
]

# fmt: off
_RECONCILE_BUCKETS = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25,
    1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
)
# fmt: on
_TEN_POWER_BUCKETS = tuple(float(f"1e{exponent}") for exponent in range(-8, 4))
_QUEUE_LABELS = ("name", "controller")
_MOST_PRIORITIES = 25
_TOO_MANY_PRIORITIES = "exceeded_cardinality_limit"


ReadGauges = Callable[[], Iterable[tuple[Sequence[str], Sequence[float]]]]


class Metrics:
    """All families over one registry. Make one per process; two over one registry collide by name."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # upstream has none
        self.registry = registry or CollectorRegistry()
        self._lock = threading.Lock()
        self._controllers: dict[str, ControllerFamilies] = {}
        self._webhooks: dict[str, WebhookFamilies] = {}
        self._responses: dict[tuple[str, str, str], Counter] = {}
        self._certificates: dict[str, Callable[[], float | None]] = {}
        prometheus_client.ProcessCollector(registry=self.registry)
        prometheus_client.PlatformCollector(registry=self.registry)
        prometheus_client.GCCollector(registry=self.registry)
        self._declare_controllers()
        self._declare_queues()
        self._declare_webhooks()
        self._declare_the_rest()

    def counter(self, name: str, doc: str, labels: Sequence[str] = ()) -> Counter:
        """Declare a counter. ValueError when the name is taken; ``_total`` is appended if missing."""
        return Counter(name, doc, labels, registry=self.registry)

    def gauge(self, name: str, doc: str, labels: Sequence[str] = ()) -> Gauge:
        """Declare a gauge. ValueError when the name is taken."""
        return Gauge(name, doc, labels, registry=self.registry)

    def histogram(
        self, name: str, doc: str, labels: Sequence[str] = (), buckets: Sequence[float] = _TEN_POWER_BUCKETS
    ) -> Histogram:
        """Declare a histogram with these upper bounds. ValueError when the name is taken."""
        return Histogram(name, doc, labels, registry=self.registry, buckets=buckets)

    def at_scrape(self, gauges: Mapping[str, str], labels: Sequence[str], read: ReadGauges) -> None:
        """Declare gauges, by name with their documentation, whose series are asked for at every scrape.

        ``read`` gives for each series the values of the labels, and of the gauges in their order. It runs on
        the scraper's thread. ValueError when a name is taken.
        """
        self.registry.register(_AtScrape(gauges, labels, read))

    def exposition(self, accept: str = "") -> tuple[str, bytes]:
        """Content type and text for a scraper with this ``Accept`` header. Slow: do not hold a lock."""
        encode, content_type = choose_encoder(accept)
        return content_type, encode(self.registry)

    def controller(self, name: str) -> ControllerFamilies:
        """For ``Controller(metrics=...)``; its series exist from now on, at 0."""
        with self._lock:
            if name not in self._controllers:
                self._controllers[name] = ControllerFamilies(self, name)
            return self._controllers[name]

    def queue(self, name: str) -> QueueFamilies:
        """For ``WorkQueue(metrics=...)``. ``name`` is the controller's."""
        return QueueFamilies(self, name)

    def webhook(self, path: str) -> WebhookFamilies:
        """For the webhook served under this URL path; its series exist from now on, at 0."""
        with self._lock:
            if path not in self._webhooks:
                self._webhooks[path] = WebhookFamilies(self, path)
            return self._webhooks[path]

    def leader(self, name: str) -> Gauge:
        """1 while this process holds the lease ``name``, else 0."""
        return self._leader.labels(name)

    def on_response(self, code: str, method: str, host: str) -> None:
        """Count one answer of an API server; ``code`` is ``<error>`` when there was none."""
        series = (code, method, host)
        child = self._responses.get(series)
        if child is None:
            child = self._responses[series] = self._requests.labels(code, method, host)
        child.inc()

    def certificate(self, directory: str, expires: Callable[[], float | None]) -> None:
        """Export when the certificate served from this directory expires: seconds since 1970, or not yet."""
        self._certificates[directory] = expires

    def _read_expirations(self) -> list[tuple[Sequence[str], Sequence[float]]]:
        found = ((directory, expires()) for directory, expires in list(self._certificates.items()))
        return [((directory,), (when,)) for directory, when in found if when is not None]

    def _declare_controllers(self) -> None:
        prefix, labels = "controller_runtime_", ("controller",)
        self.reconciles = self.counter(
            prefix + "reconcile_total", "Reconciles by controller and result.", (*labels, "result")
        )
        self.reconcile_errors = self.counter(prefix + "reconcile_errors_total", "Failed reconciles.", labels)
        self.terminal_errors = self.counter(
            prefix + "terminal_reconcile_errors_total", "Failed reconciles that are not retried.", labels
        )
        self.reconcile_panics = self.counter(
            prefix + "reconcile_panics_total", "Reconciles that failed by a defect of the program.", labels
        )
        self.reconcile_timeouts = self.counter(
            prefix + "reconcile_timeouts_total", "Reconciles that ran out of time.", labels
        )
        self.reconcile_time = self.histogram(
            prefix + "reconcile_time_seconds", "Length of a reconcile.", labels, _RECONCILE_BUCKETS
        )
        self.max_workers = self.gauge(prefix + "max_concurrent_reconciles", "Workers there are.", labels)
        self.active_workers = self.gauge(prefix + "active_workers", "Workers that are busy.", labels)

    def _declare_queues(self) -> None:
        prefix, labels = "workqueue_", _QUEUE_LABELS
        self.queue_adds = self.counter(prefix + "adds_total", "Keys that became ready.", labels)
        self.queue_retries = self.counter(prefix + "retries_total", "Keys added with a delay.", labels)
        self.queue_duration = self.histogram(
            prefix + "queue_duration_seconds", "How long a key is ready before a worker takes it.", labels
        )
        self.work_duration = self.histogram(
            prefix + "work_duration_seconds", "How long a worker keeps a key.", labels
        )
        self.queues = _Queues()
        self.registry.register(self.queues)

    def _declare_webhooks(self) -> None:
        prefix, labels = "controller_runtime_webhook_", ("webhook",)
        self.webhook_requests = self.counter(
            prefix + "requests_total", "Admission requests by HTTP code of the answer.", (*labels, "code")
        )
        self.webhook_latency = self.histogram(
            prefix + "latency_seconds", "How long an admission request takes.", labels
        )
        self.webhook_in_flight = self.gauge(
            prefix + "requests_in_flight", "Admission requests being answered.", labels
        )
        self.webhook_panics = self.counter(
            prefix + "panics_total", "Admission requests that failed by a defect of the program."
        )

    def _declare_the_rest(self) -> None:
        self.counter(
            "controller_runtime_conversion_webhook_panics_total", "Always 0: there is no conversion webhook."
        )
        self._requests = self.counter(
            "rest_client_requests_total", "Answers of the API server.", ("code", "method", "host")
        )
        self._leader = self.gauge(
            "leader_election_master_status", "Whether this process holds the lease.", ("name",)
        )
        prefix = "certwatcher_read_certificate_"
        self.certificate_reads = self.counter(prefix + "total", "Times the certificate was read.")
        self.certificate_read_errors = self.counter(prefix + "errors_total", "Times that reading it failed.")
        name = "lws_certificate_expiration_timestamp_seconds"
        doc = "When the certificate expires that is served now, by the directory it is read from."
        self.at_scrape({name: doc}, ("directory",), self._read_expirations)


class _Queues(Collector):
    """What all queues are like at the moment of a scrape."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[str, tuple[QueueState, dict[int, None]]] = {}

    def watch(self, name: str, queue: QueueState) -> None:
        with self._lock:
            self._watched[name] = (queue, {0: None})

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return self._families()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        depth, unfinished, longest = families = self._families()
        with self._lock:
            for name, (queue, known) in self._watched.items():
                for priority, count in _by_label(queue.depths(), known).items():
                    depth.add_metric((name, name, priority), count)
                running = queue.running()
                unfinished.add_metric((name, name), sum(running))
                longest.add_metric((name, name), max(running, default=0.0))
        return families

    @staticmethod
    def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
        return (
            GaugeMetricFamily("workqueue_depth", "Keys ready now.", labels=(*_QUEUE_LABELS, "priority")),
            GaugeMetricFamily(
                "workqueue_unfinished_work_seconds", "Age of all work in progress.", labels=_QUEUE_LABELS
            ),
            GaugeMetricFamily(
                "workqueue_longest_running_processor_seconds", "The oldest of it.", labels=_QUEUE_LABELS
            ),
        )


class _AtScrape(Collector):
    """Gauges that exist only while they are being read."""

    def __init__(self, gauges: Mapping[str, str], labels: Sequence[str], read: ReadGauges) -> None:
        self._gauges, self._labels, self._read = gauges, labels, read

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return self._families()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        families = self._families()
        for labels, values in self._read():
            for family, value in zip(families, values, strict=True):
                family.add_metric(labels, value)
        return families

    def _families(self) -> list[GaugeMetricFamily]:
        return [GaugeMetricFamily(name, doc, labels=self._labels) for name, doc in self._gauges.items()]


def _by_label(depths: dict[int, int], known: dict[int, None]) -> dict[str, int]:
    """Depths by the text of their priority. ``known`` grows up to the limit; the rest counts as one."""
    for priority in depths:
        if len(known) < _MOST_PRIORITIES:
            known[priority] = None
    labelled = {str(priority): depths.get(priority, 0) for priority in known}
    rest = [count for priority, count in depths.items() if priority not in known]
    return labelled | {_TOO_MANY_PRIORITIES: sum(rest)} if rest else labelled
