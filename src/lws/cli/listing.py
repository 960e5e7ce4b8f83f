"""``kubectl lws list``: the sets there are, a line each, by what they say of themselves.

Pods are not read, so it is as quick with thousands of them. Who waits for what is ``why``'s.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct
from rich.console import RenderableType
from rich.text import Text

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.disaggregatedset import Role
from lws.api.leaderworkerset import GroupStatus, LeaderWorkerSet
from lws.cli.disaggregated.observing import SeenRoles, see_outlines
from lws.cli.disaggregated.status import progress
from lws.cli.drawing import age, count, table
from lws.cli.history import shown
from lws.cli.kinds import reference
from lws.cli.pause import is_paused
from lws.cli.session import CommandError, Session
from lws.cli.states import STYLES, state_of
from lws.cli.tree import nothing
from lws.objects import Condition
from lws.planning.reasons import Reason, urgency
from lws.planning.recreation.backoff import in_a_row
from lws.planning.revisions import template_of

RECREATED: Final = "Recreated"
"""Of a group that failed, was made anew, and has not been ready since; until another reason has lasted."""


class Listed(Struct, rename="camel"):
    """One set. Numbers are groups; ``wanted``: None where a scaler that says it is not there.

    ``state``: in one word; ``reason`` and ``message``: why it is not available. ``size``: pods of a group;
    of a DisaggregatedSet instead ``roles``: groups ready and wanted, by role.
    """

    kind: str
    namespace: str
    name: str
    ready: int
    wanted: int | None
    updated: int
    state: str
    reason: str
    message: str
    created: str
    revision: str
    images: list[str]
    size: int | None = None
    roles: dict[str, str] | None = None

    @property
    def names(self) -> list[str]:
        return [reference(self.kind, self.name)]


class ListView(Struct):
    items: list[Listed]

    @property
    def names(self) -> list[str]:
        return [name for x in self.items for name in x.names]


def listed(lws: LeaderWorkerSet) -> Listed:
    """By its own status alone."""
    state, found = state_of(lws, paused=is_paused(lws))
    groups = lws.status.groups
    worst = _worst(groups.values())
    return Listed(
        c.KIND,
        lws.namespace,
        lws.name,
        lws.status.ready_replicas,
        lws.replicas,
        lws.status.updated_replicas,
        state,
        _reason(found, worst),
        found.message if found is not None else "",
        lws.metadata.creation_timestamp or "",
        groups["0"].revision if "0" in groups else "",
        _images_of(lws),
        size=lws.live_size,
    )


def _images_of(lws: LeaderWorkerSet) -> list[str]:
    """None of a template that nobody can read: the set is Stalled, and no other must be hidden by it."""
    try:
        images = shown(template_of(lws).leader_worker_template)
    except ValueError:
        return []
    return list(dict.fromkeys((*images.leader, *images.worker)))


def listed_roles(seen: SeenRoles) -> Listed:
    """By its status, and that of its LeaderWorkerSets."""
    try:
        roles, revision = progress(seen), seen.revision
    except CommandError:
        return _listed_alone(seen)
    ds = seen.ds
    state, found = state_of(ds, paused=ds.paused)
    worst = _worst(x for lws in seen.children for x in lws.status.groups.values())
    images = [shown(_template(x)) for x in ds.spec.roles]
    known = all(x.wanted is not None for x in roles)
    return Listed(
        d.KIND,
        ds.namespace,
        ds.name,
        sum(x.ready for x in roles),
        sum(x.wanted or 0 for x in roles) if known else None,
        sum(x.updated for x in roles),
        state,
        _reason(found, worst),
        found.message if found is not None else "",
        ds.metadata.creation_timestamp or "",
        revision,
        list(dict.fromkeys(image for x in images for image in (*x.leader, *x.worker))),
        roles={x.name: f"{x.ready}/{'?' if x.wanted is None else x.wanted}" for x in roles},
    )


def _listed_alone(seen: SeenRoles) -> Listed:
    """By its own status alone, where nobody can read its spec."""
    ds, roles = seen.ds, seen.ds.status.role_statuses
    state, found = state_of(ds, paused=ds.paused)
    return Listed(
        d.KIND,
        ds.namespace,
        ds.name,
        sum(x.ready_replicas for x in roles),
        None,
        sum(x.updated_replicas for x in roles),
        state,
        _reason(found, ""),
        found.message if found is not None else "",
        ds.metadata.creation_timestamp or "",
        "",
        [],
        roles={x.name: f"{x.ready_replicas}/?" for x in roles},
    )


def _template(role: Role) -> dict[str, Any]:
    return dict(msgspec.json.decode(role.read_spec().leader_worker_template))


def _worst(groups: Iterable[GroupStatus]) -> str:
    """What somebody has to know first; empty where nothing is told."""
    return min((told for x in groups if (told := _told(x))), key=urgency, default="")


def _told(group: GroupStatus) -> str:
    """What the controller tells; before that has lasted long enough to be told, what its record says."""
    if group.phase:
        return group.reason
    if group.failed:
        return str(Reason.MAX_RESTARTS)
    if group.backoff_until:
        return str(Reason.RESTART_BACK_OFF)
    return RECREATED if in_a_row(group) else ""


def _reason(found: Condition | None, worst: str) -> str:
    """The worst group's where the condition says no more than that there is something to do."""
    if found is None or found.type == c.PROGRESSING:
        return worst if found is not None else ""
    return found.reason


def describe(roles: Iterable[SeenRoles], alone: Iterable[LeaderWorkerSet]) -> ListView:
    """By namespace and name."""
    items = [*(listed_roles(x) for x in roles), *(listed(x) for x in alone)]
    return ListView(sorted(items, key=lambda x: (x.namespace, x.name, x.kind)))


def draw(view: ListView, *, now: float, namespaced: bool, wide: bool) -> RenderableType:
    """``now``: seconds since 1970. ``namespaced``: name the namespace, too."""
    headers = ["NAME", "READY", "UP-TO-DATE", "SIZE", "STATUS", "REASON", "AGE"]
    if wide:
        headers += ["REVISION", "IMAGES", "MESSAGE"]
    rows = [_row(x, now=now, wide=wide) for x in view.items]
    if namespaced:
        headers.insert(0, "NAMESPACE")
        rows = [(x.namespace, *row) for x, row in zip(view.items, rows, strict=True)]
    return table(headers, rows)


def _row(x: Listed, *, now: float, wide: bool) -> tuple[str | Text, ...]:
    """Names are written as any command takes them."""
    wanted = "?" if x.wanted is None else str(x.wanted)
    style = STYLES[x.state]
    row = (
        f"{'lws' if x.kind == c.KIND else 'ds'}/{x.name}",
        f"{x.ready}/{wanted}",
        str(x.updated),
        _size(x, wide=wide),
        Text(x.state, style=style),
        Text(x.reason, style=style),
        age(x.created, now),
    )
    return (*row, x.revision, ", ".join(x.images), x.message) if wide else row


def _size(x: Listed, *, wide: bool) -> str:
    if x.roles is None:
        return str(x.size)
    if wide:
        return ", ".join(f"{name} {groups}" for name, groups in x.roles.items())
    return count(len(x.roles), "role")


def run_all(session: Session, _: Any) -> int:
    """All sets there are, but for LeaderWorkerSets that belong to a DisaggregatedSet."""
    view = describe(*see_outlines(session))
    drawn = draw(
        view, now=time.time(), namespaced=not session.namespace, wide=session.output.format == "wide"
    )
    session.show(view, drawn if view.items else nothing(session))
    return 0
