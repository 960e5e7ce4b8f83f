"""How far a roll goes where the caches alone do not say."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.groups import a_leader, a_leader_set, a_set, a_worker_set

from lws.api import constants as c
from lws.api.workloads import Pod
from lws.controllers.rolling import roll_on
from lws.planning.groups import groups_of
from lws.planning.observed import ObservedSet
from lws.planning.revisions import plan_revision, template_of

FORMER = "former"


class Server:
    """Which groups it has that may be ready, and which of them it was asked for."""

    def __init__(self, *ready: int) -> None:
        self._ready = ready
        self.asked: list[int] = []

    def may_be_ready(self, _: ObservedSet, leader: Pod) -> bool:
        index = int(leader.labels[c.GROUP_INDEX_LABEL])
        self.asked.append(index)
        return index in self._ready


def partition(row: str, server: Server) -> int:
    """``o``: an outdated group that is ready, ``x``: one that is down. The window begins at the last."""
    lws = a_set(replicas=len(row))
    template = template_of(lws)
    leaders = [a_leader(i, key=FORMER, ready=x == "o") for i, x in enumerate(row)]
    worker_sets = [
        a_worker_set(x, key=FORMER, available=int(y == "o")) for x, y in zip(leaders, row, strict=True)
    ]
    one = a_leader_set(replicas=len(row), partition=len(row) - 1)
    labels, annotations = {c.REVISION_LABEL: template.key}, {c.REPLICAS_ANNOTATION: str(len(row))}
    one = replace(one, metadata=replace(one.metadata, labels=labels, annotations=annotations))
    observed = ObservedSet(lws, one, (), tuple(leaders), tuple(worker_sets))
    revision = replace(plan_revision(lws, None, [], template), changed=False)
    live: Any = server
    return roll_on(observed, groups_of(observed), revision, floor=0, live=live).partition


@pytest.mark.parametrize(
    ("row", "ready", "expected", "asked"),
    [
        pytest.param("oxxo", (), 1, [1, 2], id="down, as it seems"),
        pytest.param("oxxo", (2,), 3, [1, 2], id="one has become ready"),
        pytest.param("oxxo", (1, 2), 3, [1], id="both have"),
        pytest.param("oooo", (), 3, [], id="nothing is asked of a healthy roll"),
    ],
)
def test_groups_that_are_passed_for_being_down_are_looked_at_on_the_server(
    row: str, ready: tuple[int, ...], expected: int, asked: list[int]
) -> None:
    server = Server(*ready)
    assert partition(row, server) == expected
    assert server.asked == asked
