"""What people and other programs do to a set's children and status by hand. Whatever it was, the set ends as
if it had not been.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Protocol

from lws.api import constants as c
from support.apimodel.answers import Refused
from support.apimodel.nodes import Nodes
from support.apimodel.server import Server
from support.apimodel.store import BY_KIND, Document, Store, Where, changed, where_of

MANAGED = (c.NAME_LABEL, c.GROUP_INDEX_LABEL)
"""Labels that are put back. A revision's that names none is an older controller's, and is believed."""

SETS = BY_KIND["LeaderWorkerSet"]
Edit = Callable[[Document, Random], Document]


class Place(Protocol):
    """A world in which something is to be done."""

    server: Server
    store: Store
    nodes: Nodes


def meddle(world: Place, random: Random, deeds: Sequence[tuple[str, Edit]] | None = None) -> None:
    """One of all these things, where it can be done. ``deeds``: of these."""
    kind, edit = random.choice(deeds or EDITS)
    found = [
        x
        for x in world.store.all(kind)
        if _of_a_set(x) and _stays(world, x) and "deletionTimestamp" not in x["metadata"]
    ]
    if not found:
        return
    document = random.choice(found)
    if not _is_put_right(world, edit, document):
        return
    try:
        _do(world, where_of(document), edit(changed(document), random))
    except Refused as refused:
        if refused.status not in (403, 404, 409, 422):
            raise


def _of_a_set(document: Document) -> bool:
    labels = document["metadata"].get("labels") or {}
    ours = labels.get(c.NAME_LABEL, "") not in ("", "another")
    revision = document["kind"] == "ControllerRevision"
    return document["kind"] == "LeaderWorkerSet" or (
        ours and not (revision and {c.WORKER_INDEX_LABEL, c.GROUP_INDEX_LABEL} & labels.keys())
    )


def _stays(world: Place, document: Document) -> bool:
    """Its group is wanted. What is cut off from one that goes is nobody's, and left alone (decision 113)."""
    labels = document["metadata"].get("labels") or {}
    named = Where(SETS, document["metadata"].get("namespace", ""), labels.get(c.NAME_LABEL, ""))
    lws = world.store.find(named)
    index = labels.get(c.GROUP_INDEX_LABEL, "0")
    return lws is None or (index.isdigit() and int(index) < lws["spec"]["replicas"])


def _is_put_right(world: Place, edit: Edit, document: Document) -> bool:
    """Pods of another template are put right by their death, unless the policy is to do nothing then."""
    if edit is not _image:
        return True
    metadata = document["metadata"]
    named = Where(SETS, metadata.get("namespace", ""), metadata["labels"][c.NAME_LABEL])
    lws = world.store.find(named)
    return lws is None or lws["spec"]["leaderWorkerTemplate"]["restartPolicy"] != c.RESTART_NONE


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


def _deleted(propagation: str = "Background", **options: Any) -> Edit:
    return lambda _document, _random: {"delete": {"propagation": propagation, **options}}


def _happens(what: str) -> Edit:
    return lambda _document, _random: {"happens": what}


def _replicas(document: Document, random: Random) -> Document:
    document["spec"]["replicas"] = random.randint(0, 4)
    return document


def _of_leaders(edit: Edit) -> Edit:
    """Only of the StatefulSet of leaders: what others may have on those of workers stays."""

    def edited(document: Document, random: Random) -> Document:
        workers = c.GROUP_INDEX_LABEL in (document["metadata"].get("labels") or {})
        return document if workers else edit(document, random)

    return edited


def _partition(document: Document, random: Random) -> Document:
    document["spec"]["updateStrategy"].setdefault("rollingUpdate", {})["partition"] = random.randint(0, 3)
    return document


def _image(document: Document, _: Random) -> Document:
    document["spec"]["template"]["spec"]["containers"][0]["image"] = "meddled"
    return document


def _no_label(document: Document, random: Random) -> Document:
    labels = document["metadata"].get("labels", {})
    labels.pop(random.choice(MANAGED), None)
    return document


def _other_label(document: Document, random: Random) -> Document:
    labels = document["metadata"].get("labels") or {}
    if held := [x for x in MANAGED if x in labels]:
        labels[random.choice(held)] = "7"
    return document


def _no_annotations(document: Document, _: Random) -> Document:
    document["metadata"].pop("annotations", None)
    return document


def _odd_annotation(document: Document, random: Random) -> Document:
    annotations = document["metadata"].setdefault("annotations", {})
    annotations[c.REPLICAS_ANNOTATION] = random.choice(("", "x", "-1", "9"))
    return document


def _no_owners(document: Document, _: Random) -> Document:
    document["metadata"].pop("ownerReferences", None)
    return document


def _selector(document: Document, _: Random) -> Document:
    document["spec"]["selector"] = {"app": "meddled"}
    return document


def _forged(document: Document, random: Random) -> Document:
    status = document.get("status", {})
    groups = dict(status.get("groups") or {})
    groups[str(random.randint(0, 3))] = {"leader": "nobody", "workers": "0", "restarts": -3}
    return {
        **document,
        "newStatus": random.choice(({}, {**status, "groups": groups}, {**status, "groups": {}})),
    }


MENDED: tuple[tuple[str, Edit], ...] = (
    ("Pod", _deleted()),
    ("Pod", _deleted(grace=0)),
    ("Pod", _happens("fail")),
    ("Pod", _happens("restart")),
    ("StatefulSet", _deleted()),
    ("StatefulSet", _deleted("Foreground")),
    ("StatefulSet", _replicas),
    ("StatefulSet", _of_leaders(_partition)),
    ("StatefulSet", _image),
    ("StatefulSet", _no_annotations),
    ("StatefulSet", _of_leaders(_odd_annotation)),
    ("Service", _deleted()),
    ("Service", _selector),
    ("LeaderWorkerSet", _forged),
)
"""What is put right whatever the user edits at the same time."""
EDITS: tuple[tuple[str, Edit], ...] = (
    *MENDED,
    ("StatefulSet", _deleted("Orphan")),
    ("StatefulSet", _no_label),
    ("StatefulSet", _other_label),
    ("StatefulSet", _no_owners),
    ("Service", _no_label),
    ("Service", _no_owners),
    ("ControllerRevision", _deleted()),
    ("ControllerRevision", _no_owners),
)
"""With what cuts a child off: that of a group which goes before it is found again is nobody's, and stays."""


def is_nobodys(store: Store) -> bool:
    """Whether something was cut off from an owner that has gone since: left alone, and told (decision 113).

    What is neither older than its owner nor of another revision is not excused: that owner was there to find
    it again.
    """
    return any(_owner_has_gone(store, x) for kind in ("StatefulSet", "Service") for x in store.all(kind))


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
