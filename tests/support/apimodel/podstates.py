"""What the StatefulSet controller reads of a pod and of the StatefulSet that it may belong to. Pure."""

from __future__ import annotations

from datetime import datetime

from support.apimodel.store import Document, uid_of

HASH = "controller-revision-hash"


def reference_to(one: Document) -> Document:
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "name": one["metadata"]["name"],
        "uid": uid_of(one),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def selects(one: Document, pod: Document) -> bool:
    if pod["metadata"].get("namespace") != one["metadata"].get("namespace"):
        return False
    wanted = one["spec"]["selector"].get("matchLabels", {}).items()
    return bool(wanted <= (pod["metadata"].get("labels") or {}).items())


def name_fits(one: Document, pod: Document) -> bool:
    parent, _, ordinal = pod["metadata"]["name"].rpartition("-")
    return parent == one["metadata"]["name"] and ordinal.isdigit()


def ordinal_of(pod: Document) -> int:
    return int(pod["metadata"]["name"].rpartition("-")[2])


def going(document: Document) -> bool:
    return "deletionTimestamp" in document["metadata"]


def phase(pod: Document) -> str:
    return str(pod.get("status", {}).get("phase", ""))


def revision_of(pod: Document) -> str:
    return str((pod["metadata"].get("labels") or {}).get(HASH, ""))


def _condition(pod: Document) -> Document:
    conditions = pod.get("status", {}).get("conditions", ())
    return next((x for x in conditions if x["type"] == "Ready"), {})


def ready(pod: Document) -> bool:
    return phase(pod) == "Running" and _condition(pod).get("status") == "True"


def ready_since(pod: Document) -> float | None:
    return _seconds(_condition(pod)["lastTransitionTime"]) if ready(pod) else None


def available(pod: Document | None, now: float, one: Document) -> bool:
    if pod is None or going(pod) or not ready(pod):
        return False
    wait = one["spec"].get("minReadySeconds", 0)
    since = ready_since(pod)
    return not wait or (since is not None and since + wait <= now)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
