"""What is left in a namespace once all is at rest, in a form in which a model and a real one compare.

Left out or renamed, besides what ``alike`` says:

- Generations and observed generations of what our controllers write: they count writes, of which more or
  fewer are needed as events arrive together or apart. Those of what users write are compared.
- Names of the StatefulSet controller's revisions, and with them its hash on pods: a digest of its own. That
  a pod is of the newest is compared. How many old ones there are depends on which states it happened to see.
- UIDs in owner references and in a set's status become the names of what they stand for; digests of them
  become whether they are there.
- Addresses, nodes, start times and container ids: the kubelet's and the scheduler's own.
- Annotations and members of a status that tell of the past (``HISTORIES``, ``rollout``): when it was seen.
- Conditions that do not hold: those of a set are there once they have held, if that was seen.
- Of ``managedFields`` all but our own entries, because the others name their components, and what we own of a
  status, for the sake of such conditions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from lws.api import constants as c
from support.apimodel.podstates import HASH
from support.apimodel.store import owner_of, uid_of
from support.faults.states import HISTORIES
from support.fidelity.alike import owned, without_plugins, without_topology
from support.fidelity.sides import Document

METADATA = ("name", "labels", "annotations", "finalizers")
OF_USERS = ("LeaderWorkerSet", "DisaggregatedSet")
REVISION = "ControllerRevision"
COUNTED = ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas", "currentReplicas")
PAST = ("rollout", "lastProgressTime")
OF_GROUPS = ("revision", "restartCounts", "restarts", "restarting", "failed", "phase", "reason")
OWNER = re.compile(r'k:{"uid":"([^"]*)"}')
Outcome = dict[str, Document]


def outcome(documents: Iterable[Document]) -> Outcome:
    """By kind and name. ``documents``: everything in the namespace that is of our kinds."""
    by_uid = {uid_of(x): x for x in documents}
    return {
        f"{x['kind']} {x['metadata']['name']}": _told(x, by_uid)
        for x in by_uid.values()
        if not _of_stateful_set(x, by_uid)
    }


def _of_stateful_set(document: Document, by_uid: dict[str, Document]) -> bool:
    owner = by_uid.get(owner_of(document))
    return document["kind"] == REVISION and (owner is None or owner["kind"] == "StatefulSet")


def _told(document: Document, by_uid: dict[str, Document]) -> Document:
    kind, metadata = document["kind"], document["metadata"]
    told = {x: y for x, y in without_topology(metadata).items() if x in METADATA}
    told["annotations"] = {x: y for x, y in metadata.get("annotations", {}).items() if x not in HISTORIES}
    told["ownerReferences"] = [_owner(x, by_uid) for x in metadata.get("ownerReferences", ())]
    told["deleted"] = "deletionTimestamp" in metadata
    if kind in OF_USERS and not told["ownerReferences"]:
        told["generation"] = metadata["generation"]
    told["ours"] = _ours(metadata.get("managedFields", []), by_uid)
    rest = {x: y for x, y in document.items() if x not in ("apiVersion", "kind", "metadata", "status")}
    status = _STATUS.get(kind, _plain)(document, by_uid)
    if kind == "Pod":
        told["labels"] = {x: y for x, y in told["labels"].items() if x != HASH}
        spec = without_plugins(document["spec"])
        rest["spec"] = {x: y for x, y in spec.items() if x != "nodeName"}
    return {**told, **rest, "status": status}


def _ours(entries: list[Document], by_uid: dict[str, Document]) -> dict[str, list[str]]:
    """What our controllers own, with the names of owners in place of UIDs."""
    mine = [x for x in entries if x["manager"] == c.FIELD_MANAGER and not x.get("subresource")]
    return {
        who: sorted(OWNER.sub(lambda found: _named(found[1], by_uid), x) for x in paths)
        for who, paths in owned(mine).items()
    }


def _owner(reference: Document, by_uid: dict[str, Document]) -> Document:
    there = reference["uid"] in by_uid
    return {**reference, "uid": "there" if there else "gone"}


def _plain(document: Document, _: dict[str, Document]) -> Document:
    return dict(document.get("status", {}))


def _conditions(document: Document) -> dict[str, str]:
    """Those that hold, with what they say."""
    found = document.get("status", {}).get("conditions", ())
    return {x["type"]: f"{x.get('reason')}: {x.get('message')}" for x in found if x["status"] == "True"}


def _of_set(document: Document, by_uid: dict[str, Document]) -> Document:
    status = document.get("status", {})
    kept = {x: y for x, y in status.items() if x not in (*PAST, "conditions", "groups", "observedGeneration")}
    kept["seen"] = status.get("observedGeneration") == document["metadata"]["generation"]
    kept["conditions"] = _conditions(document)
    groups = status.get("groups") or {}
    return {**kept, "groups": {index: _group(entry, by_uid) for index, entry in groups.items()}}


def _group(entry: Document, by_uid: dict[str, Document]) -> Document:
    told = {x: entry[x] for x in OF_GROUPS if x in entry}
    leader = _named(entry.get("leader", ""), by_uid)
    return {**told, "leader": leader, "workers": "workers" in entry}


def _named(uid: str, by_uid: dict[str, Document]) -> str:
    found = by_uid.get(uid)
    return "gone" if found is None else str(found["metadata"]["name"])


def _of_roles(document: Document, _: dict[str, Document]) -> Document:
    status = document.get("status", {})
    kept = {x: y for x, y in status.items() if x not in (*PAST, "conditions", "observedGeneration")}
    seen = status.get("observedGeneration") == document["metadata"]["generation"]
    return {**kept, "seen": seen, "conditions": _conditions(document)}


def _of_stateful(document: Document, _: dict[str, Document]) -> Document:
    status = document.get("status", {})
    return {
        **{x: status.get(x, 0) for x in COUNTED},
        "seen": status.get("observedGeneration") == document["metadata"]["generation"],
        "rolled": status.get("currentRevision") == status.get("updateRevision"),
    }


def _of_pod(document: Document, by_uid: dict[str, Document]) -> Document:
    status, owner = document["status"], by_uid.get(owner_of(document), {})
    newest = owner.get("status", {}).get("updateRevision")
    return {
        "phase": status["phase"],
        "qosClass": status.get("qosClass"),
        "conditions": sorted(_conditions(document)),
        "containers": [
            {x: each.get(x) for x in ("name", "image", "ready", "started", "restartCount")}
            | {"state": list(each["state"])}
            for each in status.get("containerStatuses", ())
        ],
        "newest": document["metadata"]["labels"].get(HASH) == newest,
    }


_STATUS = {
    "LeaderWorkerSet": _of_set,
    "DisaggregatedSet": _of_roles,
    "StatefulSet": _of_stateful,
    "Pod": _of_pod,
}
