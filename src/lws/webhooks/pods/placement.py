"""Exclusive placement: the pair of affinity terms that keeps a group, and nothing else of its kind, in one
topology domain (api.md, 5.8). Terms users wrote stay, and come first.
"""

from __future__ import annotations

from typing import Any

from lws.webhooks.documents import Document

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def has_exclusive_terms(affinity: Document | None, topology_key: str) -> bool:
    """Whether both required lists have a term for this topology, whatever it selects."""
    return all(
        any(topology_key == ((term or {}).get("topologyKey") or "") for term in _terms(affinity, side))
        for side in ("podAffinity", "podAntiAffinity")
    )


def add_exclusive_terms(
    affinity: Document | None, *, topology_key: str, label: str, value: str
) -> Document | None:
    """``spec.affinity`` with the pair appended, or the same object where both sides have this topology.

    Pods with ``label`` = ``value`` are drawn together, pods with another value of it are kept out.
    ``affinity`` must have passed :func:`lws.webhooks.documents.read_pod`; it is not changed.
    """
    if has_exclusive_terms(affinity, topology_key):
        return affinity
    own: Document = {"key": label, "operator": "In", "values": [value]}
    labelled: Document = {"key": label, "operator": "Exists"}
    foreign: Document = {"key": label, "operator": "NotIn", "values": [value]}
    return {
        **(affinity or {}),
        "podAffinity": _appended(affinity, "podAffinity", _term(topology_key, [own])),
        "podAntiAffinity": _appended(affinity, "podAntiAffinity", _term(topology_key, [labelled, foreign])),
    }


def _terms(affinity: Document | None, side: str) -> list[Any]:
    return (((affinity or {}).get(side)) or {}).get(_REQUIRED) or []


def _term(topology_key: str, expressions: list[Document]) -> Document:
    return {"labelSelector": {"matchExpressions": expressions}, "topologyKey": topology_key}


def _appended(affinity: Document | None, side: str, term: Document) -> Document:
    present = (affinity or {}).get(side) or {}
    return {**present, _REQUIRED: [*_terms(affinity, side), term]}
