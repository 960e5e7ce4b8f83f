"""The variables every container of a group gets, and how they go together with the user's (api.md, 5.7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lws.api import constants as c
from lws.webhooks.documents import Document
from lws.webhooks.errors import STORABLE_BYTES, AdmissionError


def group_environment(
    *,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    subdomain: str,
    namespace: str,
    containers: int,
) -> list[Document]:
    """Leader address, group size and worker index, in this order; a missing label is a denial.

    So are more ``containers`` than could be stored with them: nobody has looked yet at how long a label is.
    """
    name = _label(labels, c.NAME_LABEL)
    group = _label(labels, c.GROUP_INDEX_LABEL)
    worker = _label(labels, c.WORKER_INDEX_LABEL)
    entries: list[Document] = [
        {"name": c.LEADER_ADDRESS_ENV, "value": f"{name}-{group}.{subdomain}.{namespace}"},
        {"name": c.GROUP_SIZE_ENV, "value": annotations[c.SIZE_ANNOTATION]},
        {"name": c.WORKER_INDEX_ENV, "value": worker},
    ]
    if containers * sum(len(x["name"]) + len(x["value"]) for x in entries) > STORABLE_BYTES:
        raise AdmissionError(
            f"the variables of the group, {', '.join(x['name'] for x in entries)}, must fit into a pod of"
            f" {STORABLE_BYTES} bytes: it has {containers} containers, which get them each"
        )
    return entries


def with_trailing(container: Any, entries: Sequence[Document]) -> Document:
    """The container with these entries at the end of its env, save those whose name it has already.

    Entries are shared with the input, which is not changed. ``container`` is an object or null.
    """
    container = container or {}
    env = container.get("env") or ()
    names = {entry.get("name") for entry in env if entry}
    return {**container, "env": [*env, *(entry for entry in entries if entry["name"] not in names)]}


def with_leading(container: Any, entries: Sequence[Document]) -> Document:
    """The container with these entries in front of its env, of which only the first of each name stays.

    They come first so that the user's values can expand ``$(NAME)`` of them. Sharing as above.
    """
    container = container or {}
    env = list(entries)
    seen = {entry["name"] for entry in entries}
    for entry in container.get("env") or ():
        name = (entry.get("name") or "") if entry else ""
        if name not in seen:
            seen.add(name)
            env.append(entry)
    return {**container, "env": env}


def _label(labels: Mapping[str, str], label: str) -> str:
    if label not in labels:
        raise AdmissionError(f"label {label} is missing: a pod of a LeaderWorkerSet must have it")
    return labels[label]
