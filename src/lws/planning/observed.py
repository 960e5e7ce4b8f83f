"""What the shells observed, frozen, and who belongs to whom in it.

A snapshot is read once from the caches and handed to the planners whole, so a plan never mixes two moments.
Ownership is decided by UID along the owner chain worker pod -> StatefulSet -> leader pod, never by name. No
rule about what to do may live here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Final, NamedTuple

from msgspec import Struct

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.resourceclaims import ResourceClaim, ResourceClaimTemplate
from lws.api.workloads import ControllerRevision, Node, Pod, Service, StatefulSet
from lws.objects import KubeObject, OwnerReference, controlled_by, controller_of
from lws.planning.lacking import Lack


class Keys(NamedTuple):
    """Labels and annotations of an object, by their keys."""

    labels: frozenset[str] = frozenset()
    annotations: frozenset[str] = frozenset()

    @property
    def any(self) -> bool:
        return bool(self.labels or self.annotations)


NO_KEYS: Final = Keys()


class Certainty(IntEnum):
    """How much of an observed group was read from the API server itself, where caches may lag."""

    CACHED = 0
    LEADER = 1
    """The leader: it is there still, so what the status holds of another one is of a former one."""
    GROUP = 2
    """All pods of the group, and the worker StatefulSet."""


class ObservedSet(Struct, frozen=True, gc=False):
    """One LeaderWorkerSet and its children.

    ``leader``: the leader StatefulSet. ``revisions``: those with the set's name label. ``leaders``: pods with
    the set's name label and worker-index 0. ``worker_sets``: StatefulSets with the set's name label, the
    leader StatefulSet perhaps among them. ``service``: the one named like the set. ``members``: all pods of
    those groups that ``record.unrecorded`` names. ``ready_times``: of sets with minReadySeconds, by leader
    UID, since when the group has been ready; empty text for one that is not.
    """

    lws: LeaderWorkerSet
    leader: StatefulSet | None = None
    revisions: tuple[ControllerRevision, ...] = ()
    leaders: tuple[Pod, ...] = ()
    worker_sets: tuple[StatefulSet, ...] = ()
    service: Service | None = None
    members: tuple[Pod, ...] = ()
    ready_times: Mapping[str, str] = {}


class Incidents(Struct, frozen=True, gc=False):
    """What the watch showed of one group's pods, judged while it happened; nothing after a restart of ours.

    ``lost``: worker pods that went, are going or failed when deaths counted, as they were before, and worker
    StatefulSets that are gone, which prove whose pods those were; ``unjudged``: such pods of which it could
    not be told, because a cache lagged, whether deaths counted. ``excused_deletions``: UIDs of pods that
    began to go before deaths counted. ``restarted``: UIDs of pods whose containers restarted when that
    counted. ``excused_restarts``: by pod UID, the restart count up to which restarts are no failures.
    """

    lost: tuple[Pod | StatefulSet, ...] = ()
    unjudged: tuple[Pod, ...] = ()
    excused_deletions: frozenset[str] = frozenset()
    restarted: frozenset[str] = frozenset()
    excused_restarts: Mapping[str, int] = {}


class WantedClaim(NamedTuple):
    """A ResourceClaim that pods of a group name in common, made from the ResourceClaimTemplate ``template``.

    ``claim``: its name; ``entry``: theirs for it; ``leader`` and ``workers``: who uses it.
    """

    entry: str
    template: str
    claim: str
    leader: bool
    workers: bool


class ObservedClaim(NamedTuple):
    """``found``: what has the name. ``template`` is looked for where nothing has; ``refused``: why it may not
    be read, in the server's words.
    """

    want: WantedClaim
    found: ResourceClaim | None = None
    template: ResourceClaimTemplate | None = None
    refused: str = ""


class ObservedGroup(Struct, frozen=True, gc=False):
    """One group, keyed by its leader pod.

    ``pods``: all pods with the set's name and the group's index, whoever owns them, the leader included.
    ``worker_sets``: StatefulSets named like the leader or with the group's index. ``revisions``: those with
    the set's name label and the leader's key. ``node``: the leader's, while it lacks workers;
    ``node_refused``: why it may not be read, in the server's words. ``service``: the one named like the
    leader. ``leader_set``: the leader StatefulSet, ``updated_leaders``: how many leaders carry its newest
    template's name; these and the set's other ``revisions`` are there while the group is updated in place.
    ``pod_group``: with gang scheduling, the object that stands for the group, or None; it cannot be told
    without ``pod_groups_known``. ``claims``: the ResourceClaims that its pods name in common; what of them is
    there cannot be told without ``claims_known``. ``stale_keys``: labels and annotations that the worker
    StatefulSet has from its creator only. ``lack``: pods that it is to have and has not. ``unready_for``:
    seconds since when the leader's gate is open and a worker not ready.
    """

    lws: LeaderWorkerSet | None
    leader: Pod | None
    pods: tuple[Pod, ...] = ()
    worker_sets: tuple[StatefulSet, ...] = ()
    revisions: tuple[ControllerRevision, ...] = ()
    node: Node | None = None
    node_refused: str = ""
    service: Service | None = None
    leader_set: StatefulSet | None = None
    updated_leaders: int = 0
    pod_group: KubeObject | None = None
    pod_groups_known: bool = True
    claims: tuple[ObservedClaim, ...] = ()
    claims_known: bool = True
    incidents: Incidents = Incidents()
    stale_keys: Keys = NO_KEYS
    lack: Lack | None = None
    unready_for: float = 0.0
    certainty: Certainty = Certainty.CACHED


def group_index(obj: KubeObject) -> int | None:
    """The group index in the object's label; None when absent, negative or not decimal digits."""
    return number_in(obj.labels.get(c.GROUP_INDEX_LABEL, ""))


def number_in(text: str) -> int | None:
    """A count or an index that somebody may have edited; None for all but one to ten decimal digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None


def is_leader(pod: Pod) -> bool:
    """Leader iff the worker-index label is exactly ``0`` (api.md, 5.2)."""
    return pod.labels.get(c.WORKER_INDEX_LABEL) == "0"


def worker_set_named(leader: Pod, sets: Iterable[StatefulSet]) -> StatefulSet | None:
    """The StatefulSet that has the name of this leader's worker set, whoever owns it."""
    return next((x for x in sets if x.name == leader.name and x.namespace == leader.namespace), None)


def worker_set_of(leader: Pod, sets: Iterable[StatefulSet]) -> StatefulSet | None:
    """The worker StatefulSet of this very leader: its name, controlled by its UID."""
    found = worker_set_named(leader, sets)
    return found if found is not None and controlled_by(found, leader.uid) else None


def belongs_to(worker: Pod, leader: Pod, sets: Iterable[StatefulSet]) -> bool:
    """Whether the owner chain of ``worker`` proves that it is a worker of this incarnation of the leader.

    Its controller is the leader pod itself, or a StatefulSet whose controller is that pod; name and UID must
    match at each step. An owner that is not among ``sets`` proves nothing.
    """
    owner = controller_of(worker)
    if owner is None or owner.kind == "Pod":
        return _refers_to(owner, leader)
    if owner.kind != "StatefulSet":
        return False
    between = next((x for x in sets if x.uid == owner.uid), None)
    return between is not None and _refers_to(controller_of(between), leader)


def members(group: ObservedGroup) -> tuple[Pod, ...]:
    """The pods of the current leader's incarnation, terminating ones included, ordered by name."""
    leader = group.leader
    if leader is None:
        return ()
    workers = (x for x in group.pods if belongs_to(x, leader, group.worker_sets))
    return tuple(sorted((leader, *workers), key=lambda pod: pod.name))


def _refers_to(owner: OwnerReference | None, leader: Pod) -> bool:
    return owner is not None and owner.kind == "Pod" and owner.name == leader.name and owner.uid == leader.uid
