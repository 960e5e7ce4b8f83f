"""Names and labels of what a DisaggregatedSet makes (section 4), and whose an observed object is."""

from __future__ import annotations

from collections.abc import Iterable

from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet
from lws.objects import KubeObject, ObjectT, controlled_by
from lws.planning.actions import Document


def lws_name(ds: DisaggregatedSet, index: int, revision: str, role: str) -> str:
    """The LeaderWorkerSet of a role in slice ``index``."""
    return f"{ds.name}-{index}-{revision}-{role}"


def legacy_lws_name(ds: DisaggregatedSet, revision: str, role: str) -> str:
    """What upstream called it before there were slices; such an object stands for slice 0."""
    return f"{ds.name}-{revision}-{role}"


def service_name(lws: str) -> str:
    """The service of the LeaderWorkerSet with this name."""
    return f"{lws}-prv"


def scaler_name(ds: DisaggregatedSet, role: str) -> str:
    return f"{ds.name}-{role}"


def system_labels(ds: DisaggregatedSet, index: int, revision: str, role: str) -> dict[str, str]:
    """The labels of a child and of its pods, which win over the user's."""
    return {
        d.APP_LABEL: f"{ds.name}-{index}-{role}",
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
