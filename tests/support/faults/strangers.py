"""Objects of others that look like ours, by their labels, their names and their kinds.

Whoever writes one of them, or takes it for its own, is wrong. Nothing that belongs to a set is made here.
"""

from __future__ import annotations

from typing import Any, Protocol

from lws.api import constants as c
from lws.api import disaggregation as d
from support.admission import an_lws
from support.apimodel.store import Document

MARK = "foreign"
"""Every stranger has it: as its label ``app``, or in its name."""

OF_SET = {c.NAME_LABEL: "s"}
OF_ROLES = {d.NAME_LABEL: "d", d.ROLE_LABEL: "prefill", d.SLICE_LABEL: "0"}
PODS = {"containers": [{"name": "c", "image": "x"}]}


class Place(Protocol):
    """Where they live."""

    def create(self, kind: str, document: Document) -> Document: ...


def is_stranger(document: Document) -> bool:
    metadata = document["metadata"]
    return MARK in metadata["name"] or (metadata.get("labels") or {}).get("app") == MARK


def is_untouchable(document: Document) -> bool:
    """Whether none of our controllers has to do with it: a user's own set is ours to look after, too."""
    return (
        is_stranger(document)
        and document["kind"] != "LeaderWorkerSet"
        and not document["metadata"].get("ownerReferences")
    )


def plant(place: Place, *more: tuple[str, Document]) -> None:
    """All of them, and those that are in somebody's way."""
    for kind, document in (*LOOK_ALIKES, *more):
        place.create(kind, document)


def stranger(name: str, labels: Document | None = None, **members: Any) -> Document:
    return {"metadata": {"name": name, "labels": {"app": MARK} | (labels or {})}, **members}


def stateful_set(name: str, labels: Document | None = None, *, replicas: int = 0) -> Document:
    """One whose pods nobody could take for a group's."""
    own = {"app": MARK, "of": name}
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": own},
        "serviceName": MARK,
        "template": {"metadata": {"labels": own}, "spec": PODS},
    }
    return stranger(name, labels, spec=spec)


def own_set(name: str, labels: Document | None = None) -> Document:
    """A user's, without groups."""
    empty = {"leaderTemplate": None, "workerTemplate": {"spec": PODS}, "replicas": 0}
    return an_lws(metadata={"name": name, "labels": {"app": MARK} | (labels or {})}, **empty)


LOOK_ALIKES: tuple[tuple[str, Document], ...] = (
    ("StatefulSet", stateful_set(MARK, replicas=1)),
    ("StatefulSet", stateful_set("s-foreign", {**OF_SET, c.GROUP_INDEX_LABEL: "0", c.ROLE_LABEL: "worker"})),
    ("Service", stranger(MARK, spec={})),
    ("Service", stranger("s-foreign", OF_SET, spec={})),
    ("Service", stranger("d-foreign", {**OF_ROLES, d.REVISION_LABEL: "foreign"}, spec={})),
    ("ControllerRevision", stranger("a-foreign", {c.NAME_LABEL: "another"}, data={}, revision=1)),
    ("ControllerRevision", stranger("s-foreign", {**OF_SET, c.REVISION_LABEL: "x"}, data={}, revision=1)),
    ("ControllerRevision", stranger("d-foreign", {**OF_ROLES, d.REVISION_LABEL: "y"}, data={}, revision=1)),
    ("Pod", stranger("s-foreign-1", {**OF_SET, c.GROUP_INDEX_LABEL: "0"}, spec=PODS)),
    ("ResourceClaim", stranger("s-foreign", OF_SET, spec={})),
    ("LeaderWorkerSet", own_set("d-foreign-own", {**OF_ROLES, d.REVISION_LABEL: "foreign"})),
)
"""Of every kind that a controller of ours writes or watches, with the labels that ours have, and no owner."""

IN_THE_WAY: tuple[tuple[str, Document], ...] = (
    ("StatefulSet", stateful_set("s")),
    ("StatefulSet", stateful_set("s-1")),
    ("Service", stranger("s", spec={})),
    ("Pod", stranger("s-0", spec=PODS)),
)
"""Those that have the names which the set of the operations needs."""
IN_THE_WAY_OF_ROLES: tuple[tuple[str, Document], ...] = (
    ("LeaderWorkerSet", own_set("d-0-c28b4e45-prefill")),
    ("Service", stranger("d-0-c28b4e45-decode-prv", spec={})),
)
"""The same, of the DisaggregatedSet."""
