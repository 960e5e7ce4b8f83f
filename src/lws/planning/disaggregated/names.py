"""Names and labels of what a DisaggregatedSet makes (section 4), and whose an observed object is.

What an object of the set is, its name says, which nobody can change: labels that somebody has edited are read
as they were made, and put back (``upkeep``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet, DisaggregatedSetRoleScaler
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Service
from lws.objects import KubeObject, ObjectT, controlled_by, controller_of
from lws.planning.actions import Document

_SERVICE_SUFFIX: Final = "-prv"
# After the set's name: slice, revision, role; without a slice it is from before there were slices, and a
# revision may have digits only. No other name is ever given to a child.
_CHILD: Final = re.compile(r"(?:(0|[1-9][0-9]?)-)?([0-9a-f]{8})-(.+)")


def lws_name(ds: DisaggregatedSet, index: int, revision: str, role: str) -> str:
    """The LeaderWorkerSet of a role in slice ``index``."""
    return f"{ds.name}-{index}-{revision}-{role}"


def legacy_lws_name(ds: DisaggregatedSet, revision: str, role: str) -> str:
    """What upstream called it before there were slices; such an object stands for slice 0."""
    return f"{ds.name}-{revision}-{role}"


def service_name(lws: str) -> str:
    """The service of the LeaderWorkerSet with this name."""
    return f"{lws}{_SERVICE_SUFFIX}"


def scaler_name(ds: DisaggregatedSet, role: str) -> str:
    return f"{ds.name}-{role}"


def system_labels(ds: DisaggregatedSet, index: int, revision: str, role: str) -> dict[str, str]:
    """The labels of a child and of its pods, which win over the user's."""
    return {
        d.APP_LABEL: _app(ds.name, index, role),
        d.ROLE_LABEL: role,
        d.SLICE_LABEL: str(index),
        d.NAME_LABEL: ds.name,
        d.REVISION_LABEL: revision,
    }


def owner_reference(ds: DisaggregatedSet) -> Document:
    """Upstream's: the set's children do not hold up its deletion."""
    return {
        "apiVersion": d.API_VERSION,
        "kind": d.KIND,
        "name": ds.name,
        "uid": ds.uid,
        "controller": True,
    }


def owned(ds: DisaggregatedSet, objects: Iterable[ObjectT]) -> tuple[ObjectT, ...]:
    """Those that this very set controls; labels alone prove nothing."""
    return tuple(x for x in objects if controlled_by(x, ds.uid))


def as_made(objects: Iterable[ObjectT]) -> tuple[ObjectT, ...]:
    """With the labels that the set's controller gave them."""
    return tuple(
        replace(x, metadata=replace(x.metadata, labels={**x.labels, **lost}))
        if (lost := lost_labels(x))
        else x
        for x in objects
    )


def lost_labels(obj: KubeObject) -> dict[str, str]:
    """The labels by which an object of a set is known, of which somebody has made something else."""
    return {key: value for key, value in _labels_by_name(obj).items() if obj.labels.get(key) != value}


def lost_selector(obj: KubeObject) -> dict[str, str]:
    """Of a service: what it no longer asks of the pods that are its LeaderWorkerSet's."""
    if not isinstance(obj, Service):
        return {}
    selector = obj.spec.selector
    return {key: value for key, value in _labels_by_name(obj).items() if selector.get(key) != value}


def _labels_by_name(obj: KubeObject) -> dict[str, str]:
    """The labels that go with the name it has; none where no set controls it, or gives no such name."""
    owner = controller_of(obj)
    if owner is None or owner.kind != d.KIND or not obj.name.startswith(f"{owner.name}-"):
        return {}
    name = obj.name.removeprefix(f"{owner.name}-")
    if isinstance(obj, DisaggregatedSetRoleScaler):
        return {d.NAME_LABEL: owner.name, d.ROLE_LABEL: name}
    match = _CHILD.fullmatch(name.removesuffix(_SERVICE_SUFFIX) if isinstance(obj, Service) else name)
    if match is None or not isinstance(obj, LeaderWorkerSet | Service):
        return {}
    number, revision, role = match.groups()
    labels = {d.NAME_LABEL: owner.name, d.REVISION_LABEL: revision, d.ROLE_LABEL: role}
    if number is not None:
        labels[d.SLICE_LABEL] = number
        if isinstance(obj, LeaderWorkerSet):
            labels[d.APP_LABEL] = _app(owner.name, number, role)
    return labels


def _app(name: str, number: int | str, role: str) -> str:
    return f"{name}-{number}-{role}"


def role_of(obj: KubeObject) -> str:
    return obj.labels.get(d.ROLE_LABEL, "")


def revision_of_child(obj: KubeObject) -> str:
    return obj.labels.get(d.REVISION_LABEL, "")


def is_legacy(obj: KubeObject) -> bool:
    """Made before there were slices."""
    return not obj.labels.get(d.SLICE_LABEL)


def slice_of(obj: KubeObject) -> int | None:
    """The slice an object belongs to: without a label 0; None for a label that is no number."""
    text = obj.labels.get(d.SLICE_LABEL) or "0"
    return int(text) if text.isascii() and text.isdigit() and str(int(text)) == text else None
