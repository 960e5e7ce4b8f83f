"""Reading the few nodes whose labels exclusive placement asks for: by need, remembered for a minute.

A watch on all nodes would cost a heartbeat's worth of traffic for each of them.
"""

from __future__ import annotations

import threading

from cachetools import TTLCache

from lws.api.workloads import Node
from lws.kube.client import Client
from lws.kube.errors import NotFound
from lws.kube.resources import NODES
from lws.runtime.clock import Clock

TTL = 60.0  # seconds


class NodeReader:
    """``NodeReader(...)(name)`` is the node, or None when there is none by that name."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._nodes: TTLCache[str, Node] = TTLCache(10_000, TTL, timer=clock.monotonic)
        self._lock = threading.Lock()

    def __call__(self, name: str) -> Node | None:
        with self._lock:
            node = self._nodes.get(name)
        if node is not None:
            return node
        try:
            node = self._client.get(NODES, Node, name)
        except NotFound:
            return None
        with self._lock:
            self._nodes[name] = node
        return node
