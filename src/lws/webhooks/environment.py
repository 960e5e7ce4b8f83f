"""The variables every container of a group gets, and how they go together with the user's (api.md, 5.7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lws.api import constants as c
from lws.webhooks.documents import Document
from lws.webhooks.errors import AdmissionError


def group_environment(
    *, labels: Mapping[str, str], annotations: Mapping[str, str], subdomain: str, namespace: str
) -> list[Document]:
    """Leader address, group size and worker index, in this order; a missing label is a denial."""
    name = _label(labels, c.NAME_LABEL)
    group = _label(labels, c.GROUP_INDEX_LABEL)
    worker = _label(labels, c.WORKER_INDEX_LABEL)
    return [
        {"name": c.LEADER_ADDRESS_ENV, "value": f"{name}-{group}.{subdomain}.{namespace}"},
        {"name": c.GROUP_SIZE_ENV, "value": annotations[c.SIZE_ANNOTATION]},
        {"name": c.WORKER_INDEX_ENV, "value": worker},
    ]


def with_environment(container: Any, leading: Sequence[Document], trailing: Sequence[Document]) -> Document:
    """A container whose env is ``leading``, its own entries, ``trailing``; the first of a name wins.

    ``leading`` comes first so that the user's values can expand ``$(NAME)`` of it. Entries are shared with
    the input, which is not changed. ``container`` is an object or null.
    """
    container = container or {}
    env = list(leading)
    seen = {entry["name"] for entry in leading}
    for entry in (*(container.get("env") or ()), *trailing):
        name = (entry or {}).get("name") or ""
        if name not in seen:
            seen.add(name)
            env.append(entry)
    return {**container, "env": env}


def _label(labels: Mapping[str, str], label: str) -> str:
    if label not in labels:
        raise AdmissionError(f"label {label} is missing: a pod of a LeaderWorkerSet must have it")
    return labels[label]
