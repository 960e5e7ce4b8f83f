"""What people and other programs do by hand to what a set has: each deed as an edit of an object, and lists
of them by what becomes of it. Nothing is done here, but in ``meddling``.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from lws.api import constants as c
from lws.api import disaggregation as d
from support.apimodel.store import Document
from support.faults.states import MEDDLED

MANAGED = (c.NAME_LABEL, c.GROUP_INDEX_LABEL)
"""Labels that are put back. A revision's that names none is an older controller's, and is believed."""
OF_PODS = (c.NAME_LABEL, c.WORKER_INDEX_LABEL, c.GROUP_INDEX_LABEL, c.GROUP_KEY_LABEL)
"""Those of pods, which are not. Without the revision's, by which rolls go: with maxUnavailable 0 a group
waits for the next one (docs/decisions/251)."""
OF_ROLES = (d.NAME_LABEL, d.ROLE_LABEL, d.SLICE_LABEL, d.REVISION_LABEL)

Edit = Callable[[Document, Random], Document]
Deed = tuple[str, Edit]
"""What is edited, by the name of its kind or of ``meddling.PARTS``, and how."""


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


def deleted_revision(_document: Document, _random: Random) -> Document:
    return {"delete": {"propagation": "Background"}}


def other_image(document: Document, _: Random) -> Document:
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


def _replicas_of_groups(document: Document, random: Random) -> Document:
    document["spec"]["replicas"] = random.randint(0, 4)
    return document


def _noted(document: Document, _: Random) -> Document:
    """What nobody asks for."""
    for member in ("labels", "annotations"):
        document["metadata"].setdefault(member, {})[MEDDLED] = "yes"
    return document


def _loses(*labels: str) -> Edit:
    """One of them, or what it says."""

    def edited(document: Document, random: Random) -> Document:
        held = document["metadata"].get("labels") or {}
        name = random.choice(labels)
        if name in held and random.random() < 0.5:
            held[name] = "7"
        else:
            held.pop(name, None)
        return document

    return edited


def _asks_others(document: Document, random: Random) -> Document:
    """A selector without one of its labels."""
    selector = document["spec"]["selector"]
    selector.pop(random.choice(sorted(selector)))
    return document


def _forged(document: Document, random: Random) -> Document:
    status = document.get("status", {})
    groups = dict(status.get("groups") or {})
    groups[str(random.randint(0, 3))] = {"leader": "nobody", "workers": "0", "restarts": -3}
    return {
        **document,
        "newStatus": random.choice(({}, {**status, "groups": groups}, {**status, "groups": {}})),
    }


HARMLESS_TO_ANY: tuple[Deed, ...] = (
    ("Pod", _noted),
    ("Service", _deleted()),
    ("Service", _selector),
    ("Service", _loses(c.NAME_LABEL)),
    ("LeaderWorkerSet", _forged),
    ("role", _loses(*OF_ROLES, d.APP_LABEL)),
    ("service of a role", _deleted()),
    ("service of a role", _loses(*OF_ROLES[1:])),  # without the first no watch shows it (decision 171)
    ("service of a role", _asks_others),
    ("revision of roles", _deleted()),
)
"""What costs no pod, at no time, whatever goes meanwhile."""
HARMLESS: tuple[Deed, ...] = (*HARMLESS_TO_ANY, ("pod that stays", _no_owners))
"""What costs no pod of a set that stays: its StatefulSet adopts it again."""
RELABELLED: tuple[Deed, ...] = (
    ("leader", _loses(*OF_PODS)),
    ("worker", _loses(*OF_PODS)),
)
"""What stays so until its pod is made anew (decision 251)."""
MENDED: tuple[Deed, ...] = (
    *HARMLESS_TO_ANY,
    ("role", _deleted()),
    ("role", _deleted("Foreground")),
    ("role", _replicas_of_groups),
    ("Pod", _deleted()),
    ("Pod", _deleted(grace=0)),
    ("Pod", _happens("fail")),
    ("Pod", _happens("restart")),
    ("StatefulSet", _deleted()),
    ("StatefulSet", _deleted("Foreground")),
    ("StatefulSet", _replicas),
    ("StatefulSet", _of_leaders(_partition)),
    ("StatefulSet", other_image),
    ("StatefulSet", _no_annotations),
    ("StatefulSet", _of_leaders(_odd_annotation)),
)
"""What is put right whatever the user edits at the same time."""
EDITS: tuple[Deed, ...] = (
    *MENDED,
    ("pod that stays", _no_owners),
    ("StatefulSet", _deleted("Orphan")),
    ("StatefulSet", _no_label),
    ("StatefulSet", _other_label),
    ("StatefulSet", _no_owners),
    ("Service", _no_label),
    ("Service", _no_owners),
    ("ControllerRevision", deleted_revision),
    ("ControllerRevision", _no_owners),
)
"""With what cuts a child off: that of a group which goes before it is found again is nobody's, and stays."""
