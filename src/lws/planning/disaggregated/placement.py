"""Affinity that keeps a slice together and apart from others (section 17).

Only what is made from now on gets it: a change of the policy rolls nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet, PlacementPolicy
from lws.planning.actions import Document

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def placed(ds: DisaggregatedSet, index: int, template: Mapping[str, Any]) -> Document:
    """The pod template with the terms of the set's policy after the user's own."""
    policy = ds.spec.placement_policy or PlacementPolicy()
    if policy.type in ("", d.PLACEMENT_NONE) or not policy.topology:
        return dict(template)
    spec = template.get("spec") or {}
    affinity = dict(spec.get("affinity") or {})
    together = [_term(policy.topology, _is(d.NAME_LABEL, ds.name), _is(d.SLICE_LABEL, str(index)))]
    apart = _apart(ds, index, policy)
    for member, terms in (("podAffinity", together), ("podAntiAffinity", apart)):
        given = affinity.get(member) or {}
        affinity[member] = {**given, _REQUIRED: [*(given.get(_REQUIRED) or ()), *terms]}
    return {**template, "spec": {**spec, "affinity": affinity}}


def _apart(ds: DisaggregatedSet, index: int, policy: PlacementPolicy) -> list[Document]:
    other_slice = _is_not(d.SLICE_LABEL, str(index))
    # Pods without the label are slice 0 themselves, from before there were slices.
    told = [_exists(d.SLICE_LABEL)] if index == 0 else []
    terms = [_term(policy.topology, _is(d.NAME_LABEL, ds.name), *told, other_slice)]
    if policy.type == d.PLACEMENT_EXCLUSIVE_TOPOLOGY:
        other_set = (_exists(d.NAME_LABEL), _is_not(d.NAME_LABEL, ds.name), _exists(d.SLICE_LABEL))
        terms.append(_term(policy.topology, *other_set))
    return terms


def _term(topology: str, *expressions: Document) -> Document:
    return {"labelSelector": {"matchExpressions": list(expressions)}, "topologyKey": topology}


def _is(key: str, value: str) -> Document:
    return {"key": key, "operator": "In", "values": [value]}


def _is_not(key: str, value: str) -> Document:
    return {"key": key, "operator": "NotIn", "values": [value]}


def _exists(key: str) -> Document:
    return {"key": key, "operator": "Exists"}
