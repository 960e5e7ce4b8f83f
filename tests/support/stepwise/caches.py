"""Informers without threads: the production ones, which list and hear of a change when they are told to."""

from __future__ import annotations

from typing import Any, Generic
from urllib.parse import quote

import msgspec

from lws.api import constants as c
from lws.api.resourceclaims import ResourceClaim
from lws.controllers.claims import GroupClaims
from lws.controllers.informers import Informers, make_informers
from lws.kube.client import Client
from lws.kube.resources import RESOURCE_CLAIMS
from lws.kube.selectors import exists
from lws.kube.shallow import decoded
from lws.objects import ObjectT
from lws.runtime.informers import Informer, Selection
from support.apimodel.answers import request, selection
from support.apimodel.calling import ModelConnection
from support.apimodel.server import Server
from support.apimodel.watching import WatchFeed


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class SteppedInformer(Informer[ObjectT], Generic[ObjectT]):
    """Shows and tells nothing before ``list``, and then what ``deliver`` brings."""

    def __init__(self, server: Server, of: Selection, type_: type[ObjectT], **options: Any) -> None:
        super().__init__(ModelConnection(server), of, type_, **options)  # type: ignore[arg-type]
        self._server = server
        self._path = f"{of.path}?watch=true&labelSelector={quote(of.label_selector)}"
        self._watch: WatchFeed | None = None

    def list(self, *, behind: int = 0) -> None:
        """All there is, as it was so many versions ago; from there on a watch, in place of the former."""
        store = self._server.store
        version = max(store.version - behind, store.compacted)
        asked = request("GET", f"{self._path}&resourceVersion={version}", None, {}, "")
        assert asked.where is not None
        kind, selects = asked.where.kind, selection(asked)
        found = store.as_of(kind, version) if behind else store.objects[kind]
        whole = (decoded(_raw, store.encoded(x)) for x in found.values() if selects(x))
        listed = (self._decoder.decode(x).object for x in whole)
        self._watch = WatchFeed(store, asked)
        readable = [x for x in listed if x is not None]
        self._feed.replace(readable, resource_version=version, rewound=False, keep=())

    @property
    def pending(self) -> bool:
        """Whether there is something that it has not heard of; perhaps it does not concern it."""
        return self._watch is not None and self._watch.pending

    def deliver(self) -> None:
        """The next change."""
        assert self._watch is not None
        line = self._watch.read()
        if not line:
            return
        event = decoded(_decode, line)
        obj, identity = self._decoder.decode(event.object)
        if event.type == "DELETED" and identity is not None:
            self._feed.delete(identity, obj)
        elif obj is not None:
            self._feed.upsert(obj)


_decode, _raw = msgspec.json.Decoder(_Event).decode, msgspec.json.Decoder(msgspec.Raw).decode


class SteppedCache:
    """``lws.runtime.informers.Cache`` as ``make_informers`` uses it."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def informer(self, of: Selection, type_: type[ObjectT], **options: Any) -> SteppedInformer[ObjectT]:
        return SteppedInformer(self._server, of, type_, **options)


def stepped_informers(server: Server) -> Informers:
    """Those of the controllers."""
    return make_informers(SteppedCache(server))  # type: ignore[arg-type]


class SteppedClaims(GroupClaims):
    """Claims of groups, whose informer is told what to do as the others are."""

    def __init__(self, server: Server, client: Client) -> None:
        selected = Selection(RESOURCE_CLAIMS, label_selector=exists(c.NAME_LABEL))
        self.informer = SteppedInformer(server, selected, ResourceClaim)
        self._client = client

    def observe(self, namespace: str, wanted: Any) -> Any:
        return tuple(self._observe(namespace, x) for x in wanted)
