"""The shells of the readiness gate: who wants one, since when workers are not ready, the write."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.clocks import FakeClock
from support.groups import a_leader, a_set

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.controllers.children import GONE_RETRY
from lws.controllers.executor import Executor
from lws.controllers.lasting import LastingClock
from lws.controllers.outcomes import FOREIGN_RETRY, Outcome
from lws.kube.errors import Conflict, Forbidden, Invalid, KubeError, NotFound, Unavailable
from lws.leadergates import LeaderGates
from lws.objects import Key
from lws.planning.actions import Delete, PatchCondition
from lws.webhooks.errors import NotKnownError

PLAIN = a_set()
GATED = replace(PLAIN, spec=replace(PLAIN.spec, group_readiness=c.GROUP_READINESS_LEADER_GATE))
NONE = replace(PLAIN, spec=replace(PLAIN.spec, group_readiness=c.GROUP_READINESS_NONE))


class Sets:
    """A cache and a server; what is asked of the server is noted."""

    def __init__(self, cached: LeaderWorkerSet | None, stored: LeaderWorkerSet | KubeError) -> None:
        self.cached, self.stored = cached, stored
        self.asked = 0

    def cache(self) -> Any:
        return self

    def get(self, *args: Any) -> Any:
        if isinstance(args[0], Key):
            return self.cached
        self.asked += 1
        if isinstance(self.stored, KubeError):
            raise self.stored
        return self.stored


@pytest.mark.parametrize(
    ("cached", "stored", "wanted", "asked"),
    [
        (GATED, GATED, True, 0),
        (PLAIN, PLAIN, False, 0),
        (NONE, NONE, False, 0),
        (None, GATED, True, 1),
        (None, PLAIN, False, 1),
        (None, NotFound(404), False, 1),
    ],
)
def test_the_cache_answers_and_the_server_for_what_it_lacks(
    cached: LeaderWorkerSet | None, stored: LeaderWorkerSet | KubeError, wanted: bool, asked: int
) -> None:
    sets: Any = Sets(cached, stored)
    assert LeaderGates(sets, sets)("default", PLAIN.name) is wanted
    assert sets.asked == asked


def test_a_server_that_does_not_answer_is_no_answer() -> None:
    sets: Any = Sets(None, Unavailable(503))
    with pytest.raises(NotKnownError, match="cannot read LeaderWorkerSet default/test-sample"):
        LeaderGates(sets, sets)("default", "test-sample")


def test_the_time_runs_from_the_first_look_that_saw_it() -> None:
    clock = FakeClock()
    unready = LastingClock(clock)
    assert unready.seconds("a", so=True) == 0.0
    clock.advance(1.5)
    assert unready.seconds("a", so=True) == 1.5
    assert unready.seconds("b", so=True) == 0.0
    assert unready.seconds("a", so=False) == 0.0
    clock.advance(1.0)
    assert unready.seconds("a", so=True) == 0.0


def test_the_time_until_it_has_lasted() -> None:
    clock = FakeClock()
    unready = LastingClock(clock)
    assert unready.until("a", 2.0) is None
    unready.seconds("a", so=True)
    clock.advance(1.5)
    assert unready.until("a", 2.0) == 0.5
    clock.advance(0.5)
    assert unready.until("a", 2.0) is None


LEADER = a_leader(0)
CONDITION = {"type": c.GROUP_READY_GATE, "status": "True", "reason": "GroupReady"}
OPEN = PatchCondition("Pod", LEADER.key, LEADER.uid, CONDITION)


class Pods:
    """Takes patches and deletes, or refuses patches."""

    def __init__(self, error: KubeError | None = None) -> None:
        self.error = error
        self.sent: list[tuple[Any, ...]] = []
        self.observed: list[Any] = []
        client: Any = self
        informers: Any = {"Pod": self}
        recorder: Any = None
        self.executor = Executor(client, informers, recorder, hand_over=lambda _: None)

    def merge_patch(self, resource: Any, _type: Any, name: str, patch: Any, **how: Any) -> Any:
        self.sent.append((resource.plural, name, patch, how))
        if self.error is not None:
            raise self.error
        return LEADER

    def delete(self, resource: Any, _type: Any, name: str, **_: Any) -> None:
        self.sent.append(("delete", name))

    def observe_write(self, pod: Any) -> None:
        self.observed.append(pod)


def test_a_condition_is_of_that_very_pod_and_leaves_the_kubelet_s() -> None:
    pods = Pods()
    assert pods.executor.run([OPEN]) == Outcome()
    ((plural, name, patch, how),) = pods.sent
    assert (plural, name) == ("pods", LEADER.name)
    assert patch == {"metadata": {"uid": LEADER.uid}, "status": {"conditions": [CONDITION]}}
    assert how == {"namespace": LEADER.namespace, "subresource": "status", "strategic": True}
    assert pods.observed == [LEADER]


@pytest.mark.parametrize(
    "error",
    [NotFound(404), Invalid(422, message="Pod is invalid: metadata.uid: field is immutable")],
)
def test_a_pod_that_is_gone_needs_none(error: KubeError) -> None:
    assert Pods(error).executor.run([OPEN]) == Outcome()


def test_a_conflict_is_looked_at_again_for_nothing_else_need_happen() -> None:
    assert Pods(Conflict(409)).executor.run([OPEN]) == Outcome(GONE_RETRY)


def test_a_refusal_is_told_and_what_follows_goes_on() -> None:
    """Without the right to write it, a group that failed is recreated all the same."""
    pods = Pods(Forbidden(403, message="no"))
    outcome = pods.executor.run([OPEN, Delete("Pod", LEADER.key, LEADER.uid)])
    assert outcome.requeue == FOREIGN_RETRY
    assert [x.reason for x in outcome.problems] == [c.REASON_GATE_REFUSED]
    assert pods.sent[-1] == ("delete", LEADER.name)


def test_a_server_that_is_away_is_tried_again() -> None:
    with pytest.raises(Unavailable):
        Pods(Unavailable(503)).executor.run([OPEN])
