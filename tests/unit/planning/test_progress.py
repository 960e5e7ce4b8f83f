"""The deadline of a set's progress, and what ``Progressing`` says (beyond.md, 5.3 and 5.5.4-8)."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace
from support.apimodel.patching import merge_patch
from support.groups import KEY, a_leader, a_leader_set, a_revision, a_set, a_worker_set

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet, LeaderWorkerSetStatus
from lws.api.timestamps import rfc3339
from lws.planning.actions import Document, Problem, Record
from lws.planning.groups import groups_of
from lws.planning.observed import ObservedSet
from lws.planning.problems import SetProblems
from lws.planning.reasons import NOTHING_TOLD, Readiness, Reason, Standing, Told
from lws.planning.stability import with_stability
from lws.planning.status import StatusPlan, plan_status

AT = 1770091506.0
TOLD = Readiness({1: Told(Standing(Reason.IMAGE_PULL, "pod test-sample-1: cannot"), rfc3339(AT))})
QUEUED = Readiness({1: Told(Standing(Reason.SCHEDULING_GATED, "gates"), rfc3339(AT))}, still=True)


def a_deadline(seconds: int | None = 60, annotations: dict[str, str] | None = None) -> LeaderWorkerSet:
    lws = a_set(metadata={"annotations": annotations or {}})
    return replace(lws, spec=replace(lws.spec, progress_deadline_seconds=seconds))


def planned(
    lws: LeaderWorkerSet, *, at: float, ready: int = 1, readiness: Readiness = TOLD
) -> tuple[StatusPlan, LeaderWorkerSet]:
    """The plan of two groups, and the set as it is once the plan is carried out."""
    leaders = [a_leader(x, ready=x < ready) for x in range(2)]
    sets = tuple(a_worker_set(x) for x in leaders)
    observed = ObservedSet(lws, revisions=(a_revision(lws),), leaders=tuple(leaders), worker_sets=sets)
    plan = plan_status(
        observed, groups_of(observed), KEY, a_leader_set(), now=rfc3339(at), at=at, readiness=readiness
    )
    if plan.patch is None:
        return plan, lws
    return plan, written(lws, plan.patch.status)


def written(lws: LeaderWorkerSet, status: Document) -> LeaderWorkerSet:
    """The set once the API server has merged this."""
    merged = merge_patch(msgspec.to_builtins(lws.status), status)
    return replace(lws, status=msgspec.convert(merged, LeaderWorkerSetStatus))


def condition(lws: LeaderWorkerSet, type_: str) -> tuple[str, str]:
    return next(((x.status, x.reason) for x in lws.status.conditions if x.type == type_), ("", ""))


def warnings(plan: StatusPlan) -> list[str]:
    then = plan.patch.then if plan.patch is not None else ()
    return [x.reason for x in then if isinstance(x, Record) and x.type == "Warning"]


def test_after_the_deadline_both_conditions_say_so_once() -> None:
    plan, lws = planned(a_deadline(), at=AT)
    assert (plan.left, condition(lws, c.PROGRESSING)[0]) == (60.0, "True")
    plan, lws = planned(lws, at=AT + 59)
    assert (plan.left, warnings(plan)) == (1.0, [])
    plan, lws = planned(lws, at=AT + 60)
    assert warnings(plan) == ["ProgressDeadlineExceeded"]
    assert condition(lws, c.PROGRESSING) == ("False", "ProgressDeadlineExceeded")
    assert condition(lws, c.STALLED) == ("True", "ProgressDeadlineExceeded")
    message = next(x.message for x in lws.status.conditions if x.type == c.STALLED)
    assert message.startswith("No progress within 60 s: 1 of 2 groups ready; group 1: ImagePull since ")
    plan, _ = planned(lws, at=AT + 600)
    assert plan.patch is None


def test_the_first_progress_clears_both() -> None:
    lws = planned(a_deadline(), at=AT, ready=0)[1]
    lws = planned(lws, at=AT + 90, ready=0)[1]
    plan, lws = planned(lws, at=AT + 100, ready=1)
    assert (condition(lws, c.PROGRESSING)[0], condition(lws, c.STALLED)[0]) == ("True", "False")
    assert (plan.left, warnings(plan)) == (60.0, [])
    lws = planned(lws, at=AT + 110, ready=2, readiness=NOTHING_TOLD)[1]
    assert condition(lws, c.AVAILABLE)[0] == "True"
    texts = {x.type: x.message for x in lws.status.conditions}
    assert texts[c.PROGRESSING] == "Replicas are progressing"


def test_an_edit_starts_the_clock_anew() -> None:
    lws = planned(a_deadline(), at=AT)[1]
    edited = replace(lws, metadata=replace(lws.metadata, generation=2))
    assert planned(edited, at=AT + 59)[0].left == 60.0


def test_probation_is_progress_until_it_is_over() -> None:
    """minReadySeconds may be more than the deadline: that begins when the last group has proven itself."""
    lws = replace(a_deadline(), spec=replace(a_deadline().spec, min_ready_seconds=600))
    leaders = [a_leader(x, ready=True) for x in range(2)]
    sets = tuple(a_worker_set(x) for x in leaders)
    times = {x.uid: rfc3339(AT + i) for i, x in enumerate(leaders)}
    observed = ObservedSet(lws, leaders=tuple(leaders), worker_sets=sets, ready_times=times)
    groups = with_stability(lws, groups_of(observed), times, at=AT + 1)
    for later, left in ((1, 660.0), (100, 561.0)):
        now = AT + later
        plan = plan_status(observed, groups, KEY, a_leader_set(), now=rfc3339(now), at=now)
        assert plan.left == left
        if plan.patch is not None:
            observed = replace(observed, lws=written(lws, plan.patch.status))


def test_another_process_goes_on_with_the_clock() -> None:
    lws = planned(a_deadline(), at=AT)[1]
    assert planned(lws, at=AT + 25, readiness=NOTHING_TOLD)[0].left == 35.0


@pytest.mark.parametrize("paused", [False, True], ids=["in-a-queue", "paused"])
def test_it_stands_still_while_the_groups_are_meant_to_wait(*, paused: bool) -> None:
    readiness = TOLD if paused else QUEUED
    annotations = {c.PAUSED_PARTITION_ANNOTATION: "0"} if paused else {}
    lws = a_deadline(annotations=annotations)
    for seconds in (0, 100, 1000):
        plan, lws = planned(lws, at=AT + seconds, readiness=readiness)
        assert (plan.left, warnings(plan)) == (None, [])


def test_once_they_are_let_go_the_whole_deadline_is_theirs() -> None:
    lws = planned(a_deadline(), at=AT, readiness=QUEUED)[1]
    plan, lws = planned(lws, at=AT + 1000, readiness=TOLD)
    assert plan.left == 60.0
    assert warnings(planned(lws, at=AT + 1060, readiness=TOLD)[0]) == ["ProgressDeadlineExceeded"]


def test_a_set_that_was_available_has_the_whole_deadline_when_a_group_goes() -> None:
    """However long ago its last progress was."""
    lws = planned(a_deadline(), at=AT, ready=2, readiness=NOTHING_TOLD)[1]
    later = AT + 100_000
    assert planned(lws, at=later, ready=2, readiness=NOTHING_TOLD)[0].patch is None
    plan, lws = planned(lws, at=later, ready=1, readiness=NOTHING_TOLD)
    assert (plan.left, warnings(plan), condition(lws, c.PROGRESSING)[0]) == (60.0, [], "True")
    plan, lws = planned(lws, at=later + 25)
    assert (plan.left, warnings(plan)) == (35.0, [])
    assert warnings(planned(lws, at=later + 60)[0]) == ["ProgressDeadlineExceeded"]


def test_what_the_server_refuses_comes_first() -> None:
    lws = planned(a_deadline(), at=AT)[1]
    observed = ObservedSet(lws, revisions=(a_revision(lws),))
    problems = SetProblems([Problem(c.REASON_LEADER_REFUSED, "no")])
    at = AT + 90
    plan = plan_status(
        observed, groups_of(observed), KEY, a_leader_set(), now=rfc3339(at), at=at, problems=problems
    )
    assert plan.patch is not None
    stalled = next(x for x in plan.patch.status["conditions"] if x["type"] == c.STALLED)
    assert stalled["reason"] == c.REASON_LEADER_REFUSED


def test_without_a_deadline_nothing_of_it_is_written() -> None:
    plan, lws = planned(a_deadline(None), at=AT, ready=2, readiness=NOTHING_TOLD)
    assert plan.patch is not None
    assert "lastProgressTime" not in plan.patch.status
    assert "groups" not in plan.patch.status
    lws = planned(lws, at=AT + 10_000, ready=1)[1]
    assert condition(lws, c.PROGRESSING)[0] == "True"
