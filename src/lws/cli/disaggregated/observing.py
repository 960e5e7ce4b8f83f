"""What there is of a DisaggregatedSet on the server: its LeaderWorkerSets with all of theirs, its scalers.

Read whole by lists, as LeaderWorkerSets are; who belongs to whom is decided by the planners' rules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet, DisaggregatedSetRoleScaler
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.cli.kinds import DISAGGREGATEDSETS, LEADERWORKERSETS, ROLE_SCALERS
from lws.cli.observing import Seen, read, see_all
from lws.cli.session import CommandError, Session
from lws.kube.errors import Forbidden, NotFound
from lws.kube.resources import Resource
from lws.kube.selectors import equals
from lws.objects import KubeObject, ObjectT, controller_of
from lws.planning.disaggregated.demand import Wanted, wanted_of
from lws.planning.disaggregated.names import owned, role_of, slice_of
from lws.planning.disaggregated.reading import read_set
from lws.planning.disaggregated.scalers import by_role
from lws.planning.disaggregated.slices import Slice, make_slices


class SeenRoles(NamedTuple):
    """A set, the LeaderWorkerSets that it controls, and its scalers. ``scalers``: None where the server does
    not serve them, or does not show them.
    """

    ds: DisaggregatedSet
    sets: tuple[Seen, ...] = ()
    scalers: tuple[DisaggregatedSetRoleScaler, ...] | None = ()

    @property
    def owner(self) -> DisaggregatedSet:
        """The set itself."""
        return self.ds

    @property
    def children(self) -> tuple[LeaderWorkerSet, ...]:
        return tuple(x.lws for x in self.sets)

    @property
    def revision(self) -> str:
        """Of the present templates. Raises CommandError."""
        return self.wanted.revision

    @property
    def wanted(self) -> Wanted:
        """What a pass of the controller would work towards. Raises CommandError."""
        return wanted_by(self.ds, self.scalers or ())

    @property
    def slices(self) -> list[Slice]:
        return make_slices(self.ds, self.revision, self.children)

    def by_place(self) -> Mapping[tuple[int | None, str], list[Seen]]:
        """The LeaderWorkerSets by slice and role, of whatever revision; slice None: nobody knows which."""
        found: defaultdict[tuple[int | None, str], list[Seen]] = defaultdict(list)
        for x in self.sets:
            found[slice_of(x.lws), role_of(x.lws)].append(x)
        return found


def wanted_by(ds: DisaggregatedSet, scalers: Iterable[DisaggregatedSetRoleScaler]) -> Wanted:
    """``scalers``: the set's own. Raises CommandError for a spec that cannot be read."""
    reading = read_set(ds)
    if reading.faults:
        raise CommandError(f"{ds.name} cannot be read: {'; '.join(reading.faults)}")
    return wanted_of(ds, reading.revision, by_role(ds, scalers))


def role_order(wanted: Wanted, children: Iterable[LeaderWorkerSet]) -> list[str]:
    """Roles of the spec in their order, then removed ones of which something is left."""
    known = [x.name for x in wanted.demands]
    return known + sorted({role_of(x) for x in children} - set(known))


def see_roles(session: Session, name: str) -> SeenRoles:
    """One set with everything of its. Raises CommandError when there is none."""
    ds = read(session, DISAGGREGATEDSETS, DisaggregatedSet, name)
    ours = equals(d.NAME_LABEL, name)
    return _together(ds, see_all(session, ours), scalers_of(session, ours))


def see_alone(session: Session, name: str) -> SeenRoles:
    """As ``see_roles``, without anything that was made for it."""
    return SeenRoles(read(session, DISAGGREGATEDSETS, DisaggregatedSet, name))


def see_children(session: Session, name: str) -> SeenRoles:
    """As ``see_roles``, but of the LeaderWorkerSets only what they say themselves."""
    ds = read(session, DISAGGREGATEDSETS, DisaggregatedSet, name)
    ours = equals(d.NAME_LABEL, name)
    sets = session.client.list(LEADERWORKERSETS, LeaderWorkerSet, session.namespace, label_selector=ours)
    return _together(ds, [Seen(x) for x in sets], scalers_of(session, ours))


def see_everything(session: Session) -> tuple[list[SeenRoles], list[Seen]]:
    """All DisaggregatedSets, and the LeaderWorkerSets that are part of none of them; by namespace and name.

    With a selector those that match, and what belongs to them. Where the server has no DisaggregatedSets, or
    does not show them, there are none.
    """
    return _apart(session, see_all(session))


def see_outlines(session: Session) -> tuple[list[SeenRoles], list[LeaderWorkerSet]]:
    """As ``see_everything``, but of the LeaderWorkerSets only what they say themselves."""
    sets = session.client.list(LEADERWORKERSETS, LeaderWorkerSet, session.namespace)
    roles, alone = _apart(session, [Seen(x) for x in sets])
    return roles, [x.lws for x in alone]


def _apart(session: Session, sets: Sequence[Seen]) -> tuple[list[SeenRoles], list[Seen]]:
    """All are read, matching or not: what belongs to a set that does not match stands not alone, either."""
    client, namespace, selector = session.client, session.namespace, session.selector
    found = _if_served(lambda: client.list(DISAGGREGATEDSETS, DisaggregatedSet, namespace)) or []
    uids = {x.uid for x in found}
    alone = [x for x in sets if (owner := controller_of(x.lws)) is None or owner.uid not in uids]
    roles = sorted(found, key=lambda ds: ds.key)
    if selector:
        kinds = [LEADERWORKERSETS, *([DISAGGREGATEDSETS] if roles else [])]
        wanted = {uid for x in kinds for uid in _matching(session, x)}
        alone = [x for x in alone if x.lws.uid in wanted]
        roles = [x for x in roles if x.uid in wanted]
    scalers = scalers_of(session) if roles else ()
    return [_together(x, sets, scalers) for x in roles], alone


def _matching(session: Session, resource: Resource) -> set[str]:
    """The UIDs of objects that match the session's selector."""
    found = session.client.list(resource, KubeObject, session.namespace, label_selector=session.selector)
    return {x.uid for x in found}


def scalers_of(session: Session, selector: str = "") -> Sequence[DisaggregatedSetRoleScaler] | None:
    """None where the server does not serve them, or does not show them."""
    client, namespace = session.client, session.namespace
    return _if_served(
        lambda: client.list(ROLE_SCALERS, DisaggregatedSetRoleScaler, namespace, label_selector=selector)
    )


def _if_served(look: Callable[[], list[ObjectT]]) -> list[ObjectT] | None:
    try:
        return look()
    except (NotFound, Forbidden):
        return None


def _together(
    ds: DisaggregatedSet, sets: Iterable[Seen], scalers: Iterable[DisaggregatedSetRoleScaler] | None
) -> SeenRoles:
    mine = tuple(x for x in sets if owned(ds, [x.lws]))
    return SeenRoles(ds, mine, None if scalers is None else owned(ds, scalers))
