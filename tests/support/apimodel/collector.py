"""The garbage collector: what lost its owners goes, and who waits for its dependents goes after them.

By UID. In the foreground the owner keeps a finalizer until nothing that blocks it is left; in the background
dependents go once the owner is gone. One call is one step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from support.apimodel.answers import Refused
from support.apimodel.deletion import FOREGROUND, ORPHAN
from support.apimodel.server import Server
from support.apimodel.store import Document, Where, uid_of

ME = "generic-garbage-collector"
Dependents = list[tuple[Where, Document]]


class Collector:
    """``away``: it does nothing for now."""

    def __init__(self, server: Server) -> None:
        self._server, self._store = server, server.store
        self.away = False

    def moves(self) -> Iterator[Callable[[], object]]:
        """Everything that it could do now."""
        if self.away:
            return
        dependents: dict[str, Dependents] = {}
        owners: list[tuple[Where, Document]] = []
        for where, document in self._store.everything():
            metadata = document["metadata"]
            if "finalizers" in metadata and "deletionTimestamp" in metadata:
                owners.append((where, document))
            for reference in metadata.get("ownerReferences", ()):
                dependents.setdefault(reference["uid"], []).append((where, document))
        leaving = {uid_of(x) for _, x in owners if FOREGROUND in x["metadata"]["finalizers"]}
        lost = [uid for uid in dependents if uid not in self._store.by_uid or uid in leaving]
        for where, document in {uid_of(y): (x, y) for uid in lost for x, y in dependents[uid]}.values():
            yield from self._without(where, document, leaving, dependents)
        for where, owner in owners:
            mine = dependents.get(uid_of(owner), [])
            if ORPHAN in owner["metadata"]["finalizers"]:
                yield from self._orphan(where, owner, mine)
            elif uid_of(owner) in leaving and not any(_blocks(x, uid_of(owner)) for _, x in mine):
                yield partial(self._release, where, owner, FOREGROUND)

    def _without(
        self, where: Where, document: Document, leaving: set[str], dependents: dict[str, Dependents]
    ) -> Iterator[Callable[[], object]]:
        """Some of its owners are gone, or wait for it to go first: others keep it, or it goes."""
        owners = document["metadata"]["ownerReferences"]
        there = [x for x in owners if x["uid"] in self._store.by_uid]
        solid = [x for x in there if x["uid"] not in leaving]
        if solid:
            yield partial(self._keep, where, document, solid)
        elif "deletionTimestamp" not in document["metadata"]:
            foreground = bool(there) and uid_of(document) in dependents
            yield partial(self._delete, where, document, "Foreground" if foreground else "")

    def _orphan(
        self, where: Where, owner: Document, dependents: Dependents
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
