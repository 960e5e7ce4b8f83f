"""The verbs of the API server: what a request does to the store, and what it is answered.

Every rule is the API server's own; who asks, when, and whether the answer arrives is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta

from support.apimodel import patching
from support.apimodel.admission import Admission
from support.apimodel.answers import (
    SUCCESS,
    Answer,
    Refused,
    Request,
    conflict,
    invalid,
    listed,
    not_found,
    options,
    selection,
)
from support.apimodel.custom import problem, shaped
from support.apimodel.defaults import assigned, defaulted, immutable, without_gated
from support.apimodel.deletion import ended_document, is_due
from support.apimodel.fields import FieldConflict, applied, taken, updated
from support.apimodel.store import Document, Kind, Store, Where, changed
from support.apimodel.watching import WatchFeed

KEPT = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")
"""Of the metadata, what no write changes."""
MADE = (*KEPT, "resourceVersion")
"""And what nobody says of a new object."""
SHOWN = ("Pod", "Service")
"""Kinds of which the answer to a deletion shows what is gone."""


class Server:
    """``now``: seconds of the clock. ``streams``: whether lists may be streamed, as from 1.32 on.

    ``max_unavailable``: the gate MaxUnavailableStatefulSet. ``schemas``: custom resources have those of this
    version; without, anything is taken as it is. ``prunes``: but for these members of a status.
    """

    def __init__(
        self,
        now: Callable[[], float],
        *,
        streams: bool = True,
        max_unavailable: bool = True,
        schemas: bool = True,
        prunes: Collection[str] = (),
    ) -> None:
        self.store = Store()
        self.admission = Admission({})
        self.streams, self.max_unavailable, self.schemas = streams, max_unavailable, schemas
        self._prunes = frozenset(prunes)
        self.feeds: list[WatchFeed] = []
        self.behind = 0  # so many versions are not in the watch cache yet, from which lists of some age come
        self._now = now
        self._uids = 0

    def take(self, other: Server) -> None:
        """What the other one holds."""
        self.store, self._uids = other.store.copy(), other._uids

    @property
    def seconds(self) -> float:
        """Now, as a timestamp."""
        return self._now()

    # What comes from outside.

    def handle(self, request: Request) -> Answer:
        """Do it, and answer."""
        try:
            return self._dispatch(request)
        except Refused as refused:
            return refused.answer

    def watch(self, request: Request) -> WatchFeed:
        """Raises Refused."""
        if request.where is None:
            raise not_found(None)
        if "sendInitialEvents" in request.query and not self.streams:
            raise invalid("sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch")
        if "sendInitialEvents" in request.query and "resourceVersionMatch" not in request.query:
            raise invalid("resourceVersionMatch: Forbidden: is required where sendInitialEvents is set")
        feed = WatchFeed(self.store, request, at=self._shown(request))
        self.feeds.append(feed)
        return feed

    def _dispatch(self, request: Request) -> Answer:  # noqa: PLR0911 - a case for each verb
        where = request.where
        if where is None:
            if request.path == "/version":
                return Answer(200, b'{"major":"1","minor":"36","gitVersion":"v1.36.3"}')
            raise not_found(None)
        manager = request.query.get("fieldManager") or request.actor
        match request.method:
            case "GET" if where.name:
                return self._answer(self._get(where))
            case "GET":
                return self._list(request, where)
            case "POST":
                return self._answer(self.create(where, request.body, manager), 201)
            case "PUT":
                return self._answer(self.update(where, request.body, manager, request.subresource))
            case "PATCH" if "apply-patch" in request.content_type:
                force = request.query.get("force") == "true"
                return self._answer(self.apply(where, request.body, manager, force=force))
            case "PATCH":
                strategic = "strategic" in request.content_type
                made = self.patch(where, request.body, manager, request.subresource, strategic=strategic)
                return self._answer(made)
            case "DELETE":
                left = self.delete(where, by=request.actor, **options(request.body))
                return self._answer(left) if left is not None else SUCCESS
        raise Refused(405, "MethodNotAllowed", request.method)

    def _answer(self, document: Document, status: int = 200) -> Answer:
        return Answer(status, self.store.encoded(document))

    def _get(self, where: Where) -> Document:
        found = self.store.find(where)
        if found is None:
            raise not_found(where)
        return found

    def _list(self, request: Request, where: Where) -> Answer:
        selects, version = selection(request), self._shown(request)
        found = self.store.as_of(where.kind, version)
        items = [self.store.encoded(x) for _, x in sorted(found.items()) if selects(x)]
        return listed(where.kind, items, version)

    def _shown(self, request: Request) -> int:
        """The version of a list: not older than asked for, and the newest where nothing is."""
        newest, asked = self.store.version, request.query.get("resourceVersion", "")
        return max(newest - self.behind, int(asked)) if asked and self.behind else newest

    # Verbs.

    def create(self, where: Where, document: Document, manager: str) -> Document:
        kind, made = where.kind, changed(document)
        metadata = made.setdefault("metadata", {})
        self._uids += 1
        name = metadata.get("name") or f"{metadata.get('generateName', '')}{self._uids:05}"
        where = Where(kind, where.namespace or metadata.get("namespace", ""), name)
        if self.store.find(where) is not None:
            raise Refused(409, "AlreadyExists", f"{where} already exists")
        metadata |= {"name": name} | ({"namespace": where.namespace} if where.namespace else {})
        kept = {x: y for x, y in metadata.items() if x not in MADE and y not in ({}, [])}
        made |= {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": kept}
        if kind.status:
            made.pop("status", None)
        made = updated(None, self._defaulted(kind, made), manager, subresource="", kind=kind)
        made = self._defaulted(kind, self.admission.admit(kind, made, None))  # whose changes nobody owns
        if wrong := self._problem(kind, made):
            raise invalid(wrong)
        made["metadata"] = {
            **made["metadata"],
            "uid": f"{kind.kind.lower()}-{self._uids}",
            "creationTimestamp": self.time(),
            **({"generation": 1} if kind.generation else {}),
        }
        return self.store.put(where, assigned(self._gated(made)))

    def update(self, where: Where, document: Document, manager: str, subresource: str = "") -> Document:
        live = self._get(where)
        asked = document["metadata"]
        if "resourceVersion" not in asked and where.kind.custom:
            raise invalid("metadata.resourceVersion: Invalid value: must be specified for an update")
        if (
            asked.get("resourceVersion", live["metadata"]["resourceVersion"])
            != live["metadata"]["resourceVersion"]
        ):
            raise conflict("the object has been modified; please apply your changes to the latest version")
        if asked.get("uid", live["metadata"]["uid"]) != live["metadata"]["uid"]:
            raise conflict("Precondition failed: UID in precondition")
        wanted = {**changed(document), "apiVersion": where.kind.api_version, "kind": where.kind.kind}
        return self._store(where, live, wanted, manager, subresource)

    def patch(
        self, where: Where, patch: Document, manager: str, subresource: str = "", *, strategic: bool = False
    ) -> Document:
        if strategic and where.kind.custom:
            raise Refused(415, "UnsupportedMediaType", "strategic merge patch is not for custom resources")
        live = self._get(where)
        asked = patch.get("metadata") or {}
        version = asked.get("resourceVersion")
        if version is not None and version != live["metadata"]["resourceVersion"]:
            raise conflict("the object has been modified; please apply your changes to the latest version")
        ignored = where.kind.custom and subresource == "status"  # with all metadata but the version
        if not ignored and asked.get("uid", live["metadata"]["uid"]) != live["metadata"]["uid"]:
            raise invalid(f'metadata.uid: Invalid value: "{asked["uid"]}": field is immutable')
        merge = patching.strategic_merge if strategic else patching.merge_patch
        return self._store(where, live, changed(merge(live, patch)), manager, subresource)

    def apply(self, where: Where, document: Document, manager: str, *, force: bool) -> Document:
        live = self.store.find(where)
        if live is None:
            made = self.create(where, document, manager)
            owned = taken(made, document, manager, where.kind)
            self.store.objects[where.kind][where.namespace, where.name] = owned
            self.store.log[where.kind][-1] = self.store.log[where.kind][-1]._replace(document=owned)
            return owned
        try:
            made = applied(live, document, manager, where.kind, force=force)
        except FieldConflict as error:
            raise conflict(f"Apply failed with conflicts: {error}") from error
        return self._store(where, live, made, manager, "", owned=True)

    def _store(
        self,
        where: Where,
        live: Document,
        wanted: Document,
        manager: str,
        subresource: str,
        *,
        owned: bool = False,
    ) -> Document:
        """What every change of an existing object goes through."""
        if where.kind.status:
            main, said = (live, wanted) if subresource == "status" else (wanted, live)
            wanted = {x: y for x, y in main.items() if x != "status"}
            wanted |= {"status": said["status"]} if "status" in said else {}
        wanted = self._defaulted(where.kind, wanted)
        metadata = {x: y for x, y in wanted["metadata"].items() if x not in KEPT and y not in ({}, [])}
        metadata |= {x: live["metadata"][x] for x in KEPT if x in live["metadata"]}
        wanted["metadata"] = metadata
        if "deletionTimestamp" in metadata and set(metadata.get("finalizers", ())) - set(
            live["metadata"].get("finalizers", ())
        ):
            raise invalid("metadata.finalizers: Forbidden: no new finalizers can be added")
        if not owned:
            wanted = updated(live, wanted, manager, subresource=subresource, kind=where.kind)
        if not subresource:
            wanted = self.admission.admit(where.kind, wanted, live)
        if wrong := immutable(live, wanted) or self._problem(where.kind, wanted, live):
            raise invalid(wrong)
        wanted = self._gated(wanted)
        if where.kind.generation and _rest(wanted) != _rest(live):
            metadata = wanted["metadata"]
            wanted["metadata"] = {**metadata, "generation": live["metadata"]["generation"] + 1}
        if is_due(wanted):  # what is on its way out goes with its last finalizer, without another state
            self.store.remove(where)
            version = live["metadata"]["resourceVersion"]
            return {**wanted, "metadata": {**wanted["metadata"], "resourceVersion": version}}
        return self.store.put(where, wanted)

    def delete(
        self,
        where: Where,
        *,
        uid: str = "",
        version: str = "",
        propagation: str = "",
        grace: int | None = None,
        by: str = "",
    ) -> Document | None:
        """What is left, and of some kinds what was; else None.

        ``propagation``: empty: as its finalizers have it.
        """
        live = self._get(where)
        metadata = live["metadata"]
        if uid not in ("", metadata["uid"]) or version not in ("", metadata["resourceVersion"]):
            raise conflict("Precondition failed: UID in precondition")
        self.admission.let_go(where, by)
        ended = ended_document(live, propagation, grace, self.time)
        if ended is not None:
            live = self.store.put(where, ended)
        if ended is None or is_due(live):
            last = self.store.remove(where)
            return last if live["kind"] in SHOWN else None
        return live

    def _defaulted(self, kind: Kind, document: Document) -> Document:
        made = shaped(kind, document, self._prunes) if self.schemas else document
        return dict(defaulted(made, max_unavailable=self.max_unavailable))

    def _problem(self, kind: Kind, document: Document, before: Document | None = None) -> str:
        return problem(kind, document, before) if self.schemas else ""

    def _gated(self, document: Document) -> Document:
        return document if self.max_unavailable else without_gated(document)

    def time(self, seconds: float = 0.0) -> str:
        """As it stands in objects."""
        at = datetime.fromtimestamp(int(self._now()), UTC) + timedelta(seconds=seconds)
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _rest(document: Document) -> Document:
    return {x: y for x, y in document.items() if x not in ("metadata", "status")}
