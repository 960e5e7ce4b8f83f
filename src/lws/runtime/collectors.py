"""Series that are asked for when metrics are collected, not kept: queues, gauges at a scrape, lost log lines.

The families are declared in ``lws.runtime.metrics``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from lws.runtime.logwriter import lost_lines
from lws.runtime.queue import QueueState

QUEUE_LABELS = ("name", "controller")
_MOST_PRIORITIES = 25
_TOO_MANY_PRIORITIES = "exceeded_cardinality_limit"

ReadGauges = Callable[[], Iterable[tuple[Sequence[str], Sequence[float]]]]


class Queues(Collector):
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
            GaugeMetricFamily("workqueue_depth", "Keys ready now.", labels=(*QUEUE_LABELS, "priority")),
            GaugeMetricFamily(
                "workqueue_unfinished_work_seconds", "Age of all work in progress.", labels=QUEUE_LABELS
            ),
            GaugeMetricFamily(
                "workqueue_longest_running_processor_seconds", "The oldest of it.", labels=QUEUE_LABELS
            ),
        )


class LostLines(Collector):
    """The process's own count, which began before this object."""

    def collect(self) -> Iterable[CounterMetricFamily]:
        yield CounterMetricFamily(
            "lws_log_lines_lost", "Log lines that could not be written.", value=lost_lines()
        )


class AtScrape(Collector):
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
