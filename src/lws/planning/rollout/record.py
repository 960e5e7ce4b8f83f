"""When a rollout begins and ends, as the set's status records it (docs/decisions/050).

The start is kept in the status, so that the length of a rollout outlives the controller. What a rollout does
to groups is ``rollout``'s; how long it took is measured by whoever carries the plan out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet, RolloutStatus
from lws.api.timestamps import instant, micro_time
from lws.planning.actions import Document, RolloutEnded
from lws.planning.observed import ObservedSet, group_index

COMPLETED: Final = "completed"
SUPERSEDED: Final = "superseded"
ROLLED_BACK: Final = "rolled_back"
OUTCOMES: Final = (COMPLETED, SUPERSEDED, ROLLED_BACK)


class DueGroups(Protocol):
    """Numbers of the wanted groups at or above the partition that exist; ``status.Tally`` has them."""

    @property
    def due(self) -> int: ...
    @property
    def due_updated(self) -> int: ...
    @property
    def due_updated_ready(self) -> int: ...


RecordT = TypeVar("RecordT", bound=RolloutStatus)


class RolloutPlan(NamedTuple, Generic[RecordT]):
    """``record``: what the status is to say. ``ended``: the rollout that ends with that."""

    record: RecordT | None
    ended: RolloutEnded | None = None


def followed(
    running: RecordT | None,
    revision: str,
    *,
    rolling: bool,
    done: bool,
    begun: Callable[[str | None], RecordT],
    at: float,
) -> RolloutPlan[RecordT]:
    """What becomes of the record, when ``revision`` is the present one: of sets of either kind.

    ``rolling``: groups of another revision are to be replaced. ``done``: none is, and what replaces them is
    ready. ``begun``: the record of a rollout that begins now, away from the revision of one that it
    supersedes (None: it supersedes none). ``at``: seconds since 1970.
    """
    if running is None:
        return RolloutPlan(begun(None) if rolling else None)
    if running.revision != revision:
        outcome = ROLLED_BACK if revision == running.former else SUPERSEDED
        return RolloutPlan(None if done else begun(running.revision), _ended(running, outcome, at))
    return RolloutPlan(None, _ended(running, COMPLETED, at)) if done else RolloutPlan(running)


def plan_rollout_record(
    observed: ObservedSet, tally: DueGroups, key: str, *, at: float
) -> RolloutPlan[RolloutStatus]:
    """The record to come, when ``key`` is the current revision's. ``at``: seconds since 1970.

    A rollout is going while a group that may be updated runs another revision, so it is found even when the
    process died right after it changed the template; a set that is only being created has no such group. It
    ends when all of them are updated and ready, or when the template changes again.
    """
    lws = observed.lws

    def begun(former: str | None) -> RolloutStatus:
        former = _former(observed, key) if former is None else former
        return RolloutStatus(key, former, micro_time(at), lws.metadata.generation)

    return followed(
        lws.status.rollout,
        key,
        rolling=tally.due_updated < tally.due,
        done=_done(lws, tally),
        begun=begun,
        at=at,
    )


def rollout_document(record: RolloutStatus | None) -> Document | None:
    """The record as a merge patch: every member, so that nothing of a former one stays; null removes it."""
    if record is None:
        return None
    return {
        "revision": record.revision,
        "from": record.former,
        "startTime": record.start_time,
        "generation": record.generation,
    }


def _done(lws: LeaderWorkerSet, tally: DueGroups) -> bool:
    """All wanted groups at or above the partition are updated and ready.

    A partition above all groups holds a rollout up and does not end it; a set scaled to none has no group
    left to update.
    """
    if lws.replicas > 0 and lws.partition >= lws.replicas:
        return False
    return tally.due_updated_ready == max(0, lws.replicas - lws.partition)


def _former(observed: ObservedSet, key: str) -> str:
    """The revision that most of the groups to be updated run; of equals, that of the highest index."""
    lws = observed.lws
    due = range(lws.partition, lws.replicas)
    indexed = ((group_index(x), x.labels.get(c.REVISION_LABEL, "")) for x in observed.leaders)
    outdated = sorted(
        ((index, revision) for index, revision in indexed if index is not None and index in due), reverse=True
    )
    counts = Counter(revision for _, revision in outdated if revision != key)
    return counts.most_common(1)[0][0] if counts else ""


def _ended(record: RolloutStatus, outcome: str, at: float) -> RolloutEnded | None:
    """None when somebody wrote a start that is no time. Clocks of two machines may differ: never below 0."""
    start = instant(record.start_time)
    return None if start is None else RolloutEnded(outcome, max(0.0, at - start))
