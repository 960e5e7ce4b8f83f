"""The garbage collector: what lost its owners goes, and who waits for its dependents goes after them.

By UID. In the foreground the owner keeps a finalizer until nothing that blocks it is left; in the background
dependents go once the owner is gone. One call is one step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from support.apimodel.answers import Refused
from support.apimodel.server import FOREGROUND, ORPHAN, Server
from support.apimodel.store import Document, Where, uid_of

ME = "generic-garbage-collector"


class Collector:
    """``away``: it does nothing for now."""

    def __init__(self, server: Server) -> None:
        self._server, self._store = server, server.store
        self.away = False

    def moves(self) -> Iterator[Callable[[], object]]:
        """Everything that it could do now."""
        if self.away:
            return
        dependents: dict[str, list[tuple[Where, Document]]] = {}
        for where, document in self._store.everything():
            for reference in document["metadata"].get("ownerReferences", ()):
                dependents.setdefault(reference["uid"], []).append((where, document))
        yield from self._absent(dependents)
        for where, owner in self._store.everything():
            finalizers = owner["metadata"].get("finalizers", ())
            mine = dependents.get(uid_of(owner), [])
            if FOREGROUND in finalizers and "deletionTimestamp" in owner["metadata"]:
                yield from self._in_foreground(where, owner, mine)
            elif ORPHAN in finalizers and "deletionTimestamp" in owner["metadata"]:
                yield from self._orphan(where, owner, mine)

    def _absent(self, dependents: dict[str, Any]) -> Iterator[Callable[[], object]]:
        for uid, found in dependents.items():
            if uid in self._store.by_uid:
                continue
            for where, document in found:
                owners = document["metadata"]["ownerReferences"]
                solid = [x for x in owners if x["uid"] in self._store.by_uid]
                if solid:
                    yield partial(self._keep, where, document, solid)
                elif "deletionTimestamp" not in document["metadata"]:
                    yield partial(self._delete, where, document, "Background")

    def _in_foreground(
        self, where: Where, owner: Document, dependents: list[tuple[Where, Document]]
    ) -> Iterator[Callable[[], object]]:
        blocking = [(at, x) for at, x in dependents if _blocks(x, uid_of(owner))]
        for at, each in dependents:
            if "deletionTimestamp" not in each["metadata"]:
                yield partial(self._delete, at, each, "Foreground")
        if not blocking:
            yield partial(self._release, where, owner, FOREGROUND)

    def _orphan(
        self, where: Where, owner: Document, dependents: list[tuple[Where, Document]]
    ) -> Iterator[Callable[[], object]]:
        for at, each in dependents:
            left = [x for x in each["metadata"]["ownerReferences"] if x["uid"] != uid_of(owner)]
            yield partial(self._keep, at, each, left)
        if not dependents:
            yield partial(self._release, where, owner, ORPHAN)

    def _delete(self, where: Where, document: Document, propagation: str) -> None:
        self._try(self._server.delete, where, uid=uid_of(document), propagation=propagation)

    def _keep(self, where: Where, document: Document, owners: list[Document]) -> None:
        metadata = {"uid": uid_of(document), "ownerReferences": owners}
        self._try(self._server.patch, where, {"metadata": metadata}, ME)

    def _release(self, where: Where, owner: Document, finalizer: str) -> None:
        live = self._store.find(where)
        if live is None or uid_of(live) != uid_of(owner):
            return
        left = [x for x in live["metadata"].get("finalizers", ()) if x != finalizer]
        patch = {"metadata": {"uid": uid_of(owner), "finalizers": left}}
        self._try(self._server.patch, where, patch, ME)

    @staticmethod
    def _try(call: Callable[..., object], *args: Any, **options: Any) -> None:
        try:
            call(*args, **options)
        except Refused as refused:
            if refused.status not in (404, 409, 422):
                raise


def _blocks(document: Document, uid: str) -> bool:
    references = document["metadata"].get("ownerReferences", ())
    return any(x["uid"] == uid and x.get("blockOwnerDeletion") for x in references)
