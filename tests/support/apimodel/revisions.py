"""The revisions that the StatefulSet controller keeps of templates: made, adopted, renumbered, let go."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from support.apimodel.podstates import HASH, reference_to, revision_of, selects
from support.apimodel.server import Server
from support.apimodel.store import BY_KIND, Document, Where, owner_of, uid_of, where_of

ME = "statefulset-controller"
REVISIONS = BY_KIND["ControllerRevision"]


class Revisions(NamedTuple):
    """Names, and the templates that they store."""

    current: str
    update: str
    templates: dict[str, Document]


class StatefulSetRevisions:
    """Each method is a part of a sync: a generator that yields after every call."""

    def __init__(self, server: Server) -> None:
        self._server, self._store = server, server.store

    def of(self, one: Document, pods: Iterable[Document]) -> Any:
        """A generator that returns Revisions."""
        own = yield from self._own(one)
        data = {"spec": {"template": one["spec"]["template"]}}
        equal = next((x for x in own if x["data"] == data), None)
        last = own[-1]["revision"] if own else 0
        if equal is None:
            equal = yield from self._new(one, data, last + 1)
            own.append(equal)
        elif equal["revision"] != last:
            equal = self._server.patch(where_of(equal), {"revision": last + 1}, ME)
            yield
        update = equal["metadata"]["name"]
        templates = {x["metadata"]["name"]: x["data"]["spec"]["template"] for x in own}
        current = one.get("status", {}).get("currentRevision", "")
        yield from self._truncate(one, own, {update, current, *map(revision_of, pods)})
        return Revisions(current if current in templates else update, update, templates)

    def _own(self, one: Document) -> Any:
        """A generator that returns them, oldest first; those of nobody that it selects are adopted."""
        found = []
        for each in list(self._store.objects[REVISIONS].values()):
            owner = owner_of(each)
            if not owner and HASH in (each["metadata"].get("labels") or {}) and selects(one, each):
                patch = {"metadata": {"uid": uid_of(each), "ownerReferences": [reference_to(one)]}}
                each = self._server.patch(where_of(each), patch, ME)  # noqa: PLW2901 - as it is by now
                yield
            elif owner != uid_of(one):
                continue
            found.append(each)
        return sorted(found, key=lambda x: x["revision"])

    def _new(self, one: Document, data: Document, number: int) -> Any:
        """A generator that returns it; one of that name and with that data is as good, whosever it is."""
        text = json.dumps(data, sort_keys=True)
        name = f"{one['metadata']['name']}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
        where = Where(REVISIONS, one["metadata"]["namespace"], name)
        there = self._store.find(where)
        if there is not None and there["data"] == data:
            return there
        labels = {**(one["spec"]["template"]["metadata"].get("labels") or {}), HASH: name}
        metadata = {"name": name, "labels": labels, "ownerReferences": [reference_to(one)]}
        document = {"metadata": metadata, "data": data, "revision": number}
        made = self._server.create(where._replace(name=""), document, ME)
        yield
        return made

    def _truncate(self, one: Document, own: list[Document], used: set[str]) -> Iterator[None]:
        idle = [x for x in own if x["metadata"]["name"] not in used]
        for each in idle[: max(0, len(idle) - one["spec"]["revisionHistoryLimit"])]:
            self._server.delete(where_of(each), uid=uid_of(each))
            yield
