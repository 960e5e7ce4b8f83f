"""Nodes for each group of its own, by node selector and toleration (beyond.md, 2.2).

A template's annotations name the keys; the value is the group's, so it can be in no template, and admission
gives it to each pod. What a set may ask for is judged here, too, for one template alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from lws.api import constants as c
from lws.webhooks.documents import Document, PodSpec, Toleration, strings
from lws.webhooks.errors import AdmissionError, shown
from lws.webhooks.objectmeta import qualified_name

ANNOTATIONS: Final = (
    c.REPLICA_NODE_SELECTOR_ANNOTATION,
    c.REPLICA_TOLERATION_ANNOTATION,
    c.REPLICA_VALUE_ANNOTATION,
)
MOST_KEYS: Final = 8
EFFECTS: Final = ("NoSchedule", "NoExecute", "PreferNoSchedule")
_VALUES: Final = (c.REPLICA_VALUE_LEADER, c.REPLICA_VALUE_GROUP_INDEX)
_KUBERNETES: Final = ("kubernetes.io", "k8s.io")


class Taint(NamedTuple):
    """To be tolerated. ``effect``: one of ``EFFECTS``, or empty for all."""

    key: str
    effect: str


class ReplicaNodes(NamedTuple):
    """``keys``: of node labels that a pod asks for; ``taints``: with the same value, that it tolerates.

    ``value``: ``Leader``, the name of the leader pod, or ``GroupIndex``.
    """

    keys: Sequence[str] = ()
    taints: Sequence[Taint] = ()
    value: str = c.REPLICA_VALUE_LEADER


class Fault(NamedTuple):
    """What is wrong with the value of an annotation."""

    annotation: str
    value: str
    detail: str


def replica_nodes(annotations: Mapping[str, str]) -> ReplicaNodes:
    """What they ask for; of whatever has :func:`faults` not everything can be told."""
    taints = (x.partition(":") for x in _listed(annotations, c.REPLICA_TOLERATION_ANNOTATION))
    return ReplicaNodes(
        _listed(annotations, c.REPLICA_NODE_SELECTOR_ANNOTATION),
        [Taint(key.strip(), effect.strip()) for key, _, effect in taints],
        annotations.get(c.REPLICA_VALUE_ANNOTATION, c.REPLICA_VALUE_LEADER),
    )


def faults(annotations: Mapping[str, str]) -> Iterator[Fault]:
    """In the annotations of one pod or pod template, in the order of ``ANNOTATIONS``."""
    given = {name: annotations[name] for name in ANNOTATIONS if name in annotations}
    nodes = replica_nodes(given)
    keys = [Taint(key, "") for key in nodes.keys]
    named = {c.REPLICA_NODE_SELECTOR_ANNOTATION: keys, c.REPLICA_TOLERATION_ANNOTATION: nodes.taints}
    for name, text in given.items():
        details = _of_keys(named[name]) if name in named else _of_value(nodes.value, given)
        yield from (Fault(name, text, detail) for detail in details)


def _of_keys(found: Sequence[Taint]) -> Iterator[str]:
    """A key of a node selector is one without effect."""
    if len(found) > MOST_KEYS:
        yield f"must name no more than {MOST_KEYS} keys, not {len(found)}"
        return
    for key, effect in found:
        yield from (f"key {shown(key)}: {detail}" for detail in _of_key(key)) if key else ["must name a key"]
        if effect and effect not in EFFECTS:
            yield f"effect {shown(effect)} of key {shown(key)} must be one of {', '.join(EFFECTS)}"
    for twice in sorted(x for x, count in Counter(found).items() if count > 1):
        yield f"must name {shown(':'.join(filter(None, twice)))} once only"


def _of_key(key: str) -> Iterator[str]:
    if details := qualified_name(key):
        yield from details
        return
    domain = key.rpartition("/")[0]
    if any(domain == x or domain.endswith(f".{x}") for x in _KUBERNETES):
        yield "must not be of the domain kubernetes.io or k8s.io: such labels and taints are Kubernetes' own"


def _of_value(value: str, given: Mapping[str, str]) -> Iterator[str]:
    if value not in _VALUES:
        yield f"must be {' or '.join(_VALUES)}"
    if len(given) == 1:
        others = f"{c.REPLICA_NODE_SELECTOR_ANNOTATION} or {c.REPLICA_TOLERATION_ANNOTATION}"
        yield f"must not be set without {others}"


def _listed(annotations: Mapping[str, str], name: str) -> list[str]:
    """The items of a list by comma, blanks around them taken away; an empty text is one empty item."""
    return [x.strip() for x in annotations[name].split(",")] if name in annotations else []


def own_nodes(
    present: Document, spec: PodSpec, annotations: Mapping[str, str], *, leader: str, group: str
) -> Document:
    """The members of a pod's spec that take it to its group's nodes; empty for a pod that asks for none.

    What the pod has stays, and what it has already is not added again, as admission may see it twice.
    ``present`` is its spec, ``spec`` the reading of that; ``leader``: name of the leader pod; ``group``:
    index of the group, in decimal.

    Raises:
        AdmissionError: an annotation is at fault, or a node selector of somebody else's says otherwise.
    """
    if not any(name in annotations for name in ANNOTATIONS):
        return {}
    for fault in faults(annotations):
        raise AdmissionError(f"annotation {fault.annotation} is {shown(fault.value)}: {fault.detail}")
    nodes = replica_nodes(annotations)
    by_index = nodes.value == c.REPLICA_VALUE_GROUP_INDEX
    value = group if by_index else leader
    if not value:
        member = f"label {c.GROUP_INDEX_LABEL}" if by_index else f"annotation {c.LEADER_NAME_ANNOTATION}"
        raise AdmissionError(f"{member} is missing: a pod that asks for its group's nodes must have it")
    return {**_selector(spec, nodes.keys, value), **_tolerations(present, spec, nodes.taints, value)}


def _selector(spec: PodSpec, keys: Sequence[str], value: str) -> Document:
    selector = strings(spec.node_selector)
    for key in keys:
        if selector.setdefault(key, value) != value:
            raise AdmissionError(
                f"spec.nodeSelector[{key}] is {shown(selector[key])}: must be {shown(value)} or missing, as"
                f" annotation {c.REPLICA_NODE_SELECTOR_ANNOTATION} sets it for each group"
            )
    return {"nodeSelector": selector} if keys else {}


def _tolerations(present: Document, spec: PodSpec, taints: Sequence[Taint], value: str) -> Document:
    missing = [x for x in taints if not any(_tolerates(one, x, value) for one in spec.tolerations or ())]
    if not missing:
        return {}
    return {"tolerations": [*(present.get("tolerations") or ()), *(_toleration(x, value) for x in missing)]}


def _toleration(taint: Taint, value: str) -> Document:
    effect = {"effect": taint.effect} if taint.effect else {}
    return {"key": taint.key, "operator": "Equal", "value": value, **effect}


def _tolerates(found: Toleration | None, taint: Taint, value: str) -> bool:
    """Whether it is the very toleration that is wanted: one for a limited time is another."""
    if found is None or found.operator not in (None, "", "Equal") or found.toleration_seconds is not None:
        return False
    return (found.key, found.value, found.effect or "") == (taint.key, value, taint.effect)
