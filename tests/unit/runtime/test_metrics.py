"""The families of operations.md, 1.9 by name, type, labels and buckets, and what moves them."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lws.runtime.clock import FakeClock
from lws.runtime.controller import ResultLabel
from lws.runtime.metrics import Metrics
from lws.runtime.queue import LOW_PRIORITY, WorkQueue

RECONCILE_BUCKETS = (
    "0.005 0.01 0.025 0.05 0.1 0.15 0.2 0.25 0.3 0.35 0.4 0.45 0.5 0.6 0.7 0.8 0.9 1 1.25 1.5 1.75 2 2.5 3 "
    "3.5 4 4.5 5 6 7 8 9 10 15 20 25 30 40 50 60"
)
TEN_POWERS = "1e-8 1e-7 1e-6 1e-5 1e-4 1e-3 1e-2 1e-1 1 10 100 1000"
NAMED = {"name", "controller"}


@pytest.fixture
def metrics() -> Metrics:
    """With one of everything."""
    metrics = Metrics()
    metrics.controller("sets")
    WorkQueue[str]("sets", metrics=metrics.queue("sets"))
    metrics.webhook("/mutate")
    metrics.leader("lease")
    metrics.informers().declare("pods")
    metrics.silences(lambda: {"pods": 3.0})
    metrics.on_event_dropped("refused")
    metrics.on_response("200", "GET", "host")
    return metrics


def families(metrics: Metrics) -> dict[str, tuple[str, list[tuple[str, dict[str, str], float]]]]:
    """By sample name without the suffixes of histograms: type and samples."""
    text = metrics.exposition()[1].decode()
    return {
        family.name + ("_total" if family.type == "counter" else ""): (
            family.type,
            [(sample.name, dict(sample.labels), sample.value) for sample in family.samples],
        )
        for family in text_string_to_metric_families(text)
    }


@pytest.mark.parametrize(
    ("name", "kind", "labels"),
    [
        ("controller_runtime_reconcile_total", "counter", {"controller", "result"}),
        ("controller_runtime_reconcile_errors_total", "counter", {"controller"}),
        ("controller_runtime_terminal_reconcile_errors_total", "counter", {"controller"}),
        ("controller_runtime_reconcile_panics_total", "counter", {"controller"}),
        ("controller_runtime_reconcile_timeouts_total", "counter", {"controller"}),
        ("controller_runtime_reconcile_time_seconds", "histogram", {"controller"}),
        ("controller_runtime_max_concurrent_reconciles", "gauge", {"controller"}),
        ("controller_runtime_active_workers", "gauge", {"controller"}),
        ("workqueue_depth", "gauge", {*NAMED, "priority"}),
        ("workqueue_adds_total", "counter", NAMED),
        ("workqueue_queue_duration_seconds", "histogram", NAMED),
        ("workqueue_work_duration_seconds", "histogram", NAMED),
        ("workqueue_unfinished_work_seconds", "gauge", NAMED),
        ("workqueue_longest_running_processor_seconds", "gauge", NAMED),
        ("workqueue_retries_total", "counter", NAMED),
        ("rest_client_requests_total", "counter", {"code", "method", "host"}),
        ("leader_election_master_status", "gauge", {"name"}),
        ("controller_runtime_webhook_requests_total", "counter", {"webhook", "code"}),
        ("controller_runtime_webhook_latency_seconds", "histogram", {"webhook"}),
        ("controller_runtime_webhook_requests_in_flight", "gauge", {"webhook"}),
        ("controller_runtime_webhook_panics_total", "counter", set()),
        ("controller_runtime_conversion_webhook_panics_total", "counter", set()),
        ("lws_informer_lists_total", "counter", {"resource"}),
        ("lws_informer_watches_total", "counter", {"resource"}),
        ("lws_informer_failures_total", "counter", {"resource"}),
        ("lws_informer_unreadable_objects_total", "counter", {"resource"}),
        ("lws_informer_handler_failures_total", "counter", {"resource"}),
        ("lws_informer_silence_seconds", "gauge", {"resource"}),
        ("lws_events_dropped_total", "counter", {"reason"}),
        ("lws_log_lines_lost_total", "counter", set()),
        ("certwatcher_read_certificate_total", "counter", set()),
        ("certwatcher_read_certificate_errors_total", "counter", set()),
    ],
)
def test_family(metrics: Metrics, name: str, kind: str, labels: set[str]) -> None:
    found, samples = families(metrics)[name]
    assert found == kind
    assert samples
    assert all(set(labelled) - {"le"} == labels for _, labelled, _ in samples)


def test_there_are_no_others_but_the_process_s_own(metrics: Metrics) -> None:
    foreign = {
        name
        for name in families(metrics)
        if not name.startswith(
            (
                *("controller_runtime_", "workqueue_", "rest_client_", "leader_election_", "certwatcher_"),
                *("lws_informer_", "lws_events_", "lws_log_"),
            )
        )
        and name != "lws_certificate_expiration_timestamp_seconds"
    }
    assert {name for name in foreign if not name.startswith(("process_", "python_"))} == set()
    assert {"process_cpu_seconds_total", "process_resident_memory_bytes", "python_info"} <= foreign


@pytest.mark.parametrize(
    ("name", "buckets"),
    [
        ("controller_runtime_reconcile_time_seconds", RECONCILE_BUCKETS),
        ("workqueue_queue_duration_seconds", TEN_POWERS),
        ("workqueue_work_duration_seconds", TEN_POWERS),
        ("controller_runtime_webhook_latency_seconds", TEN_POWERS),
    ],
)
def test_buckets(metrics: Metrics, name: str, buckets: str) -> None:
    _, samples = families(metrics)[name]
    bounds = [float(labelled["le"]) for _, labelled, _ in samples if "le" in labelled]
    assert bounds == [*map(float, buckets.split()), float("inf")]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4"),
        ("*/*", "text/plain; version=0.0.4"),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text; version=1.0.0"),
    ],
)
def test_exposition_suits_the_scraper(metrics: Metrics, accept: str, content_type: str) -> None:
    kind, text = metrics.exposition(accept)
    assert kind.startswith(content_type)
    assert b"controller_runtime_webhook_requests_total" in text


# What moves them


class Reader:
    """Reads samples of one queue or controller."""

    def __init__(self, metrics: Metrics, **labels: str) -> None:
        self.metrics, self.labels = metrics, labels

    def __call__(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, {**self.labels, **labels})


def test_a_queue_s_life() -> None:
    metrics, clock = Metrics(), FakeClock()
    read = Reader(metrics, name="sets", controller="sets")
    queue: WorkQueue[str] = WorkQueue("sets", clock=clock, metrics=metrics.queue("sets"))
    assert read("workqueue_depth", priority="0") == 0
    queue.add("a")
    queue.add("a")
    queue.add("b", priority=LOW_PRIORITY)
    queue.add("c", after=1000.0)
    assert [read("workqueue_adds_total"), read("workqueue_retries_total")] == [2, 1]
    assert [read("workqueue_depth", priority=text) for text in ("0", "-100")] == [1, 1]
    clock.advance(3.0)
    assert queue.get() == ("a", 0)
    assert read("workqueue_queue_duration_seconds_sum") == 3
    clock.advance(4.0)
    assert queue.get() == ("b", LOW_PRIORITY)
    clock.advance(1.0)
    assert read("workqueue_unfinished_work_seconds") == 6
    assert read("workqueue_longest_running_processor_seconds") == 5
    assert [read("workqueue_depth", priority=text) for text in ("0", "-100")] == [0, 0]
    queue.done("a")
    assert [read("workqueue_work_duration_seconds_sum"), read("workqueue_work_duration_seconds_count")] == [
        5,
        1,
    ]
    queue.done("b")
    assert read("workqueue_unfinished_work_seconds") == 0
    assert read("workqueue_longest_running_processor_seconds") == 0


def test_a_delayed_key_counts_as_added_and_waiting_from_when_it_is_due() -> None:
    metrics, clock = Metrics(), FakeClock()
    read = Reader(metrics, name="sets", controller="sets")
    queue: WorkQueue[str] = WorkQueue("sets", clock=clock, metrics=metrics.queue("sets"))
    queue.add_rate_limited("a")
    queue.forget("a")
    queue.add("a", after=0.5)
    assert [read("workqueue_adds_total"), read("workqueue_retries_total")] == [0, 2]
    clock.advance(10.005)
    assert read("workqueue_depth", priority="0") == 1
    queue.get()
    assert read("workqueue_adds_total") == 1
    assert read("workqueue_queue_duration_seconds_sum") == pytest.approx(10.0)


def depths(metrics: Metrics) -> dict[str, float]:
    _, samples = families(metrics)["workqueue_depth"]
    return {labelled["priority"]: value for _, labelled, value in samples}


def test_after_25_priorities_the_others_share_a_series() -> None:
    metrics = Metrics()
    queue: WorkQueue[int] = WorkQueue("sets", metrics=metrics.queue("sets"))
    for number in range(25):  # 0 among them
        queue.add(number, priority=number)
    assert depths(metrics) == {str(number): 1 for number in range(25)}
    for number in range(30, 34):
        queue.add(number, priority=number)
    assert depths(metrics) == {**{str(number): 1 for number in range(25)}, "exceeded_cardinality_limit": 4}


def test_queues_are_told_apart() -> None:
    metrics = Metrics()
    queues = [WorkQueue[str](name, metrics=metrics.queue(name)) for name in ("sets", "pods")]
    queues[0].add("a")
    for name, expected in (("sets", 1), ("pods", 0)):
        assert Reader(metrics, name=name, controller=name)("workqueue_adds_total") == expected
        assert Reader(metrics, name=name, controller=name)("workqueue_depth", priority="0") == expected


def test_a_scrape_and_a_busy_queue_do_not_hold_each_other_up() -> None:
    metrics = Metrics()
    queue: WorkQueue[int] = WorkQueue("sets", metrics=metrics.queue("sets"))

    def work(numbers: Iterable[int]) -> None:
        for number in numbers:
            queue.add(number, priority=number % 30)
            got = queue.get()
            assert got is not None
            queue.done(got[0])

    threads = [threading.Thread(target=work, args=(range(start, 3000, 2),)) for start in (0, 1)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        metrics.exposition()
    for thread in threads:
        thread.join()
    assert Reader(metrics, name="sets", controller="sets")("workqueue_work_duration_seconds_count") == 3000


@pytest.mark.parametrize(
    ("result", "terminal", "panic", "moved"),
    [
        ("success", False, False, []),
        ("requeue", False, False, []),
        ("error", False, False, ["reconcile_errors"]),
        ("error", True, False, ["reconcile_errors", "terminal_reconcile_errors"]),
        ("error", False, True, ["reconcile_errors", "reconcile_panics"]),
    ],
)
def test_a_controller_s_life(result: ResultLabel, terminal: bool, panic: bool, moved: list[str]) -> None:
    metrics = Metrics()
    read = Reader(metrics, controller="sets")
    controller = metrics.controller("sets")
    controller.started(4)
    controller.begun()
    assert read("controller_runtime_active_workers") == 1
    controller.ended(result, 0.5, terminal=terminal, panic=panic)
    assert read("controller_runtime_active_workers") == 0
    assert read("controller_runtime_max_concurrent_reconciles") == 4
    assert read("controller_runtime_reconcile_total", result=result) == 1
    assert read("controller_runtime_reconcile_time_seconds_sum") == 0.5
    counters = ("reconcile_errors", "terminal_reconcile_errors", "reconcile_panics", "reconcile_timeouts")
    assert [name for name in counters if read(f"controller_runtime_{name}_total")] == moved


def test_a_webhook_s_life() -> None:
    metrics = Metrics()
    read = Reader(metrics, webhook="/mutate")
    webhook = metrics.webhook("/mutate")
    counted = "controller_runtime_webhook_requests_total"
    assert [read(counted, code=code) for code in ("200", "500")] == [0, 0]
    webhook.begun()
    webhook.begun()
    assert read("controller_runtime_webhook_requests_in_flight") == 2
    webhook.ended(200, 0.5)
    webhook.ended(415, 0.25, panic=True)
    assert read("controller_runtime_webhook_requests_in_flight") == 0
    assert [read(counted, code=code) for code in ("200", "415", "500")] == [1, 1, 0]
    assert read("controller_runtime_webhook_latency_seconds_sum") == 0.75
    assert metrics.registry.get_sample_value("controller_runtime_webhook_panics_total") == 1


def test_answers_of_the_api_server_are_counted_by_code_method_and_host() -> None:
    metrics = Metrics()
    for code, method in (("200", "GET"), ("200", "GET"), ("409", "PUT")):
        metrics.on_response(code, method, "host")
    read = Reader(metrics, host="host")
    assert read("rest_client_requests_total", code="200", method="GET") == 2
    assert read("rest_client_requests_total", code="409", method="PUT") == 1


def test_one_controller_has_one_set_of_series(metrics: Metrics) -> None:
    assert metrics.controller("sets") is metrics.controller("sets")
    assert metrics.webhook("/mutate") is metrics.webhook("/mutate")


def test_families_of_the_domain() -> None:
    metrics = Metrics()
    metrics.counter("lws_restarts_total", "Restarts.", ("reason",)).labels("pod").inc()
    metrics.gauge("lws_groups", "Groups.").set(3)
    metrics.histogram("lws_rollout_seconds", "Rollouts.", buckets=(1, 60)).observe(30)
    found = families(metrics)
    assert found["lws_restarts_total"] == ("counter", [("lws_restarts_total", {"reason": "pod"}, 1.0)])
    assert found["lws_groups"] == ("gauge", [("lws_groups", {}, 3.0)])
    bounds = [(labelled["le"], count) for _, labelled, count in found["lws_rollout_seconds"][1] if labelled]
    assert bounds == [("1.0", 0.0), ("60.0", 1.0), ("+Inf", 1.0)]


def test_a_name_is_taken_once(metrics: Metrics) -> None:
    with pytest.raises(ValueError, match="Duplicated"):
        metrics.gauge("workqueue_depth", "Again.")


def test_gauges_that_are_read_at_every_scrape(metrics: Metrics) -> None:
    seen: dict[str, tuple[float, float]] = {}
    gauges = {"lws_things": "Things.", "lws_others": "Others."}
    metrics.at_scrape(gauges, ("name",), lambda: [((name,), both) for name, both in seen.items()])
    text = metrics.exposition()[1].decode()
    assert "# TYPE lws_things gauge" in text
    assert "lws_things{" not in text
    seen["a"] = (1, 2)
    text = metrics.exposition()[1].decode()
    assert 'lws_things{name="a"} 1.0' in text
    assert 'lws_others{name="a"} 2.0' in text
    with pytest.raises(ValueError, match="lws_things"):
        metrics.at_scrape(gauges, ("name",), list)


def test_certificates_are_told_once_they_are_served(metrics: Metrics) -> None:
    name = "lws_certificate_expiration_timestamp_seconds"
    served: dict[str, float] = {}
    metrics.certificate("/a", lambda: served.get("/a"))
    metrics.certificate("/b", lambda: 7.0)
    assert families(metrics)[name][1] == [(name, {"directory": "/b"}, 7.0)]
    served["/a"] = 9.0
    assert [value for _, _, value in families(metrics)[name][1]] == [9.0, 7.0]


def test_of_two_watches_of_one_resource_the_more_silent_counts(metrics: Metrics) -> None:
    metrics.silences(lambda: {"pods": 8.0, "services": 1.0})
    metrics.silences(lambda: {"services": 0.5})
    _, samples = families(metrics)["lws_informer_silence_seconds"]
    assert {labels["resource"]: value for _, labels, value in samples} == {"pods": 8.0, "services": 1.0}
