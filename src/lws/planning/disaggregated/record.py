"""When a rollout of a DisaggregatedSet begins and ends, and how it holds the roles' ratio (decision 185).

The record is kept in the status, so that the length of a rollout, its worst deviation and the event of its
end outlive the controller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from lws.api import disaggregation as d
from lws.api.disaggregatedset import RoleRolloutStatus
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.timestamps import micro_time
from lws.planning.actions import Document, Effect, RoleRolloutEnded
from lws.planning.disaggregated.demand import Wanted
from lws.planning.disaggregated.names import revision_of_child
from lws.planning.disaggregated.rollout import at_rest, read_roll
from lws.planning.disaggregated.slices import Former, Slice, record
from lws.planning.rollout import COMPLETED, RolloutPlan, followed, rollout_document


def may_roll(wanted: Wanted, children: Iterable[LeaderWorkerSet]) -> bool:
    """Whether there may be a record to keep or to end; else nobody need look at the slices."""
    running = wanted.ds.status.rollout is not None
    return wanted.readable and (running or any(revision_of_child(x) != wanted.revision for x in children))


def plan_record(wanted: Wanted, slices: Sequence[Slice], *, at: float) -> RolloutPlan[RoleRolloutStatus]:
    """The record to come. ``slices``: what there is of all of them, if it ``may_roll``. ``at``: seconds since
    1970.

    A rollout is going while a slice has groups of a former revision, so it is found even when the process
    died right after it had begun one. It ends when no slice has any and all that is wanted is ready, or when
    the templates change again. While nobody can tell what is wanted it goes on.
    """
    ds = wanted.ds
    if not wanted.readable:
        return RolloutPlan(ds.status.rollout)
    rolling = [(x, former) for x in slices if (former := _leaving(x, wanted.revision)) is not None]

    def begun(former: str | None) -> RoleRolloutStatus:
        former = rolling[0][1].revision if former is None else former
        return RoleRolloutStatus(wanted.revision, former, micro_time(at), ds.metadata.generation)

    plan = followed(
        ds.status.rollout,
        wanted.revision,
        rolling=bool(rolling),
        done=not rolling and all(at_rest(wanted, x) for x in slices),
        begun=begun,
        at=at,
    )
    if plan.record is None:
        return plan
    worst = max(plan.record.worst_deviation, *(_deviation(wanted, x) for x, _ in rolling), 0)
    return plan._replace(record=replace(plan.record, worst_deviation=worst))


def ends(wanted: Wanted, plan: RolloutPlan[RoleRolloutStatus]) -> tuple[Effect, ...]:
    """What is told of the rollout that ends with this plan, once the API server has accepted that."""
    running, ended = wanted.ds.status.rollout, plan.ended
    if running is None or ended is None:
        return ()
    measured = RoleRolloutEnded(ended, running.worst_deviation)
    if ended.outcome != COMPLETED:
        return (measured,)
    note = f"Rolling update to revision {running.revision} completed"
    return (record(wanted.ds, d.REASON_ROLLING_UPDATE_COMPLETED, "Update", note), measured)


def record_document(rollout: RoleRolloutStatus | None) -> Document | None:
    """As a merge patch; null removes it."""
    document = rollout_document(rollout)
    if document is None or rollout is None:
        return None
    return {**document, "worstDeviation": rollout.worst_deviation}


def _leaving(slice_: Slice, revision: str) -> Former | None:
    """The newest former revision that has groups in the slice."""
    return next((x for x in slice_.former if x.revision != revision and not x.drained), None)


def _deviation(wanted: Wanted, slice_: Slice) -> int:
    roll = read_roll(wanted, slice_)
    children = [slice_.target.get(x) for x in roll.names]
    return roll.rollout.deviation([0 if x is None else x.status.ready_replicas for x in children])
