"""What a deletion makes of an object: its finalizers, its grace period, and whether it goes now. Pure."""

from __future__ import annotations

from collections.abc import Callable

from support.apimodel.store import Document

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
POLICIES = {"Foreground": FOREGROUND, "Orphan": ORPHAN, "Background": ""}


def is_due(document: Document) -> bool:
    """Whether it is on its way out, and nothing holds it."""
    metadata = document["metadata"]
    held = metadata.get("finalizers") or metadata.get("deletionGracePeriodSeconds", 0) > 0
    return "deletionTimestamp" in metadata and not held


def ended_document(
    live: Document, propagation: str, grace: int | None, time: Callable[[float], str]
) -> Document | None:
    """As it stands from the deletion on; None: there is no such state, it goes as it is.

    ``time``: so many seconds from now. Only pods have a grace period.
    """
    metadata = live["metadata"]
    ending = "deletionTimestamp" in metadata
    if ending and metadata["deletionGracePeriodSeconds"]:
        return _hastened(live, propagation, grace)
    finalizers = _finalizers(metadata.get("finalizers", []), propagation)
    if not finalizers and (ending or live["kind"] != "Pod"):
        return None
    left = {x: y for x, y in metadata.items() if x != "finalizers"}
    left |= {"finalizers": finalizers} if finalizers else {}
    if not ending:
        seconds = _grace(live, grace)
        left |= {"deletionTimestamp": time(seconds), "deletionGracePeriodSeconds": seconds}
        left |= {"generation": metadata["generation"] + 1} if "generation" in metadata else {}
    return {**live, "metadata": left}


def _hastened(pod: Document, propagation: str, grace: int | None) -> Document:
    """A pod that ends already may only be given less time, and with that another end of its dependents."""
    metadata = pod["metadata"]
    if grace is None or grace >= metadata["deletionGracePeriodSeconds"]:
        return pod
    left = {x: y for x, y in metadata.items() if x != "finalizers"}
    finalizers = _finalizers(metadata.get("finalizers", []), propagation)
    left |= {"finalizers": finalizers} if finalizers else {}
    return {**pod, "metadata": {**left, "deletionGracePeriodSeconds": grace}}


def _finalizers(present: list[str], propagation: str) -> list[str]:
    """Those of the garbage collector are what was asked for last."""
    if not propagation:
        return present
    others = [x for x in present if x not in (FOREGROUND, ORPHAN)]
    wanted = POLICIES[propagation]
    return [*others, wanted] if wanted else others


def _grace(pod: Document, asked: int | None) -> int:
    """Pods that run somewhere end in their time; what runs nowhere, or has ended, at once."""
    if pod["kind"] != "Pod" or not pod["spec"].get("nodeName"):
        return 0
    if pod.get("status", {}).get("phase") in ("Failed", "Succeeded"):
        return 0
    return int(pod["spec"].get("terminationGracePeriodSeconds", 30) if asked is None else asked)
