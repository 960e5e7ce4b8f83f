"""Children that lost their owner reference: which of them are ours, and get it back (docs/decisions/113).

An object without an owner may be anybody's. Ours is what bears the labels that say whose it is, was made by
this controller, which only the server can tell, and not before whom it belongs to: what a deletion with
``--cascade=orphan`` left of a former owner of that name is older.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision
from lws.objects import KubeObject, controller_of
from lws.planning.actions import Document, Problem, Reclaim, Record, Requeue
from lws.planning.documents import owned_by_set
from lws.planning.events import warning
from lws.planning.revisions import owned_revisions


def made_by(managed_fields: Iterable[Mapping[str, Any]], manager: str) -> bool:
    """Whether ``manager`` made the object, or took it over: it owns what nobody else would set.

    What only a creation sets, of which an edit may have taken part; or the role of a StatefulSet, which is
    written on those of another controller once they are ours. ``managed_fields`` as in ``metadata``.
    """
    return any(_ours(x.get("fieldsV1") or {}) for x in managed_fields if x.get("manager") == manager)


def _ours(fields: Mapping[str, Any]) -> bool:
    labels = fields.get("f:metadata", {}).get("f:labels", {})
    return (
        "f:data" in fields
        or any(x in fields.get("f:spec", {}) for x in ("f:selector", "f:clusterIP"))
        or f"f:{c.ROLE_LABEL}" in labels
    )


def may_be_ours(found: KubeObject, labels: Mapping[str, str], owner: KubeObject) -> bool:
    """Whether it looks as if it had been made for ``owner`` and lost the reference since.

    ``labels``: what says whose it is. Times are RFC 3339 of one form, so they compare as text.
    """
    return (
        controller_of(found) is None
        and not found.deleting
        and labels.items() <= found.labels.items()
        and (found.metadata.creation_timestamp or "") >= (owner.metadata.creation_timestamp or "")
    )


def reclaim(
    lws: LeaderWorkerSet,
    kind: str,
    found: KubeObject,
    owner: Document,
    otherwise: tuple[Problem | Record | Requeue, ...] = (),
) -> Reclaim:
    """``owner``: the reference that it lacks; those to others stay. ``otherwise`` as in ``Reclaim``."""
    others = [x for x in found.metadata.owner_references if x.uid != owner["uid"]]
    return Reclaim(
        kind,
        found.key,
        found.uid,
        found.metadata.resource_version,
        owners=[*msgspec.to_builtins(others), owner],
        failed=warning(
            lws, c.REASON_FAILED_UPDATE, "Update", f"Failed to give {kind} {found.name} its owner"
        ),
        otherwise=otherwise,
    )


def plan_reclaims(lws: LeaderWorkerSet, revisions: Iterable[ControllerRevision]) -> list[Reclaim]:
    """For the set's own revisions without an owner, which would outlive it.

    However old: one that ``--cascade=orphan`` left behind is used as if it had never had another owner.
    """
    own = owned_revisions(lws, revisions)
    orphans = (x for x in own if controller_of(x) is None and not x.deleting)
    return [reclaim(lws, "ControllerRevision", x, owned_by_set(lws)) for x in orphans]
