"""Everything that was made for a set, owner by owner."""

from __future__ import annotations

from rich.console import Console
from support.cli import key_of, seen_of
from support.groups import a_set

from lws.cli.drawing import count, numbers
from lws.cli.observing import Seen
from lws.cli.tree import describe, draw

FORMER = a_set(template={"restartPolicy": "None"})


def drawn(seen: Seen) -> list[str]:
    console = Console(width=200, markup=False)
    with console.capture() as captured:
        console.print(draw(describe(seen), namespaced=True))
    return captured.get().splitlines()


def test_a_roll_half_way() -> None:
    """Group 1 is new and starting, group 0 is old; a worker has no node."""
    lws = a_set(partition=1)
    new, old = key_of(lws), key_of(FORMER)
    seen = seen_of(lws, former=FORMER, outdated=(0,), down=(1,), nodes={"test-sample-1-1": ""})
    assert drawn(seen) == [
        f"leaderworkerset/default/test-sample  1/2 groups ready  1/2 updated  revision {new}",
        "└── statefulset/test-sample  0/2 available  partition 1",
        "    ├── group 0  ready  outdated",
        f"    │   └── pod/test-sample-0  Running  ready  revision {old}  node n1",
        "    │       └── statefulset/test-sample-0  1/1 available",
        f"    │           └── pod/test-sample-0-1  Running  ready  revision {old}  node n1",
        "    └── group 1  not ready",
        f"        └── pod/test-sample-1  Pending  not ready  revision {new}  node n1",
        "            └── statefulset/test-sample-1  0/1 available",
        f"                └── pod/test-sample-1-1  Running  not ready  revision {new}  no node",
    ]


def test_a_set_of_which_nothing_was_made_yet() -> None:
    view = describe(Seen(a_set()))
    assert (view.ready, view.leader_stateful_set) == (0, None)
    assert [(x.index, x.leader, x.worker_stateful_set, x.workers) for x in view.groups] == [
        (0, None, None, []),
        (1, None, None, []),
    ]


def test_workers_whose_leader_is_gone_are_shown_in_their_group() -> None:
    seen = seen_of(a_set())
    view = describe(seen._replace(pods=tuple(x for x in seen.pods if x.name != "test-sample-1")))
    assert view.groups[1].leader is None
    assert [x.name for x in view.groups[1].workers] == ["test-sample-1-1"]
    assert not view.groups[1].ready


def test_a_group_that_is_scaled_away_is_shown_as_long_as_it_is_there() -> None:
    seen = seen_of(a_set(replicas=2), replicas=3)
    smaller = seen_of(a_set(replicas=2), replicas=2)
    view = describe(seen._replace(stateful_sets=(*smaller.stateful_sets, *seen.stateful_sets[3:])))
    assert [x.index for x in view.groups] == [0, 1, 2]


def test_numbers_and_counts() -> None:
    assert numbers([5, 0, 1, 2, 7, 8]) == "0-2, 5, 7, 8"
    assert numbers([]) == ""
    assert [count(x, "group") for x in (0, 1, 2)] == ["0 groups", "1 group", "2 groups"]
