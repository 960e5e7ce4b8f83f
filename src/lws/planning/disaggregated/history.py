"""The templates that a set keeps to go back to, as ControllerRevisions, if it asks for it (decision 183).

A revision stores the roles whole, as they were when it was made; its key is the revision of the set, which
hashes their templates only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.workloads import ControllerRevision
from lws.planning.actions import Action, Create, Delete, Patch
from lws.planning.disaggregated.demand import Wanted
from lws.planning.disaggregated.names import owner_reference
from lws.planning.disaggregated.rollout import at_rest
from lws.planning.disaggregated.slices import Slice, record
from lws.planning.revisions import (
    Marks,
    held,
    history_limit,
    next_number,
    owned_revisions,
    revision_name,
    superfluous,
)

KIND: Final = "ControllerRevision"
MARKS: Final = Marks(d.NAME_LABEL, d.REVISION_LABEL)


def plan_history(
    wanted: Wanted, revisions: Sequence[ControllerRevision], slices: Sequence[Slice]
) -> list[Action]:
    """Keep the present templates, drop what is more than the limit once no rollout is going on.

    The revision of the highest number is always that of the templates last asked for. Only the controller
    numbers revisions: to go back takes one write, to the set. ``revisions`` may hold those of others. A
    limit that cannot be read asks neither for a history nor for its end.
    """
    ds = wanted.ds
    own, limit = owned_revisions(ds, revisions, MARKS), history_limit(ds.annotations)
    if limit is None and c.HISTORY_LIMIT_ANNOTATION in ds.annotations:
        return []
    if limit is None:
        return [_delete(x) for x in held(own)]
    newest = max(own, key=lambda x: x.revision, default=None)
    if newest is None or newest.deleting or newest.labels.get(MARKS.revision) != wanted.revision:
        return [_renewal(own, wanted.revision) or _creation(wanted, revisions)]
    if any(not former.drained for x in slices for former in x.former):
        return []
    if not all(at_rest(wanted, x) for x in slices):
        return []
    return [_delete(x) for x in superfluous(own, wanted.revision, limit, MARKS)]


def _delete(revision: ControllerRevision) -> Delete:
    return Delete(KIND, revision.key, revision.uid, unmet=False)


def _renewal(own: Sequence[ControllerRevision], key: str) -> Patch | None:
    """Templates that come back keep their revision, which gets the next number, as a StatefulSet's does."""
    kept = [x for x in own if x.labels.get(MARKS.revision) == key and not x.deleting]
    if not kept:
        return None
    former = max(kept, key=lambda x: x.revision)
    metadata = {"name": former.name, "namespace": former.namespace, "uid": former.uid}
    number = 1 + max(x.revision for x in own)
    return Patch(KIND, {"metadata": metadata, "revision": number}, unmet=False)


def _creation(wanted: Wanted, revisions: Sequence[ControllerRevision]) -> Create:
    ds, key = wanted.ds, wanted.revision
    number = next_number(ds, revisions, key, MARKS)
    document = {
        "apiVersion": "apps/v1",
        "kind": KIND,
        "metadata": {
            "name": revision_name(ds, key, number),
            "namespace": ds.namespace,
            "labels": {MARKS.name: ds.name, MARKS.revision: key},
            "ownerReferences": [owner_reference(ds)],
        },
        "revision": number,
        "data": Raw(b'{"spec":{"roles":' + msgspec.json.encode(ds.spec.roles) + b"}}"),
    }
    said = record(ds, c.REASON_CREATING_REVISION, "Create", f"Keeping the templates of revision {key}")
    return Create(KIND, document, then=(said,))


def stored_roles(revision: ControllerRevision) -> list[dict[str, Any]]:
    """The roles as they were. Raises ValueError when they cannot be read."""
    try:
        return _decoder.decode(revision.data).spec.roles
    except RecursionError:
        raise ValueError("nested too deeply") from None


class _Spec(msgspec.Struct):
    roles: list[dict[str, Any]]


class _Data(msgspec.Struct):
    spec: _Spec


_decoder: Final = msgspec.json.Decoder(_Data)
