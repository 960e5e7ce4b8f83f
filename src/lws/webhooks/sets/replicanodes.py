"""Nodes for each group of its own, as a set may ask for them in its pod templates (beyond.md, 2.2).

What is refused here no pod ever meets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from lws.api import constants as c
from lws.webhooks.documents import LeaderWorkerTemplate, strings
from lws.webhooks.errors import FieldError, forbidden, invalid
from lws.webhooks.pods.replicanodes import ANNOTATIONS, faults, replica_nodes
from lws.webhooks.sets.templates import TemplateView, pod_templates

_SELECTOR: Final = c.REPLICA_NODE_SELECTOR_ANNOTATION


class Asking:
    """What one pod template asks for. ``selector``: its own nodeSelector."""

    def __init__(self, template: TemplateView) -> None:
        self.path, self.annotations, self.at = template.path, template.annotations, template.at
        self.selector = strings(template.spec.node_selector)
        self.nodes = replica_nodes(self.annotations)


def replica_nodes_violations(
    template: LeaderWorkerTemplate, annotations: Mapping[str, str]
) -> Iterator[FieldError]:
    """Of what each template says alone, then of what they say together and with the set's ``annotations``."""
    templates = [Asking(x) for x in pod_templates(template)]
    for one in templates:
        yield from _alone(one)
    yield from _together(templates[0], templates[-1])
    yield from _exclusive(templates, annotations)


def _alone(one: Asking) -> Iterator[FieldError]:
    for found in faults(one.annotations):
        yield invalid(one.at(found.annotation), found.value, found.detail)
    for key in sorted({*one.nodes.keys} & one.selector.keys()):
        detail = f"must not be set: annotation {_SELECTOR} of the template sets it for each group"
        yield forbidden(f"{one.path}.spec.nodeSelector[{key}]", detail)


def _together(leader: Asking, workers: Asking) -> Iterator[FieldError]:
    """A key with two values in one group would part leader and workers."""
    ours, theirs = leader.nodes, workers.nodes
    if ours.value != theirs.value and {*ours.keys} & {*theirs.keys}:
        detail = "must be the same in both templates, as both have a key of the node selector"
        yield invalid(workers.at(c.REPLICA_VALUE_ANNOTATION), theirs.value, detail)


def _exclusive(templates: Sequence[Asking], annotations: Mapping[str, str]) -> Iterator[FieldError]:
    """A key that is also a topology of exclusive placement must not have two meanings."""
    topology = annotations.get(c.EXCLUSIVE_TOPOLOGY_ANNOTATION)
    leader, workers = templates[0], templates[-1]
    if topology in workers.nodes.keys and topology not in leader.nodes.keys:
        detail = (
            f"must not name {topology} when the leader's template does not, as annotation"
            f" {c.EXCLUSIVE_TOPOLOGY_ANNOTATION} of the set takes workers where their leader is"
        )
        yield invalid(workers.at(_SELECTOR), workers.annotations[_SELECTOR], detail)
    topology = annotations.get(c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION)
    for one in templates:
        if topology in one.nodes.keys:
            detail = (
                f"must not name {topology}, as annotation {c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION} of the"
                " set wants another domain for each subgroup"
            )
            yield invalid(one.at(_SELECTOR), one.annotations[_SELECTOR], detail)


def replica_nodes_warnings(template: LeaderWorkerTemplate, annotations: Mapping[str, str]) -> Iterator[str]:
    """What is asked for where nobody reads it, and what alone leads nowhere; each begins with a path."""
    for name in ANNOTATIONS:
        if name in annotations:
            yield f"metadata.annotations.{name}: has no effect there: it belongs into the pod templates"
    for one in map(Asking, pod_templates(template)):
        if one.nodes.taints and not one.nodes.keys:
            yield (
                f"{one.at(c.REPLICA_TOLERATION_ANNOTATION)}: lets pods onto their group's nodes and takes"
                f" none there: {_SELECTOR} does"
            )
