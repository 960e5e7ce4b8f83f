"""Does deeds of people and other programs (``edits``) to what a set has; whatever it was, the set ends as if
it had not been. And what is excused then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol

from lws.api import constants as c
from lws.api import disaggregation as d
from support.apimodel.answers import Refused
from support.apimodel.nodes import Nodes
from support.apimodel.server import Server
from support.apimodel.store import BY_KIND, Document, Store, Where, changed, owner_of, where_of
from support.faults.edits import EDITS, Deed, Edit, deleted_revision, other_image
from support.faults.strangers import is_stranger

SETS = BY_KIND["LeaderWorkerSet"]


class Place(Protocol):
    """A world in which something is to be done."""

    server: Server
    store: Store
    nodes: Nodes


def meddle(world: Place, random: Random, deeds: Sequence[Deed] | None = None) -> Document | None:
    """One of all these things, where it can be done; gives what it was done to. ``deeds``: of these."""
    what, edit = random.choice(deeds or EDITS)
    found = [
        x for x in _all(world.store, what) if _stays(world, x) and "deletionTimestamp" not in x["metadata"]
    ]
    if not found:
        return None
    document = random.choice(found)
    if not _is_put_right(world, edit, document):
        return None
    try:
        _do(world, where_of(document), edit(changed(document), random))
    except Refused as refused:
        if refused.status not in (403, 404, 409, 422):
            raise
        return None
    return document


def _all(store: Store, what: str) -> list[Document]:
    """``what``: a kind, of which those count that a set has; or a name of PARTS."""
    kind, belongs = PARTS.get(what, (what, _of_a_set))
    return [x for x in store.all(kind) if belongs(x) and not is_stranger(x)]


def _of_a_set(document: Document) -> bool:
    labels = document["metadata"].get("labels") or {}
    ours = labels.get(c.NAME_LABEL, "") not in ("", "another")
    revision = document["kind"] == "ControllerRevision"
    return document["kind"] == "LeaderWorkerSet" or (
        ours and not (revision and {c.WORKER_INDEX_LABEL, c.GROUP_INDEX_LABEL} & labels.keys())
    )


def _labels(document: Document) -> Document:
    found: Document = document["metadata"].get("labels") or {}
    return found


def _of_roles(document: Document) -> bool:
    """A DisaggregatedSet's own."""
    return d.NAME_LABEL in _labels(document) and c.NAME_LABEL not in _labels(document)


PARTS: dict[str, tuple[str, Callable[[Document], bool]]] = {
    "leader": ("Pod", lambda x: _of_a_set(x) and _labels(x).get(c.WORKER_INDEX_LABEL) == "0"),
    "worker": ("Pod", lambda x: _of_a_set(x) and _labels(x).get(c.WORKER_INDEX_LABEL) != "0"),
    "pod that stays": ("Pod", lambda x: _of_a_set(x) and d.NAME_LABEL not in _labels(x)),  # roles' sets go
    "role": ("LeaderWorkerSet", _of_roles),
    "service of a role": ("Service", _of_roles),
    "revision of roles": ("ControllerRevision", _of_roles),
}


def _stays(world: Place, document: Document) -> bool:
    """Its group is wanted. What is cut off from one that goes is nobody's, and left alone (decision 113)."""
    labels = document["metadata"].get("labels") or {}
    named = Where(SETS, document["metadata"].get("namespace", ""), labels.get(c.NAME_LABEL, ""))
    lws = world.store.find(named)
    index = labels.get(c.GROUP_INDEX_LABEL, "0")
    return lws is None or (index.isdigit() and int(index) < lws["spec"]["replicas"])


def _is_put_right(world: Place, edit: Edit, document: Document) -> bool:
    """Pods of another template are put right by their death, unless the policy is to do nothing then."""
    if edit not in (other_image, deleted_revision):
        return True
    metadata = document["metadata"]
    named = Where(SETS, metadata.get("namespace", ""), metadata["labels"][c.NAME_LABEL])
    lws = world.store.find(named)
    if lws is None:
        return True
    if edit is deleted_revision:
        return _may_go(world, document, lws)
    return bool(lws["spec"]["leaderWorkerTemplate"]["restartPolicy"] != c.RESTART_NONE)


def _may_go(world: Place, revision: Document, lws: Document) -> bool:
    """One that the leader StatefulSet names, or is about to, leaves its name to another template that is
    asked for meanwhile (docs/faults.md, open): only where none is.
    """
    all_ = [x for x in _all(world.store, "ControllerRevision") if owner_of(x) == lws["metadata"]["uid"]]
    if len(all_) == 1:
        return bool(lws.get("status", {}).get("observedGeneration") == lws["metadata"]["generation"])
    leader = world.store.find(where_of(lws)._replace(kind=BY_KIND["StatefulSet"]))
    named = "" if leader is None else _revision(leader)
    return _revision(revision) != named and revision["revision"] < max(x["revision"] for x in all_)


def _revision(document: Document) -> str:
    found: str = (document["metadata"].get("labels") or {}).get(c.REVISION_LABEL, "")
    return found


def _do(world: Place, where: Where, edited: Document) -> None:
    match edited:
        case {"delete": options}:
            world.server.delete(where, **options)
        case {"happens": what}:
            getattr(world.nodes, what)(world.store.find(where))
        case {"newStatus": status}:
            world.server.update(where, {**edited, "status": status}, "meddler", "status")
        case _:
            world.server.update(where, edited, "meddler")


def is_nobodys(store: Store) -> bool:
    """Whether something was cut off from an owner that has gone since: left alone, and told (decision 113).

    What is neither older than its owner nor of another revision is not excused: that owner was there to find
    it again. Of a pod without an owner that is its StatefulSet, which would have taken it back.
    """
    ours = (x for kind in ("StatefulSet", "Service") for x in store.all(kind) if not is_stranger(x))
    pods = (x for x in store.all("Pod") if _of_a_set(x) and not is_stranger(x))
    return any(_owner_has_gone(store, x) for x in ours) or not all(map(owner_of, pods))


def _owner_has_gone(store: Store, child: Document) -> bool:
    metadata = child["metadata"]
    labels = metadata.get("labels") or {}
    if metadata.get("ownerReferences") or not labels.get(c.NAME_LABEL):
        return False
    kind, name = (
        (BY_KIND["Pod"], metadata["name"]) if c.GROUP_INDEX_LABEL in labels else (SETS, labels[c.NAME_LABEL])
    )
    owner = store.find(Where(kind, metadata.get("namespace", ""), name))
    if owner is None or metadata["creationTimestamp"] < owner["metadata"]["creationTimestamp"]:
        return True
    return kind is not SETS and _revision(child) != _revision(owner)
