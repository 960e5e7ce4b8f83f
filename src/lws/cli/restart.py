"""``kubectl lws restart``: recreate named groups, or all of them by a roll.

A group is recreated as the controller does it: its leader pod is deleted in the foreground, that very pod and
no successor of it. All groups are recreated by an annotation in the pod templates, as ``kubectl rollout
restart`` does with other workloads, so the roll keeps to the set's own numbers.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lws.api import constants as c
from lws.api.timestamps import rfc3339
from lws.cli.drawing import numbers
from lws.cli.editing import ActionView, Change, Patch, edit, tell
from lws.cli.grammar import UsageError
from lws.cli.kinds import LEADERWORKERSETS, Pod
from lws.cli.observing import Seen, groups_of, see
from lws.cli.ownership import check_alone
from lws.cli.pause import is_paused
from lws.cli.session import CommandError, Session
from lws.kube.errors import Conflict, NotFound
from lws.kube.resources import PODS
from lws.objects import controlled_by

CHANGE: Final = Change(LEADERWORKERSETS, "restart")


def rolling(seen: Seen, *, now: float) -> tuple[Patch, str]:
    """The template annotation that makes all groups roll. ``now``: seconds since 1970."""
    if is_paused(seen.lws):
        raise CommandError(f"{seen.lws.name} is paused: run 'kubectl lws resume {seen.lws.name}' first")
    return {
        "spec": {"leaderWorkerTemplate": marked(seen.revision.template.leader_worker_template, now)}
    }, "restarted"


def marked(template: Mapping[str, Any], now: float) -> dict[str, Any]:
    """What makes the pod templates of a ``leaderWorkerTemplate`` others than before, as a merge patch."""
    mark = {"metadata": {"annotations": {c.RESTARTED_AT_ANNOTATION: rfc3339(now)}}}
    return {x: mark for x in ("leaderTemplate", "workerTemplate") if template.get(x) is not None}


def leaders_of(seen: Seen, indexes: Sequence[int]) -> list[Pod]:
    """The leader pods of these groups. Raises CommandError for a group that has none of this set."""
    groups = {x.index: x for x in groups_of(seen, seen.revision.key)}
    owner = seen.leader.uid if seen.leader is not None else ""
    found = []
    for index in dict.fromkeys(indexes):
        if index not in groups:
            there = numbers(groups) or "none"
            raise CommandError(f"{seen.lws.name} has no group {index}; groups: {there}")
        leader = groups[index].leader
        if leader is None or not controlled_by(leader, owner):
            raise CommandError(
                f"group {index} of {seen.lws.name} has no leader pod to delete: it is being made"
            )
        found.append(leader)
    return found


def run(session: Session, options: Any) -> int:
    """Named groups, or all."""
    view = (
        recreate(session, options.name, [_index(x) for x in options.parts])
        if options.parts
        else roll(session, options.name)
    )
    return tell(session, view)


def _index(text: str) -> int:
    """Raises UsageError: a role's name, where the set turned out to have groups."""
    if not re.fullmatch("[0-9]{1,10}", text):
        raise UsageError(f"{text!r} is no index of a group")
    return int(text)


def roll(session: Session, name: str) -> ActionView:
    """Let all groups of one LeaderWorkerSet roll, unless it is a part of a DisaggregatedSet."""

    def decide(seen: Seen) -> tuple[Patch, str]:
        check_alone(seen.lws, "restart {ds} {role}")
        return rolling(seen, now=time.time())

    return edit(session, CHANGE, lambda: see(session, name), decide)


def roll_part(session: Session, name: str) -> ActionView:
    """The same of what is one, for its DisaggregatedSet."""
    return edit(session, CHANGE, lambda: see(session, name), lambda seen: rolling(seen, now=time.time()))


def recreate(session: Session, name: str, indexes: Sequence[int]) -> ActionView:
    """Delete the leaders; one that is on its way out already is left alone, so nothing is restarted twice."""
    seen = see(session, name)
    leaders = leaders_of(seen, indexes)
    going = [x for x in leaders if not x.deleting]
    for leader in going:
        try:
            session.writer.delete(PODS, leader)
        except (NotFound, Conflict):
            continue  # somebody else was faster
    if not going:
        text = f"unchanged: {_which(indexes)} on the way out already"
        return CHANGE.done(seen.lws, text, changed=False)
    return CHANGE.done(seen.lws, f"recreating {_which(indexes)}")


def _which(indexes: Sequence[int]) -> str:
    unique = sorted(set(indexes))
    return f"group {unique[0]}" if len(unique) == 1 else f"groups {numbers(unique)}"
