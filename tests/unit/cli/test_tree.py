"""Everything that was made for a set, owner by owner."""

from __future__ import annotations

import re

from rich.console import Console
from support.cli import key_of, seen_of
from support.groups import a_set

from lws.api.timestamps import epoch
from lws.cli.drawing import age, count, elapsed, numbers
from lws.cli.observing import Seen
from lws.cli.treedrawing import Drawing, root_of
from lws.cli.treeviews import describe

FORMER = a_set(template={"restartPolicy": "None"})


def drawn(seen: Seen, *, wide: bool = False) -> list[str]:
    console = Console(width=400, markup=False)
    drawing = Drawing(epoch("2026-01-01T10:05:00Z"), True, wide)
    with console.capture() as captured:
        console.print(drawing.table([root_of(describe(seen, now=0.0), drawing)]))
    return [x.rstrip() for x in captured.get().splitlines()]


LWS = a_set(partition=1)
ROLLING = seen_of(LWS, former=FORMER, outdated=(0,), down=(1,), nodes={"test-sample-1-1": ""})
"""Group 1 is new and starting, group 0 is old; a worker has no node."""


def test_a_roll_half_way() -> None:
    new, old = key_of(LWS), key_of(FORMER)
    lines = drawn(ROLLING)
    assert [" ".join(x.split()) for x in lines] == [
        "NAME READY STATUS RESTARTS AGE INFO",
        f"leaderworkerset/default/test-sample 1/2 Pending 1/2 updated revision {new}",
        "└── statefulset/test-sample 0/2 partition 1",
        "├── group 0 2/2 Ready outdated",
        f"│ └── pod/test-sample-0 1/1 Running 0 revision {old}",
        "│ └── statefulset/test-sample-0 1/1",
        f"│ └── pod/test-sample-0-1 1/1 Running 0 revision {old}",
        "└── group 1 0/2 Starting its containers are being started",
        "└── pod/test-sample-1 0/1 Pending 0",
        "└── statefulset/test-sample-1 0/1",
        "└── pod/test-sample-1-1 0/1 Running 0 no node",
    ]
    column = lines[0].index("READY")
    assert [x[column : column + 3] for x in lines[1:4]] == ["1/2", "0/2", "2/2"]


def test_the_wide_tree_has_nodes_and_every_revision() -> None:
    head, *lines = drawn(ROLLING, wide=True)
    assert head.split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "REVISION", "NODE", "INFO"]
    (leader,) = [x for x in lines if "pod/test-sample-1 " in x]
    assert leader.split()[-2:] == [key_of(LWS), "n1"]
    assert lines[-1].endswith("<none>")


def test_what_keeps_a_group_down_is_told_of_it_and_cut() -> None:
    text = "0/8 nodes are available: " + "x" * 200
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": text}
    seen = seen_of(
        a_set(),
        down=(1,),
        statuses={
            "test-sample-1": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
            "test-sample-1-1": {"phase": "Pending", "conditions": [condition]},
        },
    )
    (group,) = [x for x in drawn(seen) if "group 1" in x]
    assert re.search(
        r"group 1 +1/2 +Unschedulable +test-sample-1-1: 0/8 nodes are available: x+\.\.\.$", group
    )
    (group,) = [x for x in drawn(seen, wide=True) if "group 1" in x]
    assert group.endswith(text)


def test_names_of_all_that_is_shown() -> None:
    assert describe(seen_of(a_set(replicas=1)), now=0.0).names == [
        "leaderworkerset.leaderworkerset.x-k8s.io/test-sample",
        "statefulset.apps/test-sample",
        "statefulset.apps/test-sample-0",
        "pod/test-sample-0",
        "pod/test-sample-0-1",
    ]


def test_a_set_of_which_nothing_was_made_yet() -> None:
    view = describe(Seen(a_set()), now=0.0)
    assert (view.ready, view.leader_stateful_set) == (0, None)
    assert [(x.index, x.leader, x.worker_stateful_set, x.workers) for x in view.groups] == [
        (0, None, None, []),
        (1, None, None, []),
    ]
    assert not any(x.outdated for x in view.groups), "what was never made is not old"


def test_workers_whose_leader_is_gone_are_shown_in_their_group() -> None:
    seen = seen_of(a_set())
    view = describe(seen._replace(pods=tuple(x for x in seen.pods if x.name != "test-sample-1")), now=0.0)
    assert view.groups[1].leader is None
    assert [x.name for x in view.groups[1].workers] == ["test-sample-1-1"]
    assert not view.groups[1].ready


def test_a_group_that_is_scaled_away_is_shown_as_long_as_it_is_there() -> None:
    seen = seen_of(a_set(replicas=2), replicas=3)
    smaller = seen_of(a_set(replicas=2), replicas=2)
    view = describe(seen._replace(stateful_sets=(*smaller.stateful_sets, *seen.stateful_sets[3:])), now=0.0)
    assert [x.index for x in view.groups] == [0, 1, 2]


def test_numbers_and_counts() -> None:
    assert numbers([5, 0, 1, 2, 7, 8]) == "0-2, 5, 7, 8"
    assert numbers([]) == ""
    assert [count(x, "group") for x in (0, 1, 2)] == ["0 groups", "1 group", "2 groups"]


def test_ages() -> None:
    seconds = (0, 119, 120, 150, 599, 600, 10799, 10800, 11100, 86400, 172800, 180000, 700000)
    assert [elapsed(x) for x in seconds] == [
        *("0s", "119s", "2m", "2m30s", "9m59s", "10m", "179m"),
        *("3h", "3h5m", "24h", "2d", "2d2h", "8d"),
    ]
    assert age("", 0.0) == ""
    assert age("2026-01-01T10:00:00Z", epoch("2026-01-01T10:05:00Z")) == "5m"
