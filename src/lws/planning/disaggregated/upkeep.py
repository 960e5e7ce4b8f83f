"""What others have made of a set's objects: labels and selectors that are put back, names that are taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet
from lws.objects import KubeObject, controlled_by, controller_of
from lws.planning.actions import Document, Patch, Problem
from lws.planning.disaggregated.names import lost_labels, lost_selector
from lws.planning.ownership import PASSING_GRACE


def plan_upkeep(ds: DisaggregatedSet, edited: Mapping[str, Iterable[KubeObject]]) -> list[Patch]:
    """Put labels and selectors back. ``edited``: by kind, with what they have now.

    Objects are found by these labels, by clients and by upstream's controller, too. What somebody has added
    is left alone: a selector may ask for leaders only.
    """
    return [
        Patch(kind, document)
        for kind, found in edited.items()
        for obj in found
        if controlled_by(obj, ds.uid) and not obj.deleting and (document := _put_back(obj)) is not None
    ]


def _put_back(obj: KubeObject) -> Document | None:
    metadata: Document = {"name": obj.name, "namespace": obj.namespace, "uid": obj.uid}
    labels, selector = lost_labels(obj), lost_selector(obj)
    if not labels and not selector:
        return None
    return {"metadata": metadata | ({"labels": labels} if labels else {})} | (
        {"spec": {"selector": selector}} if selector else {}
    )


def in_the_way(ds: DisaggregatedSet, kind: str, found: KubeObject) -> Problem | None:
    """That the object with a name the set needs is not the set's, or not any more; None: it is."""
    if controlled_by(found, ds.uid):
        if not found.deleting:
            return None
        held = f", held by its finalizers: {', '.join(found.metadata.finalizers)}"
        message = f"{kind} {found.name} is being deleted{held if found.metadata.finalizers else ''}"
        return Problem(c.REASON_NAME_TAKEN, message, grace=PASSING_GRACE)
    message = f"{kind} {found.name} exists and is not this set's"
    owner = controller_of(found)
    former = owner is not None and (owner.kind, owner.name) == (d.KIND, ds.name)
    return Problem(c.REASON_NAME_TAKEN, message, grace=PASSING_GRACE if former else 0.0)
