"""What is left when all is at rest, in a form that two worlds are compared by: nothing of history."""

from __future__ import annotations

from typing import Any

from lws.api import constants as c
from lws.api import disaggregation as d
from support.apimodel.podstates import HASH
from support.apimodel.store import Document, Store, Where, owner_of, uid_of

OWN = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields")
TIMES = ("lastTransitionTime", "observedGeneration")
SKIPPED = ("Event", "Lease")
MEDDLED = "meddled"
"""A label and an annotation of somebody, which is none of ours."""
HISTORIES = (c.IN_PLACE_ANNOTATION, d.INITIAL_REPLICAS_ANNOTATION, MEDDLED)
"""Annotations that tell what became of an object, and stay."""

State = dict[str, Document]


def state_of(store: Store) -> State:
    """By the name of each object what it says; what the history alone explains is left out."""
    found: State = {}
    for where, document in sorted(store.everything(), key=lambda x: x[1].get("revision", 0)):
        if where.kind.kind not in SKIPPED and not _of_a_stateful_set(store, document):
            found[_name(where, document)] = _content(store, where, document)
    return found


def differences(left: State, right: State) -> list[str]:
    """Where they differ, one line each."""
    lines = [f"{x} is there, and should not be" for x in sorted(left.keys() - right.keys())]
    lines += [f"{x} is missing" for x in sorted(right.keys() - left.keys())]
    for name in sorted(left.keys() & right.keys()):
        lines += [f"{name}{at}" for at in _compare(left[name], right[name], "")]
    return lines


def _compare(left: Any, right: Any, at: str) -> list[str]:
    if isinstance(left, dict) and isinstance(right, dict):
        return [
            line
            for x in sorted(left.keys() | right.keys())
            for line in _compare(left.get(x), right.get(x), f"{at}.{x}")
        ]
    return [] if left == right else [f"{at}: {str(left)[:160]}, not {str(right)[:160]}"]


def _of_a_stateful_set(store: Store, document: Document) -> bool:
    """The revisions that the StatefulSet controller keeps are its history, and the former ones ours."""
    owner = store.by_uid.get(owner_of(document))
    return document["kind"] == "ControllerRevision" and (owner is None or owner.kind.kind == "StatefulSet")


def _name(where: Where, document: Document) -> str:
    """A revision is called by its key: of several the newest is used, and its number is history."""
    if where.kind.kind == "ControllerRevision":
        labels = document["metadata"].get("labels") or {}
        key = labels.get(c.REVISION_LABEL) or labels.get(d.REVISION_LABEL)
        return f"ControllerRevision {key}"
    return f"{where.kind.kind} {where.name}"


def _content(store: Store, where: Where, document: Document) -> Document:
    metadata = {x: y for x, y in document["metadata"].items() if x not in OWN}
    metadata["ownerReferences"] = sorted(_owner(store, x) for x in metadata.get("ownerReferences", ()))
    labels = {x: y for x, y in (metadata.get("labels") or {}).items() if x not in (HASH, MEDDLED)}
    noted = {x: y for x, y in (metadata.pop("annotations", None) or {}).items() if x not in HISTORIES}
    if where.kind.kind == "ControllerRevision":
        metadata.pop("name")
    rest = {x: y for x, y in document.items() if x not in ("metadata", "status", "revision")}
    status = _STATUS.get(where.kind.kind, _plain)(store, document.get("status") or {})
    if (rest.get("spec") or {}).get("leaderWorkerTemplate", {}).get("size", 1) == 1:
        status.pop("recorded", None)  # of leaders alone nothing need be on record
    return {**rest, "metadata": {**metadata, "labels": labels, "annotations": noted}, "status": status}


def _owner(store: Store, reference: Document) -> str:
    there = reference["uid"] in store.by_uid
    return f"{reference['kind']} {reference['name']}{'' if there else ', which is gone'}"


def _plain(_: Store, status: Document) -> Document:
    return status


def _of_set(store: Store, status: Document) -> Document:
    """Counters, conditions, and which groups are on record with a leader that is there."""
    groups = status.get("groups") or {}
    recorded = sorted(i for i, x in groups.items() if x.get("workers") and x.get("leader") in store.by_uid)
    kept = {x: status.get(x, 0) for x in ("replicas", "readyReplicas", "updatedReplicas")}
    return {
        **kept,
        "selector": status.get("hpaPodSelector"),
        "conditions": _conditions(status),
        "recorded": recorded,
    }


def _of_roles(_: Store, status: Document) -> Document:
    rest = {x: y for x, y in status.items() if x not in ("conditions", "rollout", *TIMES)}
    return {**rest, "conditions": _conditions(status)}


def _of_pod(_: Store, status: Document) -> Document:
    images = {x["name"]: x["image"] for x in status.get("containerStatuses", ())}
    return {"phase": status.get("phase"), "conditions": _conditions(status), "images": images}


def _of_stateful_set(_: Store, status: Document) -> Document:
    return {x: status.get(x) for x in ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas")}


def _conditions(status: Document) -> list[str]:
    """Those that hold; one that does not may be absent as well."""
    return sorted(x["type"] for x in status.get("conditions", ()) if x["status"] == "True")


_STATUS = {
    "LeaderWorkerSet": _of_set,
    "DisaggregatedSet": _of_roles,
    "Pod": _of_pod,
    "StatefulSet": _of_stateful_set,
}

__all__ = ["State", "differences", "state_of", "uid_of"]
