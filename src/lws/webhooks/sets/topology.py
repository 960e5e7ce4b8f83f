"""The keys of node labels that placement goes by: a set, a role or a placement policy names them.

Whether nodes have such a label is not known here. Not upstream's (docs/decisions/252).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lws.api import constants as c
from lws.webhooks.errors import FieldError, invalid
from lws.webhooks.objectmeta import qualified_name


def topologies(annotations: Mapping[str, str], *, subgroups: bool) -> Iterator[FieldError]:
    """Of a set's annotations; that of subgroups is nothing without them."""
    yield from _annotated(annotations, c.EXCLUSIVE_TOPOLOGY_ANNOTATION)
    if subgroups:
        yield from _annotated(annotations, c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION)


def topology_key(path: str, key: str) -> Iterator[FieldError]:
    """What no API server takes as the key of a label; an empty one is for the caller to judge."""
    if key:
        for detail in qualified_name(key):
            yield invalid(path, key, f"must be the key of a node label: {detail}")


def _annotated(annotations: Mapping[str, str], name: str) -> Iterator[FieldError]:
    """Empty is as good as none: pods are not given it."""
    yield from topology_key(f"metadata.annotations.{name}", annotations.get(name, ""))
