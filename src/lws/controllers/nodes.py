"""Reading the few nodes whose labels exclusive placement asks for: by need, remembered for a minute.

A watch on all nodes would cost a heartbeat's worth of traffic for each of them. What was read before a leader
was made is not remembered for it: somebody may have mended the label, and then restarted the group.
"""

from __future__ import annotations

import threading

from cachetools import TTLCache

from lws.api.timestamps import rfc3339
from lws.api.workloads import Node, Pod
from lws.kube.client import Client
from lws.kube.errors import NotFound
from lws.kube.resources import NODES
from lws.runtime.clock import Clock

TTL = 60.0  # seconds


class NodeReader:
    """``NodeReader(...)(leader)`` is the node of this pod, or None when there is none by that name."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        # Each with the time at which it was read, which orders as text.
        self._nodes: TTLCache[str, tuple[str, Node]] = TTLCache(10_000, TTL, timer=clock.monotonic)
        self._lock = threading.Lock()

    def __call__(self, leader: Pod) -> Node | None:
        name, now = leader.spec.node_name, rfc3339(self._clock.now().timestamp())
        with self._lock:
            read, node = self._nodes.get(name, ("", None))
        if node is not None and (leader.metadata.creation_timestamp or "") <= read:
            return node
        try:
            node = self._client.get(NODES, Node, name)
        except NotFound:
            return None
        with self._lock:
            self._nodes[name] = (now, node)
        return node
