"""What is told of a set's groups that are not ready: of each its phase, and of all the worst one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from lws.api.leaderworkerset import GroupStatus
from lws.planning.actions import Document
from lws.planning.reasons.standing import Standing

WITH_MESSAGE: Final = 32
"""Groups, from the lowest index on, whose message is written: an object has to stay below etcd's bound."""

_MEMBERS: Final = ("phase", "reason", "since", "message")


class Told(NamedTuple):
    """Of one group; ``since``: RFC 3339."""

    standing: Standing
    since: str


class Readiness(NamedTuple):
    """Of all groups of a set. ``told``: those whose reason has lasted, by index; ``still``: there are groups
    that are not ready, and all of them are meant to wait.
    """

    told: Mapping[int, Told] = {}
    still: bool = False


NOTHING_TOLD: Final = Readiness()


def worst_of(readiness: Readiness) -> tuple[int, Told] | None:
    """What needs somebody before what is on its way; then what is asked first; then the lowest index."""
    return min(readiness.told.items(), key=lambda x: (x[1].standing.reason.urgency, x[0]), default=None)


def sentence(readiness: Readiness, ready: int, wanted: int) -> str:
    """For a condition; empty when nothing is told."""
    worst = worst_of(readiness)
    if worst is None:
        return ""
    index, (found, since) = worst
    return f"{ready} of {wanted} groups ready; group {index}: {found.reason} since {since}: {found.message}"


def with_phases(
    patch: Document, stored: Mapping[str, GroupStatus], readiness: Readiness
) -> dict[str, Document | None]:
    """``patch`` of ``status.groups``, and on top of it what is told of groups now and was not, or was and is
    not any more.
    """
    named = sorted(readiness.told)[:WITH_MESSAGE]
    wanted = {str(x): _document(told, named=x in named) for x, told in readiness.told.items()}
    result = dict(patch)
    for index in wanted.keys() | {x for x, entry in stored.items() if entry.phase}:
        if index in patch and patch[index] is None:
            continue
        before, now = _shown(stored.get(index)), wanted.get(index, {})
        if before == now:
            continue
        gone = not now and index not in patch and (index not in stored or stored[index].record is None)
        changed: Document = {x: now.get(x) for x in _MEMBERS if now.get(x) != before.get(x)}
        result[index] = None if gone else {**(patch.get(index) or {}), **changed}
    return result


def _document(told: Told, *, named: bool) -> Document:
    found = told.standing
    document = {"phase": str(found.phase), "reason": str(found.reason), "since": told.since}
    return document | ({"message": found.message} if named and found.message else {})


def _shown(entry: GroupStatus | None) -> Document:
    if entry is None:
        return {}
    members = {x: getattr(entry, x) for x in _MEMBERS}
    return {name: value for name, value in members.items() if value}
