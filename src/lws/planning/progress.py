"""How a set gets on: what ``Progressing`` says of it, and the deadline after which that is False.

As Deployments have it (``spec.progressDeadlineSeconds``), with the clock standing still while every group
that is not ready is meant to wait (beyond.md, 5.3). Nothing is rolled back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.timestamps import instant, rfc3339
from lws.objects import Condition
from lws.planning.actions import Problem, Record
from lws.planning.events import warning
from lws.planning.reasons import Readiness, Reason

TEXT: Final = "Replicas are progressing"

_STILL: Final = frozenset(str(x) for x in Reason if x.stands_still)


class Counted(Protocol):
    """Groups, as ``status.Tally`` has them."""

    @property
    def ready(self) -> int: ...
    @property
    def updated(self) -> int: ...


class Progress(NamedTuple):
    """``last``: RFC 3339, of the newest progress; empty without a deadline. ``left``: seconds until the
    deadline, None when it does not run.
    """

    last: str = ""
    expired: bool = False
    left: float | None = None


def plan_progress(
    lws: LeaderWorkerSet,
    tally: Counted,
    readiness: Readiness,
    *,
    available: bool,
    at: float,
    proven: float | None = None,
) -> Progress:
    """``at``: seconds since 1970. ``proven``: when the last group that is ready has been so, or will have
    been, for minReadySeconds: that is progress, too.
    """
    deadline = lws.spec.progress_deadline_seconds
    if deadline is None:
        return Progress()
    last = lws.status.last_progress_time
    since = instant(last)
    let_go = _stood_still(lws) and not readiness.still
    lost = _was_available(lws) and not available
    if since is None or _moved(lws, tally) or let_go or lost:
        last, since = rfc3339(at), at
    paused = c.PAUSED_PARTITION_ANNOTATION in lws.annotations
    if available or readiness.still or paused:
        return Progress(last)
    left = max(since, proven or since) + deadline - at
    return Progress(last, expired=left <= 0, left=left if left > 0 else None)


def _moved(lws: LeaderWorkerSet, tally: Counted) -> bool:
    """Against what was told last."""
    status = lws.status
    edited = status.observed_generation != lws.metadata.generation
    return edited or tally.ready > status.ready_replicas or tally.updated > status.updated_replicas


def _stood_still(lws: LeaderWorkerSet) -> bool:
    """All groups that were told not to be ready were meant to wait."""
    reasons = [x.reason for x in lws.status.groups.values() if x.phase]
    return bool(reasons) and all(x in _STILL for x in reasons)


def _was_available(lws: LeaderWorkerSet) -> bool:
    """Nothing was left to be done then, so however old its last progress is, that was not too slow."""
    return any(x.type == c.AVAILABLE and x.status == "True" for x in lws.status.conditions)


def with_progress(
    conditions: Sequence[Condition], message: str, *, expired: bool, generation: int, now: str
) -> tuple[Condition, ...]:
    """``Progressing`` with what is known of the groups; ``message`` empty: nothing."""
    return tuple(
        _told(x, message, expired=expired, generation=generation, now=now) if x.type == c.PROGRESSING else x
        for x in conditions
    )


def _told(one: Condition, message: str, *, expired: bool, generation: int, now: str) -> Condition:
    if expired:
        since = one.last_transition_time if one.status == "False" else now
        return Condition(c.PROGRESSING, "False", c.REASON_DEADLINE_EXCEEDED, message, since, generation)
    if one.status == "True" and message:
        return replace(one, message=message)
    ours = one.message != TEXT and one.reason in (c.REASON_GROUPS_PROGRESSING, c.REASON_DEADLINE_EXCEEDED)
    return replace(one, reason=c.REASON_GROUPS_PROGRESSING, message=TEXT) if ours else one


def missed(lws: LeaderWorkerSet, message: str) -> Problem:
    """For ``Stalled``; all of the spec is carried out, as far as that lies with us."""
    return Problem(c.REASON_DEADLINE_EXCEEDED, message, unmet=False)


def too_late(lws: LeaderWorkerSet, message: str) -> str:
    """What both conditions say after the deadline. ``message``: of the worst group, where one is told."""
    words = f"No progress within {lws.spec.progress_deadline_seconds} s"
    return f"{words}: {message}" if message else words


def expiry_event(lws: LeaderWorkerSet, conditions: Sequence[Condition]) -> tuple[Record, ...]:
    """Once for each expiry: when the condition comes to say so."""
    late = newly_late(lws.status.conditions, conditions)
    return () if late is None else (warning(lws, c.REASON_DEADLINE_EXCEEDED, "Update", late.message),)


def newly_late(stored: Sequence[Condition], conditions: Sequence[Condition]) -> Condition | None:
    """``Progressing``, if it says that the deadline has passed, and did not say so before."""
    return None if late(stored) is not None else late(conditions)


def late(conditions: Sequence[Condition]) -> Condition | None:
    """``Progressing``, if it says that the deadline has passed."""
    found = next((x for x in conditions if x.type == c.PROGRESSING), None)
    if found is None or found.reason != c.REASON_DEADLINE_EXCEEDED or found.status != "False":
        return None
    return found
