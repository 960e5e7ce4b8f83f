"""Which labels and annotations a worker StatefulSet has from whoever created it, and not from users.

Asked only of one that has keys which its set does not, or not any more; ``managedFields`` knows, which the
cache does not hold. The answer is remembered as long as the keys are the same.
"""

from __future__ import annotations

import threading

import msgspec
from cachetools import LRUCache
from msgspec import Struct, field

from lws.api.constants import FIELD_MANAGER
from lws.api.workloads import StatefulSet
from lws.kube.client import Client
from lws.kube.errors import NotFound
from lws.kube.resources import STATEFULSETS
from lws.planning.observed import NO_KEYS, Keys
from lws.planning.upkeep import made_by_creator


class _Managed(Struct, rename="camel"):
    class Metadata(Struct, rename="camel"):
        uid: str = ""
        managed_fields: msgspec.Raw = msgspec.Raw(b"[]")

    metadata: Metadata = field(default_factory=Metadata)


class InheritedKeys:
    """Reads at most once for each StatefulSet and what it has beyond its set."""

    def __init__(self, client: Client, *, maxsize: int = 50_000) -> None:
        self._client = client
        self._known: LRUCache[tuple[str, Keys], Keys] = LRUCache(maxsize)
        self._lock = threading.Lock()

    def among(self, keys: Keys, workers: StatefulSet) -> Keys:
        """Those of ``keys`` that nobody but its creator has set."""
        if not keys.any:
            return NO_KEYS
        with self._lock:
            known = self._known.get((workers.uid, keys))
        if known is not None:
            return known
        found = self._read(workers)
        own = Keys(keys.labels & found.labels, keys.annotations & found.annotations)
        with self._lock:
            self._known[workers.uid, keys] = own
        return own

    def _read(self, workers: StatefulSet) -> Keys:
        try:
            live = self._client.get(STATEFULSETS, _Managed, workers.name, workers.namespace)
        except NotFound:
            return NO_KEYS
        if live.metadata.uid != workers.uid:
            return NO_KEYS
        return made_by_creator(msgspec.json.decode(live.metadata.managed_fields), FIELD_MANAGER)
