"""Which revision a set uses, when a new one is made, when old ones go (reconcilers.md, 4.4 to 4.7).

How a template is encoded is the business of ``template`` and ``encoding``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec import Raw, Struct

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision, StatefulSet
from lws.objects import KubeObject, ObjectReference, controller_of
from lws.planning.actions import Create, Delete, Document, reference
from lws.planning.events import failed_delete, normal, warning
from lws.planning.revisions.template import Template, restore

KIND: Final = "ControllerRevision"
API_VERSION: Final = "apps/v1"
MAX_HISTORY: Final = 100
"""Former templates that a set may have kept: each is an object of the size of its pod templates."""
_NAME_PREFIX_LENGTH: Final = 220


class RevisionPlan(Struct, frozen=True):
    """The revision a pass works with.

    ``current`` exists already, or ``create`` makes it: exactly one of the two is set. ``key`` is its label
    and the label of everything made from it. ``template`` is what it stores, which always means the same as
    the live set. ``changed``: the leader StatefulSet still carries another template (reconcilers.md, 4.5).
    """

    current: ControllerRevision | None
    create: Create | None
    key: str
    template: Template
    changed: bool

    @property
    def adopting(self) -> bool:
        """A revision is to be made under the key that the leader StatefulSet carries, not under its own."""
        return self.create is not None and self.key != self.template.key

    @property
    def reference(self) -> ObjectReference:
        """The revision, for events about it; without UID while it is yet to be created."""
        if self.current is not None:
            return reference(API_VERSION, KIND, self.current)
        metadata = self.create.document["metadata"] if self.create else {}
        return ObjectReference(API_VERSION, KIND, metadata.get("name", ""), metadata.get("namespace", ""))


class Marks(NamedTuple):
    """The labels of a revision: the name of its set, and the key of what it stores."""

    name: str
    revision: str


SETS: Final = Marks(c.NAME_LABEL, c.REVISION_LABEL)


def owned_revisions(
    owner: KubeObject, revisions: Iterable[ControllerRevision], marks: Marks = SETS
) -> list[ControllerRevision]:
    """The set's own, by name label and owner UID; orphans count as own.

    The StatefulSet controller's revisions inherit the pod template's labels, so labels alone prove nothing.
    """
    return [
        x for x in revisions if x.labels.get(marks.name) == owner.name and _owner_uid(x) in ("", owner.uid)
    ]


def held(own: Iterable[ControllerRevision]) -> list[ControllerRevision]:
    """Of a set's ``own`` those that may be deleted: it is their owner, and they are not going already."""
    return [x for x in own if controller_of(x) is not None and not x.deleting]


def _owner_uid(revision: ControllerRevision) -> str:
    owner = controller_of(revision)
    return owner.uid if owner else ""


def labelled_revision(
    lws: LeaderWorkerSet, key: str, revisions: Iterable[ControllerRevision]
) -> ControllerRevision | None:
    """The set's own with this key; of several, the one with the highest number."""
    named = [x for x in owned_revisions(lws, revisions) if key and x.labels.get(c.REVISION_LABEL) == key]
    return max(named, key=_number, default=None)


def plan_revision(
    lws: LeaderWorkerSet,
    leader: StatefulSet | None,
    revisions: Sequence[ControllerRevision],
    live: Template,
) -> RevisionPlan:
    """Choose the revision of this pass, or plan to create it (reconcilers.md, 1 #5 and #6, 4.4, 4.5).

    ``leader`` is the leader StatefulSet as observed, ``live`` the snapshot of ``lws``. ``revisions`` may hold
    those of others. Planning again after the create was lost, or from a cache that does not show it yet,
    gives the same create; once it is seen it is used, so retries add nothing.
    """
    own = owned_revisions(lws, revisions)
    newest = max(own, key=_number, default=None)
    key, stored = _carried(leader, own)
    if stored is not None and _stores(stored, live):
        return RevisionPlan(stored, None, key, live, changed=False)
    changed = stored is not None
    wanted = key if key and not changed else live.key
    if newest is not None and _is_exactly(newest, wanted, live):
        return RevisionPlan(newest, None, wanted, live, changed)
    purpose = _purpose(wanted, adopting=bool(key), changed=changed)
    return RevisionPlan(None, _creation(lws, revisions, wanted, live, note=purpose), wanted, live, changed)


def carried_key(
    lws: LeaderWorkerSet, leader: StatefulSet | None, revisions: Iterable[ControllerRevision]
) -> str:
    """The key of the revision that the leader StatefulSet was made from; empty for none."""
    return _carried(leader, owned_revisions(lws, revisions))[0]


def _carried(
    leader: StatefulSet | None, own: Iterable[ControllerRevision]
) -> tuple[str, ControllerRevision | None]:
    """The key that the leader StatefulSet carries, and the newest revision with it.

    A label that names no revision is an older controller's, and its revision is made (reconcilers.md, 10.1
    #44). One that names another revision than the pod template does was edited: no other template, and
    must roll no group.
    """
    if leader is None:
        return "", None
    label = leader.labels.get(c.REVISION_LABEL, "")
    falling = sorted(own, key=_number, reverse=True)
    newest = {_key(x): x for x in reversed(falling)}  # of equal numbers the first
    if label and label not in newest:
        return label, None
    key = leader.revision_of_pods if leader.revision_of_pods in newest else label
    return key or leader.revision_of_pods, newest.get(key)


def former_revision(
    lws: LeaderWorkerSet, leader: StatefulSet | None, revisions: Sequence[ControllerRevision], live: Template
) -> RevisionPlan | None:
    """The revision that the leader StatefulSet carries: what may still be done while another is refused.

    None where there is none that can be read.
    """
    key, stored = _carried(leader, owned_revisions(lws, revisions))
    if stored is None:
        return None
    try:
        return RevisionPlan(stored, None, key, restore(stored, live), changed=False)
    except ValueError:
        return None


def _number(revision: ControllerRevision) -> int:
    return revision.revision


def _key(revision: ControllerRevision) -> str:
    return revision.labels.get(c.REVISION_LABEL, "")


def _stores(revision: ControllerRevision, live: Template) -> bool:
    """Whether ``revision`` means what is live: other spellings come from older encoders, not from users."""
    if bytes(revision.data) == live.data:
        return True
    try:
        return restore(revision, live).data == live.data
    except ValueError:
        return False


def _is_exactly(revision: ControllerRevision, key: str, live: Template) -> bool:
    """Whether creating it again would only add a copy under the next number.

    While the leader StatefulSet cannot be applied (claim templates are immutable) every retry comes here;
    upstream adds a copy each time. An *older* equal revision is not used: going back to an earlier template
    makes a new one, so that the highest number is always the template last asked for.
    """
    return not revision.deleting and _key(revision) == key and bytes(revision.data) == live.data


def _purpose(key: str, *, adopting: bool, changed: bool) -> str:
    if changed:
        return f"Creating revision with key {key} for updated LWS"
    if adopting:
        return f"Creating missing revision with key {key} for existing LeaderWorkerSet"
    return f"Creating revision with key {key} for a newly created LeaderWorkerSet"


def _creation(
    lws: LeaderWorkerSet, revisions: Sequence[ControllerRevision], key: str, live: Template, *, note: str
) -> Create:
    number = next_number(lws, revisions, live.key)
    document = revision_document(lws, live, key=key, number=number)
    name = document["metadata"]["name"]
    made = ObjectReference(API_VERSION, KIND, name, lws.namespace)
    created = normal(lws, c.REASON_CREATING_REVISION, "Create", note, related=made)
    failed = warning(lws, c.REASON_FAILED_CREATE, "Create", f"Failed to create revision {name}", related=made)
    return Create(KIND, document, then=(created,), failed=failed)


def next_number(
    owner: KubeObject, revisions: Sequence[ControllerRevision], key: str, marks: Marks = SETS
) -> int:
    """One more than the set's highest; names still held by a deleted namesake's revisions are passed over."""
    number = 1 + max(map(_number, owned_revisions(owner, revisions, marks)), default=0)
    taken = {x.name for x in revisions}
    while revision_name(owner, key, number) in taken:
        number += 1
    return number


def revision_name(owner: KubeObject, key: str, number: int) -> str:
    """``key``: the hash of what it stores."""
    return f"{owner.name[:_NAME_PREFIX_LENGTH]}-{key}-{number}"


def revision_document(lws: LeaderWorkerSet, template: Template, *, key: str, number: int) -> Document:
    """The ControllerRevision (reconcilers.md, 4.1). Its name carries the hash of the data, its label ``key``.

    ``data`` is JSON text that must reach the server byte for byte.
    """
    owner = {
        "apiVersion": c.API_VERSION,
        "kind": c.KIND,
        "name": lws.name,
        "uid": lws.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": revision_name(lws, template.key, number),
            "namespace": lws.namespace,
            "labels": {c.NAME_LABEL: lws.name, c.REVISION_LABEL: key},
            "ownerReferences": [owner],
        },
        "revision": number,
        "data": Raw(template.data),
    }


def plan_truncation(
    lws: LeaderWorkerSet, revisions: Iterable[ControllerRevision], key: str, *, history: int = 0
) -> list[Delete]:
    """Delete the set's revisions with another key than ``key`` (reconcilers.md, 4.7), but for its history.

    ``history``: former templates that are kept of sets that say nothing of it. What a set says that cannot be
    read ends no history: the most that one may say is kept.

    Only to be asked for when the partition is 0 and every group is updated and ready: until then a group
    may have to be rebuilt from an older one. Of each template that is kept, one revision is enough.
    """
    limit = history_limit(lws.annotations)
    if limit is None:
        limit = MAX_HISTORY if c.HISTORY_LIMIT_ANNOTATION in lws.annotations else history
    own = owned_revisions(lws, revisions)
    return [
        Delete(KIND, x.key, x.uid, failed=failed_delete(lws, "revision", x.name), unmet=False)
        for x in superfluous(own, key, limit)
    ]


def superfluous(
    own: Iterable[ControllerRevision], key: str, limit: int, marks: Marks = SETS
) -> list[ControllerRevision]:
    """A set's ``own`` revisions of other templates than ``key``, but for the last ``limit`` templates.

    One without an owner is somebody's who only labels it so, or will be given its owner back.
    """
    old = [x for x in held(own) if x.labels.get(marks.revision) != key]
    newest = {x.labels.get(marks.revision): x for x in sorted(old, key=_number)}
    kept = sorted(newest.values(), key=_number, reverse=True)[:limit]
    return [x for x in old if x not in kept]


def history_limit(annotations: Mapping[str, str]) -> int | None:
    """How many former templates the set wants kept (decision 060).

    None without the annotation, and for what admission would not let through.
    """
    text = annotations.get(c.HISTORY_LIMIT_ANNOTATION, "")
    number = int(text) if re.fullmatch("[0-9]{1,3}", text) else MAX_HISTORY + 1
    return number if number <= MAX_HISTORY else None
