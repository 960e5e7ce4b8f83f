"""What a scrape of the running controller holds (operations.md, 1.9), and its health endpoints."""

from __future__ import annotations

import re

import pytest
from support.manager import CONTROLLERS, Manager
from support.sets import Sets
from support.wholeness import await_whole

pytestmark = pytest.mark.integration

# Each family with its type and, for one series of it, labels that must be there.
FAMILIES = {
    "controller_runtime_reconcile_total": ("counter", {"controller", "result"}),
    "controller_runtime_reconcile_errors_total": ("counter", {"controller"}),
    "controller_runtime_terminal_reconcile_errors_total": ("counter", {"controller"}),
    "controller_runtime_reconcile_panics_total": ("counter", {"controller"}),
    "controller_runtime_reconcile_timeouts_total": ("counter", {"controller"}),
    "controller_runtime_reconcile_time_seconds": ("histogram", {"controller"}),
    "controller_runtime_max_concurrent_reconciles": ("gauge", {"controller"}),
    "controller_runtime_active_workers": ("gauge", {"controller"}),
    "workqueue_depth": ("gauge", {"name", "controller", "priority"}),
    "workqueue_adds_total": ("counter", {"name", "controller"}),
    "workqueue_queue_duration_seconds": ("histogram", {"name", "controller"}),
    "workqueue_work_duration_seconds": ("histogram", {"name", "controller"}),
    "workqueue_unfinished_work_seconds": ("gauge", {"name", "controller"}),
    "workqueue_longest_running_processor_seconds": ("gauge", {"name", "controller"}),
    "workqueue_retries_total": ("counter", {"name", "controller"}),
    "rest_client_requests_total": ("counter", {"code", "method", "host"}),
    "controller_runtime_webhook_requests_total": ("counter", {"webhook", "code"}),
    "controller_runtime_webhook_latency_seconds": ("histogram", {"webhook"}),
    "controller_runtime_webhook_requests_in_flight": ("gauge", {"webhook"}),
    "controller_runtime_webhook_panics_total": ("counter", set()),
    "controller_runtime_conversion_webhook_panics_total": ("counter", set()),
    "certwatcher_read_certificate_total": ("counter", set()),
    "certwatcher_read_certificate_errors_total": ("counter", set()),
    "process_resident_memory_bytes": ("gauge", set()),
    "python_gc_collections_total": ("counter", {"generation"}),
}
RECONCILES = "controller_runtime_reconcile_total"
REQUESTS = "controller_runtime_webhook_requests_total"
RESULTS = ("success", "error", "requeue", "requeue_after")
WEBHOOKS = {
    "/mutate-leaderworkerset-x-k8s-io-v1-leaderworkerset",
    "/validate-leaderworkerset-x-k8s-io-v1-leaderworkerset",
    "/validate-disaggregatedset-x-k8s-io-v1-disaggregatedset",
    "/mutate--v1-pod",
    "/validate--v1-pod",
}
UNASKED = {x for x in WEBHOOKS if "disaggregatedset" in x or x == "/validate--v1-pod"}  # by a set alone


def labels_by_family(text: str) -> dict[str, set[str]]:
    """The label names of each family's first series, ``le`` left out."""
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        if match := re.match(r"(\w+?)(_bucket|_sum|_count)?(?:\{(.*)\})? \S+$", line):
            names = set(re.findall(r'(\w+)="', match[3] or "")) - {"le"}
            found.setdefault(match[1], names)
    return found


def test_every_family_is_there_with_its_type_and_labels(manager: Manager) -> None:
    text = manager.metrics_text()
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    labels = labels_by_family(text)
    assert {name: (types.get(name), labels.get(name)) for name in FAMILIES} == FAMILIES


def test_every_series_of_a_controller_exists_before_anything_happens(manager: Manager) -> None:
    samples = manager.metrics()
    results = {
        (x.labels["controller"], x.labels["result"]) for x in samples if x.name.endswith("reconcile_total")
    }
    controllers, outcomes = (
        (*CONTROLLERS, "disaggregatedset", "groupstatus"),
        ("success", "error", "requeue", "requeue_after"),
    )
    assert results == {(name, result) for name in controllers for result in outcomes}
    codes = {
        (x.labels["webhook"], x.labels["code"])
        for x in samples
        if x.name == "controller_runtime_webhook_requests_total"
    }
    assert {(path, code) for path in WEBHOOKS for code in ("200", "500")} <= codes


def test_work_is_counted(manager: Manager, sets: Sets) -> None:
    """10.2 E17, as far as it holds for a controller outside the cluster: no token guards its metrics."""
    series = [(RECONCILES, {"controller": name}) for name in CONTROLLERS]
    series += [(REQUESTS, {"webhook": path, "code": "200"}) for path in WEBHOOKS - UNASKED]
    before = [manager.total(name, **labels) for name, labels in series]
    await_whole(sets.create(replicas=1, size=2))
    after = [manager.total(name, **labels) for name, labels in series]
    assert all(now > then for now, then in zip(after, before, strict=True)), (series, before, after)
    assert manager.total("rest_client_requests_total", code="201", method="POST") > 0


@pytest.mark.parametrize("path", ["/readyz", "/readyz/caches", "/readyz/webhooks", "/healthz"])
def test_it_says_that_it_is_well(manager: Manager, path: str) -> None:
    assert manager.health(path).status == 200


def test_an_unknown_check_is_not_found(manager: Manager) -> None:
    assert manager.health("/readyz/nonsense").status == 404
