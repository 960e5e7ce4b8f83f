"""``kubectl lws restart`` of DisaggregatedSets: all roles by a rollout, or named roles each on its own.

One role's templates are part of the revision of all, so a mark in them rolls every role. Who names a role
means its groups only: its LeaderWorkerSets are marked instead, and roll as any does, under the names and the
revision that they have (docs/decisions/182).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from lws.api.disaggregatedset import DisaggregatedSet
from lws.cli import restart as sets
from lws.cli.disaggregated.observing import SeenRoles, see_children
from lws.cli.editing import ActionView, Change, Patch, edit, tell
from lws.cli.kinds import DISAGGREGATEDSETS
from lws.cli.manifest import Document, live_document, merged
from lws.cli.session import CommandError, Session
from lws.planning.disaggregated.names import revision_of_child, role_of

CHANGE: Final = Change(DISAGGREGATEDSETS, "restart")


class Whole(NamedTuple):
    """A set as the server has it, for a patch of its list of roles: every member of them must be in it."""

    owner: DisaggregatedSet
    document: Document


def rolling(whole: Whole, *, now: float) -> tuple[Patch, str]:
    """The mark in every role's pod templates. ``now``: seconds since 1970."""
    check_paused(whole.owner)
    roles = [_marked(x, now) for x in whole.document["spec"]["roles"]]
    return {"spec": {"roles": roles}}, "restarted: all roles roll out together"


def _marked(role: Document, now: float) -> Document:
    template = (role.get("spec") or {}).get("leaderWorkerTemplate") or {}
    return (
        dict(merged(role, {"spec": {"leaderWorkerTemplate": sets.marked(template, now)}}))
        if template
        else role
    )


def check_paused(ds: DisaggregatedSet) -> None:
    """Raises CommandError for a set that is paused."""
    if ds.paused:
        raise CommandError(f"{ds.name} is paused: run 'kubectl lws resume ds/{ds.name}' first")


def children_of(seen: SeenRoles, roles: Sequence[str]) -> list[str]:
    """The LeaderWorkerSets of these roles. Raises CommandError where they cannot be restarted now."""
    ds, known = seen.ds, [x.name for x in seen.ds.spec.roles]
    check_paused(ds)
    for role in roles:
        if role not in known:
            raise CommandError(f"{ds.name} has no role {role!r}; roles: {', '.join(known)}")
    if any(revision_of_child(x) != seen.revision and x.replicas for x in seen.children):
        raise CommandError(
            f"{ds.name} is rolling out, which replaces all groups: try again when that is over"
        )
    found = sorted(x.name for x in seen.children if role_of(x) in roles)
    if not found:
        raise CommandError(f"{ds.name} has no LeaderWorkerSet of role {', '.join(roles)} yet")
    return found


def run(session: Session, options: Any) -> int:
    if options.parts:
        return tell(session, roll_roles(session, options.name, options.parts))
    return tell(session, roll(session, options.name))


def roll(session: Session, name: str) -> ActionView:
    """Let all roles roll out together."""

    def look() -> Whole:
        document = live_document(session, DISAGGREGATEDSETS, name)
        return Whole(msgspec.json.decode(msgspec.json.encode(document), type=DisaggregatedSet), document)

    return edit(session, CHANGE, look, lambda whole: rolling(whole, now=time.time()))


def roll_roles(session: Session, name: str, roles: Sequence[str]) -> ActionView:
    seen = see_children(session, name)
    for child in children_of(seen, roles):
        sets.roll_part(session, child)
    which = f"role {roles[0]}" if len(set(roles)) == 1 else f"roles {', '.join(dict.fromkeys(roles))}"
    return CHANGE.done(seen.ds, f"restarted: the groups of {which} roll at their own pace")
