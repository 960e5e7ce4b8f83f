"""Every metric family of operations.md, 1.9. With ``collectors`` the one place for ``prometheus_client``.

Names, labels and buckets are controller-runtime's and client-go's, so that dashboards and alerts made for
those keep working. Children are looked up once and kept; nothing on a hot path calls ``labels``. What a queue
is like at this moment (depth, work in progress) is asked of the queue when metrics are collected.

Families about LeaderWorkerSets are declared by their controllers through ``counter``, ``gauge`` and
``histogram``; none may be named here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from lws.runtime.collectors import QUEUE_LABELS, AtScrape, LostLines, Queues, ReadGauges
from lws.runtime.families import ControllerFamilies, InformerFamilies, QueueFamilies, WebhookFamilies

__all__ = [
    "ControllerFamilies",
    "Counter",
    "Gauge",
    "Histogram",
    "InformerFamilies",
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


class Metrics:
    """All families over one registry. Make one per process; two over one registry collide by name."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # upstream has none
        self.registry = registry or CollectorRegistry()
        self._lock = threading.Lock()
        self._controllers: dict[str, ControllerFamilies] = {}
        self._webhooks: dict[str, WebhookFamilies] = {}
        self._responses: dict[tuple[str, str, str], Counter] = {}
        self._silences: list[Callable[[], Mapping[str, float]]] = []
        self._certificates: dict[str, Callable[[], float | None]] = {}
        prometheus_client.ProcessCollector(registry=self.registry)
        prometheus_client.PlatformCollector(registry=self.registry)
        prometheus_client.GCCollector(registry=self.registry)
        self._declare_controllers()
        self._declare_queues()
        self._declare_webhooks()
        self._declare_informers()
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
        self.registry.register(AtScrape(gauges, labels, read))

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

    def informers(self) -> InformerFamilies:
        """For ``Cache(metrics=...)``."""
        return InformerFamilies(self)

    def silences(self, read: Callable[[], Mapping[str, float]]) -> None:
        """Export for how long the server has said nothing: ``read`` gives seconds by resource.

        Of several watches of one resource the most silent one counts.
        """
        self._silences.append(read)

    def on_event_dropped(self, reason: str) -> None:
        """Count an Event that is not written, for ``EventRecorder(on_dropped=...)``."""
        self.events_dropped.labels(reason).inc()

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

    def _read_silences(self) -> list[tuple[Sequence[str], Sequence[float]]]:
        longest: dict[str, float] = {}
        for read in self._silences:
            for name, age in read().items():
                longest[name] = max(age, longest.get(name, 0.0))
        return [((name,), (age,)) for name, age in longest.items()]

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
        prefix, labels = "workqueue_", QUEUE_LABELS
        self.queue_adds = self.counter(prefix + "adds_total", "Keys that became ready.", labels)
        self.queue_retries = self.counter(prefix + "retries_total", "Keys added with a delay.", labels)
        self.queue_duration = self.histogram(
            prefix + "queue_duration_seconds", "How long a key is ready before a worker takes it.", labels
        )
        self.work_duration = self.histogram(
            prefix + "work_duration_seconds", "How long a worker keeps a key.", labels
        )
        self.queues = Queues()
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

    def _declare_informers(self) -> None:
        prefix, labels = "lws_informer_", ("resource",)
        self.informer_counters = {
            what: self.counter(f"{prefix}{name}_total", doc, labels)
            for what, name, doc in (
                ("list", "lists", "Lists asked for."),
                ("watch", "watches", "Watches opened."),
                ("failure", "failures", "Lists and watches that failed or broke."),
                ("unreadable", "unreadable_objects", "Objects passed over because they cannot be read."),
                ("handler_failure", "handler_failures", "Changes that a handler failed to take in."),
            )
        }
        name, doc = "lws_informer_silence_seconds", "How long the API server has said nothing of the objects."
        self.at_scrape({name: doc}, labels, self._read_silences)
        self.events_dropped = self.counter("lws_events_dropped_total", "Events not written.", ("reason",))
        self.registry.register(LostLines())

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
