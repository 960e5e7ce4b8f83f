"""Which keys are due and when: the work queue, the limiters that pace its retries, and backoff.

What is done with a key is a controller's business and may not live here.
"""

from __future__ import annotations

from lws.runtime.queue.backoff import Backoff
from lws.runtime.queue.persistence import Persistence
from lws.runtime.queue.ratelimiter import ItemExponentialBackoff, persistent_backoff
from lws.runtime.queue.workqueue import LOW_PRIORITY, QueueState, WorkQueue

__all__ = [
    "LOW_PRIORITY",
    "Backoff",
    "ItemExponentialBackoff",
    "Persistence",
    "QueueState",
    "WorkQueue",
    "persistent_backoff",
]
