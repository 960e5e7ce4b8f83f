"""Defaults of a LeaderWorkerSet that the CRD's schema cannot give (api.md, 4.2), on create and on update.

Values that are there stay as they are, wrong ones too: the schema and validation speak about those.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lws.api import constants as c
from lws.webhooks.documents import Document, read_leaderworkerset

Defaults = Callable[[Document], Document]


def default_leaderworkerset(document: Document) -> Document:
    """A LeaderWorkerSet with its defaults filled in.

    A new document that shares every unchanged part with ``document``, which is not changed; the very same
    object when there is nothing to fill in. Raises ``msgspec.ValidationError`` when a member that is known
    here has the wrong JSON type.
    """
    read_leaderworkerset(document)
    return _within(document, "spec", _spec)


def _spec(spec: Document) -> Document:
    spec = _within(spec, "leaderWorkerTemplate", _leader_worker_template)
    spec = _within(spec, "rolloutStrategy", _rollout_strategy)
    return _within(spec, "networkConfig", _network_config)


def _leader_worker_template(template: Document) -> Document:
    policy = template.get("restartPolicy") or c.RESTART_RECREATE_GROUP
    template = _with(template, "restartPolicy", c.RESTART_NONE if policy == c.RESTART_DEFAULT else policy)
    for member in ("leaderTemplate", "workerTemplate"):
        if template.get(member) is not None:
            template = _within(template, member, _pod_template)
    return template


def _pod_template(template: Document) -> Document:
    """A template without spec gets an empty one, so that the schema asks for the containers.

    The schema does not require ``spec`` itself, and pods without containers could never be created
    (api.md, 4.2, side effect).
    """
    return template if template.get("spec") is not None else _with(template, "spec", {})


def _rollout_strategy(strategy: Document) -> Document:
    kind = strategy.get("type") or c.ROLLING_UPDATE
    strategy = _with(strategy, "type", kind)
    if kind != c.ROLLING_UPDATE or strategy.get("rollingUpdateConfiguration") is not None:
        return strategy
    numbers = {"partition": 0, "maxUnavailable": 1, "maxSurge": 0}
    return _with(strategy, "rollingUpdateConfiguration", numbers)


def _network_config(network: Document) -> Document:
    """Also on update: a networkConfig taken away goes back to Shared."""
    policy = network.get("subdomainPolicy")
    return _with(network, "subdomainPolicy", c.SUBDOMAIN_SHARED if policy is None else policy)


def _within(document: Document, member: str, defaults: Defaults) -> Document:
    """``document`` with ``defaults`` applied to an object member; a missing one starts empty."""
    return _with(document, member, defaults(document.get(member) or {}))


def _with(document: Document, member: str, value: Any) -> Document:
    """``document`` with one member set, or the very same object when it has that value already."""
    present = document.get(member)
    if present is value or (isinstance(value, str) and present == value):
        return document
    return {**document, member: value}
