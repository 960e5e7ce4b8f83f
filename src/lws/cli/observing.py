"""What there is of a set on the server, and the groups that it forms.

Read whole by lists; nothing is cached. Who belongs to whom is decided by the planners' rules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec import Struct

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision, StatefulSet
from lws.cli.kinds import LEADERWORKERSETS, Pod
from lws.cli.session import CommandError, Session, is_of_unknown_kind, not_installed
from lws.kube.errors import NotFound
from lws.kube.resources import CONTROLLER_REVISIONS, PODS, STATEFULSETS, Resource
from lws.kube.selectors import absent, all_of, equals, exists
from lws.objects import Key, ObjectT
from lws.planning import groups as planners
from lws.planning.observed import ObservedSet, group_index, is_leader
from lws.planning.revisions import RevisionPlan, plan_revision, template_of


class Group(Struct, frozen=True):
    """One group: ``pods`` are all that carry its index, the leader included, by name.

    ``alone``: by its own revision it is a leader without workers.
    """

    index: int
    leader: Pod | None
    workers: StatefulSet | None
    pods: tuple[Pod, ...]
    state: planners.GroupState
    alone: bool = False

    def outdated(self, key: str) -> bool:
        """Whether a part of it was made from another template; a group without some part may be new."""
        members = [x for x in (self.leader, self.workers) if x is not None]
        return any(x.labels.get(c.REVISION_LABEL) != key for x in members)


class Tally(NamedTuple):
    """Numbers of groups, the same for every command. ``ready`` and ``updated``: of the wanted ones.

    ``surge``: above these, for a roll, ``surge_ready`` of them ready. ``leaving``: nobody wants them now.
    """

    ready: int
    updated: int
    surge: int
    surge_ready: int
    leaving: int

    @property
    def serving(self) -> int:
        """All that are ready, surge too: it is there so that there are enough."""
        return self.ready + self.surge_ready


class Seen(NamedTuple):
    """A set and all that belongs to it. ``leader``: the leader StatefulSet."""

    lws: LeaderWorkerSet
    stateful_sets: tuple[StatefulSet, ...] = ()
    pods: tuple[Pod, ...] = ()
    revisions: tuple[ControllerRevision, ...] = ()

    @property
    def owner(self) -> LeaderWorkerSet:
        """The set itself."""
        return self.lws

    @property
    def leader(self) -> StatefulSet | None:
        return next((x for x in self.stateful_sets if x.name == self.lws.name), None)

    @property
    def observed(self) -> ObservedSet:
        """The same as planners take it."""
        return ObservedSet(
            self.lws,
            leader=self.leader,
            revisions=self.revisions,
            leaders=tuple(x for x in self.pods if is_leader(x)),
            worker_sets=self.stateful_sets,
            members=self.pods,
        )

    @property
    def revision(self) -> RevisionPlan:
        """Which revision a pass of the controller would work with. Raises CommandError."""
        return revision_of(self, self.lws)

    @property
    def expected(self) -> int:
        """How many groups there should be now, surge included."""
        return self.leader.spec.replicas if self.leader is not None else self.lws.replicas


def revision_of(seen: Seen, lws: LeaderWorkerSet) -> RevisionPlan:
    """As ``Seen.revision``, for another spec of the same set."""
    try:
        return plan_revision(lws, seen.leader, seen.revisions, template_of(lws))
    except ValueError as error:
        raise CommandError(f"{lws.name}: the template cannot be read: {error}") from error


def groups_of(seen: Seen, key: str) -> list[Group]:
    """The groups that should be or are there, by index; their states are against revision ``key``."""
    pods: defaultdict[int, list[Pod]] = defaultdict(list)
    for pod in seen.pods:
        if (index := group_index(pod)) is not None:
            pods[index].append(pod)
    count = max([seen.expected, *(index + 1 for index in pods)])
    planned = planners.groups_of(seen.observed).by_index
    return [
        _group(index, pods[index], planned.get(index), key)
        for index in range(count)
        if index < seen.expected or index in pods
    ]


def tally_of(seen: Seen, groups: Iterable[Group]) -> Tally:
    """Counts the ``groups`` of a set."""
    wanted, surge, leaving = [], [], 0
    for x in groups:
        if x.index < seen.lws.replicas:
            wanted.append(x.state)
        elif x.index < seen.expected:
            surge.append(x.state)
        else:
            leaving += 1
    return Tally(
        ready=sum(x.ready for x in wanted),
        updated=sum(x.updated for x in wanted),
        surge=len(surge),
        surge_ready=sum(x.ready for x in surge),
        leaving=leaving,
    )


def _group(index: int, pods: Sequence[Pod], planned: planners.Group | None, key: str) -> Group:
    ordered = tuple(sorted(pods, key=lambda pod: (len(pod.name), pod.name)))
    if planned is None:
        return Group(index, None, None, ordered, planners.MISSING)
    leader = next(x for x in pods if x.uid == planned.leader.uid)
    return Group(index, leader, planned.workers, ordered, planned.state(key), alone=planned.alone)


def see(session: Session, name: str) -> Seen:
    """One set with everything of its. Raises CommandError when there is none."""
    client, namespace = session.client, session.namespace
    lws = read(session, LEADERWORKERSETS, LeaderWorkerSet, name)
    ours = equals(c.NAME_LABEL, name)
    return Seen(
        lws,
        tuple(client.list(STATEFULSETS, StatefulSet, namespace, label_selector=ours)),
        tuple(client.list(PODS, Pod, namespace, label_selector=ours)),
        tuple(_revisions(session, ours)),
    )


def read(session: Session, resource: Resource, type_: type[ObjectT], name: str) -> ObjectT:
    """One object of the session's namespace. Raises CommandError when there is none."""
    try:
        return session.client.get(resource, type_, name, session.namespace)
    except NotFound as error:
        raise CommandError(absence(session, resource, name, error)) from error


def absence(session: Session, resource: Resource, name: str, error: NotFound) -> str:
    """Why there is no such object; what the server says of a kind that it does not know has no details."""
    if is_of_unknown_kind(error):
        return not_installed(resource)
    return f"{resource.plural} {name!r} not found in namespace {session.namespace!r}"


def see_all(session: Session, only: str = "") -> list[Seen]:
    """All sets of the session's namespace, or of all namespaces, by namespace and name.

    ``only``: a label selector that sets and their pods must match.
    """
    client, namespace, ours = session.client, session.namespace, exists(c.NAME_LABEL)
    sets = client.list(LEADERWORKERSETS, LeaderWorkerSet, namespace, label_selector=only)
    stateful_sets = by_set(client.list(STATEFULSETS, StatefulSet, namespace, label_selector=ours))
    pods = by_set(client.list(PODS, Pod, namespace, label_selector=all_of(ours, only)))
    revisions = by_set(_revisions(session, ours))
    return [
        Seen(x, tuple(stateful_sets[x.key]), tuple(pods[x.key]), tuple(revisions[x.key]))
        for x in sorted(sets, key=lambda lws: lws.key)
    ]


def _revisions(session: Session, ours: str) -> list[ControllerRevision]:
    """Those of sets and of leader StatefulSets: of worker StatefulSets there is one for each group."""
    selector = all_of(ours, absent(c.GROUP_INDEX_LABEL))
    return session.client.list(
        CONTROLLER_REVISIONS, ControllerRevision, session.namespace, label_selector=selector
    )


def by_set(objects: Iterable[ObjectT]) -> defaultdict[Key, list[ObjectT]]:
    """Objects by the set that their label names."""
    found: defaultdict[Key, list[ObjectT]] = defaultdict(list)
    for x in objects:
        found[Key(x.namespace, x.labels.get(c.NAME_LABEL, ""))].append(x)
    return found
