"""What was seen of a set: its groups are counted once, for every command that tells how many there are."""

from __future__ import annotations

import pytest
from support.cli import conditions, scaled_down, seen_of
from support.groups import a_set

from lws.cli import status, treeviews, why
from lws.cli.observing import Seen

FORMER = a_set(template={"restartPolicy": "None"})
KNOWN = conditions(a_set())


@pytest.mark.parametrize(
    ("seen", "serving", "updated", "told"),
    [
        pytest.param(seen_of(KNOWN, down=(0,)), 1, 2, "1 of 2 groups ready", id="plain"),
        pytest.param(
            seen_of(KNOWN, former=FORMER, outdated=(0, 1), down=(1,), replicas=3),
            2,
            0,
            "2 of 2 groups ready, 1 of them surge",
            id="surge",
        ),
        pytest.param(
            seen_of(KNOWN, former=FORMER, outdated=(0, 1), down=(2,), replicas=3),
            2,
            0,
            "2 of 2 groups ready, 1 surge not yet",
            id="surge-not-yet",
        ),
        pytest.param(
            scaled_down(seen_of(KNOWN, replicas=3)), 2, 2, "2 of 2 groups ready, 1 to go", id="to-go"
        ),
    ],
)
def test_status_why_and_tree_count_alike(seen: Seen, serving: int, updated: int, told: str) -> None:
    tree, far = treeviews.describe(seen, now=0.0), status.describe(seen)
    ready, to_go, _ = told.partition(", 1 to go")
    assert (tree.ready, far.ready + far.surge_ready) == (serving, serving)
    assert (tree.updated, far.updated) == (updated, updated)
    assert far.message.endswith(told)
    assert why.describe(seen, {}, now=0.0).summary == f"{ready}, {updated} updated{to_go}"
