"""Whether an object that bears a needed name is ours: by the UID of its controller, never by its name.

What exists is neither ours nor harmless by itself: somebody else's Service of that name would be taken for
the one that gives the pods their addresses. What is not ours is left as it is, and users are told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum, auto
from typing import Any, Final

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.workloads import Service
from lws.objects import KubeObject, controller_of
from lws.planning.actions import Problem

PASSING_GRACE: Final = 30.0
"""Seconds that the garbage collector usually needs, many times over, for what a former owner left."""


class Standing(Enum):
    """What there is, to whoever needs an object of this name."""

    OURS = auto()
    """Controlled by the very object that needs it."""
    USABLE = auto()
    """Nobody's, and as it has to be: it may stay, or be adopted."""
    PASSING = auto()
    """Left by a former owner of the same name, so the garbage collector takes it away."""
    FOREIGN = auto()


def standing(found: KubeObject, document: Mapping[str, Any]) -> Standing:
    """``document``: what we would create under this name; its first owner is the one who needs it."""
    wanted, owner = document["metadata"]["ownerReferences"][0], controller_of(found)
    if owner is None:
        return Standing.USABLE if _usable(found, document) else Standing.FOREIGN
    if owner.uid == wanted["uid"]:
        return Standing.OURS
    if (owner.kind, owner.name) == (wanted["kind"], wanted["name"]):
        return Standing.PASSING
    return Standing.FOREIGN


def name_taken(found: KubeObject, document: Mapping[str, Any]) -> Problem:
    """That ``found`` is in the way of ``document``, and why it will not do."""
    passing = standing(found, document) is Standing.PASSING
    whose = "set" if document["metadata"]["ownerReferences"][0]["kind"] in (c.KIND, d.KIND) else "group"
    message = f"{document['kind']} {found.name} exists and is not this {whose}'s"
    if reasons := list(_objections(found, document)):
        message += f": it {' and '.join(reasons)}"
    return Problem(c.REASON_NAME_TAKEN, message, grace=PASSING_GRACE if passing else 0.0)


def _objections(found: KubeObject, document: Mapping[str, Any]) -> Iterator[str]:
    owner = controller_of(found)
    yield f"belongs to {owner.kind} {owner.name}" if owner is not None else "has no owner"
    if isinstance(found, Service):
        yield from faults(found, document)


def faults(service: Service, document: Mapping[str, Any]) -> Iterator[str]:
    """What keeps a service from giving the pods that ``document`` selects the addresses they are told."""
    spec, selector = service.spec, document["spec"]["selector"]
    if spec.cluster_ip != "None":
        yield "is not headless"
    if not spec.selector or not spec.selector.items() <= selector.items():
        yield "does not select the pods"
    if not spec.publish_not_ready_addresses:
        yield "does not publish addresses of pods that are not ready"


def _usable(orphan: KubeObject, document: Mapping[str, Any]) -> bool:
    """A leader StatefulSet or a revision that a deletion left behind on purpose is taken over, as upstream's.

    A service may have been made beforehand, to have ports for instance, and so may a PodGroup. Workers that
    were left behind may be of any revision: they stay, and their name is taken.
    """
    if isinstance(orphan, Service):
        return not any(faults(orphan, document))
    wanted = document["metadata"].get("labels", {})
    if document["kind"] == "ControllerRevision":
        names = (c.NAME_LABEL, c.REVISION_LABEL)
        return all(orphan.labels.get(x) == wanted.get(x) for x in names)
    if document["kind"] != "StatefulSet":
        return True
    return (
        wanted.get(c.ROLE_LABEL) == c.ROLE_LEADER
        and orphan.labels.get(c.NAME_LABEL) == wanted[c.NAME_LABEL]
        and c.GROUP_INDEX_LABEL not in orphan.labels
    )
