"""Which labels and annotations a worker StatefulSet has from whoever created it, and not from users; and who
that was.

The former is asked only of one that has keys which its set does not, or not any more; ``managedFields``
knows, which the cache does not hold. The answer is remembered as long as the keys are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from lws.api.constants import FIELD_MANAGER
from lws.api.workloads import StatefulSet
from lws.controllers.byuid import ByUid
from lws.controllers.resources import Kind
from lws.kube.client import Client
from lws.kube.errors import NotFound
from lws.kube.resources import STATEFULSETS
from lws.objects import Key
from lws.planning.observed import NO_KEYS, Keys
from lws.planning.reclaiming import made_by
from lws.planning.upkeep import made_by_creator


class Managed(Struct, rename="camel"):
    class Metadata(Struct, rename="camel"):
        uid: str = ""
        managed_fields: msgspec.Raw = msgspec.Raw(b"[]")

    metadata: Metadata = field(default_factory=Metadata)

    @property
    def fields(self) -> list[dict[str, Any]]:
        """``managedFields``."""
        found: list[dict[str, Any]] = msgspec.json.decode(self.metadata.managed_fields)
        return found


class Makers:
    """Whether this controller made an object or took it over, which is asked of one that has lost its owner.

    Who made it stays true. Who did not may take it over, which the object then says: it is asked once for
    each of its versions.
    """

    def __init__(self, client: Client, kinds: Mapping[str, Kind]) -> None:
        self._client = client
        self._kinds = kinds
        self._ours = ByUid[bool]()
        self._strange = ByUid[str]()

    def forget(self, uid: str) -> None:
        """It is gone."""
        self._ours.forget(uid)
        self._strange.forget(uid)

    def made_by_us(self, kind: str, key: Key, uid: str, resource_version: str) -> bool:
        """``resource_version``: as the cache shows it. False of what is gone or another object by now."""
        if self._ours.get(uid):
            return True
        if self._strange.get(uid) == resource_version:
            return False
        try:
            live = self._client.get(self._kinds[kind].resource, Managed, key.name, key.namespace)
        except NotFound:
            return False
        found = live.metadata.uid == uid and made_by(live.fields, FIELD_MANAGER)
        if found:
            self._ours.put(uid, True)
        else:
            self._strange.put(uid, resource_version)
        return found


class InheritedKeys:
    """Reads at most once for each StatefulSet and what it has beyond its set."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known = ByUid[tuple[Keys, Keys]](50_000)  # what was asked last, and the answer
        self.forget = self._known.forget

    def among(self, keys: Keys, workers: StatefulSet) -> Keys:
        """Those of ``keys`` that nobody but its creator has set."""
        if not keys.any:
            return NO_KEYS
        known = self._known.get(workers.uid)
        if known is not None and known[0] == keys:
            return known[1]
        found = self._read(workers)
        own = Keys(keys.labels & found.labels, keys.annotations & found.annotations)
        self._known.put(workers.uid, (keys, own))
        return own

    def _read(self, workers: StatefulSet) -> Keys:
        try:
            live = self._client.get(STATEFULSETS, Managed, workers.name, workers.namespace)
        except NotFound:
            return NO_KEYS
        if live.metadata.uid != workers.uid:
            return NO_KEYS
        return made_by_creator(live.fields, FIELD_MANAGER)
