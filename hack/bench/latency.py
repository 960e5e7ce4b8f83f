"""How long keys waited and passes took, by two expositions of a manager. Pure: text in, figures out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

LATENCIES: Final = {
    "queueP99Ms": "workqueue_queue_duration_seconds",
    "reconcileP99Ms": "controller_runtime_reconcile_time_seconds",
}


def percentile(buckets: Mapping[float, float], share: float) -> float | None:
    """The upper bound, in seconds, of a cumulative histogram's bucket that reaches the share.

    None of an empty one.
    """
    total = max(buckets.values(), default=0.0)
    return next((x for x, count in sorted(buckets.items()) if total and count >= share * total), None)


def latencies(before: str, after: str) -> dict[str, float]:
    """99 of 100 keys waited, and 99 of 100 passes took, at most that many ms between two expositions."""
    found = {}
    for title, family in LATENCIES.items():
        old, new = _buckets(before, family), _buckets(after, family)
        bound = percentile({x: count - old.get(x, 0.0) for x, count in new.items()}, 0.99)
        if bound is not None:
            found[title] = round(1000 * bound, 1)
    return found


def _buckets(exposition: str, family: str) -> Counter[float]:
    found: Counter[float] = Counter()
    for one in text_string_to_metric_families(exposition):
        for sample in one.samples if one.name == family else ():
            if sample.name.endswith("_bucket"):
                found[float(sample.labels["le"])] += int(sample.value)
    return found
