"""What there is in the cluster, kept by the project's own informers with the user's rights.

Tells ``touch`` which topics a change is about. What is shown of it is worked out elsewhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Final, Generic, NamedTuple

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet, DisaggregatedSetRoleScaler
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision, Node, StatefulSet
from lws.cli.dashboard.kinds import Event
from lws.cli.dashboard.places import Ground
from lws.cli.disaggregated.observing import SeenRoles
from lws.cli.kinds import CORE_EVENTS, DISAGGREGATEDSETS, LEADERWORKERSETS, ROLE_SCALERS, Pod
from lws.cli.observing import Seen
from lws.kube.connection import Connection
from lws.kube.resources import CONTROLLER_REVISIONS, NODES, PODS, STATEFULSETS, Resource
from lws.kube.selectors import absent, all_of, exists
from lws.objects import Key, KubeObject, ObjectT, controller_of
from lws.planning.disaggregated.names import owned
from lws.runtime.informers import Cache, Informer, Selection

EVERYTHING: Final = "*"
LINES: Final = "lines"
EVENTS: Final = "events"
_SET, _ROLES = "set", "roles"

Touch = Callable[[str], None]


def topic(kind: str, key: Key) -> str:
    """Of one set: ``lws/NAMESPACE/NAME`` or ``ds/NAMESPACE/NAME``."""
    return f"{'lws' if kind == c.KIND else 'ds'}/{key.namespace}/{key.name}"


class Blind(NamedTuple):
    """What is not seen, or not any more, and why. ``stale``: what is shown of it is from before."""

    what: str
    why: str
    stale: bool


class _Telling(Generic[ObjectT]):
    """From changes of objects to topics."""

    def __init__(self, touch: Touch, topics: Callable[[ObjectT], Iterable[str]]) -> None:
        self._touch, self._topics = touch, topics

    def on_add(self, obj: ObjectT, *, initial: bool) -> None:
        self._tell(obj)

    def on_update(self, old: ObjectT, new: ObjectT) -> None:
        if isinstance(new, Node) and old.metadata.labels == new.metadata.labels:
            return  # nodes report to the server all the time
        self._tell(old)
        self._tell(new)

    def on_delete(self, obj: ObjectT) -> None:
        self._tell(obj)

    def _tell(self, obj: ObjectT) -> None:
        for one in self._topics(obj):
            self._touch(one)


class Watched:
    """``namespace``: empty for all. ``roles``: the server has DisaggregatedSets. ``selector``: of labels that
    sets must match to be ``shown``; empty: any.
    """

    def __init__(
        self, connection: Connection, namespace: str, touch: Touch, *, roles: bool, selector: str = ""
    ) -> None:
        self._cache = Cache(connection)
        self._namespace, self._touch = namespace, touch
        self._sets = self._watch(LEADERWORKERSETS, LeaderWorkerSet, "", self._of_set)
        self._stateful_sets = self._watch(STATEFULSETS, StatefulSet, exists(c.NAME_LABEL), self._of_part)
        self._pods = self._watch(PODS, Pod, exists(c.NAME_LABEL), self._of_part)
        mine = all_of(exists(c.NAME_LABEL), absent(c.GROUP_INDEX_LABEL))
        self._revisions = self._watch(CONTROLLER_REVISIONS, ControllerRevision, mine, self._of_part)
        self._events = self._watch(CORE_EVENTS, Event, "", lambda _: [EVENTS])
        self._nodes = self._cache.informer(NODES, Node)
        self._nodes.add_handler(_Telling[Node](touch, lambda _: [EVERYTHING]))
        self._roles: Informer[DisaggregatedSet] | None = None
        if roles:
            theirs = all_of(exists(d.NAME_LABEL), absent(c.NAME_LABEL))
            self._roles = self._watch(DISAGGREGATEDSETS, DisaggregatedSet, "", self._of_roles)
            self._scalers = self._watch(ROLE_SCALERS, DisaggregatedSetRoleScaler, "", self._of_part)
            self._kept = self._watch(CONTROLLER_REVISIONS, ControllerRevision, theirs, self._of_part)
        kinds = (LEADERWORKERSETS, DISAGGREGATEDSETS) if roles else (LEADERWORKERSETS,)
        self._chosen = [
            self._watch(x, KubeObject, selector, lambda _: [LINES]) for x in (kinds if selector else ())
        ]

    def start(self) -> None:
        self._cache.start()

    def stop(self) -> None:
        self._cache.stop()

    @property
    def alive(self) -> bool:
        return self._cache.alive

    def wait(self, timeout: float) -> None:
        """Until all that may be seen has been, or the time is up."""
        self._cache.wait_ready(timeout)

    @property
    def blind(self) -> list[Blind]:
        """Each resource once."""
        found = {
            x.resource.plural: Blind(x.resource.plural, x.interruption, x.has_synced)
            for x in self._cache.informers
            if x.interruption
        }
        return list(found.values())

    @property
    def synced(self) -> bool:
        """Every list has come, or was refused."""
        return all(x.has_synced or x.interruption for x in self._cache.informers)

    @property
    def ground(self) -> Ground:
        sets_on: defaultdict[str, set[str]] = defaultdict(set)
        for pod in self._pods.indexer.list():
            if pod.spec.node_name:
                sets_on[pod.spec.node_name].add(pod.labels[c.NAME_LABEL])
        return Ground(self._nodes.indexer.list(), sets_on)

    @property
    def shown(self) -> tuple[list[LeaderWorkerSet], list[DisaggregatedSet]]:
        """All sets, or those that match by the server's own word, with what is part of them."""
        sets = self._sets.indexer.list()
        roles = self._roles.indexer.list() if self._roles is not None else []
        if not self._chosen:
            return sets, roles
        uids = {x.uid for informer in self._chosen for x in informer.indexer.list()}
        mine = [x for x in sets if x.uid in uids or ((o := controller_of(x)) is not None and o.uid in uids)]
        return mine, [x for x in roles if x.uid in uids]

    def events(self, names: Callable[[str], bool]) -> list[Event]:
        """About objects of these names, the newest first."""
        found = (x for x in self._events.indexer.list() if names(x.involved_object.name))
        return sorted(found, key=lambda x: x.time, reverse=True)

    def seen(self, key: Key) -> Seen | None:
        """A LeaderWorkerSet with everything of its."""
        lws = self._sets.get(key)
        return None if lws is None else self._together(lws)

    def seen_roles(self, key: Key) -> SeenRoles | None:
        """A DisaggregatedSet with everything of its."""
        ds = self._roles.get(key) if self._roles is not None else None
        if ds is None:
            return None
        sets = owned(ds, self._sets.by_index(_ROLES, key))
        scalers = owned(ds, self._scalers.by_index(_ROLES, key)) if self._scalers.has_synced else None
        return SeenRoles(ds, tuple(self._together(x) for x in sets), scalers)

    def kept(self, key: Key) -> list[ControllerRevision]:
        """Revisions that may be a DisaggregatedSet's."""
        return self._kept.by_index(_ROLES, key) if self._roles is not None else []

    def _together(self, lws: LeaderWorkerSet) -> Seen:
        return Seen(
            lws,
            tuple(self._stateful_sets.by_index(_SET, lws.key)),
            tuple(self._pods.by_index(_SET, lws.key)),
            tuple(self._revisions.by_index(_SET, lws.key)),
        )

    def _watch(
        self,
        resource: Resource,
        type_: type[ObjectT],
        selector: str,
        topics: Callable[[ObjectT], Iterable[str]],
    ) -> Informer[ObjectT]:
        selection = Selection(resource, self._namespace, selector)
        indexes: dict[str, Callable[[Any], list[Key]]] = {_SET: _set_of, _ROLES: _roles_of}
        informer = self._cache.informer(selection, type_, indexes=indexes)
        informer.add_handler(_Telling[ObjectT](self._touch, topics))
        return informer

    def _of_set(self, lws: LeaderWorkerSet) -> list[str]:
        return [LINES, topic(c.KIND, lws.key), *(topic(d.KIND, key) for key in _roles_of(lws))]

    def _of_roles(self, ds: DisaggregatedSet) -> list[str]:
        return [LINES, topic(d.KIND, ds.key)]

    def _of_part(self, obj: KubeObject) -> list[str]:
        """What was made for a LeaderWorkerSet, and so for the DisaggregatedSet that this is a part of."""
        sets = _set_of(obj)
        parents = [x for key in sets if (x := self._sets.get(key)) is not None]
        roles = dict.fromkeys(key for x in (obj, *parents) for key in _roles_of(x))
        return [*(topic(c.KIND, x) for x in sets), *(topic(d.KIND, x) for x in roles)]


def _set_of(obj: KubeObject) -> list[Key]:
    return _by(obj, c.NAME_LABEL)


def _roles_of(obj: KubeObject) -> list[Key]:
    return _by(obj, d.NAME_LABEL)


def _by(obj: KubeObject, label: str) -> list[Key]:
    name = obj.labels.get(label)
    return [Key(obj.namespace, name)] if name else []
