"""What a plan can ask for. The executor (``lws.controllers.executor``) carries actions out in order.

An action names an object by kind and key; documents are plain JSON as the API server takes it. Each is
idempotent: running a plan twice, or dying between any two of its actions, loses nothing.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from lws.api.leaderworkerset import GroupStatus, LeaderWorkerSet
from lws.objects import Key, KubeObject, ObjectReference

Document = dict[str, Any]


def reference(api_version: str, kind: str, obj: KubeObject) -> ObjectReference:
    """A reference to an observed object."""
    return ObjectReference(api_version, kind, obj.name, obj.namespace, obj.uid)


class Record(Struct, frozen=True):
    """Emit an event. ``type``: ``Normal`` or ``Warning``. ``note`` is literal text, never a format."""

    regarding: ObjectReference
    type: str
    reason: str
    action: str
    note: str
    related: ObjectReference | None = None


class Problem(Struct, frozen=True):
    """What keeps an object from being made or put right, for the set's condition ``Stalled``.

    ``reason``: CamelCase. ``message``: one line that names the object. ``unmet``: something of the spec is
    not carried out because of it, even when all groups are ready. ``grace``: seconds for which it is waited
    for before it counts. ``subject``: the name of the object, if others may have the very same problem.
    """

    reason: str
    message: str
    unmet: bool = True
    grace: float = 0.0
    subject: str = ""


class RolloutEnded(Struct, frozen=True):
    """Measure a rollout that has ended. ``outcome``: completed, superseded or rolled_back."""

    outcome: str
    seconds: float


class GroupRecreated(Struct, frozen=True):
    """Count a group of this set that is recreated as a whole; the causes are those of ``recreation``."""

    cause: str
    lws: Key


class RoleRolloutEnded(Struct, frozen=True):
    """Measure a rollout of a DisaggregatedSet that has ended. ``deviation``: the furthest that a role was
    from the ideal ratio, in steps of its own.
    """

    rollout: RolloutEnded
    deviation: int


class RoleRolloutStepped(Struct, frozen=True):
    """Count a step that a DisaggregatedSet's rollout has taken in one slice."""


class UpdatedInPlace(Struct, frozen=True):
    """Count a group that was to be updated in place. ``outcome``: updated, or fallback: it is recreated
    after all. ``seconds``: from the change of its pods until all were ready; None where that is not known.
    """

    outcome: str
    seconds: float | None = None


Measurement = RolloutEnded | GroupRecreated | RoleRolloutEnded | RoleRolloutStepped | UpdatedInPlace
Effect = Record | Measurement
"""What follows once the API server has accepted an action; lost if the process dies before."""


class Apply(Struct, frozen=True):
    """Server-side apply ``document`` (complete: members left out are given up), with force.

    The executor sends it only when it would change something. On success ``then`` is recorded; on
    failure ``failed`` is, its note followed by ``": "`` and the error's text.
    """

    kind: str
    document: Document
    then: tuple[Record, ...] = ()
    failed: Record | None = None


class Create(Struct, frozen=True):
    """Create ``document``. AlreadyExists means "look again at the server", never an error by itself.

    The failure of one that is not ``essential`` ends the plan only after the actions that follow it.
    """

    kind: str
    document: Document
    then: tuple[Record, ...] = ()
    failed: Record | None = None
    essential: bool = True


class Patch(Struct, frozen=True):
    """JSON merge patch ``document`` on the object that its ``metadata`` names, by UID too.

    Only what differs is in it, so whoever else has written to the object loses nothing; unless there is a
    ``resourceVersion``: then it holds for the object as observed only, and is a conflict else. ``unmet`` as
    in ``Problem``, when it is refused. ``strategic``: a strategic merge patch, in which lists merge by name.
    """

    kind: str
    document: Document
    then: tuple[Effect, ...] = ()
    failed: Record | None = None
    unmet: bool = True
    strategic: bool = False


class Attempt(Struct, frozen=True):
    """These patches in order, up to the first that the API server refuses; then ``otherwise`` instead.

    ``told``: what is recorded then, its note followed by ``": "`` and the server's words.
    """

    steps: tuple[Patch, ...]
    otherwise: Patch
    told: Record


class Reclaim(Struct, frozen=True):
    """Give the object with this UID, as it was at ``resource_version``, its owner back, if it was made by us.

    Who made it only the server's ``managedFields`` tell. ``owners``: its owner references as they are to be.
    ``otherwise``: what is due when somebody else made it.
    """

    kind: str
    key: Key
    uid: str
    resource_version: str
    owners: list[Document]
    failed: Record | None = None
    otherwise: tuple[Problem | Record | Requeue, ...] = ()


class Delete(Struct, frozen=True):
    """Delete exactly the object with this UID; NotFound or another UID means it is done already.

    ``propagation``: ``Foreground``, ``Background`` or ``Orphan`` (Kubernetes garbage collection). ``grace``:
    seconds that its containers get; None: what the object says itself. ``failed`` as in ``Apply``, ``unmet``
    as in ``Problem``, when it is refused.
    """

    kind: str
    key: Key
    uid: str
    propagation: str = "Background"
    then: tuple[Effect, ...] = ()
    grace: int | None = None
    failed: Record | None = None
    unmet: bool = True


class PatchMetadata(Struct, frozen=True):
    """Strategic merge patch on the metadata of exactly the object with this UID, which is not being deleted.

    NotFound, another UID, and Invalid because its deletion has begun, mean that there is nothing to do. Any
    other refusal is a problem that is told, and ends nothing.
    """

    kind: str
    key: Key
    uid: str
    metadata: Document


class PatchStatus(Struct, frozen=True):
    """JSON merge patch on the status subresource; ``resource_version`` set = optimistic locking.

    ``uid`` set: only of that object, never of another one by its name. ``patient``: nothing in it but numbers
    and texts, which may wait for company. ``last``: with it all that is wanted is reported.
    """

    kind: str
    key: Key
    status: Document
    resource_version: str = ""
    then: tuple[Effect, ...] = ()
    uid: str = ""
    patient: bool = False
    last: bool = False


class PatchCondition(Struct, frozen=True):
    """Strategic merge patch of one condition in the status of exactly the object with this UID.

    Others' conditions stay. NotFound and another UID mean that there is nothing to do. A refusal is a problem
    and no failure: what follows in the plan goes on.
    """

    kind: str
    key: Key
    uid: str
    condition: Document


class StoreEntry(Struct, frozen=True):
    """Have the status entry of one group written, and then look at the group again.

    It goes in one patch with those of other groups of the set, so the plan ends with it: what depends on the
    entry is planned by the pass that sees it. ``lws``: the set that the decision rests on, ``index`` the
    group's, ``leader`` its key. ``then`` follows once the API server has accepted the entry.
    """

    lws: LeaderWorkerSet
    index: str
    entry: GroupStatus
    leader: Key
    then: tuple[Effect, ...] = ()

    @property
    def base(self) -> GroupStatus | None:
        """The entry that is to be replaced, as it was seen."""
        entry = self.lws.status.groups.get(self.index)
        return None if entry is None else entry.record


class Requeue(Struct, frozen=True):
    """Look at this key again after so many seconds, whatever happens until then."""

    after: float


Action = (
    Apply
    | Attempt
    | Create
    | Delete
    | Patch
    | PatchCondition
    | PatchMetadata
    | PatchStatus
    | Problem
    | Reclaim
    | Record
    | Requeue
    | StoreEntry
)
