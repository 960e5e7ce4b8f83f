"""How far a set is: the line that is shown, and whether a wait is over."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.cli import conditions, key_of, scaled_down, seen_of
from support.groups import a_set

from lws.api import constants as c
from lws.api.workloads import ReadinessGate
from lws.cli.observing import Seen
from lws.cli.pause import HELD
from lws.cli.status import StatusView, describe, draw, draw_gates, draw_in_place

FORMER = a_set(template={"restartPolicy": "None"})
AVAILABLE = {c.AVAILABLE: "All replicas are ready"}
GOING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
PAUSED = {"annotations": {c.PAUSED_PARTITION_ANNOTATION: "0"}}


def known(held: dict[str, str] | None = None, **members: Any) -> Any:
    return conditions(a_set(**members), **(held or {}))


def failed(**seen: Any) -> Seen:
    """Group 0 was given up by its leader's present revision."""
    lws = a_set()
    key = key_of(FORMER if seen else lws)
    entry = {"leader": "uid-test-sample-0", "revision": key, "failed": True}
    marked = a_set(status={"groups": {"0": entry}}, partition=seen.pop("held", 0))
    return seen_of(conditions(marked, Failed="Left failed: groups 0"), down=(0,), **seen)


@pytest.mark.parametrize(
    ("seen", "done", "message"),
    [
        pytest.param(
            seen_of(known(AVAILABLE)), True, "successfully rolled out: 2 groups updated and ready", id="done"
        ),
        pytest.param(
            seen_of(a_set()), False, "waiting for the controller to see the present spec", id="not-seen"
        ),
        pytest.param(seen_of(known(), down=(0,)), False, "waiting: 1 of 2 groups ready", id="starting"),
        pytest.param(
            seen_of(known(), former=FORMER, outdated=(0,), down=(1,)),
            False,
            "waiting: 1 of 2 groups updated, 1 of 2 groups ready",
            id="rolling",
        ),
        pytest.param(
            seen_of(known(), former=FORMER, outdated=(0, 1), replicas=3),
            False,
            "waiting: 0 of 2 groups updated, 3 of 2 groups ready, 1 of them surge",
            id="surge",
        ),
        pytest.param(
            scaled_down(seen_of(known(), replicas=3)),
            False,
            "waiting: 2 of 2 groups ready, 1 to go",
            id="scaled-down",
        ),
        pytest.param(
            scaled_down(seen_of(known(AVAILABLE, replicas=0), replicas=2)),
            True,
            "successfully rolled out: 0 groups updated and ready, 2 to go",
            id="scaled-to-none",
        ),
        pytest.param(
            seen_of(known(AVAILABLE, metadata=GOING), missing=(1,)),
            False,
            "being deleted: 1 group left",
            id="being-deleted",
        ),
        pytest.param(
            seen_of(known(AVAILABLE, partition=1), former=FORMER, outdated=(0,)),
            True,
            "rolled out as far as it may: 1 of 2 groups updated, 1 held back by partition 1",
            id="partition",
        ),
        pytest.param(
            seen_of(known(AVAILABLE, partition=HELD, metadata=PAUSED), former=FORMER, outdated=(0,)),
            True,
            "paused: 1 of 2 groups updated, all ready",
            id="paused",
        ),
        pytest.param(
            seen_of(known(partition=HELD, metadata=PAUSED), former=FORMER, outdated=(0,), down=(1,)),
            False,
            "paused: 1 of 2 groups updated, 1 of 2 groups ready",
            id="paused-with-a-group-down",
        ),
        pytest.param(
            seen_of(known(AVAILABLE, partition=1)),
            True,
            "successfully rolled out: 2 groups updated and ready",
            id="nothing-held-back",
        ),
    ],
)
def test_what_is_said(seen: Seen, done: bool, message: str) -> None:
    view = describe(seen)
    assert (view.done, view.failed, view.message) == (done, False, message)
    assert str(draw(view)) == f'leaderworkerset "test-sample" {message}'


def test_an_answer_about_a_former_spec_ends_no_wait() -> None:
    """The status of the moment after an edit is about the spec before it."""
    before = known(AVAILABLE)
    edited = replace(before, metadata=replace(before.metadata, generation=2))
    assert describe(seen_of(before)).done
    assert not describe(seen_of(edited)).done


@pytest.mark.parametrize(
    ("seen", "ends"),
    [
        pytest.param(seen_of(known({c.STALLED: "refused"})), True, id="stalled"),
        pytest.param(failed(), True, id="given-up"),
        pytest.param(failed(former=FORMER, outdated=(0,)), False, id="about-to-be-replaced"),
        pytest.param(failed(former=FORMER, outdated=(0,), held=1), True, id="held-back-by-the-partition"),
        pytest.param(seen_of(known({c.FAILED: "Left failed"}), down=(0,)), True, id="no-records"),
    ],
)
def test_what_cannot_be_ends_a_wait(seen: Seen, ends: bool) -> None:
    assert describe(seen).failed == ends


def test_leaders_with_a_gate_are_told() -> None:
    """beyond.md, 5.4: who leaves for another controller has to know of them."""
    seen = seen_of(known(AVAILABLE))
    assert str(draw_gates(describe(seen))) == ""
    gate = (ReadinessGate(c.GROUP_READY_GATE),)
    leaders = tuple(
        replace(x, spec=replace(x.spec, readiness_gates=gate)) if x.labels[c.WORKER_INDEX_LABEL] == "0" else x
        for x in seen.pods
    )
    told = describe(seen._replace(pods=leaders))
    assert told.gated_leaders == [0, 1]
    assert str(draw_gates(told)) == "\n  2 leaders with a readiness gate: groups 0, 1"


def test_groups_updated_in_place_are_told_before_a_change_over() -> None:
    """beyond.md, 1.5.17: by what their StatefulSets, or leaders without workers, carry."""

    def marked(text: str, **spec: int) -> StatusView:
        seen = seen_of(a_set(replicas=2, **spec))
        annotated = {c.IN_PLACE_ANNOTATION: text}
        sets = tuple(
            replace(x, metadata=replace(x.metadata, annotations=annotated)) if x.name.endswith("-1") else x
            for x in seen.stateful_sets
        )
        pods = tuple(
            replace(x, metadata=replace(x.metadata, annotations=annotated)) if x.name.endswith("-1") else x
            for x in seen.pods
        )
        return describe(seen._replace(stateful_sets=sets, pods=pods))

    settled = '{"to": "x", "settled": true, "counts": "0=1"}'
    for spec in ({"size": 2}, {"size": 1}):
        told = marked(settled, **spec)
        assert (told.updating_in_place, told.updated_in_place) == ([], [1])
        line = "1 group updated in place, which upstream would recreate at once: 1"
        assert line in str(draw_in_place(told))
    told = marked('{"to": "x"}')
    assert (told.updating_in_place, told.updated_in_place) == ([1], [])
    assert "1 group being updated in place" in str(draw_in_place(told))
    assert str(draw_in_place(marked("{}"))) == ""


def test_a_set_that_cannot_go_on_is_called_stalled() -> None:
    view = describe(seen_of(conditions(a_set(), Stalled="No progress within 30 s: 1 of 2 groups ready")))
    assert view.failed
    assert view.message == "stalled: No progress within 30 s: 1 of 2 groups ready"
