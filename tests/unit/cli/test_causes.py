"""Why a set is not ready or not up to date: one table of situations, one finding for each."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.cli import a_pod, conditions, key_of, seen_of
from support.groups import NAME, a_set

from lws.api import constants as c
from lws.api.timestamps import epoch
from lws.api.workloads import ReadinessGate
from lws.cli.causes import Events
from lws.cli.kinds import Event
from lws.cli.observing import Seen
from lws.cli.pause import HELD
from lws.cli.podcauses import Cause
from lws.cli.why import describe, draw
from lws.objects import ObjectMeta

NOW = epoch("2026-01-01T01:00:00Z")
FORMER = a_set(template={"restartPolicy": "None"})
NO_NODE = {
    "phase": "Pending",
    "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}],
}
UNREADY: dict[str, Any] = {"phase": "Running"}


def known(**members: Any) -> Any:
    """A set whose present spec the controller has seen."""
    return conditions(a_set(**members))


def why(seen: Seen, events: Events | None = None) -> list[Cause]:
    return describe(seen, events or {}, now=NOW).causes


def facts(causes: list[Cause]) -> list[tuple[str, int | None, str]]:
    return [(x.reason, x.group, x.pod) for x in causes]


def failure(message: str, reason: str = "FailedCreate", time: str = "2026-01-01T00:00:00Z") -> Event:
    return Event(ObjectMeta(name="e"), type="Warning", reason=reason, message=message, last_timestamp=time)


def without_worker_set(seen: Seen, index: int) -> Seen:
    """That group has a leader and nothing else."""
    name = f"test-sample-{index}"
    return seen._replace(
        stateful_sets=tuple(x for x in seen.stateful_sets if x.name != name),
        pods=tuple(x for x in seen.pods if not x.name.startswith(f"{name}-")),
    )


def entry(**members: Any) -> Any:
    """What the status records of group 0, about its present leader."""
    lws = a_set()
    stored = {"leader": "uid-test-sample-0", "revision": key_of(lws), **members}
    return conditions(a_set(status={"groups": {"0": stored}}))


def test_nothing_is_wrong() -> None:
    view = describe(seen_of(known()), {}, now=NOW)
    assert (view.ready, view.causes, view.summary) == (True, [], "2 of 2 groups ready, 2 updated")


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        pytest.param(seen_of(known(), down=(1,)), [("Starting", 1, "test-sample-1")], id="starting"),
        pytest.param(
            seen_of(known(), down=(1,), statuses={"test-sample-1-1": NO_NODE, "test-sample-1": UNREADY}),
            [("NotReady", 1, "test-sample-1")],
            id="the-leader-comes-first",
        ),
        pytest.param(seen_of(known(), missing=(0,)), [("NoLeader", 0, "")], id="no-leader"),
        pytest.param(
            without_worker_set(seen_of(known()), 1), [("NoWorkers", 1, "test-sample-1")], id="no-workers"
        ),
        pytest.param(
            seen_of(conditions(a_set(partition=1)), former=FORMER, outdated=(0,)),
            [("Partition", None, "")],
            id="partition",
        ),
        pytest.param(
            seen_of(known(), former=FORMER, outdated=(0,), down=(1,)),
            [("Starting", 1, "test-sample-1"), ("Updating", None, "")],
            id="a-roll-waits-for-a-group",
        ),
        pytest.param(
            seen_of(
                conditions(
                    a_set(partition=HELD, metadata={"annotations": {c.PAUSED_PARTITION_ANNOTATION: "0"}})
                ),
                former=FORMER,
                outdated=(0,),
            ),
            [("Paused", None, "")],
            id="paused",
        ),
        pytest.param(
            seen_of(entry(failed=True, restarts=3)), [("Failed", 0, "test-sample-0")], id="failed-but-up"
        ),
        pytest.param(
            seen_of(entry(backoffUntil="2026-01-01T01:00:20Z", restarts=2), down=(0,)),
            [("BackOff", 0, "test-sample-0")],
            id="back-off",
        ),
        pytest.param(
            seen_of(entry(backoffUntil="2026-01-01T00:00:20Z", restarts=2)), [], id="a-back-off-that-is-over"
        ),
        pytest.param(
            seen_of(conditions(a_set(), **{c.STALLED: "spec: Forbidden"})),
            [("Stalled", None, "")],
            id="stalled",
        ),
        pytest.param(
            seen_of(a_set()), [("ControllerBehind", None, "")], id="upstream-or-a-controller-that-is-down"
        ),
    ],
)
def test_each_situation_is_named(seen: Seen, wanted: list[tuple[str, int | None, str]]) -> None:
    assert facts(why(seen)) == wanted


def exclusive(**members: Any) -> Any:
    """The set, with pods that ask for a rack of their own."""
    seen = without_worker_set(seen_of(known(**members), down=(0,), nodes={"test-sample-0": ""}), 0)
    asked = {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: "rack"}
    pods = (replace(x, metadata=replace(x.metadata, annotations=asked)) for x in seen.pods)
    return seen._replace(pods=tuple(pods))


@pytest.mark.parametrize(
    ("seen", "ending"),
    [
        pytest.param(
            without_worker_set(seen_of(known(startup=c.STARTUP_LEADER_READY), down=(0,)), 0),
            "; its workers are created once it is ready",
            id="leader-ready",
        ),
        pytest.param(
            exclusive(),
            "; its workers are created once it has a node, beside which they are placed",
            id="exclusive",
        ),
        pytest.param(
            without_worker_set(seen_of(known(), down=(0,)), 0), "being started", id="leader-created"
        ),
        pytest.param(
            seen_of(known(size=1, startup=c.STARTUP_LEADER_READY), down=(0,)), "started", id="no-workers"
        ),
    ],
)
def test_what_a_leader_keeps_waiting(seen: Seen, ending: str) -> None:
    cause = why(seen)[0]
    assert (cause.group, cause.pod) == (0, "test-sample-0")
    assert cause.message.endswith(ending)


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("Error creating: failed calling webhook mpod: refused", "the webhook does not answer"),
        ("pods is forbidden: exceeded quota: two", "raise the ResourceQuota"),
        (
            'Pod "x" is invalid: metadata.labels: Invalid value: "x-1b": must be no more than 63 bytes',
            "the name is too long",
        ),
        ("no room", ""),
    ],
)
def test_what_cannot_be_created(message: str, advice: str) -> None:
    """The newest event of the leader StatefulSet counts."""
    events = {"uid-leader-set": [failure("an older one"), failure(f"{message}\n")]}
    told = why(seen_of(known(), missing=(1,)), events)
    assert facts(told) == [("FailedCreate", None, ""), ("NoLeader", 1, "")]
    assert told[0].message == message
    assert told[0].advice.startswith(advice)
    assert bool(told[0].advice) == bool(advice)


def test_a_controller_that_cannot_act_says_why() -> None:
    (cause,) = why(
        seen_of(a_set()), {"uid-set": [failure("Failed to update leader statefulset: no", "FailedUpdate")]}
    )
    assert cause.reason == "FailedUpdate"
    assert cause.message.startswith("the controller has not acted on the present spec (generation 1")
    assert cause.message.endswith("; Failed to update leader statefulset: no")


def test_a_group_that_hangs_says_how_it_is_recreated() -> None:
    told = why(seen_of(known(), down=(1,), statuses={"test-sample-1": UNREADY}))
    assert [(x.reason, x.group, x.advice) for x in told] == [
        ("NotReady", 1, "if it hangs, run 'kubectl lws restart test-sample 1'")
    ]


@pytest.mark.parametrize(
    "reason",
    [
        c.REASON_NODE_MISSING,
        c.REASON_NODE_UNLABELLED,
        c.REASON_REVISION_MISSING,
        c.REASON_REVISION_UNREADABLE,
    ],
)
def test_a_group_that_only_a_new_leader_helps_says_how_to_get_one(reason: str) -> None:
    lws = conditions(a_set(), Stalled="groups 1: no")
    stalled = tuple(replace(x, reason=reason) for x in lws.status.conditions)
    (cause,) = why(seen_of(replace(lws, status=replace(lws.status, conditions=stalled))))
    assert cause.advice.endswith(": 'kubectl lws restart test-sample GROUP'")


def test_no_leader_stateful_set() -> None:
    nothing = Seen(known())
    assert facts(why(nothing)) == [("NoStatefulSet", None, ""), ("NoLeader", 0, ""), ("NoLeader", 1, "")]
    told = why(nothing, {"uid-set": [failure("Failed to create leader statefulset test-sample: denied")]})
    assert (told[0].reason, told[0].message) == (
        "FailedCreate",
        "Failed to create leader statefulset test-sample: denied",
    )


def test_a_worker_set_that_cannot_be_created_is_told_for_its_leader() -> None:
    events = {
        "uid-set": [failure("Failed to create worker statefulset for leader pod test-sample-1: denied")]
    }
    told = why(without_worker_set(without_worker_set(seen_of(known()), 0), 1), events)
    assert facts(told) == [("NoWorkers", 0, "test-sample-0"), ("FailedCreate", 1, "test-sample-1")]


def test_workers_that_cannot_be_created() -> None:
    whole = seen_of(known())
    seen = whole._replace(pods=tuple(x for x in whole.pods if x.name != "test-sample-0-1"))
    down = seen_of(known(), down=(0,)).stateful_sets
    seen = seen._replace(stateful_sets=down)
    assert facts(why(seen)) == [("CreatingWorkers", 0, "")]
    assert facts(why(seen, {"set-uid-test-sample-0": [failure("no")]})) == [("FailedCreate", 0, "")]


def test_a_failed_group_says_how_to_go_on_and_what_its_pod_says() -> None:
    (cause,) = why(seen_of(entry(failed=True, restarts=3), down=(0,), statuses={"test-sample-0-1": NO_NODE}))
    assert cause.message == ("left failed after 3 recreations in a row; its containers are being started")
    assert cause.advice.endswith("'kubectl lws restart test-sample 0'")


@pytest.mark.parametrize(
    ("record", "notes", "ending"),
    [
        pytest.param({"restarts": 1, "restarting": True}, (), "; recreated once", id="first"),
        pytest.param(
            {"restarts": 3},
            (
                "Worker pod a failed, recreating group 1 in 9 seconds",
                "Worker pod b failed, recreating group 0 in 9 s",
            ),
            "; recreated 3 times in a row, as worker pod b failed",
            id="again",
        ),
        pytest.param(
            {"restarts": 3, "readyTime": "2026-01-01T00:00:00Z"}, (), "being started", id="was-ready"
        ),
        pytest.param({}, (), "being started", id="never"),
    ],
)
def test_a_group_between_two_crashes_says_so(record: Any, notes: tuple[str, ...], ending: str) -> None:
    events = {"uid-set": [failure(x, c.REASON_RECREATE_BACK_OFF) for x in notes]}
    (cause,) = why(seen_of(entry(**record), down=(0,)), events)
    assert (cause.reason, cause.pod) == ("Starting", "test-sample-0")
    assert cause.message.endswith(ending)
    without = seen_of(entry(**record), missing=(0,))
    assert [x.message.endswith(ending) for x in why(without, events)] == ["recreated" in ending]


@pytest.mark.parametrize(
    ("seconds", "since", "message"),
    [
        pytest.param(
            90,
            "2026-01-01T00:59:00.000000Z",
            "is ready, and counts in 30s: minReadySeconds is 90",
            id="young",
        ),
        pytest.param(60, "2026-01-01T00:59:00.000000Z", None, id="over"),
        pytest.param(None, "2026-01-01T00:59:00.000000Z", None, id="not-asked-for"),
        pytest.param(90, "", None, id="not-recorded-yet"),
    ],
)
def test_a_group_that_has_to_be_ready_for_longer(
    seconds: int | None, since: str, message: str | None
) -> None:
    lws = entry(readySince=since)
    lws = replace(lws, spec=replace(lws.spec, min_ready_seconds=seconds))
    found = [x.message for x in why(seen_of(lws)) if x.reason == "MinReadySeconds"]
    assert found == ([message] if message else [])


def test_a_leader_that_only_its_workers_keep_from_traffic_is_not_the_cause() -> None:
    seen = seen_of(known(), down=(1,))
    status = {"phase": "Running", "conditions": [{"type": "ContainersReady", "status": "True"}]}
    gate = (ReadinessGate(c.GROUP_READY_GATE),)
    pods = []
    for pod in seen.pods:
        gated = pod.name == f"{NAME}-1"
        one = a_pod(pod, status=status) if gated else pod
        pods.append(replace(one, spec=replace(one.spec, readiness_gates=gate)) if gated else one)
    assert [x.pod for x in why(seen._replace(pods=tuple(pods)))] == [f"{NAME}-1-1"]


def test_a_set_of_single_pods_has_no_workers_to_miss() -> None:
    assert why(seen_of(known(size=1))) == []


def test_the_drawing_names_group_and_pod() -> None:
    from rich.console import Console  # noqa: PLC0415

    view = describe(seen_of(known(), down=(1,)), {}, now=NOW)
    console = Console(width=200, markup=False)
    with console.capture() as captured:
        console.print(draw(view, namespaced=True))
    assert captured.get() == (
        "leaderworkerset/default/test-sample  1 of 2 groups ready, 2 updated\n"
        "  group 1  pod/test-sample-1  Starting  its containers are being started\n"
    )


def test_a_passed_deadline_is_told_once() -> None:
    """What it goes on with is found of the group itself."""
    message = "No progress within 30 s: 1 of 2 groups ready; group 1: Unschedulable since T: pod x: no node"
    lws = conditions(a_set(), Stalled=message)
    late = tuple(replace(x, reason=c.REASON_DEADLINE_EXCEEDED) for x in lws.status.conditions)
    seen = seen_of(replace(lws, status=replace(lws.status, conditions=late)), down=(1,))
    causes = describe(seen, {}, now=0.0).causes
    assert [(x.reason, x.message) for x in causes[:1]] == [("Stalled", "No progress within 30 s")]
    assert [(x.reason, x.group) for x in causes[1:]] == [("Starting", 1)]


def test_refused_pods_that_the_set_tells_of_are_told_once() -> None:
    lws = conditions(a_set(), Stalled="Pods are refused: pods is forbidden: exceeded quota: two")
    refused = tuple(replace(x, reason=c.REASON_PODS_REFUSED) for x in lws.status.conditions)
    seen = seen_of(replace(lws, status=replace(lws.status, conditions=refused)), missing=(1,))
    told = why(seen, {"uid-leader-set": [failure("pods is forbidden: exceeded quota: two")]})
    assert facts(told) == [("Stalled", None, ""), ("NoLeader", 1, "")]
    assert told[0].advice.startswith("raise the ResourceQuota")


@pytest.mark.parametrize(("finalizers", "held"), [((), ""), (("x.y/z",), "; it is held by x.y/z")])
def test_a_set_that_is_deleted_is_held_by_its_finalizers(finalizers: tuple[str, ...], held: str) -> None:
    """Its deletion is a generation of its own, which no controller acts on: none is behind."""
    gone = a_set(metadata={"generation": 2, "deletionTimestamp": "2026-01-01T00:59:00Z"})
    gone = replace(gone, metadata=replace(gone.metadata, finalizers=finalizers))
    told = why(seen_of(gone))
    assert told[0].message == f"the set is being deleted{held}"
    assert "ControllerBehind" not in {x.reason for x in told}
