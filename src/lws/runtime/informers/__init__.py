"""A picture of the cluster, kept by watches: Reflectors list and watch, Indexers hold, Informers tell.

What a handler fills is a queue's business (``runtime.queue``), what a request looks like on the wire that of
``kube``; neither may live here.
"""

from __future__ import annotations

from lws.runtime.informers.cache import Cache
from lws.runtime.informers.decoding import InformerMetrics
from lws.runtime.informers.handlers import Adder, EnqueueRequests, OnDelete, OnGone
from lws.runtime.informers.indexer import Indexer
from lws.runtime.informers.informer import PARTIAL_METADATA, STOP_TIMEOUT, Informer, StuckError
from lws.runtime.informers.listing import Selection

__all__ = [
    "PARTIAL_METADATA",
    "STOP_TIMEOUT",
    "Adder",
    "Cache",
    "EnqueueRequests",
    "Indexer",
    "Informer",
    "InformerMetrics",
    "OnDelete",
    "OnGone",
    "Selection",
    "StuckError",
]
