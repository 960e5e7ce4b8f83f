"""A group as one tile: how it is, why, where, and of which revision. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec import Struct

from lws.api import constants as c
from lws.api.leaderworkerset import GroupStatus
from lws.cli.dashboard.places import Map
from lws.cli.observing import Group, Seen, groups_of
from lws.cli.treeviews import PodView, pod_view
from lws.planning import groups as planners
from lws.planning.reasons import Reason, Standing, Waits, group_reason

READY: Final = "Ready"
OK, OLD, BUSY, STILL, BAD = "ok", "old", "busy", "still", "bad"
_ONLY_THE_MANAGER_KNOWS: Final = frozenset({Reason.FAILED_CREATE, Reason.WAITING_FOR_CLAIM})


class Tile(Struct, rename="camel"):
    """One group. ``set``: the LeaderWorkerSet it is part of; ``role`` and ``slice``: of a DisaggregatedSet.

    ``tone``: ``ok``; ``old``, ready on a former revision; ``busy``, on its way; ``still``, meant to wait;
    ``bad``, somebody has to act. ``present``: what there is of it is of the present revision; ``updated``:
    all of it is, and is there. ``wanted``: pods that it should have. ``places``: by topology. ``born``: the
    UID of its leader pod.
    """

    set: str
    index: int
    phase: str
    tone: str
    revision: str
    updated: bool
    present: bool
    surge: bool
    wanted: int
    places: list[str]
    pods: list[PodView]
    born: str = ""
    reason: str = ""
    message: str = ""
    since: str = ""
    role: str = ""
    slice: int | None = None

    @property
    def key(self) -> str:
        return f"{self.set}/{self.index}"


class Whose(Struct, frozen=True):
    """What a LeaderWorkerSet is to its DisaggregatedSet. ``current``: it is of the present revision."""

    role: str = ""
    slice: int | None = None
    current: bool = True


class _Look(NamedTuple):
    """What tells about all groups of a set. ``key``: of the present revision."""

    seen: Seen
    key: str
    where: Map
    now: float
    whose: Whose


def tiles_of(seen: Seen, where: Map, *, now: float, whose: Whose | None = None) -> Iterator[Tile]:
    """All groups that are, or should be. ``now``: seconds since 1970. Raises CommandError."""
    look = _Look(seen, seen.revision.key, where, now, whose or Whose())
    planned = planners.groups_of(seen.observed).by_index
    for group in groups_of(seen, look.key):
        yield _tile(look, group, planned.get(group.index))


def _tile(look: _Look, group: Group, planned: planners.Group | None) -> Tile:
    lws, whose = look.seen.lws, look.whose
    entry = lws.status.groups.get(str(group.index))
    found = None if group.state.ready else _standing(look, group, planned, entry)
    updated = group.state.updated and whose.current
    revision = planned.key if planned is not None else _label(group)
    return Tile(
        set=lws.name,
        index=group.index,
        phase=READY if found is None else str(found.phase),
        tone=_tone(found, updated),
        revision=revision,
        updated=updated,
        present=whose.current and revision in ("", look.key),
        surge=whose.current and lws.replicas <= group.index < look.seen.expected,
        wanted=planned.shape.size if planned is not None else lws.live_size,
        places=look.where.places(group.pods),
        pods=[pod_view(x) for x in group.pods],
        born=group.leader.uid if group.leader is not None else "",
        reason="" if found is None else str(found.reason),
        message="" if found is None else found.message,
        since=entry.since if found is not None and entry is not None and entry.reason == found.reason else "",
        role=whose.role,
        slice=whose.slice,
    )


def _standing(
    look: _Look, group: Group, planned: planners.Group | None, entry: GroupStatus | None
) -> Standing:
    """By the manager's own rules; what only events tell, the manager has heard and put into the status."""
    lws = look.seen.lws
    held = group.outdated(look.key) and group.index < lws.partition
    found, _ = group_reason(lws, Waits(planned, group.pods, entry, held), at=look.now)
    told = _told(entry)
    return told if told is not None and told.reason.rank < found.reason.rank else found


def _told(entry: GroupStatus | None) -> Standing | None:
    if entry is None or entry.reason not in _ONLY_THE_MANAGER_KNOWS:
        return None
    return Standing(Reason(entry.reason), entry.message)


def _label(group: Group) -> str:
    return next((x for pod in group.pods if (x := pod.labels.get(c.REVISION_LABEL, ""))), "")


def _tone(found: Standing | None, updated: bool) -> str:
    if found is None:
        return OK if updated else OLD
    if found.reason.on_its_way:
        return BUSY
    return STILL if found.reason.stands_still else BAD
