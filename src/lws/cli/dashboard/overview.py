"""All sets in a line each, as they say of themselves: no pod is looked at for it. Pure."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.cli.dashboard.tiles import BAD, BUSY, OK, STILL
from lws.cli.disaggregated.observing import wanted_by
from lws.cli.pause import is_paused
from lws.cli.session import CommandError
from lws.cli.status import AnySet, condition
from lws.objects import controller_of
from lws.planning.reasons import Reason

_NEEDS_SOMEBODY: Final = frozenset(x for x in Reason if not x.on_its_way and not x.stands_still)


class Line(Struct, rename="camel"):
    """``ready``, ``updated`` and ``wanted``: groups. ``tone``: as of tiles. ``owner``: the DisaggregatedSet
    that it is part of.
    """

    kind: str
    namespace: str
    name: str
    ready: int
    updated: int
    wanted: int
    tone: str
    note: str
    owner: str = ""


def line_of_set(lws: LeaderWorkerSet) -> Line:
    status, owner = lws.status, controller_of(lws)
    tone, note = _standing(lws, paused=is_paused(lws), stuck=_stuck(lws))
    return Line(
        kind=c.KIND,
        namespace=lws.namespace,
        name=lws.name,
        ready=min(status.ready_replicas, lws.replicas),
        updated=min(status.updated_replicas, lws.replicas),
        wanted=lws.replicas,
        tone=tone,
        note=note,
        owner=owner.name if owner is not None and owner.kind == d.KIND else "",
    )


def line_of_roles(ds: DisaggregatedSet) -> Line:
    """Roles above their size, for a rollout, count as whole, and not for those below."""
    roles = ds.status.role_statuses
    sizes = {x.name: x.replicas for x in roles} | _wanted(ds)
    tone, note = _standing(ds, paused=ds.paused, stuck="")
    return Line(
        kind=d.KIND,
        namespace=ds.namespace,
        name=ds.name,
        ready=sum(min(x.ready_replicas, sizes[x.name]) for x in roles),
        updated=sum(min(x.updated_replicas, sizes[x.name]) for x in roles),
        wanted=sum(sizes.values()),
        tone=tone,
        note=note,
    )


def _wanted(ds: DisaggregatedSet) -> dict[str, int]:
    """Groups by role, of those whose size the spec says: others have the size that they have."""
    try:
        demands = wanted_by(ds, ()).demands
    except CommandError:
        return {}
    return {x.name: x.total for x in demands if x.total is not None}


def _standing(one: AnySet, *, paused: bool, stuck: str) -> tuple[str, str]:
    """Tone, and a word or two."""
    if one.deleting:
        return BUSY, "being deleted"
    if condition(one, c.STALLED) is not None:
        return BAD, "stalled"
    if condition(one, c.FAILED) is not None:
        return BAD, "failed"
    if stuck:
        return BAD, stuck
    if paused:
        return STILL, "paused"
    return (OK, "available") if condition(one, c.AVAILABLE) is not None else (BUSY, "progressing")


def _stuck(lws: LeaderWorkerSet) -> str:
    """What the worst of its groups needs somebody for."""
    told = {x.reason for x in lws.status.groups.values() if x.reason in _NEEDS_SOMEBODY}
    return str(min(map(Reason, told), key=lambda x: x.rank)) if told else ""
